//! The far end of a cable that leads out of the simulation: frames in place of symbols.

use super::frame::Frame;
use super::gmii::{Gmii, GmiiDecoder, GmiiEncoder};

/// Clocks between two looks for frames from outside: what a look costs is a system call.
const LOOK: u64 = 32;
/// Frames taken ahead of the cable; more wait outside, where there is a queue already.
const AHEAD: usize = 2;

/// A network outside of the simulation. Frames run from the destination address to the last octet before the FCS, 802.1Q
/// tag included.
pub trait Outside: Send {
    /// Sends a frame. One that there is no room for is lost.
    ///
    /// # Errors
    /// If no frame will ever be sent again.
    fn send(&mut self, body: &[u8]) -> Result<(), String>;

    /// The next frame that has come, if there is one; does not wait.
    ///
    /// # Errors
    /// If none will ever come again.
    fn receive(&mut self) -> Result<Option<Vec<u8>>, String>;
}

/// A port that hands frames over to an [`Outside`].
///
/// As any port it takes only good frames, and keeps those to itself that no bridge forwards (PAUSE and other link-local
/// ones), in both directions. A frame leaves when it is whole; in between passes real time, which nobody counts.
pub struct Uplink {
    outside: Box<dyn Outside>,
    decoder: GmiiDecoder,
    encoder: GmiiEncoder,
    clock: u64,
    error: Option<String>,
}

impl Uplink {
    /// A port with nothing on its way.
    pub fn new(outside: Box<dyn Outside>) -> Self {
        Uplink { outside, decoder: GmiiDecoder::default(), encoder: GmiiEncoder::new(), clock: 0, error: None }
    }

    /// Takes the symbol that comes out of the cable in this clock; gives the one that goes into it.
    pub fn clock(&mut self, symbol: Gmii) -> Gmii {
        if let Some(received) = self.decoder.clock(symbol) {
            if received.is_good() && !received.frame.is_link_local() {
                self.error = self.outside.send(received.frame.body()).err().or(self.error.take());
            }
        }
        if self.clock % LOOK == 0 {
            while self.encoder.queued() < AHEAD {
                match self.outside.receive() {
                    Ok(Some(body)) => {
                        let frame = Frame::new(body);
                        if !frame.is_link_local() {
                            self.encoder.send(&frame);
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.error = Some(error);
                        break;
                    }
                }
            }
        }
        self.clock += 1;
        self.encoder.clock()
    }

    /// What went wrong outside since the last call.
    pub fn take_error(&mut self) -> Option<String> {
        self.error.take()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Default)]
    struct Queues {
        sent: Vec<Vec<u8>>,
        coming: VecDeque<Vec<u8>>,
        gone: bool,
    }

    /// An outside that the test looks into.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Queues>>);

    impl Outside for Pipe {
        fn send(&mut self, body: &[u8]) -> Result<(), String> {
            self.0.lock().unwrap().sent.push(body.to_vec());
            Ok(())
        }

        fn receive(&mut self) -> Result<Option<Vec<u8>>, String> {
            let mut pipe = self.0.lock().unwrap();
            if pipe.gone {
                return Err("gone".into());
            }
            Ok(pipe.coming.pop_front())
        }
    }

    fn frame(number: u8, len: usize) -> Frame {
        Frame::build([2; 6], [4; 6], None, 0x88b5, &vec![number; len])
    }

    #[test]
    fn good_frames_pass_without_fcs_and_others_end_here() {
        let pipe = Pipe::default();
        let mut uplink = Uplink::new(Box::new(pipe.clone()));
        let mut station = GmiiEncoder::new();
        let mut bad = frame(2, 100);
        bad.bytes[50] ^= 1;
        for frame in [&frame(1, 100), &bad, &Frame::pause([4; 6], 9), &frame(3, 1500)] {
            station.send(frame);
        }
        pipe.0
            .lock()
            .unwrap()
            .coming
            .extend([frame(5, 1500), Frame::pause([4; 6], 9), frame(6, 1)].map(|f| f.body().to_vec()));
        let mut ear = GmiiDecoder::default();
        let mut heard = Vec::new();
        for _ in 0..4000 {
            heard.extend(ear.clock(uplink.clock(station.clock())).map(|received| (received.is_good(), received.frame)));
        }
        assert_eq!(pipe.0.lock().unwrap().sent, [frame(1, 100), frame(3, 1500)].map(|f| f.body().to_vec()));
        assert_eq!(heard, [(true, frame(5, 1500)), (true, frame(6, 1))]);
    }

    #[test]
    fn more_frames_than_the_cable_takes_wait_outside() {
        let pipe = Pipe::default();
        let mut uplink = Uplink::new(Box::new(pipe.clone()));
        pipe.0.lock().unwrap().coming.extend((0..10).map(|n| frame(n, 1000).body().to_vec()));
        (0..1500).for_each(|_| _ = uplink.clock(Gmii::IDLE));
        assert_eq!(pipe.0.lock().unwrap().coming.len(), 7);
    }

    #[test]
    fn an_outside_that_is_gone_is_told() {
        let pipe = Pipe::default();
        let mut uplink = Uplink::new(Box::new(pipe.clone()));
        uplink.clock(Gmii::IDLE);
        assert_eq!(uplink.take_error(), None);
        pipe.0.lock().unwrap().gone = true;
        (0..LOOK).for_each(|_| _ = uplink.clock(Gmii::IDLE));
        assert_eq!((uplink.take_error(), uplink.take_error()), (Some("gone".into()), None));
    }
}

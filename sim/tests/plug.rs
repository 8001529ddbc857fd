//! A star of stations, two of which have cables that lead out of the simulation and are joined there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use peb_sim::net::{
    Action, FaultConfig, Frame, Gmii, GmiiDecoder, GmiiEncoder, Outside, PortConfig, Star, SwitchConfig,
};

type Queue = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// One end of a cable outside.
struct End {
    out: Queue,
    into: Queue,
}

impl Outside for End {
    fn send(&mut self, body: &[u8]) -> Result<(), String> {
        self.out.lock().unwrap().push_back(body.to_vec());
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.into.lock().unwrap().pop_front())
    }
}

/// Sends a broadcast from a station; the stations that hear it.
fn heard(star: &mut Star, from: usize) -> Vec<usize> {
    let frame = Frame::build([0xff; 6], [2, 0, 0, 0, 0, from as u8], None, 0x88b5, &[7; 200]);
    let mut encoders = vec![GmiiEncoder::new(); 4];
    encoders[from].send(&frame);
    let mut ears = vec![GmiiDecoder::default(); 4];
    let (mut wires, mut heard) = (vec![Gmii::IDLE; 4], Vec::new());
    for _ in 0..3000 {
        for (station, ear) in ears.iter_mut().enumerate() {
            if let Some(received) = ear.clock(wires[station]) {
                assert!(received.is_good() && received.frame == frame);
                heard.push(station);
            }
        }
        let sent: Vec<Gmii> = encoders.iter_mut().map(GmiiEncoder::clock).collect();
        wires = star.clock(&sent).to_vec();
    }
    heard
}

#[test]
fn plugged_stations_are_apart_from_the_switch() {
    let mut star = Star::new(SwitchConfig::new(vec![PortConfig::access(5); 4]), &FaultConfig::default(), 1);
    let (there, back) = (Queue::default(), Queue::default());
    star.plug(1, Box::new(End { out: there.clone(), into: back.clone() }));
    star.plug(3, Box::new(End { out: back, into: there }));
    assert_eq!(heard(&mut star, 0), [2]);
    assert_eq!(heard(&mut star, 1), [3]);
    assert_eq!(heard(&mut star, 3), [1]);
    // Their cables have faults as all others.
    star.to_switch[1].act(Action::Drop(1));
    assert!(heard(&mut star, 1).is_empty());
    star.from_switch[3].act(Action::Drop(1));
    assert!(heard(&mut star, 1).is_empty());
    assert_eq!(heard(&mut star, 1), [3]);
    assert_eq!(star.take_error(), None);
}

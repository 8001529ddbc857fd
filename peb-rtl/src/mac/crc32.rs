//! CRC-32 of IEEE 802.3 clause 3.2.9, one octet at a time.

use peb_hdl::prelude::*;

/// The next state of the frame check sequence after one octet: combinational, a flat XOR of state and octet.
///
/// The state is kept reflected: start with all ones, send the complement low octet first. Over a whole frame with its
/// FCS the state ends at 0xDEBB20E3.
#[derive(Module, Default)]
pub struct Crc32 {
    /// State before the octet.
    pub state: Signal<In, U<32>>,
    pub octet: Signal<In, U<8>>,
    /// State after the octet.
    pub after: Signal<Out, U<32>>,
    sum: Signal<Local, U<32>>,
    _activity: Activity,
}

impl Logic for Crc32 {
    #[hdl_gen]
    fn update(&mut self) {
        self.sum.next = self.state.val() ^ bit_cast::<32, 8>(self.octet.val());
        for _i in 0..8 {
            if self.sum.val().get_bit(0) {
                self.sum.next = (self.sum.val() >> 1) ^ 0xEDB8_8320_u64;
            } else {
                self.sum.next = self.sum.val() >> 1;
            }
        }
        self.after.next = self.sum.val();
    }
}

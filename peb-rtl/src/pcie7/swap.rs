//! Bytes of dwords in the other order.

use peb_hdl::prelude::*;

/// The block's dwords are big-endian, bits 31:24 first (R1); the core's bytes go up from bit 0. The same both ways.
///
/// - Combinational.
#[derive(Module, Default)]
pub struct Swap {
    pub from: Signal<In, U<64>>,
    pub to: Signal<Out, U<64>>,
    _activity: Activity,
}

impl Logic for Swap {
    #[hdl_gen]
    fn update(&mut self) {
        self.to.next = bit_cast::<64, 8>(self.from.val().get_bits::<8>(24))
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(16)) << 8)
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(8)) << 16)
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(0)) << 24)
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(56)) << 32)
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(48)) << 40)
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(40)) << 48)
            | (bit_cast::<64, 8>(self.from.val().get_bits::<8>(32)) << 56);
    }
}

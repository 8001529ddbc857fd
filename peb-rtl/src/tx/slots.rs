//! The memory of frames under way.

use peb_hdl::prelude::*;

/// Dwords in the two banks of the memory: 16 slots of 192 words of 64 bits.
const DEPTH: usize = 16 * 192;

/// The frames that are being filled, sent, or waiting for their acknowledgement: 16 slots of 192 words of two dwords.
///
/// The even and the odd dwords lie in two banks with a write address each, so that two dwords in a row go in together
/// wherever a TLP begins. Word `w` of slot `s` is at address `192 s + w`.
///
/// - Latency: the word at `read_address` stands at `read_word` one clock later; what is written can be asked for two clocks
///   later. Throughput: one write of two dwords and one read a clock.
/// - Registered: the read word, and a write before it goes in. There is no reset: a slot holds what was last written.
/// - Never waits. A word must not be read in the clock it goes in: `Sender` keeps count of what is there a clock after
///   `Packer` has counted it.
#[derive(Module)]
pub struct Slots {
    pub clock: Signal<In, Clk>,
    /// Write both dwords.
    pub write_enable: Signal<In, Bit>,
    /// Word of the even dword.
    pub even_address: Signal<In, U<12>>,
    /// The even dword.
    pub even_data: Signal<In, U<32>>,
    /// Word of the odd dword.
    pub odd_address: Signal<In, U<12>>,
    /// The odd dword.
    pub odd_data: Signal<In, U<32>>,
    /// Word to read.
    pub read_address: Signal<In, U<12>>,
    /// The word, the even dword in the low bits.
    pub read_word: Signal<Out, U<64>>,
    entering: Reg<Bit>,
    even_word: Reg<U<12>>,
    even_dword: Reg<U<32>>,
    odd_word: Reg<U<12>>,
    odd_dword: Reg<U<32>>,
    even: Ram<U<32>, 12>,
    odd: Ram<U<32>, 12>,
    _activity: Activity,
}

impl Default for Slots {
    fn default() -> Self {
        Slots { even: Ram::with_depth(DEPTH), odd: Ram::with_depth(DEPTH), ..Self::blank() }
    }
}

impl Logic for Slots {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, entering, even_word, even_dword, odd_word, odd_dword);
        clock!(self, clock, even, odd);
        self.entering.d.next = self.write_enable.val();
        self.even_word.d.next = self.even_address.val();
        self.even_dword.d.next = self.even_data.val();
        self.odd_word.d.next = self.odd_address.val();
        self.odd_dword.d.next = self.odd_data.val();
        self.even.write_enable.next = self.entering.q.val();
        self.even.write_address.next = self.even_word.q.val();
        self.even.write_data.next = self.even_dword.q.val();
        self.even.read_address.next = self.read_address.val();
        self.odd.write_enable.next = self.entering.q.val();
        self.odd.write_address.next = self.odd_word.q.val();
        self.odd.write_data.next = self.odd_dword.q.val();
        self.odd.read_address.next = self.read_address.val();
        self.read_word.next =
            bit_cast::<64, 32>(self.even.read_data.val()) | (bit_cast::<64, 32>(self.odd.read_data.val()) << 32);
    }
}

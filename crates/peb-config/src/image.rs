//! The table as the hardware holds it.

use crate::{registers, Access, Kind, Mix, Parameters, DWORDS};

/// Address bits of the image.
pub const ADDRESS_BITS: usize = 9;
/// Bits of a word.
pub const WORD_BITS: usize = 35;

/// Contents of the attribute ROM, for an upstream and a downstream port: 512 words of 35 bits.
///
/// - Word `{0, kind, dword[6:0]}` describes a dword. Bits 34:32 say what bits 31:0 are: 0 its value, 1 its row,
///   2 its value without the slot number (bits 31:19), 3 without the port number (31:24), 4 and 5 nothing: it is the
///   lower, upper half of the serial number.
/// - Word `{1, kind, what[1:0], row[4:0]}` is the value after reset (`what` 0), the mask of what software writes (1),
///   clears by writing 1 (2), or hardware replaces (3).
///
/// `kind` is 1 for a downstream port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(Vec<u64>);

impl Image {
    /// The image of a core.
    pub fn new(parameters: &Parameters) -> Self {
        let mut words = vec![0; 1 << ADDRESS_BITS];
        for kind in [Kind::Upstream, Kind::Downstream] {
            let base = DWORDS * (kind == Kind::Downstream) as usize;
            for register in registers(kind, parameters) {
                let mix = match register.mix {
                    Mix::None => 0,
                    Mix::SlotNumber => 2,
                    Mix::PortNumber => 3,
                    Mix::SerialLow => 4,
                    Mix::SerialHigh => 5,
                };
                let dword = base + register.offset as usize / 4;
                let Some(row) = register.row else {
                    words[dword] = mix << 32 | u64::from(register.reset());
                    continue;
                };
                words[dword] = 1 << 32 | u64::from(row);
                let values = [
                    register.reset(),
                    register.mask(Access::Rw),
                    register.mask(Access::Rw1c),
                    register.mask(Access::Hardware),
                ];
                for (what, value) in values.into_iter().enumerate() {
                    words[256 + base + 32 * what + row as usize] = value.into();
                }
            }
        }
        Image(words)
    }

    /// The words by address.
    pub fn words(&self) -> &[u64] {
        &self.0
    }
}

//! Controller registers (NVM Express Base 1.4, 3.1).

/// Offsets in BAR 0.
pub mod offset {
    /// CAP, 64 bits.
    pub const CAP: u64 = 0x00;
    /// VS.
    pub const VS: u64 = 0x08;
    /// INTMS.
    pub const INTMS: u64 = 0x0c;
    /// INTMC.
    pub const INTMC: u64 = 0x10;
    /// CC.
    pub const CC: u64 = 0x14;
    /// CSTS.
    pub const CSTS: u64 = 0x1c;
    /// AQA.
    pub const AQA: u64 = 0x24;
    /// ASQ, 64 bits.
    pub const ASQ: u64 = 0x28;
    /// ACQ, 64 bits.
    pub const ACQ: u64 = 0x30;
    /// First doorbell; the others follow without a gap.
    pub const DOORBELLS: u64 = 0x1000;
}

/// Version 1.4.0.
pub const VERSION: u32 = 0x0001_0400;
/// Entries of a queue at most (CAP.MQES and one more).
pub const QUEUE_ENTRIES: u32 = 1024;
/// Largest memory page, as a power of two (CAP.MPSMAX).
const LARGEST_PAGE: u32 = 16;

/// CSTS: ready.
pub const READY: u32 = 1;
/// CSTS: controller fatal status.
pub const FATAL: u32 = 2;
/// CSTS: shutdown complete, in SHST.
pub const SHUT_DOWN: u32 = 2 << 2;

/// Registers with a state.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    /// Controller Configuration.
    pub cc: u32,
    /// Interrupt mask.
    pub mask: u32,
    aqa: u32,
    asq: u64,
    acq: u64,
}

/// What a write to CC asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CcChange {
    /// EN was set, or cleared.
    pub enable: Option<bool>,
    /// SHN was set to a notification, or cleared.
    pub shutdown: Option<bool>,
}

impl Registers {
    /// Controller Capabilities (3.1.1): contiguous queues, a timeout of 20 s, no stride of doorbells, the NVM command set,
    /// memory pages of 4 to 64 KiB.
    pub fn cap() -> u64 {
        let (contiguous, timeout, nvm) = (1 << 16, 40 << 24, 1 << 37);
        u64::from(QUEUE_ENTRIES - 1) | contiguous | timeout | nvm | u64::from(LARGEST_PAGE - 12) << 52
    }

    /// A register, but for CSTS.
    pub fn read(&self, at: u64) -> u32 {
        match at {
            offset::CAP => Self::cap() as u32,
            0x04 => (Self::cap() >> 32) as u32,
            offset::VS => VERSION,
            offset::INTMS | offset::INTMC => self.mask,
            offset::CC => self.cc,
            offset::AQA => self.aqa,
            offset::ASQ => self.asq as u32,
            0x2c => (self.asq >> 32) as u32,
            offset::ACQ => self.acq as u32,
            0x34 => (self.acq >> 32) as u32,
            _ => 0,
        }
    }

    /// Writes a register, doorbells apart.
    pub fn write(&mut self, at: u64, value: u32, mask: u32) -> CcChange {
        let merged = self.read(at) & !mask | value;
        let (low, high) = (u64::from(merged), u64::from(merged) << 32);
        match at {
            offset::INTMS => self.mask |= value,
            offset::INTMC => self.mask &= !value,
            offset::CC => return self.configure(merged),
            offset::AQA => self.aqa = merged & 0x0fff_0fff,
            offset::ASQ => self.asq = self.asq & !0xffff_ffff | low & !0xfff,
            0x2c => self.asq = self.asq & 0xffff_ffff | high,
            offset::ACQ => self.acq = self.acq & !0xffff_ffff | low & !0xfff,
            0x34 => self.acq = self.acq & 0xffff_ffff | high,
            _ => {}
        }
        CcChange::default()
    }

    fn configure(&mut self, cc: u32) -> CcChange {
        let old = std::mem::replace(&mut self.cc, cc & 0x00ff_fff1);
        let changed = |bits: u32| ((old ^ cc) & bits != 0).then_some(cc & bits != 0);
        CcChange { enable: changed(1), shutdown: changed(0xc000) }
    }

    /// Whether CC.EN is set.
    pub fn is_enabled(&self) -> bool {
        self.cc & 1 == 1
    }

    /// Bytes of a memory page (CC.MPS).
    pub fn page(&self) -> u64 {
        1 << (12 + (self.cc >> 7 & 0xf)).min(LARGEST_PAGE)
    }

    /// Whether CC.IOSQES and CC.IOCQES have the sizes of the NVM command set: 64 and 16 bytes.
    pub fn has_entry_sizes(&self) -> bool {
        self.cc >> 16 & 0xff == 0x46
    }

    /// Address and entries of the admin submission and completion queue. `None` if the controller cannot be enabled so:
    /// memory page or command set or arbitration not supported, queues of less than two entries, or not on a memory page.
    pub fn admin_queues(&self) -> Option<[(u64, u32); 2]> {
        let supported = 12 + (self.cc >> 7 & 0xf) <= LARGEST_PAGE && self.cc & 0x3870 == 0;
        let queues = [(self.asq, (self.aqa & 0xfff) + 1), (self.acq, (self.aqa >> 16 & 0xfff) + 1)];
        let good = queues.iter().all(|&(base, entries)| base % self.page() == 0 && entries >= 2);
        (supported && good).then_some(queues)
    }
}

//! The endpoint's configuration space.

use peb_hdl::prelude::*;

/// Type 0 configuration space (PCIe 7.5.1): one 32-bit BAR of 16 KiB; power management (D0, D3hot), MSI (64-bit address, one
/// vector), PCI Express version 2, Device Serial Number.
///
/// | offset | what |
/// |---|---|
/// | 0x00 | header; BAR 0 at 0x10; no INTx |
/// | 0x40 | Power Management 3: no PME, No_Soft_Reset |
/// | 0x50 | MSI |
/// | 0x70 | PCI Express: payload up to 512 bytes, 8-bit tags, one lane of 2.5 GT/s for there is no link |
/// | 0x100 | Device Serial Number |
///
/// - Latency: `read_data` one clock after `address`, which must stand for a clock before `write`; a write is there one clock
///   after it. Registered: everything.
/// - Reset: the values of PCIe 7.5.1; reserved registers read 0, writes to them change nothing.
#[derive(Module)]
pub struct Config {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Dword.
    pub address: Signal<In, U<10>>,
    pub read_data: Signal<Out, U<32>>,
    pub write: Signal<In, Bit>,
    pub write_data: Signal<In, U<32>>,
    pub write_enables: Signal<In, U<4>>,
    /// Device Serial Number, constant.
    pub serial: Signal<In, U<64>>,
    /// One clock each, for the status registers: a non-posted, a posted request that is not supported; poisoned data; a completion
    /// with Completer Abort, with Unsupported Request; an unexpected completion.
    pub unsupported: Signal<In, Bit>,
    pub unsupported_posted: Signal<In, Bit>,
    pub poisoned: Signal<In, Bit>,
    pub abort_received: Signal<In, Bit>,
    pub refusal_received: Signal<In, Bit>,
    pub unexpected: Signal<In, Bit>,
    /// Memory Space Enable, and D0.
    pub memory_on: Signal<Out, Bit>,
    /// Bus Master Enable, and D0.
    pub master: Signal<Out, Bit>,
    pub bar: Signal<Out, U<18>>,
    /// Max_Payload_Size and Max_Read_Request_Size, 128 bytes << this; not more than 512.
    pub payload: Signal<Out, U<2>>,
    pub request: Signal<Out, U<2>>,
    pub msi: Signal<Out, Bit>,
    pub msi_address: Signal<Out, U<64>>,
    pub msi_data: Signal<Out, U<16>>,
    pub timeout_off: Signal<Out, Bit>,
    ids: Constant<U<32>>,
    command: Reg<U<11>>,
    /// Bits 31 to 24 of Status.
    status: Reg<U<8>>,
    cache_line: Reg<U<8>>,
    base: Reg<U<18>>,
    line: Reg<U<8>>,
    sleeping: Reg<Bit>,
    msi_control: Reg<U<7>>,
    msi_low: Reg<U<32>>,
    msi_high: Reg<U<32>>,
    msi_word: Reg<U<16>>,
    device: Reg<U<15>>,
    /// Bits 3 to 0 of Device Status.
    errors: Reg<U<4>>,
    link: Reg<U<8>>,
    no_timeout: Reg<Bit>,
    read: Reg<U<32>>,
    mask: Signal<Local, U<32>>,
    masked: Signal<Local, U<32>>,
    value: Signal<Local, U<32>>,
    merged: Signal<Local, U<32>>,
    cleared: Signal<Local, U<32>>,
    seen: Signal<Local, U<8>>,
    noted: Signal<Local, U<4>>,
    _activity: Activity,
}

impl Default for Config {
    fn default() -> Self {
        Config { ids: Constant::new(u64::from(super::VENDOR_DEVICE).into()), ..Self::blank() }
    }
}

impl Logic for Config {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            command,
            status,
            cache_line,
            base,
            line,
            sleeping,
            msi_control,
            msi_low,
            msi_high,
            msi_word,
            device,
            errors,
            link,
            no_timeout,
            read
        );
        self.read_data.next = self.read.q.val();
        self.memory_on.next = self.command.q.val().get_bit(1) && !self.sleeping.q.val();
        self.master.next = self.command.q.val().get_bit(2) && !self.sleeping.q.val();
        self.bar.next = self.base.q.val();
        self.msi.next = self.msi_control.q.val().get_bit(0);
        self.msi_address.next =
            bit_cast::<64, 32>(self.msi_low.q.val()) | (bit_cast::<64, 32>(self.msi_high.q.val()) << 32);
        self.msi_data.next = self.msi_word.q.val();
        self.timeout_off.next = self.no_timeout.q.val();
        self.payload.next = self.device.q.val().get_bits::<2>(5);
        if self.device.q.val().get_bits::<3>(5) > 2 {
            self.payload.next = 2.into();
        }
        self.request.next = self.device.q.val().get_bits::<2>(12);
        if self.device.q.val().get_bits::<3>(12) > 2 {
            self.request.next = 2.into();
        }

        // What a register reads.
        self.value.next = 0.into();
        match self.address.val().index() {
            0 => {
                self.value.next = self.ids.val();
            }
            1 => {
                self.value.next =
                    1048576 | bit_cast::<32, 11>(self.command.q.val()) | (bit_cast::<32, 8>(self.status.q.val()) << 24);
            }
            2 => {
                self.value.next = 92274689.into();
            }
            3 => {
                self.value.next = bit_cast::<32, 8>(self.cache_line.q.val());
            }
            4 => {
                self.value.next = bit_cast::<32, 18>(self.base.q.val()) << 14;
            }
            11 => {
                self.value.next = self.ids.val();
            }
            13 => {
                self.value.next = 64.into();
            }
            15 => {
                self.value.next = bit_cast::<32, 8>(self.line.q.val());
            }
            16 => {
                self.value.next = 217089.into();
            }
            17 => {
                self.value.next = 8.into();
                if self.sleeping.q.val() {
                    self.value.next = 11.into();
                }
            }
            20 => {
                self.value.next = 8417285 | (bit_cast::<32, 7>(self.msi_control.q.val()) << 16);
            }
            21 => {
                self.value.next = self.msi_low.q.val();
            }
            22 => {
                self.value.next = self.msi_high.q.val();
            }
            23 => {
                self.value.next = bit_cast::<32, 16>(self.msi_word.q.val());
            }
            28 => {
                self.value.next = 131088.into();
            }
            29 => {
                self.value.next = 32802.into();
            }
            30 => {
                self.value.next =
                    bit_cast::<32, 15>(self.device.q.val()) | (bit_cast::<32, 4>(self.errors.q.val()) << 16);
            }
            31 => {
                self.value.next = 17.into();
            }
            32 => {
                self.value.next = 1114112 | bit_cast::<32, 8>(self.link.q.val());
            }
            37 => {
                self.value.next = 16.into();
            }
            38 => {
                self.value.next = bit_cast::<32, 1>(self.no_timeout.q.val().into()) << 4;
            }
            39 => {
                self.value.next = 2.into();
            }
            40 => {
                self.value.next = 1.into();
            }
            64 => {
                self.value.next = 65539.into();
            }
            65 => {
                self.value.next = self.serial.val().get_bits::<32>(0);
            }
            66 => {
                self.value.next = self.serial.val().get_bits::<32>(32);
            }
            _ => {
                self.value.next = 0.into();
            }
        }
        self.read.d.next = self.value.val();

        // What a write makes of it, and which bits it would clear.
        self.mask.next = 0.into();
        if self.write_enables.val().get_bit(0) {
            self.mask.next = 255.into();
        }
        if self.write_enables.val().get_bit(1) {
            self.mask.next = self.mask.val() | 65280;
        }
        if self.write_enables.val().get_bit(2) {
            self.mask.next = self.mask.val() | 16711680;
        }
        if self.write_enables.val().get_bit(3) {
            self.mask.next = self.mask.val() | 4278190080_u64;
        }
        self.masked.next = self.write_data.val() & self.mask.val();
        self.merged.next = (self.read.q.val() & !self.mask.val()) | self.masked.val();
        self.cleared.next = 0.into();
        if self.write.val() {
            match self.address.val().index() {
                1 => {
                    // Memory space, bus master, parity, SERR, INTx disable; errors.
                    self.command.d.next = self.merged.val().get_bits::<11>(0) & 1350;
                    self.cleared.next = self.masked.val();
                }
                3 => {
                    self.cache_line.d.next = self.merged.val().get_bits::<8>(0);
                }
                4 => {
                    self.base.d.next = self.merged.val().get_bits::<18>(14);
                }
                15 => {
                    self.line.d.next = self.merged.val().get_bits::<8>(0);
                }
                17 => {
                    if self.merged.val().get_bits::<2>(0) == 0 {
                        self.sleeping.d.next = false;
                    } else if self.merged.val().get_bits::<2>(0) == 3 {
                        self.sleeping.d.next = true;
                    }
                }
                20 => {
                    // Enable, and vectors, of which there is one.
                    self.msi_control.d.next = self.merged.val().get_bits::<7>(16) & 113;
                }
                21 => {
                    self.msi_low.d.next = self.merged.val() & 4294967292_u64;
                }
                22 => {
                    self.msi_high.d.next = self.merged.val();
                }
                23 => {
                    self.msi_word.d.next = self.merged.val().get_bits::<16>(0);
                }
                30 => {
                    // All but phantom functions and auxiliary power.
                    self.device.d.next = self.merged.val().get_bits::<15>(0) & 31231;
                    self.cleared.next = self.masked.val();
                }
                32 => {
                    self.link.d.next = self.merged.val().get_bits::<8>(0) & 195;
                }
                38 => {
                    self.no_timeout.d.next = self.merged.val().get_bit(4);
                }
                _ => {}
            }
        }

        // Errors: events win over being cleared. Role-based (PCIe 6.2.3.2.4): what wants a completion, or is an unexpected
        // completion, is advisory, thus correctable.
        self.seen.next = self.status.q.val();
        self.noted.next = self.errors.q.val();
        if self.write.val() && (self.address.val() == 1) {
            self.seen.next = self.status.q.val() & !self.cleared.val().get_bits::<8>(24);
        }
        if self.write.val() && (self.address.val() == 30) {
            self.noted.next = self.errors.q.val() & !self.cleared.val().get_bits::<4>(16);
        }
        if self.unsupported.val() {
            self.noted.next = self.noted.val() | 9;
        }
        if self.unsupported_posted.val() {
            self.noted.next = self.noted.val() | 10;
        }
        if self.unexpected.val() {
            self.noted.next = self.noted.val() | 1;
        }
        if self.poisoned.val() {
            self.noted.next = self.noted.val() | 2;
            self.seen.next = self.seen.val() | 128;
        }
        if self.abort_received.val() {
            self.seen.next = self.seen.val() | 16;
        }
        if self.refusal_received.val() {
            self.seen.next = self.seen.val() | 32;
        }
        self.status.d.next = self.seen.val() & 249;
        self.errors.d.next = self.noted.val();
        if self.reset.val() {
            self.command.d.next = 0.into();
            self.status.d.next = 0.into();
            self.cache_line.d.next = 0.into();
            self.base.d.next = 0.into();
            self.line.d.next = 0.into();
            self.sleeping.d.next = false;
            self.msi_control.d.next = 0.into();
            self.msi_low.d.next = 0.into();
            self.msi_high.d.next = 0.into();
            self.msi_word.d.next = 0.into();
            // Relaxed ordering, no snoop, read requests of 512 bytes.
            self.device.d.next = 10256.into();
            self.errors.d.next = 0.into();
            self.link.d.next = 0.into();
            self.no_timeout.d.next = false;
        }
    }
}

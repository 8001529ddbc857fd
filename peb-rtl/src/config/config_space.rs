//! Registers of all ports.

use peb_config::{Image, Parameters, ADDRESS_BITS, WORD_BITS};
use peb_hdl::prelude::*;

/// The configuration space of an upstream port (port 0) and SLOTS downstream ports (1 + n: slot n), SLOTS at most 8, as the
/// table in `peb-config` says (PCI Express Base Specification 7.5 to 7.9): one engine, values in a block RAM of 32 rows a
/// port, attributes in a ROM.
///
/// Configuration requests, status bits from two sides and the reset of all rows go through it one after the other; every
/// change of a row, and its reset, shows on the update bus. A request and what waits at the set ports take turns.
///
/// - Latency: `done` 3 clocks (constants) or 4 clocks (rows) after `request` for reads, 6 for writes of rows; up to 7 more
///   if something else is under way. A set shows on the update bus 6 clocks after it was taken.
/// - Registered: all outputs but `set_ready` and `fault_ready`.
/// - `reset` resets all rows, `restart` all but the sticky ones (20 to 29). The walk takes 21 clocks a port and begins with
///   `restart`; what was under way is forgotten, nothing is taken before `restart` and the walk have ended: 2 + 21 (SLOTS + 1)
///   clocks after the beginning of `restart`. After `reset` it is 2 + 31 (SLOTS + 1).
/// - Bad input: what does not exist reads 0 and takes no writes; bits that hardware may not set stay as they are.
/// - Waits for nothing.
#[derive(Module)]
pub struct ConfigSpace<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// MAC address, first byte on the wire in bits 47:40: the Device Serial Number.
    pub own_mac: Signal<In, U<48>>,
    /// The host resets the switch.
    pub restart: Signal<In, Bit>,
    /// A request, held with its fields until `done`.
    pub request: Signal<In, Bit>,
    pub request_port: Signal<In, U<4>>,
    pub request_write: Signal<In, Bit>,
    /// Number of the dword.
    pub request_register: Signal<In, U<10>>,
    pub request_enables: Signal<In, U<4>>,
    pub request_data: Signal<In, U<32>>,
    /// By slot: there is a device; its link is active; INTA of the port is on.
    pub present: Signal<In, U<8>>,
    pub link: Signal<In, U<8>>,
    pub own_intx: Signal<In, U<8>>,
    /// Status bits of a row are set; fields that belong to hardware are replaced.
    pub set_valid: Signal<In, Bit>,
    pub set_port: Signal<In, U<4>>,
    pub set_row: Signal<In, U<5>>,
    pub set_bits: Signal<In, U<32>>,
    pub set_ready: Signal<Out, Bit>,
    /// The same from another side.
    pub fault_valid: Signal<In, Bit>,
    pub fault_port: Signal<In, U<4>>,
    pub fault_row: Signal<In, U<5>>,
    pub fault_bits: Signal<In, U<32>>,
    pub fault_ready: Signal<Out, Bit>,
    /// One clock.
    pub done: Signal<Out, Bit>,
    /// What was read, with `done`.
    pub answer: Signal<Out, U<32>>,
    /// One clock: a row after a write, a set or its reset, without live bits.
    pub update: Signal<Out, Bit>,
    pub update_port: Signal<Out, U<4>>,
    pub update_row: Signal<Out, U<5>>,
    pub update_value: Signal<Out, U<32>>,
    /// By a configuration write of these bytes.
    pub update_software: Signal<Out, Bit>,
    pub update_enables: Signal<Out, U<4>>,

    /// 0: idle, then the clocks of a request or set.
    step: Reg<U<3>>,
    /// The last one was a request.
    was_request: Reg<Bit>,
    /// What is under way: from software, a write.
    software: Reg<Bit>,
    write: Reg<Bit>,
    port: Reg<U<4>>,
    port_exists: Reg<Bit>,
    enables: Reg<U<32>>,
    enable_bits: Reg<U<4>>,
    data: Reg<U<32>>,
    /// What the ROM says of the dword.
    dword: Reg<U<WORD_BITS>>,
    old: Reg<U<32>>,
    /// What is taken over from `data`; what may be cleared or set.
    taken: Reg<U<32>>,
    status: Reg<U<32>>,
    is_present: Reg<Bit>,
    is_link: Reg<Bit>,
    is_intx: Reg<Bit>,
    /// The reset of all rows: address, and the row whose value comes from the ROM.
    walking: Reg<Bit>,
    walk_all: Reg<Bit>,
    walk_port: Reg<U<4>>,
    walk_row: Reg<U<5>>,
    restarted: Reg<Bit>,
    fetched: Reg<Bit>,
    fetched_port: Reg<U<4>>,
    fetched_row: Reg<U<5>>,

    is_done: Reg<Bit>,
    read_value: Reg<U<32>>,
    commit: Reg<Bit>,
    commit_port: Reg<U<4>>,
    commit_row: Reg<U<5>>,
    commit_value: Reg<U<32>>,
    commit_software: Reg<Bit>,
    commit_enables: Reg<U<4>>,

    attributes: Rom<U<WORD_BITS>, ADDRESS_BITS>,
    values: Ram<U<32>, 9>,
    /// Speed, width and activity of a link that is up.
    link_status: Constant<U<32>>,

    last_port: Signal<Local, U<4>>,
    quiet: Signal<Local, Bit>,
    take_request: Signal<Local, Bit>,
    take_set: Signal<Local, Bit>,
    take_fault: Signal<Local, Bit>,
    taken_port: Signal<Local, U<4>>,
    row: Signal<Local, U<5>>,
    walk_address: Signal<Local, U<9>>,
    kind: Signal<Local, U<3>>,
    constant: Signal<Local, U<32>>,
    live: Signal<Local, U<32>>,
    masked: Signal<Local, U<32>>,
    value: Signal<Local, U<32>>,
    byte_mask: Signal<Local, U<32>>,
    by_port: Signal<Local, U<16>>,
    _activity: Activity,
}

impl<const SLOTS: usize> ConfigSpace<SLOTS> {
    /// With these parameters; their number of slots does not count.
    pub fn new(parameters: &Parameters) -> Self {
        ConfigSpace {
            attributes: Rom::new(Image::new(parameters).words().iter().map(|&word| word.into())),
            values: Ram::with_depth(32 * (SLOTS + 1)),
            link_status: Constant::new(u64::from(parameters.link_status()).into()),
            ..Self::blank()
        }
    }
}

impl<const SLOTS: usize> Default for ConfigSpace<SLOTS> {
    fn default() -> Self {
        Self::new(&Parameters::default())
    }
}

impl<const SLOTS: usize> Logic for ConfigSpace<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            step,
            was_request,
            software,
            write,
            port,
            port_exists,
            enables,
            enable_bits,
            data,
            dword,
            old,
            taken,
            status,
            is_present,
            is_link,
            is_intx,
            walking,
            walk_all,
            walk_port,
            walk_row,
            restarted,
            fetched,
            fetched_port,
            fetched_row,
            is_done,
            read_value,
            commit,
            commit_port,
            commit_row,
            commit_value,
            commit_software,
            commit_enables
        );
        self.attributes.clock.next = self.clock.val();
        self.values.clock.next = self.clock.val();
        self.last_port.next = 0.into();
        for _i in 0..SLOTS {
            self.last_port.next = self.last_port.val() + 1;
        }

        // What is taken next.
        self.restarted.d.next = self.restart.val();
        self.quiet.next =
            !self.step.q.val().any() && !self.walking.q.val() && !self.fetched.q.val() && !self.restart.val();
        self.take_request.next = self.quiet.val()
            && self.request.val()
            && !self.is_done.q.val()
            && !(self.was_request.q.val() && (self.set_valid.val() || self.fault_valid.val()));
        self.take_set.next = self.quiet.val() && !self.take_request.val() && self.set_valid.val();
        self.take_fault.next =
            self.quiet.val() && !self.take_request.val() && !self.set_valid.val() && self.fault_valid.val();
        self.set_ready.next = self.take_set.val();
        self.fault_ready.next = self.take_fault.val();
        self.taken_port.next = self.request_port.val();
        if self.take_set.val() {
            self.taken_port.next = self.set_port.val();
        }
        if self.take_fault.val() {
            self.taken_port.next = self.fault_port.val();
        }

        // First clock: look the dword up; a set knows its row.
        self.attributes.read_address.next = bit_cast::<9, 7>(self.request_register.val().get_bits::<7>(0))
            | (bit_cast::<9, 1>(self.request_port.val().any().into()) << 7);
        if !self.step.q.val().any() {
            self.software.d.next = self.take_request.val();
            self.write.d.next = self.request_write.val();
            self.enable_bits.d.next = self.request_enables.val();
            self.data.d.next = self.request_data.val();
            self.port.d.next = self.taken_port.val();
            self.port_exists.d.next = self.taken_port.val() <= self.last_port.val();
            if self.take_request.val() {
                self.step.d.next = 1.into();
                self.was_request.d.next = true;
                if self.request_register.val().get_bits::<3>(7).any() {
                    self.port_exists.d.next = false;
                }
            }
            if self.take_set.val() {
                self.step.d.next = 2.into();
                self.was_request.d.next = false;
                self.data.d.next = self.set_bits.val();
                self.dword.d.next = bit_cast::<35, 5>(self.set_row.val()) | (bit_cast::<35, 1>(true.into()) << 32);
            }
            if self.take_fault.val() {
                self.step.d.next = 2.into();
                self.was_request.d.next = false;
                self.data.d.next = self.fault_bits.val();
                self.dword.d.next = bit_cast::<35, 5>(self.fault_row.val()) | (bit_cast::<35, 1>(true.into()) << 32);
            }
        }
        self.by_port.next = bit_cast::<16, 8>(self.present.val()) << 1;
        self.is_present.d.next = self.by_port.val().get_bit(self.port.q.val().index());
        self.by_port.next = bit_cast::<16, 8>(self.link.val()) << 1;
        self.is_link.d.next = self.by_port.val().get_bit(self.port.q.val().index());
        self.by_port.next = bit_cast::<16, 8>(self.own_intx.val()) << 1;
        self.is_intx.d.next = self.by_port.val().get_bit(self.port.q.val().index());

        // Second: the dword is known.
        if self.step.q.val() == 1 {
            self.dword.d.next = self.attributes.read_data.val();
            self.step.d.next = 2.into();
        }

        // Third: read the row and what may change in it, or answer with a constant.
        self.is_done.d.next = false;
        self.commit.d.next = false;
        self.row.next = self.dword.q.val().get_bits::<5>(0);
        self.kind.next = self.dword.q.val().get_bits::<3>(32);
        self.constant.next = self.dword.q.val().get_bits::<32>(0);
        if self.kind.val() == 2 {
            self.constant.next = self.constant.val() | (bit_cast::<32, 4>(self.port.q.val()) << 19);
        }
        if self.kind.val() == 3 {
            self.constant.next = self.constant.val() | (bit_cast::<32, 4>(self.port.q.val()) << 24);
        }
        if self.kind.val() == 4 {
            self.constant.next = bit_cast::<32, 24>(self.own_mac.val().get_bits::<24>(0)) | 0xFE00_0000_u64;
        }
        if self.kind.val() == 5 {
            self.constant.next = (bit_cast::<32, 24>(self.own_mac.val().get_bits::<24>(24)) << 8) | 0xFF_u64;
        }
        self.values.read_address.next = bit_cast::<9, 5>(self.row.val()) | (bit_cast::<9, 4>(self.port.q.val()) << 5);
        if self.step.q.val() == 2 {
            // What software writes, or hardware replaces.
            self.attributes.read_address.next =
                bit_cast::<9, 5>(self.row.val()) | (bit_cast::<9, 1>(self.port.q.val().any().into()) << 7) | 0x120_u64;
            if !self.software.q.val() {
                self.attributes.read_address.next = bit_cast::<9, 5>(self.row.val())
                    | (bit_cast::<9, 1>(self.port.q.val().any().into()) << 7)
                    | 0x160_u64;
            }
            self.step.d.next = 3.into();
            if !(self.kind.val() == 1) || !self.port_exists.q.val() {
                self.step.d.next = 0.into();
                self.is_done.d.next = self.software.q.val();
                self.read_value.d.next = 0.into();
                if self.port_exists.q.val() {
                    self.read_value.d.next = self.constant.val();
                }
            }
        }

        // Fourth: the row and the first mask are there.
        self.live.next = 0.into();
        if (self.row.val() == 0) && self.is_intx.q.val() {
            self.live.next = 0x8_0000.into();
        }
        if (self.row.val() == 15) && self.is_link.q.val() {
            self.live.next = self.link_status.val();
        }
        if (self.row.val() == 16) && self.is_present.q.val() {
            self.live.next = 0x40_0000.into();
        }
        self.byte_mask.next = 0.into();
        if self.enable_bits.q.val().get_bit(0) {
            self.byte_mask.next = self.byte_mask.val() | 0xFF_u64;
        }
        if self.enable_bits.q.val().get_bit(1) {
            self.byte_mask.next = self.byte_mask.val() | 0xFF00_u64;
        }
        if self.enable_bits.q.val().get_bit(2) {
            self.byte_mask.next = self.byte_mask.val() | 0xFF0000_u64;
        }
        if self.enable_bits.q.val().get_bit(3) {
            self.byte_mask.next = self.byte_mask.val() | 0xFF000000_u64;
        }
        if !self.software.q.val() {
            self.byte_mask.next = 0xFFFF_FFFF_u64.into();
        }
        self.enables.d.next = self.byte_mask.val();
        if self.step.q.val() == 3 {
            self.attributes.read_address.next =
                bit_cast::<9, 5>(self.row.val()) | (bit_cast::<9, 1>(self.port.q.val().any().into()) << 7) | 0x140_u64;
            self.old.d.next = self.values.read_data.val();
            self.taken.d.next = self.attributes.read_data.val().get_bits::<32>(0) & self.enables.q.val();
            self.step.d.next = 4.into();
            if self.software.q.val() && !self.write.q.val() {
                self.read_value.d.next = self.values.read_data.val() | self.live.val();
                self.is_done.d.next = true;
                self.step.d.next = 0.into();
            }
        }

        // Fifth: the mask of status bits.
        if self.step.q.val() == 4 {
            self.status.d.next = self.attributes.read_data.val().get_bits::<32>(0) & self.enables.q.val();
            self.step.d.next = 5.into();
        }

        // Sixth: the new value.
        self.masked.next = self.status.q.val() & self.data.q.val();
        self.value.next =
            (self.old.q.val() & !self.taken.q.val()) | (self.data.q.val() & self.taken.q.val()) | self.masked.val();
        if self.software.q.val() {
            self.value.next = (self.old.q.val() & !self.taken.q.val() & !self.masked.val())
                | (self.data.q.val() & self.taken.q.val());
            // There is no D1 and no D2.
            if (self.row.val() == 9) && !(self.value.val().get_bit(0) == self.value.val().get_bit(1)) {
                self.value.next = self.value.val().replace_bit(0, self.old.q.val().get_bit(0));
                self.value.next = self.value.val().replace_bit(1, self.old.q.val().get_bit(1));
            }
        }
        if self.step.q.val() == 5 {
            self.commit.d.next = true;
            self.commit_port.d.next = self.port.q.val();
            self.commit_row.d.next = self.row.val();
            self.commit_value.d.next = self.value.val();
            self.commit_software.d.next = self.software.q.val();
            self.commit_enables.d.next = self.enable_bits.q.val();
            self.is_done.d.next = self.software.q.val();
            self.read_value.d.next = 0.into();
            self.step.d.next = 0.into();
        }

        // The reset of all rows.
        self.walk_address.next = bit_cast::<9, 5>(self.walk_row.q.val())
            | (bit_cast::<9, 1>(self.walk_port.q.val().any().into()) << 7)
            | 0x100_u64;
        self.fetched.d.next = self.walking.q.val();
        self.fetched_port.d.next = self.walk_port.q.val();
        self.fetched_row.d.next = self.walk_row.q.val();
        if self.walking.q.val() {
            self.attributes.read_address.next = self.walk_address.val();
            self.walk_row.d.next = self.walk_row.q.val() + 1;
            if (self.walk_row.q.val() == 19) && !self.walk_all.q.val() {
                self.walk_row.d.next = 30.into();
            }
            if self.walk_row.q.val() == 30 {
                self.walk_row.d.next = 0.into();
                self.walk_port.d.next = self.walk_port.q.val() + 1;
                if self.walk_port.q.val() == self.last_port.val() {
                    self.walking.d.next = false;
                    self.walk_all.d.next = false;
                }
            }
        }
        if self.fetched.q.val() {
            self.commit.d.next = true;
            self.commit_port.d.next = self.fetched_port.q.val();
            self.commit_row.d.next = self.fetched_row.q.val();
            self.commit_value.d.next = self.attributes.read_data.val().get_bits::<32>(0);
            self.commit_software.d.next = false;
            self.commit_enables.d.next = 0.into();
        }
        if (self.restart.val() && !self.restarted.q.val()) || self.reset.val() {
            self.step.d.next = 0.into();
            self.is_done.d.next = false;
            self.commit.d.next = false;
            self.fetched.d.next = false;
            self.walking.d.next = true;
            self.walk_port.d.next = 0.into();
            self.walk_row.d.next = 0.into();
        }
        if self.reset.val() {
            self.walk_all.d.next = true;
            self.was_request.d.next = false;
        }

        self.values.write_enable.next = self.commit.q.val();
        self.values.write_address.next =
            bit_cast::<9, 5>(self.commit_row.q.val()) | (bit_cast::<9, 4>(self.commit_port.q.val()) << 5);
        self.values.write_data.next = self.commit_value.q.val();
        self.update.next = self.commit.q.val();
        self.update_port.next = self.commit_port.q.val();
        self.update_row.next = self.commit_row.q.val();
        self.update_value.next = self.commit_value.q.val();
        self.update_software.next = self.commit_software.q.val();
        self.update_enables.next = self.commit_enables.q.val();
        self.done.next = self.is_done.q.val();
        self.answer.next = self.read_value.q.val();
    }
}

//! Interrupts of the slots.

use peb_hdl::prelude::*;

/// Sends the MSI of each downstream port, or shows its INTx.
///
/// A port interrupts on the rise of Hot-Plug Interrupt Enable and any event whose enable is set (PCI Express 6.7.3.4): an MSI if
/// MSI is enabled, as soon as Bus Master Enable of the port and of the upstream port allow; with address and
/// data of the moment it is made. Without MSI the INTx level follows that condition unless Interrupt Disable is set. An
/// interrupt that cannot be sent is forgotten when software clears its events.
///
/// - Latency: an MSI is offered within 13 clocks of the update that causes it if no other waits. Throughput: one in 4 or 5 clocks.
/// - Registered: all. Reset: as after configuration reset. `host_down` forgets what waits.
/// - Waits for `msi_ready`; an MSI being offered ends as it began.
#[derive(Module, Default)]
pub struct Interrupts {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub turn: Signal<In, U<3>>,
    pub host_down: Signal<In, Bit>,
    pub upstream_bus: Signal<In, U<8>>,
    /// The configuration update bus.
    pub update: Signal<In, Bit>,
    pub update_port: Signal<In, U<4>>,
    pub update_row: Signal<In, U<5>>,
    pub update_value: Signal<In, U<32>>,
    /// INTA of each downstream port.
    pub own_intx: Signal<Out, U<8>>,
    pub msi_data: Signal<Out, U<64>>,
    pub msi_half: Signal<Out, Bit>,
    pub msi_first: Signal<Out, Bit>,
    pub msi_last: Signal<Out, Bit>,
    pub msi_valid: Signal<Out, Bit>,
    pub msi_class: Signal<Out, U<2>>,
    pub msi_dwords: Signal<Out, U<10>>,
    pub msi_ready: Signal<In, Bit>,
    pub busy: Signal<Out, Bit>,
    addresses: LutRam<U<32>, 3>,
    uppers: LutRam<U<32>, 3>,
    payloads: LutRam<U<16>, 3>,
    /// The update of a clock ago.
    came: Reg<Bit>,
    /// It is one of a slot, and of this one.
    at_slot: Reg<Bit>,
    at: Reg<U<3>>,
    came_row: Reg<U<5>>,
    came_value: Reg<U<32>>,
    /// Of each port: it wants to interrupt, an MSI is to be sent, MSI Enable, Bus Master Enable, Interrupt Disable.
    level: Reg<U<8>>,
    pending: Reg<U<8>>,
    enabled: Reg<U<8>>,
    master: Reg<U<8>>,
    silent: Reg<U<8>>,
    upstream_master: Reg<Bit>,
    intx: Reg<U<8>>,
    /// A clock later: this port, as a bit, began to want an interrupt, or ceased to.
    changed: Reg<U<8>>,
    rises: Reg<Bit>,
    falls: Reg<Bit>,
    /// The port whose turn it was, and as a bit.
    turned: Reg<U<3>>,
    turned_bit: Reg<U<8>>,
    /// The MSI on its way.
    sending: Reg<Bit>,
    beat: Reg<U<2>>,
    address: Reg<U<32>>,
    upper: Reg<U<32>>,
    payload: Reg<U<16>>,
    slot: Reg<U<3>>,
    long: Reg<Bit>,
    wants: Signal<Local, Bit>,
    wanted: Signal<Local, Bit>,
    pending_now: Signal<Local, U<8>>,
    sendable: Signal<Local, U<8>>,
    starts: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    /// Dwords in stream order, first byte low.
    header: Signal<Local, U<64>>,
    middle: Signal<Local, U<64>>,
    swapped_address: Signal<Local, U<32>>,
    swapped_upper: Signal<Local, U<32>>,
    _activity: Activity,
}

impl Logic for Interrupts {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, level, pending, enabled, master, silent, upstream_master, intx);
        dff_setup!(self, clock, sending, beat, address, upper, payload, slot, long);
        dff_setup!(self, clock, came, at_slot, at, came_row, came_value, turned, turned_bit);
        dff_setup!(self, clock, changed, rises, falls);
        clock!(self, clock, addresses, uppers, payloads);
        self.came.d.next = self.update.val();
        self.at_slot.d.next = self.update.val() && self.update_port.val().any();
        self.at.d.next = self.update_port.val().get_bits::<3>(0) - 1;
        self.came_row.d.next = self.update_row.val();
        self.came_value.d.next = self.update_value.val();

        // What the ports are set to.
        self.sendable.next = 0.into();
        if self.upstream_master.q.val() && !self.host_down.val() {
            self.sendable.next = self.enabled.q.val() & self.master.q.val();
        }
        self.wants.next = self.came_value.q.val().get_bit(5)
            && ((self.came_value.q.val().get_bit(0) && self.came_value.q.val().get_bit(16))
                || (self.came_value.q.val().get_bit(1) && self.came_value.q.val().get_bit(17))
                || (self.came_value.q.val().get_bit(3) && self.came_value.q.val().get_bit(19))
                || (self.came_value.q.val().get_bit(4) && self.came_value.q.val().get_bit(20))
                || (self.came_value.q.val().get_bit(12) && self.came_value.q.val().get_bit(24)));
        self.wanted.next = self.level.q.val().get_bit(self.at.q.val().index());
        self.pending_now.next = self.pending.q.val();
        self.starts.next =
            !self.sending.q.val() && (self.pending.q.val() & self.sendable.val() & self.turned_bit.q.val()).any();
        if self.starts.val() {
            self.pending_now.next = self.pending.q.val() & !self.turned_bit.q.val();
        }
        if self.came.q.val() && !self.at_slot.q.val() && (self.came_row.q.val() == 0) {
            self.upstream_master.d.next = self.came_value.q.val().get_bit(2);
        }
        if self.at_slot.q.val() && (self.came_row.q.val() == 0) {
            self.master.d.next =
                self.master.q.val().replace_bit(self.at.q.val().index(), self.came_value.q.val().get_bit(2));
            self.silent.d.next =
                self.silent.q.val().replace_bit(self.at.q.val().index(), self.came_value.q.val().get_bit(10));
        }
        if self.at_slot.q.val() && (self.came_row.q.val() == 10) {
            self.enabled.d.next =
                self.enabled.q.val().replace_bit(self.at.q.val().index(), self.came_value.q.val().get_bit(16));
        }
        self.changed.d.next = bits::<8>(0).replace_bit(self.at.q.val().index(), true);
        self.rises.d.next = false;
        self.falls.d.next = false;
        if self.at_slot.q.val() && (self.came_row.q.val() == 16) {
            self.level.d.next = self.level.q.val().replace_bit(self.at.q.val().index(), self.wants.val());
            self.rises.d.next = self.wants.val() && !self.wanted.val();
            self.falls.d.next = !self.wants.val();
        }
        if self.rises.q.val() {
            self.pending_now.next = self.pending_now.val() | self.changed.q.val();
        } else if self.falls.q.val() {
            self.pending_now.next = self.pending_now.val() & (self.sendable.val() | !self.changed.q.val());
        }
        self.addresses.write_enable.next = self.at_slot.q.val() && (self.came_row.q.val() == 11);
        self.addresses.write_address.next = self.at.q.val();
        self.addresses.write_data.next = self.came_value.q.val();
        self.uppers.write_enable.next = self.at_slot.q.val() && (self.came_row.q.val() == 12);
        self.uppers.write_address.next = self.at.q.val();
        self.uppers.write_data.next = self.came_value.q.val();
        self.payloads.write_enable.next = self.at_slot.q.val() && (self.came_row.q.val() == 13);
        self.payloads.write_address.next = self.at.q.val();
        self.payloads.write_data.next = self.came_value.q.val().get_bits::<16>(0);
        self.intx.d.next = self.level.q.val() & !self.enabled.q.val() & !self.silent.q.val();
        self.own_intx.next = self.intx.q.val();
        self.pending.d.next = self.pending_now.val();

        // The next MSI.
        self.busy.next = (self.pending.q.val() & self.sendable.val()).any();
        self.turned.d.next = self.turn.val();
        self.turned_bit.d.next = bits::<8>(0).replace_bit(self.turn.val().index(), true);
        self.addresses.read_address.next = self.turned.q.val();
        self.uppers.read_address.next = self.turned.q.val();
        self.payloads.read_address.next = self.turned.q.val();
        if self.starts.val() {
            self.sending.d.next = true;
            self.beat.d.next = 0.into();
            self.slot.d.next = self.turned.q.val();
            self.address.d.next = self.addresses.read_data.val();
            self.upper.d.next = self.uppers.read_data.val();
            self.payload.d.next = self.payloads.read_data.val();
            self.long.d.next = self.uppers.read_data.val().any();
        }

        // Its beats: a memory write of one dword with three or four dwords of header.
        self.swapped_address.next = (bit_cast::<32, 8>(self.address.q.val().get_bits::<8>(0)) << 24)
            | (bit_cast::<32, 8>(self.address.q.val().get_bits::<8>(8)) << 16)
            | (bit_cast::<32, 8>(self.address.q.val().get_bits::<8>(16)) << 8)
            | bit_cast::<32, 8>(self.address.q.val().get_bits::<8>(24));
        self.swapped_upper.next = (bit_cast::<32, 8>(self.upper.q.val().get_bits::<8>(0)) << 24)
            | (bit_cast::<32, 8>(self.upper.q.val().get_bits::<8>(8)) << 16)
            | (bit_cast::<32, 8>(self.upper.q.val().get_bits::<8>(16)) << 8)
            | bit_cast::<32, 8>(self.upper.q.val().get_bits::<8>(24));
        self.header.next = (bit_cast::<64, 8>(self.upstream_bus.val()) << 32)
            | (bit_cast::<64, 3>(self.slot.q.val()) << 43)
            | bits::<64>(1080863910585696320_u64);
        self.header.next = self.header.val().replace_bit(5, self.long.q.val());
        self.middle.next =
            (bit_cast::<64, 16>(self.payload.q.val()) << 32) | bit_cast::<64, 32>(self.swapped_address.val());
        if self.long.q.val() {
            self.middle.next =
                (bit_cast::<64, 32>(self.swapped_address.val()) << 32) | bit_cast::<64, 32>(self.swapped_upper.val());
        }
        self.msi_data.next = self.header.val();
        if self.beat.q.val() == 1 {
            self.msi_data.next = self.middle.val();
        }
        if self.beat.q.val() == 2 {
            self.msi_data.next = bit_cast::<64, 16>(self.payload.q.val());
        }
        self.ends.next = (self.beat.q.val() == 2) || ((self.beat.q.val() == 1) && !self.long.q.val());
        self.msi_half.next = self.beat.q.val() == 2;
        self.msi_first.next = self.beat.q.val() == 0;
        self.msi_last.next = self.ends.val();
        self.msi_valid.next = self.sending.q.val();
        self.msi_class.next = 0.into();
        self.msi_dwords.next = 4.into();
        if self.long.q.val() {
            self.msi_dwords.next = 5.into();
        }
        if self.sending.q.val() && self.msi_ready.val() {
            self.beat.d.next = self.beat.q.val() + 1;
            if self.ends.val() {
                self.sending.d.next = false;
            }
        }
        if self.host_down.val() {
            self.rises.d.next = false;
            self.pending.d.next = 0.into();
            self.intx.d.next = 0.into();
        }
        if self.reset.val() {
            self.came.d.next = false;
            self.at_slot.d.next = false;
            self.turned_bit.d.next = 0.into();
            self.rises.d.next = false;
            self.falls.d.next = false;
            self.level.d.next = 0.into();
            self.pending.d.next = 0.into();
            self.enabled.d.next = 0.into();
            self.master.d.next = 0.into();
            self.silent.d.next = 0.into();
            self.upstream_master.d.next = false;
            self.intx.d.next = 0.into();
            self.sending.d.next = false;
        }
    }
}

//! Whose bus number, whose memory address?

use peb_hdl::prelude::*;

/// Compares a bus number and an address with the registers of all ports (1 + SLOTS of them, SLOTS at most 8), one port
/// a clock (PCI Express Base
/// Specification 7.5.1.3: bus numbers and windows of a bridge).
///
/// It has copies of the registers that count for routing, taken from the update bus of the configuration space: Command,
/// bus numbers, memory and prefetchable windows, Bridge Control, power state, Device Control 2. A window whose limit is
/// below its base, a port with Memory Space off or not in D0, a secondary bus 0: all claim nothing. Where ports overlap,
/// the lowest slot counts.
///
/// - Latency: `done` SLOTS + 3 clocks after `start`. Throughput: one question at a time.
/// - Registered: all outputs; the answers stand from `done` until the next `start`.
/// - Reset: ends the scan. The copies stay as they are: the configuration space announces them all after its own reset.
/// - Bad input: `start` during a scan begins anew. An update during a scan counts for it or for the next one.
/// - Waits for nothing. The question must stand from the clock after `start` to `done`.
#[derive(Module, Default)]
pub struct Match<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// A register row after a change; port 0 is the upstream port, 1 + n slot n.
    pub update: Signal<In, Bit>,
    pub update_port: Signal<In, U<4>>,
    pub update_row: Signal<In, U<5>>,
    pub update_value: Signal<In, U<32>>,
    pub start: Signal<In, Bit>,
    pub bus: Signal<In, U<8>>,
    /// Bits 63:32 are 0 in a request with a 3 DW header.
    pub address: Signal<In, U<64>>,
    /// A slot: where a TLP from below came in.
    pub source: Signal<In, U<3>>,
    pub done: Signal<Out, Bit>,
    /// The upstream port's secondary bus.
    pub internal_bus: Signal<Out, U<8>>,
    /// `bus` is in the upstream port's secondary..subordinate range; is its secondary bus.
    pub below_upstream: Signal<Out, Bit>,
    pub is_internal: Signal<Out, Bit>,
    /// `bus` is in the range of `bus_slot`; is its secondary bus; ARI Forwarding is on there.
    pub bus_hit: Signal<Out, Bit>,
    pub bus_slot: Signal<Out, U<3>>,
    pub bus_secondary: Signal<Out, Bit>,
    pub bus_ari: Signal<Out, Bit>,
    /// `address` is in a window of `memory_slot`; AtomicOp Egress Blocking is on there.
    pub memory_hit: Signal<Out, Bit>,
    pub memory_slot: Signal<Out, U<3>>,
    pub memory_atomic_block: Signal<Out, Bit>,
    /// `address` is in a window of the upstream port.
    pub in_upstream_window: Signal<Out, Bit>,
    /// `bus` is in the range of slot `source`; Bus Master Enable (in D0) and SERR# Enable of its Bridge Control.
    pub source_has_bus: Signal<Out, Bit>,
    pub source_master: Signal<Out, Bit>,
    pub source_serr: Signal<Out, Bit>,
    /// The same, and AtomicOp Egress Blocking, of the upstream port.
    pub upstream_master: Signal<Out, Bit>,
    pub upstream_serr: Signal<Out, Bit>,
    pub upstream_atomic_block: Signal<Out, Bit>,

    /// The copies, by port. Memory Space and Bus Master Enable.
    commands: LutRam<U<2>, 4>,
    /// Secondary and subordinate bus.
    buses: LutRam<U<16>, 4>,
    /// Base and limit, bits 31:20 of an address.
    memories: LutRam<U<24>, 4>,
    prefetchables: LutRam<U<24>, 4>,
    base_uppers: LutRam<U<32>, 4>,
    limit_uppers: LutRam<U<32>, 4>,
    /// SERR# Enable of Bridge Control.
    serrs: LutRam<U<1>, 4>,
    powers: LutRam<U<2>, 4>,
    /// ARI Forwarding Enable, AtomicOp Egress Blocking.
    controls: LutRam<U<2>, 4>,

    /// The port that is read next, 0: none.
    index: Reg<U<4>>,
    /// The port that was read, and its registers.
    row_valid: Reg<Bit>,
    row_port: Reg<U<4>>,
    row_command: Reg<U<2>>,
    row_buses: Reg<U<16>>,
    row_memory: Reg<U<24>>,
    row_prefetchable: Reg<U<24>>,
    row_base_upper: Reg<U<32>>,
    row_limit_upper: Reg<U<32>>,
    row_serr: Reg<Bit>,
    row_power: Reg<U<2>>,
    row_controls: Reg<U<2>>,
    /// The address is below 4 GB.
    low_address: Reg<Bit>,
    /// What came of comparing it.
    found_valid: Reg<Bit>,
    found_port: Reg<U<4>>,
    found_bus: Reg<U<8>>,
    at_least_secondary: Reg<Bit>,
    at_most_subordinate: Reg<Bit>,
    is_secondary: Reg<Bit>,
    has_bus: Reg<Bit>,
    above_base: Reg<Bit>,
    below_limit: Reg<Bit>,
    above_prefetchable: Reg<Bit>,
    below_prefetchable: Reg<Bit>,
    claims: Reg<Bit>,
    master: Reg<Bit>,
    serr: Reg<Bit>,
    ari: Reg<Bit>,
    atomic_block: Reg<Bit>,
    is_source: Reg<Bit>,

    is_done: Reg<Bit>,
    internal: Reg<U<8>>,
    a_below_upstream: Reg<Bit>,
    a_internal: Reg<Bit>,
    a_bus_hit: Reg<Bit>,
    a_bus_slot: Reg<U<3>>,
    a_bus_secondary: Reg<Bit>,
    a_bus_ari: Reg<Bit>,
    a_memory_hit: Reg<Bit>,
    a_memory_slot: Reg<U<3>>,
    a_memory_atomic: Reg<Bit>,
    a_in_window: Reg<Bit>,
    a_source_bus: Reg<Bit>,
    a_source_master: Reg<Bit>,
    a_source_serr: Reg<Bit>,
    a_master: Reg<Bit>,
    a_serr: Reg<Bit>,
    a_atomic: Reg<Bit>,

    /// SLOTS.
    last_port: Signal<Local, U<4>>,
    port: Signal<Local, U<4>>,
    address_low: Signal<Local, U<12>>,
    address_page: Signal<Local, U<44>>,
    base_page: Signal<Local, U<44>>,
    limit_page: Signal<Local, U<44>>,
    slot_port: Signal<Local, U<4>>,
    slot: Signal<Local, U<3>>,
    in_range: Signal<Local, Bit>,
    in_window: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SLOTS: usize> Logic for Match<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            index,
            row_valid,
            row_port,
            row_command,
            row_buses,
            row_memory,
            row_prefetchable,
            row_base_upper,
            row_limit_upper,
            row_serr,
            row_power,
            row_controls,
            low_address,
            found_valid,
            found_port,
            found_bus,
            at_least_secondary,
            at_most_subordinate,
            is_secondary,
            has_bus,
            above_base,
            below_limit,
            above_prefetchable,
            below_prefetchable,
            claims,
            master,
            serr,
            ari,
            atomic_block,
            is_source,
            is_done,
            internal,
            a_below_upstream,
            a_internal,
            a_bus_hit,
            a_bus_slot,
            a_bus_secondary,
            a_bus_ari,
            a_memory_hit,
            a_memory_slot,
            a_memory_atomic,
            a_in_window,
            a_source_bus,
            a_source_master,
            a_source_serr,
            a_master,
            a_serr,
            a_atomic
        );

        // The copies.
        self.port.next = self.index.q.val();
        if self.start.val() {
            self.port.next = 0.into();
        }
        self.commands.clock.next = self.clock.val();
        self.commands.write_enable.next = self.update.val() && (self.update_row.val() == 0);
        self.commands.write_address.next = self.update_port.val();
        self.commands.write_data.next = self.update_value.val().get_bits::<2>(1);
        self.commands.read_address.next = self.port.val();
        self.buses.clock.next = self.clock.val();
        self.buses.write_enable.next = self.update.val() && (self.update_row.val() == 2);
        self.buses.write_address.next = self.update_port.val();
        self.buses.write_data.next = self.update_value.val().get_bits::<16>(8);
        self.buses.read_address.next = self.port.val();
        self.memories.clock.next = self.clock.val();
        self.memories.write_enable.next = self.update.val() && (self.update_row.val() == 4);
        self.memories.write_address.next = self.update_port.val();
        self.memories.write_data.next = bit_cast::<24, 12>(self.update_value.val().get_bits::<12>(4))
            | (bit_cast::<24, 12>(self.update_value.val().get_bits::<12>(20)) << 12);
        self.memories.read_address.next = self.port.val();
        self.prefetchables.clock.next = self.clock.val();
        self.prefetchables.write_enable.next = self.update.val() && (self.update_row.val() == 5);
        self.prefetchables.write_address.next = self.update_port.val();
        self.prefetchables.write_data.next = bit_cast::<24, 12>(self.update_value.val().get_bits::<12>(4))
            | (bit_cast::<24, 12>(self.update_value.val().get_bits::<12>(20)) << 12);
        self.prefetchables.read_address.next = self.port.val();
        self.base_uppers.clock.next = self.clock.val();
        self.base_uppers.write_enable.next = self.update.val() && (self.update_row.val() == 6);
        self.base_uppers.write_address.next = self.update_port.val();
        self.base_uppers.write_data.next = self.update_value.val();
        self.base_uppers.read_address.next = self.port.val();
        self.limit_uppers.clock.next = self.clock.val();
        self.limit_uppers.write_enable.next = self.update.val() && (self.update_row.val() == 7);
        self.limit_uppers.write_address.next = self.update_port.val();
        self.limit_uppers.write_data.next = self.update_value.val();
        self.limit_uppers.read_address.next = self.port.val();
        self.serrs.clock.next = self.clock.val();
        self.serrs.write_enable.next = self.update.val() && (self.update_row.val() == 8);
        self.serrs.write_address.next = self.update_port.val();
        self.serrs.write_data.next = self.update_value.val().get_bits::<1>(17);
        self.serrs.read_address.next = self.port.val();
        self.powers.clock.next = self.clock.val();
        self.powers.write_enable.next = self.update.val() && (self.update_row.val() == 9);
        self.powers.write_address.next = self.update_port.val();
        self.powers.write_data.next = self.update_value.val().get_bits::<2>(0);
        self.powers.read_address.next = self.port.val();
        self.controls.clock.next = self.clock.val();
        self.controls.write_enable.next = self.update.val() && (self.update_row.val() == 17);
        self.controls.write_address.next = self.update_port.val();
        self.controls.write_data.next = bit_cast::<2, 1>(self.update_value.val().get_bits::<1>(5))
            | (bit_cast::<2, 1>(self.update_value.val().get_bits::<1>(7)) << 1);
        self.controls.read_address.next = self.port.val();

        // First step: read a port.
        self.last_port.next = 0.into();
        for _i in 0..SLOTS {
            self.last_port.next = self.last_port.val() + 1;
        }
        self.row_port.d.next = self.port.val();
        self.row_command.d.next = self.commands.read_data.val();
        self.row_buses.d.next = self.buses.read_data.val();
        self.row_memory.d.next = self.memories.read_data.val();
        self.row_prefetchable.d.next = self.prefetchables.read_data.val();
        self.row_base_upper.d.next = self.base_uppers.read_data.val();
        self.row_limit_upper.d.next = self.limit_uppers.read_data.val();
        self.row_serr.d.next = self.serrs.read_data.val().any();
        self.row_power.d.next = self.powers.read_data.val();
        self.row_controls.d.next = self.controls.read_data.val();
        self.low_address.d.next = !self.address.val().get_bits::<32>(32).any();
        self.row_valid.d.next = self.index.q.val().any();
        if self.index.q.val().any() {
            self.index.d.next = self.index.q.val() + 1;
            if self.index.q.val() == self.last_port.val() {
                self.index.d.next = 0.into();
            }
        }

        // Second step: compare.
        self.found_valid.d.next = self.row_valid.q.val();
        self.found_port.d.next = self.row_port.q.val();
        self.found_bus.d.next = self.row_buses.q.val().get_bits::<8>(0);
        self.at_least_secondary.d.next = self.bus.val() >= self.row_buses.q.val().get_bits::<8>(0);
        self.at_most_subordinate.d.next = self.bus.val() <= self.row_buses.q.val().get_bits::<8>(8);
        self.is_secondary.d.next = self.bus.val() == self.row_buses.q.val().get_bits::<8>(0);
        self.has_bus.d.next = self.row_buses.q.val().get_bits::<8>(0).any();
        self.address_low.next = self.address.val().get_bits::<12>(20);
        self.above_base.d.next = self.address_low.val() >= self.row_memory.q.val().get_bits::<12>(0);
        self.below_limit.d.next = self.address_low.val() <= self.row_memory.q.val().get_bits::<12>(12);
        self.address_page.next = self.address.val().get_bits::<44>(20);
        self.base_page.next = (bit_cast::<44, 32>(self.row_base_upper.q.val()) << 12)
            | bit_cast::<44, 12>(self.row_prefetchable.q.val().get_bits::<12>(0));
        self.limit_page.next = (bit_cast::<44, 32>(self.row_limit_upper.q.val()) << 12)
            | bit_cast::<44, 12>(self.row_prefetchable.q.val().get_bits::<12>(12));
        self.above_prefetchable.d.next = self.address_page.val() >= self.base_page.val();
        self.below_prefetchable.d.next = self.address_page.val() <= self.limit_page.val();
        self.claims.d.next = self.row_command.q.val().get_bit(0) && !self.row_power.q.val().any();
        self.master.d.next = self.row_command.q.val().get_bit(1) && !self.row_power.q.val().any();
        self.serr.d.next = self.row_serr.q.val();
        self.ari.d.next = self.row_controls.q.val().get_bit(0);
        self.atomic_block.d.next = self.row_controls.q.val().get_bit(1);
        self.slot_port.next = self.row_port.q.val() - 1;
        self.is_source.d.next = self.slot_port.val() == bit_cast::<4, 3>(self.source.val());

        // Third step: remember.
        self.slot_port.next = self.found_port.q.val() - 1;
        self.slot.next = self.slot_port.val().get_bits::<3>(0);
        self.in_range.next =
            self.has_bus.q.val() && self.at_least_secondary.q.val() && self.at_most_subordinate.q.val();
        self.in_window.next = self.claims.q.val()
            && ((self.low_address.q.val() && self.above_base.q.val() && self.below_limit.q.val())
                || (self.above_prefetchable.q.val() && self.below_prefetchable.q.val()));
        self.is_done.d.next = false;
        if self.found_valid.q.val() {
            if !self.found_port.q.val().any() {
                self.internal.d.next = self.found_bus.q.val();
                self.a_below_upstream.d.next = self.in_range.val();
                self.a_internal.d.next = self.has_bus.q.val() && self.is_secondary.q.val();
                self.a_in_window.d.next = self.in_window.val();
                self.a_master.d.next = self.master.q.val();
                self.a_serr.d.next = self.serr.q.val();
                self.a_atomic.d.next = self.atomic_block.q.val();
            } else {
                if self.in_range.val() && !self.a_bus_hit.q.val() {
                    self.a_bus_hit.d.next = true;
                    self.a_bus_slot.d.next = self.slot.val();
                    self.a_bus_secondary.d.next = self.is_secondary.q.val();
                    self.a_bus_ari.d.next = self.ari.q.val();
                }
                if self.in_window.val() && !self.a_memory_hit.q.val() {
                    self.a_memory_hit.d.next = true;
                    self.a_memory_slot.d.next = self.slot.val();
                    self.a_memory_atomic.d.next = self.atomic_block.q.val();
                }
                if self.is_source.q.val() {
                    self.a_source_bus.d.next = self.in_range.val();
                    self.a_source_master.d.next = self.master.q.val();
                    self.a_source_serr.d.next = self.serr.q.val();
                }
            }
            self.is_done.d.next = self.found_port.q.val() == self.last_port.val();
        }

        if self.start.val() {
            self.index.d.next = 1.into();
            self.row_valid.d.next = true;
            self.found_valid.d.next = false;
            self.is_done.d.next = false;
            self.a_bus_hit.d.next = false;
            self.a_bus_slot.d.next = 0.into();
            self.a_bus_secondary.d.next = false;
            self.a_bus_ari.d.next = false;
            self.a_memory_hit.d.next = false;
            self.a_memory_slot.d.next = 0.into();
            self.a_memory_atomic.d.next = false;
            self.a_source_bus.d.next = false;
            self.a_source_master.d.next = false;
            self.a_source_serr.d.next = false;
        }

        self.done.next = self.is_done.q.val();
        self.internal_bus.next = self.internal.q.val();
        self.below_upstream.next = self.a_below_upstream.q.val();
        self.is_internal.next = self.a_internal.q.val();
        self.bus_hit.next = self.a_bus_hit.q.val();
        self.bus_slot.next = self.a_bus_slot.q.val();
        self.bus_secondary.next = self.a_bus_secondary.q.val();
        self.bus_ari.next = self.a_bus_ari.q.val();
        self.memory_hit.next = self.a_memory_hit.q.val();
        self.memory_slot.next = self.a_memory_slot.q.val();
        self.memory_atomic_block.next = self.a_memory_atomic.q.val();
        self.in_upstream_window.next = self.a_in_window.q.val();
        self.source_has_bus.next = self.a_source_bus.q.val();
        self.source_master.next = self.a_source_master.q.val();
        self.source_serr.next = self.a_source_serr.q.val();
        self.upstream_master.next = self.a_master.q.val();
        self.upstream_serr.next = self.a_serr.q.val();
        self.upstream_atomic_block.next = self.a_atomic.q.val();
        if self.reset.val() {
            self.index.d.next = 0.into();
            self.row_valid.d.next = false;
            self.found_valid.d.next = false;
            self.is_done.d.next = false;
        }
    }
}

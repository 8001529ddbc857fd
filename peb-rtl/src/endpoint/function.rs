//! The endpoint.

use super::{Completer, Config, Decode, Dma, DmaReads, Egress, Memory, Registers, Signals};
use peb_hdl::prelude::*;

/// A PCI Express endpoint with one function, see the module's documentation. Its stream ports are the PCIe pins of a PEB the
/// other way round: what goes into the PEB at `pcie_rx` comes from `tx` here.
///
/// - Latency: a configuration read is answered 13 clocks after its last beat. Throughput: a dword a clock.
/// - `reset` (any level of `pcie_reset_out`) puts everything but memory back; `link_up` follows 64 clocks after its end.
/// - Bad input: requests that it does not support are answered with Unsupported Request, malformed TLPs are dropped.
#[derive(Module, Default)]
pub struct Endpoint {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// To the endpoint. TLPs must be whole dwords.
    pub rx_tdata: Signal<In, U<64>>,
    pub rx_tlast: Signal<In, Bit>,
    pub rx_tvalid: Signal<In, Bit>,
    pub rx_tready: Signal<Out, Bit>,
    pub rx_np_ok: Signal<Out, Bit>,
    /// From the endpoint.
    pub tx_tdata: Signal<Out, U<64>>,
    pub tx_tkeep: Signal<Out, U<8>>,
    pub tx_tlast: Signal<Out, Bit>,
    pub tx_tvalid: Signal<Out, Bit>,
    pub tx_tready: Signal<In, Bit>,
    pub tx_np_ok: Signal<In, Bit>,
    pub link_up: Signal<Out, Bit>,
    /// Device Serial Number, constant.
    pub serial: Signal<In, U<64>>,
    pub leds: Signal<Out, U<8>>,
    /// 1 = pressed; synchronous to `clock`.
    pub buttons: Signal<In, U<8>>,
    decode: Decode,
    space: Config,
    completer: Completer,
    memory: Memory,
    registers: Registers,
    dma: Dma,
    reads: DmaReads,
    signals: Signals,
    egress: Egress,
    /// Bus and device number as last configured.
    id: Reg<U<13>>,
    training: Reg<U<7>>,
    /// The last read of BAR 0 was of memory.
    from_memory: Reg<Bit>,
    own: Signal<Local, U<16>>,
    write: Signal<Local, Bit>,
    completion: Signal<Local, Bit>,
    in_memory: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Endpoint {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, id, training, from_memory);
        clock!(self, clock, decode, space, completer, memory, registers, dma, reads, signals, egress);
        self.decode.reset.next = self.reset.val();
        self.space.reset.next = self.reset.val();
        self.completer.reset.next = self.reset.val();
        self.registers.reset.next = self.reset.val();
        self.dma.reset.next = self.reset.val();
        self.reads.reset.next = self.reset.val();
        self.signals.reset.next = self.reset.val();
        self.egress.reset.next = self.reset.val();
        self.link_up.next = self.training.q.val().get_bit(6);
        if !self.training.q.val().get_bit(6) {
            self.training.d.next = self.training.q.val() + 1;
        }
        self.own.next = bit_cast::<16, 13>(self.id.q.val()) << 3;
        self.completer.id.next = self.own.val();
        self.dma.id.next = self.own.val();
        self.reads.id.next = self.own.val();
        self.signals.id.next = self.own.val();
        if self.decode.requested.val() && (self.decode.kind.val() == 2) {
            self.id.d.next = self.decode.own_id.val();
        }

        // What comes.
        self.decode.tdata.next = self.rx_tdata.val();
        self.decode.tlast.next = self.rx_tlast.val();
        self.decode.tvalid.next = self.rx_tvalid.val();
        self.rx_tready.next = self.decode.tready.val();
        self.decode.memory_on.next = self.space.memory_on.val();
        self.decode.bar.next = self.space.bar.val();
        self.completer.requested.next = self.decode.requested.val();
        self.completer.kind.next = self.decode.kind.val();
        self.completer.requester.next = self.decode.requester.val();
        self.completer.tag.next = self.decode.tag.val();
        self.completer.traffic.next = self.decode.traffic.val();
        self.completer.attributes.next = self.decode.attributes.val();
        self.completer.length.next = self.decode.length.val();
        self.completer.first_enables.next = self.decode.first_enables.val();
        self.completer.last_enables.next = self.decode.last_enables.val();
        self.completer.address.next = self.decode.address.val();
        self.completer.value.next = self.decode.value.val();
        self.rx_np_ok.next = self.completer.np_ok.val();
        self.reads.completion.next = self.decode.completion.val();
        self.reads.dword.next = self.decode.dword.val();
        self.reads.dword_valid.next = self.decode.dword_valid.val();
        self.reads.dword_first.next = self.decode.dword_first.val();
        self.reads.dword_last.next = self.decode.dword_last.val();
        self.reads.completed.next = self.decode.completed.val();
        self.reads.requester.next = self.decode.requester.val();
        self.reads.tag.next = self.decode.tag.val();
        self.reads.length.next = self.decode.length.val();
        self.reads.status.next = self.decode.status.val();
        self.reads.byte_count.next = self.decode.byte_count.val();
        self.reads.lower_address.next = self.decode.lower_address.val();
        self.reads.timeout_off.next = self.space.timeout_off.val();

        // Configuration space.
        self.space.serial.next = self.serial.val();
        self.space.address.next = self.completer.config_address.val();
        self.space.write.next = self.completer.config_write.val();
        self.space.write_data.next = self.completer.config_value.val();
        self.space.write_enables.next = self.completer.config_enables.val();
        self.completer.config_data.next = self.space.read_data.val();
        self.completer.payload.next = self.space.payload.val();
        self.space.unsupported.next = self.completer.unsupported.val();
        self.space.unsupported_posted.next = self.decode.unsupported_posted.val();
        self.space.poisoned.next = self.decode.poisoned.val();
        self.space.abort_received.next = self.reads.aborted.val();
        self.space.refusal_received.next = self.reads.refused.val();
        self.space.unexpected.next = self.reads.unexpected.val();

        // Memory and registers: written by what comes, read by whoever sends.
        self.write.next = self.decode.write.val() && self.decode.dword_valid.val();
        self.completion.next = self.decode.completion.val();
        self.memory.write_address.next = self.decode.dword_address.val().get_bits::<13>(0);
        self.memory.write_data.next = self.decode.dword.val();
        self.memory.write_enables.next = 0.into();
        if self.completion.val() {
            self.memory.write_address.next = self.reads.write_address.val();
            self.memory.write_enables.next = self.reads.write_enables.val();
        } else if self.write.val() && self.decode.dword_address.val().get_bit(13) {
            self.memory.write_enables.next = self.decode.dword_enables.val();
        }
        self.registers.write.next = self.write.val() && !self.decode.dword_address.val().get_bit(13);
        self.registers.write_address.next = self.decode.dword_address.val();
        self.registers.write_data.next = self.decode.dword.val();
        self.registers.write_enables.next = self.decode.dword_enables.val();
        self.registers.read_address.next = self.completer.read_address.val();
        self.in_memory.next = self.completer.read_address.val().get_bit(11);
        self.from_memory.d.next = self.in_memory.val();
        self.memory.read_address.next = bit_cast::<13, 11>(self.completer.read_address.val().get_bits::<11>(0)) << 2;
        self.memory.read_next_row.next = self.dma.read_next_row.val();
        if self.egress.owner.val().get_bit(1) {
            self.memory.read_address.next = self.dma.read_address.val();
        }
        self.completer.read_data.next = self.registers.read_data.val();
        self.registers.buttons.next = self.buttons.val();
        self.leds.next = self.registers.leds.val();

        // DMA.
        self.dma.start.next = self.registers.start.val();
        self.dma.to_host.next = self.registers.to_host.val();
        self.dma.host.next = self.registers.host.val();
        self.dma.local.next = self.registers.local.val();
        self.dma.length.next = self.registers.length.val();
        self.registers.done.next = self.dma.done.val();
        self.registers.failed.next = self.dma.failed.val();
        self.dma.master.next = self.space.master.val();
        self.dma.payload.next = self.space.payload.val();
        self.dma.request.next = self.space.request.val();
        self.dma.issue_ready.next = self.reads.issue_ready.val();
        self.dma.issue_tag.next = self.reads.issue_tag.val();
        self.reads.issue.next = self.dma.issue.val();
        self.reads.issue_local.next = self.dma.issue_local.val();
        self.reads.issue_bytes.next = self.dma.issue_bytes.val();
        self.dma.reads_idle.next = self.reads.idle.val();
        self.dma.read_failed.next = self.reads.failed.val();
        self.signals.interrupt.next = self.registers.interrupt.val();
        self.signals.turn_off.next = self.decode.turn_off.val();
        self.signals.enabled.next = self.space.msi.val();
        self.signals.master.next = self.space.master.val();
        self.signals.address.next = self.space.msi_address.val();
        self.signals.data.next = self.space.msi_data.val();

        // What leaves.
        self.egress.np_ok.next = self.tx_np_ok.val();
        self.egress.non_posted.next = self.dma.non_posted.val();
        self.egress.memory.next = self.memory.read_data.val();
        self.egress.from_memory[0].next = self.completer.reading.val() && self.from_memory.q.val();
        self.egress.from_memory[1].next = self.dma.reading.val();
        self.egress.from_memory[2].next = false;
        self.egress.start[0].next = self.completer.start.val();
        self.egress.dword[0].next = self.completer.dword.val();
        self.egress.valid[0].next = self.completer.valid.val();
        self.egress.last[0].next = self.completer.last.val();
        self.completer.ready.next = self.egress.ready[0].val();
        self.egress.start[1].next = self.dma.tlp.val();
        self.egress.dword[1].next = self.dma.dword.val();
        self.egress.valid[1].next = self.dma.valid.val();
        self.egress.last[1].next = self.dma.last.val();
        self.dma.ready.next = self.egress.ready[1].val();
        self.egress.start[2].next = self.signals.start.val();
        self.egress.dword[2].next = self.signals.dword.val();
        self.egress.valid[2].next = self.signals.valid.val();
        self.egress.last[2].next = self.signals.last.val();
        self.signals.ready.next = self.egress.ready[2].val();
        self.tx_tdata.next = self.egress.tdata.val();
        self.tx_tkeep.next = self.egress.tkeep.val();
        self.tx_tlast.next = self.egress.tlast.val();
        self.tx_tvalid.next = self.egress.tvalid.val();
        self.egress.tready.next = self.tx_tready.val();
        if self.reset.val() {
            self.id.d.next = 0.into();
            self.training.d.next = 0.into();
        }
    }
}

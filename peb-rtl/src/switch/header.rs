//! What the first 16 bytes of a TLP say.

use peb_hdl::prelude::*;

/// Takes the header of a TLP apart (PCI Express Base Specification 2.2).
///
/// - Latency: everything is right 3 clocks after the header stands. Registered: all outputs but `requester`, `tag` and
///   `attributes`, which are wires. There is no reset: the outputs follow the inputs. Waits for nothing.
/// - What says nothing about a type (bus and device of a memory request, say) means nothing for it.
#[derive(Module, Default)]
pub struct Header<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    /// Bytes 0 to 7 and 8 to 15, the first one in bits 7:0.
    pub head: Signal<In, U<64>>,
    pub rest: Signal<In, U<64>>,
    pub upstream_id: Signal<In, U<16>>,
    /// Memory request or AtomicOp; AtomicOp; configuration request; message.
    pub is_memory: Signal<Out, Bit>,
    pub is_atomic: Signal<Out, Bit>,
    pub is_config: Signal<Out, Bit>,
    pub is_message: Signal<Out, Bit>,
    /// Poisoned, with data; Length is 1.
    pub poisoned_write: Signal<Out, Bit>,
    pub one_dword: Signal<Out, Bit>,
    /// By ID: device and function are those of a downstream port; device 0; function 0; the upstream port.
    pub own_device: Signal<Out, Bit>,
    pub device_0: Signal<Out, Bit>,
    pub function_0: Signal<Out, Bit>,
    pub for_upstream: Signal<Out, Bit>,
    /// A local message that has no effect: Vendor_Defined Type 1, or one that receivers ignore (2.2.8.7).
    pub ignored: Signal<Out, Bit>,
    /// Who asks, with which tag (T9, T8 first) and attributes (ID-based ordering first); not of a completion.
    pub requester: Signal<Out, U<16>>,
    pub tag: Signal<Out, U<10>>,
    pub attributes: Signal<Out, U<3>>,
    /// Completion: it is the last one of its request.
    pub ends: Signal<Out, Bit>,
    /// Bytes that the completions of the request carry, or 4 (2.2.9); of a completion, those that come after it.
    pub bytes: Signal<Out, U<13>>,
    /// Lower Address of the first one; of a completion, of the one after it.
    pub lower: Signal<Out, U<7>>,

    reads: Reg<Bit>,
    memory: Reg<Bit>,
    atomic: Reg<Bit>,
    configuration: Reg<Bit>,
    message: Reg<Bit>,
    poisoned: Reg<Bit>,
    single: Reg<Bit>,
    own: Reg<Bit>,
    first_device: Reg<Bit>,
    first_function: Reg<Bit>,
    upstream: Reg<Bit>,
    silent: Reg<Bit>,
    final_one: Reg<Bit>,
    gap: Reg<U<3>>,
    count: Reg<U<13>>,
    low_address: Reg<U<7>>,
    /// Bytes that a completion carries, and that are due before it.
    carried: Reg<U<13>>,
    due: Reg<U<13>>,

    kind: Signal<Local, U<5>>,
    with_data: Signal<Local, Bit>,
    code: Signal<Local, U<8>>,
    device: Signal<Local, U<5>>,
    first_be: Signal<Local, U<4>>,
    last_be: Signal<Local, U<4>>,
    size: Signal<Local, U<13>>,
    low_gap: Signal<Local, U<2>>,
    high_gap: Signal<Local, U<2>>,
    dword: Signal<Local, U<5>>,
    is_completion: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SLOTS: usize> Logic for Header<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            reads,
            memory,
            atomic,
            configuration,
            message,
            poisoned,
            single,
            own,
            first_device,
            first_function,
            upstream,
            silent,
            final_one,
            gap,
            count,
            low_address,
            carried,
            due
        );

        // What the header says.
        self.kind.next = self.head.val().get_bits::<5>(0);
        self.with_data.next = self.head.val().get_bit(6);
        self.code.next = self.head.val().get_bits::<8>(56);
        self.reads.d.next = (self.kind.val() <= 1) && !self.with_data.val();
        self.atomic.d.next = (self.kind.val() == 12) || (self.kind.val() == 13) || (self.kind.val() == 14);
        self.memory.d.next = (self.kind.val() <= 1) || self.atomic.q.val();
        self.configuration.d.next = (self.kind.val() == 4) || (self.kind.val() == 5);
        self.message.d.next = self.kind.val().get_bit(4);
        self.poisoned.d.next = self.with_data.val() && self.head.val().get_bit(22);
        self.device.next = self.rest.val().get_bits::<5>(11);
        self.first_device.d.next = !self.device.val().any();
        self.first_function.d.next = !self.rest.val().get_bits::<3>(8).any();
        self.own.d.next = false;
        for i in 0..SLOTS {
            if (self.device.val().index() == i) && !self.rest.val().get_bits::<3>(8).any() {
                self.own.d.next = true;
            }
        }
        self.upstream.d.next = (self.rest.val().get_bits::<8>(0) == self.upstream_id.val().get_bits::<8>(8))
            && (self.rest.val().get_bits::<8>(8) == self.upstream_id.val().get_bits::<8>(0));
        self.silent.d.next = ((self.code.val() == 127) && (self.kind.val() == 20))
            || ((self.code.val().get_bits::<4>(4) == 4) && (self.kind.val() == 20));

        // Byte count and lower address (2.3.1.1). A read with hints has a steering tag for byte enables.
        self.first_be.next = self.head.val().get_bits::<4>(56);
        self.last_be.next = self.head.val().get_bits::<4>(60);
        self.size.next = (bit_cast::<13, 2>(self.head.val().get_bits::<2>(16)) << 10)
            | (bit_cast::<13, 8>(self.head.val().get_bits::<8>(24)) << 2);
        if !self.size.val().any() {
            self.size.next = 4096.into();
        }
        if self.head.val().get_bit(8) && !self.kind.val().any() {
            self.first_be.next = 15.into();
            self.last_be.next = 15.into();
        } else if self.size.val() == 4 {
            self.last_be.next = self.first_be.val();
        }
        self.low_gap.next = 3.into();
        if self.first_be.val().get_bit(0) || !self.first_be.val().any() {
            self.low_gap.next = 0.into();
        } else if self.first_be.val().get_bit(1) {
            self.low_gap.next = 1.into();
        } else if self.first_be.val().get_bit(2) {
            self.low_gap.next = 2.into();
        }
        self.high_gap.next = 3.into();
        if self.last_be.val().get_bit(3) {
            self.high_gap.next = 0.into();
        } else if self.last_be.val().get_bit(2) {
            self.high_gap.next = 1.into();
        } else if self.last_be.val().get_bit(1) {
            self.high_gap.next = 2.into();
        }
        self.gap.d.next = bit_cast::<3, 2>(self.low_gap.val()) + bit_cast::<3, 2>(self.high_gap.val());
        self.single.d.next = self.size.val() == 4;
        self.count.d.next = 4.into();
        self.low_address.d.next = 0.into();
        self.dword.next = self.rest.val().get_bits::<5>(26);
        if self.head.val().get_bit(5) {
            self.dword.next = self.rest.val().get_bits::<5>(58);
        }
        if self.reads.q.val() {
            self.count.d.next = self.size.val() - bit_cast::<13, 3>(self.gap.q.val());
            self.low_address.d.next = (bit_cast::<7, 5>(self.dword.val()) << 2) | bit_cast::<7, 2>(self.low_gap.val());
        } else if self.atomic.q.val() {
            self.count.d.next = self.size.val();
            if self.kind.val() == 14 {
                self.count.d.next = self.size.val() >> 1;
            }
        }

        // A completion says what is still due, with its own bytes (2.3.1.1).
        self.is_completion.next = (self.kind.val() == 10) || (self.kind.val() == 11);
        self.due.d.next = (bit_cast::<13, 4>(self.head.val().get_bits::<4>(48)) << 8)
            | bit_cast::<13, 8>(self.head.val().get_bits::<8>(56));
        if !self.head.val().get_bits::<4>(48).any() && !self.code.val().any() {
            self.due.d.next = 4096.into();
        }
        self.carried.d.next = self.size.val() - bit_cast::<13, 2>(self.rest.val().get_bits::<2>(24));
        self.final_one.d.next = self.is_completion.val()
            && (!self.with_data.val()
                || self.head.val().get_bits::<3>(53).any()
                || (self.due.q.val() <= self.carried.q.val()));
        if self.is_completion.val() {
            self.count.d.next = self.due.q.val() - self.carried.q.val();
            self.low_address.d.next = self.rest.val().get_bits::<7>(24) + bit_cast::<7, 13>(self.carried.q.val());
        }

        self.requester.next = (bit_cast::<16, 8>(self.head.val().get_bits::<8>(32)) << 8)
            | bit_cast::<16, 8>(self.head.val().get_bits::<8>(40));
        self.tag.next = (bit_cast::<10, 1>(self.head.val().get_bits::<1>(15)) << 9)
            | (bit_cast::<10, 1>(self.head.val().get_bits::<1>(11)) << 8)
            | bit_cast::<10, 8>(self.head.val().get_bits::<8>(48));
        self.attributes.next = (bit_cast::<3, 1>(self.head.val().get_bits::<1>(10)) << 2)
            | bit_cast::<3, 2>(self.head.val().get_bits::<2>(20));
        self.ends.next = self.final_one.q.val();
        self.is_memory.next = self.memory.q.val();
        self.is_atomic.next = self.atomic.q.val();
        self.is_config.next = self.configuration.q.val();
        self.is_message.next = self.message.q.val();
        self.poisoned_write.next = self.poisoned.q.val();
        self.one_dword.next = self.single.q.val();
        self.own_device.next = self.own.q.val();
        self.device_0.next = self.first_device.q.val();
        self.function_0.next = self.first_function.q.val();
        self.for_upstream.next = self.upstream.q.val();
        self.ignored.next = self.silent.q.val();
        self.bytes.next = self.count.q.val();
        self.lower.next = self.low_address.q.val();
    }
}

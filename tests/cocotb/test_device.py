"""A root complex that we did not write uses the endpoint of a network-attached device, through the host core and the one on its chip."""

import logging
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import Timer, ValueChange, with_timeout
from cocotbext.pcie.core import Device, MemoryEndpoint, RootComplex
from cocotbext.pcie.core.utils import PcieId
from test_pair import CLOCK_NS, DOWN_TICKS, HELLO_TICKS, LINKUP_TICKS, TICK, TIMEOUT, Link, Pair, tree

SEED = 30
# As the bench is generated: clocks of a bit on the UART.
BIT_CLOCKS = 8
CONTROL, HOST, HOST_HIGH, LOCAL, LENGTH, STATUS, COUNT, SCRATCH, LEDS, BUTTONS = 4, 8, 12, 16, 20, 24, 28, 36, 40, 44
RAM = 0x2000


class Bench(Pair):
    """The host core, the root complex, and the device."""

    def __init__(self, dut):
        self.dut = dut
        self.rc = RootComplex()
        self.rc.max_payload_size = 0x1
        root_port = self.rc.make_port()
        # The root port is content with a port of theirs, and what it sends goes to the core.
        Device(MemoryEndpoint()).connect(root_port)
        self.host = Link(dut, "host")
        root_port.set_downstream_port(self.host)

    async def line(self, text):
        """A request on the UART; gives the answer."""
        bit = BIT_CLOCKS * CLOCK_NS
        answer = cocotb.start_soon(self.answer(bit))
        for byte in (text + "\n").encode():
            for level in [0, *(byte >> n & 1 for n in range(8)), 1]:
                self.dut.uart_rx.value = level
                await Timer(bit, "ns")
        return await with_timeout(answer, 100, "us")

    async def answer(self, bit):
        text = ""
        while not text.endswith("\n"):
            while self.dut.uart_tx.value:
                await ValueChange(self.dut.uart_tx)
            await Timer(bit + bit // 2, "ns")
            byte = 0
            for n in range(8):
                byte |= int(self.dut.uart_tx.value) << n
                await Timer(bit, "ns")
            text += chr(byte)
        return text.strip()

    async def start(self):
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())
        dut.good.value = dut.host_mgmt_req.value = dut.buttons.value = 0
        dut.uart_rx.value = dut.rst.value = 1
        await Timer(20 * CLOCK_NS, "ns")
        dut.rst.value = 0
        for address, value in [(HELLO_TICKS, 1000), (DOWN_TICKS, 20_000), (TICK, 1)]:
            await self.register("host", address, value)

    async def plug(self):
        """Powers the device on; gives its slot a link."""
        self.dut.good.value = 1
        # It is out of reset some hundred clocks later.
        await Timer(400 * CLOCK_NS, "ns")
        for address, value in [(HELLO_TICKS, 1000), (DOWN_TICKS, 20_000), (LINKUP_TICKS, 100), (TICK, 1)]:
            assert await self.line(f"w {address:04x} {value:08x}") == f"={value:08x}", address
        if not self.dut.slot_up.value:
            await with_timeout(ValueChange(self.dut.slot_up), 20, "ms")
        assert int(self.dut.slot_up.value) == 1


async def used(dut, rounds):
    logging.getLogger("cocotb.pcie").setLevel(logging.WARNING)
    rng = random.Random(SEED)
    dut._log.info("seed %d", SEED)
    bench = Bench(dut)
    await bench.start()
    # Hot-add: an empty slot, then a device.
    await Timer(3000 * CLOCK_NS, "ns")
    assert not dut.slot_up.value
    await bench.plug()
    rc = bench.rc
    await rc.enumerate(timeout=TIMEOUT)
    found = [(str(device.pcie_id), device.vendor_id, device.device_id) for device in tree(rc.host_bridge.bus)]
    assert ("03:00.0", 0x1204, 0x5045) in found, found
    device = rc.find_device(PcieId(3, 0, 0))
    await device.enable_device()
    await device.set_master()
    bar = device.bar_window[0]

    async def write(offset, value):
        await bar.write_dword(offset, value)

    async def read(offset):
        return int.from_bytes(await bar.read(offset, 4, timeout=TIMEOUT), "little")

    # Registers, LEDs, buttons.
    assert await read(0) == 0x50454245
    await write(SCRATCH, 0x1234_5678)
    assert await read(SCRATCH) == 0x1234_5678
    await write(LEDS, 0x0A)
    assert await read(LEDS) == 0x0A
    assert int(dut.leds.value) >> 4 == 0x0A
    assert int(dut.leds.value) & 0b1010 == 0b0010, "attached, no fault"
    dut.buttons.value = 0x5C
    await Timer(10 * CLOCK_NS, "ns")
    assert await read(BUTTONS) == 0x5C

    # Memory.
    for length in [1, 4, 7, 128, 1000][:rounds]:
        at, data = rng.randrange(0, 8192 - length), rng.randbytes(length)
        await bar.write(RAM + at, data)
        assert await bar.read(RAM + at, length, timeout=TIMEOUT) == data, (at, length)

    # DMA both ways, with an interrupt behind it.
    memory = rc.mem_pool.alloc_region(64 << 10)
    base = memory.get_absolute_address(0)
    assert await device.alloc_irq_vectors(1, 1) == 1
    done = device.msi_vectors[0].event
    for length in [64, 3, 300, 4096, 1500][:rounds]:
        at, data = rng.randrange(0, 8192 - length), rng.randbytes(length)
        memory[0x101 : 0x101 + length] = data
        for to_host, place in [(0, base + 0x101), (1, base + 0x8000)]:
            done.clear()
            for offset, value in [(HOST, place & 0xFFFF_FFFF), (HOST_HIGH, place >> 32), (LOCAL, at), (LENGTH, length)]:
                await write(offset, value)
            await write(CONTROL, 5 | to_host << 1)
            await with_timeout(done.wait(), 5, "ms")
            assert await read(STATUS) == 2, length
            await write(STATUS, 2)
        assert memory[0x8000 : 0x8000 + length] == data, length
    assert await read(COUNT) == 2 * min(rounds, 5)

    # Gone with its power, and back.
    bench.clean()
    dut.good.value = 0
    await with_timeout(ValueChange(dut.slot_up), 20, "ms")
    assert await device.config_read_dword(0, timeout=TIMEOUT) == 0xFFFF_FFFF
    assert int(dut.leds.value) & 8 == 0
    bench.clean()
    return bench


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def device_is_used(dut):
    await used(dut, 5)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def device_is_used_for_a_short_time(dut):
    await used(dut, 2)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def device_negative_control(dut):
    """Must fail: the device has another value in its register than the one asked for."""
    bench = Bench(dut)
    await bench.start()
    await bench.plug()
    assert await bench.line(f"r {TICK:04x}") == "=00000002", "negative control"

"""A root complex and an endpoint that we did not write, at the ends of two PEBs on one cable."""

import itertools
import logging
import random

import cocotb
from cocotb.clock import Clock
from cocotb.queue import Queue
from cocotb.triggers import Event, FallingEdge, RisingEdge, Timer, ValueChange
from cocotbext.pcie.core import Device, MemoryEndpoint, RootComplex
from cocotbext.pcie.core.caps import MsiCapability
from cocotbext.pcie.core.tlp import Tlp

SEED = 20
CLOCK_NS = 8
# Far more than a request needs to the other end and back, in nanoseconds.
TIMEOUT = 200_000
TICK, HELLO_TICKS, DOWN_TICKS, LINKUP_TICKS = 0x20, 0x24, 0x28, 0x30
UNSUPPORTED, POSTED_DROPPED, UNEXPECTED, MALFORMED = 0x12C, 0x134, 0x140, 0x128


class Link:
    """Stands in for a port of the models: TLPs to and from one of the bench's tlp_link."""

    def __init__(self, dut, end):
        self.end = end
        self.rx_handler = None
        self.counts = {"sent": 0, "received": 0}
        self._posted, self._non_posted = Queue(), Queue()
        self._idle = Event()
        self._idle.set()
        self._signal = lambda name: getattr(dut, f"{end}_{name}")
        for way in ("p", "np"):
            self._signal(f"{way}_send").value = 0
        self._signal("took").value = 0
        cocotb.start_soon(self._run_posted())
        cocotb.start_soon(self._run_non_posted())
        cocotb.start_soon(self._run_receive())

    async def send(self, tlp):
        self.counts["sent"] += 1
        data = bytes(tlp.pack())
        posted = tlp.is_posted() or tlp.is_completion()
        if posted:
            self._idle.clear()
        (self._posted if posted else self._non_posted).put_nowait(data)
        tlp.release_fc()

    async def _push(self, way, data):
        self._signal(f"{way}_tlp").value = int.from_bytes(data, "little")
        self._signal(f"{way}_bytes").value = len(data)
        send = 1 - int(self._signal(f"{way}_send").value)
        self._signal(f"{way}_send").value = send
        await ValueChange(self._signal(f"{way}_sent"))

    async def _run_posted(self):
        while True:
            await self._push("p", await self._posted.get())
            if self._posted.empty():
                self._idle.set()

    async def _run_non_posted(self):
        while True:
            data = await self._non_posted.get()
            # No non-posted request passes a posted one.
            await self._idle.wait()
            await self._push("np", data)

    async def _run_receive(self):
        while True:
            await ValueChange(self._signal("came"))
            length = int(self._signal("bytes").value)
            data = (int(self._signal("tlp").value) & ((1 << 8 * length) - 1)).to_bytes(length, "little")
            self._signal("took").value = int(self._signal("came").value)
            self.counts["received"] += 1
            tlp = Tlp.unpack(data)
            assert bytes(tlp.pack()) == data, f"{self.end}: {data.hex()} is not a TLP of theirs"
            await self.rx_handler(tlp)


class Pair:
    """Both PEBs, the root complex and the device."""

    def __init__(self, dut):
        self.dut = dut
        self.rc = RootComplex()
        self.rc.max_payload_size = 0x1
        root_port = self.rc.make_port()
        self.endpoint = MemoryEndpoint()
        self.endpoint.vendor_id, self.endpoint.device_id = 0x1234, 0x5678
        self.low = self.endpoint.add_mem_region(64 << 10)
        self.high = self.endpoint.add_prefetchable_mem_region(1 << 20)
        self.msi = MsiCapability()
        self.msi.msi_64bit_address_capable = 1
        self.msi.msi_multiple_message_capable = 2
        self.endpoint.register_capability(self.msi)
        self.device = Device(self.endpoint)
        # Their own ports are content with each other and have nothing to carry.
        self.device.connect(root_port)
        self.host, self.link = Link(dut, "host"), Link(dut, "device")
        root_port.set_downstream_port(self.host)
        self.device.set_port(self.link)

    async def register(self, core, address, value=None):
        dut = self.dut
        dut.mgmt_addr.value, dut.mgmt_we.value, dut.mgmt_wdata.value = address, value is not None, value or 0
        request, ack = getattr(dut, f"{core}_mgmt_req"), getattr(dut, f"{core}_mgmt_ack")
        await RisingEdge(dut.clk)
        request.value = 1
        for _ in range(64):
            await FallingEdge(dut.clk)
            if ack.value:
                read = int(getattr(dut, f"{core}_mgmt_rdata").value)
                await RisingEdge(dut.clk)
                request.value = 0
                return read
        raise AssertionError(f"{core}: register {address:#x} is not acknowledged")

    async def start(self):
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, "ns").start())
        dut.present.value = dut.host_mgmt_req.value = dut.io_mgmt_req.value = 0
        dut.rst.value = 1
        await Timer(20 * CLOCK_NS, "ns")
        dut.rst.value = 0
        for core in ("host", "io"):
            for address, value in [(HELLO_TICKS, 1000), (DOWN_TICKS, 20_000), (TICK, 1)]:
                await self.register(core, address, value)
        await self.register("io", LINKUP_TICKS, 100)
        assert await self.register("io", LINKUP_TICKS) == 100
        dut.present.value = 1

    async def up(self):
        if not self.dut.slot_up.value:
            await ValueChange(self.dut.slot_up)
        assert int(self.dut.slot_up.value) == 1

    def clean(self):
        assert not self.dut.fatal.value, "stat_fatal"
        assert not self.dut.fault.value, "a rule of the TLP stream is broken"


def tree(bus):
    """Every function found, with its ID and its place."""
    for device in bus.devices:
        yield device
        if device.subordinate is not None:
            yield from tree(device.subordinate)


async def enumerated(dut):
    logging.getLogger("cocotb.pcie").setLevel(logging.WARNING)
    pair = Pair(dut)
    await pair.start()
    await pair.up()
    await pair.rc.enumerate(timeout=TIMEOUT)
    return pair


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def device_through_two_pebs(dut):
    rng = random.Random(SEED)
    dut._log.info("seed %d", SEED)
    pair = await enumerated(dut)
    rc, endpoint = pair.rc, pair.endpoint

    # Configuration: what is there, and where.
    found = list(tree(rc.host_bridge.bus))
    ids = [(device.vendor_id, device.device_id) for device in found]
    assert ids.count((0x1234, 0x5678)) == 1, ids
    bridges = [device for device in found if device.is_bridge() and device.pcie_id.bus > 0]
    ports = [(str(device.pcie_id), device.pcie_type()) for device in bridges]
    assert ports == [("01:00.0", 5)] + [(f"02:{slot:02x}.0", 6) for slot in range(4)], ports
    device = rc.find_device(endpoint.pcie_id)
    assert str(endpoint.pcie_id) == "03:00.0" and device is not None, endpoint.pcie_id
    await device.enable_device()
    await device.set_master()
    assert endpoint.memory_space_enable and endpoint.bus_master_enable
    low, high = device.bar_window[0], device.bar_window[1]
    before = pair.host.counts["sent"]
    for value in (0x5A, 0xC3):
        await device.config_write_byte(0x3C, value, timeout=TIMEOUT)
        assert await device.config_read_byte(0x3C, timeout=TIMEOUT) == value
    assert pair.host.counts["sent"] == before + 4
    # Nobody there, three ways: no slot on the internal bus, an empty slot, no such device behind a full one.
    for bus, number in [(2, 9), (4, 0), (3, 1)]:
        absent = type(endpoint.pcie_id)(bus, number, 0)
        assert await rc.config_read_dword(absent, 0, timeout=TIMEOUT) == 0xFFFF_FFFF, absent

    # Memory, both windows, every alignment.
    for window, region, size in [(low, pair.low, 64 << 10), (high, pair.high, 1 << 20)]:
        for length in [1, 2, 3, 4, 5, 64, 127, 128, 129, 1000, 4096, rng.randrange(1, 3000)]:
            at, data = rng.randrange(0, size - length), rng.randbytes(length)
            await window.write(at, data)
            assert await window.read(at, length, timeout=TIMEOUT) == data, (at, length)
            assert region[at : at + length] == data, "the device has the bytes"

    # DMA both ways, addresses of 32 and 64 bits.
    memory = rc.mem_pool.alloc_region(64 << 10)
    base = memory.get_absolute_address(0)
    for length in [1, 7, 128, 300, 4096, rng.randrange(1, 3000)]:
        at, data = rng.randrange(0, (64 << 10) - length), rng.randbytes(length)
        await endpoint.mem_write(base + at, data)
        assert await endpoint.mem_read(base + at, length, timeout=TIMEOUT) == data, (at, length)
        assert memory[at : at + length] == data, "the host has the bytes"
    # Many reads at once.
    data = rng.randbytes(8192)
    memory[0:8192] = data
    reads = [cocotb.start_soon(endpoint.mem_read(base + at, 512, timeout=TIMEOUT)) for at in range(0, 8192, 512)]
    assert b"".join([await read for read in reads]) == data

    # MSI, and nothing of it before the DMA ahead of it.
    assert await device.alloc_irq_vectors(4, 4) == 4
    for number in itertools.islice(itertools.cycle(range(4)), 8):
        came = device.msi_vectors[number].event
        came.clear()
        data = rng.randbytes(512)
        await endpoint.mem_write(base, data)
        await pair.msi.issue_msi_interrupt(number)
        await came.wait()
        assert memory[0:512] == data, "DMA before its interrupt"

    # Nothing was refused but what was asked of nobody, and the device is gone when it is pulled.
    pair.clean()
    for core in ("host", "io"):
        for counter in (POSTED_DROPPED, UNEXPECTED, MALFORMED):
            assert await pair.register(core, counter) == 0, f"{core}: counter {counter:#x}"
    dut.present.value = 0
    await ValueChange(dut.slot_up)
    assert await device.config_read_dword(0, timeout=TIMEOUT) == 0xFFFF_FFFF
    assert await rc.config_read_dword(type(endpoint.pcie_id)(2, 0, 0), 0, timeout=TIMEOUT) != 0xFFFF_FFFF
    pair.clean()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def negative_control(dut):
    """Must fail: the bytes that the device has are not the ones that were written."""
    pair = await enumerated(dut)
    device = pair.rc.find_device(pair.endpoint.pcie_id)
    await device.enable_device()
    await device.bar_window[0].write(0, b"abcd")
    assert await device.bar_window[0].read(0, 4, timeout=TIMEOUT) == b"abce", "negative control"

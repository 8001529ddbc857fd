#!/usr/bin/env python3
"""Writes the golden frames beside this file.

Each frame is put together here from the figures in docs/wire-format.md and the PCI Express Base Specification, with
nothing but struct: offsets and codes are typed in, none comes from the crate under test. FCS is not included.
"""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
HOST = bytes.fromhex("020000000a01")
IO = bytes.fromhex("020000000b02")
BROADCAST = b"\xff" * 6


def ethernet(dst, src, tci=None):
    tag = b"" if tci is None else struct.pack(">HH", 0x8100, tci)
    return [(dst, "destination"), (src, "source")] + ([(tag, "tag")] if tag else []) + [(b"\x88\xb5", "EtherType")]


def header(kind, src_epoch, dst_epoch, seq, ack, flags, session, word, ts, ts_echo, window, np_limit):
    return [
        (struct.pack(">BB", 0x50, 0x10 | kind), "magic, version 1, kind %d" % kind),
        (struct.pack(">HH", src_epoch, dst_epoch), "src_epoch, dst_epoch"),
        (struct.pack(">HH", seq, ack), "seq, ack"),
        (struct.pack(">BB", flags, session), "flags, session"),
        (struct.pack(">I", word), "sack" if kind == 0 else "any_slot and slot, down_ticks"),
        (struct.pack(">I", ts)[1:], "ts"),
        (struct.pack(">I", ts_echo)[1:], "ts_echo"),
        (struct.pack(">BB", window, np_limit), "window, np_limit"),
    ]


def dwords(comment, *values):
    return (b"".join(struct.pack(">I", value) for value in values), comment)


def pad(parts):
    short = 60 - sum(len(data) for data, _ in parts)
    return parts + ([(b"\xff" * short, "padding")] if short > 0 else [])


def payload(count, first):
    return bytes((first + i) & 0xFF for i in range(count))


FRAMES = {
    "hello_io": (
        "An I/O PEB looks for a host: any slot, 3 wanted, DOWN_TICKS 20000. Untagged.",
        pad(ethernet(BROADCAST, IO)
            + header(1, 0x0007, 0, 0, 0, 0x00, 0, 0x83004E20, 0x000123, 0, 32, 0)),
    ),
    "hello_host": (
        "A host with sessions announces itself in VLAN 100.",
        pad(ethernet(BROADCAST, HOST, 100)
            + header(1, 0, 0, 0, 0, 0x06, 0, 0x00004E20, 0xFFFFFF, 0, 0, 0)),
    ),
    "offer": (
        "The host offers slot 2 in VLAN 100, PCP 5.",
        pad(ethernet(IO, HOST, 5 << 13 | 100)
            + header(2, 0x1234, 0x0007, 0, 0, 0x12, 0, 0x02004E20, 0x00ABCD, 0x000130, 32, 16)),
    ),
    "confirm": (
        "The I/O PEB takes it; its DOWN_TICKS is the largest there is.",
        pad(ethernet(HOST, IO, 100)
            + header(3, 0x0007, 0x1234, 0, 0, 0x14, 2, 0x03FFFFFF, 0x000200, 0x00ABD0, 32, 8)),
    ),
    "leave": (
        "The I/O PEB leaves.",
        pad(ethernet(HOST, IO, 4094) + header(4, 0x0007, 0x1234, 9, 8, 0x04, 2, 0, 0x000400, 0, 0, 0)),
    ),
    "ack_wrapped": (
        "Nothing but an acknowledgement; numbers wrap. 65535 is missing, 0 and 30 (bits 0 and 31) have arrived.",
        pad(ethernet(HOST, IO) + header(0, 0x0007, 0x1234, 0x0001, 0xFFFF, 0x14, 2, 0x80000001, 0x10, 0xFFFFF0, 17, 255)),
    ),
    "data_config": (
        "One configuration read (type 0, 01:00.0, register 0x100, all bytes) in a short tagged frame.",
        pad(ethernet(IO, HOST, 100)
            + header(0, 0x1234, 0x0007, 0x8000, 1, 0x07, 0, 0, 0x55AA55, 0, 32, 16)
            + [dwords("CfgRd0", 0x04000001, 0x0000070F, 0x01000100)]),
    ),
    "data_mixed": (
        "TLPs of every header size, with and without data and ECRC, and a control record; sent again. Nothing to fill.",
        pad(ethernet(HOST, IO)
            + header(0, 0x0007, 0x1234, 0xFFFF, 0x0102, 0x1D, 2, 0, 0x000001, 0xFFFFFE, 1, 0x80)
            + [
                dwords("MWr, bytes 0x1003 and 0x1004", 0x40000002, 0x01004218, 0x00001000, 0x00000011, 0x22000000),
                dwords("MRd, 4 dwords of header, ECRC", 0x20008010, 0x010043FF, 0x00000012, 0x34567000, 0xDEADBEEF),
                dwords("control record, code 5", 0xE502ABCD, 0x01020304),
                dwords("CplD, 4 bytes from ...45", 0x4A000002, 0x01000004, 0x00007F45, 0x00112233, 0x44000000),
                dwords("MsgD Set_Slot_Power_Limit, local", 0x74000001, 0x00000050, 0, 0, 0x19000000),
                dwords("Cpl, Unsupported Request", 0x0A000000, 0x01002004, 0x00000900),
            ]),
    ),
    "data_refilled": (
        "A tagged frame of 62 bytes whose tag a bridge took off and which it filled up with two zeros of its own.",
        ethernet(HOST, IO)
        + header(0, 0x0007, 0x1234, 5, 5, 0x05, 2, 0, 0x20, 0, 32, 16)
        + [dwords("MWr, 8 bytes", 0x40000002, 0x010001FF, 0x00002000, 1, 2), (b"\0\0", "the bridge's")],
    ),
    "data_full": (
        "A frame full to the last byte: writes of 512, 512 and 416 bytes.",
        ethernet(IO, HOST, 100)
        + header(0, 0x1234, 0x0007, 6, 6, 0x07, 0, 0, 0x30, 0, 32, 16)
        + [
            dwords("MWr, 512 bytes", 0x40000080, 0x000000FF, 0x80000000), (payload(512, 0), "payload"),
            dwords("MWr, 512 bytes", 0x40000080, 0x000001FF, 0x80000200), (payload(512, 1), "payload"),
            dwords("MWr, 416 bytes", 0x40000068, 0x000002FF, 0x80000400), (payload(416, 2), "payload"),
        ],
    ),
}

for name, (comment, parts) in FRAMES.items():
    lines = ["# " + comment, "# Written by make.py."]
    for data, what in parts:
        lines.append("# " + what)
        lines += [" ".join("%02x" % byte for byte in data[i:i + 32]) for i in range(0, len(data), 32)]
    (HERE / (name + ".hex")).write_text("\n".join(lines) + "\n")

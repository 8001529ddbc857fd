//! The Wireshark dissector, run by tshark on frames of several kinds.

use pcap_file::pcap::{PcapPacket, PcapWriter};
use peb_tlp::{AtomicOp, Completion, CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpView};
use peb_wire::{Flags, FrameBuilder, Header, Join, Mac, Message, Seq, VlanTag};
use std::process::Command;
use std::time::Duration;

const HOST: Mac = Mac([2, 0, 0, 0, 0x0a, 1]);
const IO: Mac = Mac([2, 0, 0, 0, 0x0b, 2]);
const DEVICE: FunctionId = FunctionId::new(1, 0, 0);
const ROOT: FunctionId = FunctionId::new(0, 0, 0);

/// Has tshark dissect the frames, 10 us apart; one row a frame, with the values of each field (several: by commas).
fn dissect(frames: &[Vec<u8>], options: &[&str], fields: &[&str]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.pcap");
    let mut pcap = PcapWriter::new(std::fs::File::create(&path).unwrap()).unwrap();
    for (i, frame) in frames.iter().enumerate() {
        let time = Duration::from_micros(10 * i as u64);
        pcap.write_packet(&PcapPacket::new(time, frame.len() as u32, frame)).unwrap();
    }
    drop(pcap);

    let script = concat!("lua_script:", env!("CARGO_MANIFEST_DIR"), "/../tools/wireshark/peb.lua");
    let mut command = Command::new("tshark");
    command.args(["-n", "-2", "-X", script, "-T", "fields", "-E", "occurrence=a", "-r"]).arg(&path).args(options);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap_or_else(|error| {
        panic!("tshark did not start ({error}). This test needs it: `apt-get install tshark`, or from wireshark.org")
    });
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !errors.contains("Lua"), "tshark: {errors}");
    assert!(!text.contains("Lua Error"), "tshark: {text}");
    // Newer versions write words for bits.
    let text = text.replace("True", "1").replace("False", "0");
    let rows: Vec<Vec<_>> = text.lines().map(|line| line.split('\t').map(str::to_string).collect()).collect();
    assert_eq!(rows.len(), frames.len(), "one row a frame: {text}");
    rows
}

/// The values of one frame joined for comparison.
fn row(rows: &[Vec<String>], frame: usize) -> String {
    rows[frame - 1].join(" ")
}

fn data(from_host: bool, seq: u16, tag: Option<u16>, tlps: &[&Tlp]) -> FrameBuilder {
    let (dst, src) = if from_host { (IO, HOST) } else { (HOST, IO) };
    let (src_epoch, dst_epoch) = if from_host { (0x1234, 7) } else { (7, 0x1234) };
    let flags = Flags { host: from_host, bound: true, ..Flags::default() };
    let header = Header { src_epoch, dst_epoch, seq: Seq(seq), flags, window: 32, ..Header::EMPTY };
    let mut builder = FrameBuilder::new(dst, src, header);
    builder.tag = tag.map(VlanTag::new);
    for tlp in tlps {
        builder.push_tlp(tlp.as_bytes()).unwrap();
    }
    builder
}

fn id(requester: FunctionId, tag: u16) -> RequestId {
    RequestId { requester, tag: Tag(tag) }
}

fn completion(request: &Tlp, completer: FunctionId, status: CompletionStatus, data: &[u8]) -> Tlp {
    let view = TlpView::parse(request.as_bytes()).unwrap();
    Tlp::completion(Completion::of(&view, completer, status), data).unwrap()
}

#[test]
fn header_fields() {
    let join = Join { any_slot: true, slot: 3, down_ticks: 20000 };
    let hello = Header { message: Message::Hello(join), src_epoch: 7, ts: 0x123, window: 32, ..Header::EMPTY };
    let offer = Header {
        message: Message::Offer(Join { any_slot: false, slot: 2, down_ticks: 0xff_ffff }),
        src_epoch: 0x1234,
        dst_epoch: 7,
        flags: Flags { host: true, ..Flags::default() },
        ts_echo: Some(0xff_fffe),
        ..Header::EMPTY
    };
    let acknowledgement = Header {
        message: Message::Data { sack: 0x8000_0001 },
        seq: Seq(65535),
        ack: Seq(258),
        session: 2,
        np_limit: 255,
        ..Header::EMPTY
    };
    let mut tagged = FrameBuilder::new(IO, HOST, offer);
    tagged.tag = Some(VlanTag { vid: 100, pcp: 5, dei: false });
    let frames = [
        FrameBuilder::new(Mac::BROADCAST, IO, hello).finish(),
        tagged.finish(),
        FrameBuilder::new(HOST, IO, acknowledgement).finish(),
    ];
    let rows = dissect(
        &frames,
        &[],
        &["peb.magic", "peb.version", "peb.kind", "peb.src_epoch", "peb.dst_epoch", "peb.seq", "peb.ack"],
    );
    assert_eq!(row(&rows, 1), "0x50 1 1 0x0007 0x0000 0 0");
    assert_eq!(row(&rows, 2), "0x50 1 2 0x1234 0x0007 0 0");
    assert_eq!(row(&rows, 3), "0x50 1 0 0x0000 0x0000 65535 258");
    let rows =
        dissect(&frames, &[], &["vlan.id", "peb.host", "peb.echo", "peb.any_slot", "peb.slot", "peb.down_ticks"]);
    assert_eq!(row(&rows, 1), " 0 0 1 3 20000");
    assert_eq!(row(&rows, 2), "100 1 1 0 2 16777215");
    assert_eq!(row(&rows, 3), " 0 0   ");
    let rows =
        dissect(&frames, &[], &["peb.sack", "peb.session", "peb.ts", "peb.ts_echo", "peb.window", "peb.np_limit"]);
    assert_eq!(row(&rows, 1), " 0 291 0 32 0");
    assert_eq!(row(&rows, 2), " 0 0 16777214 0 0");
    assert_eq!(row(&rows, 3), "0x80000001 2 0 0 0 255");
}

#[test]
fn tlp_fields() {
    let write = Tlp::memory_write(id(DEVICE, 0x42), 0x12_3456_7003, &[1, 2]).unwrap();
    let write = write.with_relaxed_ordering().unwrap().with_digest(0xdead_beef);
    let message = Tlp::message(id(DEVICE, 0), MsgRouting::Local, 0x20, [0; 8], &[]).unwrap();
    let atomic = Tlp::atomic(id(DEVICE, 0x3aa), 0x1008, AtomicOp::Swap(&[1; 8])).unwrap();
    let config = Tlp::config_write(id(ROOT, 9), FunctionId::new(2, 3, 1), 0x104, true, [6, 4, 0, 0]).unwrap();
    let io = Tlp::io_read(id(ROOT, 10), 0xcf8).unwrap();
    let mut control = data(true, 2, None, &[]);
    control.push_control(5, &[0, 1, 2, 3, 4, 5]).unwrap();
    let frames = [
        data(false, 0, Some(100), &[&write, &message, &atomic]).finish(),
        data(true, 1, None, &[&config, &io]).finish(),
        control.finish(),
    ];

    let rows = dissect(&frames, &[], &["peb.tlp.type", "peb.tlp.requester", "peb.tlp.tag", "peb.tlp.length"]);
    assert_eq!(row(&rows, 1), "0x60,0x34,0x4d 0x0100,0x0100,0x0100 0x0042,0x0000,0x03aa 2,2");
    assert_eq!(row(&rows, 2), "0x45,0x02 0x0000,0x0000 0x0009,0x000a 1,1");
    let rows = dissect(&frames, &[], &["peb.tlp.address", "peb.tlp.first_be", "peb.tlp.last_be", "peb.tlp.payload"]);
    assert_eq!(
        row(&rows, 1),
        "0x0000001234567000,0x0000000000001008 0x08,0x00 0x01,0x00 0000000102000000,0101010101010101"
    );
    assert_eq!(row(&rows, 2), "0x0000000000000cf8 0x0f,0x0f 0x00,0x00 06040000");
    let rows = dissect(&frames, &[], &["peb.tlp.ro", "peb.tlp.ecrc", "peb.tlp.message", "peb.tlp.routing"]);
    assert_eq!(row(&rows, 1), "1,0,0 0xdeadbeef 0x20 4");
    let rows = dissect(&frames, &[], &["peb.tlp.target", "peb.tlp.register", "peb.control.code"]);
    assert_eq!(row(&rows, 2), "0x0219 0x0104 ");
    assert_eq!(row(&rows, 3), "  5");
    let rows = dissect(&frames, &[], &["_ws.col.Info"]);
    assert_eq!(row(&rows, 1), "DATA seq=0 ack=0 MWr 0x1234567000, Msg Assert_INTA, Swap 0x1008 tag 0x3aa");
    assert_eq!(row(&rows, 2), "DATA seq=1 ack=0 CfgWr1 02:03.1 0x104 tag 0x09, IORd 0xcf8 tag 0x0a");
}

#[test]
fn requests_and_responses() {
    use CompletionStatus::{Successful, UnsupportedRequest};
    let config = Tlp::config_read(id(ROOT, 7), DEVICE, 0, false).unwrap();
    let read = Tlp::memory_read(id(DEVICE, 7), 0x2000, 16).unwrap();
    let first = completion(&read, ROOT, Successful, &[1; 8]);
    let view = TlpView::parse(read.as_bytes()).unwrap();
    let rest = Completion { byte_count: 8, lower_address: 8, ..Completion::of(&view, ROOT, Successful) };
    let rest = Tlp::completion(rest, &[2; 8]).unwrap();
    let frames = [
        data(true, 0, Some(5), &[&config]).finish(),
        // The same tag the other way: another transaction.
        data(false, 0, Some(5), &[&read]).finish(),
        data(true, 1, Some(5), &[&first]).finish(),
        data(false, 1, Some(5), &[&completion(&config, DEVICE, Successful, &[0x86, 0x80, 0, 0])]).finish(),
        data(true, 2, Some(5), &[&rest]).finish(),
        // The tag is used again.
        data(true, 3, Some(5), &[&config]).finish(),
        data(false, 2, Some(5), &[&completion(&config, DEVICE, UnsupportedRequest, &[])]).finish(),
        // One completion too many.
        data(false, 3, Some(5), &[&completion(&config, DEVICE, UnsupportedRequest, &[])]).finish(),
    ];
    let fields = ["peb.tlp.request_in", "peb.tlp.response_in", "peb.tlp.status", "peb.tlp.byte_count"];
    let rows = dissect(&frames, &[], &fields);
    let links: Vec<_> = rows.iter().map(|row| format!("{}<{}", row[0], row[1])).collect();
    assert_eq!(links, ["<4", "<3,5", "2<", "1<", "2<", "<7", "6<", "<"]);
    assert_eq!((&*rows[2][3], &*rows[4][3], &*rows[6][2]), ("16", "8", "1"));
    let times = dissect(&frames, &[], &["peb.tlp.time"]);
    let time: f64 = times[3][0].parse().unwrap();
    assert!((time - 30e-6).abs() < 1e-9, "{time}");
    let experts = dissect(&frames, &[], &["_ws.expert.message"]);
    let unmatched: Vec<_> = (1..=8).filter(|i| row(&experts, *i).contains("Completion without request")).collect();
    assert_eq!(unmatched, [8]);
}

#[test]
fn retransmissions_and_bad_frames() {
    let config = Tlp::config_read(id(ROOT, 7), DEVICE, 0, false).unwrap();
    let answer = completion(&config, DEVICE, CompletionStatus::Successful, &[0; 4]);
    let marked = |seq, tlp: &Tlp| {
        let mut builder = data(true, seq, None, &[tlp]);
        builder.header.flags.retransmit = true;
        builder.finish()
    };
    let good = data(true, 0, None, &[&config]).finish();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let frames = [
        good.clone(),
        marked(0, &config),
        data(false, 0, None, &[&answer]).finish(),
        marked(1, &config),
        good.clone(),
        with(14, 0x51),
        with(15, 0x20),
        with(15, 0x1f),
        // A TLP prefix, a reserved type, a TLP that is cut off.
        with(38, 0x80),
        with(38, 0x1f),
        with(38, 0x40)[..52].to_vec(),
        with(41, 0xff)[..30].to_vec(),
    ];
    let rows = dissect(&frames, &[], &["_ws.expert.message", "peb.first_copy_in", "peb.tlp.response_in"]);
    for (frame, message, first, response) in [
        (1, "", "", "3"),
        (2, "Retransmission of frame 1", "1", "3"),
        (3, "", "", ""),
        (4, "Retransmission, first copy not captured", "", ""),
        (5, "Duplicate of frame 1", "1", "3"),
        (6, "Bad magic", "", ""),
        (7, "Unknown version", "", ""),
        (8, "Unknown kind", "", ""),
    ] {
        assert_eq!(row(&rows, frame), format!("{message}\t{first}\t{response}").replace('\t', " "), "frame {frame}");
    }
    for (frame, message) in [
        (9, "At byte 24: no record, or cut off"),
        (10, "Reserved Fmt and Type"),
        (11, "At byte 24"),
        (12, "Frame ends"),
    ] {
        assert!(rows[frame - 1][0].contains(message), "frame {frame}: {}", rows[frame - 1][0]);
    }
}

#[test]
fn ethertype_is_a_preference() {
    let mut builder = data(true, 4, Some(7), &[]);
    builder.ethertype = 0x88b6;
    let frames = [builder.finish()];
    assert_eq!(row(&dissect(&frames, &[], &["peb.seq"]), 1), "");
    assert_eq!(row(&dissect(&frames, &["-o", "peb.ethertype:34998"], &["peb.seq"]), 1), "4");
}

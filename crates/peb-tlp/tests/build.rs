//! The builders against bytes written down from the specification's figures.

use peb_tlp::{AtomicOp, Completion, CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpError, TlpView};

const ID: RequestId = RequestId { requester: FunctionId::new(2, 3, 1), tag: Tag(0x42) };

#[track_caller]
fn is(tlp: Result<Tlp, TlpError>, expected: &str) {
    let got: String = tlp
        .unwrap()
        .as_bytes()
        .chunks(4)
        .map(|dw| format!("{:08x} ", u32::from_be_bytes([dw[0], dw[1], dw[2], dw[3]])))
        .collect();
    assert_eq!(got.trim_end(), expected);
}

#[test]
fn requests() {
    is(Tlp::memory_write(ID, 0x1003, &[0x11, 0x22]), "40000002 02194218 00001000 00000011 22000000");
    is(Tlp::memory_write(ID, 0x1001, &[0x11]), "40000001 02194202 00001000 00110000");
    is(Tlp::memory_write(ID, 0x5_0000_1000, &[1, 2, 3, 4]), "60000001 0219420f 00000005 00001000 01020304");
    is(Tlp::memory_read(ID, 0x1000, 4096), "00000000 021942ff 00001000");
    is(Tlp::memory_read(ID, 0x1004, 0), "00000001 02194200 00001004");
    is(Tlp::memory_read(ID, 0x1_0000_0006, 3), "20000002 0219421c 00000001 00000004");
    is(Tlp::config_read(ID, FunctionId::new(1, 0, 0), 0x104, false), "04000001 0219420f 01000104");
    is(Tlp::config_write(ID, FunctionId::new(3, 0, 0), 4, true, [6, 4, 0, 0]), "45000001 0219420f 03000004 06040000");
    is(Tlp::io_read(ID, 0xcf8), "02000001 0219420f 00000cf8");
    is(Tlp::io_write(ID, 0xcfc, [1, 2, 3, 4]), "42000001 0219420f 00000cfc 01020304");
    is(Tlp::message(ID, MsgRouting::Broadcast, 0x19, [0; 8], &[]), "33000000 02194219 00000000 00000000");
    is(
        Tlp::message(ID, MsgRouting::Local, 0x50, [0; 8], &[0x19, 0, 0, 0]),
        "74000001 02194250 00000000 00000000 19000000",
    );
    is(Tlp::atomic(ID, 0x1004, AtomicOp::FetchAdd(&[0, 0, 0, 1])), "4c000001 02194200 00001004 00000001");
    is(
        Tlp::atomic(ID, 0x1_0000_1008, AtomicOp::CompareSwap(&[1; 16])),
        "6e000004 02194200 00000001 00001008 01010101 01010101 01010101 01010101",
    );
}

#[test]
fn completions() {
    let read = Tlp::memory_read(ID, 0x10c5, 2).unwrap();
    let request = TlpView::parse(read.as_bytes()).unwrap();
    let completer = FunctionId::new(5, 0, 0);
    let refusal = Completion::of(&request, completer, CompletionStatus::UnsupportedRequest);
    is(Tlp::completion(refusal, &[]), "0a000000 05002002 02194245");
    let answer = Completion::of(&request, completer, CompletionStatus::Successful);
    is(Tlp::completion(answer, &[1, 2, 3, 4]), "4a000001 05000002 02194245 01020304");
    let all = Completion { byte_count: 4096, ..answer };
    is(Tlp::completion(all, &[1, 2, 3, 4]), "4a000001 05000000 02194245 01020304");
    assert_eq!(Tlp::completion(Completion { byte_count: 0, ..answer }, &[]), Err(TlpError::Field("byte count")));
}

#[test]
fn modifiers() {
    let write = Tlp::memory_write(ID, 0x1000, &[1, 2, 3, 4]).unwrap();
    let changed =
        write.with_relaxed_ordering().and_then(|tlp| tlp.with_no_snoop()).and_then(|tlp| tlp.with_traffic_class(3));
    let changed = changed.unwrap().with_id_based_ordering().poisoned().with_digest(1).with_digest(0xdead_beef);
    is(Ok(changed.clone()), "4034f001 0219420f 00001000 01020304 deadbeef");
    is(changed.with_byte_enables(0b0101, 0), "4034f001 02194205 00001000 01020304 deadbeef");
    let tag = RequestId { tag: Tag(0x3ff), ..ID };
    is(Tlp::memory_read(tag, 0, 4), "00880001 0219ff0f 00000000");
    let read = Tlp::memory_read(tag, 0, 4).unwrap();
    assert_eq!(TlpView::parse(read.as_bytes()).unwrap().tag(), Tag(0x3ff));
}

#[test]
fn refusals() {
    assert_eq!(Tlp::memory_write(ID, 0, &[]), Err(TlpError::Field("length")));
    assert_eq!(Tlp::memory_write(ID, 0, &[0; 516]), Err(TlpError::PayloadTooLong(516)));
    assert!(matches!(Tlp::memory_write(ID, 0xffd, &[0; 4]), Err(TlpError::Crosses4K { .. })));
    assert_eq!(Tlp::memory_read(RequestId { tag: Tag(0x400), ..ID }, 0, 4), Err(TlpError::Field("tag")));
    assert_eq!(Tlp::config_read(ID, FunctionId(0), 0x1000, false), Err(TlpError::Field("register")));
    assert_eq!(Tlp::io_read(ID, 2), Err(TlpError::Field("address")));
    assert_eq!(Tlp::atomic(ID, 0, AtomicOp::Swap(&[0; 16])), Err(TlpError::AtomicLength(4)));
    let config = Tlp::config_read(ID, FunctionId(0), 0, false).unwrap();
    assert_eq!(config.clone().with_traffic_class(1), Err(TlpError::TrafficClass(1)));
    assert_eq!(config.with_relaxed_ordering(), Err(TlpError::Attributes(2)));
}

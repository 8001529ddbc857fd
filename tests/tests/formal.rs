//! Proofs by induction, on the exported modules, that no queue, window or credit ever runs below nothing or over its
//! limit; each of them fails on the same module with a fault in its Rust source.
//!
//! A block is proved alone. What it is promised by its neighbours is assumed, and said beside each assumption; the
//! window is proved in two halves, each of which assumes what the other proves.
#![allow(missing_docs)]

use peb_hdl::prelude::*;
use peb_rtl::reliability::{AckScan, Scheduler};
use peb_rtl::rx::Output;
use peb_rtl::tx::NpRing;
use peb_verilog::formal::{prove, Verdict};
use peb_verilog::{export, mutate};

/// Proves `properties` of `block`, and that they do not hold with any of `faults` (part of the description of a
/// mutant, see [`mutate`]).
fn check(mut block: impl Block, name: &str, properties: &str, depth: u32, faults: &[&str]) {
    block.connect_all();
    let verdict = |verilog: &str| prove(&without_large_tables(verilog), name, properties, depth).unwrap();
    assert_eq!(verdict(&export(&block, name).unwrap()), Verdict::Proved);
    let mutants = mutate(&block, name, 1, usize::MAX);
    for fault in faults {
        let mut found = mutants.iter().filter(|m| m.description.contains(fault)).peekable();
        assert!(found.peek().is_some(), "no mutant of {name} is described by `{fault}`");
        assert!(found.any(|m| verdict(&m.verilog) != Verdict::Proved), "{name} is proved in spite of `{fault}`");
    }
}

/// Memories of many thousand words start with anything: to unroll their first contents takes minutes.
fn without_large_tables(verilog: &str) -> String {
    verilog.lines().filter(|l| !l.contains("i < 6144")).fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn the_output_queues_never_overflow() {
    check(
        Output::default(),
        "rx_output",
        OUTPUT,
        3,
        &["level.q Lt 30: operator Lt became Le", "np_level.q Sub 1: operator Sub became Add"],
    );
}

#[test]
fn credit_for_non_posted_is_never_overdrawn() {
    check(
        NpRing::<1>::default(),
        "np_ring",
        NP_RING,
        3,
        &["sent_now Ne np_allowed[i].q: operator Ne became Eq", "free_count.q Sub 1: operator Sub became Add"],
    );
}

#[test]
fn at_most_31_sequence_numbers_are_in_use() {
    check(
        Scheduler::new(1),
        "scheduler",
        SCHEDULER,
        4,
        &["outstanding Lt cast16(31): operator Lt became Le", "done_aborted negated"],
    );
}

#[test]
fn acknowledgement_never_passes_what_was_sent() {
    check(AckScan::new(1), "ack_scan", ACK_SCAN, 3, &["condition advance.q Gt outstanding.q negated"]);
}

/// Levels are what the pointers say, at most 32 and 64 places; while the peer keeps to its credit of 64 the
/// non-posted queue always has a place.
const OUTPUT: &str = r#"
reg [6:0] owed = 0;
reg back = 0;
reg starting = 1;
wire np_came = np_push && last;
always @(posedge clock) begin
    // Credit is given back a clock later at the earliest.
    back <= np_delivered && !reset;
    starting <= 0;
    if (reset) owed <= 0;
    else owed <= owed + np_came - back;
end
always @(*) begin
    // A flush gives no credit back: that begins anew with the session.
    assume (!flush);
    assert (!ending_q && !hit_q);
    // The peer's NpRing: at most 64 non-posted TLPs that were not reported as delivered.
    if (valid && non_posted) assume (owed < 64);
    assert (level_q + entering_q <= 32);
    assert (level_q[4:0] == tail_q - head_q);
    assert (!(pop && level_q == 0));
    assert (!(push && level_q + entering_q == 32));
    assert (np_level_q <= 64);
    assert (np_level_q[5:0] == np_tail_q - np_first_q);
    assert (!(np_pop && np_level_q == 0));
    assert (np_level_q + back <= owed && owed <= 64);
    if (space_q) assert (level_q + entering_q < 32);
    if (!np_space_q) assert (starting || owed == 64);
    if (valid && non_posted) assert (ready || starting);
    assert (!(here_q && fetching_q));
    if (here_q || fetching_q) assert (np_level_q != 0);
    if (in_np_q) assert (here_q && !in_ordered_q && !in_divert_q);
    if (in_divert_q) assert (here_q);
end
"#;

/// At most 8 TLPs wait; credit left is 0 to 64, so what was sent never passes what was allowed.
const NP_RING: &str = r#"
// The Packer looks (state Place), then pushes or uses once; a flush makes it look anew.
(* anyseq *) wire look;
reg place_seen = 0, credit_seen = 0, pushed = 0, spent = 0;
wire [8:0] level = count_0_q;
wire [7:0] credits = np_allowed_0_q - np_sent_0_q - spent_q;
wire [7:0] promised = np_limit - np_sent_0_q - spent_q;
reg [7:0] was_credits = 0;
wire cleared = reset || flush;
always @(posedge clock) begin
    pushed <= push;
    spent <= used || cleared;
    was_credits <= reset ? 0 : credits;
    place_seen <= !cleared && !push && (place_seen || (look && !full && !pushed));
    credit_seen <= !cleared && !used && (credit_seen || (look && credit[0] && !spent));
end
always @(*) begin
    // One session.
    assume (session == 0 && flush_session == 0 && np_limit_session == 0);
    if (push) assume (place_seen);
    if (used) assume (credit_seen);
    // The Packer pops what was offered, and does one thing at a time.
    if (pop) assume (level != 0 && !push && !pushed);
    // AckScan: credit never runs backwards. The peer's Reassembly: 64 beyond what it delivered, at most.
    if (np_limit_write) assume (promised <= 64 && promised >= credits);
    // No place is lost or in two lists.
    assert (level + freed_q + free_count_q + spare_valid_q + (9'd8 - fresh_q) == 9'd8);
    assert (level <= 8 && freed_q <= 8 && free_count_q <= 8 && fresh_q <= 8);
    assert (used_places_q == level + freed_q);
    if (put_q) assert (pushed && spare_valid_q && !place_seen);
    assert (credits <= 64);
    assert (candidate_q == 0);
    assert (has_credit_q[0] == (was_credits != 0));
    if (!spent) assert (credits >= was_credits);
    if (place_seen) assert (spare_valid_q);
    if (credit_seen) assert (credits != 0);
    assert (waits_q[7:1] == 0);
end
"#;

/// At most 31 sequence numbers are in use, modulo 2^16, also across a broken-off frame and the wrap of numbers.
const SCHEDULER: &str = r#"
wire new_data = sending_q && sending_data_q && !sending_again_q;
wire [15:0] flight = visited_next - visited_oldest;
wire [15:0] after = visited_next + new_data;
wire [15:0] chosen_ahead = chosen_seq_q - visited_oldest;
wire [15:0] weighed_ahead = weighed_next_q - visited_oldest;
reg past = 0;
reg [15:0] past_flight, past_oldest;
reg past_forget, past_clear;
always @(posedge clock) begin
    past <= 1;
    past_flight <= flight;
    past_oldest <= visited_oldest;
    past_forget <= forget;
    past_clear <= flush && flush_clear;
end
always @(*) begin
    // TxControl: one session.
    assume (last_session == 0 && visited == 0);
    assume (session_up[7:1] == 0 && open_ready[7:1] == 0);
    assume (flush_session == 0 && forget_session == 0 && resend_session == 0);
    // AckScan (proved below): the oldest number moves forward only, up to the next one; `forget` clears it.
    if (!past) assume (visited_oldest == 0);
    if (past && past_forget) assume (visited_oldest == 0);
    if (past && !past_forget) assume (visited_oldest - past_oldest <= past_flight);
    // AckScan forgets after reset, when Sessions has none up, and in a flush, when nothing is being sent.
    if (forget) assume ((reset_done && session_up == 0) || (past_clear && flush && !transmitted));
    // AckScan: what is to be sent again is lost.
    if (resend_valid) assume (lost[resend_slot]);

    assert (flight <= 31);
    assert (turn_q == 0 && look_q == 0);
    if (seen_q) assert (seen_row_q == 0);
    if (duty_q) assert (duty_row_q == 0);
    if (chosen_q) assert (chosen_row_q == 0);
    if (sending_q && sending_data_q) assert (sending_row_q == 0);
    if (new_data) assert (sending_seq_q == visited_next && flight < 31);
    if (chosen_q && !chosen_again_q) assert (chosen_seq_q == after && chosen_ahead < 31);
    if (weighed_q) assert (weighed_row_q == 0);
    if (weighed_q && weighed_fits_q) assert (weighed_next_q == after && weighed_ahead < 31);
    if (seen_q) assert (seen_next_q == after && seen_next_q - seen_oldest_q >= seen_next_q - visited_oldest);
end
reg reset_done = 1;
always @(posedge clock) reset_done <= reset;
"#;

/// The oldest number not acknowledged moves forward only, and never past the next one.
const ACK_SCAN: &str = r#"
reg past = 0;
reg [15:0] past_next, past_oldest;
reg past_forget;
wire [15:0] flight = visited_next - visited_oldest;
wire [15:0] moved = visited_oldest - past_oldest;
wire [15:0] past_flight = past_next - past_oldest;
wire [15:0] promised = ack - visited_oldest;
wire [15:0] grown = visited_next - past_next;
always @(posedge clock) begin
    past <= 1;
    past_next <= visited_next;
    past_oldest <= visited_oldest;
    past_forget <= forget;
end
wire at_work = step_q != ScanStep_Clear && step_q != ScanStep_Idle && step_q != ScanStep_Drain && step_q != ScanStep_Purge;
wire applying = at_work && !finding_q;
reg [15:0] held_ack;
reg held_accept = 0;
always @(posedge clock) begin
    held_ack <= ack;
    held_accept <= accept && !tx_done && !reset;
end
always @(*) begin
    // TxControl: one session.
    assume (last_session == 0 && visit_session == 0 && accept_session == 0);
    assume (flush_session == 0 && expired_session == 0 && find_session == 0);
    // Scheduler (proved above): at most 31 in flight; the next number grows by one at a time; `forget` clears it.
    assume (flight <= 31);
    if (!past || past_forget) assume (visited_next == 0);
    else assume (grown <= 1);
    // Sessions: a frame is shown until `tx_done`.
    if (held_accept) assume (accept && ack == held_ack);

    assert (step_q <= ScanStep_Purge);
    if (step_q != ScanStep_Idle) assert (row_q == 0);
    if (past && past_forget) assert (visited_oldest == 0);
    if (past && !past_forget) assert (moved <= past_flight);
    if (applying) assert (held_accept);
    if (applying && step_q != ScanStep_Load && step_q != ScanStep_Finish) begin
        assert (base_q == visited_oldest);
        assert (advance_q == promised);
        assert (outstanding_q <= flight);
    end
    if (step_q == ScanStep_Acknowledge || step_q == ScanStep_Lose || step_q == ScanStep_Write)
        assert (finding_q || advance_q <= outstanding_q);
    if (step_q == ScanStep_Find || step_q == ScanStep_Found) assert (finding_q);
    if (step_q == ScanStep_Acknowledge || step_q == ScanStep_Lose || step_q == ScanStep_Write || step_q == ScanStep_Finish) assert (!finding_q);
end
"#;

//! Tap: what a program sees of adapters is what is on the wire.

use framecast_tests::{
    Stage, batch,
    copying::{
        Read, read_tap, read_tap_pending, start_tap, stop_tap, tap_all, tap_input, try_read_tap,
    },
    frame, frames, roomy,
};
use ndis_lab::{AdapterConfig, NblSpec, NtStatus};
use protocol::{
    Direction, FilterInstruction, Reason, Request, TapBatch, TapDrop, TapRecord, TapReply,
    TapRequest, copies, limits, record,
};

const BUFFER_TOO_SMALL: NtStatus = NtStatus(0xC000_0023_u32.cast_signed());
const CANCELLED: NtStatus = NtStatus(0xC000_0120_u32.cast_signed());
const DEVICE_BUSY: NtStatus = NtStatus(0x8000_0011_u32.cast_signed());
const INVALID_PARAMETER: NtStatus = NtStatus(0xC000_000D_u32.cast_signed());
const NOT_FOUND: NtStatus = NtStatus(0xC000_0225_u32.cast_signed());
const QUOTA_EXCEEDED: NtStatus = NtStatus(0xC000_0044_u32.cast_signed());

/// The address of the next instruction is counted from the one after the jump.
const fn instruction(code: u16, jump_true: u8, jump_false: u8, operand: u32) -> FilterInstruction {
    FilterInstruction { code, jump_true, jump_false, operand }
}

/// `tcpdump -d "ether proto 0x88b5"`: load the EtherType, compare, take all or nothing.
const EXPERIMENTAL_ONLY: [FilterInstruction; 4] = [
    instruction(0x28, 0, 0, 12),
    instruction(0x15, 0, 1, 0x88B5),
    instruction(0x06, 0, 0, 0x0004_0000),
    instruction(0x06, 0, 0, 0),
];

#[test]
fn both_directions_are_seen_whole_and_told_apart() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let luid = adapter.config().luid;
    let client = stage.client();
    let reply = start_tap(&client, tap_all(), &[luid], &[]).expect("the tap starts");
    assert_eq!(reply.adapters, 1);
    assert_eq!(reply.buffer_bytes, limits::TAP_BUFFER_LEAST);
    assert_eq!(reply.timestamp_nanoseconds, 100);
    let (down, up) = (frames(20, 600), frames(10, 90));
    adapter.send_from_above(&down);
    adapter.indicate_from_below(&up, false);
    adapter.indicate_from_below(&up, true);
    let Read { batch, frames } = read_tap(&client);
    assert_eq!(batch.copied, 40);
    assert_eq!((batch.filtered, batch.dropped), (0, [0, 0]));
    let expected: Vec<_> = down
        .iter()
        .map(|bytes| (0, bytes.clone()))
        .chain(up.iter().chain(&up).map(|bytes| (record::RECEIVED, bytes.clone())))
        .collect();
    let seen: Vec<_> = frames.iter().map(|(it, bytes)| (it.flags, bytes.clone())).collect();
    assert_eq!(seen, expected);
    for (record, bytes) in &frames {
        assert_eq!(record.luid, luid);
        let length = u32::try_from(bytes.len()).expect("a frame");
        assert_eq!((record.length, record.captured), (length, length));
        assert_eq!((record.lost, record.reserved), (0, 0));
    }
    assert!(frames.is_sorted_by_key(|(record, _)| record.timestamp));
    // What was passed on is as it was.
    assert_eq!(adapter.wire().len(), 20);
    assert_eq!(adapter.received_above().len(), 20);
    let counters = client.counters(Some(luid)).expect("counters");
    assert_eq!(counters.get(Reason::Tapped), 40);
    assert_eq!(stop_tap(&client).expect("the tap stops").copied, 40);
    drop(client);
    stage.end();
}

#[test]
fn timestamps_are_the_time_of_day() {
    // 1601 to 1970, in 100-nanosecond intervals.
    const UNIX_EPOCH: u64 = 116_444_736_000_000_000;
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let hundreds = since.expect("after 1970").as_nanos() / 100;
        u64::try_from(hundreds).expect("before the year 60000") + UNIX_EPOCH
    };
    let before = now();
    adapter.send_from_above([frame(1, 60)]);
    let after = now();
    let (record, _) = read_tap(&client).frames[0].clone();
    assert!((before..=after).contains(&record.timestamp));
    drop(client);
    stage.end();
}

#[test]
fn only_the_direction_and_the_adapters_that_are_asked_for_are_seen() {
    let stage = Stage::new();
    let [one, other, third] =
        [1, 2, 3].map(|number| stage.adapter(AdapterConfig::numbered(number)));
    let client = stage.client();
    let request = TapRequest { flags: copies::RECEIVED, ..tap_all() };
    let asked_for = [other.config().luid, third.config().luid];
    let reply = start_tap(&client, request, &asked_for, &[]).expect("the tap starts");
    assert_eq!(reply.adapters, 2);
    for adapter in [&one, &other, &third] {
        adapter.send_from_above([frame(1, 100)]);
        adapter.indicate_from_below([frame(2, 200)], false);
    }
    let Read { frames, .. } = read_tap(&client);
    let luids: Vec<_> = frames.iter().map(|(record, _)| record.luid).collect();
    assert_eq!(luids, asked_for);
    assert!(frames.iter().all(|(_, bytes)| *bytes == frame(2, 200)));
    drop(client);
    stage.end();
}

#[test]
fn a_tap_on_all_adapters_sees_those_that_come_later() {
    let stage = Stage::new();
    let client = stage.client();
    let reply = start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    assert_eq!(reply.adapters, 0);
    let adapter = stage.adapter(roomy());
    adapter.send_from_above([frame(1, 100)]);
    assert_eq!(read_tap(&client).bytes(), [frame(1, 100)]);
    drop(client);
    stage.end();
}

#[test]
fn a_tap_goes_on_when_its_adapter_comes_back() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let luid = adapter.config().luid;
    let client = stage.client();
    start_tap(&client, tap_all(), &[luid], &[]).expect("the tap starts");
    adapter.send_from_above([frame(1, 100)]);
    adapter.pause();
    adapter.start().expect("it restarts");
    adapter.send_from_above([frame(2, 100)]);
    adapter.detach();
    let again = stage.adapter(roomy());
    again.send_from_above([frame(3, 100)]);
    assert_eq!(read_tap(&client).bytes(), [frame(1, 100), frame(2, 100), frame(3, 100)]);
    drop(client);
    stage.end();
}

#[test]
fn frames_are_cut_to_the_snap_length_and_say_how_long_they_were() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let request = TapRequest { snap_length: 64, ..tap_all() };
    start_tap(&client, request, &[], &[]).expect("the tap starts");
    adapter.send_from_above([frame(1, 1514), frame(2, 63), frame(3, 64), frame(4, 65)]);
    let Read { frames, .. } = read_tap(&client);
    let lengths: Vec<_> = frames.iter().map(|(it, _)| (it.length, it.captured)).collect();
    assert_eq!(lengths, [(1514, 64), (63, 63), (64, 64), (65, 64)]);
    for (number, (_, bytes)) in (1..).zip(&frames) {
        assert!(frame(number, 1514).starts_with(bytes));
    }
    drop(client);
    stage.end();
}

#[test]
fn the_filter_chooses_frames_and_how_much_of_them() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &EXPERIMENTAL_ONLY).expect("the tap starts");
    let other = [&[0xFF; 12][..], &[0x08, 0x06], &[0; 46]].concat();
    adapter.send_from_above([frame(1, 100), other, frame(2, 100)]);
    let Read { batch, frames } = read_tap(&client);
    assert_eq!(frames.len(), 2);
    assert_eq!((batch.copied, batch.filtered), (2, 1));
    stop_tap(&client).expect("the tap stops");

    let first_bytes = [instruction(0x06, 0, 0, 20)];
    start_tap(&client, tap_all(), &[], &first_bytes).expect("the tap starts anew");
    adapter.send_from_above([frame(3, 100)]);
    let Read { frames, .. } = read_tap(&client);
    assert_eq!((frames[0].0.length, frames[0].0.captured), (100, 20));
    drop(client);
    stage.end();
}

#[test]
fn frames_of_our_own_are_seen_where_that_is_asked_for() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let luid = adapter.config().luid;
    let (with, without) = (stage.client(), stage.client());
    let request = TapRequest { flags: tap_all().flags | copies::OURS, ..tap_all() };
    start_tap(&with, request, &[], &[]).expect("the tap starts");
    start_tap(&without, tap_all(), &[], &[]).expect("the tap starts");
    for direction in [Direction::Send, Direction::Receive] {
        with.inject(luid, direction, &batch([frame(1, 100)])).expect("it is injected");
    }
    let Read { frames, .. } = read_tap(&with);
    let flags: Vec<_> = frames.iter().map(|(record, _)| record.flags).collect();
    assert_eq!(flags, [record::OURS, record::OURS | record::RECEIVED]);
    assert!(frames.iter().all(|(_, bytes)| *bytes == frame(1, 100)));
    assert!(read_tap(&without).frames.is_empty());
    drop((with, without));
    stage.end();
}

#[test]
fn what_ndis_loops_back_is_seen_once() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    adapter.send_from_above([frame(1, 100)]);
    adapter.indicate_from_below([NblSpec::from(frame(1, 100)).loopback()], false);
    assert_eq!(read_tap(&client).frames.len(), 1);
    drop(client);
    stage.end();
}

#[test]
fn a_full_buffer_loses_frames_counts_them_and_slows_nobody() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let luid = adapter.config().luid;
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    let sent = frames(200, 1400);
    adapter.send_from_above(&sent);
    assert_eq!(adapter.wire().len(), 200, "the network does not wait for the reader");
    let Read { batch, frames } = read_tap(&client);
    // 256 KiB of records of 1440 bytes.
    assert_eq!(frames.len(), 182);
    assert_eq!(batch.dropped(TapDrop::BufferFull), 18);
    assert!(frames.iter().zip(&sent).all(|((_, seen), sent)| seen == sent));
    adapter.send_from_above([frame(1, 60), frame(2, 60)]);
    let Read { frames, .. } = read_tap(&client);
    let lost: Vec<_> = frames.iter().map(|(record, _)| record.lost).collect();
    assert_eq!(lost, [18, 0], "the record after a gap, and no other, says how long it is");
    let counters = client.counters(Some(luid)).expect("counters");
    assert_eq!(counters.get(Reason::TapDropped), 18);
    drop(client);
    stage.end();
}

#[test]
fn the_buffer_goes_round_and_round() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    for round in 0..500 {
        let sent: Vec<_> =
            (0..7).map(|it| frame(round, 14 + (round * 37 + it * 211) % 1500)).collect();
        adapter.send_from_above(&sent);
        assert_eq!(read_tap(&client).bytes(), sent, "round {round}");
    }
    drop(client);
    stage.end();
}

#[test]
fn a_read_waits_until_there_is_enough() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    // Just as much as two records take, each of a multiple of 8 bytes.
    let records = [400, 600].map(|length| size_of::<TapRecord>() + length);
    let wake_bytes = u32::try_from(records[0] + records[1]).expect("short");
    let request = TapRequest { wake_bytes, timeout_milliseconds: u32::MAX, ..tap_all() };
    start_tap(&client, request, &[], &[]).expect("the tap starts");
    let read = read_tap_pending(&client);
    adapter.send_from_above([frame(1, 400)]);
    stage.lab.settle();
    assert!(!read.is_done());
    adapter.send_from_above([frame(2, 600)]);
    let Read { frames, .. } = Read::of(&read.wait().output);
    assert_eq!(frames.len(), 2);
    // There is enough before the read.
    adapter.send_from_above([frame(3, 1400)]);
    assert!(read_tap_pending(&client).is_done());
    drop(client);
    stage.end();
}

#[test]
fn a_read_is_answered_when_its_time_is_up() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let request = TapRequest { wake_bytes: 30_000, timeout_milliseconds: 20, ..tap_all() };
    start_tap(&client, request, &[], &[]).expect("the tap starts");
    let Read { frames, .. } = Read::of(&read_tap_pending(&client).wait().output);
    assert!(frames.is_empty());
    adapter.send_from_above([frame(1, 400)]);
    let Read { frames, .. } = Read::of(&read_tap_pending(&client).wait().output);
    assert_eq!(frames.len(), 1);
    drop(client);
    stage.end();
}

#[test]
fn a_waiting_read_is_cancelled_and_ends_with_its_tap_and_its_handle() {
    let stage = Stage::new();
    let _adapter = stage.adapter(roomy());
    let client = stage.client();
    let request = TapRequest { timeout_milliseconds: 60_000, wake_bytes: 100, ..tap_all() };
    start_tap(&client, request, &[], &[]).expect("the tap starts");

    let read = read_tap_pending(&client);
    assert!(read.cancel());
    assert_eq!(read.wait().status, CANCELLED);

    let read = read_tap_pending(&client);
    assert_eq!(try_read_tap(&client, 4096).unwrap_err(), DEVICE_BUSY);
    stop_tap(&client).expect("the tap stops");
    assert_eq!(read.wait().status, CANCELLED);
    assert_eq!(try_read_tap(&client, 4096).unwrap_err(), NOT_FOUND);

    start_tap(&client, request, &[], &[]).expect("the tap starts anew");
    let read = read_tap_pending(&client);
    drop(client);
    assert_eq!(read.wait().status, CANCELLED);
    stage.end();
}

#[test]
fn a_record_that_does_not_fit_stays() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    adapter.send_from_above([frame(1, 500), frame(2, 500)]);
    let record = size_of::<TapRecord>() + 504;
    let short = size_of::<TapBatch>() + record - 1;
    assert_eq!(try_read_tap(&client, short).unwrap_err(), BUFFER_TOO_SMALL);
    let one = try_read_tap(&client, short + 1).expect("one fits");
    assert_eq!(Read::of(&one).bytes(), [frame(1, 500)]);
    assert_eq!(read_tap(&client).bytes(), [frame(2, 500)]);
    drop(client);
    stage.end();
}

#[test]
fn malformed_requests_for_a_tap_are_refused_and_leave_nothing() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let luid = adapter.config().luid;
    let client = stage.client();
    let refused = |request, luids: &[u64], filter: &[FilterInstruction]| {
        start_tap(&client, request, luids, filter).expect_err("it is refused")
    };
    let good = tap_all();
    for request in [
        TapRequest { flags: 0, ..good },
        TapRequest { flags: copies::OURS, ..good },
        TapRequest { flags: copies::SENT | copies::PERSISTENT, ..good },
        TapRequest { snap_length: 0, ..good },
        TapRequest { buffer_bytes: limits::TAP_BUFFER_LEAST - 1, ..good },
        TapRequest { buffer_bytes: limits::TAP_BUFFER_MOST + 1, ..good },
        TapRequest { wake_bytes: limits::TAP_BUFFER_LEAST / 2 + 1, ..good },
        TapRequest { reserved: 1, ..good },
    ] {
        assert_eq!(refused(request, &[], &[]), INVALID_PARAMETER, "{request:?}");
    }
    assert_eq!(refused(good, &[luid; 129], &[]), INVALID_PARAMETER);
    assert_eq!(refused(good, &[luid, 12345], &[]), NOT_FOUND);
    let no_return = [instruction(0x28, 0, 0, 12)];
    assert_eq!(refused(good, &[], &no_return), INVALID_PARAMETER);
    let too_far = [instruction(0x15, 9, 0, 1), instruction(0x06, 0, 0, 0)];
    assert_eq!(refused(good, &[], &too_far), INVALID_PARAMETER);
    let too_many = vec![instruction(0x06, 0, 0, 0); limits::FILTER_INSTRUCTIONS + 1];
    assert_eq!(refused(good, &[], &too_many), INVALID_PARAMETER);
    // Announced, and not there; there, and not announced.
    let input = tap_input(good, &[luid], &EXPERIMENTAL_ONLY);
    let long = [&input[..], &[0; 8]].concat();
    for length in (0..=long.len()).filter(|&length| length != input.len()) {
        let code = Request::TapStart.code();
        let result = client.transport().control(code, &long[..length], size_of::<TapReply>());
        assert_eq!(result.status, INVALID_PARAMETER, "{length} bytes");
    }
    start_tap(&client, good, &[luid], &EXPERIMENTAL_ONLY).expect("the whole is taken");
    assert_eq!(refused(good, &[], &[]), DEVICE_BUSY);
    drop(client);
    stage.end();
}

#[test]
fn there_is_a_limit_on_taps() {
    let stage = Stage::new();
    let clients: Vec<_> = (0..limits::TAPS).map(|_| stage.client()).collect();
    for client in &clients {
        start_tap(client, tap_all(), &[], &[]).expect("the tap starts");
    }
    let one_more = stage.client();
    assert_eq!(start_tap(&one_more, tap_all(), &[], &[]).unwrap_err(), QUOTA_EXCEEDED);
    stop_tap(&clients[0]).expect("the tap stops");
    start_tap(&one_more, tap_all(), &[], &[]).expect("there is room again");
    let adapter = stage.adapter(roomy());
    adapter.send_from_above([frame(1, 100)]);
    for client in clients[1..].iter().chain([&one_more]) {
        assert_eq!(read_tap(client).frames.len(), 1);
    }
    drop((clients, one_more));
    stage.end();
}

#[test]
fn a_paused_adapter_shows_nothing() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    adapter.pause();
    adapter.send_from_above([frame(1, 100)]);
    assert!(read_tap(&client).frames.is_empty(), "it never was on the wire");
    drop(client);
    stage.end();
}

#[test]
fn a_tap_takes_no_memory_from_the_system_in_a_steady_state() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    let before = stage.lab.allocations();
    for _ in 0..50 {
        adapter.send_from_above(frames(10, 300));
        assert_eq!(read_tap(&client).frames.len(), 10);
    }
    assert_eq!(stage.lab.allocations(), before);
    drop(client);
    stage.end();
}

//! Mirror: frames of one adapter, sent on another.

use framecast_tests::{
    Stage, batch, bytes_of,
    copying::{
        add_mirror, mirror_all, mirror_record, mirrors, read_tap, remove_mirror, start_tap, tap_all,
    },
    frame, frames, roomy, second,
};
use framecastctl::Client;
use ndis_lab::{AdapterConfig, File, Lab, NbSpec, NblSpec, NtStatus, Order};
use protocol::{
    Direction, FilterInstruction, MirrorDrop, MirrorRequest, Reason, TapRequest, copies, limits,
    mirror_state, record,
};

const FAILURE: NtStatus = NtStatus(0xC000_0001_u32.cast_signed());
const INVALID_PARAMETER: NtStatus = NtStatus(0xC000_000D_u32.cast_signed());
const NOT_FOUND: NtStatus = NtStatus(0xC000_0225_u32.cast_signed());
const QUOTA_EXCEEDED: NtStatus = NtStatus(0xC000_0044_u32.cast_signed());

#[test]
fn both_directions_of_the_source_are_sent_on_the_target_in_order() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    let (down, up) = (frames(30, 700), frames(20, 90));
    source.send_from_above(&down);
    source.indicate_from_below(&up, false);
    source.indicate_from_below(&up, true);
    let copied = target.wire();
    assert_eq!(bytes_of(&copied), [down, up.clone(), up].concat());
    assert!(copied.iter().all(|copy| copy.originated && copy.data_offset == 128));
    let batches: Vec<_> = copied.iter().map(|copy| copy.batch).collect();
    assert_eq!(batches, [vec![0; 30], vec![1; 20], vec![2; 20]].concat(), "a batch stays one");
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, 0);
    // The target's own traffic and the source's are as ever.
    assert_eq!(source.wire().len(), 30);
    assert_eq!(source.received_above().len(), 40);
    assert!(target.received_above().is_empty());
    let record = mirror_record(&client, id);
    assert_eq!((record.sent, record.filtered), (70, 0));
    assert_eq!(record.bytes, 30 * 700 + 40 * 90);
    assert_eq!(record.dropped, [0; 7]);
    let counters = client.counters(Some(target.config().luid)).expect("counters");
    assert_eq!(counters.get(Reason::MirrorSent), 70);
    drop(client);
    stage.end();
}

#[test]
fn lists_of_several_frames_become_lists_of_several_frames() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    let many = NblSpec::many((0..5).map(|number| NbSpec::new(frame(number, 300))));
    target.hold_sends();
    source.send_from_above([many, NblSpec::from(frame(9, 80))]);
    assert_eq!(target.held_sends(), 2, "two lists came, two leave");
    target.release_sends(Order::Reverse);
    let expected: Vec<_> = (0..5).map(|number| frame(number, 300)).chain([frame(9, 80)]).collect();
    assert_eq!(bytes_of(&target.wire()), expected);
    drop(client);
    stage.end();
}

#[test]
fn direction_snap_length_filter_and_tag_are_kept_to() {
    let instruction = |code, jump_true, jump_false, operand| FilterInstruction {
        code,
        jump_true,
        jump_false,
        operand,
    };
    // Frames of at least 100 bytes: `tcpdump -d "greater 100"`.
    let long_ones = [
        instruction(0x80, 0, 0, 0),
        instruction(0x35, 0, 1, 100),
        instruction(0x06, 0, 0, 0x0004_0000),
        instruction(0x06, 0, 0, 0),
    ];
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let request = MirrorRequest {
        flags: copies::SENT | copies::TAGGED,
        snap_length: 128,
        tag: 0xA064,
        ..mirror_all(source.config().luid, target.config().luid)
    };
    let id = add_mirror(&client, request, &long_ones).expect("it is added");
    source.send_from_above([frame(1, 1514), frame(2, 80), frame(3, 100)]);
    source.indicate_from_below([frame(4, 500)], false);
    let tagged = |frame: Vec<u8>, length: usize| {
        let tagged = [&frame[..12], &[0x81, 0x00, 0xA0, 0x64], &frame[12..]].concat();
        tagged[..length].to_vec()
    };
    assert_eq!(bytes_of(&target.wire()), [tagged(frame(1, 1514), 132), tagged(frame(3, 100), 104)]);
    let record = mirror_record(&client, id);
    assert_eq!((record.sent, record.filtered), (2, 1));
    assert_eq!((record.tag, record.snap_length, record.instructions), (0xA064, 128, 4));
    drop(client);
    stage.end();
}

#[test]
fn the_filter_sees_the_frames_of_the_source_and_not_the_tag_of_the_mirror() {
    let instruction = |code, jump_true, jump_false, operand| FilterInstruction {
        code,
        jump_true,
        jump_false,
        operand,
    };
    // The EtherType, and the byte behind it, are those of `frame(1, …)`.
    let bytes = frame(1, 200);
    let same = [
        instruction(0x28, 0, 0, 12),
        instruction(0x15, 0, 3, 0x88B5),
        instruction(0x30, 0, 0, 14),
        instruction(0x15, 0, 1, bytes[14].into()),
        instruction(0x06, 0, 0, 0x0004_0000),
        instruction(0x06, 0, 0, 0),
    ];
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let request = mirror_all(source.config().luid, target.config().luid);
    let request = MirrorRequest { flags: request.flags | copies::TAGGED, tag: 7, ..request };
    let id = add_mirror(&client, request, &same).expect("it is added");
    source.send_from_above([frame(1, 200), frame(2, 200)]);
    let record = mirror_record(&client, id);
    assert_eq!((record.sent, record.filtered), (1, 1));
    assert_eq!(target.wire()[0].bytes.len(), 204);
    drop(client);
    stage.end();
}

#[test]
fn a_filter_that_keeps_next_to_nothing_keeps_a_header() {
    let five_bytes = [FilterInstruction { code: 6, operand: 5, ..FilterInstruction::default() }];
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &five_bytes)
        .expect("it is added");
    source.send_from_above([frame(1, 100)]);
    assert_eq!(bytes_of(&target.wire()), [&frame(1, 100)[..14]]);
    drop(client);
    stage.end();
}

#[test]
fn a_slow_target_costs_counted_frames_and_no_more() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let (from, to) = (source.config().luid, target.config().luid);
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(from, to), &[]).expect("it is added");
    target.hold_sends();
    for _ in 0..20 {
        source.send_from_above(frames(32, 1000));
    }
    assert_eq!(source.wire().len(), 640, "the source does not wait for the target");
    let held = target.held_sends();
    let record = mirror_record(&client, id);
    assert_eq!(record.dropped(MirrorDrop::NoBuffers), 640 - held as u64);
    assert_eq!(record.sent, 0);
    target.release_sends(Order::Reverse);
    assert_eq!(mirror_record(&client, id).sent, held as u64);
    let counters = client.counters(Some(from)).expect("counters");
    assert_eq!(counters.get(Reason::MirrorDropped), 640 - held as u64);
    // The buffers are home: the next frames go.
    source.send_from_above([frame(1, 100)]);
    assert_eq!(mirror_record(&client, id).sent, held as u64 + 1);
    drop(client);
    stage.end();
}

#[test]
fn mirrors_survive_pauses_and_adapters_that_come_back() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let (from, to) = (source.config().luid, target.config().luid);
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(from, to), &[]).expect("it is added");
    let there = mirror_state::SOURCE_PRESENT | mirror_state::TARGET_PRESENT;
    assert_eq!(mirror_record(&client, id).flags & there, there);

    target.pause();
    source.send_from_above([frame(1, 100)]);
    assert_eq!(mirror_record(&client, id).dropped(MirrorDrop::TargetAway), 1);
    target.start().expect("it restarts");
    source.send_from_above([frame(2, 100)]);
    assert_eq!(bytes_of(&target.wire()), [frame(2, 100)]);

    target.detach();
    assert_eq!(mirror_record(&client, id).flags & there, mirror_state::SOURCE_PRESENT);
    source.send_from_above([frame(3, 100)]);
    assert_eq!(mirror_record(&client, id).dropped(MirrorDrop::TargetAway), 2);
    let target = stage.adapter(second());
    source.pause();
    source.start().expect("it restarts");
    source.send_from_above([frame(4, 100)]);
    assert_eq!(bytes_of(&target.wire()), [frame(4, 100)]);

    source.surprise_remove();
    source.detach();
    assert_eq!(mirror_record(&client, id).flags & there, mirror_state::TARGET_PRESENT);
    let source = stage.adapter(roomy());
    source.send_from_above([frame(5, 100)]);
    assert_eq!(bytes_of(&target.wire()), [frame(4, 100), frame(5, 100)]);
    drop(client);
    stage.end();
}

#[test]
fn mirrors_and_taps_survive_the_sleep_of_either_end() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    start_tap(&client, tap_all(), &[source.config().luid], &[]).expect("the tap starts");
    target.power_down();
    source.send_from_above([frame(1, 100)]);
    target.power_up().expect("it wakes");
    source.send_from_above([frame(2, 100)]);
    assert_eq!(bytes_of(&target.wire()), [frame(2, 100)]);
    source.power_down();
    source.power_up().expect("it wakes");
    source.send_from_above([frame(3, 100)]);
    assert_eq!(bytes_of(&target.wire()), [frame(2, 100), frame(3, 100)]);
    let record = mirror_record(&client, id);
    assert_eq!(record.sent + record.dropped.iter().sum::<u64>(), 3);
    assert_eq!(read_tap(&client).bytes(), [frame(1, 100), frame(2, 100), frame(3, 100)]);
    drop(client);
    stage.end();
}

#[test]
fn copies_under_way_hold_the_pause_of_the_target_until_they_are_home() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    target.hold_sends();
    source.send_from_above(frames(3, 100));
    assert!(target.begin_pause(), "three copies are under way");
    source.send_from_above([frame(9, 100)]);
    assert_eq!(target.held_sends(), 3);
    target.release_sends(Order::Forward);
    target.finish_pause();
    drop(client);
    stage.end();
}

#[test]
fn a_mirror_ends_with_its_handle_unless_it_is_to_stay() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let request = mirror_all(source.config().luid, target.config().luid);
    let (first, other) = (stage.client(), stage.client());
    let going = add_mirror(&first, request, &[]).expect("it is added");
    let staying = MirrorRequest { flags: request.flags | copies::PERSISTENT, ..request };
    let staying = add_mirror(&first, staying, &[]).expect("it is added");
    let own = |client: &Client<File>| -> Vec<_> {
        mirrors(client).iter().map(|it| (it.id, it.flags & mirror_state::OWN != 0)).collect()
    };
    assert_eq!(own(&first), [(going, true), (staying, true)]);
    assert_eq!(own(&other), [(going, false), (staying, false)]);
    drop(first);
    assert_eq!(own(&other), [(staying, false)]);
    source.send_from_above([frame(1, 100)]);
    assert_eq!(target.wire().len(), 1);
    remove_mirror(&other, staying).expect("whoever may open the device may remove it");
    assert_eq!(remove_mirror(&other, staying).unwrap_err(), NOT_FOUND);
    source.send_from_above([frame(2, 100)]);
    assert_eq!(target.wire().len(), 1);
    drop(other);
    stage.end();
}

#[test]
fn a_driver_with_a_persistent_mirror_unloads() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let request = mirror_all(source.config().luid, target.config().luid);
    let client = stage.client();
    let request = MirrorRequest { flags: request.flags | copies::PERSISTENT, ..request };
    add_mirror(&client, request, &[]).expect("it is added");
    drop(client);
    stage.end();
}

#[test]
fn frames_that_the_target_cannot_send_are_counted() {
    let stage = Stage::new();
    let source = stage.adapter(AdapterConfig { mtu: 9000, ..roomy() });
    let target = stage.adapter(second());
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    source.send_from_above([frame(1, 1515), frame(2, 1514)]);
    assert_eq!(bytes_of(&target.wire()), [frame(2, 1514)]);
    target.fail_sends(FAILURE);
    source.send_from_above([frame(3, 100)]);
    let record = mirror_record(&client, id);
    assert_eq!(record.dropped(MirrorDrop::TooLong), 1);
    assert_eq!(record.dropped(MirrorDrop::FailedBelow), 1);
    assert_eq!(record.sent, 1);
    drop(client);
    stage.end();
}

#[test]
fn a_tap_of_the_target_sees_the_copies_as_ours() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let (from, to) = (source.config().luid, target.config().luid);
    let client = stage.client();
    add_mirror(&client, mirror_all(from, to), &[]).expect("it is added");
    let request = TapRequest { flags: tap_all().flags | copies::OURS, ..tap_all() };
    start_tap(&client, request, &[to], &[]).expect("the tap starts");
    source.indicate_from_below([frame(1, 100)], false);
    let seen = read_tap(&client).frames;
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].0.flags, &seen[0].1), (record::OURS, &frame(1, 100)));
    drop(client);
    stage.end();
}

#[test]
fn injected_frames_are_not_mirrored() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    client
        .inject(source.config().luid, Direction::Send, &batch([frame(1, 100)]))
        .expect("it is injected");
    assert!(target.wire().is_empty());
    drop(client);
    stage.end();
}

#[test]
fn malformed_requests_for_a_mirror_are_refused() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let good = mirror_all(source.config().luid, target.config().luid);
    let client = stage.client();
    let refused = |request| add_mirror(&client, request, &[]).expect_err("it is refused");
    for request in [
        MirrorRequest { flags: 0, ..good },
        MirrorRequest { flags: good.flags | copies::OURS, ..good },
        MirrorRequest { snap_length: 13, ..good },
        MirrorRequest { tag: 1, ..good },
        MirrorRequest { reserved: 1, ..good },
    ] {
        assert_eq!(refused(request), INVALID_PARAMETER, "{request:?}");
    }
    assert_eq!(refused(MirrorRequest { source: 7, ..good }), NOT_FOUND);
    assert_eq!(refused(MirrorRequest { target: 7, ..good }), NOT_FOUND);
    let bad = [FilterInstruction { code: 0xFFFF, ..FilterInstruction::default() }];
    assert_eq!(add_mirror(&client, good, &bad).unwrap_err(), INVALID_PARAMETER);
    for _ in 0..limits::MIRRORS {
        add_mirror(&client, good, &[]).expect("there is room");
    }
    assert_eq!(refused(good), QUOTA_EXCEEDED);
    drop(client);
    stage.end();
}

#[test]
fn a_mirror_takes_no_memory_from_the_system_in_a_steady_state() {
    // Never guarded: there, pools keep nothing that was freed.
    let stage = Stage::in_lab(Lab::builder().build());
    stage.driver.start().expect("the driver starts");
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    source.send_from_above(frames(32, 300));
    let before = stage.lab.allocations();
    for _ in 0..50 {
        source.send_from_above(frames(32, 300));
    }
    assert_eq!(stage.lab.allocations(), before);
    assert_eq!(target.wire().len(), 51 * 32);
    drop(client);
    stage.end();
}

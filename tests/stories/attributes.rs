//! What the drivers below say of themselves at a restart, and what an adapter makes of it.

use framecast_tests::{Stage, attributes, batch, bytes_of, frame, frames, joined_batch, roomy};
use framecastctl::{Adapter, Status};
use ndis_lab::{AdapterConfig, GeneralAttributes, RestartAttributes, Rule, Stack};
use protocol::{Direction, limits};

const INVALID_LENGTH: Status = Status(0xC001_0014_u32.cast_signed());

/// The only adapter, as clients see it.
fn seen(stage: &Stage) -> Adapter {
    stage.client().adapters().expect("adapters").remove(0)
}

/// MTU, data backfill, context backfill, rebuilds.
fn sizes(stage: &Stage) -> (u32, u32, u32, u32) {
    let adapter = seen(stage);
    (adapter.mtu, adapter.data_backfill, adapter.context_backfill, adapter.pool_rebuilds)
}

/// Injects frames towards the network; what became of them, in order.
fn send(stage: &Stage, adapter: &Stack, frames: &[Vec<u8>]) -> Vec<Status> {
    let batch = batch(frames);
    let done = stage.client().inject(adapter.config().luid, Direction::Send, &batch);
    done.expect("the injection is taken").statuses
}

/// Stops a test unless every frame leaves with exactly this much room, and the drivers below
/// find it enough.
#[track_caller]
fn assert_room(stage: &Stage, adapter: &Stack, room: u32) {
    let before = stage.lab.counters().ndis_allocations_for_retreat;
    let sent: Vec<_> = [14, 60, 1514].map(|length| frame(length, length)).into();
    assert_eq!(send(stage, adapter, &sent), [Status::SUCCESS; 3]);
    let wire = adapter.take_wire();
    assert_eq!(bytes_of(&wire), sent);
    assert!(wire.iter().all(|it| it.data_offset == room), "{wire:?}");
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, before);
}

/// Attributes that tell a filter nothing that it could rely on.
fn silent(config: &AdapterConfig) -> Vec<RestartAttributes> {
    let told = || attributes(config);
    vec![
        RestartAttributes::null(),
        RestartAttributes::unknown_only(),
        RestartAttributes::unknown_only().unknown_after(3),
        told().data_length(0),
        told().data_length(3),
        told().data_length(4),
        told().data_length(71),
        told().data_length(83),
        told().revision(1).data_length(83),
        told().header_type(0x80),
        told().header_type(0),
        told().header_size(0),
        told().header_size(83),
        told().unknown_before(2).data_length(40).unknown_after(2),
    ]
}

#[test]
fn an_adapter_that_never_learns_anything_leaves_some_room() {
    let stage = Stage::new();
    let config = AdapterConfig { mtu: 9000, ..roomy() };
    for attributes in silent(&config) {
        let adapter = stage.driver.attach(config.clone()).expect("attach");
        adapter.restart_with(&attributes).expect("restart");
        assert_eq!(sizes(&stage), (1500, 64, 64, 0), "{attributes:?}");
        adapter.use_room(64, 64);
        assert_room(&stage, &adapter, 64);
        adapter.detach();
    }
    stage.end();
}

#[test]
fn a_restart_that_tells_nothing_keeps_what_was_told_before() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for attributes in silent(adapter.config()) {
        adapter.pause();
        let before = stage.lab.allocations();
        adapter.restart_with(&attributes).expect("restart");
        assert_eq!(stage.lab.allocations(), before, "{attributes:?}");
        assert_eq!(sizes(&stage), (1500, 256, 64, 0), "{attributes:?}");
        assert_room(&stage, &adapter, 256);
    }
    stage.end();
}

#[test]
fn what_is_told_after_silence_counts() {
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    adapter.restart_with(&RestartAttributes::null()).expect("restart");
    adapter.pause();
    adapter.start().expect("restart");
    assert_eq!(sizes(&stage), (1500, 256, 64, 1));
    assert_room(&stage, &adapter, 256);
    stage.end();
}

#[test]
fn attributes_are_found_in_every_legal_form() {
    let stage = Stage::new();
    let config = AdapterConfig { mtu: 4000, ..roomy() };
    let told = || attributes(&config);
    for attributes in [
        told(),
        told().revision(1),
        told().revision(3),
        told().revision(1).data_length(88),
        told().data_length(84),
        told().data_length(200),
        told().unknown_before(1),
        told().unknown_after(1),
        told().unknown_before(5).unknown_after(5).revision(1),
    ] {
        let adapter = stage.driver.attach(config.clone()).expect("attach");
        adapter.restart_with(&attributes).expect("restart");
        assert_eq!(sizes(&stage), (4000, 256, 64, 0), "{attributes:?}");
        assert_room(&stage, &adapter, 256);
        adapter.detach();
    }
    stage.end();
}

#[test]
fn each_change_makes_the_pools_anew_once() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let told = attributes(adapter.config());
    for (rebuilds, attributes, expected) in [
        (0, told.clone(), (1500, 256, 64)),
        (1, told.clone().backfill(260, 64), (1500, 260, 64)),
        (2, told.clone().backfill(260, 80), (1500, 260, 80)),
        (3, told.clone().backfill(260, 80).mtu(1501), (1501, 260, 80)),
        (3, told.clone().backfill(260, 65).mtu(1501), (1501, 260, 80)),
        (4, told.backfill(0, 0), (1500, 0, 0)),
    ] {
        adapter.pause();
        adapter.restart_with(&attributes).expect("restart");
        let (mtu, data, context) = expected;
        assert_eq!(sizes(&stage), (mtu, data, context, rebuilds), "{attributes:?}");
        adapter.use_room(data, context);
        assert_room(&stage, &adapter, data);
    }
    stage.end();
}

#[test]
fn context_is_rounded_up_to_what_ndis_aligns_to() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for (asked, given) in [(0, 0), (1, 16), (15, 16), (16, 16), (17, 32), (1000, 1008)] {
        adapter.pause();
        let attributes = attributes(adapter.config()).backfill(128, asked);
        adapter.restart_with(&attributes).expect("restart");
        assert_eq!(seen(&stage).context_backfill, given);
        adapter.use_room(128, asked);
        assert_room(&stage, &adapter, 128);
    }
    stage.end();
}

#[test]
fn what_the_limits_allow_is_honoured_to_the_byte() {
    const MOST_CONTEXT: u32 = 32_768;
    let stage = Stage::new();
    let adapter =
        stage.adapter(AdapterConfig { mtu: 65_536, ..roomy().with_backfill(4096, MOST_CONTEXT) });
    assert_eq!(sizes(&stage), (65_536, 4096, MOST_CONTEXT, 0));
    assert_room(&stage, &adapter, 4096);
    stage.end();
}

#[test]
fn what_is_beyond_the_limits_is_honoured_up_to_them() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for (data, context) in
        [(4097, 64), (u32::MAX, 64), (256, 65_520), (256, 65_536), (u32::MAX, u32::MAX)]
    {
        adapter.pause();
        let attributes = attributes(adapter.config()).backfill(data, context);
        adapter.restart_with(&attributes).expect("restart");
        let (_, given_data, given_context, _) = sizes(&stage);
        assert_eq!(given_data, data.min(4096));
        assert!(given_context == context || (60_000..=65_535).contains(&given_context));
        adapter.use_room(given_data, given_context.min(4096));
        assert_room(&stage, &adapter, given_data);
        // The lab holds that more was asked for; nothing else may be wrong.
        let broken = stage.lab.take_violations();
        assert!(broken.iter().all(|it| it.rule == Rule::Backfill), "{broken:?}");
        assert!(!broken.is_empty());
    }
    stage.end();
}

#[test]
fn a_driver_below_that_uses_more_than_it_asked_for_still_gets_its_frames() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.use_room(10_000, 8000);
    let sent = frames(3, 1514);
    assert_eq!(send(&stage, &adapter, &sent), [Status::SUCCESS; 3]);
    assert_eq!(bytes_of(&adapter.wire()), sent);
    assert!(stage.lab.counters().ndis_allocations_for_retreat > 0, "which NDIS must pay for");
    stage.end();
}

#[test]
fn the_mtu_decides_which_frames_an_adapter_takes() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for (mtu, largest) in
        [(1, 15), (68, 82), (0, 1514), (1500, 1514), (9000, 9014), (65_536, 65_550)]
    {
        adapter.pause();
        adapter.restart_with(&attributes(adapter.config()).mtu(mtu)).expect("restart");
        assert_eq!(seen(&stage).max_frame, largest);
        assert_eq!(seen(&stage).mtu, largest - 14);
        let largest = largest as usize;
        let sent = [14, largest, largest + 1].map(|length| frame(length, length));
        let statuses = send(&stage, &adapter, &sent);
        assert_eq!(statuses, [Status::SUCCESS, Status::SUCCESS, INVALID_LENGTH]);
        assert_eq!(bytes_of(&adapter.take_wire()), sent[..2]);
    }
    stage.end();
}

#[test]
fn an_mtu_beyond_reason_takes_the_largest_frames_there_are() {
    let stage = Stage::new();
    let config = AdapterConfig { mtu: u32::MAX, ..roomy() };
    let adapter = stage.adapter(config);
    let sent: Vec<_> = [16_388, 16_389, 65_550].map(|length| frame(length, length)).into();
    assert_eq!(send(&stage, &adapter, &sent), [Status::SUCCESS; 3]);
    let wire = adapter.wire();
    assert_eq!(bytes_of(&wire), sent);
    assert!(wire.iter().all(|it| it.data_offset == 256));
    assert!(wire[2].mdls > 1, "a large frame takes several buffers");
    assert_eq!(send(&stage, &adapter, &[frame(0, 65_551)]), [INVALID_LENGTH]);
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, 0);
    stage.end();
}

#[test]
fn every_frame_of_a_list_has_room_of_its_own() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let sent = frames(64, 700);
    let batch = joined_batch(&sent, limits::LIST_FRAMES as usize);
    let done = stage.client().inject(adapter.config().luid, Direction::Send, &batch);
    assert_eq!(done.expect("the injection is taken").done(), 64);
    assert!(adapter.wire().iter().all(|it| it.data_offset == 256));
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, 0);
    stage.end();
}

#[test]
fn the_drivers_above_are_told_what_the_drivers_below_said() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let told = GeneralAttributes { mtu: 1500, data_backfill: 256, context_backfill: 64 };
    assert_eq!(adapter.attributes_above(), Some(told));
    adapter.pause();
    adapter.restart_with(&RestartAttributes::null()).expect("restart");
    assert_eq!(adapter.attributes_above(), None);
    stage.end();
}

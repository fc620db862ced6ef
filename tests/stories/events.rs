//! What drivers tell each other through the module: all of it passes, in every state.

use framecast_tests::{Stage, batch, frames, inject_pending, roomy};
use ndis_lab::{Irql, ModuleState, NtStatus, Order, Stack};
use protocol::Direction;

const LINK_STATE: NtStatus = NtStatus(0x4001_0017);
const MEDIA_DISCONNECT: NtStatus = NtStatus(0x4001_000C);
const PRIVATE: NtStatus = NtStatus(0xC0FF_EE00_u32.cast_signed());

/// The objects of the calls of a function so far.
fn calls(stage: &Stage, function: &str) -> Vec<u64> {
    use ndis_lab::Way;
    let events = stage.lab.trace().into_iter();
    events
        .filter(|it| it.function == function && it.way != Way::Return)
        .map(|it| it.object)
        .collect()
}

/// Brings an adapter through every state that lasts, and calls `each` in it.
fn in_every_state(stage: &Stage, adapter: &Stack, mut each: impl FnMut()) {
    assert_eq!(adapter.state(), ModuleState::Paused);
    each();
    adapter.start().expect("restart");
    each();
    let client = stage.client();
    adapter.hold_sends();
    let own = batch(frames(1, 60));
    let own = inject_pending(&client, adapter.config().luid, Direction::Send, &own);
    assert!(adapter.begin_pause(), "a frame is under way");
    each();
    adapter.release_sends(Order::Forward);
    adapter.finish_pause();
    assert!(own.is_done());
    each();
}

/// Every event below `count`, with its own number beside it, once for each of four states.
fn told_four_times(count: u32) -> Vec<(u32, Vec<u8>)> {
    let told = |event: u32| (event, event.to_le_bytes().to_vec());
    (0..4).flat_map(|_| (0..count).map(told)).collect()
}

#[test]
fn statuses_pass_up_in_every_state_and_in_order() {
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    in_every_state(&stage, &adapter, || {
        adapter.status_indication(LINK_STATE, &[7; 40]);
        adapter.status_indication(MEDIA_DISCONNECT, &[]);
        adapter.status_indication(PRIVATE, &[1]);
    });
    let expected: Vec<_> = [LINK_STATE, MEDIA_DISCONNECT, PRIVATE].repeat(4);
    assert_eq!(adapter.statuses_above(), expected);
    stage.end();
}

#[test]
fn a_status_passes_as_it_is_and_not_as_a_copy() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let attempts = stage.lab.allocation_attempts();
    for level in [Irql::PASSIVE, Irql::DISPATCH] {
        adapter.set_level(level);
        adapter.status_indication(LINK_STATE, &[7; 40]);
    }
    assert_eq!(calls(&stage, "NdisFIndicateStatus"), calls(&stage, "FilterStatus"));
    assert_eq!(calls(&stage, "FilterStatus").len(), 2);
    assert_eq!(stage.lab.allocation_attempts(), attempts);
    stage.end();
}

#[test]
fn network_events_pass_up_in_every_state() {
    /// `NetEventMaximum`
    const NET_EVENTS: u32 = 23;
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    in_every_state(&stage, &adapter, || {
        for event in 0..NET_EVENTS {
            assert_eq!(adapter.net_pnp_event(event, &event.to_le_bytes()), NtStatus::SUCCESS);
        }
    });
    assert_eq!(adapter.net_pnp_events_above(), told_four_times(NET_EVENTS));
    stage.end();
}

#[test]
fn the_drivers_above_decide_what_a_network_event_is_answered() {
    const QUERY_POWER: u32 = 1;
    const QUERY_REMOVE_DEVICE: u32 = 2;
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for status in [NtStatus::FAILURE, NtStatus::NOT_SUPPORTED, NtStatus::SUCCESS] {
        adapter.answer_net_pnp_events(status);
        assert_eq!(adapter.net_pnp_event(QUERY_POWER, &[0; 4]), status);
        assert_eq!(adapter.net_pnp_event(QUERY_REMOVE_DEVICE, &[]), status);
    }
    stage.end();
}

#[test]
fn a_set_power_event_waits_for_no_frame() {
    const SET_POWER: u32 = 0;
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let own = batch(frames(1, 60));
    let own = inject_pending(&client, adapter.config().luid, Direction::Send, &own);
    assert_eq!(adapter.net_pnp_event(SET_POWER, &4_u32.to_le_bytes()), NtStatus::SUCCESS);
    assert!(!own.is_done());
    adapter.release_sends(Order::Forward);
    assert!(own.is_done());
    drop(client);
    stage.end();
}

#[test]
fn device_events_pass_down_in_every_state() {
    /// `NdisDevicePnPEventMaximum`
    const DEVICE_EVENTS: u32 = 7;
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    in_every_state(&stage, &adapter, || {
        for event in 0..DEVICE_EVENTS {
            adapter.device_pnp_event(event, &event.to_le_bytes());
        }
    });
    assert_eq!(adapter.device_pnp_events_below(), told_four_times(DEVICE_EVENTS));
    stage.end();
}

//! Loading, attaching, restarting, pausing, detaching, unloading.

use framecast_tests::{DEVICE, Stage, attributes, batch, frame, inject_pending, roomy};
use ndis_lab::{AdapterConfig, ModuleState, NtStatus, Order};
use protocol::{AdapterState, Direction};

#[test]
fn the_driver_loads_and_unloads() {
    Stage::new().end();
}

#[test]
fn a_module_lives_through_every_state_of_ndis() {
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    assert_eq!(adapter.state(), ModuleState::Paused);
    for _ in 0..3 {
        adapter.start().expect("restart");
        assert_eq!(adapter.state(), ModuleState::Running);
        adapter.pause();
        assert_eq!(adapter.state(), ModuleState::Paused);
    }
    adapter.detach();
    stage.end();
}

#[test]
fn clients_see_the_state_of_an_adapter() {
    let stage = Stage::new();
    let client = stage.client();
    let seen = || client.adapters().expect("adapters").first().and_then(|it| it.state);
    assert_eq!(seen(), None);
    let adapter = stage.driver.attach(roomy()).expect("attach");
    assert_eq!(seen(), Some(AdapterState::Paused));
    adapter.start().expect("restart");
    assert_eq!(seen(), Some(AdapterState::Running));
    adapter.hold_sends();
    let pending =
        inject_pending(&client, adapter.config().luid, Direction::Send, &batch([frame(0, 60)]));
    assert!(adapter.begin_pause(), "a frame is under way");
    assert_eq!(seen(), Some(AdapterState::Pausing));
    adapter.release_sends(Order::Forward);
    adapter.finish_pause();
    assert_eq!(seen(), Some(AdapterState::Paused));
    assert_eq!(pending.wait().status, NtStatus::SUCCESS);
    adapter.detach();
    assert_eq!(seen(), None);
    drop(client);
    stage.end();
}

#[test]
fn a_pause_waits_for_every_frame_under_way_and_for_nothing_else() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    adapter.hold_receives();
    let frames: Vec<_> = (0..5).map(|number| frame(number, 100)).collect();
    let luid = adapter.config().luid;
    let down = inject_pending(&client, luid, Direction::Send, &batch(&frames));
    let up = inject_pending(&client, luid, Direction::Receive, &batch(&frames));
    assert!(adapter.begin_pause(), "frames are under way");
    adapter.release_sends(Order::Reverse);
    assert_eq!(adapter.state(), ModuleState::Pausing, "receives are still with the protocol");
    assert!(down.is_done());
    adapter.release_receives(Order::OneByOne);
    adapter.finish_pause();
    assert_eq!(adapter.state(), ModuleState::Paused);
    assert!(up.is_done());
    adapter.detach();
    drop(client);
    stage.end();
}

#[test]
fn only_ethernet_is_served() {
    const UNSUPPORTED_MEDIA: NtStatus = NtStatus(0xC001_0019_u32.cast_signed());
    let stage = Stage::new();
    let token_ring = AdapterConfig { medium: 1, ..roomy() };
    assert_eq!(stage.driver.attach(token_ring).err(), Some(UNSUPPORTED_MEDIA));
    stage.end();
}

#[test]
fn deregistering_detaches_the_modules_that_are_left() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.pause();
    stage.driver.unload_attached().expect_clean();
}

#[test]
fn adapters_come_and_go_side_by_side() {
    let stage = Stage::new();
    let client = stage.client();
    let adapters: Vec<_> =
        (1..=20).map(|number| stage.adapter(AdapterConfig::numbered(number))).collect();
    let listed = client.adapters().expect("adapters");
    assert_eq!(listed.len(), adapters.len());
    for adapter in &adapters {
        let config = adapter.config();
        let seen = listed.iter().find(|it| it.luid == config.luid).expect("listed by its LUID");
        assert_eq!(seen.if_index, config.if_index);
        assert_eq!(seen.mac_address, config.mac);
        assert_eq!(seen.mtu, config.mtu);
        assert_eq!(seen.max_frame, config.mtu + 14);
        assert_eq!(seen.guid, config.name);
    }
    for adapter in adapters.iter().step_by(2) {
        adapter.pause();
        adapter.detach();
    }
    assert_eq!(client.adapters().expect("adapters").len(), adapters.len() / 2);
    drop(client);
    stage.end();
}

#[test]
fn a_restart_on_other_attributes_makes_the_pools_anew_and_one_on_the_same_keeps_them() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let seen = || client.adapters().expect("adapters").remove(0);
    assert_eq!(seen().pool_rebuilds, 0);
    adapter.pause();
    let before = stage.lab.allocations();
    adapter.start().expect("restart");
    assert_eq!(stage.lab.allocations(), before, "a restart on the same attributes is free");
    adapter.pause();
    let changed = attributes(adapter.config()).backfill(512, 128).mtu(9000);
    adapter.restart_with(&changed).expect("restart");
    let adapter_seen = seen();
    assert_eq!(adapter_seen.pool_rebuilds, 1);
    assert_eq!((adapter_seen.data_backfill, adapter_seen.context_backfill), (512, 128));
    assert_eq!(adapter_seen.max_frame, 9014);
    adapter.pause();
    adapter.detach();
    drop(client);
    stage.end();
}

#[test]
fn a_handle_outlives_the_adapters() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.pause();
    adapter.detach();
    assert_eq!(client.adapters().expect("adapters"), []);
    drop(client);
    assert!(stage.driver.open(DEVICE).is_ok());
    stage.end();
}

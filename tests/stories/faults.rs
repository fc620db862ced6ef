//! Low memory: every allocation of a story fails once, each in a run of its own.

use framecast_tests::{
    DEVICE, Stage, attributes, batch, frame, inject_pending, joined_batch, roomy,
};
use framecastctl::{Client, Status};
use ndis_lab::{NtStatus, Order};
use protocol::Direction;

const RESOURCES: NtStatus = NtStatus(0xC000_009A_u32.cast_signed());

/// Tells a story once for each of its allocations, which fails, until none is left to fail.
#[track_caller]
fn sweep(story: impl Fn(&Stage)) {
    let mut failed = 0_u64;
    loop {
        let stage = Stage::unstarted();
        stage.lab.fail_allocation(failed + 1);
        story(&stage);
        let reached = stage.lab.allocation_attempts() > failed;
        stage.lab.clear_failures();
        stage.end();
        if !reached {
            break;
        }
        failed += 1;
    }
    assert!(failed > 0, "the story allocates");
}

/// Nothing but what is documented may come of low memory.
#[track_caller]
fn expect_resources<T>(result: Result<T, NtStatus>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(status) => {
            assert_eq!(status, RESOURCES);
            None
        }
    }
}

#[test]
fn the_driver_does_not_load_without_memory_and_leaves_nothing_behind() {
    sweep(|stage| {
        expect_resources(stage.driver.start());
    });
}

#[test]
fn a_module_does_not_attach_or_start_without_memory_and_leaves_nothing_behind() {
    sweep(|stage| {
        let Some(()) = expect_resources(stage.driver.start()) else { return };
        let Some(adapter) = expect_resources(stage.driver.attach(roomy())) else { return };
        let Some(()) = expect_resources(adapter.start()) else { return };
        adapter.pause();
        let changed = attributes(adapter.config()).backfill(512, 128);
        expect_resources(adapter.restart_with(&changed));
    });
}

#[test]
fn without_memory_a_request_or_a_frame_is_refused_and_nothing_is_lost() {
    sweep(|stage| {
        let Some(()) = expect_resources(stage.driver.start()) else { return };
        let Some(adapter) = expect_resources(stage.driver.attach(roomy())) else { return };
        let Some(()) = expect_resources(adapter.start()) else { return };
        let Some(file) = expect_resources(stage.driver.open(DEVICE)) else { return };
        let client = Client::new(file);
        let frames: Vec<_> = (0..12).map(|number| frame(number, 200)).collect();
        let luid = adapter.config().luid;
        for (direction, batch) in [
            (Direction::Send, batch(&frames)),
            (Direction::Send, joined_batch(&frames, 4)),
            (Direction::Receive, batch(&frames)),
        ] {
            let Ok(done) = client.inject(luid, direction, &batch) else { continue };
            let refused = done.statuses.iter().filter(|status| !status.is_success());
            assert!(refused.clone().all(|&status| status == Status(RESOURCES.0)));
            assert!(refused.count() <= 4, "one list at most is missing");
        }
    });
}

#[test]
fn without_memory_a_cancelled_request_still_ends() {
    sweep(|stage| {
        let Some(()) = expect_resources(stage.driver.start()) else { return };
        let Some(adapter) = expect_resources(stage.driver.attach(roomy())) else { return };
        let Some(()) = expect_resources(adapter.start()) else { return };
        let Some(file) = expect_resources(stage.driver.open(DEVICE)) else { return };
        let client = Client::new(file);
        adapter.hold_sends();
        let frames: Vec<_> = (0..300).map(|number| frame(number, 60)).collect();
        let luid = adapter.config().luid;
        let pending = inject_pending(&client, luid, Direction::Send, &batch(&frames));
        pending.cancel();
        adapter.release_sends(Order::Forward);
        assert!(pending.is_done());
    });
}

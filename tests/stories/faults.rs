//! Low memory: every allocation of a story fails once, each in a run of its own.

use framecast_tests::{
    DEVICE, Stage, attributes, batch,
    copying::{
        add_mirror, mirror_all, mirror_record, read_tap_pending, start_tap, stop_tap, tap_all,
    },
    frame, frames, inject_pending, joined_batch, roomy,
};
use framecastctl::{Client, Status};
use ndis_lab::{AdapterConfig, NbSpec, NblSpec, NtStatus, Order};
use protocol::{Direction, FilterInstruction, TapBatch, TapRequest};
use zerocopy::FromBytes;

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

/// `return the whole frame`: a filter that allocates and wants everything.
const EVERYTHING: [FilterInstruction; 1] =
    [FilterInstruction { code: 0x06, jump_true: 0, jump_false: 0, operand: u32::MAX }];

#[test]
fn without_memory_a_tap_does_not_start_or_loses_counted_frames() {
    sweep(|stage| {
        let Some(()) = expect_resources(stage.driver.start()) else { return };
        let Some(adapter) = expect_resources(stage.driver.attach(roomy())) else { return };
        let Some(()) = expect_resources(adapter.start()) else { return };
        let Some(file) = expect_resources(stage.driver.open(DEVICE)) else { return };
        let client = Client::new(file);
        let request = TapRequest { timeout_milliseconds: 60_000, wake_bytes: 30_000, ..tap_all() };
        let luids = [adapter.config().luid];
        let started = start_tap(&client, request, &luids, &EVERYTHING);
        let Some(_) = expect_resources(started) else { return };
        let read = read_tap_pending(&client);
        adapter.send_from_above(frames(10, 300));
        adapter
            .send_from_above((0..10).map(|it| NblSpec::of(NbSpec::new(frame(it, 300)).unmapped())));
        assert_eq!(adapter.wire().len(), 20, "the network does not depend on a tap");
        let stopped = stop_tap(&client).expect("ending takes no memory");
        assert_eq!(stopped.copied + stopped.dropped.iter().sum::<u64>(), 20);
        let _ = read.wait();
    });
}

#[test]
fn without_memory_a_waiting_read_is_refused_or_answered() {
    sweep(|stage| {
        let Some(()) = expect_resources(stage.driver.start()) else { return };
        let Some(adapter) = expect_resources(stage.driver.attach(roomy())) else { return };
        let Some(()) = expect_resources(adapter.start()) else { return };
        let Some(file) = expect_resources(stage.driver.open(DEVICE)) else { return };
        let client = Client::new(file);
        let request = TapRequest { timeout_milliseconds: u32::MAX, wake_bytes: 100, ..tap_all() };
        let Some(_) = expect_resources(start_tap(&client, request, &[], &[])) else { return };
        let read = read_tap_pending(&client);
        adapter.send_from_above([frame(1, 300)]);
        let answer = read.wait();
        if expect_resources(answer.status.is_success().then_some(()).ok_or(answer.status)).is_some()
        {
            let (batch, _) = TapBatch::read_from_prefix(&answer.output).expect("a batch");
            assert_eq!(batch.records, 1);
        }
    });
}

#[test]
fn without_memory_a_mirror_is_not_added_or_loses_counted_frames() {
    sweep(|stage| {
        let Some(()) = expect_resources(stage.driver.start()) else { return };
        let Some(source) = expect_resources(stage.driver.attach(roomy())) else { return };
        let Some(()) = expect_resources(source.start()) else { return };
        let target = expect_resources(stage.driver.attach(AdapterConfig::numbered(2)));
        let Some(target) = target else { return };
        let Some(()) = expect_resources(target.start()) else { return };
        let Some(file) = expect_resources(stage.driver.open(DEVICE)) else { return };
        let client = Client::new(file);
        let request = mirror_all(source.config().luid, target.config().luid);
        let added = add_mirror(&client, request, &EVERYTHING);
        let Some(id) = expect_resources(added) else { return };
        source.send_from_above(frames(10, 300));
        let many = NblSpec::many((0..5).map(|number| NbSpec::new(frame(number, 300)).unmapped()));
        source.send_from_above([many]);
        assert_eq!(source.wire().len(), 15, "the source does not depend on its mirrors");
        let record = mirror_record(&client, id);
        assert_eq!(record.sent, target.wire().len() as u64);
        assert_eq!(record.sent + record.dropped.iter().sum::<u64>(), 15);
    });
}

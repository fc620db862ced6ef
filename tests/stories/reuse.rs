//! What is used again and again: buffers, handles, places. Nothing of an earlier use is left.

use framecast_tests::{Stage, batch, frame, frames, inject_pending, roomy};
use framecastctl::{Adapter, Batch};
use ndis_lab::{AdapterConfig, Order, PendingControl, Policy, Stack};
use protocol::{Direction, limits};

/// The only adapter, as clients see it.
fn seen(stage: &Stage) -> Adapter {
    stage.client().adapters().expect("adapters").remove(0)
}

#[track_caller]
fn assert_all_buffers_are_free(stage: &Stage) {
    let adapter = seen(stage);
    assert_eq!(adapter.frame_buffers_free, adapter.frame_buffers);
}

/// Injects frames, which must all be done.
#[track_caller]
fn send(stage: &Stage, adapter: &Stack, frames: &[Vec<u8>]) {
    let done = stage.client().inject(adapter.config().luid, Direction::Send, &batch(frames));
    assert_eq!(done.expect("the injection is taken").done(), frames.len());
}

#[test]
fn frames_that_low_memory_refuses_give_their_buffers_back() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let batch = batch(frames(3, 1514));
    let mut failed = 0;
    loop {
        let before = stage.lab.allocation_attempts();
        stage.lab.fail_allocation(failed + 1);
        let _refused = client.inject(adapter.config().luid, Direction::Send, &batch);
        stage.lab.clear_failures();
        assert_all_buffers_are_free(&stage);
        if stage.lab.allocation_attempts() - before <= failed {
            break;
        }
        failed += 1;
    }
    assert!(failed > 3, "each frame needs a list");
    drop(client);
    stage.end();
}

#[test]
fn a_buffer_forgets_the_frame_before() {
    let stage = Stage::new();
    let adapter = stage.adapter(AdapterConfig { mtu: 64_000, ..roomy() });
    let (large, small) = (frame(1, 64_014), frame(2, 60));
    for _ in 0..3 {
        send(&stage, &adapter, std::slice::from_ref(&large));
        send(&stage, &adapter, &vec![small.clone(); seen(&stage).frame_buffers as usize]);
        let wire = adapter.take_wire();
        assert_eq!(wire[0].bytes, large);
        assert!(wire[0].mdls > 1);
        assert!(wire[1..].iter().all(|it| it.mdls == 1 && it.bytes == small));
    }
    stage.end();
}

#[test]
fn a_handle_serves_request_after_request() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let one = batch(frames(1, 60));
    for direction in [Direction::Send, Direction::Receive] {
        for _ in 0..limits::HANDLE_REQUESTS {
            let done = client.inject(adapter.config().luid, direction, &one);
            assert_eq!(done.expect("the injection is taken").done(), 1);
        }
    }
    drop(client);
    stage.end();
}

#[test]
fn a_cancelled_request_leaves_its_place_to_others() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let begin =
        |batch: &Batch| inject_pending(&client, adapter.config().luid, Direction::Send, batch);
    let starved = begin(&batch(frames(600, 60)));
    let one = batch(frames(1, 60));
    let wait = || (1..limits::PENDING_REQUESTS).map(|_| begin(&one)).collect::<Vec<_>>();
    for _ in 0..3 {
        let waiting = wait();
        assert!(waiting.iter().all(|it| !it.is_done()), "there is a place for each");
        assert!(waiting.iter().all(PendingControl::cancel));
        assert!(waiting.iter().all(PendingControl::is_done));
    }
    assert!(!starved.is_done());
    adapter.set_send_policy(Policy::Inline);
    adapter.release_sends(Order::Forward);
    assert!(starved.wait().status.is_success());
    drop(client);
    stage.end();
}

//! What is used again and again: buffers, handles, places. Nothing of an earlier use is left.

use framecast_tests::{Stage, batch, frame, frames, inject_pending, roomy};
use framecastctl::{Adapter, Batch, Client, Status};
use ndis_lab::{AdapterConfig, File, Lab, NtStatus, Order, PendingControl, Policy, Stack};
use protocol::{Direction, limits};

const RESOURCES: NtStatus = NtStatus(0xC000_009A_u32.cast_signed());

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

/// The statuses that a request was answered with.
#[track_caller]
fn statuses(client: &Client<File>, luid: u64, frames: &[Vec<u8>]) -> Vec<Status> {
    let done = client.inject(luid, Direction::Send, &batch(frames));
    done.expect("the injection is taken").statuses
}

#[test]
fn a_request_knows_nothing_of_those_before_it_under_its_handle() {
    const ABORTED: NtStatus = NtStatus(0xC023_000C_u32.cast_signed());
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let (client, luid) = (stage.client(), adapter.config().luid);
    let (good, short) = (frame(0, 60), frame(0, 5));
    let refused = Status(0xC001_0014_u32.cast_signed());
    let ok = Status::SUCCESS;
    for _ in 0..3 {
        adapter.fail_sends(ABORTED);
        assert_eq!(statuses(&client, luid, &vec![good.clone(); 4]), [Status(ABORTED.0); 4]);
        adapter.fail_sends(NtStatus::SUCCESS);
        assert_eq!(statuses(&client, luid, &[short.clone(), good.clone()]), [refused, ok]);
        assert_eq!(statuses(&client, luid, &vec![good.clone(); 3]), [ok; 3]);
        adapter.hold_sends();
        let cancelled = inject_pending(&client, luid, Direction::Send, &batch([&good]));
        assert!(cancelled.cancel(), "the request can be cancelled");
        adapter.release_sends(Order::Forward);
        assert_eq!(statuses(&client, luid, &vec![good.clone(); 9]), [ok; 9]);
    }
    drop(client);
    stage.end();
}

#[test]
fn what_a_handle_had_under_way_at_once_it_has_again_without_memory() {
    let stage = Stage::in_lab(Lab::default());
    stage.driver.start().expect("the driver starts");
    let adapter = stage.adapter(roomy());
    let (client, luid) = (stage.client(), adapter.config().luid);
    let round = |requests: usize, frames: usize| {
        let frames = batch(vec![frame(0, 60); frames]);
        let before = stage.lab.allocations();
        adapter.hold_sends();
        let begin = |_| inject_pending(&client, luid, Direction::Send, &frames);
        let under_way: Vec<_> = (0..requests).map(begin).collect();
        assert!(under_way.iter().all(|it| !it.is_done()));
        adapter.release_sends(Order::Reverse);
        assert!(under_way.into_iter().all(|it| it.wait().status.is_success()));
        stage.lab.allocations() - before
    };
    assert!(round(10, 8) >= 20, "each request has its memory and its statuses");
    for (requests, frames) in [(10, 8), (3, 1), (10, 2), (1, 8)] {
        assert_eq!(round(requests, frames), 0, "{requests} requests of {frames} frames");
    }
    assert_eq!(round(1, 20), 2, "a longer request takes the place of one that is done");
    assert_eq!(round(1, 20), 0);
    drop(client);
    stage.end();
}

#[test]
fn handles_have_requests_of_their_own() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let luid = adapter.config().luid;
    let (one, other) = (stage.client(), stage.client());
    let frames = vec![frame(0, 60); 4];
    for _ in 0..3 {
        adapter.hold_sends();
        let begin = |client| inject_pending(client, luid, Direction::Send, &batch(&frames));
        let (first, second) = (begin(&one), begin(&other));
        assert!(first.cancel(), "the request can be cancelled");
        assert!(!second.is_done(), "the request of another handle goes on");
        adapter.release_sends(Order::Forward);
        assert!(second.wait().status.is_success());
    }
    // A handle that goes takes its own along, and no other's.
    adapter.hold_sends();
    let left = inject_pending(&one, luid, Direction::Send, &batch(&frames));
    let stays = inject_pending(&other, luid, Direction::Send, &batch(&frames));
    drop(one);
    assert!(left.is_done() && !stays.is_done());
    adapter.release_sends(Order::Forward);
    assert!(stays.wait().status.is_success());
    assert_all_buffers_are_free(&stage);
    drop(other);
    stage.end();
}

#[test]
fn a_request_that_low_memory_refuses_leaves_its_handle_as_it_was() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let (client, luid) = (stage.client(), adapter.config().luid);
    let begin = |frames: usize| {
        let frames = batch(vec![frame(0, 60); frames]);
        inject_pending(&client, luid, Direction::Send, &frames).wait().status
    };
    for allocation in [1, 2] {
        stage.lab.fail_allocation(allocation);
        assert_eq!(begin(2), RESOURCES);
        stage.lab.clear_failures();
    }
    assert!(begin(2).is_success());
    for allocation in [1, 2] {
        stage.lab.fail_allocation(allocation);
        assert_eq!(begin(3), RESOURCES, "there is no room for a third frame");
        stage.lab.clear_failures();
        assert!(begin(2).is_success());
    }
    assert!(begin(3).is_success());
    drop(client);
    stage.end();
}

#[test]
fn a_handle_outlives_the_adapters_that_it_has_used() {
    let stage = Stage::new();
    let client = stage.client();
    for number in 1..=3 {
        let adapter = stage.adapter(AdapterConfig::numbered(number));
        let luid = adapter.config().luid;
        assert_eq!(statuses(&client, luid, &[frame(0, 60)]), [Status::SUCCESS]);
        adapter.pause();
        adapter.detach();
        let gone = client.inject(luid, Direction::Send, &batch([frame(0, 60)]));
        assert!(gone.is_err(), "the adapter is gone");
    }
    drop(client);
    stage.end();
}

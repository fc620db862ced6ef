//! Inject: frames of a program, originated in both directions.

use framecast_tests::{
    Stage, attributes, batch, frame, inject_pending, joined_batch, roomy, tagged_frame,
};
use framecastctl::{Batch, Injection, Status};
use ndis_lab::{AdapterConfig, Lab, NtStatus, Order, Policy};
use protocol::{Direction, Reason, limits};

const INVALID_LENGTH: Status = Status(0xC001_0014_u32.cast_signed());
const PAUSED: Status = Status(0xC023_002A_u32.cast_signed());
const CANCELLED: NtStatus = NtStatus(0xC000_0120_u32.cast_signed());
const QUOTA_EXCEEDED: NtStatus = NtStatus(0xC000_0044_u32.cast_signed());

/// `NetBufferListCancelId`.
const CANCEL_ID: usize = 5;

/// The answer of an injection that is done.
fn answer(output: &[u8]) -> Vec<Status> {
    Injection::from_output(output).expect("a well-formed answer").statuses
}

#[test]
fn frames_leave_down_as_they_came_in_order_and_with_room_in_front() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let frames: Vec<_> = (0..200).map(|number| frame(number, 14 + number * 7)).collect();
    let done = client
        .inject(adapter.config().luid, Direction::Send, &batch(&frames))
        .expect("the injection is taken");
    assert_eq!(done.done(), frames.len());
    let wire = adapter.wire();
    assert_eq!(wire.len(), frames.len());
    for (seen, sent) in wire.iter().zip(&frames) {
        assert_eq!(&seen.bytes, sent);
        assert!(seen.originated);
        assert_eq!(seen.data_offset, 256);
        let left_over = (0..28).filter(|&it| it != CANCEL_ID && seen.information[it] != 0);
        assert_eq!(left_over.count(), 0, "out of band is nothing but the cancel id");
    }
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, 0);
    drop(client);
    stage.end();
}

#[test]
fn frames_are_indicated_up_as_if_they_had_been_received() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let frames: Vec<_> = (0..50).map(|number| frame(number, 60 + number)).collect();
    let done = client
        .inject(adapter.config().luid, Direction::Receive, &batch(&frames))
        .expect("the injection is taken");
    assert_eq!(done.done(), frames.len());
    let received: Vec<_> = adapter.received_above().into_iter().map(|it| it.bytes).collect();
    assert_eq!(received, frames);
    assert!(adapter.wire().is_empty());
    let counters = client.counters(Some(adapter.config().luid)).expect("counters");
    assert_eq!(counters.get(Reason::Indicated), 50);
    assert_eq!(counters.get(Reason::Bytes), frames.iter().map(|it| it.len() as u64).sum::<u64>());
    drop(client);
    stage.end();
}

#[test]
fn a_batch_is_one_call_into_ndis() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let frames: Vec<_> = (0..32).map(|number| frame(number, 1514)).collect();
    for direction in [Direction::Send, Direction::Receive] {
        let done = client.inject(adapter.config().luid, direction, &batch(&frames));
        assert_eq!(done.expect("the injection is taken").done(), 32);
    }
    assert!(adapter.wire().iter().all(|it| it.batch == adapter.wire()[0].batch));
    let above = adapter.received_above();
    assert!(above.iter().all(|it| it.batch == above[0].batch));
    drop(client);
    stage.end();
}

#[test]
fn frames_that_join_travel_in_one_list_and_share_its_status() {
    const FAILURE: NtStatus = NtStatus(0xC000_0001_u32.cast_signed());
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    let frames: Vec<_> = (0..64).map(|number| frame(number, 100 + number)).collect();
    let before = stage.lab.counters().originated_sends;
    let done = client.inject(luid, Direction::Send, &joined_batch(&frames, 16));
    assert_eq!(done.expect("the injection is taken").done(), 64);
    assert_eq!(stage.lab.counters().originated_sends - before, 4);
    let wire: Vec<_> = adapter.wire().into_iter().map(|it| it.bytes).collect();
    assert_eq!(wire, frames);
    adapter.fail_sends(FAILURE);
    let failed = client.inject(luid, Direction::Send, &joined_batch(&frames, 64));
    let failed = failed.expect("the injection is taken");
    assert!(failed.statuses.iter().all(|&status| status == Status(FAILURE.0)));
    let counters = client.counters(Some(luid)).expect("counters");
    assert_eq!((counters.get(Reason::Sent), counters.get(Reason::FailedBelow)), (64, 64));
    drop(client);
    stage.end();
}

#[test]
fn frames_that_the_adapter_does_not_take_are_refused_one_by_one() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    let lengths = [0, 13, 14, 1514, 1515, 65_549];
    let plain = client.inject(luid, Direction::Send, &batch(lengths.map(|it| frame(it, it))));
    let ok = Status::SUCCESS;
    let refused = INVALID_LENGTH;
    assert_eq!(plain.expect("taken").statuses, [refused, refused, ok, ok, refused, refused]);
    let lengths = [18, 1514, 1518, 1519];
    let tagged =
        client.inject(luid, Direction::Send, &batch(lengths.map(|it| tagged_frame(it, it))));
    assert_eq!(tagged.expect("taken").statuses, [ok, ok, ok, refused]);
    assert_eq!(adapter.wire().len(), 5);
    let counters = client.counters(Some(luid)).expect("counters");
    assert_eq!(counters.get(Reason::RefusedLength), 5);
    drop(client);
    stage.end();
}

#[test]
fn a_refused_frame_parts_the_list_that_it_would_have_joined() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let frames = [frame(0, 60), frame(1, 60), frame(2, 2000), frame(3, 60), frame(4, 60)];
    let done = client.inject(adapter.config().luid, Direction::Send, &joined_batch(&frames, 5));
    let ok = Status::SUCCESS;
    assert_eq!(done.expect("taken").statuses, [ok, ok, INVALID_LENGTH, ok, ok]);
    let wire: Vec<_> = adapter.wire().into_iter().map(|it| it.bytes).collect();
    assert_eq!(wire, [&frames[0], &frames[1], &frames[3], &frames[4]].map(Vec::clone));
    drop(client);
    stage.end();
}

#[test]
fn more_frames_than_buffers_wait_for_buffers_and_keep_their_order() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let frames: Vec<_> = (0..1000).map(|number| frame(number, 60 + number % 900)).collect();
    for policy in [Policy::Inline, Policy::Deferred] {
        drop(adapter.take_wire());
        adapter.set_send_policy(policy);
        let done = client.inject(adapter.config().luid, Direction::Send, &batch(&frames));
        assert_eq!(done.expect("the injection is taken").done(), frames.len());
        let wire: Vec<_> = adapter.wire().into_iter().map(|it| it.bytes).collect();
        assert!(wire == frames, "{policy:?}: frames are lost, changed or out of order");
    }
    let adapters = client.adapters().expect("adapters");
    assert_eq!(adapters[0].frame_buffers_free, adapters[0].frame_buffers);
    drop(client);
    stage.end();
}

#[test]
fn a_long_queue_is_handed_to_a_system_thread_and_keeps_its_order() {
    let stage = Stage::remembering(1 << 18);
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let frames: Vec<_> = (0..limits::BATCH_FRAMES as usize).map(|it| frame(it, 64)).collect();
    let done = client.inject(adapter.config().luid, Direction::Send, &batch(&frames));
    assert_eq!(done.expect("the injection is taken").done(), frames.len());
    assert!(adapter.wire().iter().map(|it| &it.bytes).eq(&frames), "out of order or changed");
    let handed_over = stage.lab.trace().iter().any(|it| it.function == "NdisQueueIoWorkItem");
    assert!(handed_over, "one call served all {} frames", frames.len());
    drop(client);
    stage.end();
}

#[test]
fn in_a_steady_state_no_frame_costs_an_allocation() {
    // Guarded memory is never used again: this is about memory that is not.
    let stage = Stage::in_lab(Lab::default());
    stage.driver.start().expect("the driver starts");
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    let frames: Vec<_> = (0..128).map(|number| frame(number, 1514)).collect();
    let round = |batch: &Batch, direction| {
        let before = stage.lab.allocations();
        let done = client.inject(luid, direction, batch).expect("the injection is taken");
        assert_eq!(done.done(), batch.len() as usize);
        stage.lab.allocations() - before
    };
    let rounds = [
        (batch(&frames), Direction::Send),
        (joined_batch(&frames, 32), Direction::Send),
        (batch(&frames[..1]), Direction::Send),
        (batch(&frames), Direction::Receive),
    ];
    let first: Vec<_> = rounds.iter().map(|(batch, way)| round(batch, *way)).collect();
    assert!(first[0] > 0, "the first request and its lists take memory");
    for _ in 0..3 {
        for (batch, direction) in &rounds {
            assert_eq!(round(batch, *direction), 0);
        }
    }
    drop(client);
    stage.end();
}

#[test]
fn a_jumbo_frame_takes_several_mdls_and_is_whole() {
    let stage = Stage::new();
    let adapter = stage.adapter(AdapterConfig { mtu: 64_000, ..roomy() });
    let client = stage.client();
    let frames = [frame(1, 16_388), frame(2, 16_389), frame(3, 64_014), frame(4, 60)];
    let luid = adapter.config().luid;
    let done = client.inject(luid, Direction::Send, &batch(&frames)).expect("taken");
    assert_eq!(done.done(), 4);
    let wire = adapter.wire();
    assert!(wire.iter().map(|it| &it.bytes).eq(&frames), "frames are changed");
    let joined = client.inject(luid, Direction::Send, &joined_batch(&frames, 4)).expect("taken");
    assert_eq!(joined.done(), 4);
    assert!(adapter.wire()[4..].iter().map(|it| &it.bytes).eq(&frames), "frames are changed");
    drop(client);
    stage.end();
}

#[test]
fn a_paused_adapter_refuses_frames_and_a_running_one_takes_them_again() {
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    let client = stage.client();
    let luid = adapter.config().luid;
    let inject = || client.inject(luid, Direction::Send, &batch([frame(0, 60)])).expect("taken");
    assert_eq!(inject().statuses, [PAUSED]);
    adapter.start().expect("restart");
    assert_eq!(inject().statuses, [Status::SUCCESS]);
    adapter.pause();
    assert_eq!(inject().statuses, [PAUSED]);
    let counters = client.counters(Some(luid)).expect("counters");
    assert_eq!(counters.get(Reason::RefusedPaused), 2);
    drop(client);
    stage.end();
}

#[test]
fn a_pause_refuses_what_waits_and_lets_what_left_come_home() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let frames: Vec<_> = (0..600).map(|number| frame(number, 60)).collect();
    let luid = adapter.config().luid;
    let pending = inject_pending(&client, luid, Direction::Send, &batch(&frames));
    let left = adapter.wire().len();
    assert!(left > 0 && left < 600, "{left} frames left");
    assert!(adapter.begin_pause(), "frames are under way");
    adapter.release_sends(Order::Forward);
    adapter.finish_pause();
    let statuses = answer(&pending.wait().output);
    assert!(statuses[..left].iter().all(|status| status.is_success()));
    assert!(statuses[left..].iter().all(|&status| status == PAUSED));
    drop(client);
    stage.end();
}

#[test]
fn a_cancelled_request_ends_at_once_and_gives_up_what_waits() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let frames: Vec<_> = (0..600).map(|number| frame(number, 60)).collect();
    let luid = adapter.config().luid;
    let first = inject_pending(&client, luid, Direction::Send, &batch(&frames));
    let second = inject_pending(&client, luid, Direction::Send, &batch(&frames[..3]));
    let left = adapter.wire().len();
    for request in [second, first] {
        assert!(request.cancel(), "the request can be cancelled");
        assert_eq!(request.wait().status, CANCELLED);
    }
    assert_eq!(adapter.held_sends(), 0, "the drivers below were asked to give back what had left");
    assert_eq!(adapter.wire().len(), left, "what waited was given up");
    let counters = client.counters(Some(luid)).expect("counters");
    assert_eq!(counters.get(Reason::FailedBelow), left as u64);
    assert_eq!(counters.get(Reason::RefusedCancelled), (603 - left) as u64);
    drop(client);
    stage.end();
}

#[test]
fn a_request_whose_frames_have_all_left_can_be_cancelled() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    adapter.hold_receives();
    let pending = inject_pending(&client, luid, Direction::Receive, &batch([frame(0, 60)]));
    assert!(pending.cancel());
    assert_eq!(pending.wait().status, CANCELLED);
    adapter.release_receives(Order::Forward);
    drop(client);
    stage.end();
}

#[test]
fn a_handle_that_is_closed_takes_what_waits_with_it() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let frames: Vec<_> = (0..600).map(|number| frame(number, 60)).collect();
    let luid = adapter.config().luid;
    let pending = inject_pending(&client, luid, Direction::Send, &batch(&frames));
    drop(client);
    assert_eq!(pending.wait().status, CANCELLED);
    let left = adapter.wire().len();
    adapter.release_sends(Order::Reverse);
    assert_eq!(adapter.wire().len(), left);
    stage.end();
}

#[test]
fn what_may_be_under_way_on_a_handle_is_bounded() {
    let stage = Stage::new();
    let adapters = stage.holding_adapters();
    let client = stage.client();
    let one = batch([frame(0, 60)]);
    let begin = |at: usize| {
        let luid = adapters[at % adapters.len()].config().luid;
        inject_pending(&client, luid, Direction::Send, &one)
    };
    let under_way: Vec<_> = (0..limits::HANDLE_REQUESTS).map(begin).collect();
    assert!(under_way.iter().all(|it| !it.is_done()));
    assert_eq!(begin(0).wait().status, QUOTA_EXCEEDED);
    for adapter in &adapters {
        adapter.release_sends(Order::Forward);
    }
    assert!(under_way.into_iter().all(|it| it.wait().status == NtStatus::SUCCESS));
    drop(client);
    stage.end();
}

#[test]
fn what_may_wait_on_an_adapter_is_bounded() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let luid = adapter.config().luid;
    let many: Vec<_> = (0..600).map(|number| frame(number, 60)).collect();
    let starved = inject_pending(&client, luid, Direction::Send, &batch(&many));
    let one = batch([frame(0, 60)]);
    let waiting: Vec<_> = (1..limits::PENDING_REQUESTS)
        .map(|_| inject_pending(&client, luid, Direction::Send, &one))
        .collect();
    assert!(waiting.iter().all(|it| !it.is_done()));
    let refused = inject_pending(&client, luid, Direction::Send, &one);
    assert_eq!(refused.wait().status, QUOTA_EXCEEDED);
    adapter.set_send_policy(Policy::Deferred);
    adapter.release_sends(Order::Forward);
    assert_eq!(starved.wait().status, NtStatus::SUCCESS);
    for request in waiting {
        assert_eq!(request.wait().status, NtStatus::SUCCESS);
    }
    drop(client);
    stage.end();
}

#[test]
fn a_status_of_the_drivers_below_reaches_the_frame_it_belongs_to() {
    const ABORTED: NtStatus = NtStatus(0xC023_000C_u32.cast_signed());
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.fail_sends(ABORTED);
    let luid = adapter.config().luid;
    let done = client.inject(luid, Direction::Send, &batch([frame(0, 60), frame(1, 10)]));
    assert_eq!(done.expect("taken").statuses, [Status(ABORTED.0), INVALID_LENGTH]);
    drop(client);
    stage.end();
}

#[test]
fn requests_from_many_threads_keep_their_own_order() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.set_send_policy(Policy::Deferred);
    let luid = adapter.config().luid;
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let client = stage.client();
            scope.spawn(move || {
                for round in 0..10 {
                    let frames = (0..50_u16).map(|number| {
                        let mut frame = frame(number.into(), 64);
                        let place = round * 50 + number;
                        frame[14] = thread;
                        frame[15..17].copy_from_slice(&place.to_le_bytes());
                        frame
                    });
                    let done = client.inject(luid, Direction::Send, &batch(frames));
                    assert_eq!(done.expect("taken").done(), 50);
                }
            });
        }
    });
    let mut next = [0_u16; 4];
    for seen in adapter.wire() {
        let thread = usize::from(seen.bytes[14]);
        assert_eq!(u16::from_le_bytes([seen.bytes[15], seen.bytes[16]]), next[thread]);
        next[thread] += 1;
    }
    assert_eq!(next, [500; 4]);
    stage.end();
}

#[test]
fn after_a_restart_frames_have_the_room_that_is_asked_for_then() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    let inject = || client.inject(luid, Direction::Send, &batch([frame(0, 1514)])).expect("taken");
    assert_eq!(inject().done(), 1);
    adapter.pause();
    let wanted = attributes(adapter.config()).backfill(640, 192);
    adapter.restart_with(&wanted).expect("restart");
    assert_eq!(inject().done(), 1);
    let offsets: Vec<_> = adapter.wire().iter().map(|it| it.data_offset).collect();
    assert_eq!(offsets, [256, 640]);
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, 0);
    drop(client);
    stage.end();
}

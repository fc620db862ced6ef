//! Other drivers' traffic: everything passes as it came while a module runs, nothing while it
//! does not.

use framecast_tests::{Stage, batch, bytes_of, frame, frames, inject_pending, joined_batch, roomy};
use framecastctl::{Injection, Status};
use ndis_lab::abi::nbl::information;
use ndis_lab::{Completion, Frame, Irql, NbSpec, NblSpec, NtStatus, Order, Policy, Stack};
use protocol::{CountersReply, Direction, Reason};

const DISPATCH_LEVEL: u32 = 1;
const CHECK_FOR_LOOPBACK: u32 = 2;
const RESOURCES: u32 = 2;

/// The numbers of lists that came back, and the one status that they all have.
fn came_back(completions: &[Completion], status: NtStatus) -> Vec<u64> {
    assert!(completions.iter().all(|it| it.status == status), "{completions:?}");
    completions.iter().map(|it| it.list).collect()
}

/// Stops a test unless frames passed in one call, in order and as they were.
#[track_caller]
fn assert_passed_together(seen: &[Frame], sent: &[Vec<u8>]) {
    assert_eq!(bytes_of(seen), sent);
    assert!(seen.iter().all(|it| !it.originated));
    assert!(seen.iter().all(|it| it.batch == seen[0].batch), "one batch in is one batch out");
    assert!(seen.iter().all(|it| it.port == 0));
}

/// What the driver counted on an adapter.
fn counters(stage: &Stage, adapter: &Stack) -> CountersReply {
    stage.client().counters(Some(adapter.config().luid)).expect("counters")
}

#[test]
fn a_chain_passes_in_one_call_and_comes_back_with_success() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for count in [1, 2, 17, 300] {
        let sent = frames(count, 60);
        adapter.send_from_above(&sent);
        adapter.indicate_from_below(&sent, false);
        assert_passed_together(&adapter.take_wire(), &sent);
        assert_passed_together(&adapter.take_received_above(), &sent);
    }
    let all: Vec<_> = (0..320).collect();
    assert_eq!(came_back(&adapter.completions_above(), NtStatus::SUCCESS), all);
    assert_eq!(came_back(&adapter.returns_below(), NtStatus::SUCCESS), all);
    stage.end();
}

#[test]
fn calls_that_follow_each_other_stay_apart() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for sent in frames(3, 100).chunks(1) {
        adapter.send_from_above(sent);
        adapter.indicate_from_below(sent, false);
    }
    for seen in [adapter.wire(), adapter.received_above()] {
        assert_eq!(bytes_of(&seen), frames(3, 100));
        assert!(seen.windows(2).all(|pair| pair[0].batch < pair[1].batch));
    }
    stage.end();
}

#[test]
fn lists_of_several_frames_pass_down_whole() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let sent = frames(6, 200);
    let lists = sent.chunks(3).map(|list| NblSpec::many(list.iter().cloned().map(NbSpec::new)));
    adapter.send_from_above(lists);
    assert_passed_together(&adapter.wire(), &sent);
    assert_eq!(came_back(&adapter.completions_above(), NtStatus::SUCCESS), [0, 1]);
    stage.end();
}

#[test]
fn the_memory_of_a_frame_passes_as_it_is_cut() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let sent = frames(5, 1514);
    let cuts = [vec![], vec![14], vec![0, 14, 0, 20], vec![1; 40], vec![1514, 0]];
    let mdls = [1, 2, 5, 41, 2];
    let list = |(bytes, cut): (&Vec<u8>, &Vec<usize>)| {
        NblSpec::of(NbSpec::new(bytes.clone()).split(cut.clone()).room(300, 17))
    };
    adapter.send_from_above(sent.iter().zip(&cuts).map(list));
    adapter.indicate_from_below(sent.iter().zip(&cuts).map(list), false);
    for seen in [adapter.wire(), adapter.received_above()] {
        assert_passed_together(&seen, &sent);
        assert_eq!(seen.iter().map(|it| it.mdls).collect::<Vec<_>>(), mdls);
        assert!(seen.iter().all(|it| it.data_offset == 300));
    }
    stage.end();
}

#[test]
fn what_travels_beside_a_frame_passes_unchanged() {
    const IPV4_AND_TCP: u32 = 0x0A00;
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let marked = |number: u64| {
        let list = NblSpec::from(frame(0, 60)).flags(IPV4_AND_TCP);
        (0..28).fold(list, |list, index| list.information(index, number << 32 | index as u64))
    };
    adapter.send_from_above((1..4).map(marked));
    adapter.indicate_from_below((1..4).map(marked), false);
    adapter.indicate_from_below((1..4).map(marked), true);
    let above = adapter.received_above();
    for (seen, number) in adapter.wire().iter().chain(&above).zip((1..4).cycle()) {
        let expected: Vec<_> = (0..28).map(|index| number << 32 | index).collect();
        assert_eq!(seen.information.as_slice(), expected);
        assert_eq!(seen.nbl_flags, IPV4_AND_TCP);
    }
    assert_eq!((adapter.wire().len(), above.len()), (3, 6));
    stage.end();
}

#[test]
fn a_request_to_look_for_loopback_passes() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.send_from_above_with_loopback([frame(0, 60)]);
    adapter.send_from_above([frame(1, 60)]);
    let flags: Vec<_> = adapter.wire().iter().map(|it| it.call_flags).collect();
    assert_eq!(flags, [CHECK_FOR_LOOPBACK | DISPATCH_LEVEL, DISPATCH_LEVEL]);
    stage.end();
}

#[test]
fn the_port_and_every_other_flag_pass_as_they_came() {
    /// `NDIS_SEND_FLAGS_SINGLE_QUEUE`
    const SEND_FLAGS: u32 = 0x4;
    /// From `NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE` to `NDIS_RECEIVE_FLAGS_MORE_NBLS`
    const RECEIVE_FLAGS: u32 = 0x3F00;
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.set_port(7);
    adapter.set_call_flags(SEND_FLAGS, RECEIVE_FLAGS);
    adapter.send_from_above_with_loopback(frames(3, 60));
    adapter.indicate_from_below(frames(3, 60), false);
    adapter.indicate_from_below(frames(3, 60), true);
    let (wire, above) = (adapter.wire(), adapter.received_above());
    assert!(wire.iter().chain(&above).all(|it| it.port == 7));
    let sent = SEND_FLAGS | CHECK_FOR_LOOPBACK | DISPATCH_LEVEL;
    let received = RECEIVE_FLAGS | DISPATCH_LEVEL;
    assert_eq!(wire.iter().map(|it| it.call_flags).collect::<Vec<_>>(), [sent; 3]);
    assert!(above[..3].iter().all(|it| it.call_flags == received));
    assert!(above[3..].iter().all(|it| it.call_flags == received | RESOURCES));
    stage.end();
}

#[test]
fn lent_receives_pass_within_the_call_and_are_never_returned() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.hold_receives();
    let lent = frames(20, 500);
    adapter.indicate_from_below(&lent, true);
    assert_passed_together(&adapter.received_above(), &lent);
    assert!(adapter.received_above().iter().all(|it| it.call_flags & RESOURCES != 0));
    assert_eq!(adapter.held_receives(), 0, "nobody keeps what is lent");
    assert_eq!(adapter.returns_below().len(), 20, "back by the end of the call");
    let returned = stage.lab.trace().iter().any(|it| it.function == "NdisFReturnNetBufferLists");
    assert!(!returned);
    stage.end();
}

#[test]
fn the_dispatch_flag_passes_as_it_came_and_is_true() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for (level, flag) in [
        (Irql::PASSIVE, false),
        (Irql::PASSIVE, true),
        (Irql::DISPATCH, false),
        (Irql::DISPATCH, true),
    ] {
        adapter.set_level(level);
        adapter.set_dispatch_flag(flag);
        let told = u32::from(flag && level == Irql::DISPATCH);
        for _ in 0..2 {
            adapter.send_from_above(frames(2, 60));
            adapter.indicate_from_below(frames(2, 60), false);
            adapter.indicate_from_below(frames(2, 60), true);
            adapter.pause();
        }
        assert!(adapter.take_wire().iter().all(|it| it.call_flags == told));
        let above = adapter.take_received_above();
        assert!(above.iter().all(|it| it.call_flags & DISPATCH_LEVEL == told));
        assert_eq!(above.len(), 4);
        adapter.start().expect("restart");
    }
    stage.end();
}

#[test]
fn completions_come_back_in_any_order_with_their_own_status() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let failures = [NtStatus::NDIS_SEND_ABORTED, NtStatus::RESOURCES, NtStatus::SUCCESS];
    let orders = [Order::Reverse, Order::OneByOne, Order::Forward];
    for ((order, status), first) in orders.into_iter().zip(failures).zip([0, 4, 8]) {
        adapter.hold_sends();
        adapter.send_from_above(frames(4, 60));
        assert_eq!(adapter.held_sends(), 4);
        assert_eq!(adapter.completions_above().len(), first);
        adapter.fail_sends(status);
        adapter.release_sends(order);
        let home = came_back(&adapter.completions_above()[first..], status);
        let first = first as u64;
        let mut expected: Vec<_> = (first..first + 4).collect();
        if order == Order::Reverse {
            expected.reverse();
        }
        assert_eq!(home, expected);
    }
    stage.end();
}

#[test]
fn completions_that_come_later_find_their_way() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.set_send_policy(Policy::Deferred);
    adapter.set_receive_policy(Policy::Deferred);
    for _ in 0..10 {
        adapter.send_from_above(frames(10, 60));
        adapter.indicate_from_below(frames(10, 60), false);
    }
    stage.lab.settle();
    assert_eq!(came_back(&adapter.completions_above(), NtStatus::SUCCESS).len(), 100);
    assert_eq!(came_back(&adapter.returns_below(), NtStatus::SUCCESS).len(), 100);
    stage.end();
}

#[test]
fn returns_come_back_in_any_order() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for (order, expected) in [
        (Order::Reverse, [3, 2, 1, 0]),
        (Order::OneByOne, [4, 5, 6, 7]),
        (Order::Forward, [8, 9, 10, 11]),
    ] {
        adapter.hold_receives();
        adapter.indicate_from_below(frames(4, 60), false);
        assert_eq!(adapter.held_receives(), 4);
        let before = adapter.returns_below().len();
        adapter.release_receives(order);
        assert_eq!(came_back(&adapter.returns_below()[before..], NtStatus::SUCCESS), expected);
    }
    stage.end();
}

#[test]
fn a_cancellation_from_above_reaches_the_adapter() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.hold_sends();
    let marked = |id: u64| NblSpec::from(frame(0, 60)).information(information::CANCEL_ID, id);
    adapter.send_from_above([7, 8, 7].map(marked));
    adapter.cancel_sends_from_above(7);
    let cancelled = came_back(&adapter.completions_above(), NtStatus::NDIS_SEND_ABORTED);
    assert_eq!(cancelled, [0, 2]);
    adapter.release_sends(Order::Forward);
    assert_eq!(came_back(&adapter.completions_above()[2..], NtStatus::SUCCESS), [1]);
    stage.end();
}

#[test]
fn a_completed_chain_of_own_and_foreign_sends_is_parted() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    for order in [Order::Forward, Order::Reverse, Order::OneByOne] {
        adapter.hold_sends();
        let before = adapter.completions_above().len();
        let mut injections = Vec::new();
        for round in 0..3 {
            adapter.send_from_above(frames(2, 60));
            let own =
                if round == 1 { batch(frames(3, 90)) } else { joined_batch(frames(5, 90), 5) };
            injections.push(inject_pending(&client, luid, Direction::Send, &own));
        }
        adapter.send_from_above(frames(1, 60));
        assert_eq!(adapter.held_sends(), 3 * 2 + 1 + 3 + 1 + 1);
        adapter.release_sends(order);
        let first = before as u64;
        let mut expected: Vec<_> = (first..first + 7).collect();
        if order == Order::Reverse {
            expected.reverse();
        }
        let home = came_back(&adapter.completions_above()[before..], NtStatus::SUCCESS);
        assert_eq!(home, expected);
        assert!(injections.iter().all(|it| it.result().is_some_and(|it| it.status.is_success())));
    }
    assert_eq!(counters(&stage, &adapter).get(Reason::Sent), 3 * 13);
    drop(client);
    stage.end();
}

#[test]
fn one_foreign_send_among_own_ones_and_one_own_among_foreign_ones_are_parted() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    for (foreign, own) in [(1, 3), (3, 1), (1, 1)] {
        for (order, status) in
            [(Order::Forward, NtStatus::SUCCESS), (Order::Reverse, NtStatus::RESOURCES)]
        {
            adapter.hold_sends();
            let before = adapter.completions_above().len();
            let batch = batch(frames(own, 60));
            let done = inject_pending(&client, adapter.config().luid, Direction::Send, &batch);
            adapter.send_from_above(frames(foreign, 60));
            adapter.fail_sends(status);
            adapter.release_sends(order);
            assert_eq!(came_back(&adapter.completions_above()[before..], status).len(), foreign);
            let done = Injection::from_output(&done.wait().output).expect("an answer");
            assert_eq!(done.statuses, vec![Status(status.0); own]);
            adapter.fail_sends(NtStatus::SUCCESS);
        }
    }
    drop(client);
    stage.end();
}

#[test]
fn a_returned_chain_of_own_and_foreign_receives_is_parted() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    for (order, expected) in [
        (Order::Forward, [0, 1, 2, 3]),
        (Order::Reverse, [7, 6, 5, 4]),
        (Order::OneByOne, [8, 9, 10, 11]),
    ] {
        adapter.hold_receives();
        let before = adapter.returns_below().len();
        adapter.indicate_from_below(frames(2, 60), false);
        let own = inject_pending(&client, luid, Direction::Receive, &batch(frames(3, 90)));
        adapter.indicate_from_below(frames(2, 60), false);
        assert_eq!(adapter.held_receives(), 7);
        assert!(!own.is_done());
        adapter.release_receives(order);
        assert!(own.is_done());
        assert_eq!(came_back(&adapter.returns_below()[before..], NtStatus::SUCCESS), expected);
    }
    assert_eq!(counters(&stage, &adapter).get(Reason::Indicated), 9);
    drop(client);
    stage.end();
}

#[test]
fn a_paused_module_rejects_sends_and_gives_receives_back() {
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    let pair = || NblSpec::many(frames(2, 60).into_iter().map(NbSpec::new));
    for round in 1..=2 {
        adapter.send_from_above([pair(), pair(), pair()]);
        adapter.indicate_from_below(frames(5, 60), false);
        adapter.indicate_from_below(frames(7, 60), true);
        let counted = counters(&stage, &adapter);
        assert_eq!(counted.get(Reason::SendsRejectedPaused), 3 * round, "lists, not frames");
        assert_eq!(counted.get(Reason::ReceivesRejectedPaused), 12 * round);
        assert_eq!(came_back(&adapter.returns_below(), NtStatus::SUCCESS).len() as u64, 12 * round);
        adapter.start().expect("restart");
        adapter.pause();
    }
    assert_eq!(came_back(&adapter.completions_above(), NtStatus::NDIS_PAUSED), [0, 1, 2, 3, 4, 5]);
    assert!(adapter.wire().is_empty());
    assert!(adapter.received_above().is_empty());
    stage.end();
}

#[test]
fn a_pausing_module_rejects_sends_and_gives_receives_back() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    adapter.hold_sends();
    let luid = adapter.config().luid;
    let own = inject_pending(&client, luid, Direction::Send, &batch(frames(1, 60)));
    assert!(adapter.begin_pause(), "a frame is under way");
    adapter.send_from_above(frames(3, 60));
    adapter.indicate_from_below(frames(5, 60), false);
    adapter.indicate_from_below(frames(7, 60), true);
    assert_eq!(came_back(&adapter.completions_above(), NtStatus::NDIS_PAUSED), [0, 1, 2]);
    assert_eq!(adapter.returns_below().len(), 12);
    assert!(adapter.received_above().is_empty());
    let counted = counters(&stage, &adapter);
    assert_eq!(counted.get(Reason::SendsRejectedPaused), 3);
    assert_eq!(counted.get(Reason::ReceivesRejectedPaused), 12);
    adapter.release_sends(Order::Forward);
    adapter.finish_pause();
    assert!(own.is_done());
    drop(client);
    stage.end();
}

#[test]
fn what_passed_before_a_pause_comes_back_after_it() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.hold_sends();
    adapter.hold_receives();
    adapter.send_from_above(frames(3, 60));
    adapter.indicate_from_below(frames(3, 60), false);
    adapter.pause();
    adapter.release_sends(Order::Reverse);
    adapter.release_receives(Order::Reverse);
    assert_eq!(came_back(&adapter.completions_above(), NtStatus::SUCCESS), [2, 1, 0]);
    assert_eq!(came_back(&adapter.returns_below(), NtStatus::SUCCESS), [2, 1, 0]);
    stage.end();
}

#[test]
fn receives_larger_than_the_mtu_pass() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let large: Vec<_> = [1515, 9014, 65_549].map(|length| frame(length, length)).into();
    adapter.indicate_from_below(&large, false);
    assert_passed_together(&adapter.take_received_above(), &large);
    adapter.indicate_from_below(&large, true);
    assert_passed_together(&adapter.take_received_above(), &large);
    stage.end();
}

#[test]
fn frames_shorter_than_a_header_pass() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let short: Vec<_> = [0, 1, 13].map(|length| frame(length, length)).into();
    adapter.send_from_above(&short);
    adapter.indicate_from_below(&short, false);
    assert_passed_together(&adapter.wire(), &short);
    assert_passed_together(&adapter.received_above(), &short);
    stage.end();
}

#[test]
fn passing_allocates_nothing() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let attempts = stage.lab.allocation_attempts();
    for _ in 0..20 {
        adapter.send_from_above(frames(10, 1514));
        adapter.indicate_from_below(frames(10, 1514), false);
        adapter.indicate_from_below(frames(10, 1514), true);
    }
    assert_eq!(stage.lab.allocation_attempts(), attempts);
    stage.end();
}

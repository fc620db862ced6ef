//! The scenario of the HLK's test for lightweight filters ("NDISTest 6.5 - LWF Logo test"): two
//! adapters on one cable, traffic both ways at once, frames larger than the MTU, adapters that are
//! short of receive descriptors, while they stop and start, lose their link and reset; in the end,
//! all that is sent arrives. Told here by threads of the system, for long; `schedules` tells it, in
//! short, in many orders.

use framecast_tests::{Stage, batch, bytes_of, frame, frames, inject_pending};
use ndis_lab::{Actor, AdapterConfig, ModuleState, NtStatus, Order, Policy, Stack};
use protocol::Direction;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Batches that go each way.
    pub(crate) batches: usize,
    /// Batches that are originated on each adapter.
    pub(crate) injections: usize,
    /// How often each adapter is upset.
    pub(crate) upsets: usize,
    /// Whether adapters are upset further until all else is over.
    pub(crate) to_the_end: bool,
}

const RESET_START: NtStatus = NtStatus(0x4001_0004);
const RESET_END: NtStatus = NtStatus(0x4001_0005);
const LINK_STATE: NtStatus = NtStatus(0x4001_0017);

/// What comes off the wire on one side arrives on the other.
fn carry(from: &Stack, to: &Stack, short_of_descriptors: bool) {
    let arrived = bytes_of(&from.take_wire());
    to.indicate_from_below(&arrived, short_of_descriptors);
}

/// Sends batches from one side to the other, and lets each fourth bring a frame larger than the
/// MTU, as hardware makes it that puts segments together.
fn talk(from: &Stack, to: &Stack, scale: Scale) {
    for round in 0..scale.batches {
        let sizes = [60, 64, 576, 1280, 1514];
        let count = 1 + round % 8;
        let sent: Vec<_> =
            (0..count).map(|number| frame(round + number, sizes[number % sizes.len()])).collect();
        from.send_from_above(&sent);
        carry(from, to, round % 4 != 0);
        if round % 4 == 3 {
            to.indicate_from_below([frame(round, 4000)], round % 8 == 3);
        }
        drop(to.take_received_above());
    }
}

/// Originates frames on an adapter while the rest goes on; each is accounted for.
fn originate(stage: &Stage, adapter: &Stack, scale: Scale) {
    let client = stage.client();
    for round in 0..scale.injections {
        let direction = if round % 2 == 0 { Direction::Send } else { Direction::Receive };
        let frames = batch(frames(1 + round % 5, 200));
        let pending = inject_pending(&client, adapter.config().luid, direction, &frames);
        assert_ne!(pending.wait().status, NtStatus::TIMEOUT);
    }
}

fn link(connected: bool) -> Vec<u8> {
    let state: u32 = if connected { 1 } else { 2 };
    let speed = 1_000_000_000_u64.to_le_bytes();
    let head = [&[0x80, 1, 40, 0], &state.to_le_bytes()[..], &2_u64.to_le_bytes()].concat();
    [&head, &speed[..], &speed, &[0; 8]].concat()
}

/// Stops and starts an adapter, pulls its cable, resets it: often enough, and maybe until `over`.
fn upset(adapter: &Stack, scale: Scale, over: &AtomicBool) {
    for round in 0.. {
        if round >= scale.upsets && (!scale.to_the_end || over.load(Ordering::Relaxed)) {
            break;
        }
        match round % 3 {
            0 => {
                adapter.pause();
                thread::yield_now();
                adapter.start().expect("restart");
            }
            1 => {
                adapter.status_indication(LINK_STATE, &link(false));
                adapter.status_indication(LINK_STATE, &link(true));
            }
            _ => {
                adapter.status_indication(RESET_START, &[]);
                adapter.fail_sends(NtStatus::NDIS_RESET_IN_PROGRESS);
                thread::yield_now();
                adapter.fail_sends(NtStatus::SUCCESS);
                adapter.status_indication(RESET_END, &[0; 4]);
            }
        }
        thread::yield_now();
    }
}

/// What is sent on one side arrives on the other as it was, other drivers' frames and ours.
#[track_caller]
fn expect_connected(stage: &Stage, from: &Stack, to: &Stack) {
    assert_eq!((from.state(), to.state()), (ModuleState::Running, ModuleState::Running));
    stage.lab.settle();
    drop((from.take_wire(), to.take_received_above()));
    let sent = frames(10, 1514);
    from.send_from_above(&sent);
    carry(from, to, true);
    assert_eq!(bytes_of(&to.take_received_above()), sent);
    let (client, luid) = (stage.client(), from.config().luid);
    let done = client.inject(luid, Direction::Send, &batch(&sent)).expect("inject");
    assert!(done.statuses.iter().all(|status| status.is_success()), "{:?}", done.statuses);
    carry(from, to, false);
    assert_eq!(bytes_of(&to.take_received_above()), sent);
    let large = [frame(1, 4000)];
    to.indicate_from_below(&large, true);
    assert_eq!(bytes_of(&to.take_received_above()), large);
}

/// Says so when it is dropped, be it by a panic.
struct Over<'f>(&'f AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The scenario, on adapters of its own.
///
/// # Panics
///
/// If what is sent does not arrive.
pub(crate) fn stay_connected(stage: &Stage, scale: Scale) {
    let adapter = |number| {
        let adapter = stage.adapter(AdapterConfig::numbered(number).with_backfill(64, 32));
        adapter.set_send_policy(Policy::Deferred);
        adapter.set_receive_policy(Policy::Deferred);
        adapter
    };
    let (left, right) = (adapter(1), adapter(2));
    let over = AtomicBool::new(false);
    stage.lab.run(|scope| {
        let _over = Over(&over);
        let talks = [
            scope.spawn(|| talk(&left, &right, scale)),
            scope.spawn(|| talk(&right, &left, scale)),
            scope.spawn(|| originate(stage, &left, scale)),
            scope.spawn(|| originate(stage, &right, scale)),
        ];
        for adapter in [&left, &right] {
            let over = &over;
            drop(scope.spawn(move || upset(adapter, scale, over)));
        }
        talks.into_iter().for_each(Actor::join);
    });
    for adapter in [&left, &right] {
        adapter.release_sends(Order::Forward);
        adapter.release_receives(Order::Forward);
    }
    expect_connected(stage, &left, &right);
    expect_connected(stage, &right, &left);
    for adapter in [left, right] {
        adapter.detach();
    }
}

#[test]
fn two_adapters_stay_connected_whatever_befalls_them() {
    let stage = Stage::new();
    let scale = Scale { batches: 300, injections: 75, upsets: 30, to_the_end: true };
    stay_connected(&stage, scale);
    stage.end();
}

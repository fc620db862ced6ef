//! The lab alone judges: nothing is asserted but that no rule was broken.

use framecast_tests::{
    Stage, attributes, batch, frame, frames, inject_pending, joined_batch, roomy,
};
use framecastctl::{Batch, Client};
use ndis_lab::{File, Irql, OidKind, OidQuery, Order, PendingControl, Policy, Stack};
use protocol::{Direction, Request, limits};
use std::thread;

fn begin(
    client: &Client<File>,
    adapter: &Stack,
    direction: Direction,
    batch: &Batch,
) -> PendingControl {
    inject_pending(client, adapter.config().luid, direction, batch)
}

/// Every kind of injection, without waiting for any.
fn inject(client: &Client<File>, adapter: &Stack) -> Vec<PendingControl> {
    let sizes = [frame(0, 14), frame(1, 60), frame(2, 1514), frame(3, 9000), frame(4, 5)];
    vec![
        begin(client, adapter, Direction::Send, &batch(&sizes)),
        begin(client, adapter, Direction::Send, &joined_batch(&sizes, 4)),
        begin(client, adapter, Direction::Receive, &batch(&sizes)),
        begin(client, adapter, Direction::Send, &joined_batch(frames(300, 100), 30)),
        begin(client, adapter, Direction::Receive, &batch(frames(300, 100))),
    ]
}

/// Other drivers' traffic, in both directions, owned and lent.
fn pass(adapter: &Stack) {
    for level in [Irql::PASSIVE, Irql::DISPATCH] {
        adapter.set_level(level);
        adapter.send_from_above(frames(3, 100));
        adapter.indicate_from_below(frames(3, 100), false);
        adapter.indicate_from_below(frames(3, 100), true);
    }
}

#[test]
fn the_driver_is_registered_as_ndis_wants_it() {
    let stage = Stage::unstarted();
    let _started = stage.driver.start();
    stage.end();
}

#[test]
fn frames_leave_and_come_home() {
    let stage = Stage::new();
    let client = stage.client();
    let adapter = stage.adapter(roomy());
    for policy in [Policy::Inline, Policy::Deferred] {
        adapter.set_send_policy(policy);
        adapter.set_receive_policy(policy);
        inject(&client, &adapter);
        stage.lab.settle();
    }
    drop(client);
    stage.end();
}

#[test]
fn others_pass_while_a_module_runs_and_while_it_does_not() {
    let stage = Stage::new();
    let client = stage.client();
    let adapter = stage.adapter(roomy());
    pass(&adapter);
    adapter.hold_sends();
    adapter.hold_receives();
    let _down = begin(&client, &adapter, Direction::Send, &batch(frames(2, 60)));
    pass(&adapter);
    let _up = begin(&client, &adapter, Direction::Receive, &batch(frames(2, 60)));
    let _pending = adapter.begin_pause();
    pass(&adapter);
    adapter.release_sends(Order::Forward);
    adapter.release_receives(Order::Reverse);
    adapter.finish_pause();
    pass(&adapter);
    drop(client);
    stage.end();
}

#[test]
fn restarts_change_what_the_drivers_below_ask_for() {
    let stage = Stage::new();
    let client = stage.client();
    let adapter = stage.adapter(roomy());
    for (data, context) in [(256, 64), (300, 65), (0, 0), (128, 1000), (128, 1000)] {
        adapter.pause();
        let _restarted =
            adapter.restart_with(&attributes(adapter.config()).backfill(data, context));
        adapter.use_room(data, context);
        inject(&client, &adapter);
    }
    drop(client);
    stage.end();
}

#[test]
fn requests_wait_end_and_are_given_up() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let _adapters = client.adapters();
    let _counters = client.counters(None);
    for length in [0, 3, 8, 24] {
        let _refused = client.transport().control(Request::Inject.code(), &vec![0; length], 100);
    }
    adapter.hold_sends();
    adapter.hold_receives();
    let mut waiting = inject(&client, &adapter);
    for number in 0..limits::PENDING_REQUESTS {
        waiting.push(begin(&client, &adapter, Direction::Send, &batch([frame(number, 60)])));
    }
    for request in waiting.iter().step_by(2) {
        request.cancel();
    }
    drop(client);
    adapter.release_sends(Order::OneByOne);
    adapter.release_receives(Order::Forward);
    stage.end();
}

#[test]
fn what_is_asked_and_told_passes() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for later in [false, true] {
        adapter.answer_oids(ndis_lab::NtStatus::SUCCESS, later, [1, 2, 3]);
        for kind in [OidKind::Query, OidKind::Set, OidKind::QueryStatistics] {
            let query = OidQuery { kind, ..OidQuery::query(0x0001_0106, 8) };
            let _result = adapter.oid(&query);
        }
    }
    adapter.status_indication(ndis_lab::NtStatus(0x4001_0017), &[7; 40]);
    let _status = adapter.net_pnp_event(3, &[0; 4]);
    adapter.device_pnp_event(3, &[0; 4]);
    stage.end();
}

#[test]
fn a_module_may_restart_or_go_as_soon_as_its_pause_is_complete() {
    const ROUNDS: u32 = 6;
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let lists = batch(frames(200, 60));
    for round in 1..=ROUNDS {
        adapter.hold_sends();
        let _waits = begin(&client, &adapter, Direction::Send, &lists);
        let _pending = adapter.begin_pause();
        thread::scope(|scope| {
            // They come home on another processor, in one chain.
            scope.spawn(|| adapter.release_sends(Order::Forward));
            adapter.finish_pause();
            if round == ROUNDS {
                adapter.detach();
            } else {
                let other = attributes(adapter.config()).backfill(256 + round, 64);
                let _restarted = adapter.restart_with(&other);
            }
        });
    }
    drop(client);
    stage.end();
}

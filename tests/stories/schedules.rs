//! Everything at once, in orders that seeds decide: see `ndis_lab::Schedule`.
//!
//! `SCHEDULES=20000` runs that many seeds instead of the few that every test run does (on one
//! processor, `taskset -c 0`, they run twice as fast), and a
//! `SEED=…` that a failure prints replays it.

use crate::hlk::{Scale, stay_connected};
use framecast_tests::{
    Stage, batch,
    copying::{
        Read, add_mirror, mirror_all, mirrors, read_tap, read_tap_pending, remove_mirror,
        start_tap, stop_tap, tap_all,
    },
    frame, frames, inject_pending, lab, roomy, second,
};
use ndis_lab::{
    AdapterConfig, Exploration, Explored, NbSpec, NblSpec, NtStatus, OidQuery, Order,
    PendingControl, Policy, Schedule, Verdict,
};
use protocol::{Direction, FilterInstruction, TapRequest, copies, limits};
use std::time::Duration;

/// How often a story that fails is told again to make it shorter: where it is a long one, that takes
/// its time.
const ATTEMPTS: usize = 40;

/// How many seeds run under each strategy.
fn seeds() -> u64 {
    std::env::var("SCHEDULES").ok().and_then(|it| it.parse().ok()).unwrap_or(100)
}

/// Runs a story under every seed.
fn explore(name: &str, story: impl Fn(&Stage)) -> Explored {
    let explored = Exploration::seeds(0..seeds())
        .shrink_attempts(ATTEMPTS)
        .run(|schedule| told(schedule, &story));
    let (runs, speed) = (explored.runs, explored.runs_per_second());
    println!("{name}: {runs} runs, {speed:.0} a second, {} decisions", explored.decisions);
    explored
}

fn told(schedule: Schedule, story: impl Fn(&Stage)) -> Verdict {
    let stage = Stage::in_lab(lab().schedule(schedule).build());
    stage.driver.start().expect("the driver starts");
    story(&stage);
    stage.driver.unload()
}

/// Traffic of others, injections, cancels and closes, while the adapter pauses and restarts.
fn all_at_once(stage: &Stage) {
    let adapter = stage.adapter(roomy());
    adapter.set_send_policy(Policy::Deferred);
    adapter.set_receive_policy(Policy::Deferred);
    let luid = adapter.config().luid;
    let inject = |direction| {
        let client = stage.client();
        let _ = client.inject(luid, direction, &batch(frames(5, 100)));
        client
    };
    stage.lab.run(|scope| {
        scope.spawn(|| {
            for number in 0..3 {
                adapter.send_from_above([frame(number, 60), frame(number, 90)]);
            }
        });
        scope.spawn(|| {
            for number in 0..3 {
                adapter.indicate_from_below([frame(number, 60)], number == 1);
            }
        });
        scope.spawn(|| drop(inject(Direction::Send)));
        scope.spawn(|| {
            let client = inject(Direction::Receive);
            let last = inject_pending(&client, luid, Direction::Send, &batch([frame(0, 60)]));
            last.cancel();
            let _ = last.wait();
        });
        scope.spawn(|| {
            let client = stage.client();
            let left = inject_pending(&client, luid, Direction::Send, &batch(frames(3, 60)));
            drop(client);
            let _ = left.wait();
        });
        for _ in 0..2 {
            adapter.pause();
            adapter.start().expect("the module starts");
        }
    });
}

#[test]
fn traffic_and_requests_survive_pauses_in_every_order() {
    explore("pauses", all_at_once).expect_clean();
}

#[test]
fn requests_survive_adapters_that_come_and_go_in_every_order() {
    explore("adapters", |stage| {
        let luid = roomy().luid;
        stage.lab.run(|scope| {
            for direction in [Direction::Send, Direction::Receive] {
                scope.spawn(move || {
                    let client = stage.client();
                    for number in 0..3 {
                        let _ = client.inject(luid, direction, &batch([frame(number, 60)]));
                        let _ = client.counters(Some(luid));
                        let _ = client.adapters();
                    }
                });
            }
            for _ in 0..2 {
                let adapter = stage.adapter(roomy());
                adapter.set_send_policy(Policy::Deferred);
                let _ = adapter.oid(&OidQuery::query(0x0001_0101, 4));
                adapter.detach();
            }
        });
    })
    .expect_clean();
}

#[test]
fn two_adapters_stay_connected_in_every_order() {
    let scale = Scale { batches: 4, injections: 3, upsets: 4, to_the_end: false };
    explore("connected", |stage| stay_connected(stage, scale)).expect_clean();
}

/// `return 0`: a filter that wants nothing.
const NOTHING: [FilterInstruction; 1] =
    [FilterInstruction { code: 0x06, jump_true: 0, jump_false: 0, operand: 0 }];

#[test]
fn a_mirror_that_needs_no_buffers_leaves_them_to_a_request_in_every_order() {
    explore("buffers", |stage| {
        let source = stage.adapter(roomy());
        // Few buffers: large ones.
        let target = stage.adapter(AdapterConfig { mtu: 16_000, ..second() });
        let client = stage.client();
        let luid = target.config().luid;
        add_mirror(&client, mirror_all(source.config().luid, luid), &NOTHING).expect("a mirror");
        stage.lab.run(|scope| {
            scope.spawn(|| {
                let unmapped = |number| NblSpec::of(NbSpec::new(frame(number, 60)).unmapped());
                source.send_from_above((0..40).map(unmapped));
            });
            scope.spawn(|| {
                let done = client.inject(luid, Direction::Send, &batch([frame(0, 60)]));
                assert_eq!(done.expect("the injection is taken").done(), 1);
            });
        });
    })
    .expect_clean();
}

#[test]
fn a_seed_replays_the_real_driver_to_the_same_steps() {
    for seed in [3, 4] {
        let steps = || {
            let schedule = Schedule::seeded(seed);
            told(schedule.clone(), all_at_once).expect_clean();
            schedule.steps()
        };
        let first = steps();
        assert!(first.len() > 100, "{} steps", first.len());
        let again = steps();
        let differs = first.iter().zip(&again).position(|(one, other)| one != other);
        assert!(first == again, "seed {seed} differs at step {differs:?}");
    }
}

#[test]
fn taps_come_and_go_while_frames_pass_in_every_order() {
    explore("taps", |stage| {
        let adapter = stage.adapter(roomy());
        let luid = adapter.config().luid;
        let request = TapRequest {
            flags: tap_all().flags | copies::OURS,
            wake_bytes: 500,
            timeout_milliseconds: 1,
            ..tap_all()
        };
        stage.lab.run(|scope| {
            for number in 0..2 {
                let adapter = &adapter;
                scope.spawn(move || {
                    for round in 0..3 {
                        adapter.send_from_above([frame(number, 300), frame(round, 300)]);
                        adapter.indicate_from_below([frame(number, 200)], round == 1);
                    }
                });
            }
            scope.spawn(|| {
                let client = stage.client();
                start_tap(&client, request, &[luid], &[]).expect("the tap starts");
                for _ in 0..3 {
                    let read = read_tap_pending(&client).wait();
                    assert!(read.status.is_success(), "{}", read.status);
                }
                let second = read_tap_pending(&client);
                stop_tap(&client).expect("the tap stops");
                let _ = second.wait();
                start_tap(&client, request, &[], &[]).expect("the tap starts anew");
                let last = read_tap_pending(&client);
                last.cancel();
                let _ = last.wait();
                let left = read_tap_pending(&client);
                drop(client);
                let _ = left.wait();
            });
            let client = stage.client();
            start_tap(&client, request, &[], &[]).expect("the tap starts");
            let _ = client.inject(luid, Direction::Send, &batch([frame(1, 100)]));
            adapter.pause();
            adapter.start().expect("the module starts");
        });
    })
    .expect_clean();
}

#[test]
fn a_read_has_a_time_of_its_own() {
    // In units of 100 nanoseconds, as those of records.
    const MILLISECOND: u64 = 10_000;
    explore("deadlines", |stage| {
        let [adapter, other] = [1, 2].map(|number| stage.adapter(AdapterConfig::numbered(number)));
        let request = TapRequest { timeout_milliseconds: 1, wake_bytes: 100, ..tap_all() };
        let client = stage.client();
        start_tap(&client, request, &[adapter.config().luid], &[]).expect("the tap starts");
        let clock = stage.client();
        start_tap(&clock, tap_all(), &[other.config().luid], &[]).expect("the tap starts");
        let now = || {
            other.send_from_above([frame(0, 60)]);
            read_tap(&clock).frames[0].0.timestamp
        };
        stage.lab.run(|scope| {
            scope.spawn(|| {
                // Answered by the frame, or when its time is up: both come at once.
                let read = || Read::of(&read_tap_pending(&client).wait().output).frames.len();
                for _ in 0..3 {
                    let before = now();
                    let frames = read();
                    assert!(frames > 0 || now() - before >= MILLISECOND, "before its time");
                }
            });
            scope.sleep(Duration::from_millis(1));
            adapter.send_from_above([frame(1, 300)]);
        });
    })
    .expect_clean();
}

#[test]
fn no_reader_meets_a_record_that_is_being_written() {
    let story = |stage: &Stage| {
        let adapter = stage.adapter(roomy());
        let request = TapRequest { timeout_milliseconds: u32::MAX, ..tap_all() };
        let client = stage.client();
        start_tap(&client, request, &[], &[]).expect("the tap starts");
        // Once around, so that every byte of the buffer has held something.
        adapter.send_from_above(frames(182, 1400));
        assert_eq!(read_tap(&client).frames.len(), 182);
        // To copy what is not mapped yet takes a call: meanwhile others write, and read.
        let unmapped =
            |number| NblSpec::of(NbSpec::new(frame(number, 300 + number)).split([50]).unmapped());
        stage.lab.run(|scope| {
            for writer in 0..2 {
                let adapter = &adapter;
                scope.spawn(move || {
                    adapter.send_from_above([unmapped(2 * writer), unmapped(2 * writer + 1)]);
                });
            }
            let mut seen = Vec::new();
            while seen.len() < 4 {
                seen.extend(Read::of(&read_tap_pending(&client).wait().output).bytes());
            }
            seen.sort_unstable_by_key(Vec::len);
            assert_eq!(seen, [0, 1, 2, 3].map(|number| frame(number, 300 + number)));
        });
    };
    let seeds = Exploration::seeds(0..20).shrink_attempts(ATTEMPTS);
    seeds.run(|schedule| told(schedule, story)).expect_clean();
}

/// Cancels a request, unless someone has: a driver that forgets one might heed another.
fn cancel_once(request: &PendingControl) {
    if !request.is_cancelled() {
        request.cancel();
    }
}

#[test]
fn no_cancellation_is_forgotten_however_early_it_comes() {
    explore("cancellations", |stage| {
        let adapter = stage.adapter(roomy());
        let luid = adapter.config().luid;
        // Its frames do not come home: only its cancellation ends an injection.
        adapter.set_send_policy(Policy::Held);
        let client = stage.client();
        // Without a time-out, and nothing to be read: only its cancellation ends a read.
        let request = TapRequest { timeout_milliseconds: u32::MAX, ..tap_all() };
        start_tap(&client, request, &[luid], &[]).expect("the tap starts");
        let canceller = client.transport().canceller();
        stage.lab.run(|scope| {
            let client = &client;
            scope.spawn(move || {
                let read = read_tap_pending(client);
                cancel_once(&read);
                assert_eq!(read.wait().status, NtStatus::CANCELLED);
            });
            scope.spawn(move || {
                let sent = inject_pending(client, luid, Direction::Send, &batch(frames(3, 60)));
                cancel_once(&sent);
                assert_eq!(sent.wait().status, NtStatus::CANCELLED);
            });
            for _ in 0..2 {
                canceller.cancel_all();
            }
        });
        adapter.release_sends(Order::Forward);
    })
    .expect_clean();
}

#[test]
fn what_begins_while_its_handle_is_closed_ends_with_it() {
    explore("closes", |stage| {
        let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
        let luid = source.config().luid;
        source.set_send_policy(Policy::Held);
        let (client, witness) = (stage.client(), stage.client());
        let closer = client.transport().closer();
        let is_expected =
            |status| [NtStatus::CANCELLED, NtStatus::INVALID_HANDLE].contains(&status);
        stage.lab.run(|scope| {
            let client = &client;
            scope.spawn(move || {
                let started = start_tap(client, tap_all(), &[luid], &[]);
                assert!(started.map_or_else(is_expected, |_| true), "{started:?}");
            });
            // Its frames do not come home: only the close ends it.
            scope.spawn(move || {
                let sent = inject_pending(client, luid, Direction::Send, &batch(frames(3, 60)));
                let status = sent.wait().status;
                assert!(is_expected(status), "{status}");
            });
            let mirror = mirror_all(luid, target.config().luid);
            scope.spawn(move || {
                let added = add_mirror(client, mirror, &[]);
                assert!(added.map_or_else(is_expected, |_| true), "{added:?}");
            });
            closer.close();
        });
        assert_eq!(mirrors(&witness), []);
        // Where none is left, there is room for as many taps as there may be.
        let others: Vec<_> = (0..limits::TAPS).map(|_| stage.client()).collect();
        for other in &others {
            start_tap(other, tap_all(), &[luid], &[]).expect("there is room for a tap");
        }
        source.release_sends(Order::Forward);
    })
    .expect_clean();
}

#[test]
fn who_has_an_answer_may_ask_again_at_once() {
    // As many as may be under way, so that there is room for no other until one is answered.
    let story = |stage: &Stage| {
        let adapters = stage.holding_adapters();
        let client = stage.client();
        let one = batch([frame(0, 60)]);
        let begin = |at: usize| {
            let luid = adapters[at % adapters.len()].config().luid;
            inject_pending(&client, luid, Direction::Send, &one)
        };
        let mut under_way: Vec<_> = (0..limits::HANDLE_REQUESTS).map(begin).collect();
        let first = under_way.swap_remove(0);
        stage.lab.run(|scope| {
            scope.spawn(|| adapters[0].release_sends(Order::OneByOne));
            assert!(first.wait().status.is_success());
            under_way.push(begin(1));
        });
        for adapter in &adapters {
            adapter.release_sends(Order::Forward);
        }
        for request in under_way {
            assert!(request.wait().status.is_success());
        }
    };
    let seeds = Exploration::seeds(0..5).shrink_attempts(ATTEMPTS);
    seeds.run(|schedule| told(schedule, story)).expect_clean();
}

#[test]
fn mirrors_come_and_go_with_their_adapters_in_every_order() {
    explore("mirrors", |stage| {
        let source = stage.adapter(roomy());
        let to = AdapterConfig::numbered(2);
        let from = source.config().luid;
        stage.lab.run(|scope| {
            for number in 0..2 {
                let source = &source;
                scope.spawn(move || {
                    for round in 0..3 {
                        source.send_from_above([frame(number, 300), frame(round, 300)]);
                        source.indicate_from_below([frame(number, 200)], round == 1);
                    }
                });
            }
            let request = mirror_all(from, to.luid);
            scope.spawn(move || {
                let client = stage.client();
                for _ in 0..3 {
                    // The target may not be there.
                    if let Ok(id) = add_mirror(&client, request, &[]) {
                        let _ = mirrors(&client);
                        remove_mirror(&client, id).expect("it is there");
                    }
                    let _ = add_mirror(&client, request, &[]);
                }
            });
            for _ in 0..2 {
                let target = stage.adapter(to.clone());
                target.set_send_policy(Policy::Deferred);
                let client = stage.client();
                add_mirror(&client, request, &[]).expect("both are there");
                target.pause();
                target.start().expect("the module starts");
                target.detach();
            }
            source.pause();
        });
    })
    .expect_clean();
}

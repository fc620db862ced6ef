//! Deterministic mode: replay, planted races, deadlocks and lost wake-ups.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Fake, OwnFrame, World, keep};
use ndis_lab::abi::Handle;
use ndis_lab::abi::io::{Irp, StackLocation};
use ndis_lab::abi::kernel::{Dpc, Event};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{
    AdapterConfig, Exploration, Irql, Lab, NtStatus, Order, Policy, Rule, Schedule, Strategy,
    Verdict,
};

const BOTH: [Strategy; 2] = [Strategy::RandomWalk, Strategy::Pct { depth: 3 }];

/// A driver that answers every frame with one of its own while it runs, and waits for those at a
/// pause.
#[derive(Default)]
struct Answerer {
    running: AtomicBool,
    outstanding: AtomicU32,
    /// Threads on the way from the check to the send.
    entering: AtomicU32,
    pausing: AtomicBool,
    lock: u64,
    frames: Mutex<HashMap<u64, OwnFrame>>,
}

impl Answerer {
    fn leave(&self, handle: Handle) {
        let last = self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && self.pausing.swap(false, Ordering::AcqRel) {
            NdisFPauseComplete(handle);
        }
    }

    /// Whether a frame may be originated: counted if so.
    fn enter(&self, atomically: bool) -> bool {
        let lock = Guest::<u64>::NULL.byte_add(self.lock);
        if !atomically {
            // The mistake: the state may change before the frame is counted.
            if !self.running.load(Ordering::Acquire) {
                return false;
            }
            let before = KeAcquireSpinLockRaiseToDpc(lock);
            self.outstanding.fetch_add(1, Ordering::AcqRel);
            KeReleaseSpinLock(lock, before);
            return true;
        }
        let before = KeAcquireSpinLockRaiseToDpc(lock);
        let running = self.running.load(Ordering::Acquire);
        if running {
            self.outstanding.fetch_add(1, Ordering::AcqRel);
            self.entering.fetch_add(1, Ordering::AcqRel);
        }
        KeReleaseSpinLock(lock, before);
        running
    }

    fn answer(&self, handle: Handle, atomically: bool) {
        if !self.enter(atomically) {
            return;
        }
        let own = OwnFrame::new(handle, &[0xAA; 60], 128, 64);
        let list = own.list;
        self.frames.lock().expect("frames").insert(list.address(), own);
        NdisFSendNetBufferLists(handle, list, 0, 0);
        if atomically {
            self.entering.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn pause(&self) -> NtStatus {
        let lock = Guest::<u64>::NULL.byte_add(self.lock);
        let before = KeAcquireSpinLockRaiseToDpc(lock);
        self.running.store(false, Ordering::Release);
        KeReleaseSpinLock(lock, before);
        while self.entering.load(Ordering::Acquire) > 0 {
            NdisMSleep(100);
        }
        let before = KeAcquireSpinLockRaiseToDpc(lock);
        let waits = self.outstanding.load(Ordering::Acquire) > 0;
        self.pausing.store(waits, Ordering::Release);
        KeReleaseSpinLock(lock, before);
        if waits { NtStatus::PENDING } else { NtStatus::SUCCESS }
    }
}

fn answering(atomically: bool) -> Fake {
    let state = Arc::new(Answerer { lock: keep(8).address(), ..Answerer::default() });
    let [for_receive, for_complete, for_pause, for_restart] = [(); 4].map(|()| Arc::clone(&state));
    Fake {
        on_receive: Some(Box::new(move |handle, list, port, count, flags| {
            for_receive.answer(handle, atomically);
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags);
        })),
        on_send_complete: Some(Box::new(move |handle, list, _| {
            let own = for_complete.frames.lock().expect("frames").remove(&list.address());
            own.expect("a frame of the driver").free();
            for_complete.leave(handle);
        })),
        on_pause: Some(Box::new(move |_| for_pause.pause())),
        on_restart: Some(Box::new(move |_, _| {
            for_restart.running.store(true, Ordering::Release);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
}

fn world(lab: Lab, fake: Fake) -> World {
    let (driver, fake, result) = fake.start(&lab);
    result.expect("the fake driver starts");
    let stack = driver.attach(AdapterConfig::default()).expect("the fake driver attaches");
    stack.start().expect("the fake driver restarts");
    World { lab, driver, stack, fake }
}

fn traffic_during_a_pause(lab: Lab, atomically: bool) -> Verdict {
    let world = world(lab, answering(atomically));
    world.stack.set_send_policy(Policy::Deferred);
    world.lab.run(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..3 {
                    world.stack.indicate_from_below([b"a question"], false);
                }
            });
        }
        world.stack.pause();
    });
    world.driver.unload()
}

fn scheduled(schedule: Schedule) -> Lab {
    Lab::builder().schedule(schedule).build()
}

#[test]
fn the_same_seed_runs_to_the_same_steps() {
    for strategy in BOTH {
        let steps = |seed| {
            let schedule = Schedule::seeded(seed).processors(2).strategy(strategy);
            let _ = traffic_during_a_pause(scheduled(schedule.clone()), false);
            schedule.steps()
        };
        for seed in 0..10 {
            let first = steps(seed);
            assert!(first.len() > 30, "{} steps", first.len());
            assert_eq!(first, steps(seed), "seed {seed}");
        }
        assert!((1..10).any(|seed| steps(seed) != steps(0)), "seeds make a difference");
    }
}

#[test]
fn a_state_that_is_checked_and_counted_apart_is_found_and_replayed() {
    for strategy in BOTH {
        let story = |schedule| traffic_during_a_pause(scheduled(schedule), false);
        let explored = Exploration::seeds(0..500).strategies(&[strategy]).run(story);
        println!("{strategy}: {} runs, {:.0} a second", explored.runs, explored.runs_per_second());
        let failure = explored.failure.expect("the race is found");
        println!("{failure}");
        let again: Schedule = failure.schedule.to_string().parse().expect("a schedule");
        let rules = story(again).rules();
        assert_eq!(rules.first().copied(), failure.rule);
        assert!(failure.switches.1 <= 4, "{:?} decisions", failure.switches);
    }
}

#[test]
fn a_state_that_is_checked_and_counted_at_once_holds_under_every_seed() {
    let story = |schedule| traffic_during_a_pause(scheduled(schedule), true);
    let explored = Exploration::seeds(0..100).run(story);
    println!("{} runs, {:.0} a second", explored.runs, explored.runs_per_second());
    explored.expect_clean();
}

/// While a pause completes, whoever waits for it restarts the module, and the next frame leaves:
/// it is no breach of the pause that is over.
#[test]
fn a_pause_is_judged_by_what_was_under_way_when_it_was_completed() {
    let story = |schedule| {
        let world = world(scheduled(schedule), answering(true));
        world.stack.hold_sends();
        world.stack.indicate_from_below([b"a question"], false);
        assert!(world.stack.begin_pause(), "a pause waits for the answer");
        world.lab.run(|scope| {
            scope.spawn(|| world.stack.release_sends(Order::Forward));
            world.stack.finish_pause();
            world.stack.start().expect("the module restarts");
            world.stack.hold_sends();
            world.stack.indicate_from_below([b"another"], false);
        });
        world.stack.release_sends(Order::Forward);
        world.driver.unload()
    };
    let explored = Exploration::seeds(0..500).strategies(&BOTH).run(story);
    println!("{} runs, {:.0} a second", explored.runs, explored.runs_per_second());
    explored.expect_clean();
}

#[test]
fn the_race_is_rare_without_a_schedule() {
    let found = (0..50).filter(|_| !traffic_during_a_pause(Lab::default(), false).is_clean());
    println!("{} of 50 free-running rounds found it", found.count());
}

/// Two threads of the driver, of which each takes both locks.
fn two_locks(schedule: Schedule, other_way: bool) -> Verdict {
    let locks = [keep(8).cast::<u64>(), keep(8).cast::<u64>()];
    let fake = Fake {
        on_oid: Some(Box::new(move |_, request| {
            let swapped = other_way && request.get(ndis_lab::abi::ndis::OidRequest::OID) == 2;
            let [outer, inner] = if swapped { [locks[1], locks[0]] } else { locks };
            let before = KeAcquireSpinLockRaiseToDpc(outer);
            KeAcquireSpinLockAtDpcLevel(inner);
            KeReleaseSpinLockFromDpcLevel(inner);
            KeReleaseSpinLock(outer, before);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    };
    let world = world(scheduled(schedule), fake);
    world.lab.run(|scope| {
        for oid in [1, 2] {
            let stack = &world.stack;
            scope.spawn(move || stack.oid(&ndis_lab::OidQuery::query(oid, 4)));
        }
    });
    world.driver.unload()
}

planted!(Deadlock, a_deadlock_is_found, || {
    // In a run in which the threads meet, nobody sees the order of the locks. Which seed that is
    // another thread finds out, whose runs do not count.
    let meets = |seed: &u64| two_locks(Schedule::seeded(*seed), true).rules();
    let found = thread::spawn(move || (0..100).find(|seed| meets(seed).contains(&Rule::Deadlock)));
    let seed = found.join().expect("no panic").expect("a deadlock");
    assert_eq!(meets(&seed), [Rule::Deadlock; 2], "one for each that waits");
});

#[test]
fn locks_in_one_order_never_deadlock() {
    Exploration::seeds(0..50).run(|schedule| two_locks(schedule, false)).expect_clean();
}

extern "win64" fn wait_for_ever(_: Guest<u8>, item: Handle) {
    let event = keep(Event::SIZE).cast::<Event>();
    KeInitializeEvent(event, 0, 0);
    KeWaitForSingleObject(event, 0, 0, 0, Guest::NULL);
    NdisFreeIoWorkItem(item);
}

planted!(LostWakeUp, a_wait_that_nobody_ends_is_found, || {
    let start = Instant::now();
    let schedule = Schedule::seeded(1);
    let world = world(scheduled(schedule), Fake::default());
    let driver = world.fake.registration();
    world.lab.run(|_| {
        world.in_driver(move |_| {
            let item = NdisAllocateIoWorkItem(driver);
            NdisQueueIoWorkItem(item, Some(wait_for_ever), Guest::NULL);
        });
    });
    world.expect_broken(&[Rule::LostWakeUp]);
    world.end();
    // As long as a wait may last where time is not.
    assert!(start.elapsed() < Duration::from_secs(30), "time is virtual");
});

/// Two threads at DISPATCH_LEVEL; whether they were ever both in the midst of something.
fn overlap(schedule: Schedule) -> bool {
    let (inside, overlapped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&overlapped);
    let fake = Fake {
        on_oid: Some(Box::new(move |_, _| {
            let before = KfRaiseIrql(Irql::DISPATCH);
            if inside.fetch_add(1, Ordering::AcqRel) > 0 {
                seen.store(true, Ordering::Release);
            }
            for _ in 0..20 {
                KeQueryInterruptTime();
            }
            inside.fetch_sub(1, Ordering::AcqRel);
            KeLowerIrql(before);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    };
    let world = world(scheduled(schedule), fake);
    world.lab.run(|scope| {
        for oid in [1, 2] {
            let stack = &world.stack;
            scope.spawn(move || stack.oid(&ndis_lab::OidQuery::query(oid, 4)));
        }
    });
    world.end();
    overlapped.load(Ordering::Acquire)
}

#[test]
fn a_processor_does_one_thing_at_dispatch_level() {
    for strategy in BOTH {
        let schedule = |seed| Schedule::seeded(seed).strategy(strategy);
        assert!((0..50).all(|seed| !overlap(schedule(seed).processors(1))));
        let count = (0..100).filter(|&seed| overlap(schedule(seed).processors(2))).count();
        assert!(count > 0, "{strategy}");
    }
}

extern "win64" fn signal_from_work(context: Guest<u8>, item: Handle) {
    assert_eq!(KeGetCurrentIrql(), Irql::PASSIVE);
    NdisFreeIoWorkItem(item);
    NdisSetEvent(context.cast());
}

extern "win64" fn signal_from_dpc(_: Guest<Dpc>, context: Guest<u8>, _: Guest<u8>, _: Guest<u8>) {
    assert_eq!(KeGetCurrentIrql(), Irql::DISPATCH);
    NdisSetEvent(context.cast());
}

#[test]
fn work_items_and_procedures_are_threads_of_the_schedule() {
    let explored = Exploration::seeds(0..20).run(|schedule| {
        let world = world(scheduled(schedule.clone()), Fake::default());
        let driver = world.fake.registration();
        let waited = world.lab.run(|_| {
            world.in_driver(move |_| {
                let [first, second] = [(); 2].map(|()| keep(Event::SIZE).cast::<Event>());
                NdisInitializeEvent(first);
                NdisInitializeEvent(second);
                let item = NdisAllocateIoWorkItem(driver);
                NdisQueueIoWorkItem(item, Some(signal_from_work), first.cast());
                let dpc = keep(Dpc::SIZE).cast();
                KeInitializeDpc(dpc, Some(signal_from_dpc), second.cast());
                KeInsertQueueDpc(dpc, Guest::NULL, Guest::NULL);
                (NdisWaitEvent(first, 5000), NdisWaitEvent(second, 5000))
            })
        });
        assert_eq!(waited, (1, 1));
        let births = schedule.steps().iter().filter(|step| step.kind == '+').count();
        assert_eq!(births, 2, "a work item and a procedure");
        world.driver.unload()
    });
    explored.expect_clean();
}

planted!(LostWakeUp, a_request_that_nobody_completes_is_found, || {
    let fake = Fake {
        on_entry: Some(Box::new(|registration| {
            DEVICE
                .set(crate::common::register_device(registration, "Forgetful"))
                .expect("one driver");
        })),
        on_unload: Some(Box::new(|_| {
            NdisDeregisterDeviceEx(*DEVICE.get().expect("registered"));
        })),
        on_irp: Some(Box::new(|irp| {
            let location = irp.get(Irp::CURRENT_STACK_LOCATION);
            if location.get(StackLocation::MAJOR_FUNCTION) != 14 {
                return crate::common::complete(irp, NtStatus::SUCCESS, 0);
            }
            location.set(StackLocation::CONTROL, 1);
            FORGOTTEN.store(irp.address(), Ordering::Release);
            NtStatus::PENDING
        })),
        ..Fake::default()
    };
    let world = world(scheduled(Schedule::seeded(3)), fake);
    let file = world.driver.open(r"\\.\Forgetful").expect("a device");
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world.lab.run(|_| file.control(0, &[], 0));
    }));
    assert!(ended.is_err(), "the lab does not wait for ever");
    world.expect_broken(&[Rule::LostWakeUp]);
    let irp = Guest::<Irp>::NULL.byte_add(FORGOTTEN.load(Ordering::Acquire));
    world.in_driver(move |_| {
        crate::common::complete(irp, NtStatus::SUCCESS, 0);
    });
    drop(file);
    world.end();
});

static DEVICE: OnceLock<Handle> = OnceLock::new();
static FORGOTTEN: AtomicU64 = AtomicU64::new(0);

#[test]
fn a_schedule_is_what_it_prints() {
    for text in ["walk:2:17", "pct3:1:0"] {
        assert_eq!(text.parse::<Schedule>().expect("a schedule").to_string(), text);
    }
    for text in ["", "walk", "walk:2", "pct:2:1", "walk:2:1:0", "run:2:1"] {
        assert!(text.parse::<Schedule>().is_err(), "{text}");
    }
}

#[test]
fn a_thread_that_sleeps_lets_others_run_and_takes_no_time() {
    let start = Instant::now();
    let event = keep(Event::SIZE).cast::<Event>();
    let fake = Fake {
        on_oid: Some(Box::new(move |_, request| {
            if request.get(ndis_lab::abi::ndis::OidRequest::OID) == 1 {
                return KeWaitForSingleObject(event, 0, 0, 0, Guest::NULL);
            }
            let before = KeQueryInterruptTime();
            NdisMSleep(9_000_000);
            let slept = KeQueryInterruptTime() - before;
            assert!((90_000_000..90_000_100).contains(&slept), "{slept}");
            KeSetEvent(event, 0, 0);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    };
    KeInitializeEventOutside(event);
    let world = world(scheduled(Schedule::seeded(7)), fake);
    world.lab.run(|scope| {
        let stack = &world.stack;
        let waiter = scope.spawn(move || stack.oid(&ndis_lab::OidQuery::query(1, 4)).status);
        let _ = world.stack.oid(&ndis_lab::OidQuery::query(2, 4));
        assert_eq!(waiter.join(), NtStatus::SUCCESS);
    });
    world.end();
    assert!(start.elapsed() < Duration::from_secs(9), "time is virtual");
}

/// An event as the driver would make it, before there is a driver.
#[expect(non_snake_case, reason = "named after what it stands for")]
fn KeInitializeEventOutside(event: Guest<Event>) {
    event.fill(0, Event::SIZE);
}

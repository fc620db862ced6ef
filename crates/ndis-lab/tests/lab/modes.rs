//! What drivers ask of the kernel works alike on threads of the system and under a schedule.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::{Fake, World, keep};
use ndis_lab::abi::Handle;
use ndis_lab::abi::kernel::{Dpc, Event};
use ndis_lab::abi::ndis::{
    FilterDriverCharacteristics as C, FilterPartialCharacteristics, TimerCharacteristics,
};
use ndis_lab::abi::sync::{Mutex as KernelMutex, Timer};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{AdapterConfig, Irql, Lab, ModuleState, NtStatus, Schedule, Strategy};

/// A lab of threads, and labs of schedules.
fn labs() -> Vec<Lab> {
    let of_seed = |seed| {
        let strategy =
            if seed % 2 == 0 { Strategy::RandomWalk } else { Strategy::Pct { depth: 3 } };
        Lab::builder().schedule(Schedule::seeded(seed).strategy(strategy)).build()
    };
    std::iter::once(Lab::default()).chain((0..6).map(of_seed)).collect()
}

/// Tells a story of a driver in every mode, within a run; it breaks no rule.
fn in_every_mode(fake: impl Fn() -> Fake, story: impl Fn(&World)) {
    for lab in labs() {
        let (driver, fake, result) = fake().start(&lab);
        result.expect("it starts");
        let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
        stack.start().expect("it restarts");
        let world = World { lab, driver, stack, fake };
        world.lab.run(|_| story(&world));
        world.end();
    }
}

/// Does something in a driver in every mode.
fn works_in_every_mode(errand: fn(Handle)) {
    in_every_mode(Fake::default, |world| world.in_driver(errand));
}

fn event() -> Guest<Event> {
    let event = keep(Event::SIZE).cast();
    NdisInitializeEvent(event);
    event
}

#[test]
fn time_goes_on() {
    works_in_every_mode(|_| {
        let [before, after] = [(); 2].map(|()| keep(8).cast::<u64>());
        KeQuerySystemTimePrecise(before);
        let start = KeQueryInterruptTime();
        NdisMSleep(1000);
        KeQuerySystemTimePrecise(after);
        // Units of 100 nanoseconds since 1601: not before the year 2020.
        assert!(before.read() > 132_000_000_000_000_000);
        assert!(after.read() - before.read() >= 10_000);
        assert!(KeQueryInterruptTime() - start >= 10_000);
    });
}

#[test]
fn processors_have_numbers() {
    works_in_every_mode(|_| {
        let number = keep(4).cast::<u32>();
        let count = KeQueryActiveProcessorCountEx(0xFFFF);
        let current = KeGetCurrentProcessorNumberEx(number);
        assert!(count > 0 && current < count);
        // PROCESSOR_NUMBER: the group, then the number in it.
        assert_eq!(number.read(), current << 16);
    });
}

/// What a thread that wants a mutex leaves: whether it had it before the other released it.
static WANTED: AtomicU32 = AtomicU32::new(0);

extern "win64" fn want(context: Guest<u8>, item: Handle) {
    let mutex = context.cast::<KernelMutex>();
    let none = keep(8).cast::<i64>();
    let status = KeWaitForSingleObject(mutex.cast(), 0, 0, 0, none);
    WANTED.store(u32::from(status == NtStatus::TIMEOUT), Ordering::Release);
    assert_eq!(KeWaitForSingleObject(mutex.cast(), 0, 0, 0, Guest::NULL), NtStatus::SUCCESS);
    KeReleaseMutex(mutex, 0);
    NdisFreeIoWorkItem(item);
}

#[test]
fn a_mutex_excludes_other_threads() {
    in_every_mode(Fake::default, |world| {
        WANTED.store(2, Ordering::Release);
        let driver = world.fake.registration();
        world.in_driver(move |_| {
            let mutex = keep(KernelMutex::SIZE).cast::<KernelMutex>();
            KeInitializeMutex(mutex, 0);
            KeWaitForSingleObject(mutex.cast(), 0, 0, 0, Guest::NULL);
            let item = NdisAllocateIoWorkItem(driver);
            NdisQueueIoWorkItem(item, Some(want), mutex.cast());
            while WANTED.load(Ordering::Acquire) == 2 {
                NdisMSleep(100);
            }
            assert_eq!(WANTED.load(Ordering::Acquire), 1, "the other thread has to wait");
            KeReleaseMutex(mutex, 0);
        });
        world.lab.settle();
    });
}

extern "win64" fn signal(_: Guest<Dpc>, context: Guest<u8>, _: Guest<u8>, _: Guest<u8>) {
    assert_eq!(KeGetCurrentIrql(), Irql::DISPATCH);
    NdisSetEvent(context.cast());
}

#[test]
fn a_timer_queues_its_procedure() {
    works_in_every_mode(|_| {
        let (timer, dpc) = (keep(Timer::SIZE).cast(), keep(Dpc::SIZE).cast());
        let fired = event();
        KeInitializeDpc(dpc, Some(signal), fired.cast());
        KeInitializeTimer(timer);
        assert_eq!(KeSetTimer(timer, -10_000, dpc), 0);
        assert_eq!(NdisWaitEvent(fired, 5000), 1);
        assert_eq!(KeWaitForSingleObject(timer.cast(), 0, 0, 0, Guest::NULL), NtStatus::SUCCESS);
        NdisResetEvent(fired);
        assert_eq!(KeSetTimer(timer, -600_000_000, dpc), 0);
        assert_eq!(KeSetTimer(timer, -600_000_000, dpc), 1, "it was set");
        assert_eq!((KeCancelTimer(timer), KeCancelTimer(timer)), (1, 0));
        KeFlushQueuedDpcs();
        assert_eq!(NdisWaitEvent(fired, 1), 0);
    });
}

#[test]
fn procedures_have_run_when_they_are_flushed() {
    works_in_every_mode(|_| {
        let dpc = keep(Dpc::SIZE).cast();
        let fired = event();
        KeInitializeDpc(dpc, Some(signal), fired.cast());
        assert_eq!(KeInsertQueueDpc(dpc, Guest::NULL, Guest::NULL), 1);
        KeFlushQueuedDpcs();
        let now = keep(8).cast::<i64>();
        assert_eq!(KeWaitForSingleObject(fired, 0, 0, 0, now), NtStatus::SUCCESS);
    });
}

extern "win64" fn count(_: Guest<u8>, context: Guest<u8>, _: Guest<u8>, _: Guest<u8>) {
    let ticks = context.cast::<u32>();
    ticks.write(ticks.read() + 1);
}

#[test]
fn a_timer_object_fires_again_and_again() {
    works_in_every_mode(|module| {
        type T = TimerCharacteristics;
        let characteristics = keep(T::SIZE).cast::<T>();
        characteristics.set(T::HEADER_TYPE, 0x97);
        characteristics.set(T::HEADER_REVISION, 1);
        characteristics.set(T::HEADER_SIZE, 24);
        characteristics.set(T::TIMER_FUNCTION, Some(count));
        let ticks = keep(4).cast::<u32>();
        characteristics.set(T::FUNCTION_CONTEXT, ticks.cast());
        let timer = keep(8).cast::<Handle>();
        assert!(NdisAllocateTimerObject(module, characteristics, timer).is_success());
        assert_eq!(NdisSetTimerObject(timer.read(), -10_000, 1, Guest::NULL), 0);
        while ticks.read() < 3 {
            NdisMSleep(1000);
        }
        NdisCancelTimerObject(timer.read());
        KeFlushQueuedDpcs();
        NdisFreeTimerObject(timer.read());
    });
}

/// What a filter was asked to do.
type Told = Arc<Mutex<Vec<&'static str>>>;

#[test]
fn a_filter_asks_to_be_restarted() {
    let told = Told::default();
    let [pausing, restarting] = [(); 2].map(|()| Arc::clone(&told));
    let fake = move || {
        let (pausing, restarting) = (Arc::clone(&pausing), Arc::clone(&restarting));
        Fake {
            on_pause: Some(Box::new(move |_| {
                pausing.lock().expect("told").push("pause");
                NtStatus::SUCCESS
            })),
            on_restart: Some(Box::new(move |_, _| {
                restarting.lock().expect("told").push("restart");
                NtStatus::SUCCESS
            })),
            ..Fake::default()
        }
    };
    in_every_mode(fake, |world| {
        told.lock().expect("told").clear();
        let lab = world.lab.clone();
        let statuses = world.in_driver(move |module| {
            lab.fail_allocation(1);
            (NdisFRestartFilter(module), NdisFRestartFilter(module))
        });
        assert_eq!(statuses, (NtStatus::INSUFFICIENT_RESOURCES, NtStatus::SUCCESS));
        world.lab.settle();
        assert_eq!(world.stack.state(), ModuleState::Running);
        assert_eq!(*told.lock().expect("told"), ["pause", "restart"]);
    });
}

/// The module that is being set up; tests of this file that need it run one after the other.
static MODULE: Mutex<Handle> = Mutex::new(Handle::NULL);

extern "win64" fn leave_the_data_path(_context: Handle) -> NtStatus {
    type P = FilterPartialCharacteristics;
    let handlers = keep(P::SIZE).cast::<P>();
    handlers.set(P::HEADER_TYPE, 0x8C);
    handlers.set(P::HEADER_REVISION, 1);
    handlers.set(P::HEADER_SIZE, 48);
    NdisSetOptionalHandlers(*MODULE.lock().expect("module"), handlers)
}

#[test]
fn a_module_leaves_the_data_path() {
    let fake = || Fake {
        edit: Some(Box::new(|c| c.set(C::SET_MODULE_OPTIONS, Some(leave_the_data_path)))),
        on_attach: Some(Box::new(|module| {
            *MODULE.lock().expect("module") = module;
            NtStatus::SUCCESS
        })),
        on_send: Some(Box::new(|_, _, _, _| panic!("nothing is sent through the filter"))),
        ..Fake::default()
    };
    in_every_mode(fake, |world| {
        world.stack.send_from_above([b"past it"]);
        world.stack.indicate_from_below([b"past it"], false);
        assert_eq!(world.stack.wire().len() + world.stack.received_above().len(), 2);
        assert_eq!(world.stack.completions_above()[0].status, NtStatus::SUCCESS);
        assert_eq!(world.stack.returns_below().len(), 1);
    });
}

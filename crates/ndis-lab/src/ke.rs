//! The kernel: IRQL, spin locks, events, procedures, time.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

pub(crate) mod mutex;
pub(crate) mod queued;
pub(crate) mod timer;
pub(crate) mod wait;

use std::hint;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::abi::handlers::{Deferred, Handler};
use crate::abi::kernel::{Dpc, Event, NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::{self, Irql};
use crate::lock_order;
use crate::machine::Machine;
use crate::processor::{self, Frame, HeldLock};
use crate::rule::Rule;
use crate::schedule::session;
use crate::status::NtStatus;
use crate::sync;

exports![
    KeGetCurrentIrql,
    KfRaiseIrql,
    KeLowerIrql,
    KeInitializeSpinLock,
    KeAcquireSpinLockRaiseToDpc,
    KeReleaseSpinLock,
    KeAcquireSpinLockAtDpcLevel,
    KeReleaseSpinLockFromDpcLevel,
    KeInitializeEvent,
    KeSetEvent,
    KeClearEvent,
    KeResetEvent,
    KeWaitForSingleObject,
    KeDelayExecutionThread,
    KeInitializeDpc,
    KeInsertQueueDpc,
    KeFlushQueuedDpcs,
    KeQueryPerformanceCounter,
    KeQueryInterruptTime,
    KeQueryUnbiasedInterruptTime,
    KeQuerySystemTimePrecise,
    KeStallExecutionProcessor,
    KeGetCurrentProcessorNumberEx,
    KeQueryActiveProcessorCountEx,
];

/// The IRQL; a callback with a dispatch flag does not ask.
pub extern "win64" fn KeGetCurrentIrql() -> Irql {
    let call = Call::enter("KeGetCurrentIrql", Irql::HIGH, 0);
    let frame = Call::frame();
    if frame.flagged {
        let message = format!("{} asks for the IRQL that its flags tell", frame.callback);
        call.violate(Rule::DispatchFlag, message, &[]);
    }
    irql::current()
}

/// Raises the IRQL.
pub extern "win64" fn KfRaiseIrql(level: Irql) -> Irql {
    let call = Call::enter("KfRaiseIrql", Irql::HIGH, level.0.into());
    if level < irql::current() {
        call.violate(Rule::WrongIrql, format!("raises from {} to {level}", irql::current()), &[]);
    }
    irql::replace(level)
}

/// Lowers the IRQL.
pub extern "win64" fn KeLowerIrql(level: Irql) {
    let call = Call::enter("KeLowerIrql", Irql::HIGH, level.0.into());
    if level > irql::current() {
        call.violate(Rule::WrongIrql, format!("lowers from {} to {level}", irql::current()), &[]);
    }
    irql::replace(level);
}

/// Makes a lock that is free.
pub extern "win64" fn KeInitializeSpinLock(spin_lock: Guest<u64>) {
    let call = Call::enter("KeInitializeSpinLock", Irql::HIGH, spin_lock.address());
    call.machine.lock_order.forget(spin_lock.address(), 8);
    spin_lock.write(0);
}

/// Waits for a lock and takes it; says no if nobody will ever release it.
pub(crate) fn spin(machine: &Machine, site: u64, spin_lock: Guest<u64>) -> bool {
    const PATIENCE: Duration = Duration::from_secs(5);
    let word = spin_lock.atomic();
    let mut turns = 0_u32;
    while word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        if session::is_active() {
            if session::wait_for_lock(spin_lock.address(), PATIENCE) {
                continue;
            }
            let message = format!("spin lock {:#x} is never released", spin_lock.address());
            machine.violate(Rule::Deadlock, site, message, session::describe_waiting());
            return false;
        }
        hint::spin_loop();
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(128) {
            std::thread::yield_now();
        }
    }
    session::lock_taken(spin_lock.address());
    true
}

/// Makes a lock free.
pub(crate) fn free(spin_lock: Guest<u64>) {
    spin_lock.atomic().store(0, Ordering::Release);
    session::lock_freed(spin_lock.address());
}

/// Acquires a lock on this processor; twice by one processor is a breach, not a hang.
pub(crate) fn acquire(call: &Call, spin_lock: Guest<u64>) {
    let address = spin_lock.address();
    let held = processor::with_locks(|locks| locks.iter().any(|held| held.address == address));
    if held {
        let message = format!("spin lock {address:#x} is acquired again by the same processor");
        call.violate(Rule::SpinLock, message, &[]);
    } else if spin(&call.machine, call.site, spin_lock) {
        lock_order::check(call, spin_lock);
    }
    processor::with_locks(|locks| locks.push(HeldLock { address, site: call.site }));
}

/// Releases a lock of this processor.
pub(crate) fn release(call: &Call, spin_lock: Guest<u64>) {
    let address = spin_lock.address();
    let (found, still) = processor::with_locks(|locks| {
        let index = locks.iter().rposition(|held| held.address == address);
        if let Some(index) = index {
            locks.remove(index);
        }
        (index.is_some(), locks.iter().any(|held| held.address == address))
    });
    if !found {
        let message = format!("spin lock {address:#x} is released by who does not hold it");
        call.violate(Rule::SpinLock, message, &[]);
    } else if !still {
        free(spin_lock);
    }
}

/// Raises to DISPATCH_LEVEL and acquires a lock; returns the IRQL before.
pub extern "win64" fn KeAcquireSpinLockRaiseToDpc(spin_lock: Guest<u64>) -> Irql {
    let call = Call::enter("KeAcquireSpinLockRaiseToDpc", Irql::DISPATCH, spin_lock.address());
    let before = irql::replace(Irql::DISPATCH);
    acquire(&call, spin_lock);
    before
}

/// Releases a lock and lowers the IRQL.
pub extern "win64" fn KeReleaseSpinLock(spin_lock: Guest<u64>, level: Irql) {
    let call = Call::enter("KeReleaseSpinLock", Irql::DISPATCH, spin_lock.address());
    at_dispatch(&call);
    release(&call, spin_lock);
    irql::replace(level);
}

/// Acquires a lock at DISPATCH_LEVEL.
pub extern "win64" fn KeAcquireSpinLockAtDpcLevel(spin_lock: Guest<u64>) {
    let call = Call::enter("KeAcquireSpinLockAtDpcLevel", Irql::HIGH, spin_lock.address());
    at_dispatch(&call);
    acquire(&call, spin_lock);
}

/// Releases a lock and stays at DISPATCH_LEVEL.
pub extern "win64" fn KeReleaseSpinLockFromDpcLevel(spin_lock: Guest<u64>) {
    let call = Call::enter("KeReleaseSpinLockFromDpcLevel", Irql::HIGH, spin_lock.address());
    at_dispatch(&call);
    release(&call, spin_lock);
}

/// Whether a call is made where it has to be.
pub(crate) fn at_dispatch(call: &Call) {
    let level = irql::current();
    if level < Irql::DISPATCH {
        let message = format!("{} was called at {level}, below DISPATCH_LEVEL", call.name);
        call.violate(Rule::WrongIrql, message, &[]);
    }
}

/// Makes an event: NotificationEvent is 0, SynchronizationEvent 1.
pub extern "win64" fn KeInitializeEvent(event: Guest<Event>, kind: u32, state: u8) {
    let _call = Call::enter("KeInitializeEvent", Irql::HIGH, event.address());
    let kind = if kind == 0 { NOTIFICATION_EVENT } else { SYNCHRONIZATION_EVENT };
    event.fill(0, Event::SIZE);
    event.set(Event::TYPE, kind);
    event.set(Event::SIGNAL_STATE, i32::from(state != 0));
}

fn signal(event: Guest<Event>) -> &'static std::sync::atomic::AtomicI32 {
    event.field(Event::SIGNAL_STATE).atomic_i32()
}

/// Signals an event; returns the state before.
pub extern "win64" fn KeSetEvent(event: Guest<Event>, _increment: i32, wait: u8) -> i32 {
    let highest = if wait == 0 { Irql::DISPATCH } else { Irql::APC };
    let _call = Call::enter("KeSetEvent", highest, event.address());
    let before = signal(event).swap(1, Ordering::AcqRel);
    session::wake(event.address());
    before
}

/// Clears an event.
pub extern "win64" fn KeClearEvent(event: Guest<Event>) {
    let _call = Call::enter("KeClearEvent", Irql::DISPATCH, event.address());
    signal(event).store(0, Ordering::Release);
}

/// Clears an event; returns the state before.
pub extern "win64" fn KeResetEvent(event: Guest<Event>) -> i32 {
    let _call = Call::enter("KeResetEvent", Irql::DISPATCH, event.address());
    signal(event).swap(0, Ordering::AcqRel)
}

/// A relative (negative) or absolute time as the kernel has it, as a span from now.
pub(crate) fn span_of(time: i64) -> Duration {
    let amount = time.unsigned_abs();
    let ticks = if time <= 0 { amount } else { amount.saturating_sub(now()) };
    Duration::from_nanos(ticks.saturating_mul(100))
}

/// The span that a timeout asks for; `None` is for ever.
fn span(time: Guest<i64>) -> Option<Duration> {
    time.non_null().map(|time| span_of(time.read()))
}

/// Waits for an event.
pub extern "win64" fn KeWaitForSingleObject(
    object: Guest<Event>,
    _reason: u32,
    _mode: u8,
    _alertable: u8,
    timeout: Guest<i64>,
) -> NtStatus {
    let patience = span(timeout);
    let zero = patience.is_some_and(|patience| patience.is_zero());
    let highest = if zero { Irql::DISPATCH } else { Irql::APC };
    let call = Call::enter("KeWaitForSingleObject", highest, object.address());
    let taken = || wait::try_take(object);
    if sync::poll(Some(object.address()), Some(patience.unwrap_or(wait::STUCK)), taken) {
        return NtStatus::SUCCESS;
    }
    if patience.is_some() {
        return NtStatus::TIMEOUT;
    }
    if patience.is_some() {
        return NtStatus::TIMEOUT;
    }
    wait::never_ends(&call);
    NtStatus::SUCCESS
}

/// Waits for a while.
pub extern "win64" fn KeDelayExecutionThread(
    _mode: u8,
    _alertable: u8,
    interval: Guest<i64>,
) -> NtStatus {
    let _call = Call::enter("KeDelayExecutionThread", Irql::APC, interval.address());
    sync::sleep(span(interval).unwrap_or_default());
    NtStatus::SUCCESS
}

/// Makes a deferred procedure.
pub extern "win64" fn KeInitializeDpc(
    dpc: Guest<Dpc>,
    routine: Handler<Deferred>,
    context: Guest<u8>,
) {
    let _call = Call::enter("KeInitializeDpc", Irql::HIGH, dpc.address());
    dpc.fill(0, Dpc::SIZE);
    dpc.set(Dpc::DEFERRED_ROUTINE, routine);
    dpc.set(Dpc::DEFERRED_CONTEXT, context);
}

/// Queues a deferred procedure; says no if it is queued already.
pub extern "win64" fn KeInsertQueueDpc(dpc: Guest<Dpc>, first: Guest<u8>, second: Guest<u8>) -> u8 {
    let call = Call::enter("KeInsertQueueDpc", Irql::HIGH, dpc.address());
    u8::from(queue_dpc(&call.machine, Call::frame(), dpc, first, second))
}

/// Queues a deferred procedure for a driver; says no if it is queued already.
pub(crate) fn queue_dpc(
    machine: &Arc<Machine>,
    mut frame: Frame,
    dpc: Guest<Dpc>,
    first: Guest<u8>,
    second: Guest<u8>,
) -> bool {
    let queued = dpc.field(Dpc::DPC_DATA).atomic();
    if queued.swap(1, Ordering::AcqRel) != 0 {
        return false;
    }
    frame.callback = "a deferred procedure";
    frame.flagged = false;
    let queue = machine.procedures.clone();
    let machine = Arc::clone(machine);
    queue.push_here(dpc.address(), move || {
        let routine = dpc.get(Dpc::DEFERRED_ROUTINE);
        let context = dpc.get(Dpc::DEFERRED_CONTEXT);
        dpc.field(Dpc::DPC_DATA).atomic().store(0, Ordering::Release);
        let Some(routine) = routine else { return };
        machine.call_driver(frame, Irql::DISPATCH, dpc.address(), || {
            routine(dpc, context, first, second);
        });
    });
    true
}

/// Waits until queued procedures have run.
pub extern "win64" fn KeFlushQueuedDpcs() {
    let call = Call::enter("KeFlushQueuedDpcs", Irql::PASSIVE, 0);
    call.machine.procedures.settle();
}

/// The virtual time of the machine whose driver runs here, if it has any.
fn clock() -> Option<u64> {
    session::point();
    // Whoever polls the clock sees it go on.
    session::pass_time(1);
    let machine = processor::machine()?;
    machine.options.schedule.is_some().then(|| machine.clock())
}

/// 100-nanosecond units since 1601.
fn now() -> u64 {
    const TO_UNIX: u64 = 116_444_736_000_000_000;
    // Under a schedule time begins with the year 2026.
    const BEGIN: u64 = TO_UNIX + 1_767_225_600 * 10_000_000;
    if let Some(clock) = clock() {
        return BEGIN + clock;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TO_UNIX + u64::try_from(since.as_nanos() / 100).unwrap_or(0)
}

/// 100-nanosecond units since the lab's first question.
fn up_time() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    if let Some(clock) = clock() {
        return clock;
    }
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos() / 100).unwrap_or(0)
}

/// A counter of ten million a second.
pub extern "win64" fn KeQueryPerformanceCounter(frequency: Guest<u64>) -> u64 {
    if !frequency.is_null() {
        frequency.write(10_000_000);
    }
    up_time()
}

/// The time since the start, in 100-nanosecond units.
pub extern "win64" fn KeQueryInterruptTime() -> u64 {
    up_time()
}

/// The time since the start that the machine was awake, in 100-nanosecond units.
pub extern "win64" fn KeQueryUnbiasedInterruptTime() -> u64 {
    up_time()
}

/// The time of day.
pub extern "win64" fn KeQuerySystemTimePrecise(time: Guest<u64>) {
    time.write(now());
}

/// Keeps the processor busy; at most 50 microseconds.
pub extern "win64" fn KeStallExecutionProcessor(microseconds: u32) {
    const LONGEST: u32 = 50;
    let call = Call::enter("KeStallExecutionProcessor", Irql::HIGH, microseconds.into());
    if microseconds > LONGEST {
        let message = format!("the processor is kept busy for {microseconds} microseconds");
        call.violate(Rule::Waiting, message, &[]);
    }
    if session::is_active() {
        session::pass_time(u64::from(microseconds) * 10);
        return;
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(microseconds.into()) {
        hint::spin_loop();
    }
}

/// The number of this processor, from 0.
pub extern "win64" fn KeGetCurrentProcessorNumberEx(number: Guest<u32>) -> u32 {
    let call = Call::enter("KeGetCurrentProcessorNumberEx", Irql::HIGH, number.address());
    let count = processors(&call.machine);
    let current = session::processor()
        .map_or((processor::number() - 1) % count, |it| u32::try_from(it).unwrap_or(0));
    if !number.is_null() {
        number.write(current << 16);
    }
    current
}

/// How many processors the machine claims.
fn processors(machine: &Machine) -> u32 {
    const FREE_RUNNING: u32 = 4;
    let schedule = machine.options.schedule.as_ref();
    schedule.map_or(FREE_RUNNING, |it| u32::try_from(it.processor_count()).unwrap_or(u32::MAX))
}

/// How many processors there are.
pub extern "win64" fn KeQueryActiveProcessorCountEx(_group: u16) -> u32 {
    let call = Call::enter("KeQueryActiveProcessorCountEx", Irql::HIGH, 0);
    processors(&call.machine)
}

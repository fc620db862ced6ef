//! Timers.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::abi::kernel::Dpc;
use crate::abi::sync::{TIMER_NOTIFICATION, Timer};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ke;
use crate::ledger::{Kind, ObjectRecord};
use crate::machine::Machine;
use crate::ndis::pool::owner_of;
use crate::processor::Frame;
use crate::schedule::session;
use crate::sync::lock;

exports![KeInitializeTimer, KeInitializeTimerEx, KeSetTimer, KeSetTimerEx, KeCancelTimer];

/// Makes a timer that stays signalled once it fired.
pub extern "win64" fn KeInitializeTimer(timer: Guest<Timer>) {
    let _call = Call::enter("KeInitializeTimer", Irql::HIGH, timer.address());
    initialize(timer, 0);
}

/// Makes a timer: NotificationTimer is 0, SynchronizationTimer 1.
pub extern "win64" fn KeInitializeTimerEx(timer: Guest<Timer>, kind: u32) {
    let _call = Call::enter("KeInitializeTimerEx", Irql::HIGH, timer.address());
    initialize(timer, u8::from(kind != 0));
}

fn initialize(timer: Guest<Timer>, kind: u8) {
    timer.fill(0, Timer::SIZE);
    timer.set(Timer::TYPE, TIMER_NOTIFICATION + kind);
}

/// Sets a timer that fires once; says whether it was set.
pub extern "win64" fn KeSetTimer(timer: Guest<Timer>, due: i64, dpc: Guest<Dpc>) -> u8 {
    let call = Call::enter("KeSetTimer", Irql::DISPATCH, timer.address());
    set(&call, timer, due, 0, dpc)
}

/// Sets a timer that fires again every so many milliseconds; says whether it was set.
pub extern "win64" fn KeSetTimerEx(
    timer: Guest<Timer>,
    due: i64,
    period: u32,
    dpc: Guest<Dpc>,
) -> u8 {
    let call = Call::enter("KeSetTimerEx", Irql::DISPATCH, timer.address());
    set(&call, timer, due, period, dpc)
}

fn set(call: &Call, timer: Guest<Timer>, due: i64, period: u32, dpc: Guest<Dpc>) -> u8 {
    let was_set = take(&call.machine, timer);
    timer.field(Timer::SIGNAL_STATE).atomic_i32().store(0, Ordering::Release);
    timer.set(Timer::DPC, dpc);
    timer.set(Timer::PERIOD, period);
    let owner = owner_of(call, crate::abi::Handle::NULL);
    let record = ObjectRecord { kind: Kind::Timer, owner, site: call.site, block: None };
    lock(&call.machine.ledger).objects.insert(timer.address(), record);
    let (machine, frame) = (Arc::clone(&call.machine), Call::frame());
    let period = Duration::from_millis(period.into());
    crate::timer::set(&call.machine, timer.address(), ke::span_of(due), period, move || {
        fire(&machine, frame, timer, period.is_zero());
    });
    u8::from(was_set)
}

/// What a timer does when it is due.
fn fire(machine: &Arc<Machine>, frame: Frame, timer: Guest<Timer>, last: bool) {
    let dpc = timer.get(Timer::DPC);
    timer.field(Timer::SIGNAL_STATE).atomic_i32().store(1, Ordering::Release);
    session::wake(timer.address());
    if last {
        lock(&machine.ledger).objects.remove(&timer.address());
    }
    if !dpc.is_null() {
        ke::queue_dpc(machine, frame, dpc, Guest::NULL, Guest::NULL);
    }
}

/// Takes a timer out of the queue; says whether it was there.
fn take(machine: &Machine, timer: Guest<Timer>) -> bool {
    let was_set = crate::timer::cancel(machine, timer.address());
    if was_set {
        lock(&machine.ledger).objects.remove(&timer.address());
    }
    was_set
}

/// Takes a timer back; says whether it was set.
pub extern "win64" fn KeCancelTimer(timer: Guest<Timer>) -> u8 {
    let call = Call::enter("KeCancelTimer", Irql::DISPATCH, timer.address());
    u8::from(take(&call.machine, timer))
}

//! Mutexes, and regions that hold asynchronous procedure calls off.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::abi::sync::{MUTANT_OBJECT, Mutex};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::{self, Irql};
use crate::processor;
use crate::rule::Rule;
use crate::schedule::session;

exports![KeInitializeMutex, KeReleaseMutex, KeEnterCriticalRegion, KeLeaveCriticalRegion];

thread_local! {
    /// How many critical regions this thread is in.
    static REGIONS: Cell<u32> = const { Cell::new(0) };
}

/// Makes a mutex that is free.
pub extern "win64" fn KeInitializeMutex(mutex: Guest<Mutex>, _level: u32) {
    let _call = Call::enter("KeInitializeMutex", Irql::HIGH, mutex.address());
    mutex.fill(0, Mutex::SIZE);
    mutex.set(Mutex::TYPE, MUTANT_OBJECT);
    mutex.set(Mutex::SIGNAL_STATE, 1);
}

/// Releases a mutex that this thread owns; returns the state before.
pub extern "win64" fn KeReleaseMutex(mutex: Guest<Mutex>, wait: u8) -> i32 {
    let highest = if wait == 0 { Irql::DISPATCH } else { Irql::APC };
    let call = Call::enter("KeReleaseMutex", highest, mutex.address());
    let owner = mutex.field(Mutex::OWNER_THREAD);
    let state = mutex.field(Mutex::SIGNAL_STATE).atomic_i32();
    let before = state.load(Ordering::Acquire);
    if owner.read() != u64::from(processor::number()) {
        let message = "a mutex is released by a thread that does not own it";
        call.violate(Rule::Mutex, message, &[format!("mutex {mutex:?}")]);
        return before;
    }
    if before == 0 {
        owner.atomic().store(0, Ordering::Release);
    }
    state.fetch_add(1, Ordering::AcqRel);
    session::wake(mutex.address());
    before
}

/// Holds ordinary asynchronous procedure calls off.
pub extern "win64" fn KeEnterCriticalRegion() {
    let _call = Call::enter("KeEnterCriticalRegion", Irql::APC, 0);
    REGIONS.set(REGIONS.get() + 1);
}

/// Lets ordinary asynchronous procedure calls through again.
pub extern "win64" fn KeLeaveCriticalRegion() {
    let call = Call::enter("KeLeaveCriticalRegion", Irql::APC, 0);
    match REGIONS.get().checked_sub(1) {
        Some(left) => REGIONS.set(left),
        None => call.violate(Rule::CriticalRegion, "a critical region is left, not entered", &[]),
    }
}

/// Whether ordinary asynchronous procedure calls cannot come now.
pub(crate) fn calls_held_off() -> bool {
    REGIONS.get() > 0 || irql::current() >= Irql::APC
}

/// Enters a callback: it begins outside of any region. Returns what to give to [`leave`].
pub(crate) fn enter() -> u32 {
    REGIONS.replace(0)
}

/// Ends a callback: says how many regions it left open.
pub(crate) fn leave(outer: u32) -> u32 {
    REGIONS.replace(outer)
}

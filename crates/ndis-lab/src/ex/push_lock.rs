//! Push locks: shared by many threads or owned by one.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ke::{mutex, wait};
use crate::rule::Rule;

exports![
    ExInitializePushLock,
    ExAcquirePushLockSharedEx,
    ExAcquirePushLockExclusiveEx,
    ExReleasePushLockSharedEx,
    ExReleasePushLockExclusiveEx,
];

/// The word of a lock that one thread owns; other values count who shares it, by twos.
const EXCLUSIVE: u64 = 1;
const SHARED: u64 = 2;

thread_local! {
    /// What this thread holds: each lock, and whether exclusively.
    static HELD: RefCell<Vec<(u64, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Makes a lock that is free.
pub extern "win64" fn ExInitializePushLock(push_lock: Guest<u64>) {
    let _call = Call::enter("ExInitializePushLock", Irql::HIGH, push_lock.address());
    push_lock.write(0);
}

fn acquire(name: &'static str, push_lock: Guest<u64>, exclusive: bool) {
    let call = Call::enter(name, Irql::APC, push_lock.address());
    let object = [format!("push lock {push_lock:?}")];
    if !mutex::calls_held_off() {
        let message = "a push lock is acquired outside of a critical region";
        call.violate(Rule::CriticalRegion, message, &object);
    }
    let address = push_lock.address();
    if HELD.with_borrow(|held| held.iter().any(|&(lock, _)| lock == address)) {
        let message = "a push lock is acquired again by the same thread";
        call.violate(Rule::PushLock, message, &object);
        HELD.with_borrow_mut(|held| held.push((address, exclusive)));
        return;
    }
    let word = push_lock.atomic();
    wait::until(&call, || {
        let next = |before: u64| match (exclusive, before) {
            (true, 0) => Some(EXCLUSIVE),
            (false, shared) if shared & EXCLUSIVE == 0 => Some(shared + SHARED),
            _ => None,
        };
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    });
    HELD.with_borrow_mut(|held| held.push((address, exclusive)));
}

fn release(name: &'static str, push_lock: Guest<u64>, exclusive: bool) {
    let call = Call::enter(name, Irql::APC, push_lock.address());
    let address = push_lock.address();
    let (found, still) = HELD.with_borrow_mut(|held| {
        let index = held.iter().rposition(|&lock| lock == (address, exclusive));
        if let Some(index) = index {
            held.remove(index);
        }
        (index.is_some(), held.iter().any(|&(lock, _)| lock == address))
    });
    if !found {
        let message = "a push lock is released by who does not hold it so";
        call.violate(Rule::PushLock, message, &[format!("push lock {push_lock:?}")]);
    } else if !still {
        let amount = if exclusive { EXCLUSIVE } else { SHARED };
        push_lock.atomic().fetch_sub(amount, Ordering::AcqRel);
    }
}

/// Acquires a lock together with others.
pub extern "win64" fn ExAcquirePushLockSharedEx(push_lock: Guest<u64>, _flags: u32) {
    acquire("ExAcquirePushLockSharedEx", push_lock, false);
}

/// Acquires a lock alone.
pub extern "win64" fn ExAcquirePushLockExclusiveEx(push_lock: Guest<u64>, _flags: u32) {
    acquire("ExAcquirePushLockExclusiveEx", push_lock, true);
}

/// Releases a lock that was shared.
pub extern "win64" fn ExReleasePushLockSharedEx(push_lock: Guest<u64>, _flags: u32) {
    release("ExReleasePushLockSharedEx", push_lock, false);
}

/// Releases a lock that was owned.
pub extern "win64" fn ExReleasePushLockExclusiveEx(push_lock: Guest<u64>, _flags: u32) {
    release("ExReleasePushLockExclusiveEx", push_lock, true);
}

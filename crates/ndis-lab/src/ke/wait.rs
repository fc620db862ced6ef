//! Waiting of threads, for whatever a condition says.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::abi::kernel::{Event, SYNCHRONIZATION_EVENT};
use crate::abi::sync::{MUTANT_OBJECT, Mutex, TIMER_SYNCHRONIZATION};
use crate::call::Call;
use crate::guest::Guest;
use crate::processor;
use crate::rule::Rule;
use crate::schedule::session;
use crate::sync;

/// How long a wait without an end may last.
pub(crate) const STUCK: Duration = Duration::from_secs(30);

/// Waits until a condition holds, which may change something when it does; a wait that never ends
/// is a breach.
pub(crate) fn until(call: &Call, condition: impl FnMut() -> bool) {
    if !sync::poll(None, Some(STUCK), condition) {
        never_ends(call);
    }
}

/// Reports a wait that does not end.
pub(crate) fn never_ends(call: &Call) {
    if session::is_active() {
        let message = "a wait never ends: nobody is left to signal what it waits for";
        call.violate(Rule::LostWakeUp, message, &session::describe_waiting());
    } else {
        call.violate(Rule::Waiting, "a wait lasts for more than thirty seconds", &[]);
    }
}

/// Takes an object that can be waited for, if it is signalled now.
pub(crate) fn try_take(object: Guest<Event>) -> bool {
    let state = object.field(Event::SIGNAL_STATE).atomic_i32();
    match object.get(Event::TYPE) {
        SYNCHRONIZATION_EVENT | TIMER_SYNCHRONIZATION => state.swap(0, Ordering::AcqRel) != 0,
        MUTANT_OBJECT => try_own(object.cast()),
        _ => state.load(Ordering::Acquire) != 0,
    }
}

/// Owns a mutex that is free or already this thread's.
fn try_own(mutex: Guest<Mutex>) -> bool {
    let state = mutex.field(Mutex::SIGNAL_STATE).atomic_i32();
    let owner = mutex.field(Mutex::OWNER_THREAD);
    let this = u64::from(processor::number());
    if owner.atomic().load(Ordering::Acquire) == this {
        state.fetch_sub(1, Ordering::AcqRel);
        return true;
    }
    if state.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return false;
    }
    owner.atomic().store(this, Ordering::Release);
    true
}

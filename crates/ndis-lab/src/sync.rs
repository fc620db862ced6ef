//! Locks of the lab itself, which no panic of a test may poison for the verdict; and waiting, in
//! real time or under a schedule.

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::{Duration, Instant};

use crate::schedule::core::On;
use crate::schedule::session;

/// Locks a mutex, whatever happened to another holder.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// What threads wait at until a condition on what a mutex guards holds.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    changed: Condvar,
}

impl Signal {
    fn key(&self) -> u64 {
        std::ptr::from_ref(self) as u64
    }

    /// Lets waiters look at their condition again.
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
        session::wake(self.key());
    }

    /// Waits for a condition; says whether it came about in time.
    pub(crate) fn wait<T>(
        &self,
        mutex: &Mutex<T>,
        patience: Duration,
        mut condition: impl FnMut(&T) -> bool,
    ) -> bool {
        if session::is_active() {
            while !condition(&lock(mutex)) {
                if !session::wait(On::Key(self.key()), Some(patience)) {
                    return condition(&lock(mutex));
                }
            }
            return true;
        }
        let deadline = Instant::now() + patience;
        let mut guard = lock(mutex);
        while !condition(&guard) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard =
                self.changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// Waits for a condition that says of nobody who would tell of it; says whether it came about in
/// time. `key` is an address that [`session::wake`] may name.
pub(crate) fn poll(
    key: Option<u64>,
    patience: Option<Duration>,
    mut condition: impl FnMut() -> bool,
) -> bool {
    if session::is_active() {
        let on = key.map_or(On::Change, On::Key);
        let start = session::now().unwrap_or(0);
        while !condition() {
            let waited = session::now().unwrap_or(0) - start;
            let left = patience.map(|patience| session::units(patience).saturating_sub(waited));
            let left = left.map(|left| Duration::from_nanos(left * 100));
            if left.is_some_and(|left| left.is_zero()) || !session::wait(on, left) {
                return condition();
            }
        }
        return true;
    }
    let start = Instant::now();
    while !condition() {
        if patience.is_some_and(|patience| start.elapsed() >= patience) {
            return false;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
    true
}

/// Sleeps.
pub(crate) fn sleep(span: Duration) {
    if session::is_active() {
        session::wait(On::Time, Some(span));
    } else {
        std::thread::sleep(span);
    }
}

#![expect(unsafe_code, reason = "wraps KSPIN_LOCK")]

use super::sys::{KIRQL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};
use core::cell::UnsafeCell;

/// A value behind a kernel spin lock.
///
/// The value is lent for the length of a call, so that locks are released in the order in which
/// they must be: the last first.
///
/// # Invariants
///
/// `value` is touched only by the lock's holder.
///
/// Follows "Introduction to Spin Locks".
pub struct SpinLock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one processor at a time reach the value.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: the lock lets one processor at a time reach the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// Puts `value` behind a lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock, lends the value to `use_it`, and gives the lock back.
    ///
    /// Never around a call into NDIS or the I/O manager.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`; `DISPATCH_LEVEL` within.
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        let holder = Holder::new(&self.lock);
        // SAFETY: the lock is held, so nobody else touches the value.
        let result = use_it(unsafe { &mut *self.value.get() });
        drop(holder);
        result
    }
}

/// Holds a lock; gives it back when dropped.
struct Holder<'l> {
    lock: &'l UnsafeCell<KSPIN_LOCK>,
    irql: KIRQL,
}

impl<'l> Holder<'l> {
    fn new(lock: &'l UnsafeCell<KSPIN_LOCK>) -> Self {
        // SAFETY: the lock word is initialised and lives as long as its owner.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(lock.get()) };
        Self { lock, irql }
    }
}

impl Drop for Holder<'_> {
    fn drop(&mut self) {
        // SAFETY: this holder took the lock and saved this IRQL.
        unsafe { KeReleaseSpinLock(self.lock.get(), self.irql) };
    }
}

#![expect(unsafe_code, reason = "wraps KSPIN_LOCK")]

use super::sys::{KIRQL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// A value behind a kernel spin lock.
///
/// # Invariants
///
/// `value` is touched only through the guard of the lock's holder.
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

    /// Waits for the lock and holds it until the guard is dropped.
    ///
    /// Never held across a call into NDIS or the I/O manager.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`; `DISPATCH_LEVEL` while the guard lives.
    pub fn lock(&self) -> SpinLockGuard<'_, T> {
        // SAFETY: the lock word is initialised and lives as long as `self`.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        SpinLockGuard { lock: self, irql, _stays: PhantomData }
    }
}

/// Holds a [`SpinLock`]; gives it back when dropped.
///
/// Stays on its processor: the IRQL that it restores is that processor's.
#[must_use = "the lock is free again as soon as the guard is dropped"]
pub struct SpinLockGuard<'l, T> {
    lock: &'l SpinLock<T>,
    irql: KIRQL,
    _stays: PhantomData<*mut ()>,
}

impl<T> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, so nobody else touches the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinLockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, so nobody else touches the value.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinLockGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this guard took the lock and saved this IRQL.
        unsafe { KeReleaseSpinLock(self.lock.lock.get(), self.irql) };
    }
}

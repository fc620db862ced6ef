#![expect(unsafe_code, reason = "wraps a push lock")]

use super::sys;
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// A value behind a push lock: for threads that may wait, outside the data path.
///
/// # Invariants
///
/// `value` is touched only by the lock's holder.
///
/// Follows ExAcquirePushLockExclusive and KeEnterCriticalRegion.
pub struct PassiveLock<T> {
    lock: UnsafeCell<usize>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time reach the value.
unsafe impl<T: Send> Send for PassiveLock<T> {}
// SAFETY: the lock lets one thread at a time reach the value.
unsafe impl<T: Send> Sync for PassiveLock<T> {}

impl<T> PassiveLock<T> {
    /// Puts `value` behind a lock that nobody holds: a push lock starts as zero.
    pub const fn new(value: T) -> Self {
        Self { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock.
    ///
    /// Never around a call into NDIS or the I/O manager.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn lock(&self) -> PassiveGuard<'_, T> {
        // SAFETY: left again when the guard is dropped, on this thread: the guard stays there.
        unsafe { sys::KeEnterCriticalRegion() };
        // SAFETY: the lock word started as zero and lives as long as its owner; normal kernel
        // APCs are off.
        unsafe { sys::ExAcquirePushLockExclusiveEx(self.lock.get().cast(), 0) };
        PassiveGuard { owner: self, _stays: PhantomData }
    }
}

/// Holds a [`PassiveLock`]; gives it back when dropped.
#[must_use = "the lock is given back as soon as this is dropped"]
pub struct PassiveGuard<'l, T> {
    owner: &'l PassiveLock<T>,
    _stays: PhantomData<*mut ()>,
}

impl<T> Deref for PassiveGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held, so nobody else touches the value.
        unsafe { &*self.owner.value.get() }
    }
}

impl<T> DerefMut for PassiveGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, so nobody else touches the value.
        unsafe { &mut *self.owner.value.get() }
    }
}

impl<T> Drop for PassiveGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this guard took the lock.
        unsafe { sys::ExReleasePushLockExclusiveEx(self.owner.lock.get().cast(), 0) };
        // SAFETY: this guard entered the region, on this thread.
        unsafe { sys::KeLeaveCriticalRegion() };
    }
}

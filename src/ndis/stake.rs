#![expect(unsafe_code, reason = "ends owners")]

use super::memory::{Inner, Shared};
use core::{mem, ops::Deref, ptr::NonNull};

/// A value that is told when those end who have a stake in it.
pub trait Staked {
    /// `count` stakes end; until this returns, the value is owned.
    fn stakes_end(&self, count: usize);
}

/// A stake in a [`Shared`] value, which it owns, too.
///
/// # Invariants
///
/// `inner` points to a live allocation, among whose owners is this one.
pub struct Stake<T: Staked> {
    inner: NonNull<Inner<T>>,
}

// SAFETY: owners on any processor share the value (`Sync`), and any of them may drop it (`Send`).
unsafe impl<T: Staked + Send + Sync> Send for Stake<T> {}
// SAFETY: as for `Send`: shared, it only lends the value.
unsafe impl<T: Staked + Send + Sync> Sync for Stake<T> {}

impl<T: Staked> Stake<T> {
    /// One stake.
    #[must_use]
    pub fn new(owner: &Shared<T>) -> Self {
        // SAFETY: alive while there is the owner.
        unsafe { owner.inner.as_ref() }.add_owners(1);
        // INVARIANT: counted just now.
        Self { inner: owner.inner }
    }

    /// One stake more, from one of the owners.
    ///
    /// # Safety
    ///
    /// Among the owners of the value is one who is nobody else's.
    pub(super) const unsafe fn from_inner(inner: NonNull<Inner<T>>) -> Self {
        // INVARIANT: the caller's promise.
        Self { inner }
    }

    /// Gives up the stake, for who owns the value in its place.
    pub(super) const fn into_inner(self) -> NonNull<Inner<T>> {
        let inner = self.inner;
        mem::forget(self);
        inner
    }

    /// Where the value is.
    pub(super) const fn inner(&self) -> NonNull<Inner<T>> {
        self.inner
    }
}

impl<T: Staked> Deref for Stake<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.value()
    }
}

impl<T: Staked> Drop for Stake<T> {
    fn drop(&mut self) {
        self.stakes_end(1);
        // SAFETY: alive by the type's invariant, and this owner is at its end.
        unsafe { Inner::end_owners(self.inner, 1) };
    }
}

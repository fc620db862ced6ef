#![expect(unsafe_code, reason = "counts owners")]

use super::{
    memory::{Inner, Shared},
    stake::{Stake, Staked},
};
use core::{ops::Deref, ptr::NonNull};

/// Stakes in one value, counted at once: to part one from the others, or to take it in again,
/// touches no word that other processors use.
///
/// # Invariants
///
/// `inner` points to a live allocation, among whose owners are those that are here: one, and
/// `others`.
pub struct Stakes<T: Staked> {
    inner: NonNull<Inner<T>>,
    others: usize,
}

// SAFETY: owners on any processor share the value (`Sync`), and any of them may drop it (`Send`).
unsafe impl<T: Staked + Send + Sync> Send for Stakes<T> {}
// SAFETY: as for `Send`: shared, they only lend the value.
unsafe impl<T: Staked + Send + Sync> Sync for Stakes<T> {}

impl<T: Staked> Stakes<T> {
    /// `count` stakes, but at least one; one alone where the value has owners past all measure, as
    /// only owners that were forgotten make it.
    #[must_use]
    pub fn new(owner: &Shared<T>, count: u32) -> Self {
        // SAFETY: alive while there is the owner.
        let inner = unsafe { owner.inner.as_ref() };
        let others = if inner.has_room() { count.saturating_sub(1) as usize } else { 0 };
        inner.add_owners(others.wrapping_add(1));
        // INVARIANT: counted just now.
        Self { inner: owner.inner, others }
    }

    /// Parts one from the others; `None` if there are no others.
    pub fn part(&mut self) -> Option<Stake<T>> {
        // INVARIANT: the owner that is parted is not counted here any more.
        self.others = self.others.checked_sub(1)?;
        // SAFETY: the owner that was here until just now.
        Some(unsafe { Stake::from_inner(self.inner) })
    }

    /// Whether a stake is one in the same value.
    #[must_use]
    pub fn is_of(&self, stake: &Stake<T>) -> bool {
        self.inner == stake.inner()
    }

    /// Takes in a stake; one in another value ends instead.
    pub fn take_in(&mut self, stake: Stake<T>) {
        if self.is_of(&stake) {
            // INVARIANT: the owner that is given up is counted here, and all owners fit a word.
            _ = stake.into_inner();
            self.others = self.others.wrapping_add(1);
        }
    }

    /// An owner who has no stake in the value.
    #[must_use]
    pub fn owner(&self) -> Shared<T> {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.add_owners(1);
        // INVARIANT: one owner, as just counted.
        Shared { inner: self.inner }
    }
}

impl<T: Staked> From<Stake<T>> for Stakes<T> {
    fn from(stake: Stake<T>) -> Self {
        // INVARIANT: the owner that is given up is the one here.
        Self { inner: stake.into_inner(), others: 0 }
    }
}

impl<T: Staked> Deref for Stakes<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.value()
    }
}

impl<T: Staked> Drop for Stakes<T> {
    fn drop(&mut self) {
        // All owners fit a word.
        let count = self.others.wrapping_add(1);
        self.stakes_end(count);
        // SAFETY: alive by the type's invariant, and these owners are at their end.
        unsafe { Inner::end_owners(self.inner, count) };
    }
}

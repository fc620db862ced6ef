#![expect(unsafe_code, reason = "counts owners")]

use super::memory::{Inner, Shared};
use core::{mem, ops::Deref, ptr::NonNull};

/// Several owners of one [`Shared`] value, counted at once: to part them, or to bring them together
/// again, touches no word that other processors use.
///
/// # Invariants
///
/// `inner` points to a live allocation, among whose owners are `count` that are here: at least one.
pub struct Shares<T> {
    inner: NonNull<Inner<T>>,
    count: u32,
}

// SAFETY: owners on any processor share the value (`Sync`), and any of them may drop it (`Send`).
unsafe impl<T: Send + Sync> Send for Shares<T> {}
// SAFETY: shared, they only lend the value.
unsafe impl<T: Send + Sync> Sync for Shares<T> {}

impl<T> Shares<T> {
    /// As many more owners as `count`, but at least one.
    #[must_use]
    pub fn new(owner: &Shared<T>, count: u32) -> Self {
        let count = count.max(1);
        // SAFETY: alive while there is the owner.
        unsafe { owner.inner.as_ref() }.add_owners(count as usize);
        // INVARIANT: counted just now.
        Self { inner: owner.inner, count }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Parts one from the others; `None` if there are no others.
    pub fn part(&mut self) -> Option<Self> {
        self.count = self.count.checked_sub(1).filter(|&others| others > 0)?;
        // INVARIANT: one of those that were here.
        Some(Self { inner: self.inner, count: 1 })
    }

    /// Takes in others of the same value.
    ///
    /// # Errors
    ///
    /// The others, where they are of another value.
    pub fn join(&mut self, others: Self) -> Result<(), Self> {
        match self.count.checked_add(others.count) {
            Some(count) if self.inner == others.inner => {
                // INVARIANT: those that are forgotten are counted here.
                self.count = count;
                mem::forget(others);
                Ok(())
            }
            _ => Err(others),
        }
    }

    /// One more owner, on its own.
    #[must_use]
    pub fn owner(&self) -> Shared<T> {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.add_owners(1);
        // INVARIANT: one owner, as just counted.
        Shared { inner: self.inner }
    }
}

impl<T> Deref for Shares<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: alive by the type's invariant.
        unsafe { self.inner.as_ref() }.value()
    }
}

impl<T> Drop for Shares<T> {
    fn drop(&mut self) {
        // SAFETY: alive by the type's invariant, and these owners are at their end.
        unsafe { Inner::end_owners(self.inner, self.count as usize) };
    }
}

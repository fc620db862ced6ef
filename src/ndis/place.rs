#![expect(unsafe_code, reason = "keeps owners as pointers")]

use super::memory::Shared;
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// A place for an owner of a shared value, which any may fill and any may empty, without a lock.
///
/// # Invariants
///
/// `kept` is null or from [`Shared::into_raw`].
pub struct Place<T> {
    kept: AtomicPtr<c_void>,
    _owner: PhantomData<Shared<T>>,
}

impl<T> Place<T> {
    /// An empty place.
    #[must_use]
    pub const fn empty() -> Self {
        Self { kept: AtomicPtr::new(ptr::null_mut()), _owner: PhantomData }
    }

    /// Fills the place; what was there before.
    pub fn put(&self, owner: Shared<T>) -> Option<Shared<T>> {
        self.exchange(owner.into_raw())
    }

    /// Empties the place.
    pub fn take(&self) -> Option<Shared<T>> {
        self.exchange(ptr::null_mut())
    }

    fn exchange(&self, kept: *mut c_void) -> Option<Shared<T>> {
        // Who takes an owner out sees what was done before it was put there.
        let before = self.kept.swap(kept, Ordering::AcqRel);
        // SAFETY: by the type's invariant, and taken out once.
        unsafe { Shared::from_raw(before) }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

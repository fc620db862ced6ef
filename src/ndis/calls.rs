#![expect(unsafe_code, reason = "wraps KEVENT")]

use super::sys::{self, KEVENT};
use core::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Someone waits for the last call to end.
const WAITING: usize = 1;
/// One call.
const ONE: usize = 2;

/// Counts calls that are under way, so that a pause can wait for them: a few instructions and a
/// call into NDIS each, never for lists to come home.
///
/// # Invariants
///
/// `ended` is an event, from [`Calls::initialise`] on, which comes before any call.
///
/// Follows KeInitializeEvent, KeSetEvent and KeWaitForSingleObject.
pub(super) struct Calls {
    word: AtomicUsize,
    ended: UnsafeCell<KEVENT>,
}

// SAFETY: the kernel guards its events itself, and the count is atomic.
unsafe impl Send for Calls {}
// SAFETY: as for `Send`.
unsafe impl Sync for Calls {}

impl Calls {
    /// No calls.
    pub(super) fn new() -> Self {
        Self { word: AtomicUsize::new(0), ended: UnsafeCell::new(KEVENT::default()) }
    }

    /// Makes the event, where it is to stay.
    ///
    /// # Safety
    ///
    /// The value does not move any more, and nobody else uses it yet.
    pub(super) unsafe fn initialise(&self) {
        const SYNCHRONIZATION_EVENT: i32 = 1;
        // SAFETY: at its final place by the caller's promise.
        unsafe { sys::KeInitializeEvent(self.ended.get(), SYNCHRONIZATION_EVENT, 0) };
    }

    /// Begins a call.
    pub(super) fn begin(&self) -> Call<'_> {
        // One total order with `wait_for_all`: either it sees the call, or the call finds what was
        // done before it closed.
        self.word.fetch_add(ONE, Ordering::SeqCst);
        Call { calls: self }
    }

    /// Waits until no call is under way.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`, outside any call.
    pub(super) fn wait_for_all(&self) {
        const EXECUTIVE: i32 = 0;
        const KERNEL_MODE: i8 = 0;
        self.word.fetch_or(WAITING, Ordering::SeqCst);
        while self.word.load(Ordering::SeqCst) >= ONE {
            // SAFETY: an event by the type's invariant; PASSIVE_LEVEL by the function's contract.
            let _satisfied = unsafe {
                sys::KeWaitForSingleObject(
                    self.ended.get().cast(),
                    EXECUTIVE,
                    KERNEL_MODE,
                    0,
                    ptr::null_mut(),
                )
            };
        }
        self.word.fetch_and(!WAITING, Ordering::SeqCst);
    }
}

/// A call that is under way; it ends when dropped.
pub(super) struct Call<'c> {
    calls: &'c Calls,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.calls.word.fetch_sub(ONE, Ordering::SeqCst) == ONE | WAITING {
            // SAFETY: an event by the type's invariant, alive as long as the borrow.
            unsafe { sys::KeSetEvent(self.calls.ended.get(), 0, 0) };
        }
    }
}

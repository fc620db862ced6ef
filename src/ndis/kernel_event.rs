#![expect(unsafe_code, reason = "wraps KEVENT")]

use super::{
    memory::Shared,
    status::Result,
    sys::{self, KEVENT},
};
use core::{cell::UnsafeCell, ptr};

/// An event that one thread waits for, which thereby takes the signal away.
///
/// # Invariants
///
/// `place` holds an event that was initialised where it is, and does not move.
///
/// Follows KeInitializeEvent, KeSetEvent and KeWaitForSingleObject.
pub(super) struct KernelEvent {
    place: Shared<Place>,
}

struct Place(UnsafeCell<KEVENT>);

// SAFETY: the kernel guards its events itself.
unsafe impl Send for Place {}
// SAFETY: the kernel guards its events itself.
unsafe impl Sync for Place {}

impl KernelEvent {
    /// An event that is not signalled.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub(super) fn try_new() -> Result<Self> {
        const SYNCHRONIZATION_EVENT: i32 = 1;
        let place = Shared::try_new(Place(UnsafeCell::new(KEVENT::default())))?;
        // SAFETY: a shared value stays where it is, and this one is not shared yet.
        unsafe { sys::KeInitializeEvent(place.0.get(), SYNCHRONIZATION_EVENT, 0) };
        // INVARIANT: initialised just now.
        Ok(Self { place })
    }

    /// Signals the event.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    pub(super) fn set(&self) {
        // SAFETY: an event by the type's invariant.
        unsafe { sys::KeSetEvent(self.place.0.get(), 0, 0) };
    }

    /// Waits for the signal.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub(super) fn wait(&self) {
        const EXECUTIVE: i32 = 0;
        const KERNEL_MODE: i8 = 0;
        // SAFETY: an event by the type's invariant; PASSIVE_LEVEL by the function's contract.
        let _satisfied = unsafe {
            sys::KeWaitForSingleObject(
                self.place.0.get().cast(),
                EXECUTIVE,
                KERNEL_MODE,
                0,
                ptr::null_mut(),
            )
        };
    }
}

#![expect(unsafe_code, reason = "wraps KTIMER and KDPC")]

use super::{
    memory::Shared,
    status::Result,
    sys::{self, KDPC, KTIMER, LARGE_INTEGER, PVOID},
    work_item::{Work, Worker},
};
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};

/// Asks for the work of a `T` after some time, once; dropping it takes that back.
///
/// # Invariants
///
/// `parts` were initialised where they are. The timer, while it is set, and its procedure, while it
/// is queued or runs, have an owner of them.
///
/// Follows KeInitializeTimer, KeInitializeDpc, KeSetTimer and KeCancelTimer.
pub struct Deadline<T: Work> {
    parts: Shared<Parts<T>>,
}

struct Parts<T> {
    timer: UnsafeCell<KTIMER>,
    procedure: UnsafeCell<KDPC>,
    has_passed: AtomicBool,
    owner: Shared<Worker<T>>,
}

// SAFETY: the kernel guards its timers and procedures itself; the owner may go along.
unsafe impl<T: Send + Sync> Send for Parts<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send + Sync> Sync for Parts<T> {}

impl<T: Work> Deadline<T> {
    /// Asks for the work of `owner` in so many milliseconds.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub fn set(owner: &Shared<Worker<T>>, milliseconds: u32) -> Result<Self> {
        const HUNDREDS_OF_NANOSECONDS: i64 = 10_000;
        let parts = Shared::try_new(Parts {
            timer: UnsafeCell::new(KTIMER::default()),
            procedure: UnsafeCell::new(KDPC::default()),
            has_passed: AtomicBool::new(false),
            owner: owner.clone(),
        })?;
        let of_timer = parts.clone().into_raw();
        // SAFETY: a shared value stays where it is, and nobody else uses this one yet.
        unsafe { sys::KeInitializeTimer(parts.timer.get()) };
        // SAFETY: as above; the procedure takes over the owner that the context is.
        unsafe { sys::KeInitializeDpc(parts.procedure.get(), Some(due::<T>), of_timer) };
        // Negative: from now on.
        let from_now = i64::from(milliseconds).saturating_mul(HUNDREDS_OF_NANOSECONDS);
        let when = LARGE_INTEGER { QuadPart: from_now.saturating_neg() };
        // SAFETY: both are initialised, and set for the first time.
        unsafe { sys::KeSetTimer(parts.timer.get(), when, parts.procedure.get()) };
        Ok(Self { parts })
    }

    /// Whether it has passed: so it has when the work that it asks for begins.
    ///
    /// # IRQL
    ///
    /// Any.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.parts.has_passed.load(Ordering::SeqCst)
    }
}

impl<T: Work> Drop for Deadline<T> {
    fn drop(&mut self) {
        // SAFETY: initialised, by the type's invariant.
        if unsafe { sys::KeCancelTimer(self.parts.timer.get()) } != 0 {
            // SAFETY: the timer's owner: the procedure will not run.
            drop(unsafe { Shared::<Parts<T>>::from_raw(self.parts.as_raw()) });
        }
    }
}

unsafe extern "C" fn due<T: Work>(
    _procedure: *mut KDPC,
    context: PVOID,
    _first: PVOID,
    _second: PVOID,
) {
    // SAFETY: the owner that `set` took apart for this call.
    if let Some(parts) = unsafe { Shared::<Parts<T>>::from_raw(context) } {
        parts.has_passed.store(true, Ordering::SeqCst);
        Worker::ask(&parts.owner);
    }
}

/// Waits for every procedure of a [`Deadline`] that is still running: what a driver does last, when
/// no deadline is left.
///
/// # IRQL
///
/// `PASSIVE_LEVEL`.
///
/// Follows KeFlushQueuedDpcs.
pub fn wait_for_deadlines() {
    // SAFETY: PASSIVE_LEVEL by the function's contract.
    unsafe { sys::KeFlushQueuedDpcs() };
}

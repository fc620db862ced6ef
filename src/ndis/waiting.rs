//! Requests that wait: held by whoever answers them, and by their cancel routine.
#![expect(unsafe_code, reason = "arms the cancel routine of IRPs")]

use super::{
    irp::Irp,
    memory::Shared,
    status::{Result, Status},
    sys::{self, PDEVICE_OBJECT, PIRP, PVOID},
};
use core::{
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
    ptr,
    sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicUsize, Ordering, fence},
};

/// What is told when a waiting request is cancelled.
pub trait Cancel: Sized + Send + Sync + 'static {
    /// Makes what the request waits for end soon.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    fn cancel(this: &Waiting<Self>);
}

/// Where a request waits, with what is told of its cancellation; one after the other may.
///
/// # Invariants
///
/// - `parties` is how many there are of the request's holder and its cancel routine.
/// - While there are any, `irp` is an IRP of this driver that is not completed, and its driver
///   context the request's own owner of this value, which the last party takes.
/// - `is_parked` stands for the holder, where nobody else does.
pub struct Waiting<C> {
    irp: AtomicPtr<sys::IRP>,
    parties: AtomicU8,
    is_parked: AtomicBool,
    status: AtomicI32,
    information: AtomicUsize,
    cancel: C,
}

impl<C> Deref for Waiting<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.cancel
    }
}

impl<C> DerefMut for Waiting<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.cancel
    }
}

impl<C> Waiting<C> {
    /// A place where no request waits.
    pub const fn new(cancel: C) -> Self {
        Self {
            irp: AtomicPtr::new(ptr::null_mut()),
            parties: AtomicU8::new(0),
            is_parked: AtomicBool::new(false),
            status: AtomicI32::new(0),
            information: AtomicUsize::new(0),
            cancel,
        }
    }

    /// The request that waits, under a second name.
    ///
    /// # Safety
    ///
    /// The caller is a party.
    unsafe fn irp(&self) -> ManuallyDrop<Irp> {
        // Relaxed: whoever is a party came after it was set.
        // SAFETY: an IRP of this driver by the type's invariant.
        ManuallyDrop::new(unsafe { Irp::new(self.irp.load(Ordering::Relaxed)) })
    }
}

impl<C: Cancel> Waiting<C> {
    /// Takes up the request that [`PendingControl::park`] left here.
    pub fn unpark(&self) -> Option<PendingControl<C>> {
        // Acquire: pairs with the Release in `park`.
        if !self.is_parked.swap(false, Ordering::Acquire) {
            return None;
        }
        // SAFETY: the mark stood for the holder, a party, which is now the caller.
        let irp = unsafe { self.irp() };
        // SAFETY: the IRP's driver context is this driver's while it holds the IRP.
        let kept = unsafe { irp.driver_context().read() };
        // SAFETY: the request's own owner, by the type's invariant; only looked through.
        let waiting = unsafe { Shared::from_raw(kept) }?;
        // INVARIANT: the holder, again.
        Some(PendingControl { waiting: ManuallyDrop::new(waiting) })
    }
}

/// Ends a party's part in a request that waits; the last one completes it, when nothing else is
/// left of it.
///
/// # Safety
///
/// `kept` is the request's own owner of its [`Waiting`]; the caller is a party, and is none from
/// now on.
unsafe fn leave<C>(kept: PVOID) {
    // SAFETY: the owner is there while there are parties.
    let Some(waiting) = (unsafe { Shared::<Waiting<C>>::peek(kept) }) else { return };
    let irp = waiting.irp.load(Ordering::Relaxed);
    // Release and Acquire: what both parties did comes before the completion.
    if waiting.parties.fetch_sub(1, Ordering::AcqRel) != 1 {
        return;
    }
    let status = Status::from_raw(waiting.status.load(Ordering::Relaxed));
    let information = waiting.information.load(Ordering::Relaxed);
    // SAFETY: the request's own owner, which is for the last party to take.
    drop(unsafe { Shared::<Waiting<C>>::from_raw(kept) });
    // SAFETY: an IRP of this driver, which is for the last party to complete.
    let irp = unsafe { Irp::new(irp) };
    let _completed = irp.complete(status, information);
}

/// A device control that waits; dropping it completes it with a failure.
///
/// # Invariants
///
/// - The value is its request's holder, a party; `waiting` is the request's own owner.
/// - The holder alone touches the request's buffer; the cancel routine, the other party, never
///   does.
pub struct PendingControl<C: Cancel> {
    waiting: ManuallyDrop<Shared<Waiting<C>>>,
}

impl<C: Cancel> PendingControl<C> {
    /// Lets a request wait; gives it back where another one does.
    pub(super) fn new(irp: Irp, waiting: Shared<Waiting<C>>) -> Result<Self, Irp> {
        // Acquire: what the parties of the request before did comes before this one.
        if waiting.parties.compare_exchange(0, 2, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(irp);
        }
        waiting.status.store(Status::FAILURE.as_raw(), Ordering::Relaxed);
        waiting.information.store(0, Ordering::Relaxed);
        // SAFETY: the stack location belongs to this driver: `IoMarkIrpPending`, wdm.h.
        let control = unsafe { &raw mut (*irp.stack().cast_mut()).Control };
        // SAFETY: within the stack location.
        #[expect(clippy::cast_possible_truncation, reason = "the constant is 1")]
        unsafe {
            *control |= sys::SL_PENDING_RETURNED as u8;
        };
        // SAFETY: the IRP's driver context is this driver's while it holds the IRP.
        unsafe { irp.driver_context().write(waiting.as_raw()) };
        // INVARIANT: the IRP is for the last party to complete, and the owner that was handed over
        // is the request's own.
        waiting.irp.store(irp.into_raw(), Ordering::Relaxed);
        // INVARIANT: one of the two parties; the cancel routine is the other from here on.
        let pending = Self { waiting: ManuallyDrop::new(waiting) };
        let irp = pending.irp();
        let routine: unsafe extern "C" fn(PDEVICE_OBJECT, PIRP) = on_cancel::<C>;
        // `IoSetCancelRoutine`, wdm.h. The I/O manager sets the flag, then takes the routine; here
        // the routine is set, then the flag read: in one total order, one of the two sees the
        // other.
        irp.cancel_routine().swap(routine as *mut core::ffi::c_void, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if irp.is_cancelled() && pending.disarm() {
            C::cancel(&pending.waiting);
        }
        Ok(pending)
    }

    fn irp(&self) -> ManuallyDrop<Irp> {
        // SAFETY: a party by the type's invariant.
        unsafe { self.waiting.irp() }
    }

    /// Takes the cancel routine's part away; whether it was still there.
    fn disarm(&self) -> bool {
        let routine = self.irp().cancel_routine().swap(ptr::null_mut(), Ordering::SeqCst);
        if routine.is_null() {
            // The cancel routine runs, or has run: its part is its own.
            return false;
        }
        // Relaxed: it has done nothing, and the holder is still there.
        self.waiting.parties.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Leaves the request where it waits, for [`Waiting::unpark`].
    pub fn park(self) {
        // Release: who takes it up sees what was done until now.
        // INVARIANT: the mark stands for the holder, which is forgotten.
        self.waiting.is_parked.store(true, Ordering::Release);
        mem::forget(self);
    }

    /// The input.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        let input: *const [u8] = self.irp().input();
        // SAFETY: as long as the IRP, which is there while the value is.
        unsafe { &*input }
    }

    /// Whether someone has cancelled the request: from then on, [`Cancel::cancel`] is told, or has
    /// been, or is being.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.irp().is_cancelled()
    }

    /// Lets `write` fill the output, and completes the request with what it says.
    ///
    /// The completion waits for a cancel routine that is running.
    ///
    /// # IRQL
    ///
    /// That of `write`, and `<= DISPATCH_LEVEL`, with no lock held.
    pub fn reply(self, write: impl FnOnce(&mut [u8]) -> Result<usize>) {
        // The holder alone touches the buffer, and is given up, so no input is borrowed.
        let (status, written) = self.irp().write(write);
        // Relaxed: the count of parties orders these before the completion.
        self.waiting.information.store(written, Ordering::Relaxed);
        self.waiting.status.store(status.as_raw(), Ordering::Relaxed);
    }
}

impl<C: Cancel> Drop for PendingControl<C> {
    fn drop(&mut self) {
        self.disarm();
        // SAFETY: the holder by the type's invariant, and at its end.
        unsafe { leave::<C>(self.waiting.as_raw()) };
    }
}

/// Tells the holder that its request is cancelled.
unsafe extern "C" fn on_cancel<C: Cancel>(_device: PDEVICE_OBJECT, irp: PIRP) {
    // SAFETY: the I/O manager calls with an IRP whose cancel routine it has just cleared, so
    // `PendingControl::new` filled the context and nobody took the routine's part.
    let overlay = unsafe { &raw mut (*irp).Tail.Overlay };
    // SAFETY: as above.
    let kept = unsafe { overlay.cast::<PVOID>().read() };
    // SAFETY: within the IRP.
    let irql = unsafe { (*irp).CancelIrql };
    // SAFETY: the I/O manager took the cancel lock and saved this IRQL.
    unsafe { sys::IoReleaseCancelSpinLock(irql) };
    // SAFETY: the request's own owner, which is there while the cancel routine is a party.
    if let Some(waiting) = unsafe { Shared::<Waiting<C>>::peek(kept) } {
        C::cancel(waiting);
        // SAFETY: the cancel routine is a party until here.
        unsafe { leave::<C>(kept) };
    }
}

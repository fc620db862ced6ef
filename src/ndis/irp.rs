//! I/O requests: one owner, one completion.
#![expect(unsafe_code, reason = "reads and completes IRPs")]

use super::{
    memory::Shared,
    status::{Error, Result, Status},
    sys::{self, IO_STACK_LOCATION, PIRP, PVOID},
    waiting::{Cancel, PendingControl, Waiting},
    work_item::WorkItem,
};
use core::{
    marker::PhantomData,
    mem,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicPtr, AtomicU8, Ordering},
};

/// A request that this driver holds; dropping it completes it with a failure.
///
/// # Invariants
///
/// `raw` is an IRP that the I/O manager gave to this driver and that is not completed yet.
pub(super) struct Irp {
    raw: NonNull<sys::IRP>,
}

// SAFETY: the holder of an IRP may complete it on any processor.
unsafe impl Send for Irp {}
// SAFETY: a shared `Irp` only reads what the I/O manager does not change.
unsafe impl Sync for Irp {}

/// Proof that this very request was completed, or is pending.
#[must_use]
pub struct Dispatched<'r> {
    status: Status,
    /// Invariant: what was done with one request is nothing to another.
    _call: PhantomData<fn(&'r ()) -> &'r ()>,
}

impl Dispatched<'_> {
    const fn new(status: Status) -> Self {
        Self { status, _call: PhantomData }
    }

    /// What the dispatch routine returns.
    pub(super) const fn status(&self) -> Status {
        self.status
    }
}

impl Irp {
    /// # Safety
    ///
    /// The I/O manager gave `raw` to a dispatch routine of this driver, which gives it to nobody
    /// else.
    pub(super) const unsafe fn new(raw: PIRP) -> Self {
        // SAFETY: the I/O manager sends no null requests.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        // INVARIANT: the caller's promise.
        Self { raw }
    }

    pub(super) fn stack(&self) -> *const IO_STACK_LOCATION {
        // SAFETY: an IRP of this driver by the type's invariant.
        unsafe { sys::IoGetCurrentIrpStackLocation(self.raw.as_ptr()) }
    }

    fn file(&self) -> Option<NonNull<sys::FILE_OBJECT>> {
        // SAFETY: the stack location belongs to this driver.
        NonNull::new(unsafe { (*self.stack()).FileObject })
    }

    /// Whether an open names a file behind the device's name.
    pub(super) fn names_file(&self) -> bool {
        self.file().is_some_and(|file| {
            // SAFETY: the I/O manager keeps the file object while the request lives.
            let length = unsafe { (*file.as_ptr()).FileName.Length };
            length != 0
        })
    }

    /// Puts what `open` makes into the file object.
    pub(super) fn open<H>(&self, open: impl FnOnce() -> Result<H>) -> Result {
        let file = self.file().ok_or(Error::Other(Status::INVALID_PARAMETER))?;
        let opened = Shared::try_new(open()?)?;
        // SAFETY: the file object of an open that this driver has not completed.
        unsafe { (*file.as_ptr()).FsContext = opened.into_raw() };
        Ok(())
    }

    /// What is in the file object.
    ///
    /// # Safety
    ///
    /// [`Irp::open`] put an `H` there, or nothing.
    pub(super) unsafe fn opened<H>(&self) -> Option<Shared<H>> {
        let file = self.file()?;
        // SAFETY: the I/O manager keeps the file object while the request lives.
        let kept = unsafe { (*file.as_ptr()).FsContext };
        // SAFETY: from `into_raw` of this type by the caller's promise, and kept there.
        unsafe { Shared::clone_raw(kept) }
    }

    /// Takes what is in the file object out of it.
    ///
    /// # Safety
    ///
    /// As for [`Irp::opened`]; no other request of this file object is on its way.
    pub(super) unsafe fn take_opened<H>(&self) -> Option<Shared<H>> {
        let file = self.file()?;
        // SAFETY: the I/O manager keeps the file object while the request lives.
        let place = unsafe { &raw mut (*file.as_ptr()).FsContext };
        // SAFETY: nobody else touches the context now, by the caller's promise.
        let kept = unsafe { place.replace(ptr::null_mut()) };
        // SAFETY: from `into_raw` of this type, and taken out.
        unsafe { Shared::from_raw(kept) }
    }

    /// Completes the request.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// Follows IofCompleteRequest.
    pub(super) fn complete<'r>(self, status: Status, information: usize) -> Dispatched<'r> {
        let status = status.of_the_end();
        self.finish(status, information);
        mem::forget(self);
        Dispatched::new(status)
    }

    fn finish(&self, status: Status, information: usize) {
        const IO_NO_INCREMENT: i8 = 0;
        // SAFETY: an IRP of this driver by the type's invariant.
        let block = unsafe { &raw mut (*self.raw.as_ptr()).IoStatus };
        // SAFETY: within the IRP.
        let place = unsafe { &raw mut (*block).__bindgen_anon_1 };
        // SAFETY: within the IRP; the status is a member of the union at its start.
        unsafe { place.cast::<i32>().write(status.as_raw()) };
        // SAFETY: within the IRP.
        unsafe { (*block).Information = information as _ };
        // SAFETY: completed once: the only callers give the IRP up.
        unsafe { sys::IofCompleteRequest(self.raw.as_ptr(), IO_NO_INCREMENT) };
    }

    /// Where the IRP holds its cancel routine.
    pub(super) fn cancel_routine(&self) -> &AtomicPtr<core::ffi::c_void> {
        // SAFETY: an IRP of this driver by the type's invariant.
        let routine = unsafe { &raw mut (*self.raw.as_ptr()).CancelRoutine };
        // CAST: an optional function pointer is a pointer that may be null.
        // SAFETY: aligned, lives with the IRP, and exchanged atomically by everyone.
        unsafe { AtomicPtr::from_ptr(routine.cast()) }
    }

    /// Whether someone has cancelled the IRP.
    pub(super) fn is_cancelled(&self) -> bool {
        // SAFETY: an IRP of this driver by the type's invariant.
        let cancel = unsafe { &raw mut (*self.raw.as_ptr()).Cancel };
        // SAFETY: a byte that lives with the IRP.
        unsafe { AtomicU8::from_ptr(cancel) }.load(Ordering::SeqCst) != 0
    }

    /// Gives the IRP away, for [`Irp::new`].
    pub(super) const fn into_raw(self) -> PIRP {
        let raw = self.raw.as_ptr();
        mem::forget(self);
        raw
    }

    /// Where the IRP keeps this driver's pointer while it waits.
    pub(super) fn driver_context(&self) -> *mut PVOID {
        // SAFETY: an IRP of this driver by the type's invariant.
        let overlay = unsafe { &raw mut (*self.raw.as_ptr()).Tail.Overlay };
        // CAST: the first of the driver's pointers is at the start of the overlay.
        overlay.cast()
    }
}

impl Drop for Irp {
    fn drop(&mut self) {
        self.finish(Status::FAILURE, 0);
    }
}

/// A device control that this driver holds for the length of a call; dropping it completes it with
/// a failure.
pub struct ControlRequest<'r> {
    irp: Irp,
    /// Invariant: as in [`Dispatched`].
    _call: PhantomData<fn(&'r ()) -> &'r ()>,
}

/// The most output that a request is given, in bytes, however much its caller has room for.
pub const OUTPUT_LIMIT: usize = 1 << 20;

/// What a device control says of itself.
struct Control {
    code: u32,
    input: usize,
    output: usize,
}

impl Irp {
    fn control(&self) -> Control {
        // SAFETY: the stack location belongs to this driver.
        let parameters = unsafe { &raw const (*self.stack()).Parameters };
        // SAFETY: a device control uses this member of the union.
        let control = unsafe { &raw const (*parameters).DeviceIoControl };
        // SAFETY: within the stack location.
        let code = unsafe { (*control).IoControlCode };
        // SAFETY: within the stack location.
        let input = unsafe { (*control).InputBufferLength };
        // SAFETY: within the stack location.
        let output = unsafe { (*control).OutputBufferLength };
        Control { code, input: input as usize, output: (output as usize).min(OUTPUT_LIMIT) }
    }

    /// The buffer of a METHOD_BUFFERED control, which holds the input and takes the output.
    fn buffer(&self) -> Option<NonNull<u8>> {
        const METHOD_MASK: u32 = 3;
        if self.control().code & METHOD_MASK != 0 {
            return None;
        }
        // SAFETY: an IRP of this driver by the type's invariant.
        let associated = unsafe { &raw const (*self.raw.as_ptr()).AssociatedIrp };
        // SAFETY: METHOD_BUFFERED uses this member of the union, which is a pointer.
        NonNull::new(unsafe { associated.cast::<PVOID>().read() }.cast())
    }

    /// The input; empty where the control is not METHOD_BUFFERED.
    pub(super) fn input(&self) -> &[u8] {
        // SAFETY: the I/O manager's buffer holds the input, nobody writes to it while it is
        // borrowed, and it lives as long as the IRP.
        self.buffer().map_or(&[], |buffer| unsafe {
            slice::from_raw_parts(buffer.as_ptr(), self.control().input)
        })
    }

    /// Lets `write` fill the output; how the request ends, with how many bytes.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize>,
    ) -> (Status, usize) {
        let (result, room) = match self.buffer() {
            None => (write(&mut []), 0),
            Some(buffer) => {
                let Control { input, output: room, .. } = self.control();
                // What the caller did not put there itself must not be shown to it.
                if let Some(behind) = room.checked_sub(input).filter(|&behind| behind > 0) {
                    // SAFETY: the buffer holds the input, and has room for the output.
                    let end = unsafe { buffer.add(input) };
                    // SAFETY: within the output.
                    unsafe { end.as_ptr().write_bytes(0, behind) };
                }
                // SAFETY: borrowed with the request, initialised by the I/O manager or just now, and
                // as long as the IRP.
                let output = unsafe { slice::from_raw_parts_mut(buffer.as_ptr(), room) };
                (write(output), room)
            }
        };
        match result {
            Ok(written) => (Status::SUCCESS, written.min(room)),
            Err(error) => (error.into(), 0),
        }
    }
}

impl<'r> ControlRequest<'r> {
    pub(super) const fn new(irp: Irp) -> Self {
        Self { irp, _call: PhantomData }
    }

    /// The control code.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.irp.control().code
    }

    /// Bytes that the output has room for: at most [`OUTPUT_LIMIT`].
    #[must_use]
    pub fn output_length(&self) -> usize {
        self.irp.control().output
    }

    /// The input; empty where the control is not METHOD_BUFFERED.
    #[must_use]
    pub fn input(&self) -> &[u8] {
        self.irp.input()
    }

    /// Makes a work item of the device that the request is for.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    pub fn work_item(&self) -> Result<WorkItem> {
        // SAFETY: the stack location belongs to this driver.
        let device = unsafe { (*self.irp.stack()).DeviceObject };
        // SAFETY: the device that the request was sent to, which is this driver's.
        unsafe { WorkItem::try_new(device) }
    }

    /// Refuses the request.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn refuse(self, status: Status) -> Dispatched<'r> {
        self.irp.complete(status, 0)
    }

    /// Lets `write` fill the output and completes the request with as many bytes as it says.
    ///
    /// # IRQL
    ///
    /// That of `write`, and `<= DISPATCH_LEVEL`, with no lock held.
    pub fn reply(mut self, write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Dispatched<'r> {
        let (status, written) = self.irp.write(write);
        self.irp.complete(status, written)
    }

    /// Makes the request wait; when it is cancelled, `cancel` is told, once.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// `None`: there was no memory for it, and the request is completed so.
    pub fn pend<C: Cancel>(self, cancel: C) -> (Option<PendingControl<C>>, Dispatched<'r>) {
        match Shared::try_new(Waiting::new(cancel)) {
            Ok(waiting) => self.pend_in(waiting),
            Err(error) => (None, self.irp.complete(error.into(), 0)),
        }
    }

    /// As [`ControlRequest::pend`], in memory that is there already; `waiting` is shared until the
    /// request is completed.
    ///
    /// `None`: another request waits there, and this one is refused.
    pub fn pend_in<C: Cancel>(
        self,
        waiting: Shared<Waiting<C>>,
    ) -> (Option<PendingControl<C>>, Dispatched<'r>) {
        match PendingControl::new(self.irp, waiting) {
            Ok(pending) => (Some(pending), Dispatched::new(Status::PENDING)),
            Err(irp) => (None, irp.complete(Status::DEVICE_BUSY, 0)),
        }
    }
}

#![expect(unsafe_code, reason = "wraps IoAllocateWorkItem")]

use super::{
    memory::Shared,
    status::{Error, Result},
    sys::{self, _IO_WORKITEM, PDEVICE_OBJECT, PVOID},
};
use core::{
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

/// What has work done on a system thread.
pub trait Work: Send + Sync + Sized + 'static {
    /// Does the work.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn run(this: &Shared<Worker<Self>>);
}

/// A work item of a device that is not queued; dropping it frees it.
///
/// While it is queued, the system keeps the device, and with it the driver; before and after, who
/// has the device open does.
///
/// # Invariants
///
/// `raw` came from IoAllocateWorkItem and has not been freed.
///
/// Follows IoAllocateWorkItem, IoQueueWorkItem and IoFreeWorkItem.
pub struct WorkItem {
    raw: NonNull<_IO_WORKITEM>,
}

// SAFETY: the I/O manager takes a work item on any processor.
unsafe impl Send for WorkItem {}
// SAFETY: a shared item gives nothing.
unsafe impl Sync for WorkItem {}

impl WorkItem {
    /// Makes an item.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    ///
    /// # Safety
    ///
    /// `device` is a device object of this driver.
    pub(super) unsafe fn try_new(device: PDEVICE_OBJECT) -> Result<Self> {
        // SAFETY: a device object of this driver by the caller's promise.
        let raw = unsafe { sys::IoAllocateWorkItem(device) };
        // INVARIANT: fresh from IoAllocateWorkItem.
        NonNull::new(raw).map(|raw| Self { raw }).ok_or(Error::Resources)
    }
}

impl Drop for WorkItem {
    fn drop(&mut self) {
        // SAFETY: not freed, by the type's invariant, and not queued: what is queued has an owner
        // of the `Worker` that holds it.
        unsafe { sys::IoFreeWorkItem(self.raw.as_ptr()) };
    }
}

/// A value that has work done on a system thread, and the item that this is queued with.
///
/// # Invariants
///
/// The item is queued only while `asked` is set, and then has an owner of this.
pub struct Worker<T> {
    value: T,
    item: WorkItem,
    asked: AtomicBool,
}

impl<T: Work> Worker<T> {
    /// Nothing is asked for.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`]; value and item are dropped.
    pub fn try_new(value: T, item: WorkItem) -> Result<Shared<Self>> {
        Shared::try_new(Self { value, item, asked: AtomicBool::new(false) })
    }

    /// Has the work done soon: once, however often it is asked for before it begins.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn ask(this: &Shared<Self>) {
        const DELAYED_WORK_QUEUE: i32 = 1;
        if this.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        let context = this.clone().into_raw();
        // SAFETY:
        // - Not freed, by the item's invariant, and not queued: `asked` was clear.
        // - The routine takes over the owner that the context is.
        unsafe {
            sys::IoQueueWorkItem(
                this.item.raw.as_ptr(),
                Some(run::<T>),
                DELAYED_WORK_QUEUE as _,
                context,
            );
        };
    }
}

impl<T> Deref for Worker<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

unsafe extern "C" fn run<T: Work>(_device: PDEVICE_OBJECT, context: PVOID) {
    // SAFETY: the owner that `ask` took apart for this call.
    let Some(worker) = (unsafe { Shared::<Worker<T>>::from_raw(context) }) else { return };
    // A swap, so that whoever found it asked for comes before what is done now.
    worker.asked.swap(false, Ordering::AcqRel);
    T::run(&worker);
}

#![expect(unsafe_code, reason = "wraps IoAllocateWorkItem")]

use super::{
    memory::Shared,
    status::{Error, Result},
    sys::{self, _IO_WORKITEM, PDEVICE_OBJECT, PVOID},
};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

/// What has work done on a system thread.
pub trait Work: Send + Sync + 'static {
    /// The item that the work is queued with.
    fn item(&self) -> &WorkItem;

    /// Hears that a [`Deadline`](super::Deadline) has passed, before the work is queued for it.
    ///
    /// # IRQL
    ///
    /// `DISPATCH_LEVEL`.
    fn due(&self) {}

    /// Does the work.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn run(this: &Shared<Self>)
    where
        Self: Sized;
}

/// A work item of a device; dropping it frees it.
///
/// While it is queued, the system keeps the device, and with it the driver.
///
/// # Invariants
///
/// `raw` came from IoAllocateWorkItem and has not been freed. While it is queued, it has an owner
/// of what it belongs to.
///
/// Follows IoAllocateWorkItem, IoQueueWorkItem and IoFreeWorkItem.
pub struct WorkItem {
    raw: NonNull<_IO_WORKITEM>,
    asked: AtomicBool,
}

// SAFETY: the I/O manager takes a work item on any processor.
unsafe impl Send for WorkItem {}
// SAFETY: it is queued by one at a time, which `asked` sees to.
unsafe impl Sync for WorkItem {}

impl WorkItem {
    /// Makes an item that is not queued.
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
        let raw = NonNull::new(raw).ok_or(Error::Resources)?;
        Ok(Self { raw, asked: AtomicBool::new(false) })
    }

    /// Has the work of `owner` done soon: once, however often it is asked for before it begins.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn ask<T: Work>(owner: &Shared<T>) {
        const DELAYED_WORK_QUEUE: i32 = 1;
        let item = owner.item();
        if item.asked.swap(true, Ordering::AcqRel) {
            return;
        }
        let context = owner.clone().into_raw();
        // SAFETY:
        // - Not freed, by the type's invariant, and not queued: `asked` was clear.
        // - The routine takes over the owner that the context is.
        unsafe {
            sys::IoQueueWorkItem(
                item.raw.as_ptr(),
                Some(run::<T>),
                DELAYED_WORK_QUEUE as _,
                context,
            );
        };
    }
}

unsafe extern "C" fn run<T: Work>(_device: PDEVICE_OBJECT, context: PVOID) {
    // SAFETY: the owner that `ask` took apart for this call.
    let Some(owner) = (unsafe { Shared::<T>::from_raw(context) }) else { return };
    // A swap, so that whoever found it asked for comes before what is done now.
    owner.item().asked.swap(false, Ordering::AcqRel);
    T::run(&owner);
}

impl Drop for WorkItem {
    fn drop(&mut self) {
        // SAFETY: not freed, by the type's invariant, and not queued: what is queued has an owner.
        unsafe { sys::IoFreeWorkItem(self.raw.as_ptr()) };
    }
}

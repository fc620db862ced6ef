#![expect(unsafe_code, reason = "wraps NdisAllocateIoWorkItem")]

use super::{
    status::{Error, Result},
    sys::{self, NDIS_HANDLE, PVOID},
};
use core::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

/// What runs when a work item does.
pub(super) type Routine = unsafe extern "C" fn(PVOID, NDIS_HANDLE);

/// A work item that has one routine called, on a system thread.
///
/// # Invariants
///
/// `item` came from NdisAllocateIoWorkItem and has not been freed, or is null.
///
/// Follows NdisAllocateIoWorkItem, NdisQueueIoWorkItem and NdisFreeIoWorkItem.
pub(super) struct Later {
    item: AtomicPtr<c_void>,
    routine: Routine,
    context: AtomicPtr<c_void>,
    asked: AtomicBool,
}

impl Later {
    /// Makes a work item that is not queued.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    ///
    /// # Safety
    ///
    /// `driver` is the handle of this filter driver, not of a module, and outlives the item.
    pub(super) unsafe fn new(driver: NDIS_HANDLE, routine: Routine) -> Result<Self> {
        // SAFETY: a filter driver's handle by the caller's promise.
        let item = unsafe { sys::NdisAllocateIoWorkItem(driver) };
        if item.is_null() {
            return Err(Error::Resources);
        }
        Ok(Self {
            // INVARIANT: fresh from NdisAllocateIoWorkItem.
            item: AtomicPtr::new(item),
            routine,
            context: AtomicPtr::new(ptr::null_mut()),
            asked: AtomicBool::new(false),
        })
    }

    /// Sets what the routine is called with.
    pub(super) fn set_context(&self, context: *mut c_void) {
        self.context.store(context, Ordering::Release);
    }

    /// Whether the caller is to queue the item: nobody has asked since it last ran.
    pub(super) fn ask(&self) -> bool {
        !self.asked.swap(true, Ordering::AcqRel)
    }

    /// Queues the item, after [`Later::ask`] has said so.
    pub(super) fn queue(&self) {
        let item = self.item.load(Ordering::Acquire);
        let context = self.context.load(Ordering::Acquire);
        // SAFETY:
        // - The module is running, so the item is not freed.
        // - It is not queued: that is for the one who asked first, once in each run.
        unsafe { sys::NdisQueueIoWorkItem(item, Some(self.routine), context) };
    }

    /// Lets it be asked for again; the routine says so when it starts.
    pub(super) fn has_started(&self) {
        // A swap, so that whoever found it asked for comes before what the routine does now.
        self.asked.swap(false, Ordering::AcqRel);
    }

    /// Frees the item of a module that is not running any more.
    pub(super) fn free(&self) {
        let item = self.item.swap(ptr::null_mut(), Ordering::AcqRel);
        if !item.is_null() {
            // SAFETY: allocated, by the type's invariant, and freed once; it is not queued, for
            // what is queued keeps the module from pausing.
            unsafe { sys::NdisFreeIoWorkItem(item) };
        }
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.free();
    }
}

#![expect(unsafe_code, reason = "wraps NdisAllocateMdl")]

use super::{
    handle::FilterHandle,
    status::{Error, Result},
    sys::{self, MDL},
};
use core::ptr::NonNull;

/// A memory descriptor list over nonpaged memory; dropping it frees it.
///
/// # Invariants
///
/// `raw` came from NdisAllocateMdl and has not been freed.
///
/// Follows NdisAllocateMdl and NdisFreeMdl.
pub(super) struct Mdl {
    raw: NonNull<MDL>,
}

// SAFETY: an MDL is a plain structure; NDIS takes it on any processor.
unsafe impl Send for Mdl {}
// SAFETY: a shared `Mdl` gives only its address.
unsafe impl Sync for Mdl {}

impl Mdl {
    /// Describes `length` bytes from `start` on.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    ///
    /// # Safety
    ///
    /// 1. The bytes are nonpaged pool.
    /// 2. They outlive the `Mdl`.
    pub(super) unsafe fn allocate(
        handle: FilterHandle,
        start: NonNull<u8>,
        length: u32,
    ) -> Result<Self> {
        // SAFETY: nonpaged pool by the caller's promise 1; the handle is a filter module's.
        let raw = unsafe { sys::NdisAllocateMdl(handle.as_raw(), start.as_ptr().cast(), length) };
        // INVARIANT: fresh from NdisAllocateMdl.
        NonNull::new(raw).map(|raw| Self { raw }).ok_or(Error::Resources)
    }

    pub(super) const fn as_raw(&self) -> NonNull<MDL> {
        self.raw
    }

    /// Makes `next` follow this MDL in its chain.
    ///
    /// # Safety
    ///
    /// 1. Nobody else has the MDL: it is not part of a frame in flight.
    /// 2. `next`, where there is one, lives as long as the chain is used.
    pub(super) unsafe fn set_next(&self, next: Option<NonNull<MDL>>) {
        let next = next.map_or(core::ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: alive by the type's invariant, and ours alone by the caller's promise 1.
        unsafe { (*self.raw.as_ptr()).Next = next };
    }
}

impl Drop for Mdl {
    fn drop(&mut self) {
        // SAFETY: allocated by NdisAllocateMdl and not freed before, by the type's invariant.
        unsafe { sys::NdisFreeMdl(self.raw.as_ptr()) };
    }
}

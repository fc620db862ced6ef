#![expect(unsafe_code, reason = "vouches for an NDIS handle")]

use super::sys::NDIS_HANDLE;

/// The handle by which NDIS knows a filter module: what it gave to FilterAttach.
///
/// # Invariants
///
/// NDIS gave the handle, and the module is not yet detached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilterHandle(NDIS_HANDLE);

// SAFETY: NDIS takes the handle on any processor.
unsafe impl Send for FilterHandle {}
// SAFETY: NDIS takes the handle on any processor.
unsafe impl Sync for FilterHandle {}

impl FilterHandle {
    /// # Safety
    ///
    /// NDIS gave `raw` to FilterAttach, and the handle is used no longer than until FilterDetach
    /// returns.
    pub(super) const unsafe fn from_raw(raw: NDIS_HANDLE) -> Self {
        // INVARIANT: the caller's promise.
        Self(raw)
    }

    pub(super) const fn as_raw(self) -> NDIS_HANDLE {
        self.0
    }
}

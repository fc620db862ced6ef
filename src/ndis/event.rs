//! What NDIS tells a module and expects it to pass on: status indications and Plug and Play.
#![expect(unsafe_code, reason = "passes NDIS' structures on")]

use super::{
    handle::FilterHandle,
    status::Status,
    sys::{self, NDIS_STATUS_INDICATION, NET_DEVICE_PNP_EVENT, NET_PNP_EVENT_NOTIFICATION},
};
use core::{marker::PhantomData, ptr::NonNull};

/// A status indication of the drivers below.
///
/// # Invariants
///
/// `raw` is what NDIS gave to FilterStatus, alive for `'m`.
pub struct StatusIndication<'m> {
    handle: FilterHandle,
    raw: NonNull<NDIS_STATUS_INDICATION>,
    _call: PhantomData<&'m ()>,
}

impl StatusIndication<'_> {
    /// # Safety
    ///
    /// `raw` is what NDIS gave to FilterStatus of the module of `handle`.
    pub(super) const unsafe fn new(
        handle: FilterHandle,
        raw: NonNull<NDIS_STATUS_INDICATION>,
    ) -> Self {
        // INVARIANT: the caller's promise.
        Self { handle, raw, _call: PhantomData }
    }

    /// Passes the indication up.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// Follows NdisFIndicateStatus.
    pub fn forward(self) {
        // SAFETY: the indication is NDIS' own and alive.
        unsafe { sys::NdisFIndicateStatus(self.handle.as_raw(), self.raw.as_ptr()) };
    }
}

/// A network Plug and Play or power event of the drivers above.
///
/// # Invariants
///
/// `raw` is what NDIS gave to FilterNetPnPEvent, alive for `'m`.
pub struct NetPnPEvent<'m> {
    handle: FilterHandle,
    raw: NonNull<NET_PNP_EVENT_NOTIFICATION>,
    _call: PhantomData<&'m ()>,
}

impl NetPnPEvent<'_> {
    /// # Safety
    ///
    /// `raw` is what NDIS gave to FilterNetPnPEvent of the module of `handle`.
    pub(super) const unsafe fn new(
        handle: FilterHandle,
        raw: NonNull<NET_PNP_EVENT_NOTIFICATION>,
    ) -> Self {
        // INVARIANT: the caller's promise.
        Self { handle, raw, _call: PhantomData }
    }

    /// Passes the event on, and gives the answer.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// Follows NdisFNetPnPEvent.
    pub fn forward(self) -> Status {
        // SAFETY: the event is NDIS' own and alive.
        Status::from_raw(unsafe { sys::NdisFNetPnPEvent(self.handle.as_raw(), self.raw.as_ptr()) })
    }
}

/// A Plug and Play or power event of the adapter's device.
///
/// # Invariants
///
/// `raw` is what NDIS gave to FilterDevicePnPEventNotify, alive for `'m`.
pub struct DevicePnPEvent<'m> {
    handle: FilterHandle,
    raw: NonNull<NET_DEVICE_PNP_EVENT>,
    _call: PhantomData<&'m ()>,
}

impl DevicePnPEvent<'_> {
    /// # Safety
    ///
    /// `raw` is what NDIS gave to FilterDevicePnPEventNotify of the module of `handle`.
    pub(super) const unsafe fn new(
        handle: FilterHandle,
        raw: NonNull<NET_DEVICE_PNP_EVENT>,
    ) -> Self {
        // INVARIANT: the caller's promise.
        Self { handle, raw, _call: PhantomData }
    }

    /// Passes the event down.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// Follows NdisFDevicePnPEventNotify.
    pub fn forward(self) {
        // SAFETY: the event is NDIS' own and alive.
        unsafe { sys::NdisFDevicePnPEventNotify(self.handle.as_raw(), self.raw.as_ptr()) };
    }
}

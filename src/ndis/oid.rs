#![expect(unsafe_code, reason = "clones and forwards NDIS_OID_REQUEST")]

use super::{
    handle::FilterHandle,
    status::{Error, Result, Status},
    sys::{self, NDIS_OID_REQUEST, PVOID},
};
use core::{marker::PhantomData, mem, ptr, ptr::NonNull};

/// A request that the drivers above make of the drivers below: forwarded, or answered here.
///
/// # Invariants
///
/// `original` is the request that NDIS gave to FilterOidRequest, not yet answered.
pub struct OidRequest<'m> {
    handle: FilterHandle,
    original: NonNull<NDIS_OID_REQUEST>,
    /// Invariant: as in [`OidAnswer`].
    _call: PhantomData<fn(&'m ()) -> &'m ()>,
}

/// The answer that FilterOidRequest returns: proof that this very request was forwarded or
/// answered.
#[must_use]
pub struct OidAnswer<'m> {
    status: Status,
    /// Invariant: an answer to one request is none to another.
    _call: PhantomData<fn(&'m ()) -> &'m ()>,
}

impl OidAnswer<'_> {
    const fn new(status: Status) -> Self {
        Self { status, _call: PhantomData }
    }

    pub(super) const fn status(self) -> Status {
        self.status
    }
}

impl<'m> OidRequest<'m> {
    /// # Safety
    ///
    /// `original` is the request that NDIS gave to FilterOidRequest of the module of `handle`.
    pub(super) const unsafe fn new(
        handle: FilterHandle,
        original: NonNull<NDIS_OID_REQUEST>,
    ) -> Self {
        // INVARIANT: the caller's promise.
        Self { handle, original, _call: PhantomData }
    }

    /// Answers the request here, with nothing written.
    pub fn answer(self, status: Status) -> OidAnswer<'m> {
        OidAnswer::new(status.of_the_end())
    }

    /// Forwards a clone of the request to the drivers below.
    ///
    /// # IRQL
    ///
    /// That of FilterOidRequest, with no lock held.
    ///
    /// Follows NdisAllocateCloneOidRequest and NdisFOidRequest.
    pub fn forward(self) -> OidAnswer<'m> {
        OidAnswer::new(match self.try_forward() {
            Ok(status) => status,
            Err(error) => error.into(),
        })
    }

    fn try_forward(&self) -> Result<Status> {
        let clone = Clone::allocate(self.handle, self.original)?;
        let raw = clone.raw.as_ptr();
        let handle = self.handle.as_raw();
        // NDIS has the clone from here on: it comes back through FilterOidRequestComplete.
        mem::forget(clone);
        // SAFETY: a clone of the request, given away once.
        let status = Status::from_raw(unsafe { sys::NdisFOidRequest(handle, raw) });
        if status == Status::PENDING {
            return Ok(status);
        }
        // SAFETY: an answer other than PENDING gives the clone back.
        let clone = unsafe { Clone::from_raw(self.handle, raw) }.ok_or(Error::Resources)?;
        clone.finish();
        Ok(status)
    }
}

/// A clone that this driver made of a request; dropping it frees it.
///
/// # Invariants
///
/// `raw` came from NdisAllocateCloneOidRequest, and its `SourceReserved` starts with a pointer to
/// the request that it is a clone of.
struct Clone {
    handle: FilterHandle,
    raw: NonNull<NDIS_OID_REQUEST>,
}

impl Clone {
    fn allocate(handle: FilterHandle, original: NonNull<NDIS_OID_REQUEST>) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: the request is NDIS', not yet answered; the handle is this module's.
        let status = unsafe {
            sys::NdisAllocateCloneOidRequest(
                handle.as_raw(),
                original.as_ptr(),
                sys::POOL_TAG,
                &raw mut raw,
            )
        };
        Status::from_raw(status).ok()?;
        let raw = NonNull::new(raw).ok_or(Error::Resources)?;
        // SAFETY: the request is NDIS', not yet answered.
        let request_id = unsafe { (*original.as_ptr()).RequestId };
        // FilterCancelOidRequest names the original's id, so the clone goes by the same.
        // SAFETY: a fresh clone.
        unsafe { (*raw.as_ptr()).RequestId = request_id };
        // SAFETY: a fresh clone.
        let place = unsafe { source_reserved(raw) };
        // SAFETY: the area is the source's, which is this driver.
        unsafe { place.write_unaligned(original.as_ptr()) };
        // INVARIANT: fresh, and names its original.
        Ok(Self { handle, raw })
    }

    /// # Safety
    ///
    /// `raw` is null or a clone that [`Clone::allocate`] made for the module of `handle`, which
    /// NDIS gave back.
    unsafe fn from_raw(handle: FilterHandle, raw: *mut NDIS_OID_REQUEST) -> Option<Self> {
        // INVARIANT: the caller's promise.
        NonNull::new(raw).map(|raw| Self { handle, raw })
    }

    /// Copies the results to the original, frees the clone, and gives the original.
    fn finish(self) -> *mut NDIS_OID_REQUEST {
        // SAFETY: a clone by the type's invariant.
        let place = unsafe { source_reserved(self.raw) };
        // SAFETY: a clone by the type's invariant: it names its original there.
        let original = unsafe { place.read_unaligned() };
        // SAFETY: the original is not yet answered, so it is alive; both are of the same kind.
        unsafe { copy_results(self.raw.as_ptr(), original) };
        original
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        // SAFETY: a clone by the type's invariant, not freed before.
        unsafe { sys::NdisFreeCloneOidRequest(self.handle.as_raw(), self.raw.as_ptr()) };
    }
}

/// Answers the original of a clone that the drivers below have completed.
///
/// # Safety
///
/// `clone` is what NDIS gave to FilterOidRequestComplete of the module of `handle`.
pub(super) unsafe fn complete(handle: FilterHandle, clone: *mut NDIS_OID_REQUEST, status: Status) {
    // SAFETY: this driver makes no requests of its own, so what completes is a clone.
    let Some(clone) = (unsafe { Clone::from_raw(handle, clone) }) else { return };
    let original = clone.finish();
    // SAFETY: FilterOidRequest answered PENDING; the clone is freed, and the original completes
    // once.
    unsafe { sys::NdisFOidRequestComplete(handle.as_raw(), original, status.as_raw()) };
}

/// Passes a cancellation down: clones go by their originals' ids.
pub(super) fn cancel(handle: FilterHandle, request_id: PVOID) {
    // An id whose request has just completed names nothing; that NDIS then does nothing is assumed.
    // SAFETY: an id that NDIS gave, of a request that this module forwards under the same id.
    unsafe { sys::NdisFCancelOidRequest(handle.as_raw(), request_id) };
}

/// Where a clone keeps the pointer to its original.
///
/// # Safety
///
/// `clone` points to a request.
unsafe fn source_reserved(clone: NonNull<NDIS_OID_REQUEST>) -> *mut *mut NDIS_OID_REQUEST {
    // SAFETY: the caller's promise.
    unsafe { &raw mut (*clone.as_ptr()).SourceReserved }.cast()
}

/// Copies what the drivers below wrote about a request.
///
/// # Safety
///
/// `original` is the request that `clone` is a clone of.
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "reads one union, writes its twin")]
unsafe fn copy_results(clone: *const NDIS_OID_REQUEST, original: *mut NDIS_OID_REQUEST) {
    use sys::_NDIS_REQUEST_TYPE as kind;
    // SAFETY: both are requests by the caller's promise.
    let (from, to) = unsafe { (&raw const (*clone).DATA, &raw mut (*original).DATA) };
    // SAFETY: a request by the caller's promise.
    match unsafe { (*clone).RequestType } {
        kind::NdisRequestMethod => {
            // CAST: the members of the union all start at its start.
            let from = from.cast::<sys::_NDIS_OID_REQUEST__REQUEST_DATA__METHOD>();
            let to = to.cast::<sys::_NDIS_OID_REQUEST__REQUEST_DATA__METHOD>();
            // SAFETY: a method request uses this member of the union.
            unsafe {
                (*to).OutputBufferLength = (*from).OutputBufferLength;
                (*to).BytesRead = (*from).BytesRead;
                (*to).BytesNeeded = (*from).BytesNeeded;
                (*to).BytesWritten = (*from).BytesWritten;
            };
        }
        kind::NdisRequestSetInformation => {
            // CAST: the members of the union all start at its start.
            let from = from.cast::<sys::_NDIS_OID_REQUEST__REQUEST_DATA__SET>();
            let to = to.cast::<sys::_NDIS_OID_REQUEST__REQUEST_DATA__SET>();
            // SAFETY: a set request uses this member of the union.
            unsafe {
                (*to).BytesRead = (*from).BytesRead;
                (*to).BytesNeeded = (*from).BytesNeeded;
            };
        }
        _ => {
            // CAST: the members of the union all start at its start.
            let from = from.cast::<sys::_NDIS_OID_REQUEST__REQUEST_DATA__QUERY>();
            let to = to.cast::<sys::_NDIS_OID_REQUEST__REQUEST_DATA__QUERY>();
            // SAFETY: query requests of both kinds use this member of the union.
            unsafe {
                (*to).BytesWritten = (*from).BytesWritten;
                (*to).BytesNeeded = (*from).BytesNeeded;
            };
        }
    }
    // SAFETY: both are requests by the caller's promise.
    unsafe { (*original).SupportedRevision = (*clone).SupportedRevision };
}

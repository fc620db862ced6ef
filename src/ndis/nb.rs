#![expect(unsafe_code, reason = "wraps NdisAllocateNetBuffer")]

use super::{
    frame::Frame,
    pool::NetBufferPool,
    status::{Error, Result},
    sys::{self, NET_BUFFER},
};
use core::{marker::PhantomData, mem, ptr::NonNull};

/// A NET_BUFFER that belongs to no list yet; dropping it frees it.
///
/// # Invariants
///
/// `raw` came from NdisAllocateNetBuffer and has not been freed.
///
/// Follows NdisAllocateNetBuffer and NdisFreeNetBuffer.
pub(super) struct NetBuffer<'p> {
    raw: NonNull<NET_BUFFER>,
    _pool: PhantomData<&'p NetBufferPool>,
}

impl<'p> NetBuffer<'p> {
    /// Makes a NET_BUFFER over `frame`, which its user keeps for as long.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    pub(super) fn allocate(pool: &'p NetBufferPool, frame: &Frame<'p>) -> Result<Self> {
        // SAFETY:
        // - The pool is alive and has no data of its own.
        // - The chain describes the frame's buffers: backfill, then at least `length` bytes.
        let raw = unsafe {
            sys::NdisAllocateNetBuffer(
                pool.as_raw(),
                frame.mdl_chain().as_ptr(),
                frame.backfill(),
                frame.length() as usize as _,
            )
        };
        let raw = NonNull::new(raw).ok_or(Error::Resources)?;
        // SAFETY: a fresh NET_BUFFER.
        let next = unsafe { sys::NET_BUFFER_NEXT_NB(raw.as_ptr()) };
        // SAFETY: its own field: nothing follows.
        unsafe { next.write(core::ptr::null_mut()) };
        // INVARIANT: fresh from NdisAllocateNetBuffer.
        Ok(Self { raw, _pool: PhantomData })
    }

    /// Hands the NET_BUFFER to a list, which frees it.
    pub(super) const fn into_raw(self) -> NonNull<NET_BUFFER> {
        let raw = self.raw;
        mem::forget(self);
        raw
    }

    /// Takes a NET_BUFFER back from a list.
    ///
    /// # Safety
    ///
    /// `raw` came from [`NetBuffer::into_raw`], its pool lives for `'p`, and no list has it.
    pub(super) const unsafe fn from_raw(raw: NonNull<NET_BUFFER>) -> Self {
        // INVARIANT: the caller's promise.
        Self { raw, _pool: PhantomData }
    }
}

impl Drop for NetBuffer<'_> {
    fn drop(&mut self) {
        // SAFETY: from NdisAllocateNetBuffer and not freed before, by the type's invariant.
        unsafe { sys::NdisFreeNetBuffer(self.raw.as_ptr()) };
    }
}

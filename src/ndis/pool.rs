//! The pools of one filter module, and the order in which they end.
//!
//! ```text
//! Pools ─┬─ one_frame     NET_BUFFER_LIST pool, each list paired with a NET_BUFFER
//!        ├─ many_frames   NET_BUFFER_LIST pool, lists without NET_BUFFERs
//!        ├─ net_buffers   NET_BUFFER pool for the lists of `many_frames`
//!        └─ buffers       FrameBuffers: memory and MDLs
//!
//! NetBufferList<'p> ── borrows ─► Pools: no pool ends before its lists
//!   dropped: its NET_BUFFERs, then the list, then its frame buffers go back, then its ticket
//! ```
#![expect(unsafe_code, reason = "wraps the NET_BUFFER and NET_BUFFER_LIST pools")]

use super::{
    cancel_id::CancelId,
    frame_buffers::{FrameBuffers, FrameLayout},
    handle::FilterHandle,
    nbl::{ListContext, NetBufferList},
    status::{Error, Result},
    sys::{
        self, MEMORY_ALLOCATION_ALIGNMENT, NDIS_HANDLE, NDIS_OBJECT_HEADER, POOL_TAG, UCHAR, USHORT,
    },
};
use core::{ffi::c_void, marker::PhantomData, ptr::NonNull};

/// What the drivers below want to find in a list and in front of a frame, and how frames are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSizes {
    /// Bytes of context that each list leaves unused for other drivers: a multiple of
    /// `MEMORY_ALLOCATION_ALIGNMENT`.
    pub context_backfill: u16,
    /// The frame buffers.
    pub frames: FrameLayout,
}

const fn header(revision: u32, size: USHORT) -> NDIS_OBJECT_HEADER {
    #[expect(clippy::cast_possible_truncation, reason = "both constants fit a byte")]
    NDIS_OBJECT_HEADER {
        Type: sys::NDIS_OBJECT_TYPE_DEFAULT as UCHAR,
        Revision: revision as UCHAR,
        Size: size,
    }
}

/// A NET_BUFFER_LIST pool; dropping it frees it.
///
/// # Invariants
///
/// `raw` came from NdisAllocateNetBufferListPool and has not been freed.
///
/// Follows NdisAllocateNetBufferListPool and NdisFreeNetBufferListPool.
pub(super) struct NetBufferListPool {
    raw: NonNull<c_void>,
}

// SAFETY: NDIS takes a pool handle on any processor.
unsafe impl Send for NetBufferListPool {}
// SAFETY: NDIS takes a pool handle on any processor, from several at a time.
unsafe impl Sync for NetBufferListPool {}

impl NetBufferListPool {
    fn new(handle: FilterHandle, net_buffer: bool, context_size: u16) -> Result<Self> {
        let parameters = sys::NET_BUFFER_LIST_POOL_PARAMETERS {
            Header: header(
                sys::NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                sys::NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
            ),
            // NDIS_PROTOCOL_ID_DEFAULT: what filters say.
            ProtocolId: 0,
            fAllocateNetBuffer: net_buffer.into(),
            ContextSize: context_size,
            PoolTag: POOL_TAG,
            DataSize: 0,
        };
        // SAFETY: the handle is a filter module's, and the parameters live through the call.
        let raw = unsafe {
            sys::NdisAllocateNetBufferListPool(handle.as_raw(), (&raw const parameters).cast_mut())
        };
        // INVARIANT: fresh from NdisAllocateNetBufferListPool.
        NonNull::new(raw).map(|raw| Self { raw }).ok_or(Error::Resources)
    }

    pub(super) const fn as_raw(&self) -> NDIS_HANDLE {
        self.raw.as_ptr()
    }
}

impl Drop for NetBufferListPool {
    fn drop(&mut self) {
        // SAFETY: not freed before, by the type's invariant; its lists are gone, because each
        // borrows the `Pools`, or keeps the gate around them occupied, or was forgotten: then
        // nobody can touch it again, and what NDIS says of it is said of who forgot it.
        unsafe { sys::NdisFreeNetBufferListPool(self.raw.as_ptr()) };
    }
}

/// A NET_BUFFER pool without data; dropping it frees it.
///
/// # Invariants
///
/// `raw` came from NdisAllocateNetBufferPool and has not been freed.
///
/// Follows NdisAllocateNetBufferPool and NdisFreeNetBufferPool.
pub(super) struct NetBufferPool {
    raw: NonNull<c_void>,
}

// SAFETY: NDIS takes a pool handle on any processor.
unsafe impl Send for NetBufferPool {}
// SAFETY: NDIS takes a pool handle on any processor, from several at a time.
unsafe impl Sync for NetBufferPool {}

impl NetBufferPool {
    fn new(handle: FilterHandle) -> Result<Self> {
        let parameters = sys::NET_BUFFER_POOL_PARAMETERS {
            Header: header(
                sys::NET_BUFFER_POOL_PARAMETERS_REVISION_1,
                sys::NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1,
            ),
            PoolTag: POOL_TAG,
            DataSize: 0,
        };
        // SAFETY: the handle is a filter module's, and the parameters live through the call.
        let raw = unsafe {
            sys::NdisAllocateNetBufferPool(handle.as_raw(), (&raw const parameters).cast_mut())
        };
        // INVARIANT: fresh from NdisAllocateNetBufferPool.
        NonNull::new(raw).map(|raw| Self { raw }).ok_or(Error::Resources)
    }

    pub(super) const fn as_raw(&self) -> NDIS_HANDLE {
        self.raw.as_ptr()
    }
}

impl Drop for NetBufferPool {
    fn drop(&mut self) {
        // SAFETY: not freed before, by the type's invariant; its NET_BUFFERs are gone, because
        // each belongs to a list that borrows the `Pools` or keeps the gate around them occupied.
        unsafe { sys::NdisFreeNetBufferPool(self.raw.as_ptr()) };
    }
}

/// Everything that one filter module originates lists from; `T` is the ticket of each list.
///
/// Field order is the order of frees.
///
/// # Invariants
///
/// `sizes.context_backfill` is a multiple of `MEMORY_ALLOCATION_ALIGNMENT`.
pub struct Pools<T> {
    pub(super) one_frame: NetBufferListPool,
    pub(super) many_frames: NetBufferListPool,
    pub(super) net_buffers: NetBufferPool,
    pub(super) buffers: FrameBuffers,
    pub(super) handle: FilterHandle,
    sizes: PoolSizes,
    tickets: PhantomData<fn(T) -> T>,
}

impl<T> Pools<T> {
    /// Context bytes that each list uses for itself.
    pub const CONTEXT_SIZE: u16 = {
        let size = size_of::<ListContext<T>>().next_multiple_of(MEMORY_ALLOCATION_ALIGNMENT);
        assert!(align_of::<ListContext<T>>() <= MEMORY_ALLOCATION_ALIGNMENT, "alignment");
        assert!(size <= 1024, "a ticket is small");
        #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
        {
            size as u16
        }
    };

    /// How many NDIS pools there are.
    pub const COUNT: u32 = 3;

    /// Makes the pools.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// What was made before is freed.
    ///
    /// - [`Error::Resources`].
    /// - [`Error::InvalidLength`]: frame buffers that hold nothing, or a context backfill that is no
    ///   multiple of `MEMORY_ALLOCATION_ALIGNMENT`.
    pub(super) fn new(handle: FilterHandle, sizes: PoolSizes) -> Result<Self> {
        if !usize::from(sizes.context_backfill).is_multiple_of(MEMORY_ALLOCATION_ALIGNMENT) {
            return Err(Error::InvalidLength);
        }
        let context_size =
            Self::CONTEXT_SIZE.checked_add(sizes.context_backfill).ok_or(Error::Resources)?;
        Ok(Self {
            // INVARIANT: a multiple of the alignment, as just checked.
            sizes,
            one_frame: NetBufferListPool::new(handle, true, context_size)?,
            many_frames: NetBufferListPool::new(handle, false, context_size)?,
            net_buffers: NetBufferPool::new(handle)?,
            buffers: FrameBuffers::new(handle, sizes.frames)?,
            handle,
            tickets: PhantomData,
        })
    }

    /// How the pools were made.
    pub(super) const fn sizes(&self) -> PoolSizes {
        self.sizes
    }

    /// The frame buffers.
    #[must_use]
    pub const fn buffers(&self) -> &FrameBuffers {
        &self.buffers
    }

    /// Makes a list of a frame that others may join; with an `id`, it can be cancelled by it.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// The frame's buffers go back, and the ticket is dropped.
    ///
    /// - [`Error::Resources`].
    /// - [`Error::BadState`]: the frame is of other buffers.
    pub fn many_frames<'p>(
        &'p self,
        frame: super::Frame<'p>,
        ticket: T,
        id: Option<CancelId>,
    ) -> Result<NetBufferList<'p, T>> {
        NetBufferList::many_frames(self, frame, ticket, id)
    }
}

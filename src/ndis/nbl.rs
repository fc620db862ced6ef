#![expect(unsafe_code, reason = "wraps NET_BUFFER_LIST")]

use super::{
    cancel_id::CancelId,
    frame::{Frame, RawFrame},
    nb::NetBuffer,
    pool::Pools,
    status::{Error, Result, Status},
    sys::{self, NET_BUFFER, NET_BUFFER_LIST},
};
use core::{mem, ptr, ptr::NonNull};

/// What a list remembers in its own context area while NDIS has it.
///
/// The area in front of it, the context backfill, is for other drivers.
pub(super) struct ListContext<T> {
    frame: RawFrame,
    frames: u32,
    /// The last of the NET_BUFFERs that were allocated for the list one by one.
    last: *mut NET_BUFFER,
    ticket: T,
}

/// A NET_BUFFER_LIST of this driver's own, with its frames and a ticket; dropping it frees it all.
///
/// # Invariants
///
/// - `raw` came from `pools`, is not in NDIS' hands and has not been freed.
/// - `context` is in its context area, and initialised; the frame there is from `pools.buffers`.
/// - Its NET_BUFFERs are NDIS' own (`one_frame`) or came from `pools.net_buffers`
///   (`many_frames`), and describe buffers that the context keeps.
///
/// Follows NdisAllocateNetBufferAndNetBufferList, NdisAllocateNetBufferList and
/// NdisFreeNetBufferList.
pub struct NetBufferList<'p, T> {
    raw: NonNull<NET_BUFFER_LIST>,
    context: NonNull<ListContext<T>>,
    pools: &'p Pools<T>,
}

// SAFETY: the list is a plain structure with one owner; its ticket may go along.
unsafe impl<T: Send> Send for NetBufferList<'_, T> {}

impl<'p, T> NetBufferList<'p, T> {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each frame: what it is given and gives stays in registers"
    )]
    pub(super) fn one_frame(
        pools: &'p Pools<T>,
        frame: Frame<'p>,
        ticket: T,
        id: Option<CancelId>,
    ) -> Result<Self> {
        if !frame.is_from(&pools.buffers) {
            return Err(Error::BadState);
        }
        // SAFETY:
        // - The pool pairs lists with NET_BUFFERs and has no data of its own.
        // - Both context sizes are multiples of MEMORY_ALLOCATION_ALIGNMENT: the pools' invariant, and
        //   how `CONTEXT_SIZE` is made.
        // - The chain describes the frame's buffers: backfill, then at least `length` bytes.
        let raw = unsafe {
            sys::NdisAllocateNetBufferAndNetBufferList(
                pools.one_frame.as_raw(),
                Pools::<T>::CONTEXT_SIZE,
                pools.sizes().context_backfill,
                frame.mdl_chain().as_ptr(),
                frame.backfill(),
                frame.length() as usize as _,
            )
        };
        let raw = NonNull::new(raw).ok_or(Error::Resources)?;
        let frame = frame.into_raw();
        let context = ListContext { frame, frames: 1, last: ptr::null_mut(), ticket };
        // SAFETY: fresh from the pool, with a context area for a `ListContext<T>`.
        Ok(unsafe { Self::new(pools, raw, context, id) })
    }

    pub(super) fn many_frames(
        pools: &'p Pools<T>,
        frame: Frame<'p>,
        ticket: T,
        id: Option<CancelId>,
    ) -> Result<Self> {
        if !frame.is_from(&pools.buffers) {
            return Err(Error::BadState);
        }
        let first = NetBuffer::allocate(&pools.net_buffers, &frame)?;
        // SAFETY:
        // - The pool's lists come without NET_BUFFERs.
        // - Both context sizes are multiples of MEMORY_ALLOCATION_ALIGNMENT: the pools' invariant, and
        //   how `CONTEXT_SIZE` is made.
        let raw = unsafe {
            sys::NdisAllocateNetBufferList(
                pools.many_frames.as_raw(),
                Pools::<T>::CONTEXT_SIZE,
                pools.sizes().context_backfill,
            )
        };
        let raw = NonNull::new(raw).ok_or(Error::Resources)?;
        let last = first.into_raw().as_ptr();
        // SAFETY: fresh from the pool.
        let place = unsafe { sys::NET_BUFFER_LIST_FIRST_NB(raw.as_ptr()) };
        // SAFETY: the list's own field.
        unsafe { place.write(last) };
        let context = ListContext { frame: frame.into_raw(), frames: 1, last, ticket };
        // SAFETY: fresh from the pool, with a context area for a `ListContext<T>`.
        Ok(unsafe { Self::new(pools, raw, context, id) })
    }

    /// Makes a fresh list this driver's own; with an `id`,
    /// [`Running::cancel_sends`](super::Running::cancel_sends) finds it.
    ///
    /// # Safety
    ///
    /// `raw` is fresh from one of `pools`, with a context area of `CONTEXT_SIZE`.
    unsafe fn new(
        pools: &'p Pools<T>,
        raw: NonNull<NET_BUFFER_LIST>,
        context: ListContext<T>,
        id: Option<CancelId>,
    ) -> Self {
        // SAFETY: the list has a context area by the caller's promise.
        let place = unsafe { context_of(raw) };
        // SAFETY: the area is large enough and aligned for a `ListContext<T>`.
        unsafe { place.write(context) };
        let list = raw.as_ptr();
        // SAFETY: the list is ours.
        unsafe { (*list).SourceHandle = pools.handle.as_raw() };
        // What the pool did with the list before does not matter: no status, and nothing out of
        // band, no offload, no tag, no other id that cancels it.
        // SAFETY: the list is ours.
        let information = unsafe { &raw mut (*list).NetBufferListInfo };
        // SAFETY: the list's own field, an array of pointers, which may all be null.
        unsafe { information.write_bytes(0, 1) };
        // SAFETY: the list is ours.
        let cancel_id = unsafe { sys::NET_BUFFER_LIST_CANCEL_ID(list) };
        // SAFETY: the list's own field.
        unsafe { cancel_id.write(id.map_or(ptr::null_mut(), CancelId::as_raw)) };
        // SAFETY: the list is ours.
        let status = unsafe { sys::NET_BUFFER_LIST_STATUS(list) };
        // SAFETY: the list's own field.
        unsafe { status.write(Status::SUCCESS.as_raw()) };
        // INVARIANT: from these pools, with its context in place.
        Self { raw, context: place, pools }
    }

    /// Adds a frame to a list of many frames.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Error::Resources`]: the list is as it was; the frame's buffers go back.
    /// - [`Error::BadState`]: this is a list of one frame, or the frame is of other buffers.
    pub fn push(&mut self, frame: Frame<'p>) -> Result {
        let end = self.context().last;
        if end.is_null() || !frame.is_from(&self.pools.buffers) {
            return Err(Error::BadState);
        }
        let added = NetBuffer::allocate(&self.pools.net_buffers, &frame)?.into_raw().as_ptr();
        // SAFETY: the last NET_BUFFER of this list.
        let next = unsafe { sys::NET_BUFFER_NEXT_NB(end) };
        // SAFETY: its own field: the end of the chain.
        unsafe { next.write(added) };
        let context = self.context_mut();
        context.last = added;
        context.frames = context.frames.wrapping_add(1);
        // SAFETY: the context's frame is from these buffers, as is the new one.
        unsafe { context.frame.keep(frame) };
        Ok(())
    }

    /// Frames in the list.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.context().frames
    }

    /// Bytes of all its frames.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        self.context().frame.length()
    }

    /// What the drivers that had the list said of it.
    pub fn status(&self) -> Status {
        // SAFETY: a list by the type's invariant.
        let place = unsafe { sys::NET_BUFFER_LIST_STATUS(self.raw.as_ptr()) };
        // SAFETY: the list's own field.
        Status::from_raw(unsafe { place.read() })
    }

    /// The ticket that the list was made with.
    #[must_use]
    pub fn ticket(&self) -> &T {
        &self.context().ticket
    }

    /// The pools that the list is from.
    pub(super) const fn pools(&self) -> &'p Pools<T> {
        self.pools
    }

    fn context(&self) -> &ListContext<T> {
        // SAFETY: initialised by the type's invariant; borrowed with `self`.
        unsafe { self.context.as_ref() }
    }

    fn context_mut(&mut self) -> &mut ListContext<T> {
        // SAFETY: initialised by the type's invariant; borrowed with `self`.
        unsafe { self.context.as_mut() }
    }

    /// Gives the list away, to be linked into a chain for NDIS.
    pub(super) const fn into_raw(self) -> NonNull<NET_BUFFER_LIST> {
        let raw = self.raw;
        mem::forget(self);
        raw
    }

    /// Takes a list back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`NetBufferList::into_raw`] of a list of `pools`, is no longer in NDIS'
    /// hands and no longer linked to another list.
    pub(super) unsafe fn from_raw(raw: NonNull<NET_BUFFER_LIST>, pools: &'p Pools<T>) -> Self {
        // SAFETY: the list has a context area by the caller's promise.
        let context = unsafe { context_of(raw) };
        // INVARIANT: the caller's promise.
        Self { raw, context, pools }
    }

    /// Frees the list with its NET_BUFFERs; what is left of it.
    pub(super) fn into_parts(self) -> (Frame<'p>, T) {
        let list = mem::ManuallyDrop::new(self);
        // SAFETY: the list is not used after this.
        unsafe { list.free() }
    }

    /// Frees the list with its NET_BUFFERs; what is left of it.
    ///
    /// # Safety
    ///
    /// The list is not used after this.
    unsafe fn free(&self) -> (Frame<'p>, T) {
        // SAFETY: initialised by the type's invariant, and not used after this.
        let ListContext { frame, last, ticket, .. } = unsafe { self.context.read() };
        if !last.is_null() {
            self.free_net_buffers();
        }
        // SAFETY: from our pool and not freed before, by the type's invariant; it has no
        // NET_BUFFER that did not come with it.
        unsafe { sys::NdisFreeNetBufferList(self.raw.as_ptr()) };
        // SAFETY: the context's frame is from these buffers, and the context is gone.
        (unsafe { Frame::from_raw(frame, &self.pools.buffers) }, ticket)
    }

    /// Frees the NET_BUFFERs that were allocated one by one.
    fn free_net_buffers(&self) {
        // SAFETY: a list by the type's invariant.
        let first = unsafe { sys::NET_BUFFER_LIST_FIRST_NB(self.raw.as_ptr()) };
        // SAFETY: the list's own field.
        while let Some(buffer) = NonNull::new(unsafe { first.read() }) {
            // SAFETY: a NET_BUFFER of this list.
            let next = unsafe { sys::NET_BUFFER_NEXT_NB(buffer.as_ptr()) };
            // SAFETY: its own field.
            let rest = unsafe { next.read() };
            // SAFETY: the list's own field: from now on the list does not have the NET_BUFFER.
            unsafe { first.write(rest) };
            // SAFETY: from `NetBuffer::into_raw`, and taken out of its list.
            drop(unsafe { NetBuffer::from_raw(buffer) });
        }
    }
}

impl<T> Drop for NetBufferList<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the end of the list.
        let (frame, ticket) = unsafe { self.free() };
        drop(frame);
        // Last: whoever waits for the ticket finds everything freed.
        drop(ticket);
    }
}

/// Where a list keeps its context.
///
/// # Safety
///
/// The list has a context area for a `ListContext<T>`.
unsafe fn context_of<T>(list: NonNull<NET_BUFFER_LIST>) -> NonNull<ListContext<T>> {
    // SAFETY: the list has a context area by the caller's promise.
    let place = unsafe { sys::NET_BUFFER_LIST_CONTEXT_DATA_START(list.as_ptr()) };
    // SAFETY: an area is nowhere at null.
    unsafe { NonNull::new_unchecked(place) }.cast()
}

//! Frame buffers: nonpaged memory and MDLs, carved once, recycled without allocation.
//!
//! ```text
//! FrameBuffers ── block ──► │ backfill │ capacity ││ backfill │ capacity ││ …
//!   slots[i] ── Mdl over the whole slice i, ── next slot of the free list, or of a frame
//!
//! Frame of one buffer:   MDL ─► │ backfill │ frame ··│            DataOffset = backfill
//! Frame of several:      MDL ─► │ backfill │ frame ··│ ─► │ frame, from the first byte on ··│
//! ```
#![expect(unsafe_code, reason = "links MDLs and copies bytes into raw memory")]

use super::{
    handle::FilterHandle,
    mdl::Mdl,
    memory::{Block, try_slice},
    status::{Error, Result},
    sync::SpinLock,
    sys::MDL,
};
use alloc::boxed::Box;
use core::{
    cell::Cell,
    mem,
    ptr::{self, NonNull},
};

/// How frame buffers are laid out, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLayout {
    /// Room in front of a frame for the drivers that add headers to it.
    pub backfill: u32,
    /// What one buffer holds behind its backfill: at least one byte.
    pub capacity: u32,
    /// Buffers: at least one.
    pub count: u32,
}

/// One buffer.
///
/// # Invariants
///
/// `data` is the start of `buffer_size` bytes of the block that nobody else touches, and `mdl`
/// describes exactly these. `next` is touched only by the slot's owner: the free list under its
/// lock, or one [`Frame`].
struct Slot {
    mdl: Mdl,
    data: NonNull<u8>,
    next: Cell<Option<NonNull<Slot>>>,
}

struct FreeList {
    head: Option<NonNull<Slot>>,
    count: u32,
}

// SAFETY: the list owns its slots, and its lock hands them from processor to processor.
unsafe impl Send for FreeList {}

/// The frame buffers of one filter module.
///
/// # Invariants
///
/// Every slot is on the free list or part of exactly one [`Frame`].
///
/// Field order is the order of frees: the MDLs in `_slots` before the memory they describe.
pub struct FrameBuffers {
    free: SpinLock<FreeList>,
    _slots: Slots,
    _block: Block,
    layout: FrameLayout,
}

/// All slots of a module. They are pointed to, so they are held by a pointer too.
///
/// # Invariants
///
/// Points to a boxed slice.
struct Slots(NonNull<[Slot]>);

impl Slots {
    fn new(slots: Box<[Slot]>) -> Self {
        // INVARIANT: a boxed slice, taken apart.
        Self(NonNull::from(Box::leak(slots)))
    }

    fn iter(&self) -> impl Iterator<Item = &Slot> {
        // SAFETY: alive by the type's invariant.
        unsafe { self.0.as_ref() }.iter()
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: a boxed slice by the type's invariant; frames are gone, for they borrow it or
        // keep the gate around it occupied.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: slots are reached through the free list's lock or through the one frame that owns them.
unsafe impl Send for FrameBuffers {}
// SAFETY: as for `Send`.
unsafe impl Sync for FrameBuffers {}

impl FrameBuffers {
    /// Carves `layout.count` buffers.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Error::Resources`].
    /// - [`Error::InvalidLength`]: no buffers, or buffers that hold nothing.
    pub(super) fn new(handle: FilterHandle, layout: FrameLayout) -> Result<Self> {
        if layout.capacity == 0 || layout.count == 0 {
            return Err(Error::InvalidLength);
        }
        let size = layout.backfill.checked_add(layout.capacity).ok_or(Error::Resources)?;
        let stride = usize::try_from(size)
            .ok()
            .and_then(|size| size.checked_next_multiple_of(super::sys::MEMORY_ALLOCATION_ALIGNMENT))
            .ok_or(Error::Resources)?;
        let count = usize::try_from(layout.count).map_err(|_| Error::Resources)?;
        let block = Block::new(stride.checked_mul(count).ok_or(Error::Resources)?)?;
        let slots = try_slice(count, |index| {
            let offset = index.checked_mul(stride).filter(|&offset| offset < block.size());
            // SAFETY: the offset lies within the block.
            let data = unsafe { block.start().add(offset.ok_or(Error::Resources)?) };
            // SAFETY: nonpaged bytes of the block, which outlives the slots by field order.
            let mdl = unsafe { Mdl::allocate(handle, data, size) }?;
            // INVARIANT: slices of `stride >= size` bytes do not overlap.
            Ok(Slot { mdl, data, next: Cell::new(None) })
        })?;
        let slots = Slots::new(slots);
        let mut head = None;
        for slot in slots.iter() {
            slot.next.set(head);
            head = Some(NonNull::from(slot));
        }
        let free = SpinLock::new(FreeList { head, count: layout.count });
        Ok(Self { free, _slots: slots, _block: block, layout })
    }

    /// How the buffers are laid out.
    #[must_use]
    pub const fn layout(&self) -> FrameLayout {
        self.layout
    }

    /// Buffers that no frame uses now.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    pub fn free(&self) -> u32 {
        self.free.with(|free| free.count)
    }

    /// Copies `bytes` into as many buffers as they need.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Error::Exhausted`]: too few buffers are free now.
    /// - [`Error::InvalidLength`]: no bytes, or more than all buffers together hold.
    pub fn copy(&self, bytes: &[u8]) -> Result<Frame<'_>> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::InvalidLength)?;
        let capacity = usize::try_from(self.layout.capacity).map_err(|_| Error::InvalidLength)?;
        let whole = usize::try_from(self.layout.backfill)
            .ok()
            .and_then(|backfill| backfill.checked_add(capacity))
            .ok_or(Error::InvalidLength)?;
        let (first, mut rest) = bytes.split_at_checked(capacity).unwrap_or((bytes, &[]));
        let more = u32::try_from(rest.len().div_ceil(whole.max(1)));
        let count = more.ok().and_then(|more| more.checked_add(1)).ok_or(Error::InvalidLength)?;
        if length == 0 || count > self.layout.count {
            return Err(Error::InvalidLength);
        }
        let frame = self.take(count, length)?;
        let mut slot = frame.first_slot();
        // SAFETY: the slot is the frame's, and its backfill and capacity lie within its buffer.
        unsafe { slot.write(self.layout.backfill, first) };
        if let Some(padding) = padding(first.len(), capacity) {
            // SAFETY: as above; the padding ends within the capacity.
            unsafe { slot.write(self.layout.backfill.saturating_add(length), padding) };
        }
        while let Some(next) = slot.next.get() {
            // SAFETY: slots live as long as their `FrameBuffers`.
            let next = unsafe { next.as_ref() };
            let (piece, left) = rest.split_at_checked(whole).unwrap_or((rest, &[]));
            rest = left;
            // SAFETY: the slot is the frame's, and a piece is at most a whole buffer.
            unsafe { next.write(0, piece) };
            // SAFETY: both slots are this frame's, which is not in flight and keeps them together.
            unsafe { slot.mdl.set_next(Some(next.mdl.as_raw())) };
            slot = next;
        }
        // SAFETY: the slot is this frame's, which is not in flight.
        unsafe { slot.mdl.set_next(None) };
        Ok(frame)
    }

    /// Moves `count` slots, at least one, from the free list to a frame of `length` bytes.
    fn take(&self, count: u32, length: u32) -> Result<Frame<'_>> {
        let (first, last) = self.free.with(|free| {
            let left = free.count.checked_sub(count).ok_or(Error::Exhausted)?;
            let first = free.head.ok_or(Error::Exhausted)?;
            let mut last = first;
            for _ in 1..count {
                // SAFETY: slots live as long as `self`, and those on the free list are its own.
                let next = unsafe { last.as_ref() }.next.get();
                last = next.ok_or(Error::Exhausted)?;
            }
            // SAFETY: as above.
            free.head = unsafe { last.as_ref() }.next.take();
            free.count = left;
            Ok((first, last))
        })?;
        // INVARIANT: the slots from `first` to `last` left the free list for this one frame.
        Ok(Frame { buffers: self, first, last, slots: count, length })
    }

    /// Takes the slots from `first` to `last` back.
    fn put_back(&self, first: NonNull<Slot>, last: NonNull<Slot>, slots: u32) {
        self.free.with(|free| {
            // SAFETY: slots live as long as `self`, and these were a frame's that ends now.
            unsafe { last.as_ref() }.next.set(free.head);
            free.head = Some(first);
            free.count = free.count.saturating_add(slots).min(self.layout.count);
        });
    }
}

/// What follows a frame that is shorter than the shortest on a wire: a driver below that pads it
/// in place must not send what an earlier frame left in the buffer.
fn padding(length: usize, capacity: usize) -> Option<&'static [u8]> {
    const SHORTEST: usize = 60;
    static ZEROS: [u8; SHORTEST] = [0; SHORTEST];
    ZEROS.get(length..SHORTEST.min(capacity)).filter(|padding| !padding.is_empty())
}

impl Slot {
    /// Copies `bytes` to `offset` in the buffer.
    ///
    /// # Safety
    ///
    /// 1. The slot is the caller's alone.
    /// 2. `offset` and the bytes behind it lie within the buffer.
    unsafe fn write(&self, offset: u32, bytes: &[u8]) {
        // SAFETY: within the buffer by the caller's promise 2.
        let start = unsafe { self.data.add(offset as usize) };
        // SAFETY:
        // - The source is a live slice.
        // - The destination is within the buffer (2), which nobody else touches (1).
        unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
}

/// A frame in buffers of its own; dropping it gives them back.
///
/// # Invariants
///
/// The slots from `first` to `last` are this frame's alone. `last.next` is empty.
pub struct Frame<'b> {
    buffers: &'b FrameBuffers,
    first: NonNull<Slot>,
    last: NonNull<Slot>,
    slots: u32,
    length: u32,
}

// SAFETY: the frame is the only owner of its slots.
unsafe impl Send for Frame<'_> {}

impl<'b> Frame<'b> {
    /// Bytes of the frame.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// Bytes in front of the frame: the DataOffset of its NET_BUFFER.
    #[must_use]
    pub const fn backfill(&self) -> u32 {
        self.buffers.layout.backfill
    }

    /// Whether the frame is in these buffers.
    pub(super) fn is_from(&self, buffers: &FrameBuffers) -> bool {
        ptr::eq(self.buffers, buffers)
    }

    pub(super) fn mdl_chain(&self) -> NonNull<MDL> {
        self.first_slot().mdl.as_raw()
    }

    fn first_slot(&self) -> &'b Slot {
        // SAFETY: slots live as long as their `FrameBuffers`, which is borrowed for `'b`.
        unsafe { self.first.as_ref() }
    }

    /// Keeps `other`'s buffers together with this frame's, to be given back with them.
    ///
    /// Their MDL chains stay apart. Both are of the same [`FrameBuffers`].
    pub(super) fn keep(&mut self, other: Self) {
        // SAFETY: `other` owns its last slot, and slots outlive frames.
        unsafe { other.last.as_ref() }.next.set(Some(self.first));
        // INVARIANT: the joined slots are this frame's alone, because `other` is forgotten.
        self.first = other.first;
        self.slots = self.slots.saturating_add(other.slots);
        self.length = self.length.saturating_add(other.length);
        mem::forget(other);
    }

    /// Takes the frame apart, for a context that remembers it while NDIS has it.
    pub(super) fn into_raw(self) -> RawFrame {
        let raw =
            RawFrame { first: self.first, last: self.last, slots: self.slots, length: self.length };
        mem::forget(self);
        raw
    }

    /// Puts a frame together again.
    ///
    /// # Safety
    ///
    /// `raw` came from [`Frame::into_raw`] of a frame of `buffers` and is put together once.
    #[expect(clippy::needless_pass_by_value, reason = "put together once")]
    pub(super) const unsafe fn from_raw(raw: RawFrame, buffers: &'b FrameBuffers) -> Self {
        // INVARIANT: what was taken apart had these slots to itself, and nobody got them since.
        Self { buffers, first: raw.first, last: raw.last, slots: raw.slots, length: raw.length }
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.buffers.put_back(self.first, self.last, self.slots);
    }
}

/// A [`Frame`] without its lifetime.
pub(super) struct RawFrame {
    first: NonNull<Slot>,
    last: NonNull<Slot>,
    slots: u32,
    length: u32,
}

impl RawFrame {
    pub(super) const fn length(&self) -> u32 {
        self.length
    }
}

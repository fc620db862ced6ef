//! Frame buffers: nonpaged memory and MDLs, carved once, recycled without allocation or lock.
//!
//! ```text
//! FrameBuffers ── block ──► │ backfill │ capacity ││ backfill │ capacity ││ …
//!   slots[i] ── Mdl over the whole slice i, ── next slot of the free list, or of a frame
//!
//! Frame of one buffer:   MDL ─► │ backfill │ frame ··│            DataOffset = backfill
//! Frame of several:      MDL ─► │ backfill │ frame ··│ ─► │ frame, from the first byte on ··│
//! ```
#![expect(unsafe_code, reason = "cuts a block into slots, and fills those of a frame")]

use super::{
    frame::Frame,
    handle::FilterHandle,
    mdl::Mdl,
    memory::{Block, try_slice},
    slots::{Slot, Slots},
    status::{Error, Result},
    sys::MEMORY_ALLOCATION_ALIGNMENT,
    territory::Territory,
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

/// The frame buffers of one filter module.
///
/// Field order is the order of frees: the MDLs in `slots` before the memory they describe.
pub struct FrameBuffers {
    pub(super) slots: Slots,
    _territory: Territory,
    _block: Block,
    layout: FrameLayout,
}

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
            .and_then(|size| size.checked_next_multiple_of(MEMORY_ALLOCATION_ALIGNMENT))
            .ok_or(Error::Resources)?;
        let count = usize::try_from(layout.count).map_err(|_| Error::Resources)?;
        let block = Block::new(stride.checked_mul(count).ok_or(Error::Resources)?)?;
        let territory = Territory::new(block.start().addr().get(), block.size());
        let territory = territory.ok_or(Error::Resources)?;
        let slots = try_slice(count, |index| {
            let offset = index.checked_mul(stride).filter(|&offset| offset < block.size());
            // SAFETY: the offset lies within the block.
            let data = unsafe { block.start().add(offset.ok_or(Error::Resources)?) };
            // SAFETY: nonpaged bytes of the block, which outlives the slots by field order.
            let mdl = unsafe { Mdl::allocate(handle, data, size) }?;
            // SAFETY: slices of `stride >= size` bytes of the block, which is initialised, do not
            // overlap; the MDL describes this one.
            Ok(unsafe { Slot::new(mdl, data, size) })
        })?;
        Ok(Self { slots: Slots::new(slots), _territory: territory, _block: block, layout })
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
    /// Any.
    pub fn free(&self) -> u32 {
        self.slots.free()
    }

    /// Copies `bytes` into as many buffers as they need.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// As [`FrameBuffers::gather`].
    pub fn copy(&self, bytes: &[u8]) -> Result<Frame<'_>> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::InvalidLength)?;
        self.gather(length, |offset, into| {
            let end = offset.checked_add(into.len());
            let piece = end.and_then(|end| bytes.get(offset..end));
            piece.is_some_and(|piece| copy_all(piece, into))
        })
    }

    /// Makes a frame of `length` bytes in as many buffers as it needs: `fill` is lent each of them
    /// with the offset of its first byte in the frame, and says whether it has filled it.
    ///
    /// # IRQL
    ///
    /// That of `fill`, and `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Error::Exhausted`]: too few buffers are free now.
    /// - [`Error::InvalidLength`]: no bytes, or more than all buffers together hold.
    /// - [`Error::Unreadable`]: `fill` has not filled a buffer.
    pub fn gather(
        &self,
        length: u32,
        mut fill: impl FnMut(usize, &mut [u8]) -> bool,
    ) -> Result<Frame<'_>> {
        let FrameLayout { backfill, capacity, count: most } = self.layout;
        let whole = backfill.checked_add(capacity).ok_or(Error::InvalidLength)?;
        let rest = length.saturating_sub(capacity);
        let count = rest.div_ceil(whole.max(1)).checked_add(1).ok_or(Error::InvalidLength)?;
        if length == 0 || count > most {
            return Err(Error::InvalidLength);
        }
        let frame = Frame::new(self, self.slots.take(count)?, length);
        let mut filled = 0_u32;
        let mut before: Option<&Slot> = None;
        for slot in frame.slots() {
            let (start, room) = if before.is_some() { (0, whole) } else { (backfill, capacity) };
            let piece = length.saturating_sub(filled).min(room);
            // SAFETY: the slot is the frame's, which is the caller's alone.
            let bytes = unsafe { slot.bytes(start, piece as usize) };
            let bytes = bytes.ok_or(Error::InvalidLength)?;
            if !fill(filled as usize, bytes) {
                return Err(Error::Unreadable);
            }
            if let Some(before) = before {
                // SAFETY: both slots are this frame's, which is not in flight and keeps them
                // together.
                unsafe { before.mdl.set_next(Some(slot.mdl.as_raw())) };
            }
            filled = filled.saturating_add(piece);
            before = Some(slot);
        }
        if let Some(last) = before {
            // SAFETY: the slot is this frame's, which is not in flight.
            unsafe { last.mdl.set_next(None) };
        }
        frame.pad();
        Ok(frame)
    }
}

/// Copies a slice of the same length; whether it was one.
pub(super) const fn copy_all(from: &[u8], into: &mut [u8]) -> bool {
    let fits = from.len() == into.len();
    if fits {
        into.copy_from_slice(from);
    }
    fits
}

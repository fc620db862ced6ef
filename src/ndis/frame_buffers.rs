//! Frame buffers: nonpaged memory and MDLs, carved once, recycled without allocation or lock.
//!
//! ```text
//! FrameBuffers ── block ──► │ backfill │ capacity ││ backfill │ capacity ││ …
//!   slots[i] ── Mdl over the whole slice i, ── next slot of the free list, or of a frame
//!
//! Frame of one buffer:   MDL ─► │ backfill │ frame ··│            DataOffset = backfill
//! Frame of several:      MDL ─► │ backfill │ frame ··│ ─► │ frame, from the first byte on ··│
//! ```
#![expect(unsafe_code, reason = "cuts a block into slots")]

use super::{
    handle::FilterHandle,
    mdl::Mdl,
    memory::{Block, try_slice},
    slots::{Slot, Slots},
    status::{Error, Result},
    stock::Stock,
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
    pub(super) const fn layout(&self) -> FrameLayout {
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

    /// Buffers for `frames` frames, which are taken all at once where one is enough for each.
    ///
    /// # IRQL
    ///
    /// Any.
    #[must_use]
    pub fn stock(&self, frames: u32) -> Stock<'_> {
        Stock::new(self, frames)
    }
}

impl FrameLayout {
    /// Whether one buffer is enough for a frame of `length` bytes.
    pub(super) const fn is_in_one(&self, length: u32) -> bool {
        0 < length && length <= self.capacity
    }

    /// How many buffers a frame of `length` bytes needs.
    pub(super) fn buffers_of(&self, length: u32) -> Result<u32> {
        if length == 0 {
            return Err(Error::InvalidLength);
        }
        if self.is_in_one(length) {
            return Ok(1);
        }
        let rest = length.saturating_sub(self.capacity);
        let whole = self.backfill.saturating_add(self.capacity).max(1);
        let count = rest.div_ceil(whole).saturating_add(1);
        if count > self.count { Err(Error::InvalidLength) } else { Ok(count) }
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

#![expect(unsafe_code, reason = "gives slots out, and puts them back")]

use super::{
    frame::Frame,
    frame_buffers::{FrameBuffers, copy_all},
    fresh_frame::FreshFrame,
    slots::{Run, Slot},
    status::{Error, Result},
};
use core::ptr::NonNull;

/// Frame buffers at hand for frames that are made one after the other; what is left goes back.
///
/// # Invariants
///
/// From `first` to `last`, where there is a `first`, slots of `buffers` are linked that are this
/// stock's alone, and nothing follows.
pub struct Stock<'b> {
    buffers: &'b FrameBuffers,
    first: Option<&'b Slot>,
    last: Option<&'b Slot>,
    /// How many more buffers are wanted.
    wanted: u32,
}

impl<'b> Stock<'b> {
    pub(super) fn new(buffers: &'b FrameBuffers, wanted: u32) -> Self {
        let mut stock = Self { buffers, first: None, last: None, wanted };
        stock.take();
        stock
    }

    /// Takes as many as are wanted, or as there are, where nothing is at hand.
    fn take(&mut self) {
        if self.first.is_none()
            && let Ok(Run { first, last, slots }) = self.buffers.slots.take(1, self.wanted.max(1))
        {
            // SAFETY: nothing is to follow.
            unsafe { last.set_next(None) };
            // INVARIANT: just taken, and nothing follows.
            (self.first, self.last) = (Some(first), Some(last));
            self.wanted = self.wanted.saturating_sub(slots);
        }
    }

    /// As [`Stock::gather`], where a buffer is at hand, and one is enough; else `None`, and none if
    /// `fill` has not filled it.
    ///
    /// # IRQL
    ///
    /// That of `fill`.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for each frame: it stays in registers")]
    pub fn gather_at_hand(
        &mut self,
        length: u32,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> Option<FreshFrame<'b>> {
        let slot = self.first.filter(|_| length > 0)?;
        // SAFETY: the slot is this stock's alone, and lends its bytes here alone.
        let bytes = unsafe { slot.bytes(self.buffers.layout().backfill, length as usize) }?;
        let bytes = NonNull::from(bytes);
        // INVARIANT: the stock goes on behind the slot, which is not its own any more.
        self.first = slot.next();
        // SAFETY:
        // 1. The slot was this stock's alone until just now.
        // 2. These are its bytes, as many, from the backfill on.
        unsafe { FreshFrame::fill(self.buffers, slot, length, bytes, fill) }.ok()
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
        &mut self,
        length: u32,
        fill: impl FnMut(usize, &mut [u8]) -> bool,
    ) -> Result<Frame<'b>> {
        let slots = &self.buffers.slots;
        let count = self.buffers.layout().buffers_of(length)?;
        let run = if count > 1 {
            // What is at hand may be what is missing.
            self.give_back();
            slots.take(count, count)?
        } else {
            self.take();
            Run::of(self.next().ok_or(Error::Exhausted)?)
        };
        // SAFETY: of these buffers; taken just now, from them or from this stock.
        unsafe { Frame::fill(self.buffers, run, length, fill) }
    }

    /// The next slot that is at hand, which is the caller's alone.
    fn next(&mut self) -> Option<&'b Slot> {
        let slot = self.first?;
        // INVARIANT: the stock goes on behind the slot, which is not its own any more.
        self.first = slot.next();
        Some(slot)
    }

    /// As [`Stock::gather_at_hand`], of `bytes`.
    ///
    /// # IRQL
    ///
    /// Any.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for each frame: it stays in registers")]
    pub fn copy_at_hand(&mut self, bytes: &[u8]) -> Option<Frame<'b>> {
        let length = u32::try_from(bytes.len()).ok()?;
        let fresh = self.gather_at_hand(length, |into| copy_all(bytes, into));
        fresh.map(FreshFrame::into_frame)
    }

    /// As [`Stock::gather`], of `bytes`.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// - [`Error::Exhausted`]: too few buffers are free now.
    /// - [`Error::InvalidLength`]: no bytes, or more than all buffers together hold.
    pub fn copy(&mut self, bytes: &[u8]) -> Result<Frame<'b>> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::InvalidLength)?;
        self.gather(length, source(bytes))
    }

    fn give_back(&mut self) {
        if let (Some(first), Some(last)) = (self.first.take(), self.last.take()) {
            let mut slots = 1_u32;
            let mut slot = first;
            while let Some(next) = slot.next() {
                slots = slots.saturating_add(1);
                slot = next;
            }
            self.wanted = self.wanted.saturating_add(slots);
            // SAFETY: of these slots, this stock's alone by its invariant, and given up.
            unsafe { self.buffers.slots.put_back(Run { first, last, slots }) };
        }
    }
}

impl Drop for Stock<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What fills buffers with `bytes`.
fn source(bytes: &[u8]) -> impl FnMut(usize, &mut [u8]) -> bool {
    |offset, into| {
        let end = offset.checked_add(into.len());
        let piece = end.and_then(|end| bytes.get(offset..end));
        piece.is_some_and(|piece| copy_all(piece, into))
    }
}

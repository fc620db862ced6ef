#![expect(unsafe_code, reason = "puts slots back")]

use super::{
    frame::Frame,
    frame_buffers::{FrameBuffers, copy_all},
    slots::Run,
    status::{Error, Result},
};

/// Frame buffers at hand for frames that are made one after the other; what is left goes back.
///
/// # Invariants
///
/// The slots of `run` are this stock's alone.
pub struct Stock<'b> {
    buffers: &'b FrameBuffers,
    run: Option<Run<'b>>,
    /// How many more buffers are wanted.
    wanted: u32,
}

impl<'b> Stock<'b> {
    pub(super) fn new(buffers: &'b FrameBuffers, wanted: u32) -> Self {
        let mut stock = Self { buffers, run: None, wanted };
        stock.take();
        stock
    }

    /// Takes as many as are wanted, or as there are, where nothing is at hand.
    fn take(&mut self) {
        if self.run.is_none() {
            self.run = self.buffers.slots.take(1, self.wanted.max(1)).ok();
            let taken = self.run.as_ref().map_or(0, |run| run.slots);
            self.wanted = self.wanted.saturating_sub(taken);
        }
    }

    /// Copies `bytes` into a buffer that is at hand; `None` if one is not enough, or not there.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for each frame: it stays in registers")]
    pub fn copy_at_hand(&mut self, bytes: &[u8]) -> Option<Frame<'b>> {
        let length = u32::try_from(bytes.len()).ok()?;
        if !self.buffers.layout().is_in_one(length) {
            return None;
        }
        let run = self.run.as_mut()?;
        let slot = match run.part() {
            Some(slot) => slot,
            None => self.run.take()?.first,
        };
        Frame::fill(self.buffers, Run::of(slot), length, source(bytes)).ok()
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
    pub fn copy(&mut self, bytes: &[u8]) -> Result<Frame<'b>> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::InvalidLength)?;
        let slots = &self.buffers.slots;
        let count = self.buffers.layout().buffers_of(length)?;
        if count > 1 {
            // What is at hand may be what is missing.
            self.give_back();
            return Frame::fill(self.buffers, slots.take(count, count)?, length, source(bytes));
        }
        self.take();
        self.copy_at_hand(bytes).ok_or(Error::Exhausted)
    }

    fn give_back(&mut self) {
        if let Some(run) = self.run.take() {
            self.wanted = self.wanted.saturating_add(run.slots);
            // SAFETY: this stock's alone, by its invariant, and given up.
            unsafe { self.buffers.slots.put_back(run) };
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

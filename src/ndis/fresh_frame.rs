#![expect(unsafe_code, reason = "fills a slot")]

use super::{
    frame::Frame,
    frame_buffers::FrameBuffers,
    slots::{Run, Slot},
    status::{Error, Result},
};

/// A frame that has just been made in one buffer, whose bytes can still be looked at.
pub struct FreshFrame<'b> {
    frame: Frame<'b>,
    bytes: &'b [u8],
}

impl<'b> FreshFrame<'b> {
    /// A frame of `length` bytes in a slot: `fill` is lent `bytes`, and says whether it has filled
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`]: `fill` has not filled them.
    ///
    /// # Safety
    ///
    /// 1. The slot is of these buffers, and the caller's alone, who gives it up.
    /// 2. `bytes` are as many of the slot, from its backfill on.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each frame: what it is given and gives stays in registers"
    )]
    pub(super) unsafe fn fill(
        buffers: &'b FrameBuffers,
        slot: &'b Slot,
        length: u32,
        bytes: &'b mut [u8],
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> Result<Self> {
        if !fill(bytes) {
            // SAFETY: the caller's promise 1.
            unsafe { buffers.slots.put_back(Run::of(slot)) };
            return Err(Error::Unreadable);
        }
        // SAFETY: the caller's promises.
        Ok(Self { frame: unsafe { Frame::filled(buffers, slot, length) }, bytes })
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The frame.
    #[must_use]
    pub fn into_frame(self) -> Frame<'b> {
        self.frame
    }
}

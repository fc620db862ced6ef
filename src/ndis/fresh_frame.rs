#![expect(unsafe_code, reason = "fills a slot, and lends its bytes")]

use super::{
    frame::Frame,
    frame_buffers::FrameBuffers,
    slots::{Run, Slot},
    status::{Error, Result},
};
use core::ptr::NonNull;

/// A frame that has just been made in one buffer, whose bytes can still be looked at.
///
/// # Invariants
///
/// `bytes` are those of `frame`, initialised, which nobody writes while it is here.
pub struct FreshFrame<'b> {
    frame: Frame<'b>,
    /// No reference: where the frame is given up, others write here at once, while this value is
    /// still on its way to its end.
    bytes: NonNull<[u8]>,
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
    /// 2. `bytes` are `length` bytes of the slot, from its backfill on, and nobody has borrowed them.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each frame: what it is given and gives stays in registers"
    )]
    pub(super) unsafe fn fill(
        buffers: &'b FrameBuffers,
        slot: &'b Slot,
        length: u32,
        mut bytes: NonNull<[u8]>,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> Result<Self> {
        // SAFETY:
        // - Initialised, as all bytes of a slot are.
        // - Nobody else's, by the caller's promises, until the slot goes back.
        if !fill(unsafe { bytes.as_mut() }) {
            // SAFETY: the caller's promise 1; what `fill` was lent has ended.
            unsafe { buffers.slots.put_back(Run::of(slot)) };
            return Err(Error::Unreadable);
        }
        // SAFETY: the caller's promise 1.
        let frame = unsafe { Frame::filled(buffers, slot, length) };
        // INVARIANT: the caller's promise 2; a frame writes its bytes no more once it is made.
        Ok(Self { frame, bytes })
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: by the type's invariant; borrowed with the frame, which stays meanwhile.
        unsafe { self.bytes.as_ref() }
    }

    /// The frame; its bytes are out of sight from now on.
    #[must_use]
    pub fn into_frame(self) -> Frame<'b> {
        self.frame
    }
}

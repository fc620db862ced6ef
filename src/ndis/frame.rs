#![expect(unsafe_code, reason = "clears bytes of its slots")]

use super::{
    frame_buffers::FrameBuffers,
    slots::{Run, Slot},
    sys::MDL,
};
use core::{
    mem,
    ptr::{self, NonNull},
};

/// A frame in buffers of its own; dropping it gives them back.
///
/// # Invariants
///
/// The slots of `run` are this frame's alone.
pub struct Frame<'b> {
    buffers: &'b FrameBuffers,
    run: Run,
    length: u32,
}

impl<'b> Frame<'b> {
    /// A frame in slots that were just taken from `buffers`.
    pub(super) const fn new(buffers: &'b FrameBuffers, run: Run, length: u32) -> Self {
        Self { buffers, run, length }
    }

    /// Bytes of the frame.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// Bytes in front of the frame: the DataOffset of its NET_BUFFER.
    #[must_use]
    pub const fn backfill(&self) -> u32 {
        self.buffers.layout().backfill
    }

    /// Whether the frame is in these buffers.
    pub(super) fn is_from(&self, buffers: &FrameBuffers) -> bool {
        ptr::eq(self.buffers, buffers)
    }

    /// Its slots in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = &'b Slot> + use<'b> {
        let slots = &self.buffers.slots;
        core::iter::successors(slots.get(self.run.first), |slot| slots.get(slot.next()))
    }

    /// The MDLs of its slots; `None` never, for a frame has at least one.
    pub(super) fn mdl_chain(&self) -> Option<NonNull<MDL>> {
        self.slots().next().map(|slot| slot.mdl.as_raw())
    }

    /// Clears what follows a frame that is shorter than the shortest on a wire: a driver below
    /// that pads it in place must not send what an earlier frame left in the buffer.
    pub(super) fn pad(&self) {
        const SHORTEST: u32 = 60;
        let end = SHORTEST.min(self.buffers.layout().capacity);
        let padding = end.saturating_sub(self.length);
        let Some(slot) = self.slots().next().filter(|_| padding > 0) else { return };
        let start = self.backfill().saturating_add(self.length);
        // SAFETY: the slot is this frame's.
        if let Some(bytes) = unsafe { slot.bytes(start, padding as usize) } {
            bytes.fill(0);
        }
    }

    /// Keeps `other`'s buffers together with this frame's, to be given back with them.
    ///
    /// Their MDL chains stay apart. Both are of the same [`FrameBuffers`].
    pub(super) fn keep(&mut self, other: Self) {
        if let Some(last) = self.buffers.slots.get(other.run.last) {
            last.set_next(self.run.first);
        }
        // INVARIANT: the joined slots are this frame's alone, because `other` is forgotten.
        self.run.first = other.run.first;
        self.run.slots = self.run.slots.saturating_add(other.run.slots);
        self.length = self.length.saturating_add(other.length);
        mem::forget(other);
    }

    /// Takes the frame apart, for a context that remembers it while NDIS has it.
    pub(super) fn into_raw(self) -> RawFrame {
        let raw = RawFrame { run: self.run, length: self.length };
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
        Self { buffers, run: raw.run, length: raw.length }
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.buffers.slots.put_back(self.run);
    }
}

/// A [`Frame`] without its lifetime.
pub(super) struct RawFrame {
    run: Run,
    length: u32,
}

impl RawFrame {
    pub(super) const fn length(&self) -> u32 {
        self.length
    }
}

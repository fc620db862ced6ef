#![expect(unsafe_code, reason = "fills slots of its own, and links their MDLs")]

use super::{
    frame_buffers::{FrameBuffers, FrameLayout},
    slots::{Run, Slot},
    status::{Error, Result},
    sys::MDL,
};
use core::{
    mem,
    ptr::{self, NonNull},
};

/// The shortest frame on a wire, in bytes, without frame check sequence.
const SHORTEST: u32 = 60;

/// A frame in buffers of its own; dropping it gives them back.
///
/// # Invariants
///
/// The slots of `run` are of `buffers`, and this frame's alone.
pub struct Frame<'b> {
    buffers: &'b FrameBuffers,
    run: Run<'b>,
    length: u32,
}

impl<'b> Frame<'b> {
    /// A frame of `length` bytes in as many slots as it needs: `fill` is lent each of them with the
    /// offset of its first byte in the frame, and says whether it has filled it.
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidLength`]: the slots are too few.
    /// - [`Error::Unreadable`]: `fill` has not filled a slot.
    ///
    /// # Safety
    ///
    /// The slots are of these buffers, and the caller's alone, who gives them up.
    pub(super) unsafe fn fill(
        buffers: &'b FrameBuffers,
        run: Run<'b>,
        length: u32,
        mut fill: impl FnMut(usize, &mut [u8]) -> bool,
    ) -> Result<Self> {
        // INVARIANT: the caller's promise.
        let frame = Self { buffers, run, length };
        let FrameLayout { backfill, capacity, .. } = buffers.layout();
        let (mut slot, mut start, mut piece) = (run.first, backfill, capacity.min(length));
        let mut filled = 0_u32;
        loop {
            // SAFETY: the slot is the frame's.
            unsafe { fill_slot(slot, start, filled, piece, &mut fill) }?;
            filled = filled.saturating_add(piece);
            if filled >= length {
                break;
            }
            let is_last = ptr::eq(slot, run.last);
            let next = slot.next().filter(|_| !is_last).ok_or(Error::InvalidLength)?;
            // SAFETY:
            // 1. The slot is this frame's, which is not in flight.
            // 2. So is the next one: they go back together.
            unsafe { slot.mdl.set_next(Some(next.mdl.as_raw())) };
            (slot, start) = (next, 0);
            piece = length.saturating_sub(filled).min(backfill.saturating_add(capacity));
        }
        // SAFETY: the slot is this frame's, which is not in flight; nothing is to follow.
        unsafe { slot.mdl.set_next(None) };
        frame.pad();
        Ok(frame)
    }

    /// A frame in one slot, filled with its `length` bytes from the backfill on.
    ///
    /// # Safety
    ///
    /// The slot is of these buffers, and the caller's alone, who gives it up.
    #[inline]
    pub(super) unsafe fn filled(buffers: &'b FrameBuffers, slot: &'b Slot, length: u32) -> Self {
        // INVARIANT: the caller's promise.
        let frame = Self { buffers, run: Run::of(slot), length };
        // SAFETY: the slot is the frame's, which is not in flight; nothing is to follow.
        unsafe { slot.mdl.set_next(None) };
        frame.pad();
        frame
    }

    /// Clears what follows a frame that is shorter than the shortest on a wire: a driver below that
    /// pads it in place must not send what an earlier frame left in the buffer.
    #[inline]
    fn pad(&self) {
        if self.length < SHORTEST {
            self.pad_short();
        }
    }

    #[cold]
    fn pad_short(&self) {
        let FrameLayout { backfill, capacity, .. } = self.buffers.layout();
        let padding = SHORTEST.min(capacity).saturating_sub(self.length);
        let start = backfill.saturating_add(self.length);
        // SAFETY: the slot is this frame's, which is not in flight, and lends its bytes here alone.
        if let Some(bytes) = unsafe { self.run.first.bytes(start, padding as usize) } {
            bytes.fill(0);
        }
    }

    /// Bytes of the frame.
    pub(super) const fn length(&self) -> u32 {
        self.length
    }

    /// Bytes in front of the frame: the DataOffset of its NET_BUFFER.
    pub(super) const fn backfill(&self) -> u32 {
        self.buffers.layout().backfill
    }

    /// Whether the frame is in these buffers.
    pub(super) fn is_from(&self, buffers: &FrameBuffers) -> bool {
        ptr::eq(self.buffers, buffers)
    }

    /// The MDLs of its slots.
    pub(super) const fn mdl_chain(&self) -> NonNull<MDL> {
        self.run.first.mdl.as_raw()
    }

    /// Takes the frame apart, for a context that remembers it while NDIS has it.
    pub(super) fn into_raw(self) -> RawFrame {
        let Run { first, last, slots } = self.run;
        let raw = RawFrame {
            first: NonNull::from(first),
            last: NonNull::from(last),
            slots,
            length: self.length,
        };
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
        // SAFETY: a slot of the buffers by the caller's promise, which live for `'b`.
        let first: &'b Slot = unsafe { raw.first.as_ref() };
        // SAFETY: as above.
        let last: &'b Slot = unsafe { raw.last.as_ref() };
        // INVARIANT: what was taken apart had these slots to itself, and was put together by nobody
        // else since.
        Self { buffers, run: Run { first, last, slots: raw.slots }, length: raw.length }
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        // SAFETY: of these slots and the frame's alone, by its invariant, until here, its end.
        unsafe { self.buffers.slots.put_back(self.run) };
    }
}

/// Has a slot filled from `start` on with the `piece` bytes of a frame that begin at `offset`.
///
/// # Safety
///
/// The slot is the caller's alone.
unsafe fn fill_slot(
    slot: &Slot,
    start: u32,
    offset: u32,
    piece: u32,
    fill: &mut impl FnMut(usize, &mut [u8]) -> bool,
) -> Result {
    // SAFETY: the caller's promise; its bytes are lent here alone.
    let bytes = unsafe { slot.bytes(start, piece as usize) }.ok_or(Error::InvalidLength)?;
    if fill(offset as usize, bytes) { Ok(()) } else { Err(Error::Unreadable) }
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

    /// Keeps the buffers of `frame` together with these, to be given back with them.
    ///
    /// Their MDL chains stay apart.
    ///
    /// # Safety
    ///
    /// These came from frames of `frame`'s buffers.
    pub(super) unsafe fn keep(&mut self, frame: Frame<'_>) {
        // SAFETY: a slot of the same buffers by the caller's promise.
        let first = unsafe { self.first.as_ref() };
        // SAFETY: both are of the same slots, and there is one owner of both.
        unsafe { frame.run.last.set_next(Some(first)) };
        self.first = NonNull::from(frame.run.first);
        self.slots = self.slots.wrapping_add(frame.run.slots);
        self.length = self.length.wrapping_add(frame.length);
        mem::forget(frame);
    }
}

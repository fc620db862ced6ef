#![expect(unsafe_code, reason = "takes a list and its buffers apart")]

use super::{frame::RawFrame, nbl::NetBufferList};
use core::{mem::ManuallyDrop, ops::Deref};

/// A list that has come home; dropping it frees it, and its ticket after it.
///
/// # Invariants
///
/// - `list` is there until the value ends.
/// - `buffers` are of frames of the same pools, whose lists are freed.
pub struct Arrival<'h, T> {
    list: ManuallyDrop<NetBufferList<'h, T>>,
    buffers: &'h mut Option<RawFrame>,
}

impl<'h, T> Arrival<'h, T> {
    /// # Safety
    ///
    /// `buffers` are of frames of the list's pools, whose lists are freed.
    pub(super) const unsafe fn new(
        list: NetBufferList<'h, T>,
        buffers: &'h mut Option<RawFrame>,
    ) -> Self {
        // INVARIANT: the caller's promise.
        Self { list: ManuallyDrop::new(list), buffers }
    }

    /// Frees the list; its ticket.
    ///
    /// Its buffers go back with those of the others: see
    /// [`Homecoming::settle`](super::Homecoming::settle).
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[must_use]
    pub fn into_ticket(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the value is forgotten.
        unsafe { this.free() }
    }

    /// # Safety
    ///
    /// The value is at its end.
    unsafe fn free(&mut self) -> T {
        // SAFETY: there by the type's invariant, and not used after this.
        let list = unsafe { ManuallyDrop::take(&mut self.list) };
        let (frame, ticket) = list.into_parts();
        match self.buffers {
            // SAFETY: of the same pools, by the type's invariant.
            Some(buffers) => unsafe { buffers.keep(frame) },
            None => *self.buffers = Some(frame.into_raw()),
        }
        ticket
    }
}

impl<'h, T> Deref for Arrival<'h, T> {
    type Target = NetBufferList<'h, T>;

    fn deref(&self) -> &NetBufferList<'h, T> {
        &self.list
    }
}

impl<T> Drop for Arrival<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the end of the value.
        drop(unsafe { self.free() });
    }
}

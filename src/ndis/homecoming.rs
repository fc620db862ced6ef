//! Lists of our own on their way home.
#![expect(unsafe_code, reason = "takes lists off a chain")]

use super::{
    arrival::Arrival,
    chain::{link_first, unlink_first},
    frame::{Frame, RawFrame},
    gate::Loan,
    nbl::NetBufferList,
    origin::{Origin, PauseCompletion},
    pool::Pools,
    sys::NET_BUFFER_LIST,
};
use core::ptr::NonNull;

/// Lists of our own that come home: sent and completed, or indicated and returned.
///
/// Until it is dropped they keep the module from pausing, so that everything they wake finds the
/// module alive. Lists that nobody took are freed with it. Their buffers go back all at once, when
/// there is no list left, or [`Homecoming::settle`] is called.
///
/// # Invariants
///
/// - `pools` are those behind the loan's gate, which stay while there is the loan.
/// - `head` starts a chain of lists of these pools, which NDIS gave back.
/// - `buffers` are of frames of these pools, whose lists are freed.
pub struct Homecoming<'g, T> {
    head: *mut NET_BUFFER_LIST,
    buffers: Option<RawFrame>,
    pools: NonNull<Pools<T>>,
    _loan: Loan<'g, Pools<T>, PauseCompletion>,
}

impl<'g, T> Homecoming<'g, T> {
    /// # Safety
    ///
    /// `head` starts a chain of `count` lists of `origin`'s pools, which NDIS gave back, and which
    /// were lent when they left.
    pub(super) unsafe fn new(
        head: *mut NET_BUFFER_LIST,
        origin: &'g Origin<T>,
        count: usize,
    ) -> Option<Self> {
        // SAFETY: as many were lent, by the caller's promise, and each comes back once.
        let loan = unsafe { origin.gate().homecoming(count) };
        let pools = NonNull::from(loan.value()?);
        // INVARIANT: the caller's promise; the loan keeps the pools, and no list is freed yet.
        Some(Self { head, buffers: None, pools, _loan: loan })
    }

    /// The next list.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[expect(clippy::should_implement_trait, reason = "each list borrows the homecoming")]
    pub fn next(&mut self) -> Option<Arrival<'_, T>> {
        if self.head.is_null() {
            self.settle();
        }
        self.next_if(|_| true)
    }

    /// The next list, if it is `wanted`.
    ///
    /// # IRQL
    ///
    /// That of `wanted`.
    pub fn next_if(
        &mut self,
        wanted: impl FnOnce(&NetBufferList<'_, T>) -> bool,
    ) -> Option<Arrival<'_, T>> {
        // SAFETY: by the type's invariant a chain of lists that came home.
        let list = unsafe { unlink_first(&mut self.head) }?;
        // SAFETY: there by the type's invariant; borrowed with `self`.
        let pools = unsafe { self.pools.as_ref() };
        // SAFETY: by the type's invariant from these pools, home, and just unlinked.
        let list = unsafe { NetBufferList::from_raw(list, pools) };
        if !wanted(&list) {
            // SAFETY: what was just unlinked, in front of what followed it.
            unsafe { link_first(list.into_raw(), &mut self.head) };
            return None;
        }
        // SAFETY: the buffers are of frames of these pools, whose lists are freed, by the invariant.
        Some(unsafe { Arrival::new(list, &mut self.buffers) })
    }

    /// Gives the buffers of the lists back that have been freed.
    ///
    /// # IRQL
    ///
    /// Any.
    pub fn settle(&mut self) {
        let Some(frame) = self.buffers.take() else { return };
        // SAFETY: there by the type's invariant.
        let pools = unsafe { self.pools.as_ref() };
        // SAFETY: by the type's invariant of these pools, and taken out.
        drop(unsafe { Frame::from_raw(frame, &pools.buffers) });
    }
}

impl<T> Drop for Homecoming<'_, T> {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

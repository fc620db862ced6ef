//! Originating lists: who may, and how what is under way keeps the module from pausing.
#![expect(unsafe_code, reason = "hands chains to NDIS")]

use super::{
    chain::NetBufferListQueue,
    gate::{Closing, Drained, Gate, Pass},
    handle::FilterHandle,
    pool::Pools,
    status::{Progress, Result},
    sys::{self, PVOID, ULONG},
};

/// Tells NDIS that a pause that was answered with [`Progress::Pending`] is complete.
///
/// Follows NdisFPauseComplete.
pub struct PauseCompletion {
    handle: FilterHandle,
}

impl PauseCompletion {
    pub(super) const fn new(handle: FilterHandle) -> Self {
        Self { handle }
    }
}

impl Drained for PauseCompletion {
    fn drained(self) {
        // SAFETY: the module answered its pause with PENDING, and this token exists once.
        unsafe { sys::NdisFPauseComplete(self.handle.as_raw()) };
    }
}

/// What a filter module originates lists with: its pools, behind a gate that is open while the
/// module is running.
pub struct Origin<T> {
    handle: FilterHandle,
    gate: Gate<Pools<T>, PauseCompletion>,
}

impl<T: Send + 'static> Origin<T> {
    /// An origin that is closed and has no pools.
    #[must_use]
    pub const fn new(handle: FilterHandle) -> Self {
        Self { handle, gate: Gate::closed() }
    }

    /// The right to pass data and to originate it, if the module is running.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    pub fn enter(&self) -> Option<Running<'_, T>> {
        self.gate.enter().map(|pass| Running { handle: self.handle, pass })
    }

    /// Whether something is under way: a call, or a list that has not come home.
    pub fn is_occupied(&self) -> bool {
        self.gate.is_occupied()
    }

    /// Lets the module run, on the pools that `replace` leaves.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What `replace` says, or [`Error::BadState`](super::Error::BadState): the module is running
    /// or has lists under way.
    pub fn open(&self, replace: impl FnOnce(&mut Option<Pools<T>>) -> Result) -> Result {
        self.gate.open(replace)
    }

    /// Stops the module: nothing new passes, and nothing new is originated.
    ///
    /// `None` where it is not running.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[must_use]
    pub fn close(&self) -> Option<Stopping<'_, T>> {
        self.gate.close().map(|closing| Stopping { closing })
    }

    /// Frees the pools of a module that is not running and has no list under way.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::BadState`](super::Error::BadState): the module is running or has lists under way.
    pub fn free_pools(&self) -> Result {
        self.gate.take().map(drop)
    }
}

impl<T> Origin<T> {
    /// The handle of the module that the origin belongs to.
    pub const fn handle(&self) -> FilterHandle {
        self.handle
    }

    pub(super) const fn gate(&self) -> &Gate<Pools<T>, PauseCompletion> {
        &self.gate
    }
}

/// An origin that was closed and waits for what is under way.
#[must_use = "a pause is complete only when it is drained"]
pub struct Stopping<'o, T> {
    closing: Closing<'o, Pools<T>, PauseCompletion>,
}

impl<T> Stopping<'_, T> {
    /// Ends the pause at once if nothing is under way; else the last list home completes it.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    pub fn drain(self, completion: PauseCompletion) -> Progress {
        self.closing.drain(completion)
    }
}

/// The right to pass data and to originate it; while it lives, the module does not pause.
#[must_use = "the module may pause as soon as this is dropped"]
pub struct Running<'o, T> {
    handle: FilterHandle,
    pass: Pass<'o, Pools<T>, PauseCompletion>,
}

impl<T> Running<'_, T> {
    pub(super) const fn handle(&self) -> FilterHandle {
        self.handle
    }

    /// The pools.
    #[must_use]
    pub fn pools(&self) -> Option<&Pools<T>> {
        self.pass.value()
    }

    /// Sends lists of our own down, as one chain.
    ///
    /// They come home through [`Module::came_home`](super::Module::came_home), maybe before this
    /// returns.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// Follows NdisFSendNetBufferLists.
    pub fn send(&self, lists: NetBufferListQueue<'_, T>) {
        let Some(chain) = self.lend(lists) else { return };
        // The flags claim nothing: the caller's IRQL is not known here.
        // SAFETY:
        // - The module is running, and stays so while `self` lives.
        // - The chain is of our own lists, each with our source handle, and is given away.
        unsafe { sys::NdisFSendNetBufferLists(self.handle.as_raw(), chain.0, 0, 0) };
    }

    /// Indicates lists of our own up, as one chain, each of one frame.
    ///
    /// They come home through [`Module::came_home`](super::Module::came_home), maybe before this
    /// returns.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// Follows NdisFIndicateReceiveNetBufferLists.
    pub fn indicate(&self, lists: NetBufferListQueue<'_, T>) {
        let Some((chain, count)) = self.lend(lists) else { return };
        // SAFETY:
        // - The module is running, and stays so while `self` lives.
        // - The chain is of `count` lists of our own, each with our source handle, and is given
        //   away: the flags say that NDIS may keep it.
        unsafe {
            sys::NdisFIndicateReceiveNetBufferLists(self.handle.as_raw(), chain, 0, count, 0);
        };
    }

    /// Asks the drivers below to give back what was sent under `id`.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// Follows NdisFCancelSendNetBufferLists.
    pub fn cancel_sends(&self, id: CancelId) {
        // SAFETY: the module is running, and stays so while `self` lives.
        unsafe { sys::NdisFCancelSendNetBufferLists(self.handle.as_raw(), id.as_raw()) };
    }

    /// Counts the lists as under way, and gives their chain and count.
    ///
    /// Lists of another module's pools stay here, and are freed.
    fn lend(&self, lists: NetBufferListQueue<'_, T>) -> Option<(*mut sys::NET_BUFFER_LIST, ULONG)> {
        let count = lists.len();
        if lists.is_empty() || !core::ptr::eq(lists.pools(), self.pools()?) {
            return None;
        }
        self.pass.lend(count as usize);
        Some((lists.into_raw(), count))
    }
}

/// Marks sends so that they can be cancelled together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelId(usize);

impl CancelId {
    /// The `number`th id of this driver.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// Follows NdisGeneratePartialCancelId, which keeps drivers' ids apart by their highest byte.
    pub fn new(partial: PartialCancelId, number: usize) -> Self {
        let shift = usize::BITS.wrapping_sub(8);
        let own = number & (usize::MAX >> 8);
        Self(usize::from(partial.0) << shift | own)
    }

    pub(super) const fn as_raw(self) -> PVOID {
        core::ptr::without_provenance_mut(self.0)
    }
}

/// The highest byte of this driver's cancel ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialCancelId(u8);

impl PartialCancelId {
    /// Asks NDIS for a byte.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[must_use]
    pub fn generate() -> Self {
        // SAFETY: the function has no preconditions.
        Self(unsafe { sys::NdisGeneratePartialCancelId() })
    }
}

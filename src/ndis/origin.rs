//! Originating lists: who may, and how what is under way keeps the module from pausing.
#![expect(unsafe_code, reason = "hands chains to NDIS")]

use super::{
    calls::{Call, Calls},
    cancel_id::CancelId,
    chain::NetBufferListQueue,
    gate::{Closing, Drained, Gate, Pass},
    handle::FilterHandle,
    later::Later,
    pool::{PoolSizes, Pools},
    status::Result,
    sys::{self, ULONG},
};
use core::{
    marker::PhantomData,
    sync::atomic::{AtomicU32, Ordering},
};

/// Tells NDIS that a pause that was answered with PENDING is complete.
///
/// Follows NdisFPauseComplete.
pub(super) struct PauseCompletion {
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
///
/// NDIS' callbacks make it, open it, close it and free it; a module only enters.
pub struct Origin<T> {
    handle: FilterHandle,
    gate: Gate<Pools<T>, PauseCompletion>,
    rebuilds: AtomicU32,
    calls: Calls,
    later: Later,
}

impl<T: Send + 'static> Origin<T> {
    /// An origin that is closed and has no pools; `later` is for [`Running::go_on_later`].
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub(super) fn try_new(handle: FilterHandle, later: Later) -> Result<Self> {
        let rebuilds = AtomicU32::new(0);
        Ok(Self { handle, gate: Gate::closed(), rebuilds, calls: Calls::try_new()?, later })
    }

    /// The right to originate data, if the module is running.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    pub fn enter(&self) -> Option<Running<'_, T>> {
        // First: who gets nothing is not to keep a pause waiting.
        if !self.gate.is_open() {
            return None;
        }
        let call = self.calls.begin();
        self.gate.enter().map(|pass| Running { origin: self, _call: call, pass })
    }

    /// Whether something is under way: a call, or a list that has not come home.
    pub fn is_occupied(&self) -> bool {
        self.gate.is_occupied()
    }

    /// How often the pools were made anew.
    pub fn rebuilds(&self) -> u32 {
        self.rebuilds.load(Ordering::Relaxed)
    }

    /// Lets the module run, on pools of these sizes: the old ones, if they are.
    ///
    /// # Errors
    ///
    /// - [`Error::Resources`](super::Error::Resources).
    /// - [`Error::BadState`](super::Error::BadState): the module is running or has lists under way.
    pub(super) fn open(&self, sizes: PoolSizes) -> Result {
        self.gate.open(|pools| {
            if pools.as_ref().is_some_and(|pools| pools.sizes() == sizes) {
                return Ok(());
            }
            // The old pools first: both at once may be more than there is.
            let anew = pools.take().is_some();
            *pools = Some(Pools::new(self.handle, sizes)?);
            self.rebuilds.fetch_add(anew.into(), Ordering::Relaxed);
            Ok(())
        })
    }

    /// Stops the module: when this returns, nothing new passes, and nothing is originated any more.
    ///
    /// `None` where it is not running.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`: it waits for calls that found the module running.
    pub(super) fn close(&self) -> Option<Closing<'_, Pools<T>, PauseCompletion>> {
        let closing = self.gate.close();
        self.calls.wait_for_all();
        closing
    }

    /// Frees all that was made with the handle of a module that is not running and has no list
    /// under way.
    pub(super) fn free(&self) {
        self.later.free();
        // NDIS detaches only what is paused, so nothing is under way and this cannot fail.
        let _pools = self.gate.take();
    }
}

impl<T> Origin<T> {
    pub(super) const fn handle(&self) -> FilterHandle {
        self.handle
    }

    /// The right to pass data on, if the module is running: one load.
    pub(super) fn passing(&self) -> Option<Passing<'_>> {
        self.gate.is_open().then_some(Passing { handle: self.handle, _call: PhantomData })
    }

    pub(super) const fn gate(&self) -> &Gate<Pools<T>, PauseCompletion> {
        &self.gate
    }

    pub(super) const fn later(&self) -> &Later {
        &self.later
    }
}

/// The right to pass other drivers' data on: the module was running when NDIS brought them.
///
/// A pause does not wait for it: what is passed on is not this module's, and whoever answers for
/// it has paused before, or waits for it itself.
#[derive(Clone, Copy)]
pub struct Passing<'m> {
    handle: FilterHandle,
    /// Stays on its processor: it is meant for the length of a call.
    _call: PhantomData<(&'m (), *mut ())>,
}

impl Passing<'_> {
    pub(super) const fn handle(self) -> FilterHandle {
        self.handle
    }
}

/// The right to originate data; while it lives, the module does not pause.
#[must_use = "the module may pause as soon as this is dropped"]
pub struct Running<'o, T> {
    origin: &'o Origin<T>,
    /// Ends before the pass: while there is a pass, the origin is there.
    _call: Call<'o>,
    pass: Pass<'o, Pools<T>, PauseCompletion>,
}

impl<T> Running<'_, T> {
    pub(super) const fn handle(&self) -> FilterHandle {
        self.origin.handle
    }

    /// Has [`Module::go_on`](super::Module::go_on) called, on a system thread, at
    /// `PASSIVE_LEVEL`; once, however often it is asked before.
    ///
    /// The module does not pause before that.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    ///
    /// Follows NdisQueueIoWorkItem.
    pub fn go_on_later(&self) {
        if self.origin.later.ask() {
            // What is queued is a user of the gate, and leaves when it has run.
            self.pass.lend(1);
            self.origin.later.queue();
        }
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
        unsafe { sys::NdisFSendNetBufferLists(self.handle().as_raw(), chain.0, 0, 0) };
    }

    /// Indicates lists of our own up, as one chain.
    ///
    /// Each must be of one frame, as Ethernet's receives are; else all are freed instead.
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
        if !lists.are_single() {
            return;
        }
        let Some((chain, count)) = self.lend(lists) else { return };
        // SAFETY:
        // - The module is running, and stays so while `self` lives.
        // - The chain is of `count` lists of our own, each with our source handle, and is given
        //   away: the flags say that NDIS may keep it.
        unsafe {
            sys::NdisFIndicateReceiveNetBufferLists(self.handle().as_raw(), chain, 0, count, 0);
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
        unsafe { sys::NdisFCancelSendNetBufferLists(self.handle().as_raw(), id.as_raw()) };
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

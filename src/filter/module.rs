//! What the driver keeps and does for one adapter.

use super::{
    adapter::Adapter,
    adapters::Adapters,
    counters::Counters,
    plan::Plan,
    state::{Event, State},
};
use crate::{
    ndis::{
        BorrowedIndication, Error, Homecoming, Module, Origin, PauseCompletion, Progress,
        ReceiveIndication, RestartAttributes, Result, SendRequest, Shared, SpinLock,
    },
    services::inject::{self, Ticket},
};
use core::sync::atomic::{AtomicU32, Ordering};

/// What Framecast keeps for one adapter.
pub struct FilterModule {
    /// Which adapter it is.
    pub adapter: Adapter,
    /// What happened on it.
    pub counters: Counters,
    /// Injections that wait for frame buffers.
    pub injections: inject::Queue,
    /// What lists are originated with.
    pub origin: Origin<Ticket>,
    pub(super) adapters: Shared<Adapters>,
    pub(super) plan: SpinLock<Option<Plan>>,
    rebuilds: AtomicU32,
    state: SpinLock<State>,
}

impl FilterModule {
    /// A module that is attaching to `adapter`.
    #[must_use]
    pub const fn new(adapter: Adapter, origin: Origin<Ticket>, adapters: Shared<Adapters>) -> Self {
        Self {
            adapter,
            counters: Counters::new(),
            injections: inject::Queue::new(),
            origin,
            adapters,
            plan: SpinLock::new(None),
            rebuilds: AtomicU32::new(0),
            state: SpinLock::new(State::Attaching),
        }
    }

    /// The state now.
    pub fn state(&self) -> State {
        let state = *self.state.lock();
        // The last list home completes a pause; nobody has told the state of it.
        if state == State::Pausing && !self.origin.is_occupied() {
            return State::Paused;
        }
        state
    }

    /// Changes the state.
    ///
    /// # Errors
    ///
    /// [`Error::BadState`]: the event is not possible now; the state stays.
    pub(super) fn on(&self, event: Event) -> Result {
        let occupied = self.origin.is_occupied();
        let mut state = self.state.lock();
        if *state == State::Pausing && !occupied {
            *state = State::Paused;
        }
        *state = state.on(event).ok_or(Error::BadState)?;
        Ok(())
    }

    /// The plan that the pools follow.
    pub fn plan(&self) -> Option<Plan> {
        *self.plan.lock()
    }

    /// How often the pools were made anew.
    pub fn rebuilds(&self) -> u32 {
        self.rebuilds.load(Ordering::Relaxed)
    }

    pub(super) fn count_rebuild(&self) {
        self.rebuilds.fetch_add(1, Ordering::Relaxed);
    }
}

impl Module for FilterModule {
    type Ticket = Ticket;

    fn origin(&self) -> &Origin<Ticket> {
        &self.origin
    }

    fn restart(&self, attributes: &RestartAttributes<'_>) -> Result {
        self.restarted(attributes)
    }

    fn pause(&self, completion: PauseCompletion) -> Progress {
        self.paused(completion)
    }

    fn detach(module: Shared<Self>) {
        module.detached();
    }

    fn send(&self, request: SendRequest<'_>) {
        self.pass_down(request);
    }

    fn receive(&self, indication: ReceiveIndication<'_>) {
        self.pass_up(indication);
    }

    fn receive_borrowed(&self, indication: &BorrowedIndication<'_>) {
        self.pass_up_borrowed(indication);
    }

    fn came_home(&self, lists: &mut Homecoming<'_, Ticket>) {
        while let Some(list) = lists.next() {
            Ticket::came_home(&list, &self.counters);
        }
        // Their buffers are free again.
        self.injections.serve(self);
    }
}

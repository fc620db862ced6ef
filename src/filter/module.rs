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
        BorrowedIndication, Error, Homecoming, Module, Origin, Passing, PoolSizes,
        ReceiveIndication, RestartAttributes, Result, SendRequest, Shared, SpinLock,
    },
    services::inject::{self, Ticket},
};

/// What Framecast keeps for one adapter.
pub struct FilterModule {
    /// Which adapter it is.
    pub adapter: Adapter,
    /// What happened on it.
    pub counters: Counters,
    /// Injections that wait for frame buffers.
    pub injections: inject::Queue,
    /// What lists are originated with.
    pub origin: Shared<Origin<Ticket>>,
    pub(super) adapters: Shared<Adapters>,
    pub(super) plan: SpinLock<Option<Plan>>,
    state: SpinLock<State>,
}

impl FilterModule {
    /// A module that is attaching to `adapter`.
    #[must_use]
    pub const fn new(
        adapter: Adapter,
        origin: Shared<Origin<Ticket>>,
        adapters: Shared<Adapters>,
    ) -> Self {
        Self {
            adapter,
            counters: Counters::new(),
            injections: inject::Queue::new(),
            origin,
            adapters,
            plan: SpinLock::new(None),
            state: SpinLock::new(State::Attaching),
        }
    }

    /// The state now.
    pub fn state(&self) -> State {
        let state = self.state.with(|state| *state);
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
        self.state.with(|state| {
            if *state == State::Pausing && !occupied {
                *state = State::Paused;
            }
            *state = state.on(event).ok_or(Error::BadState)?;
            Ok(())
        })
    }

    /// The plan that the pools follow.
    pub fn plan(&self) -> Option<Plan> {
        self.plan.with(|plan| *plan)
    }
}

impl Module for FilterModule {
    type Ticket = Ticket;

    fn restart(&self, attributes: &RestartAttributes<'_>) -> Result<PoolSizes> {
        self.on(Event::Restart)?;
        Ok(self.replan(attributes))
    }

    fn restarted(&self, result: Result) {
        let event = if result.is_ok() { Event::Restarted } else { Event::RestartFailed };
        // NDIS restarts what is paused; if it did not, the state stays what it was.
        let _impossible = self.on(event);
    }

    fn pausing(&self) {
        let _impossible = self.on(Event::Pause);
        self.injections.serve(self);
    }

    fn detached(&self) {
        self.adapters.remove(self);
    }

    fn go_on(&self) {
        self.injections.serve(self);
    }

    fn send(&self, request: SendRequest<'_>, passing: Option<&Passing<'_>>) {
        self.pass_down(request, passing);
    }

    fn receive(&self, indication: ReceiveIndication<'_>, passing: Option<&Passing<'_>>) {
        self.pass_up(indication, passing);
    }

    fn receive_borrowed(&self, indication: &BorrowedIndication<'_>, passing: Option<&Passing<'_>>) {
        self.pass_up_borrowed(indication, passing);
    }

    fn came_home(&self, lists: &mut Homecoming<'_, Ticket>) {
        while let Some(list) = lists.next() {
            Ticket::came_home(&list, &self.counters);
        }
        // Their buffers are free again.
        self.injections.serve(self);
    }
}

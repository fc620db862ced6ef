//! What the driver keeps and does for one adapter.

use super::{
    Framecast,
    adapter::Adapter,
    adapters::Adapters,
    copies::Copies,
    copying::Copying,
    counters::Counters,
    plan::Plan,
    state::{Event, State},
    traffic::Traffic,
};
use crate::{
    ndis::{
        BorrowedIndication, Error, Homecoming, Module, NetBufferListQueue, Origin, Passing,
        PoolSizes, Published, ReceiveIndication, RestartAttributes, Result, SendRequest, Shared,
        SpinLock,
    },
    services::{queue::Queue, ticket::Ticket},
};
use core::sync::atomic::{AtomicU32, Ordering};

/// What Framecast keeps for one adapter.
pub struct FilterModule {
    /// Which adapter it is.
    pub adapter: Adapter,
    /// What happened on it.
    pub counters: Counters,
    /// Injections that wait for frame buffers.
    pub injections: Shared<Queue>,
    /// What lists are originated with.
    pub origin: Shared<Origin<Ticket>>,
    /// What its frames are copied for.
    pub(super) copies: Published<Copies>,
    pub(super) plan: SpinLock<Option<Plan>>,
    adapters: Shared<Adapters>,
    copying: Shared<Copying>,
    /// That of the plan, for the data path, which takes no lock.
    max_frame: AtomicU32,
    state: SpinLock<State>,
}

impl FilterModule {
    /// A module that is attaching to `adapter`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`].
    pub fn try_new(
        adapter: Adapter,
        origin: Shared<Origin<Ticket>>,
        framecast: &Framecast,
    ) -> Result<Self> {
        Ok(Self {
            adapter,
            counters: Counters::new(),
            injections: Shared::try_new(Queue::new())?,
            origin,
            copies: Published::try_new()?,
            plan: SpinLock::new(None),
            adapters: framecast.adapters.clone(),
            copying: framecast.copying.clone(),
            max_frame: AtomicU32::new(0),
            state: SpinLock::new(State::Attaching),
        })
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

    /// The largest frame that fits the adapter, without a VLAN tag, in bytes.
    pub fn max_frame(&self) -> usize {
        // Relaxed: it changes only while the module does not run.
        self.max_frame.load(Ordering::Relaxed) as usize
    }

    pub(super) fn set_max_frame(&self, bytes: u32) {
        self.max_frame.store(bytes, Ordering::Relaxed);
    }

    /// Shows lists that are originated here to the taps that want to see them.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn show_originated(&self, lists: &NetBufferListQueue<'_, Ticket>, received: bool) {
        self.copies.with(|copies| {
            copies.of(&Traffic::originated(self, received, lists.lists()));
        });
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
        self.copying.refresh(&self.adapters);
        self.copying.release(self);
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

    fn receive_borrowed(
        &self,
        indication: &mut BorrowedIndication<'_>,
        passing: Option<&Passing<'_>>,
    ) {
        self.pass_up_borrowed(indication, passing);
    }

    fn came_home(&self, lists: &mut Homecoming<'_, Ticket>) {
        Ticket::come_home(lists, &self.counters);
        // Their buffers are free again.
        self.injections.serve(self);
    }
}

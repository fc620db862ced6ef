//! Inject: a program hands over frames, the driver originates them.
//!
//! ```text
//! device control ──► Injection ──► Queue of its adapter ──► lists, each with a Ticket ──► NDIS
//!                        ▲                                                        │
//!                        └── a status for each frame ◄── the list comes home ◄────┘
//! ```
//!
//! The request is answered when the last of an `Injection`'s owners, the queue and the tickets, is
//! done with it, or when it is cancelled. Frames for which there is no buffer wait in the queue
//! until buffers come home.

use super::{client::Client, control, ticket::Ticket as AnyTicket, turn::Turn};
use crate::{
    filter::{
        Framecast,
        counters::Counters,
        module::FilterModule,
        origin::Batch,
        plan::{Plan, VLAN_TAG},
    },
    ndis::{
        Cancel, CancelId, ControlRequest, Dispatched, Error, Frame, NetBufferList, PendingControl,
        Pools, Result, Shared, SpinLock, Status, at_dispatch_level, try_slice,
    },
};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use heapless::Deque;
use protocol::{Direction, Frames, InjectReply, InjectRequest, Position, Reason, limits};

/// Takes a request to inject, and answers it now or when its frames are done.
pub fn inject<'r>(
    framecast: &Framecast,
    client: &Shared<Client>,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let order = match Order::read(framecast, &request) {
        Ok(order) => order,
        Err(status) => return framecast.refuse(request, status),
    };
    let injection = match Injection::prepare(framecast, client, &order) {
        Ok(injection) => injection,
        Err(Error::Resources) => {
            order.count(Reason::RefusedResources);
            return request.refuse(Status::RESOURCES);
        }
        Err(error) => return framecast.refuse(request, error.into()),
    };
    let answer = injection.answer.clone();
    let (pending, dispatched) = request.pend(Cancellation { answer: answer.clone() });
    if let Some(pending) = pending {
        answer.await_frames(pending);
        if order.module.injections.push(injection, &order.module).is_err() {
            framecast.adapters.count(Reason::BadRequests, 1);
        }
    } else {
        order.count(Reason::RefusedResources);
    }
    dispatched
}

/// The next of the numbers that keep cancel ids apart.
fn next_number() -> usize {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// What a well-formed request asks for.
struct Order {
    module: Shared<FilterModule>,
    direction: Direction,
    frames: u32,
}

impl Order {
    /// Counts all its frames as refused.
    fn count(&self, reason: Reason) {
        self.module.counters.add(reason, self.frames.into());
    }

    fn read(framecast: &Framecast, request: &ControlRequest<'_>) -> Result<Self, Status> {
        let (order, batch) =
            control::read::<InjectRequest>(request.input()).ok_or(Status::INVALID_PARAMETER)?;
        let direction = Direction::from_number(order.direction).ok_or(Status::INVALID_PARAMETER)?;
        if !(1..=limits::BATCH_FRAMES).contains(&order.frames) {
            return Err(Status::INVALID_PARAMETER);
        }
        Frames::new(batch, order.frames, direction, Position::START)
            .check()
            .map_err(|_| Status::INVALID_PARAMETER)?;
        let statuses = (order.frames as usize).saturating_mul(size_of::<i32>());
        if request.output_length() < statuses.saturating_add(size_of::<InjectReply>()) {
            return Err(Status::BUFFER_TOO_SMALL);
        }
        let module = framecast.adapters.find(order.luid).ok_or(Status::NOT_FOUND)?;
        Ok(Self { module, direction, frames: order.frames })
    }
}

/// What happens when the request of an injection is cancelled.
struct Cancellation {
    answer: Shared<Answer>,
}

impl Cancel for Cancellation {
    fn cancel(&self) {
        self.answer.cancel();
    }
}

/// The request of an injection, until it is answered.
///
/// A cancellation answers at once. Frames that have left come home in their own time; the others
/// are not sent.
pub struct Answer {
    /// There until it is answered, but for the time that its frames are read.
    request: SpinLock<Option<PendingControl<Cancellation>>>,
    cancelled: AtomicBool,
    module: Shared<FilterModule>,
    /// What its sends are marked with.
    id: CancelId,
}

impl Answer {
    /// Keeps the request until its frames are done, or it is cancelled.
    fn await_frames(&self, request: PendingControl<Cancellation>) {
        let none = self.request.with(|place| place.replace(request));
        // Out of the lock: there was none before this one.
        drop(none);
        self.answer_if_cancelled();
    }

    /// Answers the request now, and has its frames given up or back.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.answer_if_cancelled();
        at_dispatch_level(|| {
            if let Some(running) = self.module.origin.enter() {
                running.cancel_sends(self.id);
            }
        });
        // What still waits is given up.
        self.module.injections.serve(&self.module);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Whoever puts the request back looks here, so that a cancellation meanwhile is not lost.
    fn answer_if_cancelled(&self) {
        if self.is_cancelled() {
            self.refuse(Status::CANCELLED);
        }
    }

    /// Answers the request, if it is not answered yet.
    fn refuse(&self, status: Status) {
        if let Some(request) = self.request.with(Option::take) {
            request.reply(|_| Err(Error::Other(status)));
        }
    }

    /// Lets `read` read the request, if it is not answered yet; a cancellation waits meanwhile.
    fn while_unanswered<R>(
        &self,
        read: impl FnOnce(&PendingControl<Cancellation>) -> R,
    ) -> Option<R> {
        let request = self.request.with(Option::take)?;
        let result = read(&request);
        self.await_frames(request);
        Some(result)
    }
}

/// Frames that a program handed over; when the last of its owners is done, its request is
/// answered.
struct Injection {
    /// One for each frame.
    statuses: Box<[AtomicI32]>,
    direction: Direction,
    answer: Shared<Answer>,
    client: Shared<Client>,
}

impl Injection {
    /// Makes everything that the injection needs, and lists it under its handle.
    fn prepare(
        framecast: &Framecast,
        client: &Shared<Client>,
        order: &Order,
    ) -> Result<Shared<Self>> {
        let undone = |_| Ok(AtomicI32::new(Status::FAILURE.as_raw()));
        let statuses = try_slice(order.frames as usize, undone)?;
        let answer = Shared::try_new(Answer {
            request: SpinLock::new(None),
            cancelled: AtomicBool::new(false),
            module: order.module.clone(),
            id: CancelId::new(framecast.cancel_ids, next_number()),
        })?;
        let injection = Shared::try_new(Self {
            statuses,
            direction: order.direction,
            answer: answer.clone(),
            client: client.clone(),
        })?;
        client.begin(answer)?;
        Ok(injection)
    }

    /// Sets the status of `count` frames from `first` on.
    fn record(&self, first: u32, count: u32, status: Status) {
        let frames = self.statuses.iter().skip(first as usize).take(count as usize);
        for frame in frames {
            // Relaxed: the count of owners orders it before the answer.
            frame.store(status.as_raw(), Ordering::Relaxed);
        }
    }

    /// Refuses one frame.
    fn refuse_one(&self, number: u32, error: Error, counters: &Counters) {
        let reason = match error {
            Error::InvalidLength => Reason::RefusedLength,
            _ => Reason::RefusedResources,
        };
        counters.add(reason, 1);
        self.record(number, 1, error.into());
    }

    /// How many frames there are.
    fn count(&self) -> u32 {
        u32::try_from(self.statuses.len()).unwrap_or_default()
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.client.end(&self.answer);
        let Some(request) = self.answer.request.with(Option::take) else { return };
        request.reply(|output| {
            let reply = InjectReply { frames: self.count(), reserved: 0 };
            let mut end = control::write(output, 0, &reply)?;
            for status in &mut self.statuses {
                end = control::write(output, end, status.get_mut())?;
            }
            Ok(end)
        });
    }
}

/// What a list of injected frames carries along: whose frames they are.
pub struct Ticket {
    injection: Shared<Injection>,
    first: u32,
}

impl Ticket {
    /// Records what became of a list's frames.
    pub fn came_home(&self, list: &NetBufferList<'_, AnyTicket>, counters: &Counters) {
        let Self { injection, first } = self;
        let status = list.status();
        let frames = list.frames();
        let reason = match (status.is_success(), injection.direction) {
            // Who returns a received list says nothing by its status.
            (_, Direction::Receive) => Reason::Indicated,
            (true, Direction::Send) => Reason::Sent,
            (false, Direction::Send) => Reason::FailedBelow,
        };
        counters.add(reason, frames.into());
        if reason == Reason::FailedBelow {
            injection.record(*first, frames, status);
        } else {
            counters.add(Reason::Bytes, list.bytes().into());
            injection.record(*first, frames, Status::SUCCESS);
        }
    }
}

/// An injection whose frames from `position` on have not left yet.
struct Waiting {
    injection: Shared<Injection>,
    position: Position,
}

/// The injections of one adapter that have frames to originate, in order.
pub struct Queue {
    /// One place more than may wait: for the one that is being served.
    waiting: SpinLock<Deque<Waiting, { limits::PENDING_REQUESTS + 1 }>>,
    turn: Turn,
}

/// How often one call empties the frame buffers into NDIS before a system thread goes on: callers
/// have work of their own, and some are at DISPATCH_LEVEL.
const ROUNDS: usize = 4;

#[expect(clippy::new_without_default, reason = "there is one, in its module")]
impl Queue {
    /// Nothing waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { waiting: SpinLock::new(Deque::new()), turn: Turn::new() }
    }

    /// Adds an injection, or refuses it when too many wait, and serves.
    fn push(&self, injection: Shared<Injection>, module: &FilterModule) -> Result {
        let waiting = Waiting { injection, position: Position::START };
        let refused = self.waiting.with(|queue| {
            let full = queue.len() >= limits::PENDING_REQUESTS;
            if full { Some(waiting) } else { queue.push_back(waiting).err() }
        });
        if let Some(Waiting { injection, .. }) = refused {
            injection.answer.refuse(Status::QUOTA_EXCEEDED);
            return Err(Error::Other(Status::QUOTA_EXCEEDED));
        }
        self.serve(module);
        Ok(())
    }

    /// Originates what waits, as far as there are buffers; refuses it where the module does not
    /// run.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn serve(&self, module: &FilterModule) {
        if !self.turn.take() {
            return;
        }
        let mut rounds = 0..ROUNDS;
        loop {
            let mut more = true;
            while more && rounds.next().is_some() {
                more = self.serve_one(module);
            }
            self.give_up_cancelled(&module.counters);
            if !more && self.turn.end() {
                return;
            }
            if !rounds.is_empty() {
                continue;
            }
            if let Some(running) = module.origin.enter() {
                // Whoever looks from now on serves; the system thread looks in any case.
                self.turn.give_up();
                running.go_on_later();
                return;
            }
            // Nothing is originated any more: to refuse what waits is soon done.
            rounds = 0..ROUNDS;
        }
    }

    /// Originates frames of the first injection; whether there may be more to do at once.
    fn serve_one(&self, module: &FilterModule) -> bool {
        let Some(next) = self.waiting.with(Deque::pop_front) else { return false };
        let Some(starved) = next.originate(module) else { return true };
        // There is always room: new ones leave a place free.
        let full = self.waiting.with(|queue| queue.push_front(starved));
        drop(full);
        false
    }

    /// Gives up what was cancelled behind an injection that still waits for buffers.
    fn give_up_cancelled(&self, counters: &Counters) {
        while let Some(cancelled) = self.waiting.with(take_cancelled) {
            // Out of the lock: what is given up may end here.
            cancelled.give_up(counters);
        }
    }
}

/// Takes the first cancelled injection out of a queue; the others keep their order.
fn take_cancelled<const N: usize>(queue: &mut Deque<Waiting, N>) -> Option<Waiting> {
    let mut cancelled = None;
    for _ in 0..queue.len() {
        let waiting = queue.pop_front()?;
        if cancelled.is_none() && waiting.injection.answer.is_cancelled() {
            cancelled = Some(waiting);
        } else {
            // There is room: one has just left.
            _ = queue.push_back(waiting);
        }
    }
    cancelled
}

impl Waiting {
    /// Originates the frames for which there are buffers; gives itself back if some must wait.
    ///
    /// A pause waits for this: not for a thread that is suspended meanwhile.
    fn originate(self, module: &FilterModule) -> Option<Self> {
        at_dispatch_level(|| self.originate_undisturbed(module))
    }

    fn originate_undisturbed(mut self, module: &FilterModule) -> Option<Self> {
        let Some(running) = module.origin.enter() else {
            self.refuse(Status::PAUSED, Reason::RefusedPaused, &module.counters);
            return None;
        };
        let (pools, plan) = (running.pools()?, module.plan()?);
        let mut batch = Batch::new(pools);
        let injection = self.injection.clone();
        let starved = injection.answer.while_unanswered(|request| {
            let frames = request.input().get(size_of::<InjectRequest>()..).unwrap_or_default();
            self.fill(frames, pools, plan, &module.counters, &mut batch)
        });
        let Some(starved) = starved.filter(|_| !injection.answer.is_cancelled()) else {
            module.counters.add(Reason::RefusedCancelled, batch.frames().into());
            self.give_up(&module.counters);
            return None;
        };
        let (direction, answer) = (injection.direction, injection.answer.clone());
        // Before the frames leave: the last of them home answers the request.
        let starved = starved.then_some(self);
        drop(injection);
        let lists = batch.into_lists();
        module.show_originated(&lists, direction == Direction::Receive);
        match direction {
            Direction::Send => running.send(lists),
            Direction::Receive => running.indicate(lists),
        }
        // A cancellation that came too early for these asked for nothing.
        if direction == Direction::Send && answer.is_cancelled() {
            running.cancel_sends(answer.id);
        }
        starved
    }

    /// Makes lists of the frames; whether the rest must wait for buffers.
    fn fill<'p>(
        &mut self,
        frames: &[u8],
        pools: &'p Pools<AnyTicket>,
        plan: Plan,
        counters: &Counters,
        batch: &mut Batch<'p, AnyTicket>,
    ) -> bool {
        let injection = &self.injection;
        let mut frames = Frames::new(frames, injection.count(), injection.direction, self.position);
        while let Some(Ok(frame)) = frames.next() {
            let number = self.position.frames();
            let added = copy(pools, plan, frame.bytes).and_then(|copied| {
                let left = if frame.joins_previous { batch.join(copied)? } else { Some(copied) };
                let Some(copied) = left else { return Ok(()) };
                let ticket = Ticket { injection: injection.clone(), first: number };
                let ticket = AnyTicket::Injected(ticket);
                // Receives have no cancel id.
                let id = (injection.direction == Direction::Send).then_some(injection.answer.id);
                batch.start(copied, ticket, id, next_joins(&frames))
            });
            match added {
                Ok(()) => {}
                Err(Error::Exhausted) => return true,
                Err(error) => {
                    batch.close();
                    injection.refuse_one(number, error, counters);
                }
            }
            self.position = frames.position();
        }
        false
    }

    /// Refuses all frames that have not left.
    fn refuse(&self, status: Status, reason: Reason, counters: &Counters) {
        let first = self.position.frames();
        let count = self.injection.count().saturating_sub(first);
        counters.add(reason, count.into());
        self.injection.record(first, count, status);
    }

    /// Gives up all frames that have not left: their request is answered already.
    fn give_up(&self, counters: &Counters) {
        self.refuse(Status::CANCELLED, Reason::RefusedCancelled, counters);
    }
}

/// Whether the frame after the last one read joins it.
fn next_joins(frames: &Frames<'_>) -> bool {
    frames.clone().next().is_some_and(|next| next.is_ok_and(|next| next.joins_previous))
}

/// Copies a frame that the adapter takes into buffers of its own.
fn copy<'p>(pools: &'p Pools<AnyTicket>, plan: Plan, bytes: &[u8]) -> Result<Frame<'p>> {
    let length = u32::try_from(bytes.len()).map_err(|_| Error::InvalidLength)?;
    let tag = if is_tagged(bytes) { VLAN_TAG } else { 0 };
    if (Plan::min_frame()..=plan.max_frame.saturating_add(tag)).contains(&length) {
        pools.buffers().copy(bytes)
    } else {
        Err(Error::InvalidLength)
    }
}

/// Whether an Ethernet frame starts with a VLAN tag: 802.1Q, or 802.1ad's outer one.
fn is_tagged(bytes: &[u8]) -> bool {
    matches!(bytes.get(12..14), Some([0x81, 0x00] | [0x88, 0xA8]))
}

//! Inject: a program hands over frames, the driver originates them.
//!
//! ```text
//! device control ──► Injection ──► Queue of its adapter ──► lists, each with a Ticket ──► NDIS
//!                        ▲                                                        │
//!                        └── a status for each frame ◄── the list comes home ◄────┘
//! ```
//!
//! An [`Injection`] is answered when the last of its owners, the queue and the tickets, is done
//! with it. Frames for which there is no buffer wait in the queue until buffers come home.

use super::control::{self, Client};
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
        Pools, Result, Shared, SpinLock, Status, try_slice,
    },
};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicUsize, Ordering};
use heapless::Deque;
use protocol::{Direction, Frames, InjectReply, InjectRequest, Position, Reason, limits};

/// Takes a request to inject, and answers it now or when its frames are done.
pub fn inject(
    framecast: &Framecast,
    client: &Shared<Client>,
    request: ControlRequest,
) -> Dispatched {
    let order = match Order::read(framecast, &request) {
        Ok(order) => order,
        Err(status) => return framecast.refuse(request, status),
    };
    let frames = order.frames as usize;
    let statuses = try_slice(frames, |_| Ok(AtomicI32::new(Status::FAILURE.as_raw())));
    let statuses = match statuses {
        Ok(statuses) => statuses,
        Err(error) => return request.refuse(error.into()),
    };
    let cancellation = Cancellation {
        cancelled: AtomicBool::new(false),
        module: order.module.clone(),
        id: CancelId::new(framecast.cancel_ids, next_number()),
    };
    let (pending, dispatched) = request.pend(cancellation);
    if let Some(pending) = pending {
        let injection = Injection {
            statuses,
            direction: order.direction,
            client: client.clone(),
            outcome: AtomicI32::new(Status::SUCCESS.as_raw()),
            request: Some(pending),
        };
        // Without memory the injection is dropped, and answered as its request's default.
        if let Ok(injection) = Shared::try_new(injection) {
            let module = order.module;
            module.injections.push(Waiting { injection, position: Position::START }, &module);
        }
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
    fn read(framecast: &Framecast, request: &ControlRequest) -> Result<Self, Status> {
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

/// What happens when an injection is cancelled.
struct Cancellation {
    cancelled: AtomicBool,
    module: Shared<FilterModule>,
    id: CancelId,
}

impl Cancel for Cancellation {
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        if let Some(running) = self.module.origin.enter() {
            running.cancel_sends(self.id);
        }
        // What still waits is refused.
        self.module.injections.serve(&self.module);
    }
}

/// A request to inject that is under way; dropping it answers it.
struct Injection {
    /// One for each frame.
    statuses: Box<[AtomicI32]>,
    direction: Direction,
    client: Shared<Client>,
    /// What becomes of the request as a whole.
    outcome: AtomicI32,
    /// There until the injection is dropped.
    request: Option<PendingControl<Cancellation>>,
}

impl Injection {
    fn is_cancelled(&self) -> bool {
        let cancelled = |request: &PendingControl<Cancellation>| {
            request.cancel().cancelled.load(Ordering::Acquire)
        };
        self.client.is_closed() || self.request.as_ref().is_some_and(cancelled)
    }

    /// The frames from `position` on.
    fn frames(&self, position: Position) -> Frames<'_> {
        let input = self.request.as_ref().map_or(&[][..], PendingControl::input);
        let batch = input.get(size_of::<InjectRequest>()..).unwrap_or_default();
        Frames::new(batch, self.count(), self.direction, position)
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

    /// How many frames the request has.
    fn count(&self) -> u32 {
        u32::try_from(self.statuses.len()).unwrap_or_default()
    }

    /// What its sends are marked with.
    fn cancel_id(&self) -> Option<CancelId> {
        self.request.as_ref().map(|request| request.cancel().id)
    }

    fn set_outcome(&self, status: Status) {
        self.outcome.store(status.as_raw(), Ordering::Relaxed);
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        let outcome = Status::from_raw(*self.outcome.get_mut());
        request.reply(|output| {
            outcome.ok()?;
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
    pub fn came_home(list: &NetBufferList<'_, Self>, counters: &Counters) {
        let Self { injection, first } = list.ticket();
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
    serving: AtomicU8,
}

/// [`Queue::serving`]: nobody serves.
const IDLE: u8 = 0;
/// [`Queue::serving`]: someone serves.
const SERVING: u8 = 1;
/// [`Queue::serving`]: someone serves, and must look again before it stops.
const AGAIN: u8 = 2;

impl Queue {
    /// Nothing waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { waiting: SpinLock::new(Deque::new()), serving: AtomicU8::new(IDLE) }
    }

    /// Adds an injection, or refuses it when too many wait, and serves.
    fn push(&self, waiting: Waiting, module: &FilterModule) {
        let mut queue = self.waiting.lock();
        let refused = if queue.len() < limits::PENDING_REQUESTS {
            queue.push_back(waiting).err()
        } else {
            Some(waiting)
        };
        drop(queue);
        if let Some(waiting) = refused {
            waiting.injection.set_outcome(Status::QUOTA_EXCEEDED);
        }
        self.serve(module);
    }

    /// Originates what waits, as far as there are buffers; refuses it where the module does not
    /// run.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn serve(&self, module: &FilterModule) {
        if !self.start() {
            return;
        }
        loop {
            self.serve_once(module);
            if self.stop() {
                return;
            }
        }
    }

    /// Whether the caller is to serve; if not, whoever does looks again.
    fn start(&self) -> bool {
        let next = |serving| Some(if serving == IDLE { SERVING } else { AGAIN });
        let before = self.serving.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        before == Ok(IDLE)
    }

    /// Whether the caller is done; if not, it serves again.
    fn stop(&self) -> bool {
        let next = |serving| Some(if serving == AGAIN { SERVING } else { IDLE });
        let before = self.serving.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        before == Ok(SERVING)
    }

    fn serve_once(&self, module: &FilterModule) {
        loop {
            let next = self.waiting.lock().pop_front();
            let Some(next) = next else { break };
            if let Some(starved) = next.originate(module) {
                // There is always room: new ones leave a place free.
                let full = self.waiting.lock().push_front(starved);
                drop(full);
                break;
            }
        }
        self.drop_cancelled(&module.counters);
    }

    /// Refuses what was cancelled behind an injection that still waits for buffers.
    fn drop_cancelled(&self, counters: &Counters) {
        loop {
            let mut cancelled = None;
            let mut queue = self.waiting.lock();
            for _ in 0..queue.len() {
                match queue.pop_front() {
                    Some(waiting) if cancelled.is_none() && waiting.injection.is_cancelled() => {
                        cancelled = Some(waiting);
                    }
                    Some(waiting) => _ = queue.push_back(waiting),
                    None => break,
                }
            }
            drop(queue);
            // Out of the lock: what is refused may be answered.
            let Some(waiting) = cancelled else { return };
            waiting.refuse_cancelled(counters);
        }
    }
}

impl Waiting {
    /// Originates the frames for which there are buffers; gives itself back if some must wait.
    fn originate(mut self, module: &FilterModule) -> Option<Self> {
        let Some(running) = module.origin.enter() else {
            self.refuse(Status::PAUSED, Reason::RefusedPaused, &module.counters);
            return None;
        };
        if self.injection.is_cancelled() {
            self.refuse_cancelled(&module.counters);
            return None;
        }
        let (pools, plan) = (running.pools()?, module.plan()?);
        let mut batch = Batch::new(pools);
        let starved = self.fill(pools, plan, &module.counters, &mut batch);
        let direction = self.injection.direction;
        // Before the frames leave: the last of them home answers the request.
        let starved = starved.then_some(self);
        match direction {
            Direction::Send => running.send(batch.into_lists()),
            Direction::Receive => running.indicate(batch.into_lists()),
        }
        starved
    }

    /// Makes lists of the frames; whether the rest must wait for buffers.
    fn fill<'p>(
        &mut self,
        pools: &'p Pools<Ticket>,
        plan: Plan,
        counters: &Counters,
        batch: &mut Batch<'p, Ticket>,
    ) -> bool {
        let injection = self.injection.clone();
        let mut frames = injection.frames(self.position);
        while let Some(Ok(frame)) = frames.next() {
            let number = self.position.frames();
            let added = copy(pools, plan, frame.bytes).and_then(|copied| {
                let left = if frame.joins_previous { batch.join(copied)? } else { Some(copied) };
                let Some(copied) = left else { return Ok(()) };
                let ticket = Ticket { injection: injection.clone(), first: number };
                let id = injection.cancel_id();
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

    /// Refuses all frames that have not left, and the request with them.
    fn refuse_cancelled(&self, counters: &Counters) {
        self.refuse(Status::CANCELLED, Reason::RefusedCancelled, counters);
        self.injection.set_outcome(Status::CANCELLED);
    }
}

/// Whether the frame after the last one read joins it.
fn next_joins(frames: &Frames<'_>) -> bool {
    frames.clone().next().is_some_and(|next| next.is_ok_and(|next| next.joins_previous))
}

/// Copies a frame that the adapter takes into buffers of its own.
fn copy<'p>(pools: &'p Pools<Ticket>, plan: Plan, bytes: &[u8]) -> Result<Frame<'p>> {
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

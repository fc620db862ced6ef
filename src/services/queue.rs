//! The injections of one adapter that have frames to originate.

use super::{injection::Injection, stake::Stake, ticket::Ticket, turn::Turn};
use crate::{
    filter::{
        counters::Counters,
        module::FilterModule,
        origin::Batch,
        plan::{Plan, VLAN_TAG},
    },
    ndis::{Error, Frame, Pools, Result, SpinLock, Status, at_dispatch_level},
};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use heapless::Deque;
use protocol::{Direction, Frames, InjectRequest, Position, Reason, limits};

/// The injections of one adapter that have frames to originate, in order.
pub struct Queue {
    /// One place more than may wait: for the one that is being served.
    waiting: SpinLock<Deque<Rest, { limits::PENDING_REQUESTS + 1 }>>,
    /// How many wait, for who only looks.
    length: AtomicUsize,
    /// Whether one that waits may have been cancelled.
    has_cancelled: AtomicBool,
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
        Self {
            waiting: SpinLock::new(Deque::new()),
            length: AtomicUsize::new(0),
            has_cancelled: AtomicBool::new(false),
            turn: Turn::new(),
        }
    }

    /// Adds an injection, or refuses it when too many wait, and serves.
    pub(super) fn push(&self, stake: Stake, module: &FilterModule) -> Result {
        let rest = Rest { stake, position: Position::START };
        let refused = self.change(|queue| {
            let full = queue.len() >= limits::PENDING_REQUESTS;
            if full { Some(rest) } else { queue.push_back(rest).err() }
        });
        if let Some(Rest { stake, .. }) = refused {
            Injection::refuse(&stake, Status::QUOTA_EXCEEDED);
            return Err(Error::Other(Status::QUOTA_EXCEEDED));
        }
        self.serve(module);
        Ok(())
    }

    /// Changes what waits.
    fn change<R>(
        &self,
        change: impl FnOnce(&mut Deque<Rest, { limits::PENDING_REQUESTS + 1 }>) -> R,
    ) -> R {
        self.waiting.with(|queue| {
            let result = change(queue);
            // Relaxed: who adds takes the turn after this, or has who acts look again.
            self.length.store(queue.len(), Ordering::Relaxed);
            result
        })
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
            self.give_up(&module.counters);
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
        if self.is_empty() {
            return false;
        }
        let Some(next) = self.change(Deque::pop_front) else { return false };
        let Some(starved) = next.originate(module) else { return !self.is_empty() };
        // There is always room: new ones leave a place free.
        let full = self.change(|queue| queue.push_front(starved));
        drop(full);
        false
    }

    fn is_empty(&self) -> bool {
        self.length.load(Ordering::Relaxed) == 0
    }

    /// Gives up what was cancelled while it waits.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub(super) fn give_up_cancelled(&self, module: &FilterModule) {
        self.has_cancelled.store(true, Ordering::Release);
        self.serve(module);
    }

    /// Gives up what was cancelled behind an injection that still waits for buffers.
    fn give_up(&self, counters: &Counters) {
        // A load first: it takes the word from no other processor. Acquire: pairs with the Release
        // of who cancelled.
        if !self.has_cancelled.load(Ordering::Relaxed)
            || !self.has_cancelled.swap(false, Ordering::Acquire)
        {
            return;
        }
        while let Some(cancelled) = self.change(take_cancelled) {
            // Out of the lock: what is given up may end here.
            cancelled.give_up(counters);
        }
    }
}

/// Takes the first cancelled injection out of a queue; the others keep their order.
fn take_cancelled<const N: usize>(queue: &mut Deque<Rest, N>) -> Option<Rest> {
    let mut cancelled = None;
    for _ in 0..queue.len() {
        let rest = queue.pop_front()?;
        if cancelled.is_none() && rest.stake.is_cancelled() {
            cancelled = Some(rest);
        } else {
            // There is room: one has just left.
            _ = queue.push_back(rest);
        }
    }
    cancelled
}

/// An injection whose frames from `position` on have not left yet.
struct Rest {
    stake: Stake,
    position: Position,
}

impl Rest {
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
        let pools = running.pools()?;
        let mut batch = Batch::new(pools);
        let starved = self.stake.unpark().map(|request| {
            // A cancellation waits meanwhile.
            let frames = request.input().get(size_of::<InjectRequest>()..).unwrap_or_default();
            let starved = self.fill(frames, module, pools, &mut batch);
            Injection::await_frames(&self.stake, request);
            starved
        });
        let Some(starved) = starved.filter(|_| !self.stake.is_cancelled()) else {
            module.counters.add(Reason::RefusedCancelled, batch.frames().into());
            self.give_up(&module.counters);
            return None;
        };
        let injection = self.stake.owner();
        // Before the frames leave: the last of them home answers the request.
        let starved = starved.then_some(self);
        let lists = batch.into_lists();
        module.show_originated(&lists, injection.direction == Direction::Receive);
        match injection.direction {
            Direction::Send => {
                running.send(lists);
                // A cancellation that came too early for these asked for nothing.
                if injection.is_cancelled() {
                    running.cancel_sends(injection.id);
                }
            }
            Direction::Receive => running.indicate(lists),
        }
        starved
    }

    /// Makes lists of the frames; whether the rest must wait for buffers.
    fn fill<'p>(
        &mut self,
        frames: &[u8],
        module: &FilterModule,
        pools: &'p Pools<Ticket>,
        batch: &mut Batch<'p, Ticket>,
    ) -> bool {
        let direction = self.stake.direction;
        // Receives have no cancel id.
        let id = (direction == Direction::Send).then_some(self.stake.id);
        let mut frames = Frames::new(frames, self.stake.frames(), direction, self.position);
        while let Some(Ok(frame)) = frames.next() {
            let number = self.position.frames();
            let added = copy(pools, module.max_frame(), frame.bytes).and_then(|copied| {
                let left = if frame.joins_previous { batch.join(copied)? } else { Some(copied) };
                let Some(copied) = left else { return Ok(()) };
                // There is a stake for each frame.
                let stake = self.stake.part().ok_or(Error::BadState)?;
                let ticket = Ticket::Injected { stake, first: number };
                batch.start(copied, ticket, id, next_joins(&frames))
            });
            match added {
                Ok(()) => {}
                Err(Error::Exhausted) => return true,
                Err(error) => {
                    batch.close();
                    self.refuse_one(error, &module.counters);
                }
            }
            self.position = frames.position();
        }
        false
    }

    /// Refuses the next frame.
    fn refuse_one(&self, error: Error, counters: &Counters) {
        let reason = match error {
            Error::InvalidLength => Reason::RefusedLength,
            _ => Reason::RefusedResources,
        };
        counters.add(reason, 1);
        self.stake.record(self.position.frames(), 1, error.into());
    }

    /// Refuses all frames that have not left.
    fn refuse(&self, status: Status, reason: Reason, counters: &Counters) {
        let first = self.position.frames();
        let count = self.stake.frames().saturating_sub(first);
        counters.add(reason, count.into());
        self.stake.record(first, count, status);
    }

    /// Gives up all frames that have not left: their request is answered already.
    fn give_up(&self, counters: &Counters) {
        self.refuse(Status::CANCELLED, Reason::RefusedCancelled, counters);
    }
}

/// Whether the frame after the last one read joins it.
fn next_joins(frames: &Frames<'_>) -> bool {
    let mut ahead = frames.clone();
    ahead.next().is_some_and(|next| next.is_ok_and(|next| next.joins_previous))
}

/// Copies a frame, if the adapter takes one of its length: [`Plan::max_frame`] counts no VLAN tag,
/// which a frame may carry besides.
fn copy<'p>(pools: &'p Pools<Ticket>, max_frame: usize, bytes: &[u8]) -> Result<Frame<'p>> {
    const TAG: usize = VLAN_TAG as usize;
    const LEAST: usize = Plan::min_frame() as usize;
    let most = if is_tagged(bytes) { max_frame.saturating_add(TAG) } else { max_frame };
    if (LEAST..=most).contains(&bytes.len()) {
        pools.buffers().copy(bytes)
    } else {
        Err(Error::InvalidLength)
    }
}

/// Whether an Ethernet frame starts with a VLAN tag: 802.1Q, or 802.1ad's outer one.
fn is_tagged(bytes: &[u8]) -> bool {
    matches!(bytes.get(12..14), Some([0x81, 0x00] | [0x88, 0xA8]))
}

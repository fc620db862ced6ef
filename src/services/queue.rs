//! The injections of one adapter that have frames to originate.

use super::{injection::Injection, ticket::Ticket, turn::Turn};
use crate::{
    filter::{
        batch::Batch,
        counters::Counters,
        module::FilterModule,
        plan::{Plan, VLAN_TAG},
    },
    ndis::{
        CancelId, Error, Pools, Result, SpinLock, Stakes, Status, Stock, Waiting, at_dispatch_level,
    },
};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use heapless::Deque;
use protocol::{Direction, Frame, Frames, InjectRequest, Position, Reason, limits};

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

    /// Originates the frames of an injection when its turn comes, or refuses it when too many wait.
    pub(super) fn push(&self, stakes: Stakes<Waiting<Injection>>, module: &FilterModule) -> Result {
        let rest = Rest { stakes, position: Position::START };
        if self.turn.take() {
            if self.is_empty() {
                self.act(Some(rest), module);
                return Ok(());
            }
            self.act(None, module);
        }
        let refused = self.change(|queue| {
            let full = queue.len() >= limits::PENDING_REQUESTS;
            if full { Some(rest) } else { queue.push_back(rest).err() }
        });
        if let Some(Rest { stakes, .. }) = refused {
            Injection::refuse(&stakes, Status::QUOTA_EXCEEDED);
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
        if self.turn.take() {
            self.act(None, module);
        }
    }

    /// Serves `first`, and then what waits, for whoever has the turn.
    fn act(&self, mut first: Option<Rest>, module: &FilterModule) {
        let mut rounds = 0..ROUNDS;
        loop {
            let mut more = true;
            while more && rounds.next().is_some() {
                more = self.serve_one(first.take(), module);
            }
            // A load first: it takes the word from no other processor.
            if self.has_cancelled.load(Ordering::Relaxed) {
                self.give_up(&module.counters);
            }
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

    /// Originates frames of `first`, or of the injection that waits longest; whether there may be
    /// more to do at once.
    fn serve_one(&self, first: Option<Rest>, module: &FilterModule) -> bool {
        let waits = |queue: &Self| (!queue.is_empty()).then(|| queue.change(Deque::pop_front));
        let Some(next) = first.or_else(|| waits(self).flatten()) else { return false };
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
    #[cold]
    fn give_up(&self, counters: &Counters) {
        // Acquire: pairs with the Release of who cancelled.
        if !self.has_cancelled.swap(false, Ordering::Acquire) {
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
        if cancelled.is_none() && rest.stakes.is_cancelled() {
            cancelled = Some(rest);
        } else {
            // There is room: one has just left.
            _ = queue.push_back(rest);
        }
    }
    cancelled
}

/// What frames become lists with.
struct Outgoing<'p> {
    stock: Stock<'p>,
    batch: Batch<'p, Ticket>,
    /// What its lists can be cancelled by.
    id: Option<CancelId>,
}

/// An injection whose frames from `position` on have not left yet.
struct Rest {
    stakes: Stakes<Waiting<Injection>>,
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
        let gathered = self.stakes.unpark().map(|request| {
            // A cancellation waits meanwhile.
            let frames = request.input().get(size_of::<InjectRequest>()..).unwrap_or_default();
            let gathered = self.gather(frames, module, pools);
            Injection::await_frames(&self.stakes, request);
            gathered
        });
        let (batch, starved) = match gathered {
            Some(gathered) if !self.stakes.is_cancelled() => gathered,
            cancelled => {
                let frames = cancelled.map_or(0, |(batch, _)| batch.frames());
                module.counters.add(Reason::RefusedCancelled, frames.into());
                self.give_up(&module.counters);
                return None;
            }
        };
        let injection = self.stakes.owner();
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

    /// Makes lists of the frames; and whether the rest must wait for buffers.
    ///
    /// Out of line: there are enough registers for what it does for each frame, and no more.
    #[inline(never)]
    fn gather<'p>(
        &mut self,
        frames: &[u8],
        module: &FilterModule,
        pools: &'p Pools<Ticket>,
    ) -> (Batch<'p, Ticket>, bool) {
        let direction = self.stakes.direction;
        let max_frame = module.max_frame();
        let left = self.stakes.frames().saturating_sub(self.position.frames());
        // Receives have no cancel id.
        let id = (direction == Direction::Send).then_some(self.stakes.id);
        let (stock, batch) = (pools.buffers().stock(left), Batch::new(pools));
        let mut outgoing = Outgoing { stock, batch, id };
        let mut frames = Frames::new(frames, self.stakes.frames(), self.position);
        while let Some(Ok(Frame { bytes, joins_previous })) = frames.next() {
            let others_join = frames.next_joins();
            let is_alone = !joins_previous && !others_join;
            let first = frames.last_position().frames();
            let added = if !is_taken(bytes, max_frame) {
                Err(Error::InvalidLength)
            } else if is_alone && let Some(copied) = outgoing.stock.copy_at_hand(bytes) {
                let ticket = self.ticket(first);
                ticket.and_then(|ticket| outgoing.batch.add(copied, ticket, id))
            } else {
                self.add(bytes, (first, joins_previous, others_join), &mut outgoing)
            };
            let error = match added {
                Ok(()) => continue,
                Err(error) => error,
            };
            if error == Error::Exhausted {
                self.position = frames.last_position();
                return (outgoing.batch, true);
            }
            outgoing.batch.close();
            self.refuse_one(first, error, &module.counters);
        }
        self.position = frames.position();
        (outgoing.batch, false)
    }

    /// Copies a frame into the list before it, or into one of its own that others may join.
    #[inline(never)]
    fn add(
        &mut self,
        bytes: &[u8],
        (first, joins_previous, others_join): (u32, bool, bool),
        outgoing: &mut Outgoing<'_>,
    ) -> Result {
        let Outgoing { stock, batch, id } = outgoing;
        let copied = stock.copy(bytes)?;
        let left = if joins_previous { batch.join(copied)? } else { Some(copied) };
        let Some(copied) = left else { return Ok(()) };
        batch.start(copied, self.ticket(first)?, *id, others_join)
    }

    /// The ticket of a list whose first frame is the `first`.
    fn ticket(&mut self, first: u32) -> Result<Ticket> {
        // There is a stake for each frame.
        let stake = self.stakes.part().ok_or(Error::BadState)?;
        Ok(Ticket::Injected { stake, first })
    }

    /// Refuses one frame.
    #[cold]
    fn refuse_one(&self, number: u32, error: Error, counters: &Counters) {
        let reason = match error {
            Error::InvalidLength => Reason::RefusedLength,
            _ => Reason::RefusedResources,
        };
        counters.add(reason, 1);
        self.stakes.record(number, 1, error.into());
    }

    /// Refuses all frames that have not left.
    fn refuse(&self, status: Status, reason: Reason, counters: &Counters) {
        let first = self.position.frames();
        let count = self.stakes.frames().saturating_sub(first);
        counters.add(reason, count.into());
        self.stakes.record(first, count, status);
    }

    /// Gives up all frames that have not left: their request is answered already.
    fn give_up(&self, counters: &Counters) {
        self.refuse(Status::CANCELLED, Reason::RefusedCancelled, counters);
    }
}

/// Whether an adapter takes a frame: one that has at least a whole header, and at most `max_frame`
/// bytes, which count no VLAN tag: 802.1Q's, or 802.1ad's outer one.
fn is_taken(frame: &[u8], max_frame: usize) -> bool {
    const HEADER: usize = Plan::min_frame() as usize;
    const TAG: usize = VLAN_TAG as usize;
    if (HEADER..=max_frame).contains(&frame.len()) {
        return true;
    }
    let is_tagged = matches!(frame.get(12..HEADER), Some([0x81, 0x00] | [0x88, 0xA8]));
    is_tagged && frame.len() <= max_frame.saturating_add(TAG)
}

//! What a list that Framecast originates carries along: for whom.

use super::{injection::Injection, mirror::Mirror};
use crate::{
    filter::counters::Counters,
    ndis::{Arrival, Homecoming, Shared, Stake, Stakes, Status, Waiting},
};
use protocol::{Direction, Reason};

/// For whom a list was originated.
pub enum Ticket {
    /// A program's request: the list's first frame is its frame of this number.
    Injected {
        /// Keeps the request from being answered.
        stake: Stake<Waiting<Injection>>,
        /// The number of the list's first frame.
        first: u32,
    },
    /// A mirror.
    Mirrored(Shared<Mirror>),
}

impl Ticket {
    /// Records what became of lists' frames, on the adapter with these counters.
    #[inline(never)]
    pub fn come_home(lists: &mut Homecoming<'_, Self>, counters: &Counters) {
        let mut known: Option<Outcome> = None;
        loop {
            let Some(list) = lists.next() else { break };
            if let Some(known) = &mut known
                && known.is_continued_by(&list)
            {
                known.take_in(list);
                continue;
            }
            if let Self::Mirrored(mirror) = list.ticket() {
                mirror.came_home(&list, counters);
            }
            if let Some(other) = Outcome::new(list)
                && let Some(before) = known.replace(other)
            {
                // First: whoever waits for the answer finds everything freed.
                lists.settle();
                before.record(counters);
            }
        }
        if let Some(known) = known {
            known.record(counters);
        }
    }
}

/// What became of frames of an injection that follow each other.
struct Outcome {
    stakes: Stakes<Waiting<Injection>>,
    first: u32,
    /// The number of the frame behind them.
    end: u32,
    bytes: u64,
    status: Status,
}

impl Outcome {
    /// That of a list's frames, if they were injected.
    fn new(list: Arrival<'_, Ticket>) -> Option<Self> {
        let (frames, bytes, status) = (list.frames(), list.bytes().into(), list.status());
        let Ticket::Injected { stake, first } = list.into_ticket() else { return None };
        let end = first.wrapping_add(frames);
        Some(Self { stakes: stake.into(), first, end, bytes, status })
    }

    /// Whether a list's frames follow these, and the same became of them.
    fn is_continued_by(&self, list: &Arrival<'_, Ticket>) -> bool {
        let Ticket::Injected { stake, first } = list.ticket() else { return false };
        self.stakes.is_of(stake) && self.end == *first && self.status == list.status()
    }

    /// Takes a list's frames in.
    fn take_in(&mut self, list: Arrival<'_, Ticket>) {
        self.end = self.end.wrapping_add(list.frames());
        self.bytes = self.bytes.wrapping_add(list.bytes().into());
        if let Ticket::Injected { stake, .. } = list.into_ticket() {
            self.stakes.take_in(stake);
        }
    }

    fn record(self, counters: &Counters) {
        let Self { stakes: injection, first, end, bytes, status } = self;
        let frames = end.wrapping_sub(first);
        let reason = match (status.is_success(), injection.direction) {
            // Who returns a received list says nothing by its status.
            (_, Direction::Receive) => Reason::Indicated,
            (true, Direction::Send) => Reason::Sent,
            (false, Direction::Send) => Reason::FailedBelow,
        };
        counters.add(reason, frames.into());
        if reason == Reason::FailedBelow {
            injection.record(first, frames, status);
        } else {
            counters.add(Reason::Bytes, bytes);
            injection.record(first, frames, Status::SUCCESS);
        }
    }
}

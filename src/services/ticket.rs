//! What a list that Framecast originates carries along: for whom.

use super::{mirror::Mirror, stake::Stake};
use crate::{
    filter::counters::Counters,
    ndis::{NetBufferList, Shared, Status},
};
use protocol::{Direction, Reason};

/// For whom a list was originated.
pub enum Ticket {
    /// A program's request: the list's first frame is its frame of this number.
    Injected {
        /// Keeps the request from being answered.
        stake: Stake,
        /// The number of the list's first frame.
        first: u32,
    },
    /// A mirror.
    Mirrored(Shared<Mirror>),
}

impl Ticket {
    /// Records what became of a list's frames, on the adapter with these counters.
    pub fn came_home(list: &NetBufferList<'_, Self>, counters: &Counters) {
        match list.ticket() {
            Self::Injected { stake, first } => injected(stake, *first, list, counters),
            Self::Mirrored(mirror) => mirror.came_home(list, counters),
        }
    }
}

fn injected(injection: &Stake, first: u32, list: &NetBufferList<'_, Ticket>, counters: &Counters) {
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
        injection.record(first, frames, status);
    } else {
        counters.add(Reason::Bytes, list.bytes().into());
        injection.record(first, frames, Status::SUCCESS);
    }
}

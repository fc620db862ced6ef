//! What a list that Framecast originates carries along: for whom.

use super::{injection::Injection, mirror::Mirror, outcome::Outcome};
use crate::{
    filter::counters::Counters,
    ndis::{Homecoming, NetBufferList, Stake, Stakes, Waiting},
};

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
    Mirrored(Stake<Mirror>),
}

impl Ticket {
    /// Records what became of lists' frames, on the adapter with these counters.
    #[inline(never)]
    pub fn come_home(lists: &mut Homecoming<'_, Self>, counters: &Counters) {
        loop {
            let Some(list) = lists.next() else { break };
            let outcome = Outcome::of(&list);
            match list.into_ticket() {
                Self::Injected { stake, first } => {
                    injected(stake.into(), first, outcome, lists, counters);
                }
                Self::Mirrored(stake) => mirrored(stake.into(), outcome, lists, counters),
            }
        }
    }
}

/// Takes in the lists that go on with an injection's frames from `first` on, as far as the same
/// became of them, and records it.
fn injected(
    mut injection: Stakes<Waiting<Injection>>,
    first: u32,
    mut outcome: Outcome,
    lists: &mut Homecoming<'_, Ticket>,
    counters: &Counters,
) {
    loop {
        let next = first.wrapping_add(outcome.frames);
        let goes_on = |list: &NetBufferList<'_, Ticket>| match list.ticket() {
            Ticket::Injected { stake, first } => {
                injection.is_of(stake) && *first == next && outcome.is_that_of(list)
            }
            Ticket::Mirrored(_) => false,
        };
        let Some(list) = lists.next_if(goes_on) else { break };
        outcome.take_in(&list);
        if let Ticket::Injected { stake, .. } = list.into_ticket() {
            injection.take_in(stake);
        }
    }
    // First: whoever waits for the answer finds everything freed.
    lists.settle();
    injection.come_home(first, &outcome, counters);
}

/// Takes in the lists that are of the same mirror, as far as the same became of them, and records it.
fn mirrored(
    mut mirror: Stakes<Mirror>,
    mut outcome: Outcome,
    lists: &mut Homecoming<'_, Ticket>,
    counters: &Counters,
) {
    loop {
        let goes_on = |list: &NetBufferList<'_, Ticket>| match list.ticket() {
            Ticket::Mirrored(stake) => mirror.is_of(stake) && outcome.is_that_of(list),
            Ticket::Injected { .. } => false,
        };
        let Some(list) = lists.next_if(goes_on) else { break };
        outcome.take_in(&list);
        if let Ticket::Mirrored(stake) = list.into_ticket() {
            mirror.take_in(stake);
        }
    }
    mirror.come_home(&outcome, counters);
}

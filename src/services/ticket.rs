//! What a list that Framecast originates carries along: for whom.

use super::{inject, mirror::Mirror};
use crate::{
    filter::counters::Counters,
    ndis::{NetBufferList, Shared},
};

/// For whom a list was originated.
pub enum Ticket {
    /// A program's request.
    Injected(inject::Ticket),
    /// A mirror.
    Mirrored(Shared<Mirror>),
}

impl Ticket {
    /// Records what became of a list's frames, on the adapter with these counters.
    pub fn came_home(list: &NetBufferList<'_, Self>, counters: &Counters) {
        match list.ticket() {
            Self::Injected(ticket) => ticket.came_home(list, counters),
            Self::Mirrored(mirror) => mirror.came_home(list, counters),
        }
    }
}

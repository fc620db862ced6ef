//! What became of frames that Framecast originated.

use super::ticket::Ticket;
use crate::ndis::{NetBufferList, Status};

/// What became of frames, the same of each.
pub(super) struct Outcome {
    /// How many they are.
    pub frames: u32,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What the drivers that had them said.
    pub status: Status,
}

impl Outcome {
    /// That of a list's frames.
    pub(super) fn of(list: &NetBufferList<'_, Ticket>) -> Self {
        Self { frames: list.frames(), bytes: list.bytes().into(), status: list.status() }
    }

    /// Whether the same became of a list's frames.
    pub(super) fn is_that_of(&self, list: &NetBufferList<'_, Ticket>) -> bool {
        self.status == list.status()
    }

    /// Counts a list's frames, too.
    pub(super) fn take_in(&mut self, list: &NetBufferList<'_, Ticket>) {
        self.frames = self.frames.wrapping_add(list.frames());
        self.bytes = self.bytes.wrapping_add(list.bytes().into());
    }
}

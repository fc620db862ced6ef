//! Whose turn it is, where many have a reason and one at a time may act.

use core::sync::atomic::{AtomicU8, Ordering};

/// The right to act, which one has at a time; others leave word that there is more to do.
///
/// Nobody waits, and nobody recurses: who acts looks again before it stops.
pub struct Turn(AtomicU8);

/// Nobody acts.
const IDLE: u8 = 0;
/// Someone acts.
const TAKEN: u8 = 1;
/// Someone acts, and must look again before it stops.
const AGAIN: u8 = 2;

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    /// Nobody's turn.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU8::new(IDLE))
    }

    /// Whether the caller is to act; if not, whoever does looks again.
    #[must_use]
    pub fn take(&self) -> bool {
        self.change(|turn| if turn == IDLE { TAKEN } else { AGAIN }) == IDLE
    }

    /// Whether the caller is done; if not, it looks again.
    #[must_use]
    pub fn end(&self) -> bool {
        self.change(|turn| if turn == AGAIN { TAKEN } else { IDLE }) == TAKEN
    }

    /// Ends the caller's turn whether there is more to do or not: it has someone else look.
    pub fn give_up(&self) {
        self.0.store(IDLE, Ordering::Release);
    }

    fn change(&self, next: impl Fn(u8) -> u8) -> u8 {
        let next = |turn| Some(next(turn));
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
            Ok(before) | Err(before) => before,
        }
    }
}

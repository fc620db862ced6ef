//! What happened, counted.

use core::sync::atomic::{AtomicU64, Ordering};
use protocol::{COUNTERS, CountersReply, Reason};

/// What happened, by reason.
pub struct Counters {
    values: [AtomicU64; COUNTERS],
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Counters {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: [const { AtomicU64::new(0) }; COUNTERS] }
    }

    /// Counts `count` more.
    pub fn add(&self, reason: Reason, count: u64) {
        if let Some(value) = self.values.get(reason.index()) {
            // Relaxed: a counter orders nothing.
            value.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Adds the counters to `sum`.
    pub fn add_to(&self, sum: &mut CountersReply) {
        for (sum, value) in sum.values.iter_mut().zip(&self.values) {
            *sum = sum.saturating_add(value.load(Ordering::Relaxed));
        }
    }

    /// Counts everything that `other` counted, once more here.
    pub fn absorb(&self, other: &Self) {
        for (value, other) in self.values.iter().zip(&other.values) {
            value.fetch_add(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

//! Allocations that are made to fail.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::lock;

/// Counts the driver's allocation attempts and makes chosen ones fail.
///
/// Every call of the driver that can fail for want of memory is one attempt, whether or not the
/// lab takes memory from the system for it.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    attempts: AtomicU64,
    failing: Mutex<BTreeSet<u64>>,
}

impl Faults {
    /// Counts an attempt and says whether it fails.
    pub(crate) fn strikes(&self) -> bool {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.failing).remove(&attempt)
    }

    /// Attempts so far.
    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Makes the `count`-th attempt from now fail; 1 is the next.
    pub(crate) fn fail(&self, count: u64) {
        let target = self.attempts() + count.max(1);
        lock(&self.failing).insert(target);
    }

    /// Lets every attempt succeed again.
    pub(crate) fn clear(&self) {
        lock(&self.failing).clear();
    }
}

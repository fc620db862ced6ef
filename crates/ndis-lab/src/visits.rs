//! Who is inside a driver.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::sync;

/// How long those who are inside are waited for: as long as for all else, since a thread of the
/// system may be kept from its processor for seconds.
const PATIENCE: Duration = crate::ndis::module::PATIENCE;

/// Counts the calls into drivers that have not returned yet.
///
/// There are two counts, of which calls that begin use one; a call leaves the one that it came
/// into. When both were seen at zero after a moment, every call from before it has returned,
/// although there may never be a moment without any.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    used: AtomicUsize,
    inside: [AtomicUsize; 2],
}

/// A call into a driver, until it is dropped.
#[derive(Debug)]
pub(crate) struct Visit<'v> {
    count: &'v AtomicUsize,
}

impl Visits {
    /// Notes that a call begins.
    pub(crate) fn begin(&self) -> Visit<'_> {
        let count = &self.inside[self.used.load(Ordering::SeqCst)];
        count.fetch_add(1, Ordering::SeqCst);
        Visit { count }
    }

    /// Waits until all calls that go on now have returned, for ten seconds at most: what they are in
    /// the midst of is done then.
    pub(crate) fn wait_for_those_inside(&self) {
        let mut seen = [false; 2];
        sync::poll(None, Some(PATIENCE), || self.have_left(&mut seen));
    }

    /// Whether both counts were at zero since `seen` was made.
    fn have_left(&self, seen: &mut [bool; 2]) -> bool {
        for (count, seen) in self.inside.iter().zip(&mut *seen) {
            *seen |= count.load(Ordering::SeqCst) == 0;
        }
        if let Some(empty) = seen.iter().position(|&seen| seen) {
            // Whoever comes from now on does not hold the other count up.
            self.used.store(empty, Ordering::SeqCst);
        }
        *seen == [true; 2]
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_later_is_not_waited_for() {
        let visits = Visits::default();
        let first = visits.begin();
        let mut seen = [false; 2];
        assert!(!visits.have_left(&mut seen));
        let second = visits.begin();
        drop(first);
        assert!(visits.have_left(&mut seen));
        drop(second);
        assert!(visits.have_left(&mut [false; 2]));
    }
}

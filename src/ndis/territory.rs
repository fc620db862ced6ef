//! Where this driver's own frames lie, so that they are known again whoever brings them.

use super::status::{Error, Result};
use core::sync::atomic::{AtomicUsize, Ordering};

/// How many territories there may be: one for each adapter, and one more while pools are made anew.
const LIMIT: usize = 256;

struct Bounds {
    start: AtomicUsize,
    end: AtomicUsize,
}

static ALL: [Bounds; LIMIT] =
    [const { Bounds { start: AtomicUsize::new(0), end: AtomicUsize::new(0) } }; LIMIT];

/// How many of the places have ever been used.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Memory that holds frames of this driver's own, until this is dropped.
pub(super) struct Territory {
    bounds: &'static Bounds,
}

impl Territory {
    /// Marks the `size` bytes from the address `start` on, which is not zero.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`]: there are too many.
    pub(super) fn new(start: usize, size: usize) -> Result<Self> {
        for (index, bounds) in ALL.iter().enumerate() {
            let free = bounds
                .start
                .compare_exchange(0, start, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
            if free {
                bounds.end.store(start.saturating_add(size), Ordering::Release);
                USED.fetch_max(index.saturating_add(1), Ordering::Release);
                return Ok(Self { bounds });
            }
        }
        Err(Error::Resources)
    }

    /// Whether an address lies in some territory.
    ///
    /// Right for memory that lives while this is asked: its territory came before, and stays.
    pub(super) fn holds(address: usize) -> bool {
        ALL.iter().take(USED.load(Ordering::Acquire)).any(|bounds| {
            let end = bounds.end.load(Ordering::Acquire);
            (bounds.start.load(Ordering::Acquire)..end).contains(&address)
        })
    }
}

impl Drop for Territory {
    fn drop(&mut self) {
        // The end first: a place without a start may be another's.
        self.bounds.end.store(0, Ordering::Release);
        self.bounds.start.store(0, Ordering::Release);
    }
}

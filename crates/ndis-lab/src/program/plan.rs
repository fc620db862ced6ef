//! Which stories are left to be told.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ndis_lab::exercise::{Outcome, Story};

/// A sweep ends when so many failures in a row had nothing to strike: threads of the system make a
/// story try to allocate more often at one time than at another, a schedule does not.
const MISSES: u64 = 4;
const MISSES_UNDER_A_SCHEDULE: u64 = 1;

/// How many failures are enough.
const FAILURES: usize = 10;

/// What is left to be told, shared by those who tell it.
#[derive(Debug)]
pub(crate) struct Plan {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seeds: Range<u64>,
    sweep: bool,
    /// Seeds that are swept: the next allocation to fail, and how many had nothing to strike.
    swept: BTreeMap<u64, (u64, u64)>,
    failures: usize,
}

impl Plan {
    /// Stories of seeds; with `sweep`, each again with every allocation failing in turn.
    pub(crate) fn new(seeds: Range<u64>, sweep: bool) -> Self {
        let state = State { seeds, sweep, swept: BTreeMap::new(), failures: 0 };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next story, if any is left.
    pub(crate) fn next(&self) -> Option<Story> {
        let mut state = self.state();
        if state.failures >= FAILURES {
            return None;
        }
        if let Some((&seed, (next, _))) = state.swept.iter_mut().next() {
            *next += 1;
            return Some(Story::with_fault(seed, *next - 1));
        }
        let seed = state.seeds.next()?;
        if state.sweep {
            state.swept.insert(seed, (1, 0));
        }
        Some(Story::of(seed))
    }

    /// Takes note of how a story went; says whether its seed is done with.
    pub(crate) fn done(&self, outcome: &Outcome) -> bool {
        let mut state = self.state();
        state.failures += usize::from(!outcome.is_clean());
        if outcome.fault.is_none() {
            return !state.sweep;
        }
        let Some((_, misses)) = state.swept.get_mut(&outcome.seed) else { return false };
        if outcome.struck() || !outcome.is_clean() {
            *misses = 0;
            return false;
        }
        *misses += 1;
        let enough = outcome.schedule.as_ref().map_or(MISSES, |_| MISSES_UNDER_A_SCHEDULE);
        let over = *misses >= enough;
        if over {
            state.swept.remove(&outcome.seed);
        }
        over
    }

    /// Whether so much failed that the rest was not told.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.state().failures >= FAILURES
    }
}

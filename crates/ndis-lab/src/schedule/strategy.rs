//! Who is next: strategies, and the decisions of an earlier run.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::schedule::Strategy;

/// A generator of numbers that a seed decides: SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap_or(0)
    }
}

/// A decision that was not the usual one: when a thread reached a point of its own, another (or,
/// when it could not go on, not the first that could) went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// The thread that was running.
    pub thread: usize,
    /// The number of its last act; 0 before the first.
    pub act: u64,
    /// How many scheduling points it had reached since.
    pub point: u64,
    /// The thread that went on.
    pub to: usize,
}

/// Chooses among threads that can go on.
#[derive(Debug)]
pub(crate) enum Chooser {
    Walk(Random),
    Priorities(Priorities),
    /// Only these decisions differ from the usual ones.
    Forced(HashMap<Place, usize>),
}

/// Where a decision is taken: a thread, the number of its last act, and how many points it has
/// reached since.
pub(crate) type Place = (usize, u64, u64);

/// What there is to choose from.
pub(crate) struct Choice<'a> {
    /// Where the thread is that ran last.
    pub(crate) last: Place,
    /// The threads that can go on, lowest first; two at least.
    pub(crate) candidates: &'a [usize],
    /// The one that goes on unless something speaks against it.
    pub(crate) usual: usize,
    /// Whether the last thread has run for so long that it may be waiting for others.
    pub(crate) tired: bool,
}

impl Chooser {
    pub(crate) fn new(strategy: Strategy, seed: u64) -> Self {
        let random = Random::new(seed);
        match strategy {
            Strategy::RandomWalk => Self::Walk(random),
            Strategy::Pct { depth } => Self::Priorities(Priorities::new(depth, random)),
        }
    }

    pub(crate) fn forced(switches: &[Switch]) -> Self {
        Self::Forced(switches.iter().map(|it| ((it.thread, it.act, it.point), it.to)).collect())
    }

    pub(crate) fn choose(&mut self, choice: &Choice<'_>) -> usize {
        match self {
            Self::Walk(random) => choice.candidates[random.below(choice.candidates.len())],
            Self::Priorities(priorities) => priorities.choose(choice),
            Self::Forced(switches) => {
                let forced = switches.get(&choice.last).copied();
                forced.filter(|to| choice.candidates.contains(to)).unwrap_or(choice.usual)
            }
        }
    }
}

/// Probabilistic concurrency testing: the thread with the highest of random priorities goes on;
/// at a few random moments the running thread falls below all others.
#[derive(Debug)]
pub(crate) struct Priorities {
    random: Random,
    /// Of each thread that was seen; higher goes first.
    ranks: HashMap<usize, i64>,
    /// The decisions at which the running thread falls, last first.
    changes: Vec<u64>,
    decisions: u64,
    lowest: i64,
}

impl Priorities {
    /// How many decisions a run is thought to have, at least and at most, as powers of two: the
    /// seed says which.
    const LENGTHS: std::ops::Range<usize> = 4..13;

    fn new(depth: u32, mut random: Random) -> Self {
        let exponent = Self::LENGTHS.start + random.below(Self::LENGTHS.len());
        let mut changes: Vec<u64> =
            (0..depth).map(|_| random.below(1 << exponent) as u64).collect();
        changes.sort_unstable_by(|a, b| b.cmp(a));
        Self { random, ranks: HashMap::new(), changes, decisions: 0, lowest: 0 }
    }

    fn choose(&mut self, choice: &Choice<'_>) -> usize {
        const RANGE: usize = 1 << 30;
        for &thread in choice.candidates {
            if !self.ranks.contains_key(&thread) {
                let priority = i64::try_from(self.random.below(RANGE)).unwrap_or(0) + 1;
                self.ranks.insert(thread, priority);
            }
        }
        let mut falls = choice.tired;
        while self.changes.last().is_some_and(|&change| change <= self.decisions) {
            self.changes.pop();
            falls = true;
        }
        self.decisions += 1;
        if falls {
            self.lowest -= 1;
            self.ranks.insert(choice.last.0, self.lowest);
        }
        let rank = |thread: &&usize| (self.ranks[*thread], std::cmp::Reverse(**thread));
        choice.candidates.iter().max_by_key(rank).copied().unwrap_or(choice.usual)
    }
}

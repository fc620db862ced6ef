//! Deterministic mode: one seed decides in which order everything happens.
//!
//! Each virtual thread is a thread of the system, of which exactly one runs at a time; it passes
//! the baton at scheduling points. A thread at DISPATCH_LEVEL keeps its processor, so that no more
//! threads are in the midst of something at that level than there are processors.

pub(crate) mod core;
mod explore;
mod last_words;
mod pool;
pub(crate) mod record;
mod run;
pub(crate) mod session;
mod shrink;
mod strategy;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

pub use explore::{Exploration, Explored, Failure};
pub use last_words::LastWords;
pub use record::{Act, Object, Step};
pub use run::{Actor, Scope};
pub use shrink::shrink;
pub use strategy::Switch;

use crate::sync::lock;
use strategy::Chooser;

/// How a seed decides who goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// At every point each thread that can go on is as likely as any other.
    RandomWalk,
    /// Probabilistic concurrency testing: threads have random priorities, and the one with the
    /// highest goes on; at `depth` random moments the running thread falls below all others.
    /// It finds bugs that need few preemptions at the right moments.
    Pct {
        /// How many times a running thread falls.
        depth: u32,
    },
}

/// Puts [`Lab::run`](crate::Lab::run) under a seed's control.
///
/// It is written as `walk:2:17` or `pct3:2:17`: the strategy, the number of processors and the
/// seed. Clones share the record of the last run.
#[derive(Clone, Debug)]
pub struct Schedule {
    seed: u64,
    strategy: Strategy,
    processors: usize,
    forced: Option<Arc<[Switch]>>,
    log: Arc<Mutex<Option<Log>>>,
}

/// The record of a run.
#[derive(Clone, Debug, Default)]
struct Log {
    steps: Vec<Step>,
    acts: Vec<Act>,
    switches: Vec<Switch>,
    decisions: u64,
}

impl Schedule {
    /// A random walk over two processors that a seed decides.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            strategy: Strategy::RandomWalk,
            processors: 2,
            forced: None,
            log: Arc::default(),
        }
    }

    /// Chooses the number of virtual processors.
    #[must_use]
    pub fn processors(mut self, processors: usize) -> Self {
        self.processors = processors.max(1);
        self
    }

    /// Chooses how the seed decides.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What happened in the last run, without addresses: equal for equal schedules.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        lock(&self.log).as_ref().map(|log| log.steps.clone()).unwrap_or_default()
    }

    /// How many decisions the last run took.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        lock(&self.log).as_ref().map_or(0, |log| log.decisions)
    }

    pub(crate) fn processor_count(&self) -> usize {
        self.processors
    }

    fn chooser(&self) -> Chooser {
        match &self.forced {
            Some(switches) => Chooser::forced(switches),
            None => Chooser::new(self.strategy, self.seed),
        }
    }

    /// The same world, in which only these decisions differ from the usual ones.
    pub(crate) fn with_switches(&self, switches: &[Switch]) -> Self {
        Self { forced: Some(switches.into()), log: Arc::default(), ..self.clone() }
    }

    /// What actors did in the last run.
    pub(crate) fn acts(&self) -> Vec<Act> {
        lock(&self.log).as_ref().map(|log| log.acts.clone()).unwrap_or_default()
    }

    /// The decisions of the last run that were not the usual ones.
    pub(crate) fn switches(&self) -> Vec<Switch> {
        lock(&self.log).as_ref().map(|log| log.switches.clone()).unwrap_or_default()
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RandomWalk => f.write_str("walk"),
            Self::Pct { depth } => write!(f, "pct{depth}"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.strategy, self.processors, self.seed)
    }
}

/// What is no [`Schedule`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0:?} is no schedule, such as walk:2:17 or pct3:2:17")]
pub struct NoSchedule(String);

impl FromStr for Schedule {
    type Err = NoSchedule;

    fn from_str(text: &str) -> Result<Self, NoSchedule> {
        let parse = || {
            let mut parts = text.split(':');
            let strategy = match parts.next()? {
                "walk" => Strategy::RandomWalk,
                pct => Strategy::Pct { depth: pct.strip_prefix("pct")?.parse().ok()? },
            };
            let processors = parts.next()?.parse().ok()?;
            let seed = parts.next()?.parse().ok()?;
            let schedule = Self::seeded(seed).processors(processors).strategy(strategy);
            parts.next().is_none().then_some(schedule)
        };
        parse().ok_or_else(|| NoSchedule(text.to_owned()))
    }
}

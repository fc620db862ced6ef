//! Runs under many seeds, and the least that still fails.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::rule::Rule;
use crate::schedule::record::{self, Step};
use crate::schedule::{Schedule, Strategy, shrink};
use crate::verdict::Verdict;

/// Runs a story under many schedules until one fails.
///
/// The environment variable `SEED`, as a failure prints it, runs that schedule alone.
///
/// ```no_run
/// use ndis_lab::{Exploration, Lab};
///
/// Exploration::seeds(0..200)
///     .run(|schedule| {
///         let lab = Lab::builder().schedule(schedule).build();
///         let driver = lab.load("filter.sys").expect("a driver");
///         lab.run(|scope| { /* scope.spawn(|| …) */ });
///         driver.unload()
///     })
///     .expect_clean();
/// ```
#[derive(Clone, Debug)]
pub struct Exploration {
    seeds: std::ops::Range<u64>,
    processors: usize,
    strategies: Vec<Strategy>,
    attempts: usize,
}

/// What an exploration found.
#[derive(Debug)]
#[must_use = "an exploration may have failed"]
#[non_exhaustive]
pub struct Explored {
    /// How many schedules ran, those of shrinking not counted.
    pub runs: u64,
    /// How many decisions they took together.
    pub decisions: u64,
    /// How long they took.
    pub time: Duration,
    /// The first that failed.
    pub failure: Option<Failure>,
}

/// A schedule under which a story fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What replays it.
    pub schedule: Schedule,
    /// The rule that was broken first; `None` if the story panicked.
    pub rule: Option<Rule>,
    /// What was found, in words.
    pub message: String,
    /// How many unusual decisions the failing run had, and how many of them are needed.
    pub switches: (usize, usize),
    /// The shortest run that fails in the same way, up to the failure.
    pub minimal: Vec<Step>,
}

/// How a run went: nothing, or the rule and the words of its failure.
type Outcome = Option<(Option<Rule>, String)>;

impl Exploration {
    /// Runs each seed under a random walk and under PCT, on two processors.
    #[must_use]
    pub fn seeds(seeds: std::ops::Range<u64>) -> Self {
        let strategies = vec![Strategy::RandomWalk, Strategy::Pct { depth: 3 }];
        Self { seeds, processors: 2, strategies, attempts: 200 }
    }

    /// Chooses the number of virtual processors.
    #[must_use]
    pub fn processors(mut self, processors: usize) -> Self {
        self.processors = processors;
        self
    }

    /// Chooses the strategies.
    #[must_use]
    pub fn strategies(mut self, strategies: &[Strategy]) -> Self {
        self.strategies = strategies.to_vec();
        self
    }

    /// How often a failing run is tried with fewer decisions; 200 unless chosen, 0 for never.
    #[must_use]
    pub fn shrink_attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts;
        self
    }

    /// Runs a story, which builds a lab with the schedule it is given, under each schedule.
    ///
    /// # Panics
    ///
    /// If `SEED` is set and is no schedule.
    pub fn run(&self, story: impl Fn(Schedule) -> Verdict) -> Explored {
        let only = std::env::var("SEED").ok().map(|seed| match seed.parse() {
            Ok(schedule) => schedule,
            Err(error) => panic!("SEED: {error}"),
        });
        let all = self.seeds.clone().flat_map(|seed| {
            let schedule = Schedule::seeded(seed).processors(self.processors);
            self.strategies.iter().map(move |&it| schedule.clone().strategy(it))
        });
        let schedules: Vec<Schedule> = only.map_or_else(|| all.collect(), |only| vec![only]);
        let start = Instant::now();
        let mut explored = Explored { runs: 0, decisions: 0, time: Duration::ZERO, failure: None };
        for schedule in schedules {
            let outcome = attempt(&story, &schedule);
            explored.runs += 1;
            explored.decisions += schedule.decisions();
            explored.time = start.elapsed();
            if let Some((rule, message)) = outcome {
                explored.failure = Some(self.shrink(&story, schedule, rule, message));
                break;
            }
        }
        explored
    }

    /// Leaves decisions out for as long as the run fails in the same way.
    fn shrink(
        &self,
        story: &impl Fn(Schedule) -> Verdict,
        schedule: Schedule,
        rule: Option<Rule>,
        message: String,
    ) -> Failure {
        let switches = schedule.switches();
        let before = switches.len();
        let (needed, shortest) = shrink(switches, self.attempts, |fewer| {
            let trial = schedule.with_switches(fewer);
            let fails = attempt(story, &trial).is_some_and(|(other, _)| other == rule);
            fails.then(|| (trial.switches(), trial.steps()))
        });
        let mut shortest = shortest.unwrap_or_else(|| schedule.steps());
        if let Some(rule) = rule {
            record::end_at(&mut shortest, rule);
        }
        Failure { schedule, rule, message, switches: (before, needed.len()), minimal: shortest }
    }
}

fn attempt(story: &impl Fn(Schedule) -> Verdict, schedule: &Schedule) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| story(schedule.clone()))) {
        Ok(verdict) => {
            let first = verdict.violations.first()?;
            Some((Some(first.rule), verdict.to_string()))
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Some((None, text.unwrap_or_else(|| "a panic".to_owned())))
        }
    }
}

impl Explored {
    /// How many schedules ran in a second.
    #[must_use]
    pub fn runs_per_second(&self) -> f64 {
        let runs = u32::try_from(self.runs).unwrap_or(u32::MAX);
        f64::from(runs) / self.time.as_secs_f64().max(1e-9)
    }

    /// Stops a test if a schedule failed.
    ///
    /// # Panics
    ///
    /// If one did; the message tells how to replay it, and the shortest run that fails alike.
    #[track_caller]
    pub fn expect_clean(&self) {
        if let Some(failure) = &self.failure {
            panic!("{failure}");
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, needed) = self.switches;
        writeln!(f, "SEED={}", self.schedule)?;
        writeln!(f, "{}", self.message)?;
        writeln!(f, "the shortest run that fails alike ({needed} of {before} decisions needed):")?;
        let mut thread = None;
        for step in &self.minimal {
            if thread.replace(step.thread) != Some(step.thread) {
                writeln!(f, "--- thread {}", step.thread)?;
            }
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}

//! The shortest story that fails alike, for a person to read.

use std::fmt;

use ndis_lab::exercise::{Outcome, Story};
use ndis_lab::{Step, shrink};
use serde::Serialize;

use super::worker::Worker;

/// The shortest story that fails as another does.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shortest {
    /// How many unusual decisions the schedule of the story that failed made.
    decisions: usize,
    /// How many of them are needed.
    needed: usize,
    /// What happens when only these are made, one line a step.
    trace: Vec<String>,
}

impl Shortest {
    /// Leaves out decisions of a story that failed; each trial is told by the worker, `attempts` at
    /// most. `None` for a story without a schedule, which no decisions made.
    pub(crate) fn of(outcome: &Outcome, worker: &mut Worker, attempts: usize) -> Option<Self> {
        outcome.schedule.as_ref()?;
        let decisions = outcome.switches.len();
        let story = Story { fault: outcome.fault, ..Story::of(outcome.seed) };
        let (needed, trace) = shrink(outcome.switches.clone(), attempts, |fewer| {
            let trial = Story { switches: Some(fewer.to_vec()), ..story.clone() };
            let told = worker.tell(&trial).ok()?;
            (told.first_rule() == outcome.first_rule()).then_some((told.switches, told.trace))
        });
        let trace = trace.unwrap_or_else(|| outcome.trace.clone());
        Some(Self { decisions, needed: needed.len(), trace })
    }
}

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { decisions, needed, trace } = self;
        writeln!(f, "    the shortest that fails alike needs {needed} of {decisions} decisions:")?;
        writeln!(f, "    {}", Step::COLUMNS)?;
        trace.iter().try_for_each(|step| writeln!(f, "    {step}"))
    }
}

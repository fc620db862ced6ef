//! The shortest story that fails alike, for a person to read.

use std::fmt;

use ndis_lab::exercise::{Outcome, Story};
use ndis_lab::{Step, shrink};
use serde::Serialize;

use super::worker::Worker;

/// The shortest story that fails as another does.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shortest {
    /// How many things actors did in the story that failed.
    acts: usize,
    /// How many of them are needed.
    needed_acts: usize,
    /// How many unusual decisions its schedule made.
    decisions: usize,
    /// How many of them are needed.
    needed_decisions: usize,
    /// What happens when only these are done and made, one line a step.
    trace: Vec<String>,
}

impl Shortest {
    /// Leaves out of a story that failed what decisions and acts it can; each trial is told by the
    /// worker, `attempts` of each kind at most. `None` for a story without a schedule: it does not
    /// replay exactly.
    pub(crate) fn of(outcome: &Outcome, worker: &mut Worker, attempts: usize) -> Option<Self> {
        outcome.schedule.as_ref()?;
        let mut search = Search {
            story: Story {
                fault: outcome.fault,
                acts: Some(outcome.acts.clone()),
                switches: Some(outcome.switches.clone()),
                ..Story::of(outcome.seed)
            },
            rule: outcome.first_rule()?,
            trace: outcome.trace.clone(),
            worker,
            attempts,
        };
        search.leave_out(|story| &mut story.switches, |told| told.switches);
        search.leave_out(|story| &mut story.acts, |told| told.acts);
        search.leave_out(|story| &mut story.switches, |told| told.switches);
        let left = |things: Option<usize>| things.unwrap_or_default();
        Some(Self {
            acts: outcome.acts.len(),
            needed_acts: left(search.story.acts.as_ref().map(Vec::len)),
            decisions: outcome.switches.len(),
            needed_decisions: left(search.story.switches.as_ref().map(Vec::len)),
            trace: search.trace,
        })
    }
}

/// The search for the shortest story.
struct Search<'s> {
    /// The shortest so far that fails alike.
    story: Story,
    /// The rule that it is to break first.
    rule: &'s str,
    /// What happens in it.
    trace: Vec<String>,
    worker: &'s mut Worker,
    attempts: usize,
}

impl Search<'_> {
    /// Leaves out things of one kind; `came_about` are those that there were.
    fn leave_out<I: Clone>(
        &mut self,
        things: impl Fn(&mut Story) -> &mut Option<Vec<I>>,
        came_about: impl Fn(Outcome) -> Vec<I>,
    ) {
        let all = things(&mut self.story).clone().unwrap_or_default();
        let (needed, trace) = shrink(all, self.attempts, |fewer| {
            let mut trial = self.story.clone();
            *things(&mut trial) = Some(fewer.to_vec());
            let mut told = self.worker.tell(&trial).ok()?;
            let alike = told.first_rule() == Some(self.rule);
            let trace = std::mem::take(&mut told.trace);
            alike.then(|| (came_about(told), trace))
        });
        *things(&mut self.story) = Some(needed);
        self.trace = trace.unwrap_or_else(|| std::mem::take(&mut self.trace));
    }
}

impl fmt::Display for Shortest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acts, needed_acts, decisions, needed_decisions, trace } = self;
        writeln!(
            f,
            "    the shortest that fails alike needs {needed_acts} of {acts} acts and \
             {needed_decisions} of {decisions} decisions:"
        )?;
        writeln!(f, "    {}", Step::COLUMNS)?;
        trace.iter().try_for_each(|step| writeln!(f, "    {step}"))
    }
}

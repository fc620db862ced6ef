//! The verdict on stories.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use ndis_lab::exercise::Outcome;
use ndis_lab::{Event, Step};
use serde::Serialize;

use super::output;
use super::shortest::Shortest;

/// What stories came to.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    driver: String,
    /// How many seeds were done with.
    seeds: u64,
    /// How many stories were told: one for a seed, and one for each allocation that failed.
    stories: u64,
    /// How often the driver called the lab.
    calls: u64,
    clean: bool,
    /// Whether so much failed that the rest was not told.
    cut_short: bool,
    failures: Vec<Failure>,
    /// The events of a story, if they are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: Vec<String>,
}

/// A story that broke rules, and the command that tells it again.
#[derive(Debug, Serialize)]
struct Failure {
    #[serde(flatten)]
    outcome: Outcome,
    replay: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortest: Option<Shortest>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.outcome)?;
        if let Some(shortest) = &self.shortest {
            write!(f, "{shortest}")?;
        }
        writeln!(f, "    replay  {}", self.replay)
    }
}

impl Report {
    pub(crate) fn new(driver: &Path) -> Self {
        Self {
            driver: driver.display().to_string(),
            seeds: 0,
            stories: 0,
            calls: 0,
            clean: true,
            cut_short: false,
            failures: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Whether a story is the first to fail as it does.
    pub(crate) fn is_news(&self, outcome: &Outcome) -> bool {
        let same = |failure: &Failure| failure.outcome.first_rule() == outcome.first_rule();
        !outcome.is_clean() && !self.failures.iter().any(same)
    }

    /// Adds a story that broke no rule.
    pub(crate) fn add_clean(&mut self, outcome: &Outcome) {
        self.stories += 1;
        self.calls += outcome.calls;
    }

    /// Adds a story that broke a rule; gives the text to be shown at once.
    pub(crate) fn add_failure(
        &mut self,
        mut outcome: Outcome,
        replay: String,
        shortest: Option<Shortest>,
    ) -> String {
        self.add_clean(&outcome);
        self.clean = false;
        // The shortest story has all that is needed of these.
        outcome.trace.clear();
        outcome.acts.clear();
        outcome.switches.clear();
        let failure = Failure { outcome, replay, shortest };
        let text = failure.to_string();
        self.failures.push(failure);
        text
    }

    /// Keeps the events of a story, with their columns' heads.
    pub(crate) fn keep_trace(&mut self, outcome: &Outcome) {
        let columns = outcome.schedule.as_ref().map_or(Event::COLUMNS, |_| Step::COLUMNS);
        self.trace = [columns.to_owned()].into_iter().chain(outcome.trace.clone()).collect();
    }

    /// Counts a seed that is done with.
    pub(crate) fn count_seed(&mut self) {
        self.seeds += 1;
    }

    /// Whether no rule was broken.
    pub(crate) fn is_clean(&self) -> bool {
        self.clean
    }

    /// Prints the verdict.
    pub(crate) fn print(&mut self, cut_short: bool, json: bool) -> super::Result<()> {
        self.cut_short = cut_short;
        if json {
            let text = serde_json::to_string_pretty(self)?;
            return Ok(output::print(|out| writeln!(out, "{text}"))?);
        }
        Ok(output::print(|out| self.write(out))?)
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.trace {
            writeln!(out, "{line}")?;
        }
        let Self { driver, seeds, stories, calls, failures, cut_short, .. } = self;
        let result = match failures.len() {
            0 => "no rule was broken".to_owned(),
            1 => "1 story broke rules".to_owned(),
            count => format!("{count} stories broke rules"),
        };
        writeln!(out, "{driver}: {seeds} seeds, {stories} stories, {calls} calls: {result}")?;
        if *cut_short {
            writeln!(out, "the other seeds were left out: this is enough to begin with")?;
        }
        Ok(())
    }
}

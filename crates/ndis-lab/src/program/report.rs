//! The verdict on stories.

use std::path::Path;

use ndis_lab::exercise::Outcome;
use serde::Serialize;

use super::TRACE_COLUMNS;

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
    #[serde(skip)]
    traces: Vec<Vec<String>>,
}

/// A story that broke rules, and the command that tells it again.
#[derive(Debug, Serialize)]
struct Failure {
    #[serde(flatten)]
    outcome: Outcome,
    replay: String,
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
            traces: Vec::new(),
        }
    }

    /// Adds what a story came to; gives the text to be shown at once, if there is any.
    pub(crate) fn add(&mut self, mut outcome: Outcome, replay: String) -> Option<String> {
        self.stories += 1;
        self.calls += outcome.calls;
        self.traces.push(std::mem::take(&mut outcome.trace));
        if outcome.is_clean() {
            return None;
        }
        self.clean = false;
        let text = format!("{outcome}    replay  {replay}\n");
        self.failures.push(Failure { outcome, replay });
        Some(text)
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
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        for trace in self.traces.iter().filter(|trace| !trace.is_empty()) {
            println!("{TRACE_COLUMNS}");
            for event in trace {
                println!("{event}");
            }
        }
        let Self { driver, seeds, stories, calls, failures, .. } = self;
        let result = match failures.len() {
            0 => "no rule was broken".to_owned(),
            1 => "1 story broke rules".to_owned(),
            count => format!("{count} stories broke rules"),
        };
        println!("{driver}: {seeds} seeds, {stories} stories, {calls} calls: {result}");
        if cut_short {
            println!("the other seeds were left out: this is enough to begin with");
        }
        Ok(())
    }
}

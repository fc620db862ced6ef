//! What is known of a run whose process ends before it does.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::schedule::core::Core;
use crate::schedule::{Act, Switch};

/// What begins the line of standard error that has last words, as JSON.
const HEAD: &str = "    run      ";

/// Whether anybody reads them.
static WANTED: AtomicBool = AtomicBool::new(false);

/// What is known of a run whose process ended before it did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LastWords {
    /// Its schedule, as it is written.
    pub schedule: String,
    /// What actors did.
    pub acts: Vec<Act>,
    /// The decisions that were not the usual ones.
    pub switches: Vec<Switch>,
    /// What happened, one line a step.
    pub trace: Vec<String>,
}

impl LastWords {
    /// How the report begins of a run that has no end.
    pub const STUCK: &str = "the run does not end";

    /// From now on, a process that a driver's fault ends in the midst of a run writes the run's
    /// last words to standard error.
    pub fn want() {
        WANTED.store(true, Ordering::Relaxed);
    }

    /// Finds last words in what a process wrote to standard error.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix(HEAD))?;
        serde_json::from_str(line).ok()
    }

    /// Whether a line has last words.
    #[must_use]
    pub fn is_line(line: &str) -> bool {
        line.starts_with(HEAD)
    }

    /// Writes the last words of a run.
    pub(crate) fn write(core: &Core, replay: &str) {
        if !WANTED.load(Ordering::Relaxed) {
            return;
        }
        let words = Self {
            schedule: replay.trim_start_matches("SEED=").to_owned(),
            acts: core.record.acts.clone(),
            switches: core.switches.clone(),
            trace: core.record.steps.iter().map(ToString::to_string).collect(),
        };
        if let Ok(json) = serde_json::to_string(&words) {
            eprintln!("{HEAD}{json}");
        }
    }
}

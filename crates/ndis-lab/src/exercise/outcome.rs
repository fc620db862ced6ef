//! What a story came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exercise::Story;
use crate::schedule::{Act, Switch};
use crate::violation::Violation;

/// What a story came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[must_use = "an outcome says whether the driver kept the rules"]
#[non_exhaustive]
pub struct Outcome {
    /// The seed of the story.
    pub seed: u64,
    /// The allocation that was to fail, if one was.
    pub fault: Option<u64>,
    /// How often the driver tried to allocate.
    pub allocations: u64,
    /// How often it called the lab.
    pub calls: u64,
    /// The schedule that decided the order of everything, if the system did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What it did wrong, in the order it did.
    pub findings: Vec<Finding>,
    /// What the actors of a story that broke a rule did, under a schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
    /// The unusual decisions of the schedule of a story that broke a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
    /// One line an event, if the exercise keeps them: as [`crate::Event`] describes, or as
    /// [`crate::Step`] does under a schedule. Under a schedule a story that broke a rule always
    /// has them, up to that moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

impl Outcome {
    /// What a story has come to before it begins.
    pub(crate) fn of(story: &Story) -> Self {
        Self {
            seed: story.seed,
            fault: story.fault,
            allocations: 0,
            calls: 0,
            schedule: None,
            findings: Vec::new(),
            acts: Vec::new(),
            switches: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// Whether the driver kept every rule.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether the allocation that was to fail was tried.
    #[must_use]
    pub fn struck(&self) -> bool {
        self.fault.is_some_and(|fault| fault <= self.allocations)
    }

    /// What a story came to that a finding ended before its time.
    pub fn ended_by(story: &Story, finding: Finding) -> Self {
        Self { findings: vec![finding], ..Self::of(story) }
    }

    /// The rule that was broken first.
    #[must_use]
    pub fn first_rule(&self) -> Option<&str> {
        self.findings.first().map(|finding| finding.rule.as_str())
    }

    /// Stops a test if the driver broke a rule.
    ///
    /// # Panics
    ///
    /// If there is any finding; the message tells all of them, and the seed.
    #[track_caller]
    pub fn expect_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        if let Some(schedule) = &self.schedule {
            write!(f, ", schedule {schedule}")?;
        }
        if let Some(fault) = self.fault {
            write!(f, ", allocation {fault} failing")?;
        }
        if self.is_clean() {
            return writeln!(f, ": no rule was broken");
        }
        writeln!(f, ": {} rules were broken", self.findings.len())?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

/// A breach of a rule, as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's number and name, [`Finding::BUG_CHECK`] or [`Finding::HANG`].
    pub rule: String,
    /// What happened, in a sentence.
    pub message: String,
    /// Where the documentation states the rule.
    pub source: String,
    /// Where in the driver.
    pub location: Option<String>,
    /// The objects concerned.
    pub objects: Vec<String>,
    /// What happened last, oldest first.
    pub events: Vec<String>,
}

impl Finding {
    /// Stands for a rule where the driver faulted, or asked for the end.
    pub const BUG_CHECK: &str = "bug check";

    /// Stands for a rule where a driver is stuck.
    pub const HANG: &str = "hang";

    /// One without a rule.
    #[must_use]
    pub fn new(rule: &str, message: impl Into<String>) -> Self {
        let (rule, message) = (rule.to_owned(), message.into());
        let (source, location) = (String::new(), None);
        Self { rule, message, source, location, objects: Vec::new(), events: Vec::new() }
    }
}

impl From<&Violation> for Finding {
    fn from(violation: &Violation) -> Self {
        Self {
            rule: violation.rule.to_string(),
            message: violation.message.clone(),
            source: violation.rule.source().to_owned(),
            location: violation.location.as_ref().map(ToString::to_string),
            objects: violation.objects.clone(),
            events: violation.events.iter().map(ToString::to_string).collect(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.rule, self.message)?;
        if !self.source.is_empty() {
            writeln!(f, "    source  {}", self.source)?;
        }
        if let Some(location) = &self.location {
            writeln!(f, "    at      {location}")?;
        }
        for object in &self.objects {
            writeln!(f, "    object  {object}")?;
        }
        for event in &self.events {
            writeln!(f, "    event   {event}")?;
        }
        Ok(())
    }
}

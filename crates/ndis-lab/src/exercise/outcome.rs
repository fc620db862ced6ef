//! What a story came to.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// What it did wrong, in the order it did.
    pub findings: Vec<Finding>,
    /// One line an event, as [`crate::Event`] describes, if the exercise keeps them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<String>,
}

impl Outcome {
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
    pub fn ended_by(seed: u64, fault: Option<u64>, finding: Finding) -> Self {
        let (allocations, calls, trace) = (0, 0, Vec::new());
        Self { seed, fault, allocations, calls, findings: vec![finding], trace }
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
    /// The rule's number and name; `bug check` for a fault, `hang` for a driver that is stuck.
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

use std::collections::{BTreeMap, BTreeSet};

use ndis_lab::Rule;

use super::Check;

/// What is wrong with a driver.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The rules that it broke, by number and name.
    pub(super) rules: BTreeSet<String>,
    /// The stories that it failed, and how.
    pub(super) stories: BTreeMap<String, Failure>,
    /// The checks of the self-test that it failed.
    pub(super) selftest: BTreeSet<String>,
}

/// How a story failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// A test that does not hold.
    Assertion,
    /// The process ended.
    BugCheck,
    /// The story did not end.
    TimeOut,
}

impl Findings {
    /// Whether a check reported something.
    pub(super) fn contain(&self, check: &Check) -> bool {
        let failed = |how| self.stories.values().any(|&failure| failure == how);
        match check {
            Check::Rule(rule) => self.rules.contains(rule),
            Check::Story(name) => self.stories.contains_key(name),
            Check::Selftest(name) => self.selftest.contains(name),
            Check::BugCheck => failed(Failure::BugCheck),
            Check::TimeOut => failed(Failure::TimeOut),
        }
    }

    /// Whether all of the checks reported something.
    pub(super) fn satisfy(&self, checks: &[Check]) -> bool {
        checks.iter().all(|check| self.contain(check))
    }

    /// Whether nothing is wrong.
    pub(super) fn are_none(&self) -> bool {
        self.stories.is_empty() && self.selftest.is_empty()
    }

    /// The stories that failed and how, and the checks of the self-test, a line each.
    pub(super) fn told(&self) -> String {
        let line = |(name, how): (&String, &Failure)| format!("    {how:?} in {name}\n");
        let check = |name: &String| format!("    selftest {name}\n");
        self.stories.iter().map(line).chain(self.selftest.iter().map(check)).collect()
    }

    /// Adds a story that failed, with what it printed.
    pub(super) fn add(&mut self, story: &str, failure: Failure, output: &str) {
        self.stories.insert(story.to_owned(), failure);
        let heads = output.lines().filter_map(|line| line.split_once(": "));
        let heads: BTreeSet<_> = heads.map(|(head, _)| head).collect();
        let rules = Rule::ALL.iter().map(ToString::to_string);
        self.rules.extend(rules.filter(|rule| heads.contains(rule.as_str())));
    }
}

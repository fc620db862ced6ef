//! What a lab found about a driver.

use std::fmt;

use crate::rule::Rule;
use crate::violation::Violation;

/// What a lab found, when the driver is gone.
#[derive(Clone, Debug)]
#[must_use = "a verdict says whether the driver kept the rules"]
#[non_exhaustive]
pub struct Verdict {
    /// Every breach, leaks among them, in the order they happened.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// Whether the driver kept every rule.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// The rules that were broken, in the order they were.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        self.violations.iter().map(|violation| violation.rule).collect()
    }

    /// Stops a test if the driver broke a rule.
    ///
    /// # Panics
    ///
    /// If there is any violation; the message tells all of them.
    #[track_caller]
    pub fn expect_clean(&self) {
        assert!(self.is_clean(), "the driver broke {} rules\n{self}", self.violations.len());
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return writeln!(f, "no rule was broken");
        }
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}

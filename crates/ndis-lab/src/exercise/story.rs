//! What a story is decided by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::schedule::{Act, Switch};

/// What a story is decided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// Decides what adapters and actors are like and what they do, and their order.
    pub seed: u64,
    /// The allocation that fails, from 1; the story is a short one then.
    pub fault: Option<u64>,
    /// What actors do of what the seed would have them do, if not all.
    pub acts: Option<Vec<Act>>,
    /// The unusual decisions of the schedule, instead of those that the seed would make.
    pub switches: Option<Vec<Switch>>,
}

impl Story {
    /// The story of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, fault: None, acts: None, switches: None }
    }

    /// The story of a seed, shortened, with one allocation failing.
    #[must_use]
    pub fn with_fault(seed: u64, fault: u64) -> Self {
        Self { fault: Some(fault), ..Self::of(seed) }
    }

    /// The numbers of the steps that an actor does, if it does not do all.
    pub(crate) fn steps_of(&self, actor: usize) -> Option<BTreeSet<u64>> {
        let acts = self.acts.as_ref()?.iter();
        Some(acts.filter(|act| act.actor == actor).map(|act| act.number).collect())
    }
}

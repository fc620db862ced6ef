//! Stakes in an injection.

use super::injection::Injection;
use crate::ndis::{Shared, Shares, Waiting};
use core::{ops::Deref, sync::atomic::Ordering};

/// An injection and its request.
pub type SharedInjection = Shared<Waiting<Injection>>;

/// What keeps an injection from its end: the queue has a stake in it, and each list under way.
///
/// With the last of them, its request is answered.
pub struct Stake {
    injection: Shares<Waiting<Injection>>,
}

impl Stake {
    /// All stakes in an injection that has just begun: one for the queue, and as many as its frames
    /// can take lists.
    pub(super) fn new(injection: &SharedInjection) -> Self {
        let count = injection.frames().saturating_add(1);
        injection.stakes.store(count, Ordering::Relaxed);
        Self { injection: Shares::new(injection, count) }
    }

    /// Parts one from the others, for a list; `None` if there are no others.
    pub(super) fn part(&mut self) -> Option<Self> {
        self.injection.part().map(|injection| Self { injection })
    }

    /// An owner of the injection who has no stake in it.
    pub(super) fn owner(&self) -> SharedInjection {
        self.injection.owner()
    }
}

impl Deref for Stake {
    type Target = Waiting<Injection>;

    fn deref(&self) -> &Waiting<Injection> {
        &self.injection
    }
}

impl Drop for Stake {
    fn drop(&mut self) {
        let count = self.injection.count();
        // Release and Acquire: all statuses are set before they are told.
        if self.injection.stakes.fetch_sub(count, Ordering::AcqRel) == count {
            Injection::end(&self.injection);
        }
    }
}

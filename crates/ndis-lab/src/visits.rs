//! Who is inside a driver.

use std::sync::Mutex;
use std::time::Duration;

use crate::sync::{self, lock};

/// How long those who are inside are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The calls into drivers that have not returned yet.
#[derive(Debug, Default)]
pub(crate) struct Visits(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    going_on: Vec<u64>,
}

/// A call into a driver, until it is dropped.
#[derive(Debug)]
pub(crate) struct Visit<'v> {
    visits: &'v Visits,
    number: u64,
}

impl Visits {
    /// Notes that a call begins.
    pub(crate) fn begin(&self) -> Visit<'_> {
        let mut state = lock(&self.0);
        state.next += 1;
        let number = state.next;
        state.going_on.push(number);
        Visit { visits: self, number }
    }

    /// Waits until all calls that go on now have returned, for a second at most: what they are in
    /// the midst of is done then.
    pub(crate) fn wait_for_those_inside(&self) {
        let inside = lock(&self.0).going_on.clone();
        let all_left = || {
            let state = lock(&self.0);
            !inside.iter().any(|number| state.going_on.contains(number))
        };
        sync::poll(None, Some(PATIENCE), all_left);
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.visits.0);
        state.going_on.retain(|&number| number != self.number);
    }
}

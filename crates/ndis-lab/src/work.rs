//! What happens later: deferred completions, procedures, work items, timers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Something to do on another thread.
type Job = Box<dyn FnOnce() + Send>;

struct Entry {
    key: u64,
    due: Instant,
    timer: bool,
    job: Job,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    running: bool,
    started: bool,
    stopped: bool,
}

/// A thread that runs jobs in order, each when it is due.
#[derive(Clone, Default)]
pub(crate) struct WorkQueue {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkQueue")
    }
}

impl WorkQueue {
    /// Runs a job soon. The key is for [`WorkQueue::cancel`].
    pub(crate) fn push(&self, key: u64, job: impl FnOnce() + Send + 'static) {
        self.insert(Entry { key, due: Instant::now(), timer: false, job: Box::new(job) });
    }

    /// Runs a job after a while.
    pub(crate) fn push_after(
        &self,
        key: u64,
        delay: Duration,
        job: impl FnOnce() + Send + 'static,
    ) {
        let due = Instant::now() + delay;
        self.insert(Entry { key, due, timer: true, job: Box::new(job) });
    }

    fn insert(&self, entry: Entry) {
        let mut state = lock(&self.shared.0);
        state.entries.push_back(entry);
        if !state.started {
            state.started = true;
            let shared = Arc::clone(&self.shared);
            thread::spawn(move || run(&shared));
        }
        self.shared.1.notify_all();
    }

    /// Takes a job back; says whether it was still waiting.
    pub(crate) fn cancel(&self, key: u64) -> bool {
        let mut state = lock(&self.shared.0);
        let before = state.entries.len();
        state.entries.retain(|entry| entry.key != key);
        self.shared.1.notify_all();
        before != state.entries.len()
    }

    /// Waits until nothing is running and only timers wait.
    pub(crate) fn settle(&self) {
        let mut state = lock(&self.shared.0);
        while state.running || state.entries.iter().any(|entry| !entry.timer) {
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the thread end when it has nothing to do.
    pub(crate) fn stop(&self) {
        lock(&self.shared.0).stopped = true;
        self.shared.1.notify_all();
    }
}

fn run((state, changed): &(Mutex<State>, Condvar)) {
    let mut guard = lock(state);
    loop {
        let now = Instant::now();
        if let Some(index) = guard.entries.iter().position(|entry| entry.due <= now) {
            let Some(entry) = guard.entries.remove(index) else { continue };
            guard.running = true;
            drop(guard);
            (entry.job)();
            guard = lock(state);
            guard.running = false;
            changed.notify_all();
        } else if let Some(next) = guard.entries.iter().map(|entry| entry.due).min() {
            let wait = next.saturating_duration_since(now);
            guard = changed.wait_timeout(guard, wait).unwrap_or_else(PoisonError::into_inner).0;
        } else if guard.stopped {
            return;
        } else {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

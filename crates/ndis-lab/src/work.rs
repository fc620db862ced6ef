//! What happens later: deferred completions, procedures, work items, timers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::schedule::core::{Job, On, Task};
use crate::schedule::session;
use crate::sync::lock;

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
    worker: Option<ThreadId>,
    stopped: bool,
}

/// A thread that runs jobs in order, each when it is due.
#[derive(Clone, Default)]
pub(crate) struct WorkQueue {
    shared: Arc<(Mutex<State>, Condvar)>,
    /// Whether its jobs run at DISPATCH_LEVEL.
    procedures: bool,
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkQueue")
    }
}

impl WorkQueue {
    /// A queue of what runs at DISPATCH_LEVEL.
    pub(crate) fn of_procedures() -> Self {
        Self { procedures: true, ..Self::default() }
    }

    /// What it is known by under a schedule.
    fn identity(&self) -> usize {
        Arc::as_ptr(&self.shared) as usize
    }

    /// Gives a job to the schedule that this thread is under, if it is; else gives it back.
    fn schedule(
        &self,
        key: u64,
        delay: Option<Duration>,
        processor: Option<usize>,
        job: Job,
    ) -> Result<(), Job> {
        let (queue, timer, procedure) = (self.identity(), delay.is_some(), self.procedures);
        session::push(Task { queue, key, procedure, timer, processor, job }, delay)
    }

    /// Runs a job soon, on this processor. The key is for [`WorkQueue::cancel`].
    pub(crate) fn push_here(&self, key: u64, job: impl FnOnce() + Send + 'static) {
        if let Err(job) = self.schedule(key, None, session::processor(), Box::new(job)) {
            self.insert(Entry { key, due: Instant::now(), timer: false, job });
        }
    }

    /// Runs a job soon, on any processor. The key is for [`WorkQueue::cancel`].
    pub(crate) fn push(&self, key: u64, job: impl FnOnce() + Send + 'static) {
        if let Err(job) = self.schedule(key, None, None, Box::new(job)) {
            self.insert(Entry { key, due: Instant::now(), timer: false, job });
        }
    }

    /// Runs a job after a while.
    pub(crate) fn push_after(
        &self,
        key: u64,
        delay: Duration,
        job: impl FnOnce() + Send + 'static,
    ) {
        if let Err(job) = self.schedule(key, Some(delay), None, Box::new(job)) {
            let due = Instant::now() + delay;
            self.insert(Entry { key, due, timer: true, job });
        }
    }

    fn insert(&self, entry: Entry) {
        let mut state = lock(&self.shared.0);
        state.entries.push_back(entry);
        if state.worker.is_none() {
            let shared = Arc::clone(&self.shared);
            state.worker = Some(thread::spawn(move || run(&shared)).thread().id());
        }
        self.shared.1.notify_all();
    }

    /// Takes a job back; says whether it was still waiting.
    pub(crate) fn cancel(&self, key: u64) -> bool {
        let scheduled = session::cancel(self.identity(), key).unwrap_or(false);
        let mut state = lock(&self.shared.0);
        let before = state.entries.len();
        state.entries.retain(|entry| entry.key != key);
        self.shared.1.notify_all();
        scheduled || before != state.entries.len()
    }

    /// Waits until nothing is running and only timers wait. The queue's own thread, which would
    /// wait for itself, runs what waits instead.
    pub(crate) fn settle(&self) {
        if session::is_active() {
            session::wait(On::Queue(self.identity()), None);
            return;
        }
        let mut state = lock(&self.shared.0);
        if state.worker == Some(thread::current().id()) {
            while let Some(entry) = take_due(&mut state) {
                drop(state);
                (entry.job)();
                state = lock(&self.shared.0);
            }
            return;
        }
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

/// The first job that is due.
fn take_due(state: &mut State) -> Option<Entry> {
    let now = Instant::now();
    let index = state.entries.iter().position(|entry| entry.due <= now)?;
    state.entries.remove(index)
}

fn run((state, changed): &(Mutex<State>, Condvar)) {
    let mut guard = lock(state);
    loop {
        if let Some(entry) = take_due(&mut guard) {
            guard.running = true;
            drop(guard);
            (entry.job)();
            guard = lock(state);
            guard.running = false;
            changed.notify_all();
        } else if let Some(next) = guard.entries.iter().map(|entry| entry.due).min() {
            let wait = next.saturating_duration_since(Instant::now());
            guard = changed.wait_timeout(guard, wait).unwrap_or_else(PoisonError::into_inner).0;
        } else if guard.stopped {
            return;
        } else {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

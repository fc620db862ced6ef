//! The state of a run: its threads, who of them can go on, its time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::irql::Irql;
use crate::schedule::record::{Object, Record};
use crate::schedule::strategy::{Choice, Chooser, Random, Switch};
use crate::sync::lock;

/// Something that a thread of the lab is to do.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// A spin lock, by its address.
    Lock(u64),
    /// Whoever wakes waiters for this address.
    Key(u64),
    /// That anything happens: it may be what the thread waits for.
    Change,
    /// Nothing but time.
    Time,
    /// That a queue of later work is empty.
    Queue(usize),
    /// The end of a thread.
    Thread(usize),
    /// The end of every other thread.
    Others,
}

/// A thread that waits.
#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) on: On,
    pub(crate) deadline: Option<u64>,
    /// How many changes there were when the wait began.
    pub(crate) changes: u64,
    pub(crate) woken: bool,
    pub(crate) expired: bool,
}

/// What a thread waits at for its turn.
#[derive(Debug, Default)]
pub(crate) struct Baton {
    here: Mutex<bool>,
    changed: Condvar,
}

impl Baton {
    pub(crate) fn pass(&self) {
        *lock(&self.here) = true;
        self.changed.notify_one();
    }

    pub(crate) fn take(&self) {
        let mut here = lock(&self.here);
        while !*here {
            here = self.changed.wait(here).unwrap_or_else(PoisonError::into_inner);
        }
        *here = false;
    }
}

/// Later work that came into a queue.
pub(crate) struct Task {
    /// The queue's identity.
    pub(crate) queue: usize,
    pub(crate) key: u64,
    /// Whether it runs at DISPATCH_LEVEL, on a processor of its own choice.
    pub(crate) procedure: bool,
    /// Whether a timer brought it.
    pub(crate) timer: bool,
    /// The processor that it belongs to; `None` lets the seed say.
    pub(crate) processor: Option<usize>,
    pub(crate) job: Job,
}

/// A virtual thread.
pub(crate) struct Thread {
    pub(crate) role: &'static str,
    pub(crate) wait: Option<Wait>,
    pub(crate) level: Irql,
    pub(crate) processor: usize,
    /// The number of its last act.
    pub(crate) act: u64,
    /// How many scheduling points it has reached since.
    pub(crate) points: u64,
    /// Whether it has done nothing since it last waited for a change.
    pub(crate) polling: bool,
    pub(crate) baton: Arc<Baton>,
    /// The job that it begins with, until it does.
    pub(crate) task: Option<Task>,
    /// The queue that it came from.
    pub(crate) queue: Option<usize>,
    pub(crate) procedure: bool,
    /// What the callbacks that it is in are about.
    pub(crate) entered: Vec<Object>,
    /// Where its stack was when it began.
    pub(crate) stack: u64,
    pub(crate) done: bool,
}

/// The state of a run.
pub(crate) struct Core {
    pub(crate) threads: Vec<Thread>,
    /// Threads that are not done, lowest first.
    live: Vec<usize>,
    processors: usize,
    /// Virtual time since the start of the run, in units of 100 nanoseconds.
    pub(crate) now: u64,
    chooser: Chooser,
    /// Places later work on processors.
    random: Random,
    /// Timers by when they are due and the order in which they were set.
    timers: BTreeMap<(u64, u64), Task>,
    next_timer: u64,
    /// Spin locks that are held, and by whom.
    pub(crate) locks: HashMap<u64, usize>,
    pub(crate) record: Record,
    pub(crate) switches: Vec<Switch>,
    pub(crate) decisions: u64,
    /// How often anything happened that some thread may wait for.
    pub(crate) changes: u64,
    /// How many decisions the current thread has run for.
    streak: u64,
}

/// After how many decisions for the same thread others come first.
const TIRED: u64 = 5_000;

/// After how many decisions a run is given up.
const ENDLESS: u64 = 20_000_000;

impl Core {
    pub(crate) fn new(processors: usize, chooser: Chooser, seed: u64, now: u64) -> Self {
        Self {
            threads: Vec::new(),
            live: Vec::new(),
            processors: processors.max(1),
            now,
            chooser,
            random: Random::new(!seed),
            timers: BTreeMap::new(),
            next_timer: 0,
            locks: HashMap::new(),
            record: Record::default(),
            switches: Vec::new(),
            decisions: 0,
            changes: 0,
            streak: 0,
        }
    }

    /// Adds a thread that can go on, and returns its number.
    pub(crate) fn add(&mut self, role: &'static str, task: Option<Task>) -> usize {
        let number = self.threads.len();
        let procedure = task.as_ref().is_some_and(|task| task.procedure);
        let wished = task.as_ref().and_then(|task| task.processor);
        let processor = wished.unwrap_or_else(|| self.random.below(self.processors));
        self.threads.push(Thread {
            role,
            wait: None,
            level: if procedure { Irql::DISPATCH } else { Irql::PASSIVE },
            processor,
            act: 0,
            points: 0,
            polling: false,
            baton: Arc::default(),
            queue: task.as_ref().map(|task| task.queue),
            procedure,
            task,
            entered: Vec::new(),
            stack: 0,
            done: false,
        });
        self.live.push(number);
        number
    }

    pub(crate) fn add_task(&mut self, task: Task) -> usize {
        let role = match (task.timer, task.procedure) {
            (true, _) => "a timer",
            (false, true) => "a procedure",
            (false, false) => "a work item",
        };
        self.add(role, Some(task))
    }

    pub(crate) fn add_timer(&mut self, due: u64, task: Task) {
        self.next_timer += 1;
        self.timers.insert((due, self.next_timer), task);
    }

    /// Timers that are not due, with what is left of their time.
    pub(crate) fn take_timers(&mut self) -> Vec<(u64, Task)> {
        let timers = std::mem::take(&mut self.timers);
        timers.into_iter().map(|((due, _), task)| (due.saturating_sub(self.now), task)).collect()
    }

    /// Ends a thread.
    pub(crate) fn end(&mut self, thread: usize) {
        self.changes += 1;
        self.threads[thread].done = true;
        self.threads[thread].task = None;
        self.live.retain(|&it| it != thread);
    }

    /// Takes work back that has not begun; says whether there was any. A timer that is due is
    /// past that.
    pub(crate) fn cancel(&mut self, queue: usize, key: u64) -> bool {
        let before = self.timers.len();
        self.timers.retain(|_, task| task.queue != queue || task.key != key);
        let matches = |task: &Task| task.queue == queue && task.key == key && !task.timer;
        let waiting: Vec<usize> = self
            .live
            .iter()
            .copied()
            .filter(|&it| self.threads[it].task.as_ref().is_some_and(matches))
            .collect();
        for &thread in &waiting {
            self.end(thread);
        }
        before != self.timers.len() || !waiting.is_empty()
    }

    /// Whether what a thread waits for has come about.
    pub(crate) fn is_satisfied(&self, thread: usize) -> bool {
        let Some(wait) = &self.threads[thread].wait else { return true };
        wait.woken
            || match wait.on {
                On::Lock(address) => !self.locks.contains_key(&address),
                On::Key(_) | On::Time => false,
                On::Change => wait.changes != self.changes,
                On::Thread(other) => self.threads[other].done,
                On::Others => self.live.len() == 1,
                // Two that wait for the queue's end, each in a job of it, do not wait for each
                // other.
                On::Queue(queue) => !self.live.iter().any(|&other| {
                    let it = &self.threads[other];
                    let waits = it.wait.as_ref().is_some_and(|wait| wait.on == On::Queue(queue));
                    other != thread && it.queue == Some(queue) && !waits
                }),
            }
    }

    /// Who holds each processor at DISPATCH_LEVEL.
    fn pinned(&self) -> Vec<bool> {
        let mut pinned = vec![false; self.processors];
        for &it in &self.live {
            let thread = &self.threads[it];
            if thread.task.is_none() && thread.level >= Irql::DISPATCH {
                pinned[thread.processor] = true;
            }
        }
        pinned
    }

    /// The threads that can go on, lowest first.
    fn candidates(&self) -> Vec<usize> {
        let pinned = self.pinned();
        let is_free = |processor: usize| !pinned[processor];
        let any_free = pinned.iter().any(|pinned| !pinned);
        // Procedures of a processor run in order.
        let mut queued = vec![false; self.processors];
        let mut candidates = Vec::new();
        for &it in &self.live {
            let thread = &self.threads[it];
            let begun = thread.task.is_none();
            let has_room = if thread.procedure && !begun {
                is_free(thread.processor) && !queued[thread.processor]
            } else {
                thread.level >= Irql::DISPATCH || any_free
            };
            if thread.procedure {
                queued[thread.processor] = true;
            }
            let expired = thread.wait.as_ref().is_some_and(|wait| wait.expired);
            if has_room && (expired || self.is_satisfied(it)) {
                candidates.push(it);
            }
        }
        candidates
    }

    /// Lets time pass until something happens; says whether anything ever will.
    fn advance(&mut self) -> bool {
        let deadline = |it: &usize| {
            let wait = self.threads[*it].wait.as_ref()?;
            wait.deadline.filter(|_| !wait.expired)
        };
        let first_wait = self.live.iter().filter_map(deadline).min();
        let first_timer = self.timers.keys().next().map(|&(due, _)| due);
        let Some(first) = first_wait.into_iter().chain(first_timer).min() else { return false };
        self.now = self.now.max(first);
        self.changes += 1;
        for &it in &self.live {
            if let Some(wait) = &mut self.threads[it].wait {
                wait.expired |= wait.deadline.is_some_and(|deadline| deadline <= self.now);
            }
        }
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let task = entry.remove();
            self.add_task(task);
        }
        true
    }

    /// Chooses who goes on after a thread that reached a point, waits or is done.
    pub(crate) fn choose(&mut self, last: usize) -> Option<usize> {
        let candidates = loop {
            let candidates = self.candidates();
            if !candidates.is_empty() {
                break candidates;
            }
            if !self.advance() {
                return None;
            }
        };
        self.decisions += 1;
        if self.decisions > ENDLESS {
            return None;
        }
        let tired = self.streak > TIRED;
        let next_in_turn = candidates.iter().copied().find(|&it| it > last);
        let usual = if candidates.contains(&last) && !tired {
            last
        } else {
            next_in_turn.unwrap_or(candidates[0])
        };
        let mut next = usual;
        let Thread { act, points: point, .. } = self.threads[last];
        if candidates.len() > 1 {
            let choice = Choice { last: (last, act, point), candidates: &candidates, usual, tired };
            next = self.chooser.choose(&choice);
        }
        if next != usual {
            self.switches.push(Switch { thread: last, act, point, to: next });
        }
        self.streak = if next == last { self.streak + 1 } else { 0 };
        self.place(next);
        Some(next)
    }

    /// Finds a processor for a thread that is to go on.
    fn place(&mut self, next: usize) {
        let thread = &self.threads[next];
        if thread.level >= Irql::DISPATCH {
            return;
        }
        let pinned = self.pinned();
        if pinned[thread.processor] {
            let free = pinned.iter().position(|pinned| !pinned).unwrap_or(thread.processor);
            self.threads[next].processor = free;
        }
    }

    /// Lets those go on that wait for an address.
    pub(crate) fn wake(&mut self, key: u64) {
        for &it in &self.live {
            if let Some(wait) = &mut self.threads[it].wait {
                wait.woken |= wait.on == On::Key(key);
            }
        }
    }

    /// A line for each thread that waits.
    pub(crate) fn describe_waiting(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for &it in &self.live {
            let thread = &self.threads[it];
            let Some(wait) = &thread.wait else { continue };
            let waits_for = match wait.on {
                On::Lock(address) => match self.locks.get(&address) {
                    Some(&holder) if holder < self.threads.len() => {
                        format!("spin lock {address:#x}, which thread {holder} holds")
                    }
                    _ => format!("spin lock {address:#x}"),
                },
                On::Key(address) => format!("{address:#x} to be signalled"),
                On::Change => "something to change".to_owned(),
                On::Time => "its time".to_owned(),
                On::Queue(_) => "later work to be done".to_owned(),
                On::Thread(other) => format!("the end of thread {other}"),
                On::Others => "the end of every thread".to_owned(),
            };
            lines.push(format!("thread {it}, {}, waits for {waits_for}", thread.role));
        }
        lines
    }
}

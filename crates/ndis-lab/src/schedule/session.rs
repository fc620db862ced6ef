//! A run under a schedule: one thread of the system for each virtual thread, of which exactly one
//! runs, the one that was passed the baton.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::irql::{self, Irql};
use crate::rule::Rule;
use crate::schedule::core::{Core, Job, On, Task, Wait};
use crate::schedule::last_words::LastWords;
use crate::schedule::pool;
use crate::schedule::record::{Act, Object, Step};
use crate::sync::lock;
use crate::trace::Way;

/// A run under a schedule.
pub(crate) struct Session {
    pub(crate) core: Mutex<Core>,
    /// What replays the run.
    pub(crate) replay: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.replay)
    }
}

/// The place of a thread of the system in a run.
#[derive(Clone)]
struct Seat {
    session: Arc<Session>,
    thread: usize,
}

thread_local! {
    static SEAT: RefCell<Option<Seat>> = const { RefCell::new(None) };
    static PROCESSOR: Cell<Option<usize>> = const { Cell::new(None) };
}

fn seat() -> Option<Seat> {
    // The last destructors of a thread may ask when its variables are gone.
    SEAT.try_with(|seat| seat.borrow().clone()).ok().flatten()
}

/// Whether this thread runs under a schedule.
pub(crate) fn is_active() -> bool {
    processor().is_some()
}

/// The virtual processor that this thread runs on, from 0.
pub(crate) fn processor() -> Option<usize> {
    PROCESSOR.try_with(Cell::get).ok().flatten()
}

/// The virtual thread that this thread is, from 0.
pub(crate) fn thread() -> Option<usize> {
    seat().map(|seat| seat.thread)
}

/// Units of 100 nanoseconds.
pub(crate) fn units(span: Duration) -> u64 {
    u64::try_from(span.as_nanos() / 100).unwrap_or(u64::MAX / 4)
}

/// The virtual time, in units of 100 nanoseconds.
pub(crate) fn now() -> Option<u64> {
    seat().map(|seat| lock(&seat.session.core).now)
}

/// Lets some units of time pass while this thread runs.
pub(crate) fn pass_time(units: u64) {
    if let Some(seat) = seat() {
        lock(&seat.session.core).now += units;
    }
}

/// A scheduling point: any thread may go on.
pub(crate) fn point() {
    if let Some(seat) = seat() {
        seat.pass(None);
    }
}

/// Waits; says whether it came about in time. Virtual time passes only while nobody can go on.
pub(crate) fn wait(on: On, patience: Option<Duration>) -> bool {
    seat().is_none_or(|seat| seat.pass(Some((on, patience))))
}

/// Waits for a spin lock that is taken, perhaps by nobody who is known.
pub(crate) fn wait_for_lock(address: u64, patience: Duration) -> bool {
    if let Some(seat) = seat() {
        lock(&seat.session.core).locks.entry(address).or_insert(usize::MAX);
    }
    wait(On::Lock(address), Some(patience))
}

/// Notes that this thread has a spin lock.
pub(crate) fn lock_taken(address: u64) {
    if let Some(seat) = seat() {
        lock(&seat.session.core).locks.insert(address, seat.thread);
    }
}

/// Notes that a spin lock is free.
pub(crate) fn lock_freed(address: u64) {
    if let Some(seat) = seat() {
        lock(&seat.session.core).locks.remove(&address);
    }
}

/// Lets those go on that wait for an address.
pub(crate) fn wake(key: u64) {
    if let Some(seat) = seat() {
        lock(&seat.session.core).wake(key);
    }
}

/// Who waits for what, a line each.
pub(crate) fn describe_waiting() -> Vec<String> {
    seat().map_or_else(Vec::new, |seat| lock(&seat.session.core).describe_waiting())
}

/// Notes an event.
pub(crate) fn note(way: Way, function: &'static str, object: u64) {
    let kind = match way {
        Way::IntoLab => '>',
        Way::IntoDriver => '<',
        Way::Return => '=',
    };
    if let Some(seat) = seat() {
        lock(&seat.session.core).note(seat.thread, kind, function, object);
    }
}

/// Notes that this thread, which is an actor, begins to act.
pub(crate) fn note_act(role: &'static str, act: Act) {
    let Some(seat) = seat() else { return };
    let mut core = lock(&seat.session.core);
    let thread = &mut core.threads[seat.thread];
    (thread.act, thread.points) = (act.number, 0);
    core.record.acts.push(act);
    core.note(seat.thread, '*', role, act.number);
}

/// Notes a breach.
pub(crate) fn note_violation(rule: Rule) {
    if let Some(seat) = seat() {
        lock(&seat.session.core).note(seat.thread, '!', rule.name(), 0);
    }
}

/// Notes that memory is gone.
pub(crate) fn forget(start: u64, size: usize) {
    if let Some(seat) = seat() {
        lock(&seat.session.core).record.forget(start, size);
    }
}

/// What replays the run that this thread is in.
pub(crate) fn replay() -> Option<String> {
    seat().map(|seat| seat.session.replay.clone())
}

/// Writes what is known of the run that this thread is in, for the process is about to end.
pub(crate) fn write_last_words() {
    let Some(seat) = seat() else { return };
    // A fault within the schedule's own code holds it already.
    if let Ok(core) = seat.session.core.try_lock() {
        LastWords::write(&core, &seat.session.replay);
    }
}

/// Brings later work into a run, after a delay if there is one; gives the job back if this thread
/// is in none.
pub(crate) fn push(task: Task, delay: Option<Duration>) -> Result<(), Job> {
    let Some(seat) = seat() else { return Err(task.job) };
    let mut core = lock(&seat.session.core);
    if let Some(delay) = delay {
        let due = core.now + units(delay);
        core.add_timer(due, task);
    } else {
        let number = core.add_task(task);
        core.note_birth(seat.thread, number);
    }
    Ok(())
}

/// Takes later work back; `None` if this thread is in no run.
pub(crate) fn cancel(queue: usize, key: u64) -> Option<bool> {
    seat().map(|seat| lock(&seat.session.core).cancel(queue, key))
}

impl Core {
    /// How far from its beginning a stack reaches.
    const STACK: u64 = 3 << 19;

    pub(crate) fn note(&mut self, thread: usize, kind: char, what: &'static str, object: u64) {
        let on_stack = |stack: u64| stack != 0 && stack.wrapping_sub(object) < Self::STACK;
        // Stacks are few: those of threads that are done may be another's by now.
        let stack = self.threads.iter().rposition(|it| !it.done && on_stack(it.stack));
        let entered = (kind == '=').then(|| self.threads[thread].entered.pop()).flatten();
        let object = entered.unwrap_or_else(|| match stack {
            Some(thread) => Object::Stack(thread),
            None => self.record.name(object),
        });
        if kind == '<' {
            self.threads[thread].entered.push(object);
        }
        let processor = self.threads[thread].processor;
        let irql = irql::current();
        self.record.push(Step { thread, processor, irql, kind, what, object });
    }

    pub(crate) fn note_birth(&mut self, parent: usize, child: usize) {
        let role = self.threads[child].role;
        self.note(parent, '+', role, child as u64);
    }
}

impl Session {
    /// Adds an actor: a thread that the caller brings.
    pub(crate) fn add_actor(self: &Arc<Self>) -> usize {
        let mut core = lock(&self.core);
        let number = core.add("an actor", None);
        if let Some(parent) = seat() {
            core.note_birth(parent.thread, number);
        }
        number
    }

    /// Gives this thread its place. All but the first wait for their turn.
    pub(crate) fn sit(self: &Arc<Self>, thread: usize, wait: bool) {
        let here = 0_u8;
        let baton = {
            let mut core = lock(&self.core);
            core.threads[thread].stack = std::ptr::from_ref(&here) as u64;
            Arc::clone(&core.threads[thread].baton)
        };
        SEAT.set(Some(Seat { session: Arc::clone(self), thread }));
        if wait {
            baton.take();
        }
        PROCESSOR.set(Some(lock(&self.core).threads[thread].processor));
    }

    /// Ends a thread that is not the first, which is this one, and passes the baton on.
    pub(crate) fn leave(self: &Arc<Self>, thread: usize) {
        SEAT.set(None);
        PROCESSOR.set(None);
        let mut core = lock(&self.core);
        core.end(thread);
        let Some(next) = core.choose(thread) else { give_up(&core, &self.replay) };
        hand_over(self, core, next);
    }

    /// Frees this thread, the first and last, from the run.
    pub(crate) fn end() {
        SEAT.set(None);
        PROCESSOR.set(None);
    }
}

/// Passes the baton, or starts the thread that it goes to.
fn hand_over(session: &Arc<Session>, mut core: MutexGuard<'_, Core>, next: usize) {
    let thread = &mut core.threads[next];
    let baton = Arc::clone(&thread.baton);
    let task = thread.task.take();
    drop(core);
    if let Some(task) = task {
        start(Arc::clone(session), next, task);
    }
    baton.pass();
}

fn start(session: Arc<Session>, thread: usize, task: Task) {
    pool::run(move || {
        session.sit(thread, true);
        let level = if task.procedure { Irql::DISPATCH } else { Irql::PASSIVE };
        let before = irql::replace(level);
        (task.job)();
        irql::replace(before);
        session.leave(thread);
    });
}

/// Nobody can go on, ever: the lab's own fault, or a run without an end.
fn give_up(core: &Core, replay: &str) -> ! {
    eprintln!(
        "\n*** {}: nobody can go on after {} decisions; {replay}",
        LastWords::STUCK,
        core.decisions
    );
    for line in core.describe_waiting() {
        eprintln!("    {line}");
    }
    LastWords::write(core, replay);
    std::process::abort()
}

impl Seat {
    /// Reaches a scheduling point, at which this thread may have to wait for something; says
    /// whether that came about in time.
    fn pass(&self, wait: Option<(On, Option<Duration>)>) -> bool {
        let me = self.thread;
        let mut core = lock(&self.session.core);
        let now = core.now;
        let polls = matches!(wait, Some((On::Change, _)));
        let idle = std::mem::replace(&mut core.threads[me].polling, polls) && polls;
        core.changes += u64::from(!idle);
        let changes = core.changes;
        let thread = &mut core.threads[me];
        thread.level = irql::current();
        thread.points += 1;
        thread.wait = wait.map(|(on, patience)| Wait {
            on,
            deadline: patience.map(|patience| now + units(patience)),
            changes,
            woken: false,
            expired: false,
        });
        let Some(next) = core.choose(me) else { give_up(&core, &self.session.replay) };
        if next != me {
            let baton = Arc::clone(&core.threads[me].baton);
            hand_over(&self.session, core, next);
            baton.take();
            core = lock(&self.session.core);
        }
        PROCESSOR.set(Some(core.threads[me].processor));
        let came = core.is_satisfied(me);
        core.threads[me].wait = None;
        came
    }
}

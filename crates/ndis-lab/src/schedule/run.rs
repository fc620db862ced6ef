//! Actors of a test, under a schedule or as ordinary threads.

use std::sync::{Arc, Mutex};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use crate::lab::Lab;
use crate::machine::Machine;
use crate::schedule::core::{Core, On};
use crate::schedule::session::{self, Session};
use crate::schedule::{Log, Schedule};
use crate::sync::lock;

/// Where actors are spawned: see [`Lab::run`].
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    threads: &'scope thread::Scope<'scope, 'env>,
    session: Option<Arc<Session>>,
}

/// An actor that was spawned. It goes on when this is dropped.
#[derive(Debug)]
pub struct Actor<'scope, T> {
    handle: ScopedJoinHandle<'scope, T>,
    number: usize,
}

impl<'scope> Scope<'scope, '_> {
    /// Lets something run at the same time as the rest.
    pub fn spawn<T, F>(&self, work: F) -> Actor<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let Some(session) = &self.session else {
            return Actor { handle: self.threads.spawn(work), number: 0 };
        };
        let number = session.add_actor();
        let place = Place { session: Arc::clone(session), thread: number };
        let handle = self.threads.spawn(move || {
            place.session.sit(number, true);
            let _place = place;
            work()
        });
        session::point();
        Actor { handle, number }
    }

    /// Lets this thread sleep: in virtual time under a schedule.
    pub fn sleep(&self, span: Duration) {
        if self.session.is_some() {
            session::wait(On::Time, Some(span));
        } else {
            thread::sleep(span);
        }
    }
}

impl<T> Actor<'_, T> {
    /// Waits for the actor to end and returns what it returned.
    ///
    /// # Panics
    ///
    /// If the actor did.
    pub fn join(self) -> T {
        session::wait(On::Thread(self.number), None);
        match self.handle.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// A thread's place in a run, which it leaves at its end, also when it panics.
struct Place {
    session: Arc<Session>,
    thread: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.session.leave(self.thread);
    }
}

/// The whole of a run, which ends when every thread has.
struct Whole<'a> {
    session: Arc<Session>,
    machine: &'a Arc<Machine>,
    schedule: &'a Schedule,
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        session::wait(On::Others, None);
        let mut core = lock(&self.session.core);
        let timers = core.take_timers();
        self.machine.set_clock(core.now);
        *lock(&self.schedule.log) = Some(Log {
            steps: std::mem::take(&mut core.record.steps),
            acts: std::mem::take(&mut core.record.acts),
            switches: std::mem::take(&mut core.switches),
            decisions: core.decisions,
        });
        drop(core);
        Session::end();
        for (left, task) in timers {
            self.machine.put_back(left, task);
        }
    }
}

impl Lab {
    /// Runs several actors at once: traffic from below and above, requests, changes of state.
    ///
    /// In a lab with a [`Schedule`], this thread and those that [`Scope::spawn`] makes are virtual
    /// threads, and so is every deferred completion, procedure, timer and work item meanwhile;
    /// the schedule decides who goes on at every call of the driver, at its return, and at every
    /// call into the driver. Returns when all of them have ended and nothing but timers waits.
    /// In any other lab they are ordinary threads.
    ///
    /// What is done with the lab before and after is not under the schedule.
    ///
    /// # Panics
    ///
    /// If an actor did, or if this thread is already in a run.
    pub fn run<'env, T>(&self, story: impl for<'scope> FnOnce(&Scope<'scope, 'env>) -> T) -> T {
        let machine = self.machine();
        let Some(schedule) = machine.options.schedule.clone() else {
            return thread::scope(|threads| story(&Scope { threads, session: None }));
        };
        assert!(!session::is_active(), "a run within a run");
        machine.settle();
        let core =
            Core::new(schedule.processors, schedule.chooser(), schedule.seed, machine.clock());
        let session =
            Arc::new(Session { core: Mutex::new(core), replay: format!("SEED={schedule}") });
        thread::scope(|threads| {
            let first = session.add_actor();
            session.sit(first, false);
            let whole = Whole { session: Arc::clone(&session), machine, schedule: &schedule };
            let scope = Scope { threads, session: Some(session) };
            let result = story(&scope);
            drop(whole);
            result
        })
    }
}

//! Those who act on a driver at the same time.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::exercise::chance::Chance;
use crate::lab::Lab;
use crate::schedule::{Act, Actor as Spawned, Scope, session};
use crate::sync;

/// One who acts on the driver, a step at a time.
pub(crate) trait Actor: Send {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Does a step, as chance has it.
    fn step(&mut self, chance: &mut Chance);

    /// Puts right what others would wait for.
    fn end(&mut self) {}
}

/// An actor, its stream of chance, and how many steps it does.
pub(crate) struct Role {
    pub(crate) actor: Box<dyn Actor>,
    pub(crate) chance: Chance,
    pub(crate) steps: u64,
    /// The numbers of the steps that it does, if it does not do all.
    pub(crate) only: Option<BTreeSet<u64>>,
}

/// Calls for whoever gives back what is held: actors ring it when they begin to wait.
#[derive(Debug, Default)]
pub(crate) struct Bell(AtomicU64);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
        session::wake(self.key());
    }

    /// Waits until it has rung.
    fn wait(&self) {
        sync::poll(Some(self.key()), None, || self.rung() > 0);
    }

    /// Waits until it has rung more than so many times. On real threads, who rings may come to
    /// wait just after it was answered: there it is not waited for longer than a moment.
    fn listen(&self, rung: u64) {
        const MOMENT: Duration = Duration::from_micros(50);
        let patience = (!session::is_active()).then_some(MOMENT);
        sync::poll(Some(self.key()), patience, || self.rung() > rung);
    }

    fn rung(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn key(&self) -> u64 {
        std::ptr::from_ref(self) as u64
    }
}

/// Lets actors act at the same time, each until its steps are done or a rule is broken. Meanwhile
/// `tend` is called whenever the bell rings; what went wrong in an actor is returned as text.
pub(crate) fn act(
    scope: &Scope<'_, '_>,
    lab: &Lab,
    roles: Vec<Role>,
    bell: &Arc<Bell>,
    tend: impl Fn(),
) -> Vec<String> {
    let left = Arc::new(AtomicU64::new(roles.len() as u64));
    // None begins before all are there: so an actor has the same number in every story.
    let begin = Arc::new(Bell::default());
    let spawn = |(actor, role)| {
        let (lab, bell, left) = (lab.clone(), Arc::clone(bell), Arc::clone(&left));
        let begin = Arc::clone(&begin);
        scope.spawn(move || {
            begin.wait();
            let trouble = play(role, actor, &lab);
            left.fetch_sub(1, Ordering::AcqRel);
            bell.ring();
            trouble
        })
    };
    let actors: Vec<_> = roles.into_iter().enumerate().map(spawn).collect();
    begin.ring();
    loop {
        let rung = bell.rung();
        tend();
        if left.load(Ordering::Acquire) == 0 {
            break;
        }
        bell.listen(rung);
    }
    actors.into_iter().filter_map(Spawned::join).collect()
}

/// Plays a role; says what stopped it, if anything did.
fn play(mut role: Role, actor: usize, lab: &Lab) -> Option<String> {
    let played = panic::catch_unwind(AssertUnwindSafe(|| {
        for number in 1..=role.steps {
            if !lab.verdict().is_clean() {
                break;
            }
            // A stream for each, so that no step depends on those before it.
            let mut chance = role.chance.fork();
            if role.only.as_ref().is_some_and(|only| !only.contains(&number)) {
                continue;
            }
            session::note_act(role.actor.name(), Act { actor, number });
            role.actor.step(&mut chance);
            if chance.one_in(8) {
                sync::sleep(Duration::from_micros(chance.between(0..=200)));
            }
        }
        role.actor.end();
    }));
    played.err().map(|cause| text(&*cause))
}

/// The message of a panic.
fn text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("it has no message").to_owned()
}

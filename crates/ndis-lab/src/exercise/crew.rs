//! Those who act on a driver at the same time.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use crate::exercise::chance::Chance;

/// One who acts on the driver, a step at a time.
pub(crate) trait Actor: Send {
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
}

/// Lets actors act at the same time, each until its steps are done or `stop` says so. Meanwhile
/// `tend` is called over and over; what went wrong in an actor is returned as text.
pub(crate) fn act(
    roles: Vec<Role>,
    stop: &(dyn Fn() -> bool + Sync),
    tend: impl Fn(),
) -> Vec<String> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            roles.into_iter().map(|role| scope.spawn(move || play(role, stop))).collect();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            tend();
            breathe();
        }
        threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

/// Plays a role; says what stopped it, if anything did.
fn play(mut role: Role, stop: &(dyn Fn() -> bool + Sync)) -> Option<String> {
    let played = panic::catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..role.steps {
            if stop() {
                break;
            }
            role.actor.step(&mut role.chance);
            if role.chance.one_in(8) {
                thread::sleep(Duration::from_micros(role.chance.between(0..=200)));
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

/// Lets others go on.
pub(crate) fn breathe() {
    thread::sleep(Duration::from_micros(50));
}

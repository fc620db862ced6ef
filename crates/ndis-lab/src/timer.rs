//! Timers, of the kernel and of NDIS: what is done when they are due, once or again and again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::machine::Machine;
use crate::sync::lock;

/// Timers that fire again, each until its flag is cleared.
pub(crate) type Periodic = Mutex<HashMap<u64, Arc<AtomicBool>>>;

/// Sets a timer, known by an address, which was not set before or was taken back.
pub(crate) fn set(
    machine: &Arc<Machine>,
    key: u64,
    delay: Duration,
    period: Duration,
    work: impl FnMut() + Send + 'static,
) {
    let again = (!period.is_zero()).then(|| {
        let again = Arc::new(AtomicBool::new(true));
        lock(&machine.periodic).insert(key, Arc::clone(&again));
        (period, again)
    });
    let shot = Shot { machine: Arc::clone(machine), key, again, work: Box::new(work) };
    machine.procedures.push_after(key, delay, move || shot.fire());
}

/// Takes a timer back; says whether it was set. A timer that is due fires, but not again.
pub(crate) fn cancel(machine: &Machine, key: u64) -> bool {
    let periodic = lock(&machine.periodic).remove(&key);
    if let Some(again) = &periodic {
        again.store(false, Ordering::Release);
    }
    machine.procedures.cancel(key) || periodic.is_some()
}

/// What a timer does when it is due.
struct Shot {
    machine: Arc<Machine>,
    key: u64,
    /// How often it fires, as long as the flag says so.
    again: Option<(Duration, Arc<AtomicBool>)>,
    work: Box<dyn FnMut() + Send>,
}

impl Shot {
    fn fire(mut self) {
        (self.work)();
        let Some((period, again)) = &self.again else { return };
        if !again.load(Ordering::Acquire) {
            return;
        }
        let (again, machine) = (Arc::clone(again), Arc::clone(&self.machine));
        let (key, queue) = (self.key, machine.procedures.clone());
        queue.push_after(key, *period, move || self.fire());
        // Who took it back in this moment found nothing to take.
        if !again.load(Ordering::Acquire) {
            queue.cancel(key);
        }
    }
}

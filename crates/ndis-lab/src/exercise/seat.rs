//! An adapter's place: the module in it comes and goes while others act on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::adapter_config::AdapterConfig;
use crate::driver::Driver;
use crate::edge::Order;
use crate::exercise::crew::Bell;
use crate::lab::Lab;
use crate::restart_attributes::RestartAttributes;
use crate::stack::Stack;
use crate::status::NtStatus;
use crate::sync::{self, lock};

/// Marks a gate as closed; below it, how many are inside.
const CLOSED: u64 = 1 << 63;

/// An adapter's place.
///
/// NDIS calls nothing of a module that is gone, nor of one that it takes away. So who calls into a
/// module passes a gate, which is closed while the module comes or goes.
#[derive(Debug)]
pub(crate) struct Seat {
    lab: Lab,
    driver: Driver,
    pub(crate) config: AdapterConfig,
    stack: Mutex<Option<Stack>>,
    gate: AtomicU64,
    /// How many wait for all to come home: while there are any, nothing is held.
    waiting: AtomicU64,
    /// Calls for [`Seat::tend`].
    bell: Arc<Bell>,
}

impl Seat {
    pub(crate) fn new(lab: &Lab, driver: &Driver, bell: &Arc<Bell>, config: AdapterConfig) -> Self {
        Self {
            lab: lab.clone(),
            driver: driver.clone(),
            config,
            stack: Mutex::default(),
            gate: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            bell: Arc::clone(bell),
        }
    }

    /// Calls into the module, if there is one that stays.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&Stack) -> R) -> Option<R> {
        let open = |inside| (inside & CLOSED == 0).then_some(inside + 1);
        self.gate.fetch_update(Ordering::AcqRel, Ordering::Acquire, open).ok()?;
        let stack = lock(&self.stack).clone();
        let result = stack.map(|stack| work(&stack));
        self.gate.fetch_sub(1, Ordering::AcqRel);
        result
    }

    /// Works on the place while nobody else calls into the module and nothing of it is under way.
    fn alone<R>(&self, work: impl FnOnce(&mut Option<Stack>) -> R) -> R {
        self.gate.fetch_or(CLOSED, Ordering::AcqRel);
        let mut stack = lock(&self.stack).clone();
        self.waiting.fetch_add(1, Ordering::AcqRel);
        sync::poll(None, None, || {
            release(stack.as_ref());
            self.gate.load(Ordering::Acquire) == CLOSED
        });
        while stack.as_ref().is_some_and(|it| it.held_sends() + it.held_receives() > 0) {
            release(stack.as_ref());
        }
        self.lab.settle();
        let result = work(&mut stack);
        *lock(&self.stack) = stack;
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        self.gate.fetch_and(!CLOSED, Ordering::AcqRel);
        result
    }

    /// Attaches, if nothing is attached.
    pub(crate) fn attach(&self, config: AdapterConfig) {
        self.alone(|stack| {
            if stack.is_none() {
                *stack = self.driver.attach(config).ok();
            }
        });
    }

    /// Pauses, if the module runs; others go on meanwhile.
    pub(crate) fn pause(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.bell.ring();
        self.with(Stack::pause);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Pauses, if the module runs, and detaches it.
    pub(crate) fn detach(&self) {
        self.pause();
        self.alone(|stack| {
            if let Some(stack) = stack.take() {
                stack.detach();
            }
        });
    }

    /// Restarts while others go on. A module that this detaches is a surprise to them, so it is for
    /// restarts that have no reason to fail.
    pub(crate) fn restart(&self, attributes: &RestartAttributes) {
        let failed = self.with(|stack| refused(stack.restart_with(attributes)));
        if failed == Some(true) {
            self.forget();
        }
    }

    /// Restarts while nobody else calls into the module: one that fails detaches it.
    pub(crate) fn restart_alone(&self, attributes: &RestartAttributes) {
        self.alone(|stack| {
            let result = stack.as_ref().map(|stack| stack.restart_with(attributes));
            if result.is_some_and(refused) {
                *stack = None;
            }
        });
    }

    fn forget(&self) {
        self.alone(|stack| *stack = None);
    }

    /// Chooses what the ends of the stack do, unless somebody waits for all to come home.
    pub(crate) fn choose(&self, choice: impl FnOnce(&Stack)) {
        self.with(|stack| {
            if !self.is_awaited() {
                choice(stack);
            }
        });
    }

    /// Releases what is held, if somebody waits for it.
    pub(crate) fn tend(&self) {
        if self.is_awaited() {
            self.with(|stack| release(Some(stack)));
        }
    }

    /// From now on nothing is held.
    pub(crate) fn hold_nothing_more(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.bell.ring();
        self.with(|stack| release(Some(stack)));
    }

    fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }
}

/// Whether a restart failed and NDIS has detached the module: not one that was not begun.
fn refused(result: Result<(), NtStatus>) -> bool {
    result.is_err_and(|status| status != NtStatus::INVALID_DEVICE_STATE)
}

/// Ends holding and gives back what is held.
fn release(stack: Option<&Stack>) {
    let Some(stack) = stack else { return };
    stack.release_sends(Order::Forward);
    stack.release_receives(Order::Forward);
    stack.answer_oids(NtStatus::SUCCESS, false, []);
    stack.release_oids();
}

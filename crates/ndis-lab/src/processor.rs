//! What a thread of the lab knows: a thread is a virtual processor.
//!
//! Whoever enters the driver does so through [`enter`], which says for which machine and as which
//! callback; an export asks here who called it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::irql::{self, Irql};
use crate::machine::Machine;
use crate::schedule::session;

/// A callback that this thread is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The name of the callback.
    pub(crate) callback: &'static str,
    /// The driver it belongs to.
    pub(crate) driver: u32,
    /// Whether its flags say if it runs at DISPATCH_LEVEL.
    pub(crate) flagged: bool,
}

/// A spin lock that this thread holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldLock {
    pub(crate) address: u64,
    pub(crate) site: u64,
}

thread_local! {
    /// Where the driver's call returns to, left by the call's thunk.
    static SITE: Cell<u64> = const { Cell::new(0) };
    static MACHINE: RefCell<Option<Arc<Machine>>> = const { RefCell::new(None) };
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    static LOCKS: RefCell<Vec<HeldLock>> = const { RefCell::new(Vec::new()) };
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

/// The number of this thread, from 1.
pub(crate) fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if let Some(thread) = session::thread() {
        return u32::try_from(thread + 1).unwrap_or(u32::MAX);
    }
    if NUMBER.get() == 0 {
        NUMBER.set(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}

/// The address of this thread's [`SITE`], which thunks write to.
pub(crate) fn site_address() -> u64 {
    SITE.with(|site| std::ptr::from_ref(site) as u64)
}

/// Takes the return address that the thunk of the current call left; 0 without a thunk.
pub(crate) fn take_site() -> u64 {
    SITE.replace(0)
}

/// The machine whose driver runs on this thread.
pub(crate) fn machine() -> Option<Arc<Machine>> {
    MACHINE.with_borrow(Clone::clone)
}

/// The innermost callback.
pub(crate) fn frame() -> Option<Frame> {
    FRAMES.with_borrow(|frames| frames.last().copied())
}

/// Whether any callback of this thread satisfies a condition.
pub(crate) fn any_frame(condition: impl Fn(&Frame) -> bool) -> bool {
    FRAMES.with_borrow(|frames| frames.iter().any(condition))
}

/// Works on the locks that this thread holds, oldest first.
pub(crate) fn with_locks<R>(work: impl FnOnce(&mut Vec<HeldLock>) -> R) -> R {
    LOCKS.with_borrow_mut(work)
}

/// What changed while a callback ran.
#[derive(Debug)]
pub(crate) struct Left {
    /// The IRQL it was entered at, if it returned at another.
    pub(crate) irql: Option<(Irql, Irql)>,
    /// Locks that it acquired and did not release.
    pub(crate) locks: Vec<HeldLock>,
}

/// Runs a callback of the driver on this thread at an IRQL and says what it left changed.
///
/// IRQL and held locks are put right again afterwards, so that the lab goes on.
pub(crate) fn enter<R>(
    machine: &Arc<Machine>,
    frame: Frame,
    level: Irql,
    callback: impl FnOnce() -> R,
) -> (R, Left) {
    crate::thunk::prepare_thread();
    let outer = MACHINE.replace(Some(Arc::clone(machine)));
    let outer_site = take_site();
    let outer_irql = irql::replace(level);
    let outer_locks = with_locks(|locks| locks.len());
    FRAMES.with_borrow_mut(|frames| frames.push(frame));

    let result = callback();

    FRAMES.with_borrow_mut(Vec::pop);
    let irql = irql::replace(outer_irql);
    let locks = with_locks(|locks| locks.split_off(outer_locks.min(locks.len())));
    SITE.set(outer_site);
    MACHINE.replace(outer);
    (result, Left { irql: (irql != level).then_some((level, irql)), locks })
}

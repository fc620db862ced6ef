//! In which order locks are acquired: a cycle is a deadlock that waits for its moment.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::Call;
use crate::guest::Guest;
use crate::processor::{self, HeldLock};
use crate::rule::Rule;
use crate::sync::lock;

/// A lock that was acquired while another was held.
#[derive(Clone, Copy, Debug)]
struct Inner {
    address: u64,
    /// Where the outer lock was acquired, and where this one.
    sites: (u64, u64),
}

/// The orders in which locks of a machine were acquired.
#[derive(Debug, Default)]
pub(crate) struct LockOrder {
    /// By each lock, those that were acquired while it was held.
    inner: Mutex<BTreeMap<u64, Vec<Inner>>>,
    any: AtomicBool,
}

impl LockOrder {
    /// Forgets locks that lay in memory that is free, or is made anew.
    pub(crate) fn forget(&self, start: u64, size: u64) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let gone = start..start.saturating_add(size);
        let mut orders = lock(&self.inner);
        orders.retain(|outer, inner| {
            inner.retain(|it| !gone.contains(&it.address));
            !gone.contains(outer) && !inner.is_empty()
        });
    }

    /// Notes an order; returns the way from the inner lock back to the outer one, if there is one
    /// and the order is new.
    fn note(&self, outer: HeldLock, inner: u64, site: u64) -> Option<Vec<Inner>> {
        self.any.store(true, Ordering::Relaxed);
        let mut orders = lock(&self.inner);
        let known = orders.entry(outer.address).or_default();
        if known.iter().any(|it| it.address == inner) {
            return None;
        }
        known.push(Inner { address: inner, sites: (outer.site, site) });
        way(&orders, inner, outer.address)
    }
}

/// The way from one lock to another, along orders in which they were acquired.
fn way(orders: &BTreeMap<u64, Vec<Inner>>, from: u64, to: u64) -> Option<Vec<Inner>> {
    let mut seen = vec![from];
    let mut ways: Vec<Vec<Inner>> = vec![Vec::new()];
    while let Some(so_far) = ways.pop() {
        let end = so_far.last().map_or(from, |it| it.address);
        for &next in orders.get(&end).into_iter().flatten() {
            let mut further = so_far.clone();
            further.push(next);
            if next.address == to {
                return Some(further);
            }
            if !seen.contains(&next.address) {
                seen.push(next.address);
                ways.push(further);
            }
        }
    }
    None
}

/// Checks that a lock that is acquired now was never held while one that is held now was acquired.
pub(crate) fn check(call: &Call, spin_lock: Guest<u64>) {
    let held: Vec<HeldLock> = processor::with_locks(|locks| locks.clone());
    let address = spin_lock.address();
    for outer in held.into_iter().filter(|outer| outer.address != address) {
        let Some(back) = call.machine.lock_order.note(outer, address, call.site) else { continue };
        let place = |site| {
            call.machine.locate(site).map_or_else(|| "a callback".to_owned(), |it| it.to_string())
        };
        let mut objects =
            vec![format!("lock {:#x}, held since {}", outer.address, place(outer.site))];
        for Inner { address, sites: (before, site) } in back {
            let (before, site) = (place(before), place(site));
            objects.push(format!(
                "before: lock {address:#x} at {site}, the other held since {before}"
            ));
        }
        let outer = outer.address;
        let message = format!(
            "lock {address:#x} is acquired inside {outer:#x}; it was the other way round before"
        );
        call.violate(Rule::LockOrder, message, &objects);
    }
}

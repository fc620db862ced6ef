//! The injections of one handle.

use super::{inject::Order, injection::Injection};
use crate::ndis::{Cancel, Error, Result, Shared, SpinLock, Stakes, Status, Waiting};
use core::mem;
use heapless::Vec;
use protocol::limits;

/// The injections of one handle: those that are under way, which others own as well, and those that
/// are idle, to be used again.
pub struct Injections {
    /// None once the handle's last user has closed it.
    all: SpinLock<Option<All>>,
}

/// An injection, and the request that waits for it.
type SharedInjection = Shared<Waiting<Injection>>;

/// As many as may be under way, and those that are answered and still owned by who answers them: for
/// the rest of a call, so that there is one for each processor at most.
type All = Vec<SharedInjection, { limits::HANDLE_REQUESTS + 64 }>;

const CLOSED: Error = Error::Other(Status::CANCELLED);
const TOO_MANY: Error = Error::Other(Status::QUOTA_EXCEEDED);

impl Injections {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self { all: SpinLock::new(Some(Vec::new())) }
    }

    /// Begins an injection.
    ///
    /// # Errors
    ///
    /// - [`Error::Resources`].
    /// - [`Status::QUOTA_EXCEEDED`]: too many are under way.
    /// - [`Status::CANCELLED`]: the handle is closed.
    pub(super) fn begin(&self, order: &Order) -> Result<Stakes<Waiting<Injection>>> {
        let idle = self.with_room(|all| {
            let mut all = all.iter_mut();
            Ok(all.find_map(|it| Shared::get_mut(it)?.begin(order).then(|| it.clone())))
        })?;
        let injection = idle.map_or_else(|| self.begin_anew(order), Ok)?;
        Ok(Stakes::new(&injection, injection.stakes()))
    }

    /// Begins an injection in memory of its own, in the place of one that is idle and too small, or
    /// in a place of its own.
    fn begin_anew(&self, order: &Order) -> Result<SharedInjection> {
        let mut injection = Injection::try_new(order)?;
        injection.begin(order);
        let mut listed = Shared::try_new(injection)?;
        let injection = listed.clone();
        let result = self.with_room(|all| {
            match all.iter_mut().find_map(|it| Shared::get_mut(it).is_some().then_some(it)) {
                Some(idle) => mem::swap(idle, &mut listed),
                None => return all.push(listed.clone()).map_err(|_| TOO_MANY),
            }
            Ok(())
        });
        // Out of the lock: the last owner frees.
        drop(listed);
        result.map(|()| injection)
    }

    /// Lets `begin` begin one more, unless too many are under way, or the handle is closed.
    fn with_room<R>(&self, begin: impl FnOnce(&mut All) -> Result<R>) -> Result<R> {
        self.all.with(|all| {
            let all = all.as_mut().ok_or(CLOSED)?;
            let is_full = all.len() >= limits::HANDLE_REQUESTS
                && all.iter().filter(|it| it.is_under_way()).count() >= limits::HANDLE_REQUESTS;
            if is_full { Err(TOO_MANY) } else { begin(all) }
        })
    }

    /// Cancels all, and lets none begin.
    pub(super) fn close(&self) {
        let all = self.all.with(Option::take);
        for injection in all.iter().flatten() {
            Injection::cancel(injection);
        }
    }
}

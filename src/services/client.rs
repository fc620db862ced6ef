//! One open handle of the control device: what belongs to it, and ends with it.

use super::{
    inject::Answer,
    tap::{SharedTap, Tap},
};
use crate::{
    filter::Framecast,
    ndis::{Error, Result, Shared, SpinLock, Status},
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use heapless::Vec;
use protocol::limits;

/// One open handle of the control device.
pub struct Client {
    number: u64,
    is_closed: AtomicBool,
    /// Its injections that are not done; none once its last user has closed it.
    injections: SpinLock<Option<Injections>>,
    tap: SpinLock<Option<SharedTap>>,
}

type Injections = Vec<Shared<Answer>, { limits::HANDLE_REQUESTS }>;

const CLOSED: Error = Error::Other(Status::CANCELLED);

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A handle with a number of its own.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            is_closed: AtomicBool::new(false),
            injections: SpinLock::new(Some(Vec::new())),
            tap: SpinLock::new(None),
        }
    }

    /// The number that no other handle has.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Whether its last user has closed it.
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Ends what belongs to the handle.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub(super) fn close(&self, framecast: &Framecast) {
        self.is_closed.store(true, Ordering::SeqCst);
        let injections = self.injections.with(Option::take);
        for injection in injections.iter().flatten() {
            injection.cancel();
        }
        if let Some(tap) = self.take_tap() {
            Tap::end(&tap, framecast);
        }
        let number = self.number;
        framecast.copying.end_mirrors(&framecast.adapters, |mirror| mirror.ends_with(number));
    }

    /// Lists an injection.
    ///
    /// # Errors
    ///
    /// - [`Status::QUOTA_EXCEEDED`]: too many are under way.
    /// - [`Status::CANCELLED`]: the handle is closed.
    pub(super) fn begin(&self, injection: Shared<Answer>) -> Result {
        let (refused, status) = self.injections.with(|injections| match injections {
            Some(injections) => (injections.push(injection).err(), Status::QUOTA_EXCEEDED),
            None => (Some(injection), Status::CANCELLED),
        });
        // Out of the lock: what is refused has an end of its own.
        if refused.is_some() { Err(Error::Other(status)) } else { Ok(()) }
    }

    /// Takes an injection that is done off the list.
    pub(super) fn end(&self, injection: &Shared<Answer>) {
        let ended = self.injections.with(|injections| {
            let injections = injections.as_mut()?;
            let place = injections.iter().position(|it| Shared::is_same(it, injection))?;
            (place < injections.len()).then(|| injections.swap_remove(place))
        });
        // Out of the lock: the last owner frees.
        drop(ended);
    }

    /// The handle's tap.
    pub(super) fn tap(&self) -> Option<SharedTap> {
        self.tap.with(|tap| tap.clone())
    }

    /// Gives the handle a tap.
    ///
    /// # Errors
    ///
    /// - [`Status::DEVICE_BUSY`]: it has one.
    /// - [`Status::CANCELLED`]: it is closed.
    pub(super) fn set_tap(&self, tap: &SharedTap) -> Result {
        self.tap.with(|place| match place {
            Some(_) => Err(Error::Other(Status::DEVICE_BUSY)),
            // Under the lock: whoever closes the handle looks for its tap after this.
            None if self.is_closed() => Err(CLOSED),
            None => {
                *place = Some(tap.clone());
                Ok(())
            }
        })
    }

    /// Takes a tap away from the handle, if it has this one.
    pub(super) fn forget_tap(&self, tap: &SharedTap) {
        let gone = self.tap.with(|place| place.take_if(|it| Shared::is_same(it, tap)));
        // Out of the lock: the last owner frees.
        drop(gone);
    }

    /// Takes the handle's tap away.
    pub(super) fn take_tap(&self) -> Option<SharedTap> {
        self.tap.with(Option::take)
    }
}

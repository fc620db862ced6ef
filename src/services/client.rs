//! One open handle of the control device: what belongs to it, and ends with it.

use super::{
    injections::Injections,
    tap::{SharedTap, Tap},
};
use crate::{
    filter::Framecast,
    ndis::{Error, Result, Shared, SpinLock, Status},
};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One open handle of the control device.
pub struct Client {
    number: u64,
    is_closed: AtomicBool,
    pub(super) injections: Injections,
    tap: SpinLock<Option<SharedTap>>,
}

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
            injections: Injections::new(),
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
        self.injections.close();
        if let Some(tap) = self.take_tap() {
            Tap::end(&tap, framecast);
        }
        let number = self.number;
        framecast.copying.end_mirrors(&framecast.adapters, |mirror| mirror.ends_with(number));
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

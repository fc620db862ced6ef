//! What a module's frames are copied for.

use super::{module::FilterModule, traffic::Traffic};
use crate::{
    ndis::Shared,
    services::{
        mirror::Mirror,
        tap::{SharedTap, Tap},
    },
};
use heapless::Vec;
use protocol::limits;

/// What the frames of one module are copied for, as long as nobody replaces it.
#[derive(Default)]
pub struct Copies {
    /// Taps that want its frames.
    pub taps: Vec<SharedTap, { limits::TAPS }>,
    /// Mirrors that it is the source of.
    pub mirrors: Vec<Mirroring, { limits::MIRRORS }>,
}

/// A mirror, and the module that sends its copies, if that is attached.
pub struct Mirroring {
    /// The mirror.
    pub mirror: Shared<Mirror>,
    /// Where its copies go.
    pub target: Option<Shared<FilterModule>>,
}

impl Copies {
    /// Copies what passes for all who want it.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    pub fn of(&self, traffic: &Traffic<'_>) {
        for tap in &self.taps {
            if traffic.is_wanted(tap.flags()) {
                Tap::copy(tap, traffic);
            }
        }
        for Mirroring { mirror, target } in &self.mirrors {
            if traffic.is_wanted(mirror.flags()) {
                Mirror::copy(mirror, traffic, target.as_deref());
            }
        }
    }
}

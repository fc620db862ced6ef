//! Frames that a module sees, on their way past it or from it.

use super::module::FilterModule;
use crate::ndis::{ListView, Lists};
use protocol::copies;
use wire::{Offloads, Segmentation};

/// The VLAN identifier in a tag.
const VLAN: u16 = 0xFFF;

/// How the frames of a list differ from what is on the wire.
pub enum Condition {
    /// They do not.
    Plain,
    /// By what was left to the adapter, or done by it.
    Offloaded(Offloads),
    /// They are no traffic of the network's: NDIS looped a send back.
    LoopedBack,
}

/// Lists that a module sees in one call.
#[derive(Clone)]
pub struct Traffic<'c> {
    /// The module.
    pub module: &'c FilterModule,
    /// Whether they come from the network; else they go there.
    pub received: bool,
    /// Whether Framecast originates them here.
    pub ours: bool,
    lists: Lists<'c>,
}

impl<'c> Traffic<'c> {
    /// Other drivers' lists on their way past `module`.
    pub const fn passing(module: &'c FilterModule, received: bool, lists: Lists<'c>) -> Self {
        Self { module, received, ours: false, lists }
    }

    /// Lists that Framecast originates at `module`.
    pub const fn originated(module: &'c FilterModule, received: bool, lists: Lists<'c>) -> Self {
        Self { module, received, ours: true, lists }
    }

    /// Whether someone who asked for `flags` of [`copies`] wants to see them.
    #[must_use]
    pub const fn is_wanted(&self, flags: u32) -> bool {
        let direction = if self.received { copies::RECEIVED } else { copies::SENT };
        flags & direction != 0 && (!self.ours || flags & copies::OURS != 0)
    }

    /// The lists, in order.
    #[must_use]
    pub fn lists(&self) -> Lists<'c> {
        self.lists.clone()
    }

    /// How many frames there are.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.lists().map(ListView::len).fold(0, u64::saturating_add)
    }

    /// Whether the frames of a list are on the wire as they pass, as a few instructions tell; where
    /// they do not, [`Self::condition`] does.
    #[must_use]
    #[inline]
    pub fn is_plain(&self, list: ListView<'c>) -> bool {
        if self.ours {
            // Nothing was left to anyone.
            true
        } else if self.received {
            !list.is_looped_back() && !list.may_have_offloads_of_receive()
        } else {
            !list.may_have_offloads_of_send()
        }
    }

    /// How the frames of a list differ from what is on the wire.
    #[must_use]
    #[inline(never)]
    pub fn condition(&self, list: ListView<'c>) -> Condition {
        if self.is_plain(list) {
            return Condition::Plain;
        }
        if self.received && list.is_looped_back() {
            return Condition::LoopedBack;
        }
        let mut offloads = list.offloads(self.received);
        if self.module.adapter.is_wireless {
            // WLanTagHeader: without a VLAN, the priority is Wi-Fi's own.
            offloads.tag = offloads.tag.filter(|tag| tag.0 & VLAN != 0);
        }
        if offloads.is_empty() { Condition::Plain } else { Condition::Offloaded(offloads) }
    }

    /// The largest frame that was on the wire, for one that was cut or put together so that it is
    /// longer; any length where the frame says itself how it is cut.
    #[must_use]
    pub fn wire_limit(&self, offloads: &Offloads) -> usize {
        match offloads.segmentation {
            Some(Segmentation::Coalesced { .. }) => self.module.max_frame(),
            _ => usize::MAX,
        }
    }
}

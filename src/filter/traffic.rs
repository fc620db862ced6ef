//! Frames that a module sees, on their way past it or from it.

use super::module::FilterModule;
use crate::ndis::{ListView, Lists};
use protocol::copies;
use wire::{Offloads, Segmentation};

/// The VLAN identifier in a tag.
const VLAN: u16 = 0xFFF;

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

    /// What was left to the adapter, or done by it, for the frames of a list; `None` where they are on
    /// the wire as they pass.
    #[must_use]
    #[inline]
    pub fn offloads(&self, list: ListView<'c>) -> Option<Offloads> {
        // Of our own frames nothing was left to anyone.
        let may_be = !self.ours && list.may_have_offloads(self.received);
        may_be.then(|| self.read_offloads(list)).filter(|offloads| !offloads.is_empty())
    }

    /// Out of line, so that who copies lists without offloads saves no registers for it.
    #[inline(never)]
    fn read_offloads(&self, list: ListView<'c>) -> Offloads {
        let mut offloads = list.offloads(self.received);
        if self.module.adapter.is_wireless {
            // WLanTagHeader: without a VLAN, the priority is Wi-Fi's own.
            offloads.tag = offloads.tag.filter(|tag| tag.0 & VLAN != 0);
        }
        offloads
    }

    /// Whether a list is no traffic of the network's: NDIS looped a send back.
    #[must_use]
    pub fn is_looped_back(&self, list: ListView<'c>) -> bool {
        self.received && !self.ours && list.is_looped_back()
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

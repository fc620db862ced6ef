//! What a mirror copies within one call.

use super::{
    mirror::{LEAST, Mirror},
    ticket::Ticket,
};
use crate::{
    filter::{
        batch::Batch,
        module::FilterModule,
        traffic::{Condition, Traffic},
    },
    ndis::{
        Error, Frame, FrameView, ListView, NetBufferListQueue, Pools, Result, Shared, Stake,
        Stakes, Stock,
    },
};
use core::sync::atomic::Ordering;
use protocol::MirrorDrop;
use wire::{Changes, Offloads, Source, Tag, Transmission, WireError, WireFrame, Workspace};

/// Bytes of a tag.
const TAG: u32 = 4;

/// Bytes in front of a tag: the addresses.
const ADDRESSES: usize = 12;

/// The copies that one call makes for a mirror.
pub(super) struct Mirrored<'m, 'p, 'c> {
    mirror: &'m Mirror,
    /// An owner of the mirror, for the tickets.
    owner: &'m Shared<Mirror>,
    /// One for each list of the traffic, and most make one list of copies.
    stakes: Stakes<Mirror>,
    traffic: &'m Traffic<'c>,
    /// What the target takes.
    max_frame: usize,
    /// The mirror's own tag, which is none that the source's frame has.
    tag: Option<Tag>,
    stock: Stock<'p>,
    batch: Batch<'p, Ticket>,
}

impl<'m, 'p, 'c> Mirrored<'m, 'p, 'c> {
    /// Copies what passes for a mirror, to be sent at `target`, whose pools these are: what was one
    /// list is one list again.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[inline(never)]
    pub(super) fn copy(
        owner: &'m Shared<Mirror>,
        traffic: &'m Traffic<'c>,
        target: &FilterModule,
        pools: &'p Pools<Ticket>,
    ) -> NetBufferListQueue<'p, Ticket> {
        let lists = u32::try_from(traffic.lists().count()).unwrap_or(u32::MAX);
        let mut mirrored = Self {
            mirror: owner,
            owner,
            // One stays here.
            stakes: Stakes::new(owner, lists.saturating_add(1)),
            traffic,
            max_frame: target.max_frame(),
            tag: owner.tag(),
            stock: pools.buffers().stock(lists),
            batch: Batch::new(pools),
        };
        let mut workspace = None;
        for list in traffic.lists() {
            mirrored.list(list, &mut workspace);
        }
        mirrored.batch.into_lists()
    }

    /// Copies a list: what was one list is one list again.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each list: the next one stays in a register"
    )]
    fn list(&mut self, list: ListView<'c>, workspace: &mut Option<Workspace>) {
        if self.traffic.is_plain(list)
            && self.tag.is_none()
            && let Some(frame) = list.only_frame()
            && !frame.is_ours()
            && frame.len() <= self.max_frame
        {
            return self.lone_frame(&frame);
        }
        self.any_list(list, workspace);
    }

    /// As [`Self::list`], out of line, so that a frame that is alone in its list and on the wire as it
    /// passes has the registers.
    #[inline(never)]
    fn any_list(&mut self, list: ListView<'c>, workspace: &mut Option<Workspace>) {
        let offloads = match self.traffic.condition(list) {
            Condition::Plain => None,
            Condition::Offloaded(offloads) => Some(offloads),
            Condition::LoopedBack => {
                return self.mirror.drop_frames(MirrorDrop::Loop, list.len(), self.traffic);
            }
        };
        let is_unchanged = self.tag.is_none() && offloads.is_none();
        let offloads = offloads.unwrap_or_default();
        let is_one = list.only_frame().is_some();
        for frame in list.frames() {
            if frame.is_ours() {
                self.drop_one(MirrorDrop::Loop);
            } else if is_unchanged && frame.len() <= self.max_frame {
                let wanted = self.mirror.selection.of(&frame);
                self.frame(&frame, wanted, 0, is_one);
            } else {
                self.changed_frame(&frame, offloads, is_one, workspace);
            }
        }
        self.batch.close();
    }

    /// Copies what a frame of a list is on the wire, which is not as it passes.
    fn changed_frame(
        &mut self,
        frame: &FrameView<'c>,
        offloads: Offloads,
        is_one: bool,
        workspace: &mut Option<Workspace>,
    ) {
        let is_left_one = is_one && offloads.segmentation.is_none();
        let limit = self.traffic.wire_limit(&offloads).min(self.max_frame);
        let workspace = workspace.get_or_insert_with(Workspace::new);
        match Transmission::new(frame, offloads, limit, self.tag, workspace) {
            Ok(frames) => self.frames(frames, is_left_one),
            Err(error) => self.drop_one(reason_of(error)),
        }
    }

    fn frames<S: Source>(&mut self, mut transmission: Transmission<'_, S>, is_one: bool) {
        loop {
            let frame = match transmission.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    let left = u64::try_from(transmission.frames_left()).unwrap_or(u64::MAX);
                    return self.mirror.drop_frames(reason_of(error), left, self.traffic);
                }
            };
            let selection = &self.mirror.selection;
            let (wanted, own) = match self.tag {
                None => (selection.of(&frame), 0),
                Some(_) => (selection.of(&Untagged(&frame)), TAG),
            };
            if self.tag.is_some() && has_gone_round(&frame) {
                self.drop_one(MirrorDrop::Loop);
            } else if matches!(wanted, Ok(Some(_))) && frame.changes().contains(Changes::INCOMPLETE)
            {
                self.drop_one(MirrorDrop::Incomplete);
            } else {
                self.frame(&frame, wanted, own, is_one);
            }
        }
    }

    /// Copies as many bytes as are wanted of a frame as it is on the wire, and `own` more.
    #[inline(never)]
    fn frame<S: Source>(
        &mut self,
        frame: &S,
        wanted: Result<Option<u32>, WireError>,
        own: u32,
        is_one: bool,
    ) {
        let wanted = match wanted {
            Ok(Some(wanted)) => wanted,
            Ok(None) => {
                self.mirror.filtered.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(error) => return self.drop_one(reason_of(error)),
        };
        if frame.len() < LEAST as usize {
            return self.drop_one(MirrorDrop::Incomplete);
        }
        let added = self.add(frame, wanted.saturating_add(own), is_one);
        self.drop_if_failed(added);
    }

    /// Copies a frame that is alone in its list, and on the wire as it passes.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once for each frame: what it is given stays in registers"
    )]
    fn lone_frame(&mut self, frame: &FrameView<'c>) {
        let Self { mirror, stock, .. } = self;
        let wanted = mirror.selection.of(frame);
        if let Ok(Some(length @ LEAST..)) = wanted
            && let Some(copy) = stock.gather_at_hand(length, |into| frame.read(0, into))
        {
            let echoes = &mirror.echoes;
            if echoes.may_know(frame.len(), copy.bytes()) && echoes.is_echo(frame) {
                return self.drop_echo(copy.into_frame());
            }
            let ticket = self.ticket();
            let added = self.batch.add(copy.into_frame(), ticket, None);
            return self.drop_if_failed(added);
        }
        self.frame(frame, wanted, 0, true);
    }

    fn drop_if_failed(&self, added: Result) {
        if let Err(error) = added {
            self.drop_one(match error {
                Error::Exhausted => MirrorDrop::NoBuffers,
                Error::InvalidLength => MirrorDrop::TooLong,
                _ => MirrorDrop::NoMemory,
            });
        }
    }

    /// Adds the first `length` bytes of a frame to the batch, and to the list of the frame before it if
    /// there is one, unless it is an echo.
    fn add<S: Source>(&mut self, frame: &S, length: u32, is_one: bool) -> Result {
        let echoes = &self.mirror.echoes;
        let mut may_be_known = false;
        let copy = self.stock.gather(length, |offset, into| {
            let is_read = frame.read(offset, into);
            if is_read && offset == 0 {
                may_be_known = echoes.may_know(frame.len(), into);
            }
            is_read
        })?;
        if may_be_known && echoes.is_echo(frame) {
            self.drop_echo(copy);
            return Ok(());
        }
        match self.batch.join(copy)? {
            Some(copy) => {
                let ticket = self.ticket();
                self.batch.start(copy, ticket, None, !is_one)
            }
            None => Ok(()),
        }
    }

    /// Gives up a copy that may be one of a copy that has come back.
    #[cold]
    fn drop_echo(&self, copy: Frame<'_>) {
        drop(copy);
        self.drop_one(MirrorDrop::Loop);
    }

    fn ticket(&mut self) -> Ticket {
        let stake = self.stakes.part();
        Ticket::Mirrored(stake.unwrap_or_else(|| Stake::new(self.owner)))
    }

    #[cold]
    fn drop_one(&self, reason: MirrorDrop) {
        self.mirror.drop_frames(reason, 1, self.traffic);
    }
}

/// Why a frame is not copied that cannot be told as it is on the wire.
const fn reason_of(error: WireError) -> MirrorDrop {
    match error {
        WireError::TooLong => MirrorDrop::TooLong,
        WireError::Malformed => MirrorDrop::Incomplete,
        WireError::Unreadable => MirrorDrop::NoMemory,
    }
}

/// Whether a frame with the tag of its mirror was copied twice by it before: it bears that tag three
/// times, as no other frame does.
///
/// With a tag more each round no copy has the bytes of the one before. The priority does not count:
/// a network may change it.
fn has_gone_round<S: Source>(frame: &S) -> bool {
    const VLAN: u32 = 0xFFFF_0FFF;
    let mut tags = [0; 3 * TAG as usize];
    let is_read = frame.read(ADDRESSES, &mut tags);
    let (tags, _) = tags.as_chunks();
    let mut vlans = tags.iter().map(|tag| u32::from_be_bytes(*tag) & VLAN);
    let own = vlans.next();
    is_read && vlans.all(|vlan| Some(vlan) == own)
}

/// A frame without the tag behind its addresses, which is there.
struct Untagged<'f, S>(&'f WireFrame<'f, S>);

impl<S: Source> Source for Untagged<'_, S> {
    fn len(&self) -> usize {
        self.0.len().saturating_sub(TAG as usize)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let in_front = ADDRESSES.saturating_sub(offset).min(into.len());
        let Some((front, behind)) = into.split_at_mut_checked(in_front) else { return false };
        let next = offset.saturating_add(in_front).saturating_add(TAG as usize);
        (front.is_empty() || self.0.read(offset, front))
            && (behind.is_empty() || self.0.read(next, behind))
    }
}

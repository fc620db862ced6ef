//! Mirror: frames that one adapter sees are copied, as they are on the wire, and sent on another.
//!
//! ```text
//! source, any processor ──► its mirrors ──► frame buffers of the target ──► one chain ──► NDIS
//!                             │ no buffer, paused, gone, too long: counted, never waited for
//! ```
//!
//! # No loops
//!
//! - A mirror whose target leads back to its source, by however many mirrors, is refused.
//! - What Framecast originates at a module passes no handler of that module, so it is not copied.
//! - What it originated comes past another module where adapters stand on each other: it is known
//!   by where its bytes lie, whichever drivers have passed it on.
//! - What NDIS loops back says so.
//! - Where a driver below the target sends on the source within the same call, and changes what it
//!   sends, the copies of copies end when the stack does not suffice for more.
//! - What left the machine and comes back by the network looks like any frame: see
//!   [`echoes`](super::echoes).

use super::{
    client::Client,
    control::{self, TOO_SMALL},
    echoes::{Echoes, Second},
    selection::Selection,
    ticket::Ticket,
};
use crate::{
    filter::{
        Framecast, counters::Counters, module::FilterModule, origin::Batch, traffic::Traffic,
    },
    ndis::{
        ControlRequest, Dispatched, Error, Frame, FrameView, ListView, NetBufferList, Result,
        Shared, Status, Stock, stack_left, system_time,
    },
};
use core::sync::atomic::{AtomicU64, Ordering};
use protocol::{
    MIRROR_DROPS, MirrorDrop, MirrorRecord, MirrorRemoveRequest, MirrorReply, MirrorRequest,
    MirrorsReply, Reason, copies, mirror_state,
};
use wire::{Changes, Source, Tag, Transmission, WireError, WireFrame, Workspace};

/// Bytes of stack that must be left to originate: several times what that takes, for the drivers
/// below.
const STACK: usize = 12 * 1024;

/// The least snap length: a link-layer header.
const LEAST: u32 = 14;

/// Bytes of a tag.
const TAG: u32 = 4;

/// One mirror.
pub struct Mirror {
    id: u64,
    source: u64,
    target: u64,
    flags: u32,
    tag: u16,
    selection: Selection,
    /// The number of the handle that added it.
    owner: u64,
    echoes: Echoes,
    sent: AtomicU64,
    bytes: AtomicU64,
    filtered: AtomicU64,
    dropped: [AtomicU64; MIRROR_DROPS],
}

/// Adds a mirror.
pub fn add<'r>(
    framecast: &Framecast,
    client: &Client,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let begun = Order::read(framecast, request.input()).and_then(|order| {
        let source = order.source.clone();
        let begun = framecast.copying.begin_mirror(&framecast.adapters, |id| {
            if client.is_closed() {
                return Err(Error::Other(Status::CANCELLED));
            }
            Shared::try_new(order.mirror(id, client.number()))
        });
        if begun == Err(Error::Other(Status::TOO_MANY_LINKS)) {
            source.counters.add(Reason::MirrorLoopsRefused, 1);
        }
        begun
    });
    match begun {
        Ok(id) => request.reply(|output| control::write(output, 0, &MirrorReply { id })),
        Err(error) => framecast.refuse_for(request, error),
    }
}

/// Removes a mirror.
pub fn remove<'r>(framecast: &Framecast, request: ControlRequest<'r>) -> Dispatched<'r> {
    let Some((MirrorRemoveRequest { id, .. }, [])) = control::read(request.input()) else {
        return framecast.refuse(request, Status::INVALID_PARAMETER);
    };
    match framecast.copying.end_mirrors(&framecast.adapters, |mirror| mirror.id == id) {
        0 => framecast.refuse(request, Status::NOT_FOUND),
        _ => request.reply(|_| Ok(0)),
    }
}

/// Lists the mirrors.
pub fn list<'r>(
    framecast: &Framecast,
    client: &Client,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    request.reply(|output| {
        framecast.copying.with_mirrors(|mirrors| {
            let mut end = size_of::<MirrorsReply>();
            let mut returned = 0_u32;
            for mirror in mirrors {
                let record = mirror.record(framecast, client);
                let Ok(next) = control::write(output, end, &record) else { break };
                end = next;
                returned = returned.saturating_add(1);
            }
            let total = u32::try_from(mirrors.len()).unwrap_or(u32::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "a record is some hundred bytes")]
            let record_size = size_of::<MirrorRecord>() as u32;
            let reply = MirrorsReply { total, returned, record_size, reserved: 0 };
            control::write(output, 0, &reply).map_err(|_| TOO_SMALL)?;
            Ok(end)
        })
    })
}

/// What a well-formed request asks for.
struct Order {
    request: MirrorRequest,
    selection: Selection,
    source: Shared<FilterModule>,
}

impl Order {
    fn read(framecast: &Framecast, input: &[u8]) -> Result<Self> {
        const INVALID: Error = Error::Other(Status::INVALID_PARAMETER);
        let (request, instructions) = control::read::<MirrorRequest>(input).ok_or(INVALID)?;
        let directions = copies::SENT | copies::RECEIVED;
        let is_tagged = request.flags & copies::TAGGED != 0;
        if request.flags & directions == 0
            || request.flags & !(directions | copies::PERSISTENT | copies::TAGGED) != 0
            || request.reserved != 0
            || (request.tag != 0 && !is_tagged)
        {
            return Err(INVALID);
        }
        let MirrorRequest { snap_length, instructions: count, .. } = request;
        let selection = Selection::read(LEAST, snap_length, count, instructions)?;
        let absent = Error::Other(Status::NOT_FOUND);
        let source = framecast.adapters.find(request.source).ok_or(absent)?;
        let _target = framecast.adapters.find(request.target).ok_or(absent)?;
        Ok(Self { request, selection, source })
    }

    fn mirror(self, id: u64, owner: u64) -> Mirror {
        Mirror {
            id,
            source: self.request.source,
            target: self.request.target,
            flags: self.request.flags,
            tag: self.request.tag,
            selection: self.selection,
            owner,
            echoes: Echoes::new(system_time()),
            sent: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            dropped: [const { AtomicU64::new(0) }; MIRROR_DROPS],
        }
    }
}

impl Mirror {
    /// The LUID of the adapter whose frames are copied.
    pub const fn source(&self) -> u64 {
        self.source
    }

    /// The LUID of the adapter that sends the copies.
    pub const fn target(&self) -> u64 {
        self.target
    }

    /// What it wants: flags of [`copies`].
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// Whether it ends with the handle of this number.
    pub const fn ends_with(&self, client: u64) -> bool {
        self.owner == client && self.flags & copies::PERSISTENT == 0
    }

    fn record(&self, framecast: &Framecast, client: &Client) -> MirrorRecord {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let present = |luid, flag| framecast.adapters.find(luid).map_or(0, |_| flag);
        let own = if self.owner == client.number() { mirror_state::OWN } else { 0 };
        MirrorRecord {
            id: self.id,
            source: self.source,
            target: self.target,
            flags: self.flags
                | own
                | present(self.source, mirror_state::SOURCE_PRESENT)
                | present(self.target, mirror_state::TARGET_PRESENT),
            snap_length: self.selection.snap_length(),
            tag: self.tag,
            reserved: 0,
            instructions: self.selection.instructions(),
            sent: load(&self.sent),
            bytes: load(&self.bytes),
            filtered: load(&self.filtered),
            dropped: self.dropped.each_ref().map(load),
        }
    }

    /// Copies what passes, and sends it at `target`.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`, with no lock held.
    #[inline(never)]
    pub fn copy(this: &Shared<Self>, traffic: &Traffic<'_>, target: Option<&FilterModule>) {
        if stack_left() < STACK {
            return this.drop_frames(MirrorDrop::Loop, traffic.frames(), traffic);
        }
        let running = target.and_then(|target| Some((target, target.origin.enter()?)));
        let Some((target, running)) = running else {
            return this.drop_frames(MirrorDrop::TargetAway, traffic.frames(), traffic);
        };
        let Some(pools) = running.pools() else { return };
        let mut call = Call {
            mirror: this,
            owner: this,
            traffic,
            max_frame: target.max_frame(),
            tag: Some(Tag(this.tag)).filter(|_| this.flags & copies::TAGGED != 0),
            second: Second::of(system_time()),
            stock: pools
                .buffers()
                .stock(u32::try_from(traffic.lists().count()).unwrap_or(u32::MAX)),
            batch: Batch::new(pools, None),
        };
        let mut workspace = None;
        for list in traffic.lists() {
            call.list(list, &mut workspace);
        }
        // What is left goes back first: who is woken by what comes home finds it, too.
        drop(call.stock);
        let lists = call.batch.into_lists();
        if lists.is_empty() {
            // Nothing comes home, and someone may have missed the buffers that were at hand here.
            return target.injections.serve(target);
        }
        target.show_originated(&lists, false);
        running.send(lists);
    }

    fn drop_frames(&self, reason: MirrorDrop, frames: u64, traffic: &Traffic<'_>) {
        if let Some(count) = self.dropped.get(reason.index()) {
            count.fetch_add(frames, Ordering::Relaxed);
        }
        traffic.module.counters.add(Reason::MirrorDropped, frames);
    }

    /// Records what became of a list of copies, sent on the adapter with these counters.
    pub fn came_home(&self, list: &NetBufferList<'_, Ticket>, counters: &Counters) {
        let frames = u64::from(list.frames());
        if list.status().is_success() {
            self.sent.fetch_add(frames, Ordering::Relaxed);
            self.bytes.fetch_add(list.bytes().into(), Ordering::Relaxed);
            counters.add(Reason::MirrorSent, frames);
        } else {
            if let Some(count) = self.dropped.get(MirrorDrop::FailedBelow.index()) {
                count.fetch_add(frames, Ordering::Relaxed);
            }
            counters.add(Reason::MirrorDropped, frames);
        }
    }
}

/// What one call copies.
struct Call<'m, 'p, 'c> {
    mirror: &'m Mirror,
    /// What its copies are originated for.
    owner: &'m Shared<Mirror>,
    traffic: &'m Traffic<'c>,
    /// What the target takes.
    max_frame: usize,
    /// The mirror's own tag, which is none that the source's frame has.
    tag: Option<Tag>,
    second: Second,
    stock: Stock<'p>,
    batch: Batch<'p, Ticket>,
}

impl<'c> Call<'_, '_, 'c> {
    /// Copies a list: what was one list is one list again.
    fn list(&mut self, list: ListView<'c>, workspace: &mut Option<Workspace>) {
        if self.traffic.is_looped_back(list) {
            return self.mirror.drop_frames(MirrorDrop::Loop, list.len(), self.traffic);
        }
        let is_unchanged = self.tag.is_none() && self.traffic.offloads(list).is_none();
        let is_one = list.is_of_one_frame();
        for frame in list.frames() {
            if frame.is_ours() {
                self.drop_one(MirrorDrop::Loop);
            } else if is_unchanged && frame.len() <= self.max_frame {
                let wanted = self.mirror.selection.of(&frame);
                self.frame(&frame, wanted, 0, is_one);
            } else {
                self.changed_frame(list, &frame, is_one, workspace);
            }
        }
        if !is_one {
            self.batch.close();
        }
    }

    /// Copies what a frame of a list is on the wire, which is not as it passes.
    #[inline(never)]
    fn changed_frame(
        &mut self,
        list: ListView<'c>,
        frame: &FrameView<'c>,
        is_one: bool,
        workspace: &mut Option<Workspace>,
    ) {
        let offloads = self.traffic.offloads(list).unwrap_or_default();
        let is_left_one = is_one && offloads.segmentation.is_none();
        let limit = self.traffic.wire_limit(&offloads).min(self.max_frame);
        let workspace = workspace.get_or_insert_with(Workspace::new);
        let sent = Transmission::new(frame, offloads, limit, self.tag, workspace);
        if let Err(error) = sent.and_then(|frames| self.frames(frames, is_left_one)) {
            self.drop_one(match error {
                WireError::TooLong => MirrorDrop::TooLong,
                WireError::Malformed => MirrorDrop::Incomplete,
                WireError::Unreadable => MirrorDrop::NoMemory,
            });
        }
        if is_one {
            // What it was cut into is one list.
            self.batch.close();
        }
    }

    fn frames<S: Source>(
        &mut self,
        mut transmission: Transmission<'_, S>,
        is_one: bool,
    ) -> Result<(), WireError> {
        while let Some(frame) = transmission.next_frame()? {
            let selection = &self.mirror.selection;
            let (wanted, own) = match self.tag {
                None => (selection.of(&frame), 0),
                Some(_) => (selection.of(&Untagged(&frame)), TAG),
            };
            if wanted.is_some() && frame.changes().contains(Changes::INCOMPLETE) {
                self.drop_one(MirrorDrop::Incomplete);
            } else {
                self.frame(&frame, wanted, own, is_one);
            }
        }
        Ok(())
    }

    /// Copies as many bytes as are wanted of a frame as it is on the wire, and `own` more.
    #[inline]
    fn frame<S: Source>(&mut self, frame: &S, wanted: Option<u32>, own: u32, is_one: bool) {
        let Some(wanted) = wanted else {
            self.mirror.filtered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if frame.len() < LEAST as usize {
            return self.drop_one(MirrorDrop::Incomplete);
        }
        if let Err(error) = self.add(frame, wanted.saturating_add(own), is_one) {
            self.drop_one(match error {
                Error::Exhausted => MirrorDrop::NoBuffers,
                Error::InvalidLength => MirrorDrop::TooLong,
                _ => MirrorDrop::NoMemory,
            });
        }
    }

    /// Adds the first `length` bytes of a frame to the batch, unless it is an echo.
    #[inline]
    fn add<S: Source>(&mut self, frame: &S, length: u32, is_one: bool) -> Result {
        let echoes = &self.mirror.echoes;
        let mut sum = 0;
        let read = |into: &mut [u8]| {
            frame.read(0, into) && {
                sum = echoes.sum_of(frame, into);
                true
            }
        };
        if is_one && let Some(copy) = self.stock.gather_at_hand(length, read) {
            if echoes.is_echo(sum, self.second) {
                self.drop_echo(copy);
                return Ok(());
            }
            return self.batch.add(copy, self.ticket());
        }
        self.add_to_list(frame, length, is_one)
    }

    /// As [`Self::add`], in as many buffers as it needs, and to the list of the frame before it if
    /// there is one.
    #[inline(never)]
    fn add_to_list<S: Source>(&mut self, frame: &S, length: u32, is_one: bool) -> Result {
        let echoes = &self.mirror.echoes;
        let mut sum = 0;
        let copy = self.stock.gather(length, |offset, into| {
            let is_read = frame.read(offset, into);
            if is_read && offset == 0 {
                sum = echoes.sum_of(frame, into);
            }
            is_read
        })?;
        if echoes.is_echo(sum, self.second) {
            self.drop_echo(copy);
            return Ok(());
        }
        match self.batch.join(copy)? {
            Some(copy) => self.batch.start(copy, self.ticket(), !is_one),
            None => Ok(()),
        }
    }

    /// Gives up a copy that may be one of a copy that has come back.
    #[cold]
    fn drop_echo(&self, copy: Frame<'_>) {
        drop(copy);
        self.drop_one(MirrorDrop::Loop);
    }

    fn ticket(&self) -> Ticket {
        Ticket::Mirrored(self.owner.clone())
    }

    #[cold]
    fn drop_one(&self, reason: MirrorDrop) {
        self.mirror.drop_frames(reason, 1, self.traffic);
    }
}

/// A frame without the tag behind its addresses, which is there.
struct Untagged<'f, S>(&'f WireFrame<'f, S>);

impl<S: Source> Source for Untagged<'_, S> {
    fn len(&self) -> usize {
        self.0.len().saturating_sub(TAG as usize)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        const ADDRESSES: usize = 12;
        let in_front = ADDRESSES.saturating_sub(offset).min(into.len());
        let Some((front, behind)) = into.split_at_mut_checked(in_front) else { return false };
        let next = offset.saturating_add(in_front).saturating_add(TAG as usize);
        (front.is_empty() || self.0.read(offset, front))
            && (behind.is_empty() || self.0.read(next, behind))
    }
}

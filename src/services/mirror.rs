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
//!   [`echoes`](super::echoes). With a tag more each round, it is known by its tags.

use super::{
    client::Client,
    control::{self, TOO_SMALL},
    echoes::Echoes,
    mirrored::Mirrored,
    outcome::Outcome,
    selection::Selection,
};
use crate::{
    filter::{Framecast, counters::Counters, module::FilterModule, traffic::Traffic},
    ndis::{
        ControlRequest, Dispatched, Error, Result, Shared, Staked, Status, stack_left, system_time,
    },
};
use core::sync::atomic::{AtomicU64, Ordering};
use protocol::{
    MIRROR_DROPS, MirrorDrop, MirrorRecord, MirrorRemoveRequest, MirrorReply, MirrorRequest,
    MirrorsReply, Reason, copies, mirror_state,
};
use wire::Tag;

/// Bytes of stack that must be left to originate: several times what that takes, for the drivers
/// below.
const STACK: usize = 12 * 1024;

/// The least snap length: a link-layer header.
pub(super) const LEAST: u32 = 14;

/// One mirror.
pub struct Mirror {
    id: u64,
    source: u64,
    target: u64,
    flags: u32,
    tag: u16,
    pub(super) selection: Selection,
    /// The number of the handle that added it.
    owner: u64,
    pub(super) echoes: Echoes,
    sent: AtomicU64,
    bytes: AtomicU64,
    pub(super) filtered: AtomicU64,
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
        // The buffers that are left go back before this: who is woken by what comes home finds them,
        // too.
        let lists = Mirrored::copy(this, traffic, target, pools);
        if lists.is_empty() {
            // Nothing comes home, and someone may have missed the buffers that were at hand here.
            return target.injections.serve(target);
        }
        target.show_originated(&lists, false);
        running.send(lists);
    }

    /// The tag that its copies get.
    pub(super) fn tag(&self) -> Option<Tag> {
        Some(Tag(self.tag)).filter(|_| self.flags & copies::TAGGED != 0)
    }

    /// Counts frames of the traffic that are not copied.
    pub(super) fn drop_frames(&self, reason: MirrorDrop, frames: u64, traffic: &Traffic<'_>) {
        if let Some(count) = self.dropped.get(reason.index()) {
            count.fetch_add(frames, Ordering::Relaxed);
        }
        traffic.module.counters.add(Reason::MirrorDropped, frames);
    }

    /// Records what became of copies, sent on the adapter with these counters.
    pub(super) fn come_home(&self, outcome: &Outcome, counters: &Counters) {
        let frames = u64::from(outcome.frames);
        if outcome.status.is_success() {
            self.sent.fetch_add(frames, Ordering::Relaxed);
            self.bytes.fetch_add(outcome.bytes, Ordering::Relaxed);
            counters.add(Reason::MirrorSent, frames);
        } else {
            if let Some(count) = self.dropped.get(MirrorDrop::FailedBelow.index()) {
                count.fetch_add(frames, Ordering::Relaxed);
            }
            counters.add(Reason::MirrorDropped, frames);
        }
    }
}

impl Staked for Mirror {
    /// Nobody waits for them.
    fn stakes_end(&self, _count: usize) {}
}

//! Tap: frames that an adapter sees are copied to a program, as they are on the wire.
//!
//! ```text
//! data path, any processor ──► Ring: records, no lock ──► the read that waits ──► program
//!   │ full: counted, never waited for                        ▲
//!   └── enough: a work item answers the read ────────────────┘ so does its deadline
//! ```
//!
//! Who copies never answers a read: that is a system thread's work, at PASSIVE_LEVEL, so that the
//! network waits for no reader.

use super::{
    client::Client,
    control::{self, TOO_SMALL},
    records::Records,
    selection::Selection,
};
use crate::{
    filter::{Framecast, traffic::Traffic},
    ndis::{
        Cancel, ControlRequest, Deadline, Dispatched, Error, PendingControl, Result, Ring, Shared,
        SpinLock, Status, TIME_UNIT_NANOSECONDS, Waiting, Work, Worker, try_slice,
    },
};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use protocol::{TAP_DROPS, TapBatch, TapReply, TapRequest, copies, limits};
use zerocopy::FromBytes;

/// One tap: what it wants, and what it has copied and nobody has read.
pub struct Tap {
    flags: u32,
    /// Which adapters; all, where there is none.
    luids: Option<Box<[u64]>>,
    pub(super) selection: Selection,
    pub(super) ring: Ring,
    wake_bytes: usize,
    timeout: Option<u32>,
    pub(super) counts: Counts,
    /// Frames lost since the last record.
    pub(super) lost: AtomicU32,
    read: SpinLock<Option<WaitingRead>>,
    /// Whether there is a read to be answered: what the data path looks at.
    pub(super) is_awaited: AtomicBool,
    reads: AtomicU64,
    has_ended: AtomicBool,
}

/// A tap, and who answers its reads.
pub type SharedTap = Shared<Worker<Tap>>;

/// What a tap counts.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) copied: AtomicU64,
    pub(super) filtered: AtomicU64,
    pub(super) dropped: [AtomicU64; TAP_DROPS],
}

/// A read that waits for records.
struct WaitingRead {
    number: u64,
    request: PendingControl<Cancellation>,
    deadline: Option<Deadline<Tap>>,
}

/// What happens when a read is cancelled.
struct Cancellation {
    tap: SharedTap,
    number: u64,
}

impl Cancel for Cancellation {
    fn cancel(this: &Waiting<Self>) {
        // Where the read is not in its place yet, whoever puts it there sees that it is cancelled.
        this.tap.end_read(|read| read.number == this.number, Status::CANCELLED);
    }
}

/// Starts the handle's tap.
pub fn start<'r>(
    framecast: &Framecast,
    client: &Client,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let tap = match Tap::read(framecast, &request) {
        Ok(tap) => tap,
        Err(error) => return framecast.refuse_for(request, error),
    };
    let begun = client.set_tap(&tap).and_then(|()| {
        let begun = framecast.copying.begin_tap(&framecast.adapters, tap.clone());
        if begun.is_err() {
            // Whatever has come about meanwhile under this handle.
            client.forget_tap(&tap);
            Tap::end(&tap, framecast);
        }
        begun
    });
    if let Err(error) = begun {
        return framecast.refuse_for(request, error);
    }
    let tapped = framecast.adapters.all().iter().filter(|it| tap.covers(it.adapter.luid)).count();
    let reply = TapReply {
        buffer_bytes: tap.ring.capacity(),
        adapters: u32::try_from(tapped).unwrap_or(u32::MAX),
        timestamp_nanoseconds: TIME_UNIT_NANOSECONDS,
        reserved: 0,
    };
    request.reply(|output| control::write(output, 0, &reply))
}

/// Reads what the handle's tap has copied, now or when there is enough.
pub fn read<'r>(
    framecast: &Framecast,
    client: &Client,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let Some(tap) = client.tap() else { return framecast.refuse(request, Status::NOT_FOUND) };
    if tap.is_awaited.load(Ordering::Relaxed) {
        return framecast.refuse(request, Status::DEVICE_BUSY);
    }
    if tap.timeout == Some(0) || tap.has_enough() {
        return request.reply(|output| tap.drain(output));
    }
    let number = tap.reads.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    let (pending, dispatched) = request.pend(Cancellation { tap: tap.clone(), number });
    if let Some(request) = pending {
        Tap::wait(&tap, WaitingRead { number, request, deadline: None });
    }
    dispatched
}

/// Ends the handle's tap.
pub fn stop<'r>(
    framecast: &Framecast,
    client: &Client,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let Some(tap) = client.take_tap() else { return framecast.refuse(request, Status::NOT_FOUND) };
    Tap::end(&tap, framecast);
    request.reply(|output| control::write(output, 0, &tap.batch(0, 0)))
}

impl Work for Tap {
    fn run(this: &SharedTap) {
        this.answer_if_enough();
    }
}

impl Tap {
    /// Makes the tap that a request asks for.
    fn read(framecast: &Framecast, request: &ControlRequest<'_>) -> Result<SharedTap> {
        const INVALID: Error = Error::Other(Status::INVALID_PARAMETER);
        let (order, rest) = control::read::<TapRequest>(request.input()).ok_or(INVALID)?;
        let directions = copies::SENT | copies::RECEIVED;
        let sizes = limits::TAP_BUFFER_LEAST..=limits::TAP_BUFFER_MOST;
        let half = order.buffer_bytes.checked_div(2).unwrap_or_default();
        let count = usize::try_from(order.adapters).map_err(|_| INVALID)?;
        if order.flags & directions == 0
            || order.flags & !(directions | copies::OURS) != 0
            || !sizes.contains(&order.buffer_bytes)
            || order.wake_bytes > half
            || order.reserved != 0
            || count > limits::ADAPTERS
        {
            return Err(INVALID);
        }
        let size = count.checked_mul(size_of::<u64>()).ok_or(INVALID)?;
        let (luids, instructions) = rest.split_at_checked(size).ok_or(INVALID)?;
        let tap = Self {
            flags: order.flags,
            luids: Self::luids(framecast, luids, count)?,
            selection: Selection::read(1, order.snap_length, order.instructions, instructions)?,
            ring: Ring::try_new(order.buffer_bytes)?,
            wake_bytes: order.wake_bytes.max(1) as usize,
            timeout: Some(order.timeout_milliseconds).filter(|&timeout| timeout != u32::MAX),
            counts: Counts::default(),
            lost: AtomicU32::new(0),
            read: SpinLock::new(None),
            is_awaited: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
        };
        Worker::try_new(tap, request.work_item()?)
    }

    /// Reads LUIDs, each of an adapter that is there; `None` where there are none.
    fn luids(framecast: &Framecast, bytes: &[u8], count: usize) -> Result<Option<Box<[u64]>>> {
        if count == 0 {
            return Ok(None);
        }
        let mut rest = bytes;
        let luids = try_slice(count, |_| {
            let invalid = Error::Other(Status::INVALID_PARAMETER);
            let (luid, after) = u64::read_from_prefix(rest).map_err(|_| invalid)?;
            rest = after;
            let module = framecast.adapters.find(luid);
            module.map(|_| luid).ok_or(Error::Other(Status::NOT_FOUND))
        })?;
        Ok(Some(luids))
    }

    /// What it wants: flags of [`copies`].
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// Whether it wants frames of the adapter with this LUID.
    pub fn covers(&self, luid: u64) -> bool {
        self.luids.as_ref().is_none_or(|luids| luids.contains(&luid))
    }

    /// Whether it was ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Ends the tap: when this returns, nothing is copied for it, and no read of it waits.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    pub fn end(this: &SharedTap, framecast: &Framecast) {
        this.has_ended.store(true, Ordering::SeqCst);
        framecast.copying.end_tap(&framecast.adapters, this);
        this.end_read(|_| true, Status::CANCELLED);
    }

    /// Copies what passes.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[inline(never)]
    pub fn copy(this: &SharedTap, traffic: &Traffic<'_>) {
        let mut records = Records::new(this, traffic);
        let mut workspace = None;
        for list in traffic.lists() {
            if traffic.is_plain(list) {
                for frame in list.frames() {
                    records.frame(&frame, 0);
                }
            } else {
                records.list(list, &mut workspace);
            }
        }
        records.end();
    }

    /// Whether a read is to be answered for what there is.
    pub(super) fn has_enough(&self) -> bool {
        self.ring.used() >= self.wake_bytes
    }

    /// Has a read wait for enough records, for its deadline, for its cancellation or for the end of
    /// the tap.
    fn wait(this: &SharedTap, read: WaitingRead) {
        let number = read.number;
        let refused = this.read.with(|place| {
            if place.is_some() {
                return Some(read);
            }
            this.is_awaited.store(true, Ordering::SeqCst);
            place.replace(read)
        });
        if let Some(WaitingRead { request, .. }) = refused {
            request.reply(|_| Err(Error::Other(Status::DEVICE_BUSY)));
            return;
        }
        if let Some(milliseconds) = this.timeout {
            match Deadline::set(this, milliseconds) {
                Ok(deadline) => this.keep(deadline, number),
                Err(error) => this.end_read(|read| read.number == number, error.into()),
            }
        }
        // What came about before the read was in its place is seen here.
        fence(Ordering::SeqCst);
        let has_ended = this.has_ended();
        let is_ended = |read: &WaitingRead| {
            read.number == number && (has_ended || read.request.is_cancelled())
        };
        this.end_read(is_ended, Status::CANCELLED);
        this.answer_if_enough();
    }

    /// Keeps a deadline for as long as its read waits.
    fn keep(&self, deadline: Deadline<Self>, number: u64) {
        let mut deadline = Some(deadline);
        self.read.with(|place| {
            if let Some(read) = place.as_mut().filter(|read| read.number == number) {
                core::mem::swap(&mut read.deadline, &mut deadline);
            }
        });
        // Out of the lock: what is left is taken back.
        drop(deadline);
    }

    /// Answers the read that waits, if there is enough, or its deadline has passed.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn answer_if_enough(&self) {
        // Its own deadline: that of the read before may still pass when it was taken back too late.
        let is_due = |read: &WaitingRead| read.deadline.as_ref().is_some_and(Deadline::has_passed);
        if let Some(request) = self.take_read(|read| self.has_enough() || is_due(read)) {
            request.reply(|output| self.drain(output));
        }
    }

    /// Ends the read that waits with `status`, if it is one that `which` says.
    fn end_read(&self, which: impl FnOnce(&WaitingRead) -> bool, status: Status) {
        if let Some(request) = self.take_read(which) {
            request.reply(|_| Err(Error::Other(status)));
        }
    }

    fn take_read(
        &self,
        which: impl FnOnce(&WaitingRead) -> bool,
    ) -> Option<PendingControl<Cancellation>> {
        let read = self.read.with(|place| {
            let taken = if place.as_ref().is_some_and(which) { place.take() } else { None };
            if taken.is_some() {
                self.is_awaited.store(false, Ordering::SeqCst);
            }
            taken
        });
        // Out of the lock: a deadline is taken back.
        let WaitingRead { request, deadline, .. } = read?;
        drop(deadline);
        Some(request)
    }

    /// Moves records to the output of a read.
    fn drain(&self, output: &mut [u8]) -> Result<usize> {
        let mut end = size_of::<TapBatch>();
        let mut records = 0_u32;
        let mut is_full = false;
        if let Some(mut reader) = self.ring.read() {
            while reader.next(|size, rest| {
                let next = end.saturating_add(size as usize);
                let place = output.get_mut(end..next);
                let Some((first, behind)) = place.and_then(|it| it.split_first_chunk_mut()) else {
                    is_full = true;
                    return false;
                };
                *first = size.to_le_bytes();
                if behind.len() == rest.len() {
                    behind.copy_from_slice(rest);
                }
                end = next;
                records = records.saturating_add(1);
                true
            }) {}
        }
        if is_full && records == 0 {
            return Err(TOO_SMALL);
        }
        let bytes = end.saturating_sub(size_of::<TapBatch>());
        control::write(output, 0, &self.batch(records, u32::try_from(bytes).unwrap_or(u32::MAX)))?;
        Ok(end)
    }

    fn batch(&self, records: u32, bytes: u32) -> TapBatch {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TapBatch {
            records,
            bytes,
            copied: load(&self.counts.copied),
            filtered: load(&self.counts.filtered),
            dropped: self.counts.dropped.each_ref().map(load),
        }
    }
}

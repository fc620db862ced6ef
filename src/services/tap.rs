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
    selection::Selection,
};
use crate::{
    filter::{Framecast, traffic::Traffic},
    ndis::{
        Cancel, ControlRequest, Deadline, Dispatched, Error, PendingControl, RING_ALIGNMENT,
        Result, Ring, Shared, SpinLock, Status, TIME_UNIT_NANOSECONDS, Work, WorkItem, system_time,
        try_slice, wait_for_deadlines,
    },
};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use protocol::{
    Reason, TAP_DROPS, TapBatch, TapDrop, TapRecord, TapReply, TapRequest, copies, limits, record,
};
use wire::{Changes, Source, Transmission, WireError, WireFrame, Workspace};
use zerocopy::{FromBytes, IntoBytes};

/// One tap: what it wants, and what it has copied and nobody has read.
pub struct Tap {
    flags: u32,
    /// Which adapters; all, where it is empty.
    luids: Option<Box<[u64]>>,
    selection: Selection,
    ring: Ring,
    wake_bytes: usize,
    timeout: Option<u32>,
    counts: Counts,
    /// Frames lost since the last record.
    lost: AtomicU32,
    read: SpinLock<Option<WaitingRead>>,
    /// Whether there is a read to be answered: what the data path looks at.
    is_awaited: AtomicBool,
    /// The deadline of the read has passed.
    is_due: AtomicBool,
    /// The number of the last read that was cancelled.
    cancelled: AtomicU64,
    reads: AtomicU64,
    has_ended: AtomicBool,
    item: WorkItem,
}

/// What a tap counts.
#[derive(Default)]
struct Counts {
    copied: AtomicU64,
    filtered: AtomicU64,
    dropped: [AtomicU64; TAP_DROPS],
}

/// A read that waits for records.
struct WaitingRead {
    number: u64,
    request: PendingControl<Cancellation>,
    deadline: Option<Deadline<Tap>>,
}

/// What happens when a read is cancelled.
struct Cancellation {
    tap: Shared<Tap>,
    number: u64,
}

impl Cancel for Cancellation {
    fn cancel(&self) {
        // Whoever puts the read in its place looks here, so that it is not lost.
        self.tap.cancelled.store(self.number, Ordering::SeqCst);
        self.tap.end_read(|read| read.number == self.number, Status::CANCELLED);
    }
}

/// Starts the handle's tap.
pub fn start<'r>(
    framecast: &Framecast,
    client: &Shared<Client>,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let tap = match Tap::read(framecast, &request) {
        Ok(tap) => tap,
        Err(error) => return framecast.refuse_for(request, error),
    };
    let begun = client.set_tap(&tap).and_then(|()| {
        let begun = framecast.copying.begin_tap(&framecast.adapters, tap.clone());
        if begun.is_err() {
            drop(client.take_tap());
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
    client: &Shared<Client>,
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
    client: &Shared<Client>,
    request: ControlRequest<'r>,
) -> Dispatched<'r> {
    let Some(tap) = client.take_tap() else { return framecast.refuse(request, Status::NOT_FOUND) };
    Tap::end(&tap, framecast);
    request.reply(|output| control::write(output, 0, &tap.batch(0, 0)))
}

impl Work for Tap {
    fn item(&self) -> &WorkItem {
        &self.item
    }

    fn due(&self) {
        self.is_due.store(true, Ordering::SeqCst);
    }

    fn run(this: &Shared<Self>) {
        this.answer_if_enough();
    }
}

impl Tap {
    /// Makes the tap that a request asks for.
    fn read(framecast: &Framecast, request: &ControlRequest<'_>) -> Result<Shared<Self>> {
        const INVALID: Error = Error::Other(Status::INVALID_PARAMETER);
        let (order, rest) = control::read::<TapRequest>(request.input()).ok_or(INVALID)?;
        let directions = copies::SENT | copies::RECEIVED;
        let sizes = limits::TAP_BUFFER_LEAST..=limits::TAP_BUFFER_MOST;
        let half = order.buffer_bytes.checked_div(2).unwrap_or_default();
        let count = usize::try_from(order.adapters).map_err(|_| INVALID)?;
        if order.flags & directions == 0
            || order.flags & !(directions | copies::OURS) != 0
            || order.snap_length == 0
            || !sizes.contains(&order.buffer_bytes)
            || order.wake_bytes > half
            || order.reserved != 0
            || count > limits::ADAPTERS
        {
            return Err(INVALID);
        }
        let size = count.checked_mul(size_of::<u64>()).ok_or(INVALID)?;
        let (luids, instructions) = rest.split_at_checked(size).ok_or(INVALID)?;
        Shared::try_new(Self {
            flags: order.flags,
            luids: Self::luids(framecast, luids, count)?,
            selection: Selection::read(order.snap_length, order.instructions, instructions)?,
            ring: Ring::try_new(order.buffer_bytes)?,
            wake_bytes: order.wake_bytes.max(1) as usize,
            timeout: Some(order.timeout_milliseconds).filter(|&timeout| timeout != u32::MAX),
            counts: Counts::default(),
            lost: AtomicU32::new(0),
            read: SpinLock::new(None),
            is_awaited: AtomicBool::new(false),
            is_due: AtomicBool::new(false),
            cancelled: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            item: request.work_item()?,
        })
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
    pub fn end(this: &Shared<Self>, framecast: &Framecast) {
        this.has_ended.store(true, Ordering::SeqCst);
        framecast.copying.end_tap(&framecast.adapters, this);
        this.end_read(|_| true, Status::CANCELLED);
        wait_for_deadlines();
    }

    /// Copies what passes.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    pub fn copy(this: &Shared<Self>, traffic: &Traffic<'_>) {
        let mut call = Call { tap: this, traffic, time: system_time(), copied: 0, dropped: 0 };
        let mut workspace = Workspace::new();
        for list in traffic.lists() {
            if traffic.is_looped_back(list) {
                // It was copied when it was sent.
                continue;
            }
            let offloads = traffic.offloads(list);
            let limit = traffic.wire_limit(&offloads);
            for frame in list.frames() {
                match Transmission::new(&frame, offloads, limit, None, &mut workspace) {
                    Ok(transmission) => call.frames(transmission, 0),
                    Err(WireError::Unreadable) => call.drop_one(TapDrop::Unreadable),
                    Err(WireError::TooLong | WireError::Malformed) => {
                        let as_it_is = Transmission::as_it_is(&frame, &mut workspace);
                        call.frames(as_it_is, record::INCOMPLETE);
                    }
                }
            }
        }
        call.end();
    }

    /// Whether a read is to be answered for what there is.
    fn has_enough(&self) -> bool {
        self.ring.used() >= self.wake_bytes
    }

    /// Has a read wait for enough records, for its deadline, for its cancellation or for the end of
    /// the tap.
    fn wait(this: &Shared<Self>, read: WaitingRead) {
        let number = read.number;
        this.is_due.store(false, Ordering::SeqCst);
        let refused = this.read.with(|place| match place {
            Some(_) => Some(read),
            None => place.replace(read),
        });
        if let Some(WaitingRead { request, .. }) = refused {
            request.reply(|_| Err(Error::Other(Status::DEVICE_BUSY)));
            return;
        }
        this.is_awaited.store(true, Ordering::SeqCst);
        if let Some(milliseconds) = this.timeout {
            match Deadline::set(this, milliseconds) {
                Ok(deadline) => this.keep(deadline, number),
                Err(error) => this.end_read(|read| read.number == number, error.into()),
            }
        }
        // What came about before the read was in its place is seen here.
        fence(Ordering::SeqCst);
        if this.has_ended() || this.cancelled.load(Ordering::SeqCst) == number {
            this.end_read(|read| read.number == number, Status::CANCELLED);
        } else {
            this.answer_if_enough();
        }
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
        if !self.has_enough() && !self.is_due.load(Ordering::SeqCst) {
            return;
        }
        if let Some(request) = self.take_read(|_| true) {
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

/// What one call copies.
struct Call<'t, 'c> {
    tap: &'t Shared<Tap>,
    traffic: &'t Traffic<'c>,
    time: u64,
    copied: u64,
    dropped: u64,
}

impl Call<'_, '_> {
    /// Copies what one frame is on the wire.
    fn frames<S: Source>(&mut self, mut transmission: Transmission<'_, S>, flags: u32) {
        loop {
            match transmission.next_frame() {
                Ok(Some(frame)) => self.frame(&frame, flags),
                Ok(None) => return,
                Err(_) => return self.drop_one(TapDrop::Unreadable),
            }
        }
    }

    fn frame<S: Source>(&mut self, frame: &WireFrame<'_, S>, flags: u32) {
        let Some(captured) = self.tap.selection.of(frame) else {
            self.tap.counts.filtered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match self.write(frame, captured, flags) {
            Ok(()) => self.copied = self.copied.saturating_add(1),
            Err(reason) => self.drop_one(reason),
        }
    }

    /// Writes a record into the ring.
    fn write<S: Source>(
        &self,
        frame: &WireFrame<'_, S>,
        captured: u32,
        flags: u32,
    ) -> Result<(), TapDrop> {
        #[expect(clippy::cast_possible_truncation, reason = "a header is some dozen bytes")]
        const HEADER: u32 = size_of::<TapRecord>() as u32;
        const WORD: usize = size_of::<u32>();
        let size = HEADER
            .checked_add(captured)
            .and_then(|size| size.checked_next_multiple_of(RING_ALIGNMENT))
            .ok_or(TapDrop::BufferFull)?;
        let mut reservation = self.tap.ring.reserve(size).ok_or(TapDrop::BufferFull)?;
        let (header, bytes) = reservation
            .bytes()
            .split_at_mut_checked(size_of::<TapRecord>().saturating_sub(WORD))
            .ok_or(TapDrop::BufferFull)?;
        let bytes = bytes.get_mut(..captured as usize).ok_or(TapDrop::BufferFull)?;
        if !frame.read(0, bytes) {
            return Err(TapDrop::Unreadable);
        }
        let record = TapRecord {
            size,
            flags: flags | self.flags() | flags_of(frame.changes(), self.traffic.received),
            timestamp: self.time,
            luid: self.traffic.module.adapter.luid,
            length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            captured,
            lost: self.lost(),
            reserved: 0,
        };
        if let Some(record) = record.as_bytes().get(WORD..).filter(|it| it.len() == header.len()) {
            header.copy_from_slice(record);
        }
        reservation.commit();
        Ok(())
    }

    const fn flags(&self) -> u32 {
        let received = if self.traffic.received { record::RECEIVED } else { 0 };
        let ours = if self.traffic.ours { record::OURS } else { 0 };
        received | ours
    }

    /// Frames lost since the last record; they are told once.
    fn lost(&self) -> u32 {
        match self.tap.lost.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.tap.lost.swap(0, Ordering::Relaxed),
        }
    }

    fn drop_one(&mut self, reason: TapDrop) {
        self.dropped = self.dropped.saturating_add(1);
        self.tap.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(count) = self.tap.counts.dropped.get(reason.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what was copied, and has the read answered that waits for it.
    fn end(self) {
        let counters = &self.traffic.module.counters;
        if self.dropped > 0 {
            counters.add(Reason::TapDropped, self.dropped);
        }
        if self.copied == 0 {
            return;
        }
        self.tap.counts.copied.fetch_add(self.copied, Ordering::Relaxed);
        counters.add(Reason::Tapped, self.copied);
        // One total order with `wait`: either the read sees the records, or it is seen here.
        fence(Ordering::SeqCst);
        if self.tap.is_awaited.load(Ordering::Relaxed) && self.tap.has_enough() {
            WorkItem::ask(self.tap);
        }
    }
}

/// What a record says of how its frame differs from what the drivers saw.
fn flags_of(changes: Changes, received: bool) -> u32 {
    let cut = if received { record::UNCOALESCED } else { record::SEGMENTED };
    let flags = [
        (Changes::TAGGED, record::TAG_INSERTED),
        (Changes::CHECKSUMMED, record::CHECKSUM_COMPLETED),
        (Changes::SEGMENTED, cut),
        (Changes::INCOMPLETE, record::INCOMPLETE),
    ];
    let of = |(change, flag)| if changes.contains(change) { flag } else { 0 };
    flags.into_iter().map(of).fold(0, |all, flag| all | flag)
}

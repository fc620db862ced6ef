//! Frames written down in the buffer of a tap.

use super::tap::SharedTap;
use crate::{
    filter::traffic::Traffic,
    ndis::{RING_ALIGNMENT, Result, Worker, system_time},
};
use core::sync::atomic::{Ordering, fence};
use protocol::{Reason, TapDrop, TapRecord, record};
use wire::{Changes, Source, Transmission, WireFrame};
use zerocopy::IntoBytes;

/// The records that one call writes.
pub(super) struct Records<'t, 'c> {
    tap: &'t SharedTap,
    traffic: &'t Traffic<'c>,
    time: u64,
    copied: u64,
    dropped: u64,
}

impl<'t, 'c> Records<'t, 'c> {
    /// None yet; all of them bear the time of now.
    pub(super) fn new(tap: &'t SharedTap, traffic: &'t Traffic<'c>) -> Self {
        Self { tap, traffic, time: system_time(), copied: 0, dropped: 0 }
    }
}

impl Records<'_, '_> {
    /// Copies what one frame is on the wire.
    pub(super) fn frames<S: Source>(&mut self, mut transmission: Transmission<'_, S>, flags: u32) {
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

    pub(super) fn drop_one(&mut self, reason: TapDrop) {
        self.dropped = self.dropped.saturating_add(1);
        self.tap.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(count) = self.tap.counts.dropped.get(reason.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what was copied, and has the read answered that waits for it.
    pub(super) fn end(self) {
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
            Worker::ask(self.tap);
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

//! Frames written down in the buffer of a tap.

use super::tap::{SharedTap, Tap};
use crate::{
    filter::traffic::{Condition, Traffic},
    ndis::{ListView, Result, Worker, system_time},
};
use core::sync::atomic::{Ordering, fence};
use protocol::{Reason, TapDrop, TapRecord, record};
use wire::{Changes, Offloads, Source, Transmission, WireError, Workspace};
use zerocopy::transmute;

/// The records that one call writes.
pub(super) struct Records<'t, 'c> {
    tap: &'t Tap,
    /// Who answers its reads.
    worker: &'t SharedTap,
    traffic: &'t Traffic<'c>,
    /// What all of them say.
    common: TapRecord,
    copied: u64,
    filtered: u64,
    dropped: u64,
}

/// Bytes of a record in front of those of its frame.
const HEADER: usize = size_of::<TapRecord>();

/// Bytes of these behind the size, which the ring writes.
const BEHIND_SIZE: usize = HEADER - size_of::<u32>();

impl<'t, 'c> Records<'t, 'c> {
    /// None yet; all of them bear the time of now.
    pub(super) fn new(worker: &'t SharedTap, traffic: &'t Traffic<'c>) -> Self {
        let received = if traffic.received { record::RECEIVED } else { 0 };
        let ours = if traffic.ours { record::OURS } else { 0 };
        let common = TapRecord {
            flags: received | ours,
            timestamp: system_time(),
            luid: traffic.module.adapter.luid,
            ..TapRecord::default()
        };
        Self { tap: worker, worker, traffic, common, copied: 0, filtered: 0, dropped: 0 }
    }

    /// Copies what the frames of a list are on the wire, which may not be as they pass.
    #[inline(never)]
    pub(super) fn list(&mut self, list: ListView<'c>, workspace: &mut Option<Workspace>) {
        let offloads = match self.traffic.condition(list) {
            Condition::Plain => Offloads::default(),
            Condition::Offloaded(offloads) => offloads,
            // It was copied when it was sent.
            Condition::LoopedBack => return,
        };
        let workspace = workspace.get_or_insert_with(Workspace::new);
        let limit = self.traffic.wire_limit(&offloads);
        for frame in list.frames() {
            match Transmission::new(&frame, offloads, limit, None, workspace) {
                Ok(transmission) => self.frames(transmission),
                Err(WireError::Unreadable) => self.drop_frames(TapDrop::Unreadable, 1),
                Err(WireError::TooLong | WireError::Malformed) => {
                    self.frames(Transmission::given_up(&frame, workspace));
                }
            }
        }
    }

    fn frames<S: Source>(&mut self, mut transmission: Transmission<'_, S>) {
        loop {
            match transmission.next_frame() {
                Ok(Some(frame)) => {
                    self.frame(&frame, flags_of(frame.changes(), self.traffic.received));
                }
                Ok(None) => return,
                Err(_) => {
                    let left = u32::try_from(transmission.frames_left()).unwrap_or(u32::MAX);
                    return self.drop_frames(TapDrop::Unreadable, left);
                }
            }
        }
    }

    /// Copies a frame as it is on the wire; its record has these flags, and those of all.
    #[inline]
    pub(super) fn frame<S: Source>(&mut self, frame: &S, flags: u32) {
        let captured = match self.tap.selection.of(frame) {
            Ok(Some(captured)) => captured,
            Ok(None) => {
                self.filtered = self.filtered.wrapping_add(1);
                return;
            }
            Err(_) => return self.drop_frames(TapDrop::Unreadable, 1),
        };
        match self.write(frame, captured, flags) {
            Ok(()) => self.copied = self.copied.wrapping_add(1),
            Err(reason) => self.drop_frames(reason, 1),
        }
    }

    /// Writes a record into the ring.
    #[inline]
    fn write<S: Source>(&self, frame: &S, captured: u32, flags: u32) -> Result<(), TapDrop> {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let bytes = BEHIND_SIZE.saturating_add(captured as usize);
        let mut reservation = self.tap.ring.reserve(bytes).ok_or(TapDrop::BufferFull)?;
        let parts = reservation.bytes().split_first_chunk_mut::<BEHIND_SIZE>();
        let (behind_size, bytes) = parts.ok_or(TapDrop::BufferFull)?;
        if !frame.read(0, bytes) {
            return Err(TapDrop::Unreadable);
        }
        let record = TapRecord {
            flags: self.common.flags | flags,
            length,
            captured,
            lost: self.lost(),
            reserved: 0,
            ..self.common
        };
        let record: [u8; HEADER] = transmute!(record);
        let [_, _, _, _, rest @ ..] = record;
        *behind_size = rest;
        reservation.commit();
        Ok(())
    }

    /// Frames lost since the last record; they are told once.
    fn lost(&self) -> u32 {
        match self.tap.lost.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.tap.lost.swap(0, Ordering::Relaxed),
        }
    }

    #[cold]
    fn drop_frames(&mut self, reason: TapDrop, frames: u32) {
        self.dropped = self.dropped.saturating_add(frames.into());
        self.tap.lost.fetch_add(frames, Ordering::Relaxed);
        if let Some(count) = self.tap.counts.dropped.get(reason.index()) {
            count.fetch_add(frames.into(), Ordering::Relaxed);
        }
    }

    /// Counts what was copied, and has the read answered that waits for it.
    pub(super) fn end(self) {
        let counters = &self.traffic.module.counters;
        if self.dropped > 0 {
            counters.add(Reason::TapDropped, self.dropped);
        }
        if self.filtered > 0 {
            self.tap.counts.filtered.fetch_add(self.filtered, Ordering::Relaxed);
        }
        if self.copied == 0 {
            return;
        }
        self.tap.counts.copied.fetch_add(self.copied, Ordering::Relaxed);
        counters.add(Reason::Tapped, self.copied);
        // One total order with `wait`: either the read sees the records, or it is seen here.
        fence(Ordering::SeqCst);
        if self.tap.is_awaited.load(Ordering::Relaxed) && self.tap.has_enough() {
            Worker::ask(self.worker);
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

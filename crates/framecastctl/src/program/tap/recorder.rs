use std::{collections::HashMap, path::PathBuf, time::Duration};

use framecastctl::{Adapter, TapCounts, TappedFrame, capture::Interface};

use super::condition::Condition;
use crate::program::{failure::Failure, show};

/// Where frames go.
pub(crate) trait Sink {
    /// Takes a frame.
    fn write(&mut self, frame: &TappedFrame<&[u8]>) -> Result<(), Failure>;

    /// Hands on what it has kept back; so much time has gone by.
    fn flush(&mut self, elapsed: Duration) -> Result<(), Failure>;

    /// Ends it; what the driver counted is known by now.
    fn finish(&mut self, counts: &TapCounts) -> Result<(), Failure>;

    /// Bytes of the file that is being written, and how many files there were before it.
    fn progress(&self) -> (u64, u64) {
        (0, 0)
    }

    /// The files that it left.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// The adapters whose frames may come, by LUID.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    adapters: HashMap<u64, Adapter>,
    filter: Option<String>,
    snap_length: u32,
}

impl Named {
    pub(crate) fn new(adapters: Vec<Adapter>, filter: Option<String>, snap_length: u32) -> Self {
        let adapters = adapters.into_iter().map(|adapter| (adapter.luid, adapter)).collect();
        Self { adapters, filter, snap_length }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.adapters.len()
    }

    /// Their LUIDs, in order.
    pub(crate) fn luids(&self) -> Vec<u64> {
        let mut luids: Vec<_> = self.adapters.keys().copied().collect();
        luids.sort_unstable();
        luids
    }

    /// What people call one.
    pub(crate) fn name(&self, luid: u64) -> String {
        self.adapters.get(&luid).map_or_else(|| show::luid(luid), |adapter| adapter.name.clone())
    }

    /// One as a capture describes it; one that came later by its LUID.
    pub(crate) fn interface(&self, luid: u64) -> Interface {
        let interface = self.adapters.get(&luid).map_or_else(
            || Interface { name: show::luid(luid), ..Interface::default() },
            Interface::from,
        );
        Interface { filter: self.filter.clone(), snap_length: self.snap_length, ..interface }
    }
}

/// Counts what a tap brings, and knows when to end.
pub(super) struct Recorder<'s> {
    sink: &'s mut dyn Sink,
    /// Frames to take, at most.
    most: u64,
    autostop: &'s [Condition],
    frames: u64,
    bytes: u64,
}

impl<'s> Recorder<'s> {
    pub(super) fn new(
        sink: &'s mut dyn Sink,
        count: Option<u64>,
        autostop: &'s [Condition],
    ) -> Self {
        let packets = autostop.iter().filter_map(|condition| match condition {
            Condition::Packets(packets) => Some(*packets),
            _ => None,
        });
        let most = packets.chain(count).min().unwrap_or(u64::MAX);
        Self { sink, most, autostop, frames: 0, bytes: 0 }
    }

    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a frame; says whether it was the last.
    pub(super) fn add(&mut self, frame: &TappedFrame<&[u8]>) -> Result<bool, Failure> {
        self.sink.write(frame)?;
        self.frames += 1;
        self.bytes += frame.bytes.len() as u64;
        let (bytes, files) = self.sink.progress();
        let full = self.autostop.iter().any(|condition| match condition {
            Condition::FileSize(most) => bytes >= *most,
            Condition::Files(most) => files >= *most,
            Condition::Packets(_) | Condition::Duration(_) => false,
        });
        Ok(full || self.frames >= self.most)
    }

    pub(super) fn flush(&mut self, elapsed: Duration) -> Result<(), Failure> {
        self.sink.flush(elapsed)
    }

    /// Whether the time is up.
    pub(super) fn is_over(&self, elapsed: Duration) -> bool {
        self.autostop
            .iter()
            .any(|condition| matches!(condition, Condition::Duration(most) if elapsed >= *most))
    }
}

use protocol::{TapBatch, TapDrop};

/// What a tap has counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapCounts {
    /// Frames that were copied, those that still wait to be read included.
    pub copied: u64,
    /// Frames that the filter did not want.
    pub filtered: u64,
    /// Frames that were not copied because the buffer was full.
    pub buffer_full: u64,
    /// Frames that were not copied because the system had no memory to map them.
    pub unreadable: u64,
}

impl TapCounts {
    /// Frames that were wanted and not copied.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.buffer_full.saturating_add(self.unreadable)
    }
}

impl From<&TapBatch> for TapCounts {
    fn from(batch: &TapBatch) -> Self {
        Self {
            copied: batch.copied,
            filtered: batch.filtered,
            buffer_full: batch.dropped(TapDrop::BufferFull),
            unreadable: batch.dropped(TapDrop::Unreadable),
        }
    }
}

use std::time::Duration;

use protocol::{TapRecord, record};

/// A frame that a tap copied, with its bytes borrowed from a read or owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TappedFrame<B> {
    /// What the driver noted.
    pub record: TapRecord,
    /// The bytes, from the link-layer header on, as far as the snap length allowed.
    pub bytes: B,
}

impl<'b> TappedFrame<&'b [u8]> {
    pub(crate) const fn new(frame: protocol::TappedFrame<'b>) -> Self {
        Self { record: frame.record, bytes: frame.bytes }
    }

    /// The same frame with bytes of its own.
    #[must_use]
    pub fn to_owned(self) -> TappedFrame<Vec<u8>> {
        TappedFrame { record: self.record, bytes: self.bytes.to_vec() }
    }
}

impl<B> TappedFrame<B> {
    /// The LUID of its adapter.
    #[must_use]
    pub const fn adapter(&self) -> u64 {
        self.record.luid
    }

    /// When the driver saw it, since 1970 in UTC.
    #[must_use]
    pub const fn time(&self) -> Duration {
        /// 100-nanosecond intervals from 1601, where Windows begins to count, to 1970.
        const TO_1970: u64 = 116_444_736_000_000_000;
        const INTERVALS: u64 = 10_000_000;
        let since = self.record.timestamp.saturating_sub(TO_1970);
        // Less than a second of 100 ns each.
        #[allow(clippy::cast_possible_truncation, reason = "at most 999,999,900")]
        let nanoseconds = (since % INTERVALS * 100) as u32;
        Duration::new(since / INTERVALS, nanoseconds)
    }

    /// Bytes of the frame on the wire, without frame check sequence.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.record.length
    }

    /// Frames that were lost since the one before.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.record.lost
    }

    /// Whether it came from the network; else it goes there.
    #[must_use]
    pub const fn is_received(&self) -> bool {
        self.record.flags & record::RECEIVED != 0
    }

    /// Whether Framecast originated it.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.record.flags & record::OURS != 0
    }

    /// Whether it is not what is on the wire, because its headers do not allow what was left to the
    /// adapter.
    #[must_use]
    pub const fn is_incomplete(&self) -> bool {
        self.record.flags & record::INCOMPLETE != 0
    }
}

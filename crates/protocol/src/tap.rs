use crate::RequestHeader;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What the next [`TapRecord`] of a batch is aligned to, in bytes.
pub const RECORD_ALIGNMENT: usize = 8;

/// What a [`TapRequest`] and a [`MirrorRequest`](crate::MirrorRequest) copy, and how.
pub mod copies {
    /// Frames on their way to the network.
    pub const SENT: u32 = 1;
    /// Frames on their way from the network.
    pub const RECEIVED: u32 = 2;
    /// A tap: frames of these directions that Framecast itself originates, too.
    pub const OURS: u32 = 4;
    /// A mirror: it stays when its handle is closed.
    pub const PERSISTENT: u32 = 8;
    /// A mirror: its frames bear a tag of its own, in front of any other.
    pub const TAGGED: u32 = 0x10;
}

/// One instruction of a capture filter: `struct bpf_insn`, as libpcap compiles it for Ethernet.
///
/// The filter sees the frame as it is on the wire, whole, whatever the snap length.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct FilterInstruction {
    /// What it does.
    pub code: u16,
    /// Instructions to skip if a condition holds.
    pub jump_true: u8,
    /// Instructions to skip if it does not.
    pub jump_false: u8,
    /// Its operand.
    pub operand: u32,
}

/// The input of [`Request::TapStart`](crate::Request::TapStart), before the LUIDs of its adapters
/// and the instructions of its filter.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TapRequest {
    /// Version.
    pub header: RequestHeader,
    /// What to copy: flags of [`copies`], at least one direction.
    pub flags: u32,
    /// Bytes to copy of each frame at most: at least one.
    pub snap_length: u32,
    /// Bytes of the buffer that frames wait in until they are read: from
    /// [`limits::TAP_BUFFER_LEAST`](crate::limits::TAP_BUFFER_LEAST) to
    /// [`limits::TAP_BUFFER_MOST`](crate::limits::TAP_BUFFER_MOST).
    pub buffer_bytes: u32,
    /// A read is answered as soon as so many bytes of records wait: at most half of the buffer. What
    /// another processor is still writing counts, but is not in the answer, nor is what is behind it:
    /// there may be no record in it.
    pub wake_bytes: u32,
    /// A read is answered after so many milliseconds in any case; [`u32::MAX`] for never.
    pub timeout_milliseconds: u32,
    /// LUIDs that follow, 64 bits each: at most [`limits::ADAPTERS`](crate::limits::ADAPTERS);
    /// none for every adapter, those that come later included.
    pub adapters: u32,
    /// [`FilterInstruction`]s that follow: at most
    /// [`limits::FILTER_INSTRUCTIONS`](crate::limits::FILTER_INSTRUCTIONS); none to copy all.
    pub instructions: u32,
    /// Zero.
    pub reserved: u32,
}

/// The answer to [`Request::TapStart`](crate::Request::TapStart).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TapReply {
    /// Bytes that the buffer has.
    pub buffer_bytes: u32,
    /// Adapters that are tapped now.
    pub adapters: u32,
    /// What timestamps are multiples of, in nanoseconds.
    pub timestamp_nanoseconds: u32,
    /// Zero.
    pub reserved: u32,
}

/// Why a tap did not copy a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TapDrop {
    /// The buffer was full: the reader is slower than the network.
    BufferFull,
    /// The system had no memory to map the frame.
    Unreadable,
}

/// How many reasons there are.
pub const TAP_DROPS: usize = TapDrop::ALL.len();

impl TapDrop {
    /// Every reason, in the order of [`TapBatch::dropped`].
    pub const ALL: [Self; 2] = [Self::BufferFull, Self::Unreadable];

    /// The place of this reason in [`TapBatch::dropped`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The answer to [`Request::TapRead`](crate::Request::TapRead) and
/// [`Request::TapStop`](crate::Request::TapStop), before its records; counters since the start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TapBatch {
    /// Records that follow.
    pub records: u32,
    /// Their bytes.
    pub bytes: u32,
    /// Frames that were copied, those that still wait included.
    pub copied: u64,
    /// Frames that the filter did not want.
    pub filtered: u64,
    /// Frames that were not copied, for each [`TapDrop`], in the order of [`TapDrop::ALL`].
    pub dropped: [u64; TAP_DROPS],
}

impl TapBatch {
    /// How many frames were not copied for this reason.
    #[must_use]
    pub fn dropped(&self, reason: TapDrop) -> u64 {
        self.dropped.get(reason.index()).copied().unwrap_or_default()
    }
}

/// What a [`TapRecord`] says of its frame.
pub mod record {
    /// It came from the network; else it goes there.
    pub const RECEIVED: u32 = 1;
    /// Framecast originated it.
    pub const OURS: u32 = 2;
    /// Its 802.1Q tag travelled out of band, and was put in.
    pub const TAG_INSERTED: u32 = 4;
    /// A checksum was left to the adapter, and was completed.
    pub const CHECKSUM_COMPLETED: u32 = 8;
    /// It was cut from a large send, as the adapter does.
    pub const SEGMENTED: u32 = 0x10;
    /// It was cut from a coalesced receive: like what was on the wire, but for where it was cut.
    pub const UNCOALESCED: u32 = 0x20;
    /// It is not what is on the wire: its headers do not allow what was left to the adapter.
    pub const INCOMPLETE: u32 = 0x40;
}

/// What stands before the bytes of each frame.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct TapRecord {
    /// Bytes of this record, padding included: a multiple of [`RECORD_ALIGNMENT`].
    pub size: u32,
    /// Flags of [`record`].
    pub flags: u32,
    /// When the driver saw the frame: 100-nanosecond intervals since 1601 in UTC, as
    /// KeQuerySystemTimePrecise tells them. Frames that came in one call have the same.
    pub timestamp: u64,
    /// The adapter.
    pub luid: u64,
    /// Bytes of the frame on the wire, without frame check sequence.
    pub length: u32,
    /// Bytes that follow: fewer where the snap length cut it.
    pub captured: u32,
    /// Frames that were lost since the record before this one.
    pub lost: u32,
    /// Zero.
    pub reserved: u32,
}

/// A batch whose bytes are not what its records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRecords;

/// One frame that a tap copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TappedFrame<'b> {
    /// What is known of it.
    pub record: TapRecord,
    /// Its bytes, from the link-layer header on.
    pub bytes: &'b [u8],
}

/// The frames of a batch, read from the bytes behind a [`TapBatch`].
///
/// Ends after the last whole record, or after the first error.
#[derive(Clone, Debug)]
pub struct TappedFrames<'b> {
    bytes: &'b [u8],
}

impl<'b> TappedFrames<'b> {
    /// Reads the records in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    fn read(&self) -> Option<(TappedFrame<'b>, &'b [u8])> {
        let (record, _) = TapRecord::read_from_prefix(self.bytes).ok()?;
        let (whole, rest) = self.bytes.split_at_checked(usize::try_from(record.size).ok()?)?;
        let bytes = whole.get(size_of::<TapRecord>()..)?;
        let bytes = bytes.get(..usize::try_from(record.captured).ok()?)?;
        Some((TappedFrame { record, bytes }, rest))
    }
}

impl<'b> Iterator for TappedFrames<'b> {
    type Item = Result<TappedFrame<'b>, MalformedRecords>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let Some((frame, rest)) = self.read() else {
            self.bytes = &[];
            return Some(Err(MalformedRecords));
        };
        self.bytes = rest;
        Some(Ok(frame))
    }
}

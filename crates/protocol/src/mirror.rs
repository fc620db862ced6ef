use crate::RequestHeader;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The input of [`Request::MirrorAdd`](crate::Request::MirrorAdd), before the
/// [`FilterInstruction`](crate::FilterInstruction)s of its filter.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct MirrorRequest {
    /// Version.
    pub header: RequestHeader,
    /// The adapter whose frames are copied.
    pub source: u64,
    /// The adapter that sends the copies.
    pub target: u64,
    /// What to copy: flags of [`copies`](crate::copies), at least one direction.
    pub flags: u32,
    /// Bytes to copy of each frame at most, the mirror's own tag not counted: at least a link-layer
    /// header, 14.
    pub snap_length: u32,
    /// With [`copies::TAGGED`](crate::copies::TAGGED): the tag control information of the tag.
    pub tag: u16,
    /// Zero.
    pub reserved: u16,
    /// Instructions that follow, of a filter that sees frames without the mirror's own tag: at most
    /// [`limits::FILTER_INSTRUCTIONS`](crate::limits::FILTER_INSTRUCTIONS); none to copy all.
    pub instructions: u32,
}

/// The answer to [`Request::MirrorAdd`](crate::Request::MirrorAdd).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct MirrorReply {
    /// How requests name the mirror; never zero, and never used again.
    pub id: u64,
}

/// The input of [`Request::MirrorRemove`](crate::Request::MirrorRemove).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct MirrorRemoveRequest {
    /// Version.
    pub header: RequestHeader,
    /// The mirror.
    pub id: u64,
}

/// The answer to [`Request::Mirrors`](crate::Request::Mirrors), before its records.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct MirrorsReply {
    /// Mirrors that there are.
    pub total: u32,
    /// Records that follow: fewer than `total` where the output has no room for more.
    pub returned: u32,
    /// Bytes of one record.
    pub record_size: u32,
    /// Zero.
    pub reserved: u32,
}

/// Why a mirror did not send a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MirrorDrop {
    /// The target is paused or gone; frames as the drivers saw them, cut or not, filtered or not.
    TargetAway,
    /// All frame buffers of the target are in use: it is slower than the source.
    NoBuffers,
    /// The system had no memory, for NDIS or to map the frame.
    NoMemory,
    /// The frame is longer than the target takes, and is none that can be cut.
    TooLong,
    /// Framecast originated the frame, or NDIS looped it back, or the same frame came too often: a
    /// copy could come back for ever.
    Loop,
    /// What was left to the adapter cannot be done by the frame's headers.
    Incomplete,
    /// The drivers below the target completed the copy with another status than success.
    FailedBelow,
}

/// How many reasons there are.
pub const MIRROR_DROPS: usize = MirrorDrop::ALL.len();

impl MirrorDrop {
    /// Every reason, in the order of [`MirrorRecord::dropped`].
    pub const ALL: [Self; 7] = [
        Self::TargetAway,
        Self::NoBuffers,
        Self::NoMemory,
        Self::TooLong,
        Self::Loop,
        Self::Incomplete,
        Self::FailedBelow,
    ];

    /// The place of this reason in [`MirrorRecord::dropped`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What a [`MirrorRecord`] says beside the flags of its [`MirrorRequest`].
pub mod mirror_state {
    /// The source is attached.
    pub const SOURCE_PRESENT: u32 = 0x100;
    /// The target is attached.
    pub const TARGET_PRESENT: u32 = 0x200;
    /// The handle that asks added it.
    pub const OWN: u32 = 0x400;
}

/// One mirror.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct MirrorRecord {
    /// How requests name it.
    pub id: u64,
    /// The adapter whose frames are copied.
    pub source: u64,
    /// The adapter that sends the copies.
    pub target: u64,
    /// Flags of [`copies`](crate::copies) and of [`mirror_state`].
    pub flags: u32,
    /// Bytes to copy of each frame at most.
    pub snap_length: u32,
    /// The tag control information of its tag.
    pub tag: u16,
    /// Zero.
    pub reserved: u16,
    /// Instructions of its filter.
    pub instructions: u32,
    /// Copies that the drivers below the target sent.
    pub sent: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Frames that the filter did not want.
    pub filtered: u64,
    /// Frames that were not sent, for each [`MirrorDrop`], in the order of [`MirrorDrop::ALL`].
    pub dropped: [u64; MIRROR_DROPS],
}

impl MirrorRecord {
    /// How many frames were not sent for this reason.
    #[must_use]
    pub fn dropped(&self, reason: MirrorDrop) -> u64 {
        self.dropped.get(reason.index()).copied().unwrap_or_default()
    }
}

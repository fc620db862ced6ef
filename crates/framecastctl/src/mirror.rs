use crate::Directions;
use protocol::{MirrorDrop, MirrorRecord, copies, mirror_state};

/// A mirror, and what it has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that the driver sets by itself")]
pub struct Mirror {
    /// How requests name it.
    pub id: u64,
    /// LUID of the adapter whose frames are copied.
    pub source: u64,
    /// LUID of the adapter that sends the copies.
    pub target: u64,
    /// Which way the frames go that are copied.
    pub directions: Directions,
    /// Whether it stays when its client is gone.
    pub persistent: bool,
    /// The tag control information of the tag that its frames bear.
    pub tag: Option<u16>,
    /// Bytes to copy of each frame at most.
    pub snap_length: u32,
    /// Instructions of its filter.
    pub instructions: u32,
    /// Whether the source is attached.
    pub source_present: bool,
    /// Whether the target is attached.
    pub target_present: bool,
    /// Whether the client that asks added it.
    pub own: bool,
    /// Copies that the drivers below the target sent.
    pub copies: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Frames that the filter did not want.
    pub filtered: u64,
    /// Frames that were not sent, by reason.
    pub dropped: [(MirrorDrop, u64); protocol::MIRROR_DROPS],
}

impl Mirror {
    /// Frames that were not sent, whatever the reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }
}

impl From<&MirrorRecord> for Mirror {
    fn from(record: &MirrorRecord) -> Self {
        let is = |flag| record.flags & flag != 0;
        Self {
            id: record.id,
            source: record.source,
            target: record.target,
            directions: Directions::from_flags(record.flags),
            persistent: is(copies::PERSISTENT),
            tag: is(copies::TAGGED).then_some(record.tag),
            snap_length: record.snap_length,
            instructions: record.instructions,
            source_present: is(mirror_state::SOURCE_PRESENT),
            target_present: is(mirror_state::TARGET_PRESENT),
            own: is(mirror_state::OWN),
            copies: record.sent,
            bytes: record.bytes,
            filtered: record.filtered,
            dropped: MirrorDrop::ALL.map(|reason| (reason, record.dropped(reason))),
        }
    }
}

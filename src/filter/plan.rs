//! How large the pools of a module must be: pure arithmetic, total over all inputs.

/// What the drivers below say of themselves, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The largest payload of a frame, without its link-layer header.
    pub mtu: u32,
    /// Room in front of a frame.
    pub data_backfill: u32,
    /// Context in a list.
    pub context_backfill: u32,
}

impl Needs {
    /// What is assumed of drivers below that say nothing: some room costs little, none costs them
    /// an allocation for each frame.
    pub const UNKNOWN: Self = Self { mtu: 1500, data_backfill: 64, context_backfill: 64 };
}

/// How the pools of a module are made, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The largest frame that fits the adapter, without a VLAN tag.
    pub max_frame: u32,
    /// Room in front of a frame.
    pub data_backfill: u32,
    /// Context in a list for the drivers below: a multiple of [`ALIGNMENT`].
    pub context_backfill: u16,
    /// What one frame buffer holds behind its backfill.
    pub capacity: u32,
    /// Frame buffers.
    pub buffers: u32,
}

/// `MEMORY_ALLOCATION_ALIGNMENT`: what NDIS wants context sizes to be multiples of.
pub const ALIGNMENT: u32 = 16;

/// The link-layer header of an Ethernet frame.
pub const HEADER: u32 = 14;

/// A VLAN tag, which a frame may carry beyond `max_frame`.
pub const VLAN_TAG: u32 = 4;

/// The largest frame that is taken, whatever the MTU.
pub const FRAME_LIMIT: u32 = 65_536 + HEADER;

/// The largest data backfill that is honoured. Documented drivers ask for up to 256.
pub const DATA_BACKFILL_LIMIT: u32 = 4096;

/// Larger frames take several buffers.
pub const CAPACITY_LIMIT: u32 = 16_384;

/// What one module's frame buffers may occupy together, unless that were fewer than the least.
pub const MEMORY_LIMIT: u32 = 512 * 1024;

/// The least and the most frame buffers of a module.
pub const BUFFERS: (u32, u32) = (32, 256);

impl Plan {
    /// The plan for drivers below with `needs`, where each list takes `own_context` bytes itself.
    ///
    /// A need beyond a limit is honoured up to the limit: the driver that has it allocates the
    /// rest itself, as it must for every originator that leaves no room at all.
    #[must_use]
    pub fn new(needs: Needs, own_context: u16) -> Self {
        let mtu = if needs.mtu == 0 { Needs::UNKNOWN.mtu } else { needs.mtu };
        let max_frame = mtu.saturating_add(HEADER).min(FRAME_LIMIT);
        let data_backfill = needs.data_backfill.min(DATA_BACKFILL_LIMIT);
        let capacity = max_frame.saturating_add(VLAN_TAG).min(CAPACITY_LIMIT);
        let size = data_backfill.saturating_add(capacity).max(1);
        let (least, most) = BUFFERS;
        let buffers = MEMORY_LIMIT.checked_div(size).unwrap_or(least).clamp(least, most);
        let context_backfill = context_backfill(needs.context_backfill, own_context);
        Self { max_frame, data_backfill, context_backfill, capacity, buffers }
    }

    /// The shortest frame: a whole link-layer header.
    #[must_use]
    pub const fn min_frame() -> u32 {
        HEADER
    }
}

/// Rounds a need up to the alignment, or down to what NDIS' 16-bit sizes leave for it.
fn context_backfill(need: u32, own_context: u16) -> u16 {
    let left = u32::from(u16::MAX.saturating_sub(own_context));
    let most = left.saturating_sub(left % ALIGNMENT);
    let rounded = need.checked_next_multiple_of(ALIGNMENT).unwrap_or(most).min(most);
    u16::try_from(rounded).unwrap_or_default()
}

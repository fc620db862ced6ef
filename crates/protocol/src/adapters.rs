use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// UTF-16 units that a name in an [`AdapterRecord`] has room for.
pub const NAME_UNITS: usize = 128;

/// The answer to [`Request::Adapters`](crate::Request::Adapters), before its records.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct AdaptersReply {
    /// Adapters that the driver is bound to.
    pub total: u32,
    /// Records that follow: fewer than `total` where the output has no room for more.
    pub returned: u32,
    /// Bytes of one record.
    pub record_size: u32,
    /// Zero.
    pub reserved: u32,
}

/// One adapter that the driver is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct AdapterRecord {
    /// The adapter's NET_LUID: how requests name it.
    pub luid: u64,
    /// The adapter's interface index.
    pub if_index: u32,
    /// NDIS_MEDIUM.
    pub media: u32,
    /// The largest payload of a frame, in bytes, without the link-layer header.
    pub mtu: u32,
    /// The largest frame that [`Request::Inject`](crate::Request::Inject) takes, in bytes, without
    /// a VLAN tag; a tagged frame may have four more.
    pub max_frame: u32,
    /// [`AdapterState`] as a number.
    pub state: u32,
    /// Bytes in front of a frame that the drivers below asked for.
    pub data_backfill: u32,
    /// Bytes of NET_BUFFER_LIST context that the drivers below asked for.
    pub context_backfill: u32,
    /// Frame buffers that the module holds.
    pub frame_buffers: u32,
    /// Frame buffers that are not in use now.
    pub frame_buffers_free: u32,
    /// How often the pools were made anew because the restart attributes had changed.
    pub pool_rebuilds: u32,
    /// Pools that the module holds now.
    pub pools: u32,
    /// Bytes of `mac_address` that count.
    pub mac_address_length: u32,
    /// The current link-layer address.
    pub mac_address: [u8; 32],
    /// UTF-16 units of `guid` that count.
    pub guid_units: u16,
    /// UTF-16 units of `name` that count.
    pub name_units: u16,
    /// Zero.
    pub reserved: u32,
    /// The adapter's GUID in braces, UTF-16.
    pub guid: [u16; NAME_UNITS],
    /// The adapter's friendly name, UTF-16.
    pub name: [u16; NAME_UNITS],
}

/// The states of a filter module that a client can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterState {
    /// No frames can be injected.
    Paused,
    /// On the way from `Paused` to `Running`.
    Restarting,
    /// Frames can be injected.
    Running,
    /// On the way from `Running` to `Paused`.
    Pausing,
}

impl AdapterState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Paused, Self::Restarting, Self::Running, Self::Pausing];

    /// The state with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// The number that stands for this state in an [`AdapterRecord`].
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Paused => 0,
            Self::Restarting => 1,
            Self::Running => 2,
            Self::Pausing => 3,
        }
    }
}

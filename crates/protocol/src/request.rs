use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version of this interface; a driver serves exactly one.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a client can ask of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Which driver and which protocol answer.
    Version,
    /// The adapters that the driver is bound to.
    Adapters,
    /// What happened on one adapter, or on all.
    Counters,
    /// Originate a batch of frames on one adapter.
    Inject,
    /// Begin to copy the frames of adapters; a handle has one tap at a time.
    TapStart,
    /// Read what the handle's tap has copied; waits until there is enough, or for a time.
    TapRead,
    /// End the handle's tap. What was not read is lost.
    TapStop,
    /// Begin to send copies of one adapter's frames on another.
    MirrorAdd,
    /// End a mirror, whoever added it.
    MirrorRemove,
    /// The mirrors that there are.
    Mirrors,
}

impl Request {
    /// Every request.
    pub const ALL: [Self; 10] = [
        Self::Version,
        Self::Adapters,
        Self::Counters,
        Self::Inject,
        Self::TapStart,
        Self::TapRead,
        Self::TapStop,
        Self::MirrorAdd,
        Self::MirrorRemove,
        Self::Mirrors,
    ];

    /// The control code: FILE_DEVICE_NETWORK, METHOD_BUFFERED, read and write access.
    ///
    /// Follows "Defining I/O Control Codes".
    #[must_use]
    pub const fn code(self) -> u32 {
        const FILE_DEVICE_NETWORK: u32 = 0x12;
        const FILE_READ_AND_WRITE_DATA: u32 = 3;
        let function = match self {
            Self::Version => 0x800,
            Self::Adapters => 0x801,
            Self::Counters => 0x802,
            Self::Inject => 0x803,
            Self::TapStart => 0x804,
            Self::TapRead => 0x805,
            Self::TapStop => 0x806,
            Self::MirrorAdd => 0x807,
            Self::MirrorRemove => 0x808,
            Self::Mirrors => 0x809,
        };
        FILE_DEVICE_NETWORK << 16 | FILE_READ_AND_WRITE_DATA << 14 | function << 2
    }

    /// The request that has this control code.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.code() == code)
    }
}

/// The start of every input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct RequestHeader {
    /// [`PROTOCOL_VERSION`] of the client.
    pub version: u32,
    /// Zero.
    pub reserved: u32,
}

impl Default for RequestHeader {
    fn default() -> Self {
        Self { version: PROTOCOL_VERSION, reserved: 0 }
    }
}

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
}

impl Request {
    /// Every request.
    pub const ALL: [Self; 4] = [Self::Version, Self::Adapters, Self::Counters, Self::Inject];

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

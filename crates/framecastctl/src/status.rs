use std::fmt;

/// An NTSTATUS.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i32);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0);

    /// The request was cancelled.
    pub const CANCELLED: Self = Self::from_bits(0xC000_0120);

    /// The driver does not know the request.
    pub const INVALID_DEVICE_REQUEST: Self = Self::from_bits(0xC000_0010);

    /// The driver knows the request but does not serve it.
    pub const NOT_SUPPORTED: Self = Self::from_bits(0xC000_00BB);

    /// The request says what cannot be.
    pub const INVALID_PARAMETER: Self = Self::from_bits(0xC000_000D);

    /// The request is of another version of the protocol.
    pub const REVISION_MISMATCH: Self = Self::from_bits(0xC000_0059);

    /// The answer does not fit the output.
    pub const BUFFER_TOO_SMALL: Self = Self::from_bits(0xC000_0023);

    /// There is no such adapter, mirror or tap.
    pub const NOT_FOUND: Self = Self::from_bits(0xC000_0225);

    /// The handle has a tap already.
    pub const DEVICE_BUSY: Self = Self::from_bits(0x8000_0011);

    /// A mirror's frames would come back to its source.
    pub const TOO_MANY_LINKS: Self = Self::from_bits(0xC000_0265);

    /// The adapter does not take frames of this length.
    pub const INVALID_LENGTH: Self = Self::from_bits(0xC001_0014);

    /// The adapter is paused.
    pub const PAUSED: Self = Self::from_bits(0xC023_002A);

    /// The status with these bits, as headers and tools write it.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits.cast_signed())
    }

    /// Whether it tells of success.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// What it means where Framecast says it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.0.cast_unsigned() {
            0 => "done",
            0x8000_0011 => "a tap or a read of it is under way already",
            0xC000_0001 => "failed",
            0xC000_000D => "the request is malformed",
            0xC000_0010 => "the driver does not know this request",
            0xC000_0022 => "only SYSTEM and Administrators may do this",
            0xC000_0023 => "the answer does not fit the buffer",
            0xC000_0044 => "a limit of the driver is reached",
            0xC000_0059 => "the driver speaks another version of the protocol",
            0xC000_009A => "the system is short of memory",
            0xC000_00A3 => "the driver is not ready yet",
            0xC000_00B5 => "no answer came in time",
            0xC000_00BB => "this driver does not do it",
            0xC000_0120 => "cancelled",
            0xC000_0225 => "there is no such adapter, mirror or tap",
            0xC000_0265 => "its frames would come back to where they came from",
            0xC001_0014 => "the adapter does not take frames of this length",
            0xC023_002A => "the adapter is paused",
            _ => "the drivers below refused it",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:08X})", self.meaning(), self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08X}", self.0)
    }
}

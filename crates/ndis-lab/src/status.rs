//! NTSTATUS and NDIS_STATUS, which are one number space.

use std::fmt;

use crate::guest::Plain;

/// A status as the kernel and NDIS speak it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct NtStatus(pub i32);

macro_rules! statuses {
    ($($name:ident = $value:literal,)*) => {
        impl NtStatus {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                pub const $name: Self = Self(u32::cast_signed($value));
            )*

            /// The name of a status that the lab knows.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0.cast_unsigned() {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    SUCCESS = 0,
    TIMEOUT = 0x102,
    PENDING = 0x103,
    BUFFER_OVERFLOW = 0x8000_0005,
    NO_MORE_ENTRIES = 0x8000_001A,
    UNSUCCESSFUL = 0xC000_0001,
    INFO_LENGTH_MISMATCH = 0xC000_0004,
    ACCESS_VIOLATION = 0xC000_0005,
    INVALID_HANDLE = 0xC000_0008,
    INVALID_PARAMETER = 0xC000_000D,
    INVALID_DEVICE_REQUEST = 0xC000_0010,
    ACCESS_DENIED = 0xC000_0022,
    BUFFER_TOO_SMALL = 0xC000_0023,
    OBJECT_TYPE_MISMATCH = 0xC000_0024,
    OBJECT_NAME_INVALID = 0xC000_0033,
    OBJECT_NAME_NOT_FOUND = 0xC000_0034,
    OBJECT_NAME_COLLISION = 0xC000_0035,
    QUOTA_EXCEEDED = 0xC000_0044,
    DELETE_PENDING = 0xC000_0056,
    REVISION_MISMATCH = 0xC000_0059,
    INSUFFICIENT_RESOURCES = 0xC000_009A,
    DEVICE_NOT_READY = 0xC000_00A3,
    NOT_SUPPORTED = 0xC000_00BB,
    CANCELLED = 0xC000_0120,
    INVALID_DEVICE_STATE = 0xC000_0184,
    INVALID_BUFFER_SIZE = 0xC000_0206,
    NOT_FOUND = 0xC000_0225,
    DEVICE_REMOVED = 0xC000_02B6,
    NDIS_CLOSING = 0xC001_0002,
    NDIS_BAD_VERSION = 0xC001_0004,
    NDIS_BAD_CHARACTERISTICS = 0xC001_0005,
    NDIS_REQUEST_ABORTED = 0xC001_000C,
    NDIS_RESET_IN_PROGRESS = 0xC001_000D,
    NDIS_INVALID_LENGTH = 0xC001_0014,
    NDIS_INVALID_DATA = 0xC001_0015,
    NDIS_BUFFER_TOO_SHORT = 0xC001_0016,
    NDIS_INVALID_OID = 0xC001_0017,
    NDIS_SEND_ABORTED = 0xC023_000C,
    NDIS_PAUSED = 0xC023_002A,
    NDIS_LOW_POWER_STATE = 0xC023_002F,
}

impl NtStatus {
    /// `NDIS_STATUS_FAILURE`, the same number as `STATUS_UNSUCCESSFUL`.
    pub const FAILURE: Self = Self::UNSUCCESSFUL;
    /// `NDIS_STATUS_RESOURCES`, the same number as `STATUS_INSUFFICIENT_RESOURCES`.
    pub const RESOURCES: Self = Self::INSUFFICIENT_RESOURCES;

    /// Whether the status is a success or an information, as NT_SUCCESS has it.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// Whether the status is an error, as NT_ERROR has it: a warning is not.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0.cast_unsigned() >> 30 == 3
    }

    /// `Ok` for a success or an information, else the status.
    ///
    /// # Errors
    ///
    /// The status itself when it is a warning or an error.
    pub const fn ok(self) -> Result<(), Self> {
        if self.is_success() { Ok(()) } else { Err(self) }
    }
}

#[expect(unsafe_code, reason = "marks a plain integer")]
// SAFETY: one integer.
unsafe impl Plain for NtStatus {}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NtStatus {}

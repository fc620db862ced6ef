use super::sys::NDIS_STATUS;

/// What NDIS and the I/O manager speak: an NDIS_STATUS, which is an NTSTATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Status(NDIS_STATUS);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0);
    /// The answer comes later.
    pub const PENDING: Self = Self(0x103);
    /// Refused for no reason that has a status of its own.
    pub const FAILURE: Self = Self::named(0xC000_0001);
    /// An argument does not hold what it says.
    pub const INVALID_PARAMETER: Self = Self::named(0xC000_000D);
    /// No such device control.
    pub const INVALID_DEVICE_REQUEST: Self = Self::named(0xC000_0010);
    /// The output has no room for the answer.
    pub const BUFFER_TOO_SMALL: Self = Self::named(0xC000_0023);
    /// No such name.
    pub const OBJECT_NAME_NOT_FOUND: Self = Self::named(0xC000_0034);
    /// It is under way already.
    pub const DEVICE_BUSY: Self = Self::named(0x8000_0011);
    /// What is linked would lead back to where it began.
    pub const TOO_MANY_LINKS: Self = Self::named(0xC000_0265);
    /// A limit on what may wait is reached.
    pub const QUOTA_EXCEEDED: Self = Self::named(0xC000_0044);
    /// The two sides speak different versions.
    pub const REVISION_MISMATCH: Self = Self::named(0xC000_0059);
    /// The system has no memory for it.
    pub const RESOURCES: Self = Self::named(0xC000_009A);
    /// Not something that this driver does.
    pub const NOT_SUPPORTED: Self = Self::named(0xC000_00BB);
    /// Not able to serve yet.
    pub const DEVICE_NOT_READY: Self = Self::named(0xC000_00A3);
    /// Cancelled before it was done.
    pub const CANCELLED: Self = Self::named(0xC000_0120);
    /// Nothing has this name or number.
    pub const NOT_FOUND: Self = Self::named(0xC000_0225);
    /// A frame is shorter or longer than the adapter takes.
    pub const INVALID_LENGTH: Self = Self::named(0xC001_0014);
    /// The medium is none that this driver knows.
    pub const UNSUPPORTED_MEDIA: Self = Self::named(0xC001_0019);
    /// The module is not running.
    pub const PAUSED: Self = Self::named(0xC023_002A);

    const fn named(value: u32) -> Self {
        Self(value.cast_signed())
    }

    /// The status that NDIS gave.
    pub const fn from_raw(raw: NDIS_STATUS) -> Self {
        Self(raw)
    }

    /// The status as NDIS reads it.
    #[must_use]
    pub const fn as_raw(self) -> NDIS_STATUS {
        self.0
    }

    /// Whether it tells of success: `NT_SUCCESS`, ntdef.h.
    #[must_use]
    pub const fn is_success(self) -> bool {
        wdk::nt_success(self.0)
    }

    /// The status of something that is over: `PENDING` would not be one.
    pub const fn of_the_end(self) -> Self {
        if self.0 == Self::PENDING.0 { Self::FAILURE } else { self }
    }

    /// Success as `Ok`, every other status as an error.
    ///
    /// # Errors
    ///
    /// The status itself, as [`Error::Other`].
    pub const fn ok(self) -> Result {
        if self.0 == Self::SUCCESS.0 { Ok(()) } else { Err(Error::Other(self)) }
    }
}

/// Why something could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The system has no memory for it.
    Resources,
    /// All frame buffers are in use: some come home when the lists in flight do.
    Exhausted,
    /// The frame is shorter or longer than the adapter takes.
    InvalidLength,
    /// The bytes of a frame cannot be reached: the system has no memory to map them.
    Unreadable,
    /// The medium is none that this driver knows.
    UnsupportedMedia,
    /// NDIS asked for something that the module's state does not allow.
    BadState,
    /// What NDIS said.
    Other(Status),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Resources | Error::Exhausted | Error::Unreadable => Self::RESOURCES,
            Error::InvalidLength => Self::INVALID_LENGTH,
            Error::UnsupportedMedia => Self::UNSUPPORTED_MEDIA,
            Error::BadState => Self::FAILURE,
            // An error never passes for a success, nor for an answer that is still to come.
            Error::Other(status) if status.is_success() => Self::FAILURE,
            Error::Other(status) => status,
        }
    }
}

impl From<Result> for Status {
    fn from(result: Result) -> Self {
        match result {
            Ok(()) => Self::SUCCESS,
            Err(error) => error.into(),
        }
    }
}

/// The result of what can fail in this layer.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// Whether something is done, or will tell when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Progress {
    /// Done.
    Done,
    /// Its completion follows.
    Pending,
}

impl From<Progress> for Status {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Done => Self::SUCCESS,
            Progress::Pending => Self::PENDING,
        }
    }
}

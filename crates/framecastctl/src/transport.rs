//! The way to the driver's control device.

use std::fmt;

/// An NTSTATUS.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i32);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0);

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
            0xC000_0001 => "failed",
            0xC000_000D => "the request is malformed",
            0xC000_0010 => "the driver does not know this request",
            0xC000_0022 => "only SYSTEM and Administrators may do this",
            0xC000_0023 => "the answer does not fit the buffer",
            0xC000_0044 => "too many requests wait on this adapter",
            0xC000_0059 => "the driver speaks another version of the protocol",
            0xC000_009A => "the system is short of memory",
            0xC000_00A3 => "the driver is not ready yet",
            0xC000_0120 => "cancelled",
            0xC000_0225 => "there is no such adapter",
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

/// What a device control answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub status: Status,
    /// The output: empty after an error.
    pub output: Vec<u8>,
}

/// A way to make device controls.
pub trait Transport {
    /// Makes a METHOD_BUFFERED device control and waits for its answer.
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply;
}

#[cfg(not(windows))]
impl Transport for ndis_lab::File {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        let result = Self::control(self, code, input, output_length);
        Reply { status: Status(result.status.0), output: result.output }
    }
}

impl<T: Transport + ?Sized> Transport for &T {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        (**self).control(code, input, output_length)
    }
}

use crate::{RequestHeader, limits};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What the next [`FrameHeader`] of a batch is aligned to, in bytes.
pub const FRAME_ALIGNMENT: usize = 8;

/// [`FrameHeader::flags`]: this frame travels in the same NET_BUFFER_LIST as the frame before it.
///
/// Cheaper for the drivers below, and the frames of one list share one status. Only towards the
/// network, only where there is a frame before it, and for at most [`limits::LIST_FRAMES`] frames.
pub const JOINS_PREVIOUS: u32 = 1;

/// Which way a frame leaves the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Down, to the network.
    Send,
    /// Up, as if it had been received.
    Receive,
}

impl Direction {
    /// The number that stands for this direction in an [`InjectRequest`].
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Send => 0,
            Self::Receive => 1,
        }
    }

    /// The direction with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Send),
            1 => Some(Self::Receive),
            _ => None,
        }
    }
}

/// The input of [`Request::Inject`](crate::Request::Inject), before its frames.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct InjectRequest {
    /// Version.
    pub header: RequestHeader,
    /// The adapter.
    pub luid: u64,
    /// [`Direction`] as a number.
    pub direction: u32,
    /// Frames that follow: at least one, at most [`limits::BATCH_FRAMES`].
    pub frames: u32,
}

/// What stands before the bytes of each frame.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct FrameHeader {
    /// Bytes of the frame, from the link-layer header on, without frame check sequence.
    pub length: u32,
    /// [`JOINS_PREVIOUS`] or zero.
    pub flags: u32,
}

/// The answer to [`Request::Inject`](crate::Request::Inject), before its statuses.
///
/// Statuses are NDIS statuses: success; `STATUS_NDIS_INVALID_LENGTH` for a frame that the adapter
/// does not take; `STATUS_NDIS_PAUSED` for one that found the adapter not running;
/// `STATUS_INSUFFICIENT_RESOURCES`; or what the drivers below completed it with.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct InjectReply {
    /// Statuses that follow: one for each frame of the request.
    pub frames: u32,
    /// Zero.
    pub reserved: u32,
}

/// A batch whose bytes are not what its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedBatch;

/// One frame of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'b> {
    /// From the link-layer header on.
    pub bytes: &'b [u8],
    /// Whether it travels in the list of the frame before it.
    pub joins_previous: bool,
}

/// How far a batch has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes read.
    offset: usize,
    /// Frames read.
    frames: u32,
    /// Frames of the list that the next frame could join: zero at the start.
    list: u32,
}

impl Position {
    /// Nothing has been read.
    pub const START: Self = Self { offset: 0, frames: 0, list: 0 };

    /// Frames read.
    #[must_use]
    pub const fn frames(self) -> u32 {
        self.frames
    }
}

/// The frames of a batch, read from the bytes behind an [`InjectRequest`].
///
/// Ends after the announced number of frames, or after the first error.
#[derive(Clone, Debug)]
pub struct Frames<'b> {
    bytes: &'b [u8],
    count: u32,
    direction: Direction,
    position: Position,
}

impl<'b> Frames<'b> {
    /// Reads `count` frames from `bytes`, from `position` on.
    #[must_use]
    pub const fn new(
        bytes: &'b [u8],
        count: u32,
        direction: Direction,
        position: Position,
    ) -> Self {
        Self { bytes, count, direction, position }
    }

    /// Where the next frame starts.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Reads the whole batch once: whether every frame is well-formed and nothing follows the last.
    ///
    /// # Errors
    ///
    /// [`MalformedBatch`] where the batch is not what its headers say.
    pub fn check(mut self) -> Result<(), MalformedBatch> {
        for frame in self.by_ref() {
            frame?;
        }
        if self.position.offset == self.bytes.len() { Ok(()) } else { Err(MalformedBatch) }
    }

    fn read(&mut self) -> Option<Frame<'b>> {
        let Position { offset, frames, list } = self.position;
        let (header, rest) = FrameHeader::read_from_prefix(self.bytes.get(offset..)?).ok()?;
        let joins_previous = match header.flags {
            0 => false,
            JOINS_PREVIOUS => true,
            _ => return None,
        };
        let list = match (joins_previous, self.direction) {
            (false, _) => 1,
            (true, Direction::Send) if (1..limits::LIST_FRAMES).contains(&list) => {
                list.checked_add(1)?
            }
            (true, _) => return None,
        };
        let length = usize::try_from(header.length).ok()?;
        let padded = length.checked_next_multiple_of(FRAME_ALIGNMENT)?;
        let bytes = rest.get(..length)?;
        let offset = self.bytes.len().checked_sub(rest.get(padded..)?.len())?;
        self.position = Position { offset, frames: frames.checked_add(1)?, list };
        Some(Frame { bytes, joins_previous })
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Result<Frame<'b>, MalformedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position.frames >= self.count {
            return None;
        }
        let frame = self.read().ok_or(MalformedBatch);
        if frame.is_err() {
            self.position.frames = self.count;
        }
        Some(frame)
    }
}

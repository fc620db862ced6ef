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

impl FrameHeader {
    const fn from_bytes(bytes: [u8; size_of::<Self>()]) -> Self {
        zerocopy::transmute!(bytes)
    }
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
}

impl Position {
    /// Nothing has been read.
    pub const START: Self = Self { offset: 0, frames: 0 };

    /// Frames read.
    #[must_use]
    pub const fn frames(self) -> u32 {
        self.frames
    }
}

/// The frames of a batch, read from the bytes behind an [`InjectRequest`].
///
/// Ends after the announced number of frames, or after the first that its bytes are too few for.
#[derive(Clone, Debug)]
pub struct Frames<'b> {
    /// What has not been read.
    rest: &'b [u8],
    /// Bytes that had not been read before the last frame.
    before: usize,
    /// Bytes of the whole batch.
    length: usize,
    count: u32,
    /// Frames read.
    taken: u32,
}

impl<'b> Frames<'b> {
    /// Reads `count` frames from `bytes`, from `position` on.
    #[must_use]
    pub fn new(bytes: &'b [u8], count: u32, position: Position) -> Self {
        let Position { offset, frames } = position;
        let rest = bytes.get(offset..).unwrap_or_default();
        Self { rest, before: rest.len(), length: bytes.len(), count, taken: frames }
    }

    /// Where the next frame starts.
    #[must_use]
    pub const fn position(&self) -> Position {
        // The rest is never longer than the whole.
        let offset = self.length.wrapping_sub(self.rest.len());
        Position { offset, frames: self.taken }
    }

    /// Where the frame starts that was read last; there must be one.
    #[must_use]
    pub const fn last_position(&self) -> Position {
        let offset = self.length.wrapping_sub(self.before);
        Position { offset, frames: self.taken.wrapping_sub(1) }
    }

    /// Whether the next frame, if there is one, wants to travel in the list of the one before it.
    #[must_use]
    pub fn next_joins(&self) -> bool {
        let next = self.rest.first_chunk();
        next.is_some_and(|next| FrameHeader::from_bytes(*next).flags == JOINS_PREVIOUS)
    }

    /// Reads the whole batch once: whether every frame is well-formed, joins only what it may on its
    /// way in this direction, and nothing follows the last.
    ///
    /// # Errors
    ///
    /// [`MalformedBatch`] where the batch is not what its headers say.
    pub fn check(mut self, direction: Direction) -> Result<(), MalformedBatch> {
        // Frames of the list that the next frame could join.
        let mut list = 0_u32;
        while self.taken < self.count {
            let (_, FrameHeader { flags, .. }) = self.step().ok_or(MalformedBatch)?;
            let may_join = flags == JOINS_PREVIOUS
                && direction == Direction::Send
                && (1..limits::LIST_FRAMES).contains(&list);
            list = match flags {
                0 => 1,
                _ if may_join => list.wrapping_add(1),
                _ => return Err(MalformedBatch),
            };
        }
        if self.rest.is_empty() { Ok(()) } else { Err(MalformedBatch) }
    }

    /// Steps over the next frame; its padded bytes and its header.
    fn step(&mut self) -> Option<(&'b [u8], FrameHeader)> {
        let (header, rest) = self.rest.split_first_chunk()?;
        let header = FrameHeader::from_bytes(*header);
        let length = u64::from(header.length);
        let padded =
            (length.wrapping_add(FRAME_ALIGNMENT as u64 - 1)) & !(FRAME_ALIGNMENT as u64 - 1);
        let (padded, rest) = rest.split_at_checked(usize::try_from(padded).ok()?)?;
        self.before = self.rest.len();
        self.rest = rest;
        self.taken = self.taken.wrapping_add(1);
        Some((padded, header))
    }

    fn read(&mut self) -> Option<Frame<'b>> {
        let (padded, FrameHeader { length, flags }) = self.step()?;
        let bytes = padded.get(..usize::try_from(length).ok()?)?;
        Some(Frame { bytes, joins_previous: flags != 0 })
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Result<Frame<'b>, MalformedBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken >= self.count {
            return None;
        }
        let frame = self.read().ok_or(MalformedBatch);
        if frame.is_err() {
            self.taken = self.count;
        }
        Some(frame)
    }
}

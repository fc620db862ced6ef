use protocol::{
    Direction, FRAME_ALIGNMENT, FrameHeader, InjectRequest, JOINS_PREVIOUS, RequestHeader, limits,
};
use zerocopy::IntoBytes;

/// Frames to be injected with one request.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    frames: u32,
}

/// A batch has no room for another frame; the frame was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch has no room for another frame")]
pub struct Full;

impl Batch {
    /// No frames.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a frame: its bytes from the link-layer header on, without frame check sequence.
    ///
    /// # Errors
    ///
    /// [`Full`]: the request would be larger than the driver takes.
    pub fn push(&mut self, frame: &[u8]) -> Result<(), Full> {
        self.add(frame, 0)
    }

    /// Adds a frame that travels in one NET_BUFFER_LIST with the frame before it.
    ///
    /// Only for frames towards the network, and for at most [`limits::LIST_FRAMES`] in a row.
    ///
    /// # Errors
    ///
    /// [`Full`]: the request would be larger than the driver takes.
    pub fn join(&mut self, frame: &[u8]) -> Result<(), Full> {
        self.add(frame, JOINS_PREVIOUS)
    }

    fn add(&mut self, frame: &[u8], flags: u32) -> Result<(), Full> {
        let length = u32::try_from(frame.len()).map_err(|_| Full)?;
        let padded = frame.len().next_multiple_of(FRAME_ALIGNMENT);
        let size =
            size_of::<InjectRequest>() + self.bytes.len() + size_of::<FrameHeader>() + padded;
        if size > limits::REQUEST_BYTES || self.frames == limits::BATCH_FRAMES {
            return Err(Full);
        }
        self.bytes.extend_from_slice(FrameHeader { length, flags }.as_bytes());
        self.bytes.extend_from_slice(frame);
        self.bytes.resize(self.bytes.len() + padded - frame.len(), 0);
        self.frames += 1;
        Ok(())
    }

    /// Frames in the batch.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.frames
    }

    /// Whether there is no frame in the batch.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// The input of the request.
    #[must_use]
    pub fn request(&self, luid: u64, direction: Direction) -> Vec<u8> {
        let head = InjectRequest {
            header: RequestHeader::default(),
            luid,
            direction: direction.number(),
            frames: self.frames,
        };
        [head.as_bytes(), &self.bytes].concat()
    }
}

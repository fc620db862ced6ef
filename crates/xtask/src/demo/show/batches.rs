//! Cuts a capture into the batches that are injected.

use std::ops::Range;

use framecastctl::Batch;
use protocol::limits::LIST_FRAMES;

use super::capture::Frame;

/// Frames of one request, at most: two full lists where frames are joined, and less than the
/// driver has buffers for, so that no request has to wait.
const BATCH_FRAMES: usize = 2 * LIST_FRAMES as usize;

/// Batches of frames one after the other: in turn with a list for each frame, and with as many
/// frames in a list as the driver takes.
pub(super) struct Batches<'f> {
    frames: &'f [Frame],
    /// Where among the frames they are, the last not included.
    range: Range<usize>,
    /// Frames of one request.
    most: usize,
    joined: bool,
}

/// What one request injects.
pub(super) struct Portion {
    /// The request.
    pub(super) batch: Batch,
    /// Which frames it holds.
    pub(super) frames: Range<usize>,
}

impl<'f> Batches<'f> {
    /// Batches of the frames in `range`: at least two, if there are two frames.
    pub(super) fn new(frames: &'f [Frame], range: Range<usize>) -> Self {
        let most = range.len().div_ceil(2).clamp(1, BATCH_FRAMES);
        Self { frames, range, most, joined: false }
    }
}

impl Iterator for Batches<'_> {
    type Item = Portion;

    fn next(&mut self) -> Option<Portion> {
        let start = self.range.start;
        let mut batch = Batch::new();
        let rest = self.frames.get(self.range.clone())?;
        for (place, frame) in rest.iter().take(self.most).enumerate() {
            let joins = self.joined && place % LIST_FRAMES as usize != 0;
            let added = if joins { batch.join(&frame.bytes) } else { batch.push(&frame.bytes) };
            if added.is_err() {
                break;
            }
        }
        let end = start + batch.len() as usize;
        self.range.start = end;
        self.joined = !self.joined;
        (end > start).then_some(Portion { batch, frames: start..end })
    }
}

//! Cuts a capture into the batches that are injected.

use std::ops::Range;

use framecastctl::Batch;
use protocol::limits::LIST_FRAMES;

use framecastctl::capture::CapturedFrame;

/// Frames of one request, at most: two full lists where frames are joined, and less than the
/// driver has buffers for, so that no request has to wait.
const BATCH_FRAMES: usize = 2 * LIST_FRAMES as usize;

/// Batches of frames one after the other: in turn with a list for each frame, and with as many
/// frames in a list as the driver takes.
pub(super) struct Batches<'f> {
    frames: &'f [CapturedFrame],
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
    pub(super) fn new(frames: &'f [CapturedFrame], range: Range<usize>) -> Self {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{Direction, Frames, InjectRequest, Position};

    use super::*;

    fn frames(count: usize, length: usize) -> Vec<CapturedFrame> {
        let frame = |number: usize| CapturedFrame {
            bytes: number.to_le_bytes().into_iter().cycle().take(length).collect(),
            length: u32::try_from(length).expect("a length"),
            time: Duration::ZERO,
        };
        (0..count).map(frame).collect()
    }

    /// The batches as the driver reads them: for each frame, its bytes and whether it joins.
    fn read(frames: &[CapturedFrame], range: Range<usize>) -> Vec<Vec<(Vec<u8>, bool)>> {
        let portions = Batches::new(frames, range).map(|portion| {
            assert_eq!(portion.frames.len(), portion.batch.len() as usize);
            let request = portion.batch.request(1, Direction::Send);
            let bytes = &request[size_of::<InjectRequest>()..];
            let count = portion.batch.len();
            let read = Frames::new(bytes, count, Position::START);
            read.map(|frame| frame.expect("well-formed"))
                .map(|frame| (frame.bytes.to_vec(), frame.joins_previous))
                .collect()
        });
        portions.collect()
    }

    #[test]
    fn every_frame_of_the_range_is_in_one_batch_in_order() {
        let frames = frames(1000, 60);
        for range in [0..0, 0..1, 3..5, 7..500, 0..1000] {
            let batches = read(&frames, range.clone());
            let sent = batches.iter().flatten().map(|(bytes, _)| bytes);
            assert!(sent.eq(frames[range].iter().map(|frame| &frame.bytes)));
        }
    }

    #[test]
    fn frames_travel_both_alone_and_joined() {
        for count in [4, 100, 1000] {
            let batches = read(&frames(count, 60), 0..count);
            for (place, batch) in batches.iter().enumerate() {
                let joined = batch.iter().filter(|(_, joins)| *joins).count();
                assert_eq!(joined > 0, place % 2 == 1 && batch.len() > 1, "batch {place}");
            }
            assert!(batches.len() > 1);
        }
    }

    #[test]
    fn a_batch_of_long_frames_stays_within_a_request() {
        let frames = frames(20, 262_144);
        let sent: usize = read(&frames, 0..20).iter().map(Vec::len).sum();
        assert_eq!(sent, 20);
    }
}

use core::ops::Range;

use crate::{
    Changes, Offloads, Source, Tag, WireError, WireFrame, draft::Draft, header::Header,
    segments::Segments,
};

/// How a frame travels: as one frame on the wire, or several.
///
/// A frame that is on the wire as it is costs next to nothing. For others, up to
/// [`HEADER_LIMIT`](crate::HEADER_LIMIT) bytes of headers are read once, and each byte that a checksum covers is read
/// once for that checksum.
///
/// What is done follows
/// [Offloading the Segmentation of Large TCP Packets](https://learn.microsoft.com/windows-hardware/drivers/network/offloading-the-segmentation-of-large-tcp-packets),
/// [UDP Segmentation Offload](https://learn.microsoft.com/windows-hardware/drivers/network/udp-segmentation-offload-uso-)
/// and [Rules for Coalescing TCP/IP Segments](https://learn.microsoft.com/windows-hardware/drivers/network/rules-for-coalescing-tcp-ip-packets).
#[derive(Debug)]
pub struct Transmission<'s, S: ?Sized> {
    source: &'s S,
    header: Header,
    changes: Changes,
    plan: Plan,
}

/// What is left to be sent.
#[derive(Debug)]
enum Plan {
    /// The header, then this of the source.
    One(Range<usize>),
    /// The segments that are left.
    Many(Segments),
    /// Nothing.
    Done,
}

impl<'s, S: Source + ?Sized> Transmission<'s, S> {
    /// Decides how the frame `source` travels to a target that takes frames of `max_frame` bytes,
    /// with the link-layer header, but without the tags in it. `outer` is a tag of the caller's own
    /// that every frame gets, outside of all others.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    #[inline]
    pub fn new(
        source: &'s S,
        offloads: Offloads,
        max_frame: usize,
        outer: Option<Tag>,
    ) -> Result<Self, WireError> {
        let tags = [outer, offloads.tag];
        if tags == [None; 2]
            && offloads.checksums.is_empty()
            && offloads.segmentation.is_none()
            && source.len() <= max_frame
        {
            return Ok(Self::as_it_is(source));
        }
        Self::decide(source, offloads, max_frame, tags)
    }

    /// The frame as the drivers saw it, whatever they left to the hardware.
    #[must_use]
    pub fn as_it_is(source: &'s S) -> Self {
        let plan = Plan::One(0..source.len());
        Self { source, header: Header::new(), changes: Changes::empty(), plan }
    }

    fn decide(
        source: &'s S,
        offloads: Offloads,
        max_frame: usize,
        tags: [Option<Tag>; 2],
    ) -> Result<Self, WireError> {
        let mut draft = Draft::new(source, tags)?;
        if let Some(segmentation) = offloads.segmentation {
            match draft.segments(segmentation, offloads.transport_offset, max_frame) {
                Ok(segments) => return Ok(Self::many(source, draft, segments)),
                Err(WireError::Malformed) if draft.fits(max_frame) => draft.give_up(),
                Err(error) => return Err(error),
            }
        } else if !draft.fits(max_frame) {
            return Err(WireError::TooLong);
        } else if !offloads.checksums.is_empty() {
            match draft.complete(offloads.checksums, offloads.transport_offset) {
                Err(WireError::Malformed) => draft.give_up(),
                completed => completed?,
            }
        }
        let (header, payload, changes) = draft.one();
        Ok(Self { source, header, changes, plan: Plan::One(payload) })
    }

    fn many(source: &'s S, draft: Draft<'s, S>, segments: Segments) -> Self {
        let (header, changes) = draft.template();
        let changes = changes | segments.changes();
        Self { source, header, changes, plan: Plan::Many(segments) }
    }

    /// Frames that have not been given yet.
    #[must_use]
    pub fn frames_left(&self) -> usize {
        match &self.plan {
            Plan::One(_) => 1,
            Plan::Many(segments) => segments.left(),
            Plan::Done => 0,
        }
    }

    /// The next frame on the wire; none after the last.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`] where a checksum covers bytes that cannot be read.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<WireFrame<'_, S>>, WireError> {
        let payload = match &mut self.plan {
            Plan::One(payload) => {
                let payload = payload.clone();
                self.plan = Plan::Done;
                Some(payload)
            }
            Plan::Many(segments) => segments.next(&mut self.header, self.source)?,
            Plan::Done => None,
        };
        let (source, header, changes) = (self.source, self.header.as_slice(), self.changes);
        Ok(payload.map(|payload| WireFrame { source, header, payload, changes }))
    }
}

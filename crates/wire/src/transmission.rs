use core::ops::Range;

use crate::{Changes, Offloads, Source, Tag, WireError, WireFrame, Workspace, draft::Draft};

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
    workspace: &'s mut Workspace,
    changes: Changes,
    /// What is left to be sent of the source behind the header, in one frame.
    rest: Option<Range<usize>>,
}

impl<'s, S: Source + ?Sized> Transmission<'s, S> {
    /// Decides how the frame `source` travels to a target that takes frames of `max_frame` bytes,
    /// with the link-layer header, but without the tags in it. `outer` is a tag of the caller's own
    /// that every frame gets, outside of all others. `workspace` may have served other frames before.
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
        workspace: &'s mut Workspace,
    ) -> Result<Self, WireError> {
        let mut this = Self::as_it_is(source, workspace);
        let tags = [outer, offloads.tag];
        if tags != [None; 2]
            || !offloads.checksums.is_empty()
            || offloads.segmentation.is_some()
            || source.len() > max_frame
        {
            this.decide(offloads, max_frame, tags)?;
        }
        Ok(this)
    }

    /// The frame as the drivers saw it, whatever they left to the hardware.
    #[inline]
    #[must_use]
    pub fn as_it_is(source: &'s S, workspace: &'s mut Workspace) -> Self {
        workspace.header.clear();
        workspace.segments = None;
        Self { source, workspace, changes: Changes::empty(), rest: Some(0..source.len()) }
    }

    /// Decides about a frame that is not on the wire as it is.
    #[inline(never)]
    fn decide(
        &mut self,
        offloads: Offloads,
        max_frame: usize,
        tags: [Option<Tag>; 2],
    ) -> Result<(), WireError> {
        let mut draft = Draft::new(self.source, &mut self.workspace.header, tags)?;
        if let Some(segmentation) = offloads.segmentation {
            match draft.segments(segmentation, offloads.transport_offset, max_frame) {
                Err(WireError::Malformed) if draft.fits(max_frame) => draft.give_up(),
                segments => self.workspace.segments = Some(segments?),
            }
        } else if !draft.fits(max_frame) {
            return Err(WireError::TooLong);
        } else if !offloads.checksums.is_empty() {
            match draft.complete(offloads.checksums, offloads.transport_offset) {
                Err(WireError::Malformed) => draft.give_up(),
                completed => completed?,
            }
        }
        let (rest, changes) = draft.finish();
        self.changes = changes;
        self.rest = self.workspace.segments.is_none().then_some(rest);
        Ok(())
    }

    /// Frames that have not been given yet.
    #[must_use]
    pub fn frames_left(&self) -> usize {
        match &self.workspace.segments {
            Some(segments) => segments.left(),
            None => usize::from(self.rest.is_some()),
        }
    }

    /// The next frame on the wire; none after the last.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`] where a checksum covers bytes that cannot be read.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<WireFrame<'_, S>>, WireError> {
        let payload = match self.rest.take() {
            Some(rest) => rest,
            None => match self.next_segment()? {
                Some(payload) => payload,
                None => return Ok(None),
            },
        };
        let header = self.workspace.header.as_slice();
        Ok(Some(WireFrame { source: self.source, header, payload, changes: self.changes }))
    }

    #[inline(never)]
    fn next_segment(&mut self) -> Result<Option<Range<usize>>, WireError> {
        let Workspace { header, segments } = &mut *self.workspace;
        match segments {
            Some(segments) => segments.next(header, self.source),
            None => Ok(None),
        }
    }
}

use core::ops::Range;

use crate::{Changes, Offloads, Source, Tag, WireError, WireFrame, Workspace, draft::Draft};

/// How a frame travels: as one frame on the wire, or several.
///
/// It is for frames that are not on the wire as they are; a frame of which nothing was left to the
/// hardware ([`Offloads::is_empty`]) needs none, if it is not too long. Up to
/// [`HEADER_LIMIT`](crate::HEADER_LIMIT) bytes of headers are read once, and each byte that a
/// checksum covers is read once for that checksum.
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
    pub fn new(
        source: &'s S,
        offloads: Offloads,
        max_frame: usize,
        outer: Option<Tag>,
        workspace: &'s mut Workspace,
    ) -> Result<Self, WireError> {
        workspace.segments = None;
        let mut draft = Draft::new(source, &mut workspace.header, [outer, offloads.tag])?;
        draft.is_encapsulated = offloads.is_encapsulated;
        if let Some(segmentation) = offloads.segmentation {
            match draft.segments(segmentation, offloads.transport_offset, max_frame) {
                Err(WireError::Malformed) if draft.fits(max_frame) => draft.give_up(),
                segments => workspace.segments = Some(segments?),
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
        let rest = workspace.segments.is_none().then_some(rest);
        Ok(Self { source, workspace, changes, rest })
    }

    /// The frame as the drivers saw it, although something was left to the hardware.
    #[must_use]
    pub fn given_up(source: &'s S, workspace: &'s mut Workspace) -> Self {
        workspace.segments = None;
        workspace.header.truncate(0);
        Self { source, workspace, changes: Changes::INCOMPLETE, rest: Some(0..source.len()) }
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
    pub fn next_frame(&mut self) -> Result<Option<WireFrame<'_, S>>, WireError> {
        let Workspace { header, segments } = &mut *self.workspace;
        let payload = match (self.rest.take(), segments) {
            (None, Some(segments)) => segments.next(header, self.source)?,
            (rest, _) => rest,
        };
        let header = header.as_slice();
        let frame =
            |payload| WireFrame { source: self.source, header, payload, changes: self.changes };
        Ok(payload.map(frame))
    }
}

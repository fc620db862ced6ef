use core::ops::Range;

use crate::{Changes, Source};

/// One frame as it is on the wire: some bytes of header, then bytes of the original frame.
///
/// It is a [`Source`] itself, so that a capture filter can look at it.
#[derive(Debug)]
pub struct WireFrame<'t, S: ?Sized> {
    pub(crate) source: &'t S,
    pub(crate) header: &'t [u8],
    pub(crate) payload: Range<usize>,
    pub(crate) changes: Changes,
}

impl<S: ?Sized> WireFrame<'_, S> {
    /// The bytes that come first: at most [`HEADER_LIMIT`](crate::HEADER_LIMIT), and none where the
    /// frame is on the wire as it is.
    #[must_use]
    pub const fn header(&self) -> &[u8] {
        self.header
    }

    /// The bytes of the original frame that follow.
    #[must_use]
    pub const fn payload(&self) -> Range<usize> {
        Range { start: self.payload.start, end: self.payload.end }
    }

    /// How it differs from the original frame.
    #[must_use]
    pub const fn changes(&self) -> Changes {
        self.changes
    }

    /// Bytes in all.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "Source, which it implements, has it")]
    pub const fn len(&self) -> usize {
        let payload = self.payload.end.saturating_sub(self.payload.start);
        self.header.len().saturating_add(payload)
    }
}

impl<S: Source + ?Sized> Source for WireFrame<'_, S> {
    fn len(&self) -> usize {
        WireFrame::len(self)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let of_header = self.header.get(offset..).unwrap_or_default();
        let Some((from_header, from_source)) =
            into.split_at_mut_checked(of_header.len().min(into.len()))
        else {
            return false;
        };
        for (to, from) in from_header.iter_mut().zip(of_header) {
            *to = *from;
        }
        if from_source.is_empty() {
            return true;
        }
        // Where in the payload the rest starts: at its start, unless `offset` is behind the header.
        let skipped = offset.saturating_sub(self.header.len());
        let start = self.payload.start.saturating_add(skipped);
        start.checked_add(from_source.len()).is_some_and(|end| end <= self.payload.end)
            && self.source.read(start, from_source)
    }
}

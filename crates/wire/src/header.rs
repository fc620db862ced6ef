use heapless::Vec;

use crate::{Source, Tag, WireError};

/// Most bytes of headers that are patched: the link-layer header with its tags, IP with options or
/// extension headers, TCP with options or UDP.
pub const HEADER_LIMIT: usize = 320;

/// Bytes of the two addresses that a frame starts with.
pub(crate) const ADDRESSES: usize = 12;

/// The first bytes of a frame as they are on the wire.
#[derive(Debug)]
pub(crate) struct Header(Vec<u8, HEADER_LIMIT>);

impl Header {
    /// No bytes.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// As many bytes of `source` as there is room for, with `tags` behind the addresses, the first
    /// tag outermost; without the tags where the frame is too short for them. Gives the bytes that
    /// were inserted.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`].
    pub(crate) fn fill<S: Source + ?Sized>(
        &mut self,
        source: &S,
        tags: [Option<Tag>; 2],
    ) -> Result<usize, WireError> {
        self.0.clear();
        self.extend(source, 0, ADDRESSES)?;
        let start = self.0.len();
        for tag in tags.into_iter().flatten().filter(|_| start == ADDRESSES) {
            self.0.extend_from_slice(&tag.bytes()).map_err(|_| WireError::Malformed)?;
        }
        let end = self.0.len();
        self.extend(source, ADDRESSES, HEADER_LIMIT.saturating_sub(end))?;
        Ok(end.saturating_sub(start))
    }

    /// Appends at most `most` bytes of `source`.
    fn extend<S: Source + ?Sized>(
        &mut self,
        source: &S,
        offset: usize,
        most: usize,
    ) -> Result<(), WireError> {
        let start = self.0.len();
        let wanted = source.len().saturating_sub(offset).min(most);
        if wanted == 0 {
            return Ok(());
        }
        self.0.resize(start.saturating_add(wanted), 0).map_err(|_| WireError::Malformed)?;
        let read = self.0.get_mut(start..).is_some_and(|into| source.read(offset, into));
        if read { Ok(()) } else { Err(WireError::Unreadable) }
    }

    /// Leaves the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`WireError::Malformed`] where the header is shorter.
    pub(crate) fn get<const N: usize>(&self, offset: usize) -> Result<[u8; N], WireError> {
        let bytes = self.0.get(offset..).and_then(|rest| rest.first_chunk().copied());
        bytes.ok_or(WireError::Malformed)
    }

    /// Overwrites the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// As [`Header::get`].
    pub(crate) fn put<const N: usize>(
        &mut self,
        offset: usize,
        bytes: [u8; N],
    ) -> Result<(), WireError> {
        let into = self.0.get_mut(offset..).and_then(|rest| rest.first_chunk_mut());
        *into.ok_or(WireError::Malformed)? = bytes;
        Ok(())
    }
}

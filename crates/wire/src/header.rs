use crate::{Source, Tag, WireError};

/// Most bytes of headers that are patched: the link-layer header with its tags, IP with options or
/// extension headers, TCP with options or UDP.
pub const HEADER_LIMIT: usize = 320;

/// Bytes of the two addresses that a frame starts with.
pub(crate) const ADDRESSES: usize = 12;

/// The first bytes of a frame as they are on the wire.
#[derive(Debug)]
pub(crate) struct Header {
    bytes: [u8; HEADER_LIMIT],
    len: usize,
}

impl Header {
    /// No bytes.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; HEADER_LIMIT], len: 0 }
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
        self.len = 0;
        self.extend(source, 0, ADDRESSES)?;
        let start = self.len;
        for tag in tags.into_iter().flatten().filter(|_| start == ADDRESSES) {
            let at = self.len;
            self.len = at.saturating_add(Tag::LEN);
            self.put(at, tag.bytes())?;
        }
        let end = self.len;
        self.extend(source, ADDRESSES, HEADER_LIMIT)?;
        Ok(end.saturating_sub(start))
    }

    /// Appends at most `most` bytes of `source`, or as many as there is room for.
    fn extend<S: Source + ?Sized>(
        &mut self,
        source: &S,
        offset: usize,
        most: usize,
    ) -> Result<(), WireError> {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let wanted = source.len().saturating_sub(offset).min(most).min(room.len());
        let into = room.get_mut(..wanted).unwrap_or_default();
        if !into.is_empty() && !source.read(offset, into) {
            return Err(WireError::Unreadable);
        }
        self.len = self.len.saturating_add(wanted);
        Ok(())
    }

    /// Leaves at most the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`WireError::Malformed`] where the header is shorter.
    pub(crate) fn get<const N: usize>(&self, offset: usize) -> Result<[u8; N], WireError> {
        let bytes = self.as_slice().get(offset..).and_then(|rest| rest.first_chunk().copied());
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
        let all = self.bytes.get_mut(..self.len);
        let into =
            all.and_then(|all| all.get_mut(offset..)).and_then(|rest| rest.first_chunk_mut());
        *into.ok_or(WireError::Malformed)? = bytes;
        Ok(())
    }
}

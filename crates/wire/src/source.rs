use core::ops::Range;

/// Bytes of a frame that can be read anywhere, and may lie in many pieces.
pub trait Source {
    /// Bytes in all, from the link-layer header on, without frame check sequence.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` with the bytes from `offset` on; false where they cannot be reached, or are not
    /// all there. What `into` then holds does not matter.
    fn read(&self, offset: usize, into: &mut [u8]) -> bool;
}

impl Source for [u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some(bytes) = self.get(offset..).and_then(|rest| rest.get(..into.len())) else {
            return false;
        };
        into.copy_from_slice(bytes);
        true
    }
}

/// Calls `with` for the bytes of `range`, in pieces of an even number of bytes but for the last;
/// false where they cannot be read.
pub(crate) fn for_each_piece<S: Source + ?Sized>(
    source: &S,
    range: Range<usize>,
    mut with: impl FnMut(&[u8]),
) -> bool {
    let mut piece = [0; 256];
    let mut offset = range.start;
    while offset < range.end {
        let wanted = range.end.saturating_sub(offset).min(piece.len());
        let Some(piece) = piece.get_mut(..wanted) else { return false };
        if !source.read(offset, piece) {
            return false;
        }
        with(piece);
        offset = offset.saturating_add(wanted);
    }
    true
}

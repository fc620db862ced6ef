use proptest::prelude::*;
use wire::Source;

/// A frame in pieces, some of which may be empty.
#[derive(Debug, Clone)]
pub(crate) struct Pieces(Vec<Vec<u8>>);

impl Pieces {
    /// Cuts `bytes` wherever a multiple of one of `cuts` is.
    pub(crate) fn new(bytes: &[u8], cuts: &[usize]) -> Self {
        let mut at: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        Self(at.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect())
    }
}

/// Where to cut a frame.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    // Mostly in the headers, where it matters.
    prop::collection::vec(prop_oneof![3 => 0_usize..150, 1 => 0_usize..70_000], 0..6)
}

impl Source for Pieces {
    fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    fn read(&self, mut offset: usize, mut into: &mut [u8]) -> bool {
        for piece in &self.0 {
            let rest = piece.get(offset..).unwrap_or_default();
            offset = offset.saturating_sub(piece.len());
            let len = rest.len().min(into.len());
            let (to, left) = into.split_at_mut(len);
            to.copy_from_slice(&rest[..len]);
            into = left;
        }
        into.is_empty()
    }
}

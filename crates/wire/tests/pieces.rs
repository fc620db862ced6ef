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

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let mut bytes = self.0.iter().flatten().skip(offset);
        into.iter_mut().all(|to| bytes.next().map(|from| *to = *from).is_some())
    }
}

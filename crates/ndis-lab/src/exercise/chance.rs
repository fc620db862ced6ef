//! Decisions drawn from a seed.

use std::ops::RangeInclusive;

use oorandom::Rand64;

/// A stream of decisions: the same seed makes the same ones, on every host.
#[derive(Clone, Debug)]
pub(crate) struct Chance(Rand64);

impl Chance {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rand64::new(seed.into()))
    }

    /// A further stream, independent of what this one decides later.
    pub(crate) fn fork(&mut self) -> Self {
        Self(Rand64::new(u128::from(self.number()) << 64 | u128::from(self.number())))
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.rand_u64()
    }

    /// Any number of 32 bits.
    pub(crate) fn word(&mut self) -> u32 {
        self.number().to_le_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// A number in a range.
    pub(crate) fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.0.rand_range(*range.start()..range.end() + 1)
    }

    /// A size in a range.
    pub(crate) fn size(&mut self, range: RangeInclusive<usize>) -> usize {
        let (start, end) = range.into_inner();
        usize::try_from(self.between(start as u64..=end as u64)).unwrap_or(end)
    }

    /// Yes, once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.between(1..=times) == 1
    }

    /// One of several; there must be one.
    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.size(0..=from.len() - 1)].clone()
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.number().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

//! What drivers' code did, instruction by instruction.

use std::collections::BTreeMap;

/// The instructions that drivers executed while
/// [`Lab::count_instructions`](crate::Lab::count_instructions) looked.
#[derive(Clone, Debug, Default)]
pub struct Instructions {
    pub(crate) executed: BTreeMap<u32, u64>,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) copied: u64,
}

impl Instructions {
    /// Instructions of the drivers' images, whatever they call not included. One that the processor
    /// repeats by itself, as `rep movsb`, is one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.executed.values().sum()
    }

    /// How often the instruction at each offset in its image was executed; images of several
    /// drivers are not told apart.
    #[must_use]
    pub fn by_offset(&self) -> &BTreeMap<u32, u64> {
        &self.executed
    }

    /// How often each import was called.
    #[must_use]
    pub fn calls(&self) -> &BTreeMap<String, u64> {
        &self.calls
    }

    /// Bytes that the drivers had `memcpy` and `memmove` copy.
    #[must_use]
    pub fn bytes_copied(&self) -> u64 {
        self.copied
    }
}

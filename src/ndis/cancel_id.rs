#![expect(unsafe_code, reason = "wraps NdisGeneratePartialCancelId")]

use super::sys::{self, PVOID};
use core::{num::NonZeroUsize, ptr};

/// Marks sends so that they can be cancelled together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelId(NonZeroUsize);

impl CancelId {
    /// The `number`th id of this driver.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// Follows NdisGeneratePartialCancelId, which keeps drivers' ids apart by their highest byte.
    #[must_use]
    pub fn new(partial: PartialCancelId, number: usize) -> Self {
        let shift = usize::BITS.wrapping_sub(8);
        let own = number & (usize::MAX >> 8);
        let id = NonZeroUsize::new(usize::from(partial.0) << shift | own);
        // Zero is no id.
        Self(id.unwrap_or(NonZeroUsize::MIN))
    }

    pub(super) const fn as_raw(self) -> PVOID {
        ptr::without_provenance_mut(self.0.get())
    }
}

/// The highest byte of this driver's cancel ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialCancelId(u8);

impl PartialCancelId {
    /// Asks NDIS for a byte.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    #[must_use]
    pub fn generate() -> Self {
        // SAFETY: the function has no preconditions.
        Self(unsafe { sys::NdisGeneratePartialCancelId() })
    }
}

#![expect(unsafe_code, reason = "asks for the bounds of the stack")]

use super::sys;

/// Bytes of stack that are left to this thread; plenty where the system does not say.
///
/// # IRQL
///
/// Any.
///
/// Follows IoGetStackLimits and IoGetRemainingStackSize.
#[must_use]
pub fn stack_left() -> usize {
    let (mut low, mut high) = (0, 0);
    // SAFETY: two places on this stack.
    unsafe { sys::IoGetStackLimits(&raw mut low, &raw mut high) };
    let here = u64::try_from((&raw const low).addr()).unwrap_or_default();
    // A procedure may run on a stack of the processor's own.
    let left = if (low..high).contains(&here) { here.saturating_sub(low) } else { u64::MAX };
    usize::try_from(left).unwrap_or(usize::MAX)
}

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
    let here = (&raw const low).addr();
    // A procedure may run on a stack of the processor's own.
    if (low as usize..high as usize).contains(&here) {
        here.saturating_sub(low as usize)
    } else {
        usize::MAX
    }
}

#![expect(unsafe_code, reason = "raises the IRQL")]

use super::sys;

/// Calls `act` at `DISPATCH_LEVEL`, and goes back to the level from before.
///
/// What others wait for is done there: a thread at a lower level can be suspended, or wait long
/// for a processor.
///
/// # IRQL
///
/// `<= DISPATCH_LEVEL`.
///
/// Follows KeRaiseIrql and KeLowerIrql.
pub fn at_dispatch_level<R>(act: impl FnOnce() -> R) -> R {
    const DISPATCH_LEVEL: sys::KIRQL = 2;
    // SAFETY: never a lower level than now, by the function's contract.
    let before = unsafe { sys::KfRaiseIrql(DISPATCH_LEVEL) };
    let result = act();
    // SAFETY: the level that the call above came from; what is called goes back to its own.
    unsafe { sys::KeLowerIrql(before) };
    result
}

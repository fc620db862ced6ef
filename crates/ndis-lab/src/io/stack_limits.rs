//! How much stack a driver has.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::cell::Cell;

use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;

exports![IoGetStackLimits];

/// Bytes of stack that a driver finds: more than the kernel's 24 KB, for the lab's own calls lie in
/// between, and they are larger.
const SIZE: u64 = 160 * 1024;

thread_local! {
    /// Where the outermost call stood that asked on this thread.
    static TOP: Cell<u64> = const { Cell::new(0) };
}

/// Tells the bounds of the stack of this thread.
pub extern "win64" fn IoGetStackLimits(low: Guest<u64>, high: Guest<u64>) {
    let _call = Call::enter("IoGetStackLimits", Irql::HIGH, low.address());
    let here = std::ptr::from_ref(&low).addr() as u64;
    let top = TOP.get().max(here);
    TOP.set(top);
    // The caller's own frame lies above this one.
    high.write(top + SIZE);
    low.write(top - SIZE);
}

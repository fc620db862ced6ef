#![expect(unsafe_code, reason = "asks for the time")]

use super::sys::{self, LARGE_INTEGER};

/// What [`system_time`] is a multiple of, in nanoseconds.
pub const TIME_UNIT_NANOSECONDS: u32 = 100;

/// The time now: 100-nanosecond intervals since 1601 in UTC.
///
/// # IRQL
///
/// Any.
///
/// Follows KeQuerySystemTimePrecise, which is as exact as the processor's counter.
#[must_use]
pub fn system_time() -> u64 {
    let mut time = LARGE_INTEGER { QuadPart: 0 };
    // SAFETY: a place for the time, on this stack.
    unsafe { sys::KeQuerySystemTimePrecise(&raw mut time) };
    // SAFETY: every bit pattern is a number.
    unsafe { time.QuadPart }.cast_unsigned()
}

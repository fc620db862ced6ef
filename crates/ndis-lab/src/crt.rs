//! What compilers call: copying and comparing memory.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::exports::exports;
use crate::guest::Guest;

exports![memcpy, memmove, memset, memcmp, __C_specific_handler];

/// Faults as the driver would if it may not use some bytes: the first and the last of them.
fn touch(start: Guest<u8>, count: usize) {
    if count > 0 {
        start.touch();
        start.byte_add(count as u64 - 1).touch();
    }
}

/// Copies bytes.
pub extern "win64" fn memcpy(to: Guest<u8>, from: Guest<u8>, count: usize) -> Guest<u8> {
    touch(from, count);
    touch(to, count);
    to.copy_from(from, count);
    to
}

/// Copies bytes between places that may overlap.
pub extern "win64" fn memmove(to: Guest<u8>, from: Guest<u8>, count: usize) -> Guest<u8> {
    touch(from, count);
    touch(to, count);
    to.copy_from(from, count);
    to
}

/// Sets bytes.
pub extern "win64" fn memset(to: Guest<u8>, byte: i32, count: usize) -> Guest<u8> {
    touch(to, count);
    to.fill(byte.to_le_bytes()[0], count);
    to
}

/// Compares bytes.
pub extern "win64" fn memcmp(left: Guest<u8>, right: Guest<u8>, count: usize) -> i32 {
    left.read_bytes(count).cmp(&right.read_bytes(count)) as i32
}

/// What compilers name in the tables of functions with structured exception scopes. The lab raises
/// no exceptions, so nobody asks; it would let them pass on (ExceptionContinueSearch).
pub extern "win64" fn __C_specific_handler(
    _record: Guest<u8>,
    _frame: Guest<u8>,
    _context: Guest<u8>,
    _dispatcher: Guest<u8>,
) -> i32 {
    1
}

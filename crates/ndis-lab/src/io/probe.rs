//! Addresses of user memory that drivers look at before they use them.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::rule::Rule;
use crate::sync::lock;

exports![ProbeForRead, ProbeForWrite];

/// Checks that memory is a user's and readable. The lab raises no exceptions: what would raise one
/// is a breach, because only a driver that takes a wrong length or address comes there.
pub extern "win64" fn ProbeForRead(address: Guest<u8>, length: u64, alignment: u32) {
    probe("ProbeForRead", address, length, alignment);
}

/// Checks that memory is a user's and writable.
pub extern "win64" fn ProbeForWrite(address: Guest<u8>, length: u64, alignment: u32) {
    probe("ProbeForWrite", address, length, alignment);
}

fn probe(name: &'static str, address: Guest<u8>, length: u64, alignment: u32) {
    let call = Call::enter(name, Irql::APC, address.address());
    if length == 0 {
        return;
    }
    let start = address.address();
    if !start.is_multiple_of(u64::from(alignment.max(1))) {
        let message = format!("{address:?} is not aligned to {alignment} bytes");
        call.violate(Rule::UserBuffer, message, &[]);
        return;
    }
    let end = start.saturating_add(length);
    let known = lock(&call.machine.io)
        .irps
        .values()
        .any(|request| request.user_ranges().any(|(from, to)| from <= start && end <= to));
    if !known {
        let message = format!("{length} bytes at {address:?} are not a requesting user's");
        call.violate(Rule::UserBuffer, message, &[]);
    }
}

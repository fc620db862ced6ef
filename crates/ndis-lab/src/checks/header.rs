//! C38: structures that a driver hands over carry the right header.

use crate::call::Call;
use crate::guest::Guest;
use crate::rule::Rule;

/// Checks `Type`, `Revision` and `Size` of an NDIS_OBJECT_HEADER against the known revisions,
/// each with its size; a higher revision is taken as the highest known.
pub(crate) fn check<T>(call: &Call, at: Guest<T>, kind: u8, revisions: &[(u8, u16)]) -> bool {
    use crate::abi::nbl::ObjectHeader as H;
    if at.is_null() {
        call.violate(Rule::Header, "a structure is missing: its pointer is null", &[]);
        return false;
    }
    let header = at.cast::<H>();
    let (found, revision, size) =
        (header.get(H::TYPE), header.get(H::REVISION), header.get(H::SIZE_FIELD));
    if found != kind {
        let message = format!("the header's Type is {found:#x}, not {kind:#x}");
        call.violate(Rule::Header, message, &[]);
        return false;
    }
    let known = revisions.iter().rev().find(|(known, _)| *known <= revision);
    let Some(&(_, expected)) = known else {
        call.violate(Rule::Header, format!("the header's Revision is {revision}"), &[]);
        return false;
    };
    if size < expected {
        let message = format!("the header's Size is {size}; revision {revision} needs {expected}");
        call.violate(Rule::Header, message, &[]);
        return false;
    }
    true
}

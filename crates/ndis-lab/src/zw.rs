//! The registry: the driver's own key, with the values that the lab was given.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::kernel::UnicodeString;
use crate::abi::registry::ObjectAttributes;
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::machine::Machine;
use crate::ob::{self, Object, ObjectType};
use crate::parameter::Parameter;
use crate::rtl;
use crate::status::NtStatus;

exports![ZwOpenKey, ZwQueryValueKey];

/// Where drivers have their keys.
const SERVICES: &str = "\\REGISTRY\\MACHINE\\SYSTEM\\CURRENTCONTROLSET\\SERVICES\\";

/// Opens the key of a service, or its `Parameters`; there are no other keys.
pub extern "win64" fn ZwOpenKey(
    handle: Guest<Handle>,
    _access: u32,
    attributes: Guest<ObjectAttributes>,
) -> NtStatus {
    let call = Call::enter("ZwOpenKey", Irql::PASSIVE, attributes.address());
    let name = rtl::text(attributes.get(ObjectAttributes::OBJECT_NAME));
    let root = attributes.get(ObjectAttributes::ROOT_DIRECTORY);
    let path = if root == Handle::NULL {
        name
    } else {
        match ob::find(&call.machine, root) {
            Some(parent) if parent.kind == ObjectType::Key => format!("{}\\{name}", parent.path),
            _ => return NtStatus::INVALID_HANDLE,
        }
    };
    if !is_known(&path) {
        return NtStatus::OBJECT_NAME_NOT_FOUND;
    }
    if call.allocation_fails() {
        return NtStatus::INSUFFICIENT_RESOURCES;
    }
    let key: Arc<Object> = Object::new(ObjectType::Key, 0, &path);
    handle.write(ob::add_handle(&call, key));
    NtStatus::SUCCESS
}

fn is_known(path: &str) -> bool {
    let path = path.to_uppercase();
    let Some(rest) = path.strip_prefix(SERVICES) else { return false };
    let mut parts = rest.split('\\');
    parts.next().is_some_and(|service| !service.is_empty())
        && parts.next().is_none_or(|part| part == "PARAMETERS")
        && parts.next().is_none()
}

/// The value of a name, in whatever case.
pub(crate) fn value<'m>(machine: &'m Machine, name: &str) -> Option<&'m Parameter> {
    let parameters = &machine.options.parameters;
    parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Reads a value, with as much about it as the class says: basic 0, full 1, partial 2.
pub extern "win64" fn ZwQueryValueKey(
    key: Handle,
    name: Guest<UnicodeString>,
    class: u32,
    information: Guest<u8>,
    length: u32,
    result_length: Guest<u32>,
) -> NtStatus {
    let call = Call::enter("ZwQueryValueKey", Irql::PASSIVE, key.0);
    if ob::find(&call.machine, key).is_none_or(|object| object.kind != ObjectType::Key) {
        return NtStatus::INVALID_HANDLE;
    }
    let name = rtl::text(name);
    let Some(value) = value(&call.machine, &name) else {
        return NtStatus::OBJECT_NAME_NOT_FOUND;
    };
    let Some((fixed, bytes)) = lay_out(value, &name, class) else {
        return NtStatus::INVALID_PARAMETER;
    };
    result_length.write(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let room = length as usize;
    if room < fixed {
        return NtStatus::BUFFER_TOO_SMALL;
    }
    information.write_bytes(&bytes[..room.min(bytes.len())]);
    if room < bytes.len() { NtStatus::BUFFER_OVERFLOW } else { NtStatus::SUCCESS }
}

/// The bytes of a class of information, and how many of them there always are.
fn lay_out(value: &Parameter, name: &str, class: u32) -> Option<(usize, Vec<u8>)> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let data = value.bytes();
    let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = word(0).to_vec();
    bytes.extend(value.kind().to_le_bytes());
    let fixed = match class {
        0 => {
            bytes.extend(word(name.len()));
            bytes.extend(&name);
            12
        }
        1 => {
            let offset = (20 + name.len()).next_multiple_of(8);
            bytes.extend(word(offset));
            bytes.extend(word(data.len()));
            bytes.extend(word(name.len()));
            bytes.extend(&name);
            bytes.resize(offset, 0);
            bytes.extend(&data);
            20
        }
        2 => {
            bytes.extend(word(data.len()));
            bytes.extend(&data);
            12
        }
        _ => return None,
    };
    Some((fixed, bytes))
}

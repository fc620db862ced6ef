//! A driver's configuration, as NDIS shows it.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::kernel::UnicodeString;
use crate::abi::ndis::object;
use crate::abi::registry::{
    ConfigurationObject, ConfigurationParameter, PARAMETER_BINARY, PARAMETER_HEX_INTEGER,
    PARAMETER_INTEGER, PARAMETER_MULTI_STRING, PARAMETER_STRING,
};
use crate::call::Call;
use crate::checks::header;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{Kind, ObjectRecord};
use crate::ndis::memory::free_object;
use crate::ndis::pool::owner_of;
use crate::parameter::Parameter;
use crate::rtl;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;
use crate::zw;

exports![NdisOpenConfigurationEx, NdisReadConfiguration, NdisCloseConfiguration];

/// Opens the configuration of a driver or of a module; both find the same values.
pub extern "win64" fn NdisOpenConfigurationEx(
    configuration: Guest<ConfigurationObject>,
    handle: Guest<Handle>,
) -> NtStatus {
    let call = Call::enter("NdisOpenConfigurationEx", Irql::PASSIVE, configuration.address());
    handle.write(Handle::NULL);
    if !header::check(&call, configuration, object::CONFIGURATION_OBJECT, &[(1, 20)]) {
        return NtStatus::INVALID_PARAMETER;
    }
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    let opened = call.machine.new_handle();
    let owner = owner_of(&call, configuration.get(ConfigurationObject::NDIS_HANDLE));
    let record = ObjectRecord { kind: Kind::Configuration, owner, site: call.site, block: None };
    lock(&call.machine.ledger).objects.insert(opened.0, record);
    lock(&call.machine.configurations).insert(opened, Vec::new());
    handle.write(opened);
    NtStatus::SUCCESS
}

/// Reads a value. What it points to lives until the configuration is closed.
pub extern "win64" fn NdisReadConfiguration(
    status: Guest<NtStatus>,
    parameter: Guest<Guest<ConfigurationParameter>>,
    configuration: Handle,
    keyword: Guest<UnicodeString>,
    kind: u32,
) {
    let call = Call::enter("NdisReadConfiguration", Irql::PASSIVE, configuration.0);
    status.write(NtStatus::FAILURE);
    if !lock(&call.machine.configurations).contains_key(&configuration) {
        let message = format!("{:#x} is not a configuration", configuration.0);
        call.violate(Rule::Header, message, &[]);
        return;
    }
    let machine = std::sync::Arc::clone(&call.machine);
    let Some(value) = zw::value(&machine, &rtl::text(keyword)) else { return };
    if call.allocation_fails() {
        status.write(NtStatus::RESOURCES);
        return;
    }
    let Some((made, data)) = make(value, kind) else { return };
    parameter.write(made.guest());
    let mut configurations = lock(&call.machine.configurations);
    if let Some(kept) = configurations.get_mut(&configuration) {
        kept.push(made);
        kept.push(data);
    }
    status.write(NtStatus::SUCCESS);
}

/// A value as a driver wants it, and what it points to; a text may stand for a number.
fn make(value: &Parameter, wanted: u32) -> Option<(Block, Block)> {
    type P = ConfigurationParameter;
    let block = Block::zeroed(P::SIZE);
    let guest = block.guest::<P>();
    guest.set(P::PARAMETER_TYPE, wanted);
    let bytes = value.bytes();
    let data = Block::zeroed(bytes.len());
    data.guest::<u8>().write_bytes(&bytes);
    let length = u16::try_from(bytes.len()).ok()?;
    match (wanted, value) {
        (PARAMETER_INTEGER | PARAMETER_HEX_INTEGER, Parameter::Number(number)) => {
            guest.set(P::INTEGER, *number);
        }
        (PARAMETER_INTEGER, Parameter::Text(text)) => {
            guest.set(P::INTEGER, text.trim().parse().ok()?);
        }
        (PARAMETER_HEX_INTEGER, Parameter::Text(text)) => {
            let digits = text.trim().trim_start_matches("0x");
            guest.set(P::INTEGER, u32::from_str_radix(digits, 16).ok()?);
        }
        (PARAMETER_STRING, Parameter::Text(_)) | (PARAMETER_MULTI_STRING, Parameter::Texts(_)) => {
            let string = guest.field(P::STRING).cast::<UnicodeString>();
            string.set(UnicodeString::LENGTH, length - 2);
            string.set(UnicodeString::MAXIMUM_LENGTH, length);
            string.set(UnicodeString::BUFFER, data.guest());
        }
        (PARAMETER_BINARY, Parameter::Bytes(_)) => {
            guest.set(P::LENGTH, length);
            guest.set(P::BUFFER, data.guest());
        }
        _ => return None,
    }
    Some((block, data))
}

/// Closes a configuration and frees what was read from it.
pub extern "win64" fn NdisCloseConfiguration(configuration: Handle) {
    let call = Call::enter("NdisCloseConfiguration", Irql::PASSIVE, configuration.0);
    lock(&call.machine.configurations).remove(&configuration);
    free_object(&call, configuration.0, Kind::Configuration);
}

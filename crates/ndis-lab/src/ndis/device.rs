//! The control device of a filter driver.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::handlers::{Dispatch, Handler};
use crate::abi::io::{DeviceObject, major};
use crate::abi::ndis::{DeviceObjectAttributes, object};
use crate::call::Call;
use crate::checks::header;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::io::device::{self, Device, NdisDevice};
use crate::irql::Irql;
use crate::rtl;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{lock, read};

exports![NdisRegisterDeviceEx, NdisDeregisterDeviceEx, NdisGetDeviceReservedExtension];

/// FILE_DEVICE_NETWORK.
const FILE_DEVICE_NETWORK: u32 = 0x12;

/// Makes a named device with dispatch routines of its own.
pub extern "win64" fn NdisRegisterDeviceEx(
    handle: Handle,
    attributes: Guest<DeviceObjectAttributes>,
    device_object: Guest<Guest<DeviceObject>>,
    device_handle: Guest<Handle>,
) -> NtStatus {
    type A = DeviceObjectAttributes;
    let call = Call::enter("NdisRegisterDeviceEx", Irql::PASSIVE, attributes.address());
    device_object.write(Guest::NULL);
    device_handle.write(Handle::NULL);
    let kind = object::DEVICE_OBJECT_ATTRIBUTES;
    if !header::check(&call, attributes, kind, &[(1, 56)]) {
        return NtStatus::NOT_SUPPORTED;
    }
    let driver = read(&call.machine.drivers)
        .values()
        .find(|driver| read(&driver.registration).is_some_and(|r| r.handle == handle))
        .cloned();
    let Some(driver) = driver else {
        call.violate(Rule::Header, "the handle is not that of a registered filter driver", &[]);
        return NtStatus::INVALID_PARAMETER;
    };
    let name = rtl::text(attributes.get(A::DEVICE_NAME));
    let link = attributes.get(A::SYMBOLIC_NAME).non_null().map(rtl::text);
    let table = read_table(attributes.get(A::MAJOR_FUNCTIONS));
    if !check_attributes(&call, attributes, &name, link.as_deref(), &table) {
        return NtStatus::INVALID_PARAMETER;
    }
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    call.took_memory();
    let new_handle = call.machine.new_handle();
    let ndis = NdisDevice {
        handle: new_handle,
        table,
        reserved: Block::zeroed(attributes.get(A::EXTENSION_SIZE) as usize),
        link: link.clone(),
        security: attributes.get(A::DEFAULT_SDDL).non_null().map(rtl::text),
    };
    let made =
        Device::new(name.clone(), driver.id, driver.object(), FILE_DEVICE_NETWORK, 0, Some(ndis));
    let made = match device::add(&call, made) {
        Ok(made) => made,
        Err(status) => return status,
    };
    if let Some(link) = &link {
        let status = device::add_link(&call, driver.id, link, &name);
        if !status.is_success() {
            device::remove(&call.machine, made.object());
            return status;
        }
    }
    device_object.write(made.object());
    device_handle.write(new_handle);
    NtStatus::SUCCESS
}

fn read_table(table: Guest<Handler<Dispatch>>) -> Vec<Handler<Dispatch>> {
    if table.is_null() {
        return Vec::new();
    }
    (0..major::COUNT).map(|index| table.index(index).read()).collect()
}

/// C36: names are full, and Plug and Play and power are not the driver's.
fn check_attributes(
    call: &Call,
    attributes: Guest<DeviceObjectAttributes>,
    name: &str,
    link: Option<&str>,
    table: &[Handler<Dispatch>],
) -> bool {
    let mut sound = true;
    let mut check = |fine: bool, message: &str| {
        if !fine {
            call.violate(Rule::Device, message, &[]);
            sound = false;
        }
    };
    check(name.to_uppercase().starts_with("\\DEVICE\\"), "the name does not begin with \\Device\\");
    let link_fine = link.is_none_or(|link| device::canonical(link).starts_with("\\??\\"));
    check(link_fine, "the symbolic name does not begin with \\DosDevices\\");
    check(!table.is_empty(), "there are no dispatch routines");
    for function in [major::PNP, major::POWER] {
        let absent = table.get(usize::from(function)).is_none_or(Option::is_none);
        check(absent, "a dispatch routine for Plug and Play or power is given");
    }
    let guid = attributes.get(DeviceObjectAttributes::DEVICE_CLASS_GUID);
    check(guid.is_null(), "DeviceClassGuid is not null");
    sound
}

/// Takes a device and its symbolic link away.
pub extern "win64" fn NdisDeregisterDeviceEx(handle: Handle) {
    let call = Call::enter("NdisDeregisterDeviceEx", Irql::PASSIVE, handle.0);
    let found = lock(&call.machine.io)
        .devices
        .iter()
        .find(|device| device.ndis.as_ref().is_some_and(|ndis| ndis.handle == handle))
        .cloned();
    let Some(found) = found else {
        call.violate(Rule::Device, "the handle is not that of a registered device", &[]);
        return;
    };
    if !found.is_whole() {
        call.violate(Rule::Device, "DeviceExtension of an NDIS device was changed", &[]);
    }
    device::remove(&call.machine, found.object());
    if let Some(link) = found.ndis.as_ref().and_then(|ndis| ndis.link.as_deref()) {
        device::remove_link(&call.machine, link);
    }
}

/// The extension that the driver asked for; null if the device is not one of NDIS.
pub extern "win64" fn NdisGetDeviceReservedExtension(device: Guest<DeviceObject>) -> Guest<u8> {
    let call = Call::enter("NdisGetDeviceReservedExtension", Irql::HIGH, device.address());
    let io = lock(&call.machine.io);
    io.devices
        .iter()
        .find(|known| known.object() == device)
        .and_then(|known| known.ndis.as_ref())
        .map_or(Guest::NULL, |ndis| ndis.reserved.guest())
}

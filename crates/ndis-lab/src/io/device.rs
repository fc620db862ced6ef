//! Device objects and their names.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::handlers::{Dispatch, Handler};
use crate::abi::io::{DO_DEVICE_INITIALIZING, DeviceObject, DriverObject, IO_TYPE_DEVICE, major};
use crate::abi::kernel::UnicodeString;
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{Kind, ObjectRecord, Owner};
use crate::machine::Machine;
use crate::rtl;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{lock, read};

exports![IoCreateDevice, IoDeleteDevice, IoCreateSymbolicLink, IoDeleteSymbolicLink];

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) driver: u32,
    object: Block,
    /// For a device of NDIS: its handle, its own dispatch table and the caller's extension.
    pub(crate) ndis: Option<NdisDevice>,
}

/// What NDIS keeps about a device that it made.
#[derive(Debug)]
pub(crate) struct NdisDevice {
    pub(crate) handle: Handle,
    pub(crate) table: Vec<Handler<Dispatch>>,
    pub(crate) reserved: Block,
    pub(crate) link: Option<String>,
    /// Who may open it, in the security descriptor definition language.
    pub(crate) security: Option<String>,
}

impl Device {
    /// Makes a device object.
    pub(crate) fn new(
        name: String,
        driver: u32,
        driver_object: Guest<DriverObject>,
        kind: u32,
        extension: usize,
        ndis: Option<NdisDevice>,
    ) -> Self {
        let object = Block::zeroed(DeviceObject::SIZE + extension);
        let guest = object.guest::<DeviceObject>();
        guest.set(DeviceObject::TYPE, IO_TYPE_DEVICE);
        guest.set(DeviceObject::SIZE_FIELD, 336);
        guest.set(DeviceObject::DRIVER_OBJECT, driver_object);
        guest.set(DeviceObject::FLAGS, DO_DEVICE_INITIALIZING);
        guest.set(DeviceObject::DEVICE_TYPE, kind);
        guest.set(DeviceObject::STACK_SIZE, 1);
        let data = guest.byte_add(DeviceObject::SIZE as u64).cast();
        guest.set(DeviceObject::DEVICE_EXTENSION, data);
        Self { name, driver, object, ndis }
    }

    /// The device object.
    pub(crate) fn object(&self) -> Guest<DeviceObject> {
        self.object.guest()
    }

    /// Whether DeviceExtension points to where it did.
    pub(crate) fn is_whole(&self) -> bool {
        let data = self.object().byte_add(DeviceObject::SIZE as u64).cast();
        self.object().get(DeviceObject::DEVICE_EXTENSION) == data
    }

    /// The dispatch routine for a major function.
    pub(crate) fn dispatch(&self, function: u8) -> Handler<Dispatch> {
        if let Some(ndis) = &self.ndis {
            return ndis.table.get(usize::from(function)).copied().flatten();
        }
        let driver = self.object().get(DeviceObject::DRIVER_OBJECT);
        let table = driver.field(DriverObject::MAJOR_FUNCTION).cast::<Handler<Dispatch>>();
        table.index(u64::from(function) % major::COUNT).read()
    }
}

/// A name as names are compared: upper case, user and kernel forms of a link alike.
pub(crate) fn canonical(name: &str) -> String {
    let upper = name.to_uppercase();
    for prefix in ["\\\\.\\", "\\DOSDEVICES\\", "\\GLOBAL??\\"] {
        if let Some(rest) = upper.strip_prefix(prefix) {
            return format!("\\??\\{rest}");
        }
    }
    upper
}

/// The device of a name or of a symbolic link, and what the name says behind it: a file on the
/// device, which is the driver's to know.
pub(crate) fn find<'n>(machine: &Machine, name: &'n str) -> Option<(Arc<Device>, &'n str)> {
    let ends = name.rmatch_indices('\\').map(|(at, _)| at).filter(|&at| at > 0);
    let parts = [name.len()].into_iter().chain(ends).map(|at| name.split_at(at));
    parts.into_iter().find_map(|(name, file)| Some((find_exactly(machine, name)?, file)))
}

fn find_exactly(machine: &Machine, name: &str) -> Option<Arc<Device>> {
    let io = lock(&machine.io);
    let name = canonical(name);
    let target = io.links.get(&name).map_or(name, |target| canonical(target));
    io.devices.iter().find(|device| canonical(&device.name) == target).cloned()
}

/// After DriverEntry the I/O manager opens the driver's devices to everyone.
pub(crate) fn finish_initializing(machine: &Machine, driver: u32) {
    for device in lock(&machine.io).devices.iter().filter(|device| device.driver == driver) {
        let flags = device.object().get(DeviceObject::FLAGS);
        device.object().set(DeviceObject::FLAGS, flags & !DO_DEVICE_INITIALIZING);
    }
}

/// Enters a device under its name, if the name is free.
pub(crate) fn add(call: &Call, device: Device) -> Result<Arc<Device>, NtStatus> {
    let device = Arc::new(device);
    let taken = |other: &Arc<Device>| {
        !device.name.is_empty() && canonical(&other.name) == canonical(&device.name)
    };
    let mut io = lock(&call.machine.io);
    if io.devices.iter().any(taken) {
        return Err(NtStatus::OBJECT_NAME_COLLISION);
    }
    io.devices.push(Arc::clone(&device));
    drop(io);
    enter(call, device.object().address(), device.driver, Kind::Device);
    Ok(device)
}

fn enter(call: &Call, address: u64, driver: u32, kind: Kind) {
    let owner = Owner { driver, module: Handle::NULL };
    let record = ObjectRecord { kind, owner, site: call.site, block: None };
    lock(&call.machine.ledger).objects.insert(address, record);
}

/// Takes a device away; open files keep its memory.
pub(crate) fn remove(machine: &Machine, object: Guest<DeviceObject>) -> Option<Arc<Device>> {
    let mut io = lock(&machine.io);
    let index = io.devices.iter().position(|device| device.object() == object)?;
    let device = io.devices.swap_remove(index);
    drop(io);
    lock(&machine.ledger).objects.remove(&object.address());
    Some(device)
}

/// A number that stands for a link in the ledger.
fn link_key(name: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Makes a link, if its name is free.
pub(crate) fn add_link(call: &Call, driver: u32, link: &str, target: &str) -> NtStatus {
    let name = canonical(link);
    let mut io = lock(&call.machine.io);
    if io.links.contains_key(&name) {
        return NtStatus::OBJECT_NAME_COLLISION;
    }
    io.links.insert(name.clone(), target.to_owned());
    drop(io);
    enter(call, link_key(&name), driver, Kind::SymbolicLink);
    NtStatus::SUCCESS
}

/// Takes a link away; says whether it was there.
pub(crate) fn remove_link(machine: &Machine, link: &str) -> bool {
    let name = canonical(link);
    let found = lock(&machine.io).links.remove(&name).is_some();
    lock(&machine.ledger).objects.remove(&link_key(&name));
    found
}

/// Makes a device object.
pub extern "win64" fn IoCreateDevice(
    driver_object: Guest<DriverObject>,
    extension: u32,
    name: Guest<UnicodeString>,
    kind: u32,
    _characteristics: u32,
    _exclusive: u8,
    device: Guest<Guest<DeviceObject>>,
) -> NtStatus {
    let call = Call::enter("IoCreateDevice", Irql::APC, driver_object.address());
    device.write(Guest::NULL);
    let driver = read(&call.machine.drivers)
        .values()
        .find(|driver| driver.object() == driver_object)
        .map(|driver| driver.id);
    let Some(driver) = driver else {
        call.violate(Rule::IoObject, "the driver object is not the driver's own", &[]);
        return NtStatus::INVALID_PARAMETER;
    };
    if call.allocation_fails() {
        return NtStatus::INSUFFICIENT_RESOURCES;
    }
    call.took_memory();
    let size = extension as usize;
    let made = Device::new(rtl::text(name), driver, driver_object, kind, size, None);
    match add(&call, made) {
        Ok(made) => {
            let next = driver_object.get(DriverObject::DEVICE_OBJECT);
            made.object().set(DeviceObject::NEXT_DEVICE, next);
            driver_object.set(DriverObject::DEVICE_OBJECT, made.object());
            device.write(made.object());
            NtStatus::SUCCESS
        }
        Err(status) => status,
    }
}

/// Deletes a device object.
pub extern "win64" fn IoDeleteDevice(device: Guest<DeviceObject>) {
    let call = Call::enter("IoDeleteDevice", Irql::APC, device.address());
    let is_ndis = lock(&call.machine.io)
        .devices
        .iter()
        .any(|known| known.object() == device && known.ndis.is_some());
    if is_ndis {
        call.violate(Rule::Device, "a device of NDIS is deleted behind its back", &[]);
        return;
    }
    match remove(&call.machine, device) {
        Some(removed) => unlink(removed.object()),
        None => call.violate(Rule::IoObject, "what is deleted is not a device object", &[]),
    }
}

/// Takes a device out of its driver's list.
fn unlink(device: Guest<DeviceObject>) {
    let driver = device.get(DeviceObject::DRIVER_OBJECT);
    let next = device.get(DeviceObject::NEXT_DEVICE);
    let mut link = driver.field(DriverObject::DEVICE_OBJECT);
    while let Some(current) = link.read().non_null() {
        if current == device {
            link.write(next);
            return;
        }
        link = current.field(DeviceObject::NEXT_DEVICE);
    }
}

/// Makes a symbolic link to a device.
pub extern "win64" fn IoCreateSymbolicLink(
    link: Guest<UnicodeString>,
    device: Guest<UnicodeString>,
) -> NtStatus {
    let call = Call::enter("IoCreateSymbolicLink", Irql::PASSIVE, link.address());
    if call.allocation_fails() {
        return NtStatus::INSUFFICIENT_RESOURCES;
    }
    let driver = Call::frame().driver;
    add_link(&call, driver, &rtl::text(link), &rtl::text(device))
}

/// Deletes a symbolic link.
pub extern "win64" fn IoDeleteSymbolicLink(link: Guest<UnicodeString>) -> NtStatus {
    let call = Call::enter("IoDeleteSymbolicLink", Irql::PASSIVE, link.address());
    if remove_link(&call.machine, &rtl::text(link)) {
        NtStatus::SUCCESS
    } else {
        NtStatus::OBJECT_NAME_NOT_FOUND
    }
}

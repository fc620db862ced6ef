//! A driver in a lab.

use std::sync::Arc;

use crate::adapter_config::AdapterConfig;
use crate::file::File;
use crate::io::{device, request};
use crate::machine::Machine;
use crate::ndis::filter::FilterDriver;
use crate::ndis::lifecycle;
use crate::stack::Stack;
use crate::status::NtStatus;
use crate::sync::lock;
use crate::verdict::Verdict;

/// A driver in a lab: loaded, perhaps started.
#[derive(Clone, Debug)]
pub struct Driver {
    machine: Arc<Machine>,
    filter: Arc<FilterDriver>,
}

impl Driver {
    pub(crate) fn new(machine: Arc<Machine>, filter: Arc<FilterDriver>) -> Self {
        Self { machine, filter }
    }

    /// Calls DriverEntry, at PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// The status that DriverEntry failed with. The driver must have released everything.
    pub fn start(&self) -> Result<(), NtStatus> {
        self.filter.start(&self.machine)
    }

    /// Puts the driver's filter on an adapter: calls FilterAttach, at PASSIVE_LEVEL. The module
    /// is then Paused.
    ///
    /// # Errors
    ///
    /// The status that FilterAttach failed with; DEVICE_NOT_READY if no filter is registered.
    pub fn attach(&self, config: AdapterConfig) -> Result<Stack, NtStatus> {
        let module = lifecycle::attach(&self.machine, &self.filter, config)?;
        Ok(Stack::new(Arc::clone(&self.machine), module))
    }

    /// Opens a device by its name, `\Device\…`, or by a symbolic link, `\\.\…`, `\??\…` or
    /// `\DosDevices\…`: sends IRP_MJ_CREATE. What follows the name of a device, from a backslash
    /// on, is the name of the file.
    ///
    /// # Errors
    ///
    /// OBJECT_NAME_NOT_FOUND if there is no such device, else the status of the request.
    pub fn open(&self, name: &str) -> Result<File, NtStatus> {
        request::open(&self.machine, name, false)
    }

    /// Opens a device as a 32-bit process does.
    ///
    /// # Errors
    ///
    /// As [`Driver::open`].
    pub fn open_32_bit(&self, name: &str) -> Result<File, NtStatus> {
        request::open(&self.machine, name, true)
    }

    /// The names of the devices that the driver has made, as `\Device\…`.
    #[must_use]
    pub fn devices(&self) -> Vec<String> {
        let io = lock(&self.machine.io);
        let own = io.devices.iter().filter(|device| device.driver == self.filter.id);
        own.map(|device| device.name.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// Who may open a device, in the security descriptor definition language, as the driver
    /// registered it with NDIS. The lab itself opens devices to everyone.
    #[must_use]
    pub fn device_security(&self, name: &str) -> Option<String> {
        let (device, _) = device::find(&self.machine, name)?;
        device.ndis.as_ref()?.security.clone()
    }

    /// Calls DriverUnload, at PASSIVE_LEVEL, and looks for what the driver left behind.
    ///
    /// Modules still attached are paused and detached first, top of the stack to bottom, as NDIS
    /// does when a driver is stopped.
    pub fn unload(&self) -> Verdict {
        lifecycle::stop(&self.machine, &self.filter);
        self.filter.unload(&self.machine);
        self.machine.settle();
        Verdict { violations: lock(&self.machine.violations).clone() }
    }

    /// Calls DriverUnload at once, with modules attached: NDIS detaches them when the driver
    /// deregisters.
    pub fn unload_attached(&self) -> Verdict {
        self.filter.unload(&self.machine);
        self.machine.settle();
        Verdict { violations: lock(&self.machine.violations).clone() }
    }
}

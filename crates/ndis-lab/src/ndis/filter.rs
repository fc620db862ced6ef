//! A driver: its driver object, and what it registered with NDIS.

use std::sync::{Arc, RwLock};

use crate::abi::Handle;
use crate::abi::handlers::{self as h, DriverEntry, Handler};
use crate::abi::io::{DriverExtension, DriverObject, IO_TYPE_DRIVER};
use crate::abi::kernel::UnicodeString;
use crate::checks::leak;
use crate::guest::{Block, Guest};
use crate::image::Image;
use crate::irql::Irql;
use crate::machine::Machine;
use crate::processor::Frame;
use crate::rtl::Text;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{read, write};

/// Every handler of a filter driver.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Handlers {
    pub(crate) set_options: Handler<h::SetOptions>,
    pub(crate) set_module_options: Handler<h::SetModuleOptions>,
    pub(crate) attach: Handler<h::Attach>,
    pub(crate) detach: Handler<h::Detach>,
    pub(crate) restart: Handler<h::Restart>,
    pub(crate) pause: Handler<h::Pause>,
    pub(crate) oid_request: Handler<h::Oid>,
    pub(crate) oid_complete: Handler<h::OidComplete>,
    pub(crate) cancel_oid: Handler<h::CancelId>,
    pub(crate) direct_oid: Handler<h::Oid>,
    pub(crate) direct_oid_complete: Handler<h::OidComplete>,
    pub(crate) cancel_direct_oid: Handler<h::CancelId>,
    pub(crate) synchronous_oid: Handler<h::SynchronousOid>,
    pub(crate) synchronous_oid_complete: Handler<h::SynchronousOidComplete>,
    pub(crate) device_pnp: Handler<h::DevicePnpEvent>,
    pub(crate) net_pnp: Handler<h::NetPnpEvent>,
    pub(crate) status: Handler<h::Status>,
    pub(crate) data: DataHandlers,
}

/// The handlers of the data path, which may differ from module to module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DataHandlers {
    pub(crate) send: Handler<h::Send>,
    pub(crate) send_complete: Handler<h::Complete>,
    pub(crate) cancel_send: Handler<h::CancelId>,
    pub(crate) receive: Handler<h::Receive>,
    pub(crate) give_back: Handler<h::Complete>,
}

/// What a driver registered with NDIS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    pub(crate) handle: Handle,
    pub(crate) context: Handle,
    pub(crate) handlers: Handlers,
}

/// A driver.
#[derive(Debug)]
pub(crate) struct FilterDriver {
    pub(crate) id: u32,
    entry: DriverEntry,
    object: Block,
    _extension: Block,
    registry_path: Text,
    _name: Text,
    pub(crate) registration: RwLock<Option<Registration>>,
    started: RwLock<bool>,
}

impl FilterDriver {
    /// Makes the driver object of an image, or of functions in this process.
    pub(crate) fn new(
        machine: &Arc<Machine>,
        entry: DriverEntry,
        image: Option<&Image>,
    ) -> Arc<Self> {
        let id = machine.new_driver();
        let object = Block::guarded(DriverObject::SIZE);
        let extension = Block::guarded(DriverExtension::SIZE);
        let name = Text::new(&format!("\\Driver\\Lab{id}"));
        let guest = object.guest::<DriverObject>();
        guest.set(DriverObject::TYPE, IO_TYPE_DRIVER);
        guest.set(DriverObject::SIZE_FIELD, 336);
        guest.set(DriverObject::DRIVER_EXTENSION, extension.guest());
        guest
            .field(DriverObject::DRIVER_NAME)
            .cast::<u8>()
            .copy_from(name.string().cast(), UnicodeString::SIZE);
        extension.guest::<DriverExtension>().set(DriverExtension::DRIVER_OBJECT, guest);
        crate::io::request::fill_dispatch_table(guest);
        if let Some(image) = image {
            guest.set(DriverObject::DRIVER_START, image.start());
            guest.set(DriverObject::DRIVER_SIZE, image.size());
        }
        let path = format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Lab{id}");
        let driver = Arc::new(Self {
            id,
            entry,
            object,
            _extension: extension,
            registry_path: Text::new(&path),
            _name: name,
            registration: RwLock::default(),
            started: RwLock::default(),
        });
        write(&machine.drivers).insert(id, Arc::clone(&driver));
        driver
    }

    /// The driver object.
    pub(crate) fn object(&self) -> Guest<DriverObject> {
        self.object.guest()
    }

    /// A frame for a callback that concerns no module.
    pub(crate) fn frame(&self, callback: &'static str) -> Frame {
        Frame { callback, driver: self.id, flagged: false }
    }

    /// Calls DriverEntry.
    pub(crate) fn start(&self, machine: &Arc<Machine>) -> Result<(), NtStatus> {
        let (object, path) = (self.object(), self.registry_path.string());
        let entry = self.entry;
        let status =
            machine.call_driver(self.frame("DriverEntry"), Irql::PASSIVE, object.address(), || {
                entry(object, path)
            });
        if status == NtStatus::PENDING {
            let message = "DriverEntry returned PENDING".to_owned();
            machine.violate(Rule::Registration, 0, message, Vec::new());
        }
        if !status.is_success() {
            leak::after_unload(machine, self, "a failed DriverEntry");
            return Err(status);
        }
        crate::io::device::finish_initializing(machine, self.id);
        *write(&self.started) = true;
        Ok(())
    }

    /// Calls DriverUnload and looks for what is left.
    pub(crate) fn unload(&self, machine: &Arc<Machine>) {
        if !std::mem::take(&mut *write(&self.started)) {
            return;
        }
        let object = self.object();
        let Some(unload) = object.get(DriverObject::DRIVER_UNLOAD) else {
            let message = "the driver has no DriverUnload, so it can never be stopped".to_owned();
            machine.violate(Rule::Registration, 0, message, Vec::new());
            return;
        };
        machine.call_driver(self.frame("DriverUnload"), Irql::PASSIVE, object.address(), || {
            unload(object);
        });
        if read(&self.registration).is_some() {
            let message = "DriverUnload did not call NdisFDeregisterFilterDriver".to_owned();
            machine.violate(Rule::Registration, 0, message, Vec::new());
        }
        leak::after_unload(machine, self, "DriverUnload");
    }
}

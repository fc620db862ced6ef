//! Objects with handles: threads, events, keys.
#![expect(non_snake_case, reason = "exports bear their kernel names")]
#![expect(non_upper_case_globals, reason = "variables bear their kernel names")]

use std::collections::HashMap;
use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::kernel::Event;
use crate::call::Call;
use crate::exports::Export;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{Kind, ObjectRecord};
use crate::machine::Machine;
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

/// What this module exports. A variable's import is its address, not code.
pub(crate) const EXPORTS: &[Export] = &[
    Export {
        name: "ObReferenceObjectByHandle",
        address: || ObReferenceObjectByHandle as *const () as u64,
        thunk: true,
    },
    Export {
        name: "ObfDereferenceObject",
        address: || ObfDereferenceObject as *const () as u64,
        thunk: true,
    },
    Export { name: "ZwClose", address: || ZwClose as *const () as u64, thunk: true },
    Export {
        name: "PsThreadType",
        address: || std::ptr::from_ref(&PsThreadType) as u64,
        thunk: false,
    },
    Export {
        name: "ExEventObjectType",
        address: || std::ptr::from_ref(&ExEventObjectType) as u64,
        thunk: false,
    },
];

/// The type of threads. What the variable points to is the kernel's alone: using it faults.
pub static PsThreadType: u64 = 0xFFFF_B000_0000_0010;
/// The type of events.
pub static ExEventObjectType: u64 = 0xFFFF_B000_0000_0020;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectType {
    Thread,
    Event,
    Key,
}

impl ObjectType {
    /// The value of the variable that names the type.
    fn address(self) -> u64 {
        match self {
            Self::Thread => PsThreadType,
            Self::Event => ExEventObjectType,
            Self::Key => 0,
        }
    }
}

/// An object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) kind: ObjectType,
    /// What can be waited for.
    pub(crate) header: Block,
    /// The path of a key.
    pub(crate) path: String,
}

impl Object {
    /// An object that can be waited for with a dispatcher header of a type.
    pub(crate) fn new(kind: ObjectType, header_type: u8, path: &str) -> Arc<Self> {
        const LARGEST: usize = 256;
        let header = Block::zeroed(LARGEST);
        header.guest::<Event>().set(Event::TYPE, header_type);
        Arc::new(Self { kind, header, path: path.to_owned() })
    }

    /// The object as drivers see it.
    pub(crate) fn event(&self) -> Guest<Event> {
        self.header.guest()
    }
}

/// Every handle, and every object that a driver has a reference to.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    handles: HashMap<Handle, Arc<Object>>,
    /// Objects by address, with how often each is referenced.
    referenced: HashMap<u64, (Arc<Object>, u64)>,
}

/// Makes a handle of the driver to an object, which it must close.
pub(crate) fn add_handle(call: &Call, object: Arc<Object>) -> Handle {
    let handle = call.machine.new_handle();
    let owner = owner_of(call, Handle::NULL);
    let record = ObjectRecord { kind: Kind::KernelHandle, owner, site: call.site, block: None };
    lock(&call.machine.ledger).objects.insert(handle.0, record);
    lock(&call.machine.objects).handles.insert(handle, object);
    handle
}

/// Makes a handle of a process to an object, which is not the driver's to close.
pub(crate) fn add_user_handle(machine: &Machine, object: Arc<Object>) -> Handle {
    let handle = machine.new_handle();
    lock(&machine.objects).handles.insert(handle, object);
    handle
}

/// The object of a handle.
pub(crate) fn find(machine: &Machine, handle: Handle) -> Option<Arc<Object>> {
    lock(&machine.objects).handles.get(&handle).cloned()
}

/// References the object of a handle.
pub extern "win64" fn ObReferenceObjectByHandle(
    handle: Handle,
    _access: u32,
    kind: u64,
    _mode: u8,
    object: Guest<Guest<u8>>,
    _information: Guest<u8>,
) -> NtStatus {
    let call = Call::enter("ObReferenceObjectByHandle", Irql::PASSIVE, handle.0);
    object.write(Guest::NULL);
    let Some(found) = find(&call.machine, handle) else { return NtStatus::INVALID_HANDLE };
    if kind != 0 && kind != found.kind.address() {
        return NtStatus::OBJECT_TYPE_MISMATCH;
    }
    let address = found.header.guest::<u8>();
    let owner = owner_of(&call, Handle::NULL);
    let record = ObjectRecord { kind: Kind::Reference, owner, site: call.site, block: None };
    lock(&call.machine.ledger).objects.insert(address.address(), record);
    lock(&call.machine.objects).referenced.entry(address.address()).or_insert((found, 0)).1 += 1;
    object.write(address);
    NtStatus::SUCCESS
}

/// Gives a reference back; returns how many are left.
pub extern "win64" fn ObfDereferenceObject(object: Guest<u8>) -> i64 {
    let call = Call::enter("ObfDereferenceObject", Irql::DISPATCH, object.address());
    let mut objects = lock(&call.machine.objects);
    let left = objects.referenced.get_mut(&object.address()).map(|entry| {
        entry.1 -= 1;
        entry.1
    });
    if left == Some(0) {
        objects.referenced.remove(&object.address());
        lock(&call.machine.ledger).objects.remove(&object.address());
    }
    drop(objects);
    if left.is_none() {
        let message = format!("{object:?} is not an object that the driver references");
        call.violate(Rule::KernelObject, message, &[]);
    }
    left.unwrap_or(0).cast_signed()
}

/// Closes a handle.
pub extern "win64" fn ZwClose(handle: Handle) -> NtStatus {
    let call = Call::enter("ZwClose", Irql::PASSIVE, handle.0);
    let own = lock(&call.machine.ledger).objects.remove(&handle.0).is_some();
    if own {
        lock(&call.machine.objects).handles.remove(&handle);
        return NtStatus::SUCCESS;
    }
    let message = format!("{:#x} is not an open handle of the driver", handle.0);
    call.violate(Rule::KernelObject, message, &[]);
    NtStatus::INVALID_HANDLE
}

//! Work items of the I/O manager.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::handlers::{Handler, IoWorkItem, IoWorkItemEx};
use crate::abi::io::DeviceObject;
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{Kind, ObjectRecord};
use crate::ndis::memory::free_object;
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::sync::lock;

exports![IoAllocateWorkItem, IoQueueWorkItem, IoQueueWorkItemEx, IoFreeWorkItem];

/// Makes a work item of a device; null when there is no memory.
pub extern "win64" fn IoAllocateWorkItem(device: Guest<DeviceObject>) -> Handle {
    let call = Call::enter("IoAllocateWorkItem", Irql::DISPATCH, device.address());
    if call.allocation_fails() {
        return Handle::NULL;
    }
    call.took_memory();
    let block = Block::zeroed(64);
    let address = block.guest::<u64>();
    address.write(device.address());
    let owner = owner_of(&call, Handle::NULL);
    let record =
        ObjectRecord { kind: Kind::IoWorkItem, owner, site: call.site, block: Some(block) };
    lock(&call.machine.ledger).objects.insert(address.address(), record);
    Handle(address.address())
}

/// The device of a work item that can be queued: one that is allocated and not queued.
fn device(call: &Call, item: Handle) -> Option<Guest<DeviceObject>> {
    let mut ledger = lock(&call.machine.ledger);
    let known = ledger.objects.get_mut(&item.0).filter(|record| record.kind == Kind::IoWorkItem);
    let block = known.and_then(|record| record.block.as_ref()).map(Block::guest::<u64>);
    drop(ledger);
    let Some(block) = block else {
        let message = format!("{:#x} is not a work item", item.0);
        call.violate(Rule::IoObject, message, &[]);
        return None;
    };
    if block.index(1).atomic().swap(1, std::sync::atomic::Ordering::AcqRel) != 0 {
        call.violate(Rule::IoObject, "a work item is queued while it is queued", &[]);
        return None;
    }
    Some(block.cast::<Guest<DeviceObject>>().read())
}

/// Takes the mark off a work item that begins to run.
fn begin(machine: &crate::machine::Machine, item: Handle) {
    let ledger = lock(&machine.ledger);
    if let Some(block) = ledger.objects.get(&item.0).and_then(|record| record.block.as_ref()) {
        block.guest::<u64>().index(1).write(0);
    }
}

/// Runs a routine soon, at PASSIVE_LEVEL on another thread.
pub extern "win64" fn IoQueueWorkItem(
    item: Handle,
    routine: Handler<IoWorkItem>,
    _queue: u32,
    context: Guest<u8>,
) {
    let call = Call::enter("IoQueueWorkItem", Irql::DISPATCH, item.0);
    let (Some(device), Some(routine)) = (device(&call, item), routine) else { return };
    queue(&call, item, move || routine(device, context));
}

/// Runs a routine soon that is told of its work item.
pub extern "win64" fn IoQueueWorkItemEx(
    item: Handle,
    routine: Handler<IoWorkItemEx>,
    _queue: u32,
    context: Guest<u8>,
) {
    let call = Call::enter("IoQueueWorkItemEx", Irql::DISPATCH, item.0);
    let (Some(device), Some(routine)) = (device(&call, item), routine) else { return };
    queue(&call, item, move || routine(device.cast(), context, item));
}

fn queue(call: &Call, item: Handle, routine: impl FnOnce() + Send + 'static) {
    let (machine, mut frame) = (Arc::clone(&call.machine), Call::frame());
    frame.callback = "a work item";
    frame.flagged = false;
    call.machine.work.push(item.0, move || {
        begin(&machine, item);
        machine.call_driver(frame, Irql::PASSIVE, item.0, routine);
    });
}

/// Frees a work item that is not queued.
pub extern "win64" fn IoFreeWorkItem(item: Handle) {
    let call = Call::enter("IoFreeWorkItem", Irql::DISPATCH, item.0);
    if call.machine.work.cancel(item.0) {
        call.violate(Rule::WrongFree, "a work item is freed while it is queued", &[]);
    }
    free_object(&call, item.0, Kind::IoWorkItem);
}

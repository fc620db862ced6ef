//! Status indications and Plug and Play events.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::ndis::{
    DevicePnpEventNotification, NetPnpEventNotification, StatusIndication, object,
};
use crate::call::Call;
use crate::checks::{header, state};
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::adapter;
use crate::ndis::module::Module;
use crate::processor;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{lock, read};

/// NetEventMaximum.
const EVENTS: u32 = 23;

exports![NdisFIndicateStatus, NdisFNetPnPEvent, NdisFDevicePnPEventNotify];

fn copy_of(bytes: &[u8]) -> Block {
    let block = Block::guarded(bytes.len());
    block.guest::<u8>().write_bytes(bytes);
    block
}

/// The adapter indicates a status.
pub(crate) fn indicate_status(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    code: NtStatus,
    bytes: &[u8],
) {
    type S = StatusIndication;
    let buffer = copy_of(bytes);
    let block = Block::guarded(S::SIZE);
    let guest = block.guest::<S>();
    guest.set(S::HEADER_TYPE, object::STATUS_INDICATION);
    guest.set(S::HEADER_REVISION, 1);
    guest.set(S::HEADER_SIZE, 112);
    guest.set(S::SOURCE_HANDLE, adapter::source(module));
    guest.set(S::STATUS_CODE, code);
    guest.set(S::STATUS_BUFFER, buffer.guest());
    guest.set(S::STATUS_BUFFER_SIZE, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.status);
    let Some(handler) = handler else {
        lock(&module.upper).statuses.push(code);
        return;
    };
    let context = module.context();
    let (level, _) = module.data_level();
    let frame = module.frame("FilterStatus");
    machine.call_driver(frame, level, guest.address(), || handler(context, guest));
}

/// Indicates a status to the drivers above.
pub extern "win64" fn NdisFIndicateStatus(filter: Handle, indication: Guest<StatusIndication>) {
    let call = Call::enter("NdisFIndicateStatus", Irql::DISPATCH, indication.address());
    let Some(module) = call.machine.module(filter) else {
        let message = "a status is indicated with the handle of no attached module";
        call.violate(Rule::StatusState, message, &[]);
        return;
    };
    let unset = lock(&module.inner).context.is_none();
    if unset || module.state() == ModuleState::Detached {
        let message = "a status is indicated before attributes are set or after detach";
        call.violate(Rule::StatusState, message, &[]);
    }
    if !header::check(&call, indication, object::STATUS_INDICATION, &[(1, 112)]) {
        return;
    }
    check_indication(&call, &module, indication);
    let code = indication.get(StatusIndication::STATUS_CODE);
    lock(&module.upper).statuses.push(code);
}

/// C38: a status has a buffer if it says so, and comes from the filter or from below it.
fn check_indication(call: &Call, module: &Module, indication: Guest<StatusIndication>) {
    type S = StatusIndication;
    if indication.get(S::STATUS_BUFFER).is_null() && indication.get(S::STATUS_BUFFER_SIZE) > 0 {
        call.violate(Rule::Header, "a status has bytes, but no buffer", &[]);
    }
    let source = indication.get(S::SOURCE_HANDLE);
    if source != module.handle && source != adapter::source(module) {
        let message = format!("a status has SourceHandle {:#x}, which is nobody's", source.0);
        call.violate(Rule::Header, message, &[]);
    }
}

/// NDIS tells the drivers above of an event.
pub(crate) fn net_event(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    event: u32,
    bytes: &[u8],
) -> NtStatus {
    type N = NetPnpEventNotification;
    let buffer = copy_of(bytes);
    let block = Block::guarded(N::SIZE);
    let guest = block.guest::<N>();
    guest.set(N::HEADER_TYPE, object::DEFAULT);
    guest.set(N::HEADER_REVISION, 1);
    guest.set(N::HEADER_SIZE, 164);
    guest.set(N::EVENT, event);
    guest.set(N::EVENT_BUFFER, buffer.guest());
    guest.set(N::EVENT_BUFFER_LENGTH, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.net_pnp);
    let Some(handler) = handler else { return NtStatus::SUCCESS };
    let context = module.context();
    let frame = module.frame("FilterNetPnPEvent");
    let notification = guest.cast();
    machine.call_driver(frame, Irql::PASSIVE, u64::from(event), || handler(context, notification))
}

/// Passes an event to the drivers above.
pub extern "win64" fn NdisFNetPnPEvent(filter: Handle, event: Guest<u8>) -> NtStatus {
    type N = NetPnpEventNotification;
    let call = Call::enter("NdisFNetPnPEvent", Irql::PASSIVE, event.address());
    let Some(module) = state::module(&call, filter) else { return NtStatus::FAILURE };
    if processor::any_frame(|frame| frame.callback == "FilterOidRequest") {
        let message = "NdisFNetPnPEvent is called while an OID request is handled";
        call.violate(Rule::NetPnpInOid, message, &[]);
    }
    if !header::check(&call, event, object::DEFAULT, &[(1, 164)]) {
        return NtStatus::FAILURE;
    }
    let event = event.cast::<N>();
    if event.get(N::EVENT) >= EVENTS {
        let message = format!("there is no event {}", event.get(N::EVENT));
        call.violate(Rule::Header, message, &[]);
        return NtStatus::FAILURE;
    }
    let length = event.get(N::EVENT_BUFFER_LENGTH) as usize;
    let bytes = event.get(N::EVENT_BUFFER).read_bytes(length);
    let mut upper = lock(&module.upper);
    upper.events.push((event.get(N::EVENT), bytes));
    upper.event_answer
}

/// NDIS tells the drivers below of an event.
pub(crate) fn device_event(machine: &Arc<Machine>, module: &Arc<Module>, event: u32, bytes: &[u8]) {
    type D = DevicePnpEventNotification;
    let buffer = copy_of(bytes);
    let block = Block::guarded(D::SIZE);
    let guest = block.guest::<D>();
    guest.set(D::HEADER_TYPE, object::DEFAULT);
    guest.set(D::HEADER_REVISION, 1);
    guest.set(D::HEADER_SIZE, 44);
    guest.set(D::EVENT, event);
    guest.set(D::INFORMATION_BUFFER, buffer.guest());
    guest.set(D::INFORMATION_BUFFER_LENGTH, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.device_pnp);
    let Some(handler) = handler else { return };
    let context = module.context();
    let frame = module.frame("FilterDevicePnPEventNotify");
    let notification = guest.cast();
    machine.call_driver(frame, Irql::PASSIVE, u64::from(event), || handler(context, notification));
}

/// Passes an event to the drivers below.
pub extern "win64" fn NdisFDevicePnPEventNotify(filter: Handle, event: Guest<u8>) {
    type D = DevicePnpEventNotification;
    let call = Call::enter("NdisFDevicePnPEventNotify", Irql::PASSIVE, event.address());
    let Some(module) = state::module(&call, filter) else { return };
    if !header::check(&call, event, object::DEFAULT, &[(1, 44)]) {
        return;
    }
    let event = event.cast::<D>();
    let length = event.get(D::INFORMATION_BUFFER_LENGTH) as usize;
    let bytes = event.get(D::INFORMATION_BUFFER).read_bytes(length);
    lock(&module.lower).events.push((event.get(D::EVENT), bytes));
}

//! Completing and cancelling requests.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::abi::handlers::{Cancel, Handler};
use crate::abi::io::{DeviceObject, Irp};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::io::device::Device;
use crate::io::request::{self, is_marked_pending};
use crate::irql::{self, Irql};
use crate::ke;
use crate::machine::Machine;
use crate::processor::{self, HeldLock};
use crate::rule::Rule;
use crate::schedule::session;
use crate::status::NtStatus;
use crate::sync::lock;
use crate::trace::Way;

exports![
    IofCompleteRequest,
    IoCancelIrp,
    IoAcquireCancelSpinLock,
    IoReleaseCancelSpinLock,
    IoIs32bitProcess,
    IoGetRequestorProcessId,
];

/// What a driver that does not know a request does with it.
pub(crate) extern "win64" fn invalid_device_request(
    _device: Guest<DeviceObject>,
    irp: Guest<Irp>,
) -> NtStatus {
    irp.set(Irp::IO_STATUS, NtStatus::INVALID_DEVICE_REQUEST);
    irp.set(Irp::IO_INFORMATION, 0);
    IofCompleteRequest(irp, 0);
    NtStatus::INVALID_DEVICE_REQUEST
}

/// Completes a request.
pub extern "win64" fn IofCompleteRequest(irp: Guest<Irp>, _boost: i8) {
    let call = Call::enter("IofCompleteRequest", Irql::DISPATCH, irp.address());
    let object = [format!("IRP {irp:?}")];
    let Some(request) = lock(&call.machine.io).irps.remove(&irp.address()) else {
        let message = "what is completed is not a request, or no longer";
        call.violate(Rule::IrpCompletedTwice, message, &object);
        return;
    };
    let status = irp.get(Irp::IO_STATUS);
    if status == NtStatus::PENDING {
        call.violate(Rule::IrpStatus, "a request is completed as PENDING", &object);
    }
    let information = irp.get(Irp::IO_INFORMATION);
    if !status.is_error() && information > request.room as u64 {
        let room = request.room;
        let message = format!("{information} bytes are reported to a caller with room for {room}");
        call.violate(Rule::IrpInformation, message, &object);
    }
    if irp.get(Irp::CANCEL_ROUTINE) != 0 {
        let message = "a request is completed with its cancel routine set";
        call.violate(Rule::IrpCancelRoutine, message, &object);
    }
    request.marked_pending.store(is_marked_pending(irp), Ordering::Release);
    request.finish(&call.machine);
}

/// The cancel spin lock of a machine.
fn cancel_lock(machine: &Machine) -> Arc<Block> {
    Arc::clone(&lock(&machine.io).cancel_lock)
}

/// Cancels a request as the I/O manager does; says whether it had a cancel routine.
pub(crate) fn cancel(machine: &Arc<Machine>, device: &Device, irp: Guest<Irp>) -> bool {
    let block = cancel_lock(machine);
    let word = block.guest::<u64>();
    let before = irql::replace(Irql::DISPATCH);
    session::point();
    ke::spin(machine, 0, word);
    irp.set(Irp::CANCEL, 1);
    let routine = irp.field(Irp::CANCEL_ROUTINE).atomic().swap(0, Ordering::AcqRel);
    let slot = Block::zeroed(8);
    slot.guest::<u64>().write(routine);
    let handler: Handler<Cancel> = slot.guest::<Handler<Cancel>>().read();
    let Some(routine) = handler else {
        ke::free(word);
        irql::replace(before);
        return false;
    };
    irp.set(Irp::CANCEL_IRQL, before);
    let object = device.object();
    let frame = request::frame(device, "a cancel routine");
    machine.trace.record(Way::IntoDriver, frame.callback, irp.address(), None);
    let ((), left) = processor::enter(machine, frame, Irql::DISPATCH, || {
        let held = HeldLock { address: word.address(), site: 0 };
        processor::with_locks(|locks| locks.push(held));
        routine(object, irp);
    });
    machine.trace.record(Way::Return, frame.callback, irp.address(), None);
    irql::replace(before);
    session::point();
    if left.locks.iter().any(|held| held.address == word.address()) {
        let message = "a cancel routine returned with the cancel spin lock held".to_owned();
        machine.violate(Rule::CancelSpinLock, 0, message, Vec::new());
        ke::free(word);
    } else if left.irql.map_or(Irql::DISPATCH, |(_, after)| after) != before {
        let message = "a cancel routine did not return at the IRQL of the cancel".to_owned();
        machine.violate(Rule::WrongIrql, 0, message, Vec::new());
    }
    true
}

/// Cancels a request of the driver's own.
pub extern "win64" fn IoCancelIrp(irp: Guest<Irp>) -> u8 {
    let call = Call::enter("IoCancelIrp", Irql::DISPATCH, irp.address());
    let request = lock(&call.machine.io).irps.get(&irp.address()).cloned();
    if let Some(request) = request {
        return u8::from(request::cancel(&call.machine, &request));
    }
    let message = "what is cancelled is not a request, or no longer";
    call.violate(Rule::IrpCompletedTwice, message, &[format!("IRP {irp:?}")]);
    0
}

/// Acquires the cancel spin lock.
pub extern "win64" fn IoAcquireCancelSpinLock(level: Guest<Irql>) {
    let call = Call::enter("IoAcquireCancelSpinLock", Irql::DISPATCH, level.address());
    let block = cancel_lock(&call.machine);
    level.write(irql::replace(Irql::DISPATCH));
    ke::acquire(&call, block.guest());
}

/// Releases the cancel spin lock.
pub extern "win64" fn IoReleaseCancelSpinLock(level: Irql) {
    let call = Call::enter("IoReleaseCancelSpinLock", Irql::DISPATCH, level.0.into());
    let block = cancel_lock(&call.machine);
    let address = block.guest::<u64>().address();
    let held = processor::with_locks(|locks| locks.iter().any(|held| held.address == address));
    if !held {
        let message = "the cancel spin lock is released by who does not hold it";
        call.violate(Rule::CancelSpinLock, message, &[]);
        return;
    }
    ke::release(&call, block.guest());
    irql::replace(level);
}

/// Whether a request comes from a 32-bit process.
pub extern "win64" fn IoIs32bitProcess(irp: Guest<Irp>) -> u8 {
    let call = Call::enter("IoIs32bitProcess", Irql::HIGH, irp.address());
    let request = lock(&call.machine.io).irps.get(&irp.address()).cloned();
    u8::from(request.is_some_and(|request| request.is_32_bit()))
}

/// The process that a request comes from: the lab's.
pub extern "win64" fn IoGetRequestorProcessId(irp: Guest<Irp>) -> u32 {
    let _call = Call::enter("IoGetRequestorProcessId", Irql::HIGH, irp.address());
    std::process::id()
}

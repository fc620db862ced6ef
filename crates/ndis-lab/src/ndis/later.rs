//! What runs later: work items and timers; and events to wait for it.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;
use std::time::Duration;

use crate::abi::Handle;
use crate::abi::handlers::{Handler, NdisWorkItem};
use crate::abi::kernel::Event;
use crate::abi::ndis::{TimerCharacteristics, object};
use crate::call::Call;
use crate::checks::header;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ke;
use crate::ledger::{Kind, ObjectRecord};
use crate::ndis::memory::free_object;
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::sync::{lock, sleep};
use crate::timer;

exports![
    NdisAllocateIoWorkItem,
    NdisQueueIoWorkItem,
    NdisFreeIoWorkItem,
    NdisAllocateTimerObject,
    NdisSetTimerObject,
    NdisCancelTimerObject,
    NdisFreeTimerObject,
    NdisInitializeEvent,
    NdisSetEvent,
    NdisResetEvent,
    NdisWaitEvent,
    NdisMSleep,
    NdisStallExecution,
];

/// Makes an object of a kind with some memory; null when there is none.
fn make(call: &Call, owner: Handle, kind: Kind, size: usize) -> Guest<u8> {
    if call.allocation_fails() {
        return Guest::NULL;
    }
    call.took_memory();
    let block = Block::zeroed(size);
    let address = block.guest::<u8>();
    let record =
        ObjectRecord { kind, owner: owner_of(call, owner), site: call.site, block: Some(block) };
    lock(&call.machine.ledger).objects.insert(address.address(), record);
    address
}

/// Whether an object is one of a kind; C38 if not.
fn check_object(call: &Call, address: u64, kind: Kind) -> bool {
    let known =
        lock(&call.machine.ledger).objects.get(&address).is_some_and(|record| record.kind == kind);
    if !known {
        call.violate(Rule::Header, format!("{address:#x} is not a {kind}"), &[]);
    }
    known
}

/// Makes a work item of a driver or a device; a filter module's handle is none of either.
pub extern "win64" fn NdisAllocateIoWorkItem(handle: Handle) -> Handle {
    let call = Call::enter("NdisAllocateIoWorkItem", Irql::DISPATCH, handle.0);
    if call.machine.module(handle).is_some() {
        let told = format!("{:#x} is a filter module, not a driver or a device", handle.0);
        call.violate(Rule::Header, told, &[]);
        return Handle(0);
    }
    Handle(make(&call, handle, Kind::WorkItem, 16).address())
}

/// Runs a routine soon, at PASSIVE_LEVEL on another thread.
pub extern "win64" fn NdisQueueIoWorkItem(
    item: Handle,
    routine: Handler<NdisWorkItem>,
    context: Guest<u8>,
) {
    let call = Call::enter("NdisQueueIoWorkItem", Irql::DISPATCH, item.0);
    if !check_object(&call, item.0, Kind::WorkItem) {
        return;
    }
    let Some(routine) = routine else { return };
    let (machine, mut frame) = (Arc::clone(&call.machine), Call::frame());
    frame.callback = "a work item";
    frame.flagged = false;
    call.machine.work.push(item.0, move || {
        machine.call_driver(frame, Irql::PASSIVE, item.0, || routine(context, item));
    });
}

/// Frees a work item that is not queued.
pub extern "win64" fn NdisFreeIoWorkItem(item: Handle) {
    let call = Call::enter("NdisFreeIoWorkItem", Irql::DISPATCH, item.0);
    if call.machine.work.cancel(item.0) {
        call.violate(Rule::WrongFree, "a work item is freed while it is queued", &[]);
    }
    free_object(&call, item.0, Kind::WorkItem);
}

/// Makes a timer.
pub extern "win64" fn NdisAllocateTimerObject(
    handle: Handle,
    characteristics: Guest<TimerCharacteristics>,
    timer: Guest<Handle>,
) -> crate::status::NtStatus {
    type T = TimerCharacteristics;
    let call = Call::enter("NdisAllocateTimerObject", Irql::DISPATCH, handle.0);
    let kind = object::TIMER_CHARACTERISTICS;
    if !header::check(&call, characteristics, kind, &[(1, 24)]) {
        return crate::status::NtStatus::INVALID_PARAMETER;
    }
    let made = make(&call, handle, Kind::Timer, T::SIZE);
    timer.write(Handle(made.address()));
    if made.is_null() {
        return crate::status::NtStatus::RESOURCES;
    }
    made.copy_from(characteristics.cast(), T::SIZE);
    crate::status::NtStatus::SUCCESS
}

/// Sets a timer; says whether it was set before.
pub extern "win64" fn NdisSetTimerObject(
    timer_object: Handle,
    due: i64,
    period: u32,
    context: Guest<u8>,
) -> u8 {
    type T = TimerCharacteristics;
    let call = Call::enter("NdisSetTimerObject", Irql::DISPATCH, timer_object.0);
    if !check_object(&call, timer_object.0, Kind::Timer) {
        return 0;
    }
    let was_set = timer::cancel(&call.machine, timer_object.0);
    let characteristics = Guest::<T>::NULL.byte_add(timer_object.0);
    let Some(routine) = characteristics.get(T::TIMER_FUNCTION) else { return 0 };
    let context = context.non_null().unwrap_or_else(|| characteristics.get(T::FUNCTION_CONTEXT));
    let (machine, mut frame) = (Arc::clone(&call.machine), Call::frame());
    frame.callback = "a timer";
    frame.flagged = false;
    let period = Duration::from_millis(period.into());
    timer::set(&call.machine, timer_object.0, ke::span_of(due), period, move || {
        machine.call_driver(frame, Irql::DISPATCH, timer_object.0, || {
            routine(Guest::NULL, context, Guest::NULL, Guest::NULL);
        });
    });
    u8::from(was_set)
}

/// Takes a timer back; says whether it was set.
pub extern "win64" fn NdisCancelTimerObject(timer_object: Handle) -> u8 {
    let call = Call::enter("NdisCancelTimerObject", Irql::DISPATCH, timer_object.0);
    u8::from(
        check_object(&call, timer_object.0, Kind::Timer)
            && timer::cancel(&call.machine, timer_object.0),
    )
}

/// Frees a timer that is not set.
pub extern "win64" fn NdisFreeTimerObject(timer_object: Handle) {
    let call = Call::enter("NdisFreeTimerObject", Irql::DISPATCH, timer_object.0);
    if timer::cancel(&call.machine, timer_object.0) {
        call.violate(Rule::WrongFree, "a timer is freed while it is set", &[]);
    }
    free_object(&call, timer_object.0, Kind::Timer);
}

/// Makes an event that is not signalled.
pub extern "win64" fn NdisInitializeEvent(event: Guest<Event>) {
    ke::KeInitializeEvent(event, 0, 0);
}

/// Signals an event.
pub extern "win64" fn NdisSetEvent(event: Guest<Event>) {
    ke::KeSetEvent(event, 0, 0);
}

/// Clears an event.
pub extern "win64" fn NdisResetEvent(event: Guest<Event>) {
    ke::KeClearEvent(event);
}

/// Waits for an event, for ever if the time is 0; says whether it came.
pub extern "win64" fn NdisWaitEvent(event: Guest<Event>, milliseconds: u32) -> u8 {
    let _call = Call::enter("NdisWaitEvent", Irql::PASSIVE, event.address());
    let time = Block::zeroed(8);
    time.guest::<i64>().write(i64::from(milliseconds) * -10_000);
    let timeout = if milliseconds == 0 { Guest::NULL } else { time.guest() };
    u8::from(ke::KeWaitForSingleObject(event, 0, 0, 0, timeout) == crate::status::NtStatus::SUCCESS)
}

/// Sleeps.
pub extern "win64" fn NdisMSleep(microseconds: u32) {
    let _call = Call::enter("NdisMSleep", Irql::PASSIVE, microseconds.into());
    sleep(Duration::from_micros(microseconds.into()));
}

/// Keeps the processor busy; at most 50 microseconds.
pub extern "win64" fn NdisStallExecution(microseconds: u32) {
    ke::KeStallExecutionProcessor(microseconds);
}

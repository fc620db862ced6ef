//! Cancel-safe queues of requests.
//!
//! The driver brings the list and its lock; these functions bring the order in which a request is
//! inserted, removed and cancelled, so that exactly one of them gets it.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::atomic::Ordering;

use crate::abi::handlers::{
    Cancel, CsqAcquire, CsqInsert, CsqInsertEx, CsqIrp, CsqPeek, CsqRelease, Handler,
};
use crate::abi::io::{
    Csq, CsqIrpContext, DeviceObject, IO_TYPE_CSQ, IO_TYPE_CSQ_EX, IO_TYPE_CSQ_IRP_CONTEXT, Irp,
    SL_PENDING_RETURNED, StackLocation,
};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::io::irp::IoReleaseCancelSpinLock;
use crate::irql::{self, Irql};
use crate::rule::Rule;
use crate::status::NtStatus;

exports![
    IoCsqInitialize,
    IoCsqInitializeEx,
    IoCsqInsertIrp,
    IoCsqInsertIrpEx,
    IoCsqRemoveIrp,
    IoCsqRemoveNextIrp,
];

/// The word of a request in which the queue, or the context of the request in it, is remembered.
const REMEMBERED: u64 = 3;

#[expect(clippy::too_many_arguments, reason = "the kernel's signature")]
fn initialize(
    call: &Call,
    csq: Guest<Csq>,
    kind: u32,
    insert: u64,
    remove: Handler<CsqIrp>,
    peek: Handler<CsqPeek>,
    acquire: Handler<CsqAcquire>,
    release: Handler<CsqRelease>,
    complete: Handler<CsqIrp>,
) -> NtStatus {
    let whole = insert != 0
        && remove.is_some()
        && peek.is_some()
        && acquire.is_some()
        && release.is_some()
        && complete.is_some();
    if !whole {
        call.violate(Rule::CancelSafeQueue, "a routine of the queue is missing", &[]);
        return NtStatus::INVALID_PARAMETER;
    }
    csq.set(Csq::TYPE, kind);
    csq.set(Csq::INSERT, insert);
    csq.set(Csq::REMOVE, remove);
    csq.set(Csq::PEEK_NEXT, peek);
    csq.set(Csq::ACQUIRE_LOCK, acquire);
    csq.set(Csq::RELEASE_LOCK, release);
    csq.set(Csq::COMPLETE_CANCELED, complete);
    csq.set(Csq::RESERVE_POINTER, 0);
    NtStatus::SUCCESS
}

/// The address of a routine that may be absent.
fn address<F: crate::guest::Plain>(routine: F) -> u64 {
    let slot = Block::zeroed(8);
    slot.guest::<F>().write(routine);
    slot.guest::<u64>().read()
}

/// Sets a queue up.
pub extern "win64" fn IoCsqInitialize(
    csq: Guest<Csq>,
    insert: Handler<CsqInsert>,
    remove: Handler<CsqIrp>,
    peek: Handler<CsqPeek>,
    acquire: Handler<CsqAcquire>,
    release: Handler<CsqRelease>,
    complete: Handler<CsqIrp>,
) -> NtStatus {
    let call = Call::enter("IoCsqInitialize", Irql::HIGH, csq.address());
    let insert = address(insert);
    initialize(&call, csq, IO_TYPE_CSQ, insert, remove, peek, acquire, release, complete)
}

/// Sets a queue up whose insert routine returns a status.
pub extern "win64" fn IoCsqInitializeEx(
    csq: Guest<Csq>,
    insert: Handler<CsqInsertEx>,
    remove: Handler<CsqIrp>,
    peek: Handler<CsqPeek>,
    acquire: Handler<CsqAcquire>,
    release: Handler<CsqRelease>,
    complete: Handler<CsqIrp>,
) -> NtStatus {
    let call = Call::enter("IoCsqInitializeEx", Irql::HIGH, csq.address());
    let insert = address(insert);
    initialize(&call, csq, IO_TYPE_CSQ_EX, insert, remove, peek, acquire, release, complete)
}

fn acquire(csq: Guest<Csq>) -> Irql {
    let slot = Block::zeroed(8);
    if let Some(acquire) = csq.get(Csq::ACQUIRE_LOCK) {
        acquire(csq, slot.guest());
    }
    slot.guest::<Irql>().read()
}

fn release(csq: Guest<Csq>, level: Irql) {
    if let Some(release) = csq.get(Csq::RELEASE_LOCK) {
        release(csq, level);
    }
}

fn remove(csq: Guest<Csq>, irp: Guest<Irp>) {
    if let Some(remove) = csq.get(Csq::REMOVE) {
        remove(csq, irp);
    }
}

fn remembered(irp: Guest<Irp>) -> Guest<Guest<Csq>> {
    irp.field(Irp::DRIVER_CONTEXT).cast::<Guest<Csq>>().index(REMEMBERED)
}

/// Takes a request's cancel routine away; says whether it was still there, so that nobody else
/// has the request.
fn claim(irp: Guest<Irp>) -> bool {
    irp.field(Irp::CANCEL_ROUTINE).atomic().swap(0, Ordering::AcqRel) != 0
}

/// Inserts a request and marks it pending.
pub extern "win64" fn IoCsqInsertIrp(
    csq: Guest<Csq>,
    irp: Guest<Irp>,
    context: Guest<CsqIrpContext>,
) {
    // The status is the insert routine's, which a plain queue has not.
    let _ = IoCsqInsertIrpEx(csq, irp, context, Guest::NULL);
}

/// Inserts a request, unless the insert routine refuses it.
pub extern "win64" fn IoCsqInsertIrpEx(
    csq: Guest<Csq>,
    irp: Guest<Irp>,
    context: Guest<CsqIrpContext>,
    insert_context: Guest<u8>,
) -> NtStatus {
    let call = Call::enter("IoCsqInsertIrp", Irql::DISPATCH, irp.address());
    if !matches!(csq.get(Csq::TYPE), IO_TYPE_CSQ | IO_TYPE_CSQ_EX) {
        call.violate(Rule::CancelSafeQueue, "the queue was not set up", &[]);
        return NtStatus::INVALID_PARAMETER;
    }
    if context.is_null() {
        remembered(irp).write(csq);
    } else {
        context.set(CsqIrpContext::TYPE, IO_TYPE_CSQ_IRP_CONTEXT);
        context.set(CsqIrpContext::IRP, irp);
        context.set(CsqIrpContext::CSQ, csq);
        remembered(irp).write(context.cast());
    }
    let level = acquire(csq);
    let location = irp.get(Irp::CURRENT_STACK_LOCATION);
    let control = location.get(StackLocation::CONTROL);
    location.set(StackLocation::CONTROL, control | SL_PENDING_RETURNED);
    let status = insert(csq, irp, insert_context);
    if !status.is_success() {
        location.set(StackLocation::CONTROL, control);
        release(csq, level);
        return status;
    }
    let routine: Handler<Cancel> = Some(cancel_queued);
    irp.field(Irp::CANCEL_ROUTINE).atomic().store(address(routine), Ordering::Release);
    if irp.get(Irp::CANCEL) != 0 && claim(irp) {
        // It was cancelled before the routine was there to be called.
        remove(csq, irp);
        forget(irp);
        release(csq, level);
        complete_cancelled(csq, irp);
    } else {
        release(csq, level);
    }
    status
}

fn insert(csq: Guest<Csq>, irp: Guest<Irp>, context: Guest<u8>) -> NtStatus {
    let routine = csq.field(Csq::INSERT);
    if csq.get(Csq::TYPE) == IO_TYPE_CSQ_EX {
        let insert = routine.cast::<Handler<CsqInsertEx>>().read();
        return insert.map_or(NtStatus::UNSUCCESSFUL, |insert| insert(csq, irp, context));
    }
    if let Some(insert) = routine.cast::<Handler<CsqInsert>>().read() {
        insert(csq, irp);
    }
    NtStatus::SUCCESS
}

/// Breaks the tie between a request and the caller's context for it.
fn forget(irp: Guest<Irp>) {
    let kept = remembered(irp).read();
    let is_context = |kept: &Guest<Csq>| kept.get(Csq::TYPE) == IO_TYPE_CSQ_IRP_CONTEXT;
    if let Some(context) = kept.non_null().filter(is_context) {
        context.cast::<CsqIrpContext>().set(CsqIrpContext::IRP, Guest::NULL);
    }
    remembered(irp).write(Guest::NULL);
}

fn complete_cancelled(csq: Guest<Csq>, irp: Guest<Irp>) {
    if let Some(complete) = csq.get(Csq::COMPLETE_CANCELED) {
        complete(csq, irp);
    }
}

/// The cancel routine of every request in a queue.
extern "win64" fn cancel_queued(_device: Guest<DeviceObject>, irp: Guest<Irp>) {
    IoReleaseCancelSpinLock(irp.get(Irp::CANCEL_IRQL));
    let kept = remembered(irp).read();
    let csq = if kept.get(Csq::TYPE) == IO_TYPE_CSQ_IRP_CONTEXT {
        kept.cast::<CsqIrpContext>().get(CsqIrpContext::CSQ)
    } else {
        kept
    };
    let level = acquire(csq);
    remove(csq, irp);
    forget(irp);
    release(csq, level);
    complete_cancelled(csq, irp);
}

/// Removes the request of a context, unless it was cancelled.
pub extern "win64" fn IoCsqRemoveIrp(csq: Guest<Csq>, context: Guest<CsqIrpContext>) -> Guest<Irp> {
    let _call = Call::enter("IoCsqRemoveIrp", Irql::DISPATCH, context.address());
    let level = acquire(csq);
    let irp = context.get(CsqIrpContext::IRP);
    let found = irp.non_null().filter(|&irp| claim(irp));
    if let Some(irp) = found {
        remove(csq, irp);
        forget(irp);
    }
    release(csq, level);
    found.unwrap_or_default()
}

/// Removes the next request that was not cancelled and that fits what the driver looks for.
pub extern "win64" fn IoCsqRemoveNextIrp(csq: Guest<Csq>, peek_context: Guest<u8>) -> Guest<Irp> {
    let call = Call::enter("IoCsqRemoveNextIrp", Irql::DISPATCH, csq.address());
    let Some(peek) = csq.get(Csq::PEEK_NEXT) else {
        call.violate(Rule::CancelSafeQueue, "the queue was not set up", &[]);
        return Guest::NULL;
    };
    let level = acquire(csq);
    let mut irp = peek(csq, Guest::NULL, peek_context);
    while !irp.is_null() && !claim(irp) {
        irp = peek(csq, irp, peek_context);
    }
    if !irp.is_null() {
        remove(csq, irp);
        forget(irp);
    }
    release(csq, level);
    debug_assert!(irql::current() <= Irql::DISPATCH, "a queue's lock leaves a high IRQL");
    irp
}

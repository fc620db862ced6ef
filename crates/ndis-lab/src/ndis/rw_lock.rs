//! Locks for many readers or one writer.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::atomic::Ordering;

use crate::abi::Handle;
use crate::abi::sync::{LockState, RWL_AT_DISPATCH_LEVEL};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::{self, Irql};
use crate::ke::wait;
use crate::ledger::{Kind, ObjectRecord};
use crate::lock_order;
use crate::ndis::memory::free_object;
use crate::ndis::pool::owner_of;
use crate::processor::{self, HeldLock};
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisAllocateRWLock,
    NdisFreeRWLock,
    NdisAcquireRWLockRead,
    NdisAcquireRWLockWrite,
    NdisReleaseRWLock,
];

/// The word of a lock that is written under; other values count readers, by twos.
const WRITER: u64 = 1;
const READER: u64 = 2;

/// Values of `LockState.LOCK_STATE`: how the lock was acquired. Private to NDIS.
const READING: u8 = 1;
const WRITING: u8 = 2;

/// Makes a lock that is free; null when there is no memory.
pub extern "win64" fn NdisAllocateRWLock(handle: Handle) -> Guest<u64> {
    let call = Call::enter("NdisAllocateRWLock", Irql::DISPATCH, handle.0);
    if call.allocation_fails() {
        return Guest::NULL;
    }
    call.took_memory();
    let block = Block::zeroed(64);
    let word = block.guest::<u64>();
    let owner = owner_of(&call, handle);
    let record = ObjectRecord { kind: Kind::RwLock, owner, site: call.site, block: Some(block) };
    lock(&call.machine.ledger).objects.insert(word.address(), record);
    word
}

/// Frees a lock that nobody holds.
pub extern "win64" fn NdisFreeRWLock(rw_lock: Guest<u64>) {
    let call = Call::enter("NdisFreeRWLock", Irql::DISPATCH, rw_lock.address());
    let known = is_lock(&call, rw_lock);
    if known && rw_lock.atomic().load(Ordering::Acquire) != 0 {
        call.violate(Rule::RwLock, "a lock is freed while it is held", &[]);
    }
    free_object(&call, rw_lock.address(), Kind::RwLock);
}

fn is_lock(call: &Call, rw_lock: Guest<u64>) -> bool {
    let ledger = lock(&call.machine.ledger);
    ledger.objects.get(&rw_lock.address()).is_some_and(|record| record.kind == Kind::RwLock)
}

/// Whether a lock may be acquired; raises to DISPATCH_LEVEL unless the caller says it is there.
fn begin(call: &Call, rw_lock: Guest<u64>, state: Guest<LockState>, flags: u8) -> bool {
    if !is_lock(call, rw_lock) {
        let message = format!("{rw_lock:?} is not a lock of NDIS");
        call.violate(Rule::Header, message, &[]);
        return false;
    }
    let level = irql::current();
    if flags & RWL_AT_DISPATCH_LEVEL != 0 && level < Irql::DISPATCH {
        let message = format!("the flags say DISPATCH_LEVEL, but the call is at {level}");
        call.violate(Rule::DispatchFlag, message, &[]);
    }
    state.set(LockState::OLD_IRQL, irql::replace(Irql::DISPATCH.max(level)));
    state.set(LockState::FLAGS, flags);
    true
}

/// Notes who holds a lock, so that it is missed if it is not released.
fn hold(call: &Call, rw_lock: Guest<u64>) {
    let held = HeldLock { address: rw_lock.address(), site: call.site };
    processor::with_locks(|locks| locks.push(held));
}

fn holds(rw_lock: Guest<u64>) -> bool {
    let address = rw_lock.address();
    processor::with_locks(|locks| locks.iter().any(|held| held.address == address))
}

/// Acquires a lock to read; a reader may do so again.
pub extern "win64" fn NdisAcquireRWLockRead(
    rw_lock: Guest<u64>,
    state: Guest<LockState>,
    flags: u8,
) {
    let call = Call::enter("NdisAcquireRWLockRead", Irql::DISPATCH, rw_lock.address());
    if !begin(&call, rw_lock, state, flags) {
        return;
    }
    let word = rw_lock.atomic();
    if holds(rw_lock) && word.load(Ordering::Acquire) == WRITER {
        call.violate(Rule::RwLock, "a writer acquires its lock again", &[]);
        state.set(LockState::LOCK_STATE, 0);
        return;
    }
    wait::until(&call, || {
        let next = |before: u64| (before & WRITER == 0).then(|| before + READER);
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    });
    state.set(LockState::LOCK_STATE, READING);
    hold(&call, rw_lock);
}

/// Acquires a lock to write.
pub extern "win64" fn NdisAcquireRWLockWrite(
    rw_lock: Guest<u64>,
    state: Guest<LockState>,
    flags: u8,
) {
    let call = Call::enter("NdisAcquireRWLockWrite", Irql::DISPATCH, rw_lock.address());
    if !begin(&call, rw_lock, state, flags) {
        return;
    }
    if holds(rw_lock) {
        call.violate(Rule::RwLock, "a lock is acquired to write by who holds it", &[]);
        state.set(LockState::LOCK_STATE, 0);
        return;
    }
    let word = rw_lock.atomic();
    wait::until(&call, || {
        word.compare_exchange(0, WRITER, Ordering::AcqRel, Ordering::Acquire).is_ok()
    });
    state.set(LockState::LOCK_STATE, WRITING);
    lock_order::check(&call, rw_lock);
    hold(&call, rw_lock);
}

/// Releases a lock as it was acquired, and lowers the IRQL again.
pub extern "win64" fn NdisReleaseRWLock(rw_lock: Guest<u64>, state: Guest<LockState>) {
    let call = Call::enter("NdisReleaseRWLock", Irql::DISPATCH, rw_lock.address());
    let how = state.get(LockState::LOCK_STATE);
    if how == 0 && is_lock(&call, rw_lock) {
        // What was refused is not held; the breach was told there.
        irql::replace(state.get(LockState::OLD_IRQL));
        return;
    }
    let address = rw_lock.address();
    let found = processor::with_locks(|locks| {
        let index = locks.iter().rposition(|held| held.address == address);
        index.map(|index| locks.remove(index)).is_some()
    });
    if !found {
        call.violate(Rule::RwLock, "a lock is released by who does not hold it", &[]);
        return;
    }
    let amount = if how == WRITING { WRITER } else { READER };
    rw_lock.atomic().fetch_sub(amount, Ordering::AcqRel);
    irql::replace(state.get(LockState::OLD_IRQL));
}

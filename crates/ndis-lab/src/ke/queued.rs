//! Spin locks that are acquired in turn.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::kernel::LockQueueHandle;
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::{self, Irql};
use crate::ke::{acquire, at_dispatch, release};

exports![
    KeAcquireInStackQueuedSpinLock,
    KeReleaseInStackQueuedSpinLock,
    KeAcquireInStackQueuedSpinLockAtDpcLevel,
    KeReleaseInStackQueuedSpinLockFromDpcLevel,
];

/// Raises to DISPATCH_LEVEL and acquires a lock in turn.
pub extern "win64" fn KeAcquireInStackQueuedSpinLock(
    spin_lock: Guest<u64>,
    handle: Guest<LockQueueHandle>,
) {
    let name = "KeAcquireInStackQueuedSpinLock";
    let call = Call::enter(name, Irql::DISPATCH, spin_lock.address());
    handle.set(LockQueueHandle::LOCK, spin_lock);
    handle.set(LockQueueHandle::OLD_IRQL, irql::replace(Irql::DISPATCH));
    acquire(&call, spin_lock);
}

/// Releases a lock that was acquired in turn, and lowers the IRQL.
pub extern "win64" fn KeReleaseInStackQueuedSpinLock(handle: Guest<LockQueueHandle>) {
    let name = "KeReleaseInStackQueuedSpinLock";
    let call = Call::enter(name, Irql::DISPATCH, handle.address());
    at_dispatch(&call);
    release(&call, handle.get(LockQueueHandle::LOCK));
    irql::replace(handle.get(LockQueueHandle::OLD_IRQL));
}

/// Acquires a lock in turn, at DISPATCH_LEVEL.
pub extern "win64" fn KeAcquireInStackQueuedSpinLockAtDpcLevel(
    spin_lock: Guest<u64>,
    handle: Guest<LockQueueHandle>,
) {
    let name = "KeAcquireInStackQueuedSpinLockAtDpcLevel";
    let call = Call::enter(name, Irql::HIGH, spin_lock.address());
    at_dispatch(&call);
    handle.set(LockQueueHandle::LOCK, spin_lock);
    acquire(&call, spin_lock);
}

/// Releases a lock that was acquired in turn, and stays at DISPATCH_LEVEL.
pub extern "win64" fn KeReleaseInStackQueuedSpinLockFromDpcLevel(handle: Guest<LockQueueHandle>) {
    let name = "KeReleaseInStackQueuedSpinLockFromDpcLevel";
    let call = Call::enter(name, Irql::HIGH, handle.address());
    at_dispatch(&call);
    release(&call, handle.get(LockQueueHandle::LOCK));
}

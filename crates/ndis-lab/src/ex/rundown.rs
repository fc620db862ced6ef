//! Rundown protection: an object stays as long as somebody uses it.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::atomic::Ordering;

use crate::abi::Handle;
use crate::abi::sync::RundownRef;
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ke::wait;
use crate::ledger::{Kind, ObjectRecord};
use crate::ndis::memory::free_object;
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::sync::lock;

exports![
    ExInitializeRundownProtection,
    ExReInitializeRundownProtection,
    ExAcquireRundownProtection,
    ExAcquireRundownProtectionEx,
    ExReleaseRundownProtection,
    ExReleaseRundownProtectionEx,
    ExWaitForRundownProtectionRelease,
    ExRundownCompleted,
    ExAllocateCacheAwareRundownProtection,
    ExFreeCacheAwareRundownProtection,
    ExSizeOfRundownProtectionCacheAware,
    ExInitializeRundownProtectionCacheAware,
    ExInitializeRundownProtectionCacheAwareEx,
    ExReInitializeRundownProtectionCacheAware,
    ExAcquireRundownProtectionCacheAware,
    ExAcquireRundownProtectionCacheAwareEx,
    ExReleaseRundownProtectionCacheAware,
    ExReleaseRundownProtectionCacheAwareEx,
    ExWaitForRundownProtectionReleaseCacheAware,
    ExRundownCompletedCacheAware,
    ExCleanupRundownProtectionCacheAware,
];

/// The bit that says that the object goes; one use counts two.
const RUNS_DOWN: u64 = 1;
const ONE: u64 = 2;

/// What the cache-aware form takes; more than one word, as it would be.
const CACHE_AWARE: usize = 64;

fn count(protection: Guest<RundownRef>) -> &'static std::sync::atomic::AtomicU64 {
    protection.field(RundownRef::COUNT).atomic()
}

fn reset(name: &'static str, protection: Guest<RundownRef>) {
    let _call = Call::enter(name, Irql::HIGH, protection.address());
    count(protection).store(0, Ordering::Release);
}

fn reinitialize(name: &'static str, protection: Guest<RundownRef>) {
    let call = Call::enter(name, Irql::HIGH, protection.address());
    if count(protection).swap(0, Ordering::AcqRel) != RUNS_DOWN {
        let message = "protection that has not run down is made ready for further use";
        call.violate(Rule::Rundown, message, &[format!("{protection:?}")]);
    }
}

fn acquire(name: &'static str, protection: Guest<RundownRef>, uses: u32) -> u8 {
    let _call = Call::enter(name, Irql::DISPATCH, protection.address());
    let acquired = count(protection).fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| {
        (before & RUNS_DOWN == 0).then(|| before + ONE * u64::from(uses))
    });
    u8::from(acquired.is_ok())
}

fn release(name: &'static str, protection: Guest<RundownRef>, uses: u32) {
    let call = Call::enter(name, Irql::DISPATCH, protection.address());
    let released = count(protection).fetch_update(Ordering::AcqRel, Ordering::Acquire, |before| {
        before.checked_sub(ONE * u64::from(uses))
    });
    if released.is_err() {
        let message = "protection is released more often than it was acquired";
        call.violate(Rule::Rundown, message, &[format!("{protection:?}")]);
    }
}

fn run_down(name: &'static str, protection: Guest<RundownRef>) {
    let call = Call::enter(name, Irql::APC, protection.address());
    let word = count(protection);
    word.fetch_or(RUNS_DOWN, Ordering::AcqRel);
    wait::until(&call, || word.load(Ordering::Acquire) == RUNS_DOWN);
}

fn complete(name: &'static str, protection: Guest<RundownRef>) {
    let call = Call::enter(name, Irql::HIGH, protection.address());
    if count(protection).swap(RUNS_DOWN, Ordering::AcqRel) & !RUNS_DOWN != 0 {
        let message = "protection in use is said to have run down";
        call.violate(Rule::Rundown, message, &[format!("{protection:?}")]);
    }
}

/// Makes protection that nobody uses.
pub extern "win64" fn ExInitializeRundownProtection(protection: Guest<RundownRef>) {
    reset("ExInitializeRundownProtection", protection);
}

/// Makes protection that has run down ready for further use.
pub extern "win64" fn ExReInitializeRundownProtection(protection: Guest<RundownRef>) {
    reinitialize("ExReInitializeRundownProtection", protection);
}

/// Begins a use; says no if the object goes.
pub extern "win64" fn ExAcquireRundownProtection(protection: Guest<RundownRef>) -> u8 {
    acquire("ExAcquireRundownProtection", protection, 1)
}

/// Begins some uses; says no if the object goes.
pub extern "win64" fn ExAcquireRundownProtectionEx(protection: Guest<RundownRef>, uses: u32) -> u8 {
    acquire("ExAcquireRundownProtectionEx", protection, uses)
}

/// Ends a use.
pub extern "win64" fn ExReleaseRundownProtection(protection: Guest<RundownRef>) {
    release("ExReleaseRundownProtection", protection, 1);
}

/// Ends some uses.
pub extern "win64" fn ExReleaseRundownProtectionEx(protection: Guest<RundownRef>, uses: u32) {
    release("ExReleaseRundownProtectionEx", protection, uses);
}

/// Lets no further use begin and waits for those there are.
pub extern "win64" fn ExWaitForRundownProtectionRelease(protection: Guest<RundownRef>) {
    run_down("ExWaitForRundownProtectionRelease", protection);
}

/// Says that the object has gone.
pub extern "win64" fn ExRundownCompleted(protection: Guest<RundownRef>) {
    complete("ExRundownCompleted", protection);
}

/// Allocates protection with a place for every processor.
pub extern "win64" fn ExAllocateCacheAwareRundownProtection(
    _kind: u32,
    tag: u32,
) -> Guest<RundownRef> {
    let call = Call::enter("ExAllocateCacheAwareRundownProtection", Irql::APC, tag.into());
    if tag == 0 {
        call.violate(Rule::PoolTag, "memory is allocated without a tag", &[]);
    }
    if call.allocation_fails() {
        return Guest::NULL;
    }
    call.took_memory();
    let block = Block::zeroed(CACHE_AWARE);
    let protection = block.guest::<RundownRef>();
    let owner = owner_of(&call, Handle::NULL);
    let record = ObjectRecord { kind: Kind::Rundown, owner, site: call.site, block: Some(block) };
    lock(&call.machine.ledger).objects.insert(protection.address(), record);
    protection
}

/// Frees what [`ExAllocateCacheAwareRundownProtection`] made.
pub extern "win64" fn ExFreeCacheAwareRundownProtection(protection: Guest<RundownRef>) {
    let call = Call::enter("ExFreeCacheAwareRundownProtection", Irql::APC, protection.address());
    free_object(&call, protection.address(), Kind::Rundown);
}

/// How many bytes the form with a place for every processor takes.
pub extern "win64" fn ExSizeOfRundownProtectionCacheAware() -> u64 {
    CACHE_AWARE as u64
}

/// Makes protection in memory of the driver.
pub extern "win64" fn ExInitializeRundownProtectionCacheAware(
    protection: Guest<RundownRef>,
    _size: u64,
) {
    reset("ExInitializeRundownProtectionCacheAware", protection);
}

/// Makes protection in memory of the driver, to be cleaned up.
pub extern "win64" fn ExInitializeRundownProtectionCacheAwareEx(
    protection: Guest<RundownRef>,
    _flags: u32,
) {
    reset("ExInitializeRundownProtectionCacheAwareEx", protection);
}

/// Undoes [`ExInitializeRundownProtectionCacheAwareEx`].
pub extern "win64" fn ExCleanupRundownProtectionCacheAware(protection: Guest<RundownRef>) {
    let name = "ExCleanupRundownProtectionCacheAware";
    let _call = Call::enter(name, Irql::APC, protection.address());
}

/// Makes protection that has run down ready for further use.
pub extern "win64" fn ExReInitializeRundownProtectionCacheAware(protection: Guest<RundownRef>) {
    reinitialize("ExReInitializeRundownProtectionCacheAware", protection);
}

/// Begins a use; says no if the object goes.
pub extern "win64" fn ExAcquireRundownProtectionCacheAware(protection: Guest<RundownRef>) -> u8 {
    acquire("ExAcquireRundownProtectionCacheAware", protection, 1)
}

/// Begins some uses; says no if the object goes.
pub extern "win64" fn ExAcquireRundownProtectionCacheAwareEx(
    protection: Guest<RundownRef>,
    uses: u32,
) -> u8 {
    acquire("ExAcquireRundownProtectionCacheAwareEx", protection, uses)
}

/// Ends a use.
pub extern "win64" fn ExReleaseRundownProtectionCacheAware(protection: Guest<RundownRef>) {
    release("ExReleaseRundownProtectionCacheAware", protection, 1);
}

/// Ends some uses.
pub extern "win64" fn ExReleaseRundownProtectionCacheAwareEx(
    protection: Guest<RundownRef>,
    uses: u32,
) {
    release("ExReleaseRundownProtectionCacheAwareEx", protection, uses);
}

/// Lets no further use begin and waits for those there are.
pub extern "win64" fn ExWaitForRundownProtectionReleaseCacheAware(protection: Guest<RundownRef>) {
    run_down("ExWaitForRundownProtectionReleaseCacheAware", protection);
}

/// Says that the object has gone.
pub extern "win64" fn ExRundownCompletedCacheAware(protection: Guest<RundownRef>) {
    complete("ExRundownCompletedCacheAware", protection);
}

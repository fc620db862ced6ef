//! Locks, lists and threads of the kernel: semantics, and planted breaches.

use crate::common::{Fake, TAG, keep};
use ndis_lab::abi::Handle;
use ndis_lab::abi::kernel::{Dpc, Event, ListEntry, LockQueueHandle};
use ndis_lab::abi::sync::{
    LockState, Lookaside, Mutex, RundownRef, SListEntry, SListHeader, Timer,
};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{Irql, NtStatus, Rule};

/// Does something in a driver and demands the rules that it breaks.
#[track_caller]
fn breaks(rules: &[Rule], errand: impl FnOnce(Handle) + Send + 'static) {
    let world = Fake::default().run();
    world.in_driver(errand);
    world.expect_broken(rules);
    world.end();
}

/// Does something in a driver that breaks no rule.
#[track_caller]
fn works(errand: impl FnOnce(Handle) + Send + 'static) {
    breaks(&[], errand);
}

fn aligned<T>() -> Guest<T> {
    let block = keep(256 + 64);
    block.byte_add(64 - block.address() % 64).cast()
}

#[test]
fn a_singly_linked_list_is_last_in_first_out() {
    works(|_| {
        let head = aligned::<SListHeader>();
        InitializeSListHead(head);
        let (one, two) = (aligned::<SListEntry>(), aligned::<SListEntry>());
        assert!(ExpInterlockedPushEntrySList(head, one).is_null());
        assert_eq!(ExpInterlockedPushEntrySList(head, two), one);
        assert_eq!(ExQueryDepthSList(head), 2);
        assert_eq!(ExpInterlockedPopEntrySList(head), two);
        ExpInterlockedPushEntrySList(head, two);
        assert_eq!(ExpInterlockedFlushSList(head), two);
        assert_eq!(two.get(SListEntry::NEXT), one);
        assert!(ExpInterlockedPopEntrySList(head).is_null());
    });
}

planted!(ListEntry, a_list_entry_is_aligned, || {
    breaks(&[Rule::ListEntry], |_| {
        let head = aligned::<SListHeader>();
        InitializeSListHead(head);
        ExpInterlockedPushEntrySList(head, aligned::<SListEntry>().byte_add(8));
    });
});

#[test]
fn a_doubly_linked_list_is_changed_under_its_lock() {
    works(|_| {
        let head = keep(16).cast::<ListEntry>();
        head.set(ListEntry::FLINK, head);
        head.set(ListEntry::BLINK, head);
        let lock = keep(8).cast();
        let (one, two) = (keep(16).cast::<ListEntry>(), keep(16).cast::<ListEntry>());
        assert!(ExInterlockedInsertTailList(head, one, lock).is_null());
        assert_eq!(ExInterlockedInsertHeadList(head, two, lock), one);
        assert_eq!(ExInterlockedRemoveHeadList(head, lock), two);
        assert_eq!(ExInterlockedRemoveHeadList(head, lock), one);
        assert!(ExInterlockedRemoveHeadList(head, lock).is_null());
    });
}

#[test]
fn a_lookaside_list_keeps_what_is_freed() {
    works(|_| {
        let list = aligned::<Lookaside>();
        ExInitializeNPagedLookasideList(list, None, None, 0, 40, TAG, 0);
        let block = ExAllocateFromNPagedLookasideList(list);
        ExFreeToNPagedLookasideList(list, block);
        assert_eq!(ExAllocateFromNPagedLookasideList(list), block);
        ExFreeToNPagedLookasideList(list, block);
        ExDeleteNPagedLookasideList(list);
        let status = ExInitializeLookasideListEx(list, None, None, 0, 0, 40, TAG, 0);
        assert_eq!(status, NtStatus::SUCCESS);
        let block = ExAllocateFromLookasideListEx(list);
        ExFreeToLookasideListEx(list, block);
        ExFlushLookasideListEx(list);
        ExDeleteLookasideListEx(list);
        let status = ExInitializeLookasideListEx(list, None, None, 0, 7, 40, TAG, 0);
        assert_eq!(status, NtStatus::INVALID_PARAMETER);
    });
}

planted!(Leak, a_lookaside_list_that_is_left_is_told, || {
    let world = Fake::default().run();
    world.in_driver(|_| {
        ExInitializeNPagedLookasideList(aligned(), None, None, 0, 40, TAG, 0);
    });
    assert_eq!(world.driver.unload().rules(), [Rule::Leak]);
});

#[test]
fn what_runs_down_is_not_acquired() {
    works(|_| {
        let plain = keep(8).cast::<RundownRef>();
        ExInitializeRundownProtection(plain);
        assert_eq!(ExAcquireRundownProtection(plain), 1);
        assert_eq!(ExAcquireRundownProtectionEx(plain, 2), 1);
        ExReleaseRundownProtectionEx(plain, 3);
        ExWaitForRundownProtectionRelease(plain);
        assert_eq!(ExAcquireRundownProtection(plain), 0);
        ExRundownCompleted(plain);
        ExReInitializeRundownProtection(plain);
        assert_eq!(ExAcquireRundownProtection(plain), 1);
        ExReleaseRundownProtection(plain);
        let wide = ExAllocateCacheAwareRundownProtection(0, TAG);
        assert_eq!(ExAcquireRundownProtectionCacheAware(wide), 1);
        ExReleaseRundownProtectionCacheAware(wide);
        ExWaitForRundownProtectionReleaseCacheAware(wide);
        assert_eq!(ExAcquireRundownProtectionCacheAwareEx(wide, 1), 0);
        ExRundownCompletedCacheAware(wide);
        ExFreeCacheAwareRundownProtection(wide);
    });
}

planted!(Rundown, protection_is_released_as_often_as_acquired, || {
    breaks(&[Rule::Rundown], |_| {
        let protection = keep(8).cast::<RundownRef>();
        ExInitializeRundownProtection(protection);
        ExReleaseRundownProtection(protection);
    });
});

#[test]
fn push_locks_are_shared_or_owned() {
    works(|_| {
        let lock = keep(8).cast();
        ExInitializePushLock(lock);
        KeEnterCriticalRegion();
        ExAcquirePushLockSharedEx(lock, 0);
        ExReleasePushLockSharedEx(lock, 0);
        ExAcquirePushLockExclusiveEx(lock, 0);
        ExReleasePushLockExclusiveEx(lock, 0);
        KeLeaveCriticalRegion();
    });
}

planted!(PushLock, push_locks_are_released_as_they_were_acquired, || {
    breaks(&[Rule::PushLock], |_| {
        let lock = keep(8).cast();
        KeEnterCriticalRegion();
        ExAcquirePushLockSharedEx(lock, 0);
        ExReleasePushLockExclusiveEx(lock, 0);
        ExReleasePushLockSharedEx(lock, 0);
        KeLeaveCriticalRegion();
    });
});

planted!(CriticalRegion, push_locks_are_acquired_in_a_critical_region, || {
    breaks(&[Rule::CriticalRegion], |_| {
        let lock = keep(8).cast();
        ExAcquirePushLockSharedEx(lock, 0);
        ExReleasePushLockSharedEx(lock, 0);
    });
});

planted!(CriticalRegion, a_critical_region_ends_with_the_callback, || {
    breaks(&[Rule::CriticalRegion], |_| KeEnterCriticalRegion());
    breaks(&[Rule::CriticalRegion], |_| KeLeaveCriticalRegion());
});

planted!(Mutex, a_mutex_is_its_owners, || {
    works(|_| {
        let mutex = keep(Mutex::SIZE).cast::<Mutex>();
        KeInitializeMutex(mutex, 0);
        for _ in 0..2 {
            let status = KeWaitForSingleObject(mutex.cast(), 0, 0, 0, Guest::NULL);
            assert_eq!(status, NtStatus::SUCCESS);
        }
        assert_eq!(KeReleaseMutex(mutex, 0), -1);
        assert_eq!(KeReleaseMutex(mutex, 0), 0);
        assert_eq!(mutex.get(Mutex::SIGNAL_STATE), 1);
    });
    breaks(&[Rule::Mutex], |_| {
        let mutex = keep(Mutex::SIZE).cast::<Mutex>();
        KeInitializeMutex(mutex, 0);
        KeReleaseMutex(mutex, 0);
    });
});

#[test]
fn queued_spin_locks_are_spin_locks() {
    works(|_| {
        let lock = keep(8).cast();
        let handle = keep(LockQueueHandle::SIZE).cast();
        KeAcquireInStackQueuedSpinLock(lock, handle);
        assert_eq!(KeGetCurrentIrql(), Irql::DISPATCH);
        KeReleaseInStackQueuedSpinLock(handle);
        let before = KfRaiseIrql(Irql::DISPATCH);
        KeAcquireInStackQueuedSpinLockAtDpcLevel(lock, handle);
        KeReleaseInStackQueuedSpinLockFromDpcLevel(handle);
        KeLowerIrql(before);
    });
}

#[test]
fn a_lock_has_readers_or_a_writer() {
    works(|handle| {
        let lock = NdisAllocateRWLock(handle);
        let (outer, inner) = (keep(3).cast::<LockState>(), keep(3).cast::<LockState>());
        NdisAcquireRWLockRead(lock, outer, 0);
        assert_eq!(KeGetCurrentIrql(), Irql::DISPATCH);
        NdisAcquireRWLockRead(lock, inner, 1);
        NdisReleaseRWLock(lock, inner);
        NdisReleaseRWLock(lock, outer);
        NdisAcquireRWLockWrite(lock, outer, 0);
        NdisReleaseRWLock(lock, outer);
        assert_eq!(KeGetCurrentIrql(), Irql::PASSIVE);
        NdisFreeRWLock(lock);
    });
}

planted!(LockOrder, locks_of_every_kind_are_acquired_in_one_order, || {
    breaks(&[Rule::LockOrder], |handle| {
        let rw_lock = NdisAllocateRWLock(handle);
        let (spin_lock, state) = (keep(8).cast(), keep(LockState::SIZE).cast());
        NdisAcquireRWLockWrite(rw_lock, state, 0);
        KeAcquireSpinLockAtDpcLevel(spin_lock);
        KeReleaseSpinLockFromDpcLevel(spin_lock);
        NdisReleaseRWLock(rw_lock, state);
        let before = KeAcquireSpinLockRaiseToDpc(spin_lock);
        NdisAcquireRWLockWrite(rw_lock, state, 0);
        NdisReleaseRWLock(rw_lock, state);
        KeReleaseSpinLock(spin_lock, before);
        NdisFreeRWLock(rw_lock);
    });
});

planted!(RwLock, a_reader_does_not_become_a_writer, || {
    breaks(&[Rule::RwLock], |handle| {
        let lock = NdisAllocateRWLock(handle);
        let (outer, inner) = (keep(3).cast::<LockState>(), keep(3).cast::<LockState>());
        NdisAcquireRWLockRead(lock, outer, 0);
        NdisAcquireRWLockWrite(lock, inner, 0);
        NdisReleaseRWLock(lock, inner);
        NdisReleaseRWLock(lock, outer);
        NdisFreeRWLock(lock);
    });
});

planted!(LockAcrossNdis, a_lock_of_readers_is_not_held_across_ndis, || {
    breaks(&[Rule::LockAcrossNdis], |handle| {
        let lock = NdisAllocateRWLock(handle);
        let state = keep(3).cast::<LockState>();
        NdisAcquireRWLockRead(lock, state, 0);
        NdisFCancelSendNetBufferLists(handle, Guest::NULL);
        NdisReleaseRWLock(lock, state);
        NdisFreeRWLock(lock);
    });
});

extern "win64" fn signal(_: Guest<Dpc>, context: Guest<u8>, _: Guest<u8>, _: Guest<u8>) {
    KeSetEvent(context.cast(), 0, 0);
}

#[test]
fn a_timer_signals_and_queues_its_procedure() {
    works(|_| {
        let (timer, event) = (keep(Timer::SIZE).cast(), keep(Event::SIZE).cast::<Event>());
        let dpc = keep(Dpc::SIZE).cast();
        KeInitializeEvent(event, 0, 0);
        KeInitializeDpc(dpc, Some(signal), event.cast());
        KeInitializeTimer(timer);
        assert_eq!(KeSetTimer(timer, -1000, dpc), 0);
        assert_eq!(KeWaitForSingleObject(event, 0, 0, 0, Guest::NULL), NtStatus::SUCCESS);
        assert_eq!(KeWaitForSingleObject(timer.cast(), 0, 0, 0, Guest::NULL), NtStatus::SUCCESS);
        KeInitializeTimerEx(timer, 1);
        assert_eq!(KeSetTimerEx(timer, -1_000_000_000, 10, Guest::NULL), 0);
        assert_eq!(KeCancelTimer(timer), 1);
        assert_eq!(KeCancelTimer(timer), 0);
    });
}

planted!(Leak, a_timer_that_is_left_set_is_told, || {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let timer = keep(Timer::SIZE).cast();
        KeInitializeTimer(timer);
        KeSetTimer(timer, -1_000_000_000, Guest::NULL);
    });
    assert_eq!(world.driver.unload().rules(), [Rule::Leak]);
});

extern "win64" fn returns(context: Guest<u8>) {
    context.cast::<u32>().write(7);
}

extern "win64" fn ends_itself(context: Guest<u8>) {
    context.cast::<u32>().write(8);
    PsTerminateSystemThread(NtStatus::SUCCESS);
    context.cast::<u32>().write(9);
}

fn run_thread(routine: extern "win64" fn(Guest<u8>)) -> u32 {
    let (handle, object, number) = (keep(8).cast::<Handle>(), keep(8).cast(), keep(4));
    let routine = routine as *const () as u64;
    let status =
        PsCreateSystemThread(handle, 0, Guest::NULL, Handle::NULL, Guest::NULL, routine, number);
    assert_eq!(status, NtStatus::SUCCESS);
    let kind = PsThreadType;
    let status = ObReferenceObjectByHandle(handle.read(), 0, kind, 0, object, Guest::NULL);
    assert_eq!(status, NtStatus::SUCCESS);
    let other = ExEventObjectType;
    let none = keep(8).cast();
    let status = ObReferenceObjectByHandle(handle.read(), 0, other, 0, none, Guest::NULL);
    assert_eq!(status, NtStatus::OBJECT_TYPE_MISMATCH);
    assert_eq!(ZwClose(handle.read()), NtStatus::SUCCESS);
    let thread = object.read();
    assert_eq!(KeWaitForSingleObject(thread.cast(), 0, 0, 0, Guest::NULL), NtStatus::SUCCESS);
    assert_eq!(ObfDereferenceObject(thread), 0);
    number.cast::<u32>().read()
}

#[test]
fn a_system_thread_runs_and_ends_either_way() {
    works(|_| {
        assert_eq!(run_thread(returns), 7);
        assert_eq!(run_thread(ends_itself), 8);
    });
}

planted!(KernelObject, handles_and_references_are_given_back_once, || {
    breaks(&[Rule::KernelObject], |_| {
        ZwClose(Handle(0x1234));
    });
    breaks(&[Rule::KernelObject], |_| {
        ObfDereferenceObject(keep(16));
    });
    breaks(&[Rule::KernelObject], |_| {
        PsTerminateSystemThread(NtStatus::SUCCESS);
    });
});

#[test]
fn an_event_of_a_process_is_signalled_by_the_driver() {
    let world = Fake::default().run();
    let event = world.lab.event();
    let handle = Handle(event.handle());
    world.in_driver(move |_| {
        let (object, kind) = (keep(8).cast::<Guest<u8>>(), ExEventObjectType);
        let status = ObReferenceObjectByHandle(handle, 2, kind, 1, object, Guest::NULL);
        assert_eq!(status, NtStatus::SUCCESS);
        KeSetEvent(object.read().cast(), 0, 0);
        ObfDereferenceObject(object.read());
    });
    assert!(event.is_set());
    world.end();
}

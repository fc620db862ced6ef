//! IRQL, spin locks, pool memory, MDL data, waiting: planted breaches and semantics.

use crate::common::{Fake, NON_PAGED, TAG, bare_list_pool, keep, list_pool};
use ndis_lab::abi::Handle;
use ndis_lab::abi::kernel::{Event, LockQueueHandle};
use ndis_lab::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{Irql, Lab, NtStatus, Policy, Rule};

planted!(WrongIrql, calls_are_made_at_an_irql_that_they_allow, || {
    let world = Fake::default().run();
    world.in_driver_at(Irql::DISPATCH, |_| {
        NdisGetVersion();
        ExFreePool(ExAllocatePool2(0x100, 16, TAG));
    });
    world.expect_broken(&[Rule::WrongIrql]);
    world.end();
});

planted!(WrongIrql, a_callback_returns_at_its_irql, || {
    let world = Fake::default().run();
    world.in_driver(|_| KfRaiseIrql(Irql::DISPATCH));
    world.expect_broken(&[Rule::WrongIrql]);
    world.in_driver_at(Irql::DISPATCH, |_| KeLowerIrql(Irql::PASSIVE));
    world.expect_broken(&[Rule::WrongIrql]);
    world.end();
});

planted!(SpinLock, a_lock_is_released_before_a_callback_returns, || {
    let world = Fake::default().run();
    world.in_driver(|_| KeAcquireSpinLockRaiseToDpc(keep(8).cast()));
    world.expect_broken(&[Rule::SpinLock]);
    world.end();
});

planted!(SpinLock, a_lock_is_not_acquired_twice, || {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let lock = keep(8).cast();
        let before = KeAcquireSpinLockRaiseToDpc(lock);
        KeAcquireSpinLockAtDpcLevel(lock);
        KeReleaseSpinLockFromDpcLevel(lock);
        KeReleaseSpinLock(lock, before);
    });
    world.expect_broken(&[Rule::SpinLock]);
    world.end();
});

planted!(LockOrder, locks_are_acquired_in_one_order, || {
    let both = |outer, inner| {
        let before = KeAcquireSpinLockRaiseToDpc(outer);
        KeAcquireSpinLockAtDpcLevel(inner);
        KeReleaseSpinLockFromDpcLevel(inner);
        KeReleaseSpinLock(outer, before);
    };
    let world = Fake::default().run();
    world.in_driver(move |_| {
        let [first, second, third] = [(); 3].map(|()| keep(8).cast::<u64>());
        both(first, second);
        both(second, third);
        both(first, third);
        both(third, first);
        both(third, first);
    });
    world.expect_broken(&[Rule::LockOrder]);
    world.in_driver(move |_| {
        let [first, second] = [(); 2].map(|()| keep(8).cast::<u64>());
        both(first, second);
        KeInitializeSpinLock(first);
        both(second, first);
    });
    world.end();
});

planted!(SpinLock, a_lock_is_released_by_its_holder, || {
    let world = Fake::default().run();
    world.in_driver_at(Irql::DISPATCH, |_| KeReleaseSpinLockFromDpcLevel(keep(8).cast()));
    world.expect_broken(&[Rule::SpinLock]);
    world.end();
});

planted!(WrongIrql, a_lock_is_acquired_where_its_function_belongs, || {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let lock = keep(8).cast();
        KeAcquireSpinLockAtDpcLevel(lock);
        let before = KfRaiseIrql(Irql::DISPATCH);
        KeReleaseSpinLockFromDpcLevel(lock);
        KeLowerIrql(before);
    });
    world.expect_broken(&[Rule::WrongIrql]);
    world.end();
});

planted!(LockAcrossNdis, no_lock_is_held_across_a_call_into_ndis, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            let lock = keep(8).cast();
            KeAcquireSpinLockAtDpcLevel(lock);
            NdisFSendNetBufferLists(handle, list, port, flags);
            KeReleaseSpinLockFromDpcLevel(lock);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.set_send_policy(Policy::Deferred);
    world.stack.send_from_above([b"locked"]);
    world.expect_broken(&[Rule::LockAcrossNdis]);
    world.end();
});

#[test]
fn locks_exclude_threads() {
    let world = Fake::default().run();
    let lock = keep(8).cast::<u64>();
    let count = keep(8).cast::<u64>();
    let handle = keep(24).cast::<LockQueueHandle>();
    world.in_driver(move |_| {
        KeInitializeSpinLock(lock);
        KeAcquireInStackQueuedSpinLock(lock, handle);
        KeReleaseInStackQueuedSpinLock(handle);
    });
    let fake_lists: Vec<_> = (0..2)
        .map(|_| {
            let world = &world;
            let stack = world.stack.clone();
            (stack, world.lab.clone())
        })
        .collect();
    drop(fake_lists);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let lab = world.lab.clone();
            std::thread::spawn(move || {
                // Each thread is a processor with a driver of its own in the same lab.
                let (driver, fake, _) = Fake::default().start(&lab);
                let stack = driver.attach(ndis_lab::AdapterConfig::default()).expect("attach");
                let world = crate::common::World { lab, driver, stack, fake };
                world.in_driver(move |_| {
                    for _ in 0..10_000 {
                        let before = KeAcquireSpinLockRaiseToDpc(lock);
                        count.write(count.read() + 1);
                        KeReleaseSpinLock(lock, before);
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(count.read(), 20_000);
    world.expect_broken(&[]);
}

planted!(PoolMemory, pool_memory_is_freed_once_and_whole, || {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let memory = ExAllocatePool2(NON_PAGED, 32, TAG);
        ExFreePool(memory.byte_add(16));
        ExFreePool(memory);
        ExFreePool(memory);
    });
    world.expect_broken(&[Rule::PoolMemory, Rule::PoolMemory]);
    world.in_driver(|_| ExFreePoolWithTag(ExAllocatePool2(NON_PAGED, 32, TAG), TAG + 1));
    world.expect_broken(&[Rule::PoolMemory]);
    world.in_driver(|handle| ExFreePool(NdisAllocateMemoryWithTagPriority(handle, 8, TAG, 0)));
    world.expect_broken(&[Rule::PoolMemory]);
    world.end();
});

planted!(PoolTag, memory_is_asked_for_properly, || {
    let world = Fake::default().run();
    world.in_driver(|_| ExFreePool(ExAllocatePool2(NON_PAGED, 16, 0)));
    world.expect_broken(&[Rule::PoolTag]);
    world.in_driver(|_| ExFreePool(ExAllocatePool2(NON_PAGED, 0, TAG)));
    world.expect_broken(&[Rule::PoolTag]);
    world.in_driver(|_| assert!(ExAllocatePool2(0, 16, TAG).is_null()));
    world.expect_broken(&[Rule::PoolTag]);
    world.end();
});

planted!(PoolMemory, an_mdl_describes_pool_memory, || {
    let world = Fake::default().run();
    world.in_driver(|handle| NdisFreeMdl(NdisAllocateMdl(handle, keep(16), 16)));
    world.expect_broken(&[Rule::PoolMemory]);
    world.in_driver(|handle| {
        let memory = ExAllocatePool2(NON_PAGED, 16, TAG);
        NdisFreeMdl(NdisAllocateMdl(handle, memory, 17));
        ExFreePool(memory);
    });
    world.expect_broken(&[Rule::PoolMemory]);
    world.end();
});

#[test]
fn guarded_memory_works_like_other() {
    let lab = Lab::builder().guarded_memory(true).build();
    let (driver, fake, _) = Fake::default().start(&lab);
    let stack = driver.attach(ndis_lab::AdapterConfig::default()).expect("attach");
    let world = crate::common::World { lab, driver, stack, fake };
    world.in_driver(|_| {
        let memory = ExAllocatePool2(NON_PAGED, 5000, TAG);
        memory.fill(1, 5000);
        ExFreePoolWithTag(memory, TAG);
    });
    world.end();
}

/// A buffer over two MDLs of 8 bytes, with 2 bytes in front, holding the numbers from 0 to 12.
fn two_mdls(handle: Handle, work: impl FnOnce(Guest<NetBuffer>)) {
    let memory = ExAllocatePool2(NON_PAGED, 32, TAG);
    memory.byte_add(2).write_bytes(&[0, 1, 2, 3, 4, 5]);
    memory.byte_add(16).write_bytes(&[6, 7, 8, 9, 10, 11, 12]);
    let (first, second) =
        (NdisAllocateMdl(handle, memory, 8), NdisAllocateMdl(handle, memory.byte_add(16), 8));
    first.set(Mdl::NEXT, second);
    let pool = list_pool(handle);
    let list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, first, 2, 13);
    work(list.get(NetBufferList::FIRST_NET_BUFFER));
    NdisFreeNetBufferList(list);
    NdisFreeNetBufferListPool(pool);
    NdisFreeMdl(second);
    NdisFreeMdl(first);
    ExFreePool(memory);
}

#[test]
fn data_are_read_across_mdls() {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        two_mdls(handle, |buffer| {
            assert!(
                NdisGetDataBuffer(buffer, 6, Guest::NULL, 1, 0).read_bytes(6) == [0, 1, 2, 3, 4, 5]
            );
            assert!(NdisGetDataBuffer(buffer, 7, Guest::NULL, 1, 0).is_null());
            let storage = keep(16);
            let data = NdisGetDataBuffer(buffer, 13, storage, 1, 0);
            assert_eq!(data, storage);
            assert_eq!(data.read_bytes(13), (0..13).collect::<Vec<u8>>());
            assert!(NdisGetDataBuffer(buffer, 14, storage, 1, 0).is_null());
        });
    });
    world.end();
}

#[test]
fn a_retreat_uses_the_room_in_front_first() {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        two_mdls(handle, |buffer| {
            let chain = buffer.get(NetBuffer::MDL_CHAIN);
            assert_eq!(NdisRetreatNetBufferDataStart(buffer, 2, 0, None), NtStatus::SUCCESS);
            assert_eq!(buffer.get(NetBuffer::MDL_CHAIN), chain);
            assert_eq!(
                (buffer.get(NetBuffer::DATA_OFFSET), buffer.get(NetBuffer::DATA_LENGTH)),
                (0, 15)
            );
            NdisAdvanceNetBufferDataStart(buffer, 2, 1, None);
            assert_eq!(
                (buffer.get(NetBuffer::DATA_OFFSET), buffer.get(NetBuffer::DATA_LENGTH)),
                (2, 13)
            );
        });
    });
    world.end();
}

#[test]
fn a_retreat_without_room_allocates_and_an_advance_frees() {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        two_mdls(handle, |buffer| {
            let chain = buffer.get(NetBuffer::MDL_CHAIN);
            assert_eq!(NdisRetreatNetBufferDataStart(buffer, 10, 4, None), NtStatus::SUCCESS);
            let front = buffer.get(NetBuffer::MDL_CHAIN);
            assert_ne!(front, chain);
            assert_eq!(front.get(Mdl::BYTE_COUNT), 14);
            // 14 new bytes and 2 old ones in front, of which 10 are taken.
            assert_eq!(
                (buffer.get(NetBuffer::DATA_OFFSET), buffer.get(NetBuffer::DATA_LENGTH)),
                (6, 23)
            );
            let storage = keep(32);
            assert_eq!(
                NdisGetDataBuffer(buffer, 23, storage, 1, 0).read_bytes(23)[10..],
                (0..13).collect::<Vec<u8>>()
            );
            NdisAdvanceNetBufferDataStart(buffer, 10, 1, None);
            assert_eq!(buffer.get(NetBuffer::MDL_CHAIN), chain);
            assert_eq!(
                (buffer.get(NetBuffer::DATA_OFFSET), buffer.get(NetBuffer::DATA_LENGTH)),
                (2, 13)
            );
        });
    });
    world.end();
}

planted!(RetreatAdvance, an_advance_stays_within_the_data, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        two_mdls(handle, |buffer| NdisAdvanceNetBufferDataStart(buffer, 14, 0, None));
    });
    world.expect_broken(&[Rule::RetreatAdvance]);
    world.end();
});

extern "win64" fn allocate_mdl(size: Guest<u32>) -> Guest<Mdl> {
    let memory = ExAllocatePool2(NON_PAGED, size.read().into(), TAG);
    NdisAllocateMdl(Handle::NULL, memory, size.read())
}

extern "win64" fn free_mdl(mdl: Guest<Mdl>) {
    let memory = mdl.get(Mdl::MAPPED_SYSTEM_VA);
    NdisFreeMdl(mdl);
    ExFreePool(memory);
}

planted!(RetreatAdvance, the_handlers_of_retreat_and_advance_mirror_each_other, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        two_mdls(handle, |buffer| {
            let status = NdisRetreatNetBufferDataStart(buffer, 10, 0, Some(allocate_mdl));
            assert_eq!(status, NtStatus::SUCCESS);
            NdisAdvanceNetBufferDataStart(buffer, 10, 1, Some(free_mdl));
        });
    });
    world.expect_broken(&[]);
    world.in_driver(|handle| {
        two_mdls(handle, |buffer| {
            assert_eq!(NdisRetreatNetBufferDataStart(buffer, 10, 0, None), NtStatus::SUCCESS);
            NdisAdvanceNetBufferDataStart(buffer, 10, 1, Some(free_mdl));
        });
    });
    world.expect_broken(&[Rule::RetreatAdvance]);
    world.end();
});

planted!(Derived, clones_share_data_and_are_freed_as_made, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let clones = list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        let clone = NdisAllocateCloneNetBufferList(list, clones, Handle::NULL, 2);
        NdisFreeCloneNetBufferList(clone, 2);
        let clone = NdisAllocateCloneNetBufferList(list, clones, Handle::NULL, 2);
        NdisFreeCloneNetBufferList(clone, 0);
        let clone = NdisAllocateCloneNetBufferList(list, clones, Handle::NULL, 0);
        NdisFreeNetBufferList(clone);
        NdisFreeCloneNetBufferList(clone, 0);
        let clone = NdisAllocateCloneNetBufferList(list, clones, Handle::NULL, 0);
        NdisFreeNetBufferList(list);
        NdisFreeCloneNetBufferList(clone, 0);
        NdisFreeNetBufferListPool(clones);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::Derived, Rule::Derived, Rule::Derived]);
    world.end();
});

#[test]
fn events_wake_who_waits() {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let event = keep(Event::SIZE).cast::<Event>();
        KeInitializeEvent(event, 1, 0);
        let none = keep(8).cast::<i64>();
        assert_eq!(KeWaitForSingleObject(event, 0, 0, 0, none), NtStatus::TIMEOUT);
        assert_eq!(KeSetEvent(event, 0, 0), 0);
        assert_eq!(KeWaitForSingleObject(event, 0, 0, 0, Guest::NULL), NtStatus::SUCCESS);
        assert_eq!(KeWaitForSingleObject(event, 0, 0, 0, none), NtStatus::TIMEOUT);
    });
    world.end();
}

planted!(WrongIrql, who_is_at_dispatch_level_does_not_wait, || {
    let world = Fake::default().run();
    world.in_driver_at(Irql::DISPATCH, |_| {
        let event = keep(Event::SIZE).cast::<Event>();
        KeInitializeEvent(event, 0, 1);
        let soon = keep(8).cast::<i64>();
        soon.write(-10);
        assert_eq!(KeWaitForSingleObject(event, 0, 0, 0, soon), NtStatus::SUCCESS);
    });
    world.expect_broken(&[Rule::WrongIrql]);
    world.end();
});

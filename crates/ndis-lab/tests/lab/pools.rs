//! Pools, lists and buffers: what must not be done with them.

use crate::common::{
    Fake, NON_PAGED, OwnFrame, TAG, World, bare_list_pool, buffer_pool, expect_broken, keep,
    list_pool, list_pool_parameters, originator,
};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{Mdl, NblPoolParameters, NetBuffer, NetBufferList, NetBufferListContext};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{Irql, NtStatus, Rule};

/// A pool with edited parameters.
fn edited_pool(
    world: &World,
    edit: fn(Guest<NblPoolParameters>),
    buffers: bool,
    context: u16,
    data: u32,
) -> Handle {
    world.in_driver(move |handle| {
        let parameters = list_pool_parameters(buffers, context, data);
        edit(parameters);
        NdisAllocateNetBufferListPool(handle, parameters)
    })
}

planted!(Header, pool_parameters_have_their_header, || {
    type P = NblPoolParameters;
    let world = Fake::default().run();
    let pool = edited_pool(&world, |p| p.set(P::HEADER_TYPE, 0x81), true, 0, 0);
    assert_eq!(pool, Handle::NULL);
    world.expect_broken(&[Rule::Header]);
    let pool = edited_pool(&world, |p| p.set(P::HEADER_SIZE, 12), true, 0, 0);
    assert_eq!(pool, Handle::NULL);
    world.expect_broken(&[Rule::Header]);
    world.end();
});

planted!(PoolParameters, pool_parameters_are_checked, || {
    type P = NblPoolParameters;
    let world = Fake::default().run();
    let allocate = |edit, buffers, context, data| edited_pool(&world, edit, buffers, context, data);
    let unchanged = |_: Guest<P>| {};
    assert_eq!(allocate(unchanged, true, 8, 0), Handle::NULL);
    world.expect_broken(&[Rule::PoolParameters]);
    assert_eq!(allocate(unchanged, false, 0, 64), Handle::NULL);
    world.expect_broken(&[Rule::PoolParameters]);
    let pool = allocate(|p| p.set(P::PROTOCOL_ID, 1), true, 0, 0);
    world.expect_broken(&[Rule::PoolParameters]);
    world.in_driver(move |_| NdisFreeNetBufferListPool(pool));
    let pool = allocate(|p| p.set(P::POOL_TAG, 0), true, 0, 0);
    world.expect_broken(&[Rule::PoolParameters]);
    world.in_driver(move |_| NdisFreeNetBufferListPool(pool));
    world.end();
});

planted!(WrongAllocator, a_pool_is_used_with_the_function_it_is_for, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = NdisAllocateNetBufferListPool(handle, list_pool_parameters(false, 0, 0));
        let list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, Guest::NULL, 0, 0);
        assert!(list.is_null());
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongAllocator]);
    world.in_driver(|handle| {
        let pool = list_pool(handle);
        NdisFreeNetBufferList(NdisAllocateNetBufferList(pool, 0, 0));
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongAllocator]);
    world.in_driver(|handle| {
        let pool = buffer_pool(handle, 64);
        let buffer = NdisAllocateNetBuffer(pool, Guest::NULL, 0, 0);
        NdisFreeNetBuffer(buffer);
        NdisFreeNetBufferPool(pool);
    });
    world.expect_broken(&[Rule::WrongAllocator]);
    world.in_driver(|handle| {
        let pool = buffer_pool(handle, 0);
        assert!(NdisAllocateNetBufferMdlAndData(pool).is_null());
        NdisFreeNetBufferPool(pool);
    });
    world.expect_broken(&[Rule::WrongAllocator]);
    world.in_driver(|handle| {
        let pool = list_pool(handle);
        assert!(NdisAllocateNetBuffer(pool, Guest::NULL, 0, 0).is_null());
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongAllocator]);
    world.end();
});

planted!(Header, a_pool_is_one_that_was_given, || {
    let world = Fake::default().run();
    world.in_driver(|_| NdisAllocateNetBufferList(Handle(0x1234), 0, 0));
    world.expect_broken(&[Rule::Header]);
    world.in_driver(|handle| {
        let pool = list_pool(handle);
        NdisFreeNetBufferListPool(pool);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::Header]);
    world.end();
});

planted!(ContextAlignment, context_sizes_are_aligned, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        NdisFreeNetBufferList(NdisAllocateNetBufferList(pool, 8, 0));
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::ContextAlignment]);
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        assert_eq!(NdisAllocateNetBufferListContext(list, 4, 0, TAG), NtStatus::SUCCESS);
        NdisFreeNetBufferListContext(list, 4);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::ContextAlignment]);
    world.end();
});

planted!(DataExtent, an_extent_needs_an_mdl_chain_that_holds_it, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = list_pool(handle);
        let list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, Guest::NULL, 4, 0);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::DataExtent]);
    world.in_driver(|handle| {
        let memory = ExAllocatePool2(NON_PAGED, 32, TAG);
        let mdl = NdisAllocateMdl(handle, memory, 32);
        let pool = list_pool(handle);
        let list = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 30, 3);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
        NdisFreeMdl(mdl);
        ExFreePool(memory);
    });
    world.expect_broken(&[Rule::DataExtent]);
    world.end();
});

planted!(NotFromPool, lists_and_buffers_come_from_pools, || {
    let world = originator().run();
    let fake_list = keep(NetBufferList::SIZE).cast::<NetBufferList>();
    world.in_driver(move |handle| {
        fake_list.set(NetBufferList::SOURCE_HANDLE, handle);
        NdisFSendNetBufferLists(handle, fake_list, 0, 0);
    });
    world.expect_broken(&[Rule::NotFromPool]);
    world.in_driver(move |_| NdisFreeNetBufferList(fake_list));
    world.expect_broken(&[Rule::NotFromPool]);
    world.in_driver(|_| NdisFreeNetBuffer(keep(NetBuffer::SIZE).cast()));
    world.expect_broken(&[Rule::NotFromPool]);
    world.end();
});

planted!(WrongFree, nothing_is_freed_twice, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.in_driver(|handle| {
        let pool = buffer_pool(handle, 0);
        let buffer = NdisAllocateNetBuffer(pool, Guest::NULL, 0, 0);
        NdisFreeNetBuffer(buffer);
        NdisFreeNetBuffer(buffer);
        NdisFreeNetBufferPool(pool);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.in_driver(|handle| {
        let memory = ExAllocatePool2(NON_PAGED, 32, TAG);
        let mdl = NdisAllocateMdl(handle, memory, 32);
        NdisFreeMdl(mdl);
        NdisFreeMdl(mdl);
        ExFreePool(memory);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.end();
});

planted!(WrongFree, what_is_freed_is_freed_with_its_own_function, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        NdisFreeNetBuffer(list.get(NetBufferList::FIRST_NET_BUFFER));
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.in_driver(|handle| {
        let memory = ExAllocatePool2(NON_PAGED, 32, TAG);
        let mdl = NdisAllocateMdl(handle, memory, 32);
        IoFreeMdl(mdl);
        NdisFreeMdl(mdl);
        ExFreePool(memory);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.in_driver(|handle| {
        let pool = list_pool(handle);
        NdisFreeNetBufferPool(pool);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.end();
});

planted!(WrongFree, a_separate_buffer_is_freed_before_its_list, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let lists = NdisAllocateNetBufferListPool(handle, list_pool_parameters(false, 0, 0));
        let buffers = buffer_pool(handle, 0);
        let list = NdisAllocateNetBufferList(lists, 0, 0);
        let buffer = NdisAllocateNetBuffer(buffers, Guest::NULL, 0, 0);
        list.set(NetBufferList::FIRST_NET_BUFFER, buffer);
        NdisFreeNetBufferList(list);
        NdisFreeNetBuffer(buffer);
        NdisFreeNetBufferPool(buffers);
        NdisFreeNetBufferListPool(lists);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.end();
});

planted!(WrongFree, added_context_is_freed_before_its_list, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        assert_eq!(NdisAllocateNetBufferListContext(list, 32, 0, TAG), NtStatus::SUCCESS);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        NdisFreeNetBufferListContext(list, 32);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.end();
});

planted!(PoolInUse, a_pool_is_freed_last, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        NdisAllocateNetBufferList(pool, 0, 0);
        NdisFreeNetBufferListPool(pool);
    });
    world.expect_broken(&[Rule::PoolInUse]);
    world.end();
});

planted!(WrongFree, another_drivers_list_is_not_freed, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            NdisFreeNetBufferList(list);
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"theirs"]);
    world.expect_broken(&[Rule::WrongFree]);
    world.end();
});

planted!(NotOwner, a_list_is_not_freed_while_ndis_owns_it, || {
    let world = originator().run();
    world.stack.hold_sends();
    let frame = world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        NdisFreeNetBufferList(frame.list);
        frame
    });
    world.expect_broken(&[Rule::NotOwner]);
    world.stack.release_sends(ndis_lab::Order::Forward);
    world.in_driver(move |_| frame.free());
    world.end();
});

#[test]
fn a_pool_recycles() {
    let world = Fake::default().run();
    let pool = world.in_driver(|handle| {
        let pool = NdisAllocateNetBufferListPool(handle, list_pool_parameters(true, 64, 256));
        NdisFreeNetBufferList(NdisAllocateNetBufferList(pool, 32, 16));
        pool
    });
    let before = world.lab.allocations();
    world.in_driver(move |_| {
        for _ in 0..100 {
            let list = NdisAllocateNetBufferList(pool, 32, 16);
            assert_eq!(list.get(NetBufferList::NEXT), Guest::NULL);
            NdisFreeNetBufferList(list);
        }
        NdisFreeNetBufferListPool(pool);
    });
    assert_eq!(world.lab.allocations(), before);
    world.end();
}

#[test]
fn context_is_taken_from_room_and_given_back() {
    type C = NetBufferListContext;
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = bare_list_pool(handle);
        let list = NdisAllocateNetBufferList(pool, 16, 32);
        let context = list.get(NetBufferList::CONTEXT);
        assert_eq!((context.get(C::SIZE_FIELD), context.get(C::OFFSET)), (48, 32));
        assert_eq!(NdisAllocateNetBufferListContext(list, 24, 8, TAG), NtStatus::SUCCESS);
        assert_eq!((list.get(NetBufferList::CONTEXT), context.get(C::OFFSET)), (context, 8));
        assert_eq!(NdisAllocateNetBufferListContext(list, 16, 8, TAG), NtStatus::SUCCESS);
        let added = list.get(NetBufferList::CONTEXT);
        assert_ne!(added, context);
        assert_eq!((added.get(C::NEXT), added.get(C::OFFSET)), (context, 8));
        NdisFreeNetBufferListContext(list, 16);
        assert_eq!(list.get(NetBufferList::CONTEXT), context);
        NdisFreeNetBufferListContext(list, 24);
        assert_eq!(context.get(C::OFFSET), 32);
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    world.end();
}

#[test]
fn a_buffer_with_data_has_all_of_it_in_front() {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let pool = buffer_pool(handle, 64);
        let buffer = NdisAllocateNetBufferMdlAndData(pool);
        assert_eq!(NdisRetreatNetBufferDataStart(buffer, 40, 0, None), NtStatus::SUCCESS);
        let data = NdisGetDataBuffer(buffer, 40, Guest::NULL, 1, 0);
        assert!(!data.is_null());
        let mdl = buffer.get(NetBuffer::CURRENT_MDL);
        assert_eq!(mdl.get(Mdl::BYTE_COUNT), 64);
        assert_eq!(buffer.get(NetBuffer::CURRENT_MDL_OFFSET), 24);
        NdisFreeNetBuffer(buffer);
        NdisFreeNetBufferPool(pool);
    });
    world.end();
}

planted!(Leak, what_is_left_is_told_at_detach_and_unload, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        list_pool(handle);
    });
    world.stack.detach();
    world.expect_broken(&[Rule::Leak]);
    world.end();

    let world = Fake::default().run();
    world.in_driver(|_| {
        ExAllocatePool2(NON_PAGED, 16, TAG);
    });
    world.stack.detach();
    world.expect_broken(&[]);
    let verdict = world.driver.unload();
    assert_eq!(verdict.rules(), [Rule::Leak]);
    expect_broken(&world.lab, &[Rule::Leak]);
});

#[test]
fn an_allocation_fails_when_it_should() {
    let world = Fake::default().run();
    let before = world.lab.allocation_attempts();
    world.lab.fail_allocation(2);
    world.in_driver_at(Irql::DISPATCH, |handle| {
        let pool = bare_list_pool(handle);
        assert!(NdisAllocateNetBufferList(pool, 0, 0).is_null());
        let list = NdisAllocateNetBufferList(pool, 0, 0);
        assert!(!list.is_null());
        NdisFreeNetBufferList(list);
        NdisFreeNetBufferListPool(pool);
    });
    assert_eq!(world.lab.allocation_attempts() - before, 3);
    world.end();
}

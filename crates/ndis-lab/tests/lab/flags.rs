//! Read-only data, flags and statuses of lists: planted breaches.

use crate::common::{Fake, World, send_own};
use ndis_lab::abi::nbl::NetBufferList;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{NbSpec, NblSpec, NtStatus, Rule};

/// A driver that writes over the first byte of what it passes on, down and up.
fn scribbler() -> World {
    fn scribble(list: Guest<NetBufferList>) {
        let buffer = list.get(NetBufferList::FIRST_NET_BUFFER);
        NdisGetDataBuffer(buffer, 1, Guest::NULL, 1, 0).write(0xFF);
    }
    Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            scribble(list);
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        on_receive: Some(Box::new(|handle, list, port, count, flags| {
            scribble(list);
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags);
        })),
        ..Fake::default()
    }
    .run()
}

planted!(ReadOnlyData, read_only_data_are_not_written_to, || {
    let world = scribbler();
    world.stack.send_from_above([NblSpec::of(NbSpec::new(*b"frame")).flags(1)]);
    world.expect_broken(&[Rule::ReadOnlyData]);
    world.stack.indicate_from_below([NblSpec::of(NbSpec::new(*b"frame")).flags(2)], false);
    world.expect_broken(&[Rule::ReadOnlyData]);
    world.end();
});

planted!(NblFlags, flags_of_foreign_lists_are_left_alone_but_for_the_scratch_bits, || {
    for (bits, rules) in [(0x10_u32, &[Rule::NblFlags][..]), (0x1_0000, &[][..])] {
        let world = Fake {
            on_send: Some(Box::new(move |handle, list, port, flags| {
                list.set(NetBufferList::FLAGS, list.get(NetBufferList::FLAGS) ^ bits);
                NdisFSendNetBufferLists(handle, list, port, flags);
            })),
            on_send_complete: Some(Box::new(move |handle, list, flags| {
                list.set(NetBufferList::FLAGS, list.get(NetBufferList::FLAGS) ^ bits);
                NdisFSendNetBufferListsComplete(handle, list, flags);
            })),
            ..Fake::default()
        }
        .run();
        world.stack.send_from_above([b"frame"]);
        world.expect_broken(rules);
        world.end();
    }
});

planted!(NblFlags, flags_of_own_lists_are_the_drivers_to_set, || {
    send_own(|list| list.set(NetBufferList::FLAGS, 0x4), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::FLAGS, 0x1000), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::NBL_FLAGS, 0x600), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::NBL_FLAGS, 0x800), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::NBL_FLAGS, 0xA00), &[]);
});

planted!(DispatchFlag, who_is_told_the_irql_does_not_ask_for_it, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            KeGetCurrentIrql();
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"frame"]);
    world.expect_broken(&[Rule::DispatchFlag]);
    world.end();
});

planted!(CallFlags, the_flags_of_a_receive_are_not_those_of_its_return, || {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, _, _, flags| {
            NdisFReturnNetBufferLists(handle, list, flags);
        })),
        ..Fake::default()
    }
    .run();
    // NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE.
    world.stack.set_call_flags(0, 0x100);
    world.stack.indicate_from_below([b"dropped"], false);
    world.expect_broken(&[Rule::CallFlags]);
    world.end();
});

planted!(SendStatus, a_send_does_not_complete_as_pending, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, _, flags| {
            list.set(NetBufferList::STATUS, NtStatus::PENDING);
            NdisFSendNetBufferListsComplete(handle, list, flags & 1);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"taken"]);
    world.expect_broken(&[Rule::SendStatus]);
    world.end();
});

//! What a fault of the driver becomes: a report and exit status 1, in a process of its own.

use std::env;
use std::process::Command;

use crate::common::{Fake, OwnFrame, TAG, World, bare_list_pool, buffer_pool, list_pool};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use ndis_lab::exports::*;
use ndis_lab::guest::{Block, Guest};
use ndis_lab::{AdapterConfig, Lab, Order};

/// Runs one of the faults below in a process of its own; returns its status and what it said.
fn report_of(test: &str) -> (Option<i32>, String) {
    let program = env::current_exe().expect("this program's path");
    let output = Command::new(program)
        .args(["--exact", &format!("fault::{test}"), "--ignored", "--nocapture"])
        .output()
        .expect("this program runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn read_null() {
    let world = Fake::default().run();
    world.in_driver(|_| Guest::<u64>::NULL.byte_add(0x30).read());
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn run_over() {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let block = Block::guarded(64);
        block.guest::<u8>().byte_add(64).write(1);
    });
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn stop() {
    let world = Fake::default().run();
    world.in_driver(|_| {
        KeBugCheckEx(0xDEAD, 1, 2, 3, 4);
    });
}

/// Runs a driver in guarded mode and does something in it.
fn guarded(fake: Fake, errand: impl FnOnce(Handle) + Send + 'static) -> World {
    let lab = Lab::builder().guarded_memory(true).build();
    let (driver, fake, result) = fake.start(&lab);
    result.expect("it starts");
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    stack.start().expect("it restarts");
    let world = World { lab, driver, stack, fake };
    world.in_driver(errand);
    world
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_a_sent_list() {
    let world = guarded(crate::common::originator(), |_| {});
    world.stack.hold_sends();
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.list.cast::<u8>().touch();
    });
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_a_freed_list() {
    guarded(Fake::default(), |handle| {
        let list = NdisAllocateNetBufferList(bare_list_pool(handle), 0, 0);
        NdisFreeNetBufferList(list);
        list.cast::<u8>().touch();
    });
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_a_completed_list() {
    let world = guarded(
        Fake {
            on_send: Some(Box::new(|handle, list, _, _| {
                NdisFSendNetBufferListsComplete(handle, list, 0);
                list.get(NetBufferList::FIRST_NET_BUFFER).cast::<u8>().touch();
            })),
            ..Fake::default()
        },
        |_| {},
    );
    world.stack.send_from_above([b"frame"]);
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_the_data_of_a_sent_list() {
    let world = guarded(crate::common::originator(), |_| {});
    world.stack.hold_sends();
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, &[1; 60], 4, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.memory.byte_add(7).touch();
    });
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_the_mdl_of_a_sent_list() {
    let world = guarded(crate::common::originator(), |_| {});
    world.stack.hold_sends();
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.mdl.cast::<u8>().touch();
    });
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_an_mdl_of_a_completed_list() {
    let world = guarded(
        Fake {
            on_send: Some(Box::new(|handle, list, _, _| {
                let mdl = list.get(NetBufferList::FIRST_NET_BUFFER).get(NetBuffer::MDL_CHAIN);
                NdisFSendNetBufferListsComplete(handle, list, 0);
                mdl.cast::<u8>().byte_add(24).touch();
            })),
            ..Fake::default()
        },
        |_| {},
    );
    world.stack.send_from_above([b"frame"]);
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn touch_the_data_of_a_returned_list() {
    let world = guarded(
        Fake {
            on_receive: Some(Box::new(|handle, list, _, _, _| {
                let mdl = list.get(NetBufferList::FIRST_NET_BUFFER).get(NetBuffer::MDL_CHAIN);
                let data = mdl.get(Mdl::MAPPED_SYSTEM_VA);
                data.touch();
                NdisFReturnNetBufferLists(handle, list, 0);
                data.byte_add(2).touch();
            })),
            ..Fake::default()
        },
        |_| {},
    );
    world.stack.indicate_from_below([b"frame"], false);
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn copy_from_freed_memory() {
    guarded(Fake::default(), |_| {
        let memory = ExAllocatePool2(crate::common::NON_PAGED, 40, TAG);
        ExFreePoolWithTag(memory, TAG);
        memcpy(crate::common::keep(40), memory, 40);
    });
}

#[test]
#[ignore = "run by the tests below, in a process of its own"]
fn run_over_pool_memory() {
    guarded(Fake::default(), |_| {
        ExAllocatePool2(crate::common::NON_PAGED, 64, TAG).byte_add(64).touch();
    });
}

#[test]
fn guarded_mode_tells_what_was_touched_and_who_freed_it() {
    for (test, object) in [
        ("touch_a_sent_list", "held by NDIS"),
        ("touch_a_freed_list", "NET_BUFFER_LIST"),
        ("touch_a_freed_list", "freed at"),
        ("touch_a_completed_list", "held by another driver"),
        ("touch_the_data_of_a_sent_list", ", byte 7, of NET_BUFFER_LIST"),
        ("touch_the_data_of_a_sent_list", "held by NDIS"),
        ("touch_the_mdl_of_a_sent_list", "MDL"),
        ("touch_an_mdl_of_a_completed_list", "byte 24, of NET_BUFFER_LIST"),
        ("touch_an_mdl_of_a_completed_list", "in FilterSendNetBufferLists, after event"),
        ("touch_the_data_of_a_returned_list", ", byte 2, of NET_BUFFER_LIST"),
        ("touch_the_data_of_a_returned_list", "in FilterReceiveNetBufferLists, after event"),
        ("copy_from_freed_memory", "in FilterStatus, after event"),
        ("run_over_pool_memory", "64 bytes, byte 64"),
    ] {
        let (status, said) = report_of(test);
        assert_eq!(status, Some(1), "{test}: {said}");
        assert!(said.contains(object), "{test}: {said}");
    }
}

#[test]
fn a_right_driver_does_not_notice_guarded_mode() {
    let world = guarded(crate::common::originator(), |handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.list.cast::<u8>().touch();
        frame.free();
    });
    world.stack.pause();
    world.stack.detach();
    world.end();
    let world = guarded(Fake::default(), |_| {});
    for resources in [false, true] {
        world.stack.send_from_above([b"down"; 3]);
        world.stack.indicate_from_below([b"up"; 3], resources);
    }
    assert_eq!((world.stack.wire().len(), world.stack.received_above().len()), (6, 6));
    world.end();
}

/// NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS.
const ORIGINAL_MDLS: u32 = 2;

#[test]
fn what_is_shared_with_a_list_at_hand_stays_open() {
    let cloner = Fake {
        // A clone of a send travels while the driver reads the original.
        on_send: Some(Box::new(|handle, list, port, _| {
            let (lists, buffers) = (list_pool(handle), buffer_pool(handle, 0));
            for flags in [0, ORIGINAL_MDLS] {
                let clone = NdisAllocateCloneNetBufferList(list, lists, buffers, flags);
                clone.set(NetBufferList::SOURCE_HANDLE, handle);
                NdisFSendNetBufferLists(handle, clone, port, 0);
                let mdl = list.get(NetBufferList::FIRST_NET_BUFFER).get(NetBuffer::MDL_CHAIN);
                mdl.cast::<u8>().touch();
                mdl.get(Mdl::MAPPED_SYSTEM_VA).touch();
                NdisFreeCloneNetBufferList(clone, flags);
            }
            NdisFreeNetBufferListPool(lists);
            NdisFreeNetBufferPool(buffers);
            NdisFSendNetBufferListsComplete(handle, list, 0);
        })),
        on_send_complete: Some(Box::new(|_, _, _| {})),
        ..Fake::default()
    };
    let world = guarded(cloner, |_| {});
    world.stack.send_from_above([b"shared"]);
    world.end();
    // Two frames in one page: while one travels, the other is at hand.
    let world = guarded(crate::common::originator(), |_| {});
    world.stack.hold_sends();
    let (memory, list) = world.in_driver(|handle| {
        let pool = list_pool(handle);
        let memory = ExAllocatePool2(crate::common::NON_PAGED, 128, TAG);
        let mdls = [0, 64].map(|at| NdisAllocateMdl(handle, memory.byte_add(at), 64));
        let [sent, kept] =
            mdls.map(|mdl| NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 0, 64));
        sent.set(NetBufferList::SOURCE_HANDLE, handle);
        NdisFSendNetBufferLists(handle, sent, 0, 0);
        memory.byte_add(64).touch();
        (memory, (pool, mdls, sent, kept))
    });
    world.stack.release_sends(Order::Forward);
    world.in_driver(move |_| {
        let (pool, mdls, sent, kept) = list;
        memory.touch();
        NdisFreeNetBufferList(sent);
        NdisFreeNetBufferList(kept);
        for mdl in mdls {
            NdisFreeMdl(mdl);
        }
        ExFreePool(memory);
        NdisFreeNetBufferListPool(pool);
    });
    world.end();
}

#[test]
fn a_wild_access_is_reported_and_ends_the_process() {
    for (test, address) in [("read_null", "0x0000000000000030"), ("run_over", "address")] {
        let (status, said) = report_of(test);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("*** the driver faulted: access violation"), "{said}");
        assert!(said.contains(address) && said.contains("FilterStatus"), "{said}");
        assert!(said.contains("event"), "{said}");
    }
}

#[test]
fn a_bug_check_is_reported_and_ends_the_process() {
    let (status, said) = report_of("stop");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("*** STOP 0x0000dead (0x1, 0x2, 0x3, 0x4)"), "{said}");
}

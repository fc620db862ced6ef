//! What a fault of the driver becomes: a report and exit status 1, in a process of its own.

use std::env;
use std::process::Command;

use crate::common::{Fake, OwnFrame, TAG, World, list_pool};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::NetBufferList;
use ndis_lab::exports::*;
use ndis_lab::guest::{Block, Guest};
use ndis_lab::{AdapterConfig, Lab};

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
        let list = NdisAllocateNetBufferList(list_pool(handle), 0, 0);
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
        ("touch_a_completed_list", "*** the driver faulted"),
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

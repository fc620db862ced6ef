//! What a fault of the driver becomes: a report and exit status 1, in a process of its own.

mod common;

use std::env;
use std::process::Command;

use common::Fake;
use ndis_lab::exports::*;
use ndis_lab::guest::{Block, Guest};

/// Runs one of the faults below in a process of its own; returns its status and what it said.
fn report_of(test: &str) -> (Option<i32>, String) {
    let program = env::current_exe().expect("this program's path");
    let output = Command::new(program)
        .args(["--exact", test, "--ignored", "--nocapture"])
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

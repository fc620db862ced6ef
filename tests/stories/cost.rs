//! What a frame costs, in instructions: counted, so the same on every machine and in every run.
//! `cargo xtask bench` shows more.

use framecast_tests::driver_file;
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};
use xtask::{
    bench::{Case, Cost, Floor, Framecast, Service},
    filter,
    workspace::Workspace,
};

/// The services that originate frames.
const ORIGINATING: [Service; 2] = [Service::Send, Service::Receive];

/// The services that copy what passes.
const COPYING: [Service; 2] = [Service::Tap, Service::Mirror];

/// What a call that only passes lists on costs at most, and its way back.
const MOST_TO_PASS: u64 = 40;

/// How many times the floor a frame costs at most that is originated or copied.
const MOST: f64 = 1.5;

/// The services that only pass on.
const PASSING: [Service; 2] = [Service::PassDown, Service::PassUp];

fn floor_file() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("floor");
        filter::build(&Workspace::here(), "floor", &folder).expect("the floor builds")
    })
}

#[track_caller]
fn cost(case: Case) -> Cost {
    let rig = Framecast::new(&driver_file(), case, 1).expect("cargo xtask build makes the driver");
    Cost::count(&rig).expect("the driver does it")
}

#[track_caller]
fn floor(case: Case) -> Cost {
    let rig = Floor::new(floor_file(), case, 1).expect("the floor loads");
    Cost::count(&rig).expect("the floor does it")
}

#[test]
fn the_same_costs_the_same_each_time() {
    for service in Service::ALL {
        let case = Case::usual(service);
        assert_eq!(cost(case).by_offset, cost(case).by_offset, "{service}");
    }
}

#[test]
fn what_passes_costs_as_much_for_any_number_of_lists() {
    for service in PASSING {
        let of = |batch| cost(Case { batch, ..Case::usual(service) }).by_offset;
        assert_eq!(of(1), of(256), "{service}");
    }
}

#[test]
fn what_passes_costs_a_few_instructions() {
    for service in PASSING {
        let count = cost(Case::usual(service)).instructions;
        assert!(count <= MOST_TO_PASS, "{service}: {count}");
    }
}

#[test]
fn what_passes_costs_two_calls_and_no_memory() {
    for service in PASSING {
        let cost = cost(Case::usual(service));
        assert_eq!((cost.call_count(), cost.bytes_copied, cost.allocations), (2, 0, 0));
    }
}

#[test]
fn the_floor_does_the_calls_and_the_copy_alone() {
    for (service, handing_over) in ORIGINATING
        .into_iter()
        .zip(["NdisFSendNetBufferLists", "NdisFIndicateReceiveNetBufferLists"])
    {
        let floor = floor(Case::usual(service));
        let calls: Vec<_> =
            floor.calls.iter().map(|(name, &count)| (name.as_str(), count)).collect();
        let mut expected = [
            ("NdisAllocateNetBufferAndNetBufferList", 32),
            (handing_over, 1),
            ("NdisFreeNetBufferList", 32),
            ("memcpy", 32),
        ];
        expected.sort_unstable();
        assert_eq!(calls, expected);
        assert_eq!(floor.bytes_copied, 32 * 1514);
        assert_eq!(floor.allocations, 0);
    }
}

#[test]
fn a_frame_is_copied_once_and_for_each_tap() {
    for service in ORIGINATING.into_iter().chain(COPYING) {
        assert_eq!(cost(Case::usual(service)).bytes_copied, 32 * 1514, "{service}");
    }
    let case = Case { taps: 3, ..Case::usual(Service::Tap) };
    assert_eq!(cost(case).bytes_copied, 3 * 32 * 1514);
    assert_eq!(floor(case).bytes_copied, 3 * 32 * 1514);
}

#[test]
fn a_frame_costs_little_more_than_the_floor() {
    for service in ORIGINATING.into_iter().chain(COPYING) {
        let case = Case::usual(service);
        let ratio = cost(case).ratio(&floor(case));
        assert!(ratio <= MOST, "{service}: {ratio:.2} times the floor");
    }
}

#[test]
fn in_a_steady_state_nothing_takes_memory_of_the_system() {
    for service in Service::ALL {
        assert_eq!(cost(Case::usual(service)).allocations, 0, "{service}");
    }
}

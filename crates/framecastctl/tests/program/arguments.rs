//! Help, and what is said where arguments or files cannot be used.

use crate::stage::{Run, data, text};

#[test]
fn help_tells_of_every_command_and_of_exit_statuses() {
    let run = Run::of(&["--help"]);
    let printed = &run.expect_done().printed;
    for word in ["adapters", "send", "tap", "mirror", "counters", "--lab", "Exit status: 0"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    for command in ["adapters", "send", "tap", "mirror", "counters"] {
        Run::of(&[command, "--help"]).expect_done();
    }
    assert_eq!(
        Run::of(&["--version"]).printed,
        concat!("framecastctl ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn without_a_driver_it_says_what_to_do() {
    Run::of(&["adapters"]).expect_failure(
        3,
        "there is no Framecast driver on this system; with --lab the driver runs in ndis-lab, on \
         x86-64 Linux",
    );
    Run::in_lab(&["--driver", "/nowhere/framecast.sys", "adapters"]).expect_failure(
        3,
        "there is no driver /nowhere/framecast.sys; 'cargo xtask build' makes it, or name one with \
         --driver",
    );
    Run::of(&["--adapter", "a", "adapters"])
        .expect_failure(2, "--driver and --adapter describe a lab; add --lab");
}

#[test]
fn a_file_that_is_no_driver_is_refused() {
    let run = Run::in_lab(&["--driver", text(&data("mixed.pcap")), "adapters"]);
    assert_eq!(run.status, Some(3), "{}", run.said);
    assert!(run.said.contains("mixed.pcap"), "{}", run.said);
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    let mixed = data("mixed.pcap");
    let mixed = text(&mixed);
    for arguments in [
        vec!["nonsense"],
        vec!["send"],
        vec!["send", "1"],
        vec!["send", "1", mixed, "--pps", "0"],
        vec!["send", "1", mixed, "--pps", "1", "--fast"],
        vec!["send", "1", mixed, "--mbps", "-3"],
        vec!["send", "1", mixed, "--batch", "4097"],
        vec!["send", "1", mixed, "--list", "65"],
        vec!["send", "1", mixed, "--direction", "sideways"],
        vec!["tap", "-c", "0"],
        vec!["tap", "-a", "size:1"],
        vec!["tap", "-b", "packets:1"],
        vec!["tap", "--snaplen", "0"],
        vec!["tap", "--buffer", "1"],
        vec!["tap", "--filter", "a", "--filter-bpf", "b"],
        vec!["mirror"],
        vec!["mirror", "add", "1"],
        vec!["mirror", "add", "1", "2", "--vlan", "4095"],
        vec!["mirror", "add", "1", "2", "--snaplen", "13"],
        vec!["mirror", "remove", "x"],
        vec!["counters", "--watch", "0"],
    ] {
        let run = Run::in_lab(&arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}{}", run.printed, run.said);
        assert!(!run.said.is_empty(), "{arguments:?}");
    }
}

//! Help, and what is said where arguments or files cannot be used.

use std::io::pipe;

use crate::stage::{Run, data, program, text};

/// Every command, as its help is asked for.
pub(crate) const COMMANDS: [&[&str]; 11] = [
    &[],
    &["adapters"],
    &["send"],
    &["tap"],
    &["mirror"],
    &["mirror", "add"],
    &["mirror", "remove"],
    &["mirror", "list"],
    &["counters"],
    &["selftest"],
    &["extcap"],
];

/// A capture.
const MIXED: &str = "../../tests/data/mixed.pcap";

/// Arguments that cannot be meant, with what is said about them.
pub(crate) const WRONG: [(&[&str], &str); 37] = [
    (&["nonsense"], "unrecognized subcommand 'nonsense'"),
    (&["adapters", "more"], "unexpected argument 'more'"),
    (&["send"], "<ADAPTER>"),
    (&["send", "1"], "<FILES>"),
    (&["send", "1", MIXED, "--pps", "0"], "it has to be more than nothing"),
    (&["send", "1", MIXED, "--pps", "1", "--fast"], "cannot be used with '--fast'"),
    (&["send", "1", MIXED, "--mbps", "-3"], "unexpected argument '-3'"),
    (&["send", "1", MIXED, "--batch", "4097"], "4097 is not in 1..=4096"),
    (&["send", "1", MIXED, "--list", "65"], "65 is not in 1..=64"),
    (&["send", "1", MIXED, "--direction", "sideways"], "[possible values: send, receive]"),
    (&["send", "1", MIXED, "--cut", "off"], "[possible values: refuse, skip, send]"),
    (&["send", "1", MIXED, "--repeat", "-1"], "unexpected argument '-1'"),
    (&["send", "1", MIXED, "--write", "x"], "--dry-run"),
    (&["send", "1", MIXED, "--dry-run", "--repeat", "0"], "--repeat 0 never ends"),
    (&["send", "1", MIXED, "--list", "2", "--direction", "receive"], "towards the network"),
    (&["send", "1", "-", "--repeat", "2"], "standard input can be sent once only"),
    (&["send", "1", "-", "-"], "standard input can be sent once only"),
    (&["tap", "-c", "0"], "0 is not in 1.."),
    (&["tap", "-a", "size:1"], "there is no condition 'size'"),
    (&["tap", "-a", "files:1"], "say with -b when another begins"),
    (&["tap", "-b", "packets:1"], "--write <FILE>"),
    (&["tap", "-w", "x", "-b", "files:1"], "say with -b when another begins"),
    (&["tap", "-w", "-", "-b", "packets:1"], "standard output is one file"),
    (&["tap", "--only", "both"], "[possible values: sent, received]"),
    (&["tap", "--snaplen", "0"], "0 is not in 1.."),
    (&["tap", "--buffer", "1"], "1 is not in 262144..=16777216"),
    (&["tap", "--filter", "a", "--filter-bpf", "b"], "cannot be used with"),
    (&["tap", "--filter-bpf", "/nowhere"], "/nowhere: "),
    (&["tap", "--filter-bpf", "Cargo.toml"], "is not what 'tcpdump -ddd' prints"),
    (&["mirror"], "framecastctl"),
    (&["mirror", "add", "1"], "<TARGET>"),
    (&["mirror", "add", "1", "2", "--vlan", "4095"], "4095 is not in 0..=4094"),
    (&["mirror", "add", "1", "2", "--priority", "1"], "--vlan <ID>"),
    (&["mirror", "add", "1", "2", "--snaplen", "13"], "13 is not in 14.."),
    (&["mirror", "remove", "x"], "invalid digit found in string"),
    (&["counters", "--watch", "0"], "0 is not in 1.."),
    (&["extcap"], "copy the program into its extcap folder"),
];

#[test]
fn help_tells_of_every_command_and_of_exit_statuses() {
    let run = Run::of(&["--help"]);
    let printed = &run.expect_done().printed;
    for word in ["adapters", "send", "tap", "mirror", "counters", "--lab", "Exit status: 0"] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    for command in COMMANDS {
        let run = Run::of(&[command, &["--help"]].concat());
        let usage = format!("Usage: framecastctl {}", command.join(" "));
        assert!(run.expect_done().printed.contains(usage.trim_end()), "{}", run.printed);
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
    for (arguments, said) in WRONG {
        // Before a driver is looked for.
        let run = Run::of(arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}{}", run.printed, run.said);
        assert!(run.said.contains(said), "{arguments:?}: {}", run.said);
    }
}

#[test]
fn what_describes_a_lab_is_checked() {
    for (arguments, said) in [
        (vec!["--lab", "--adapter", "a,mtu=x", "adapters"], "'x' is no mtu"),
        (vec!["--adapter", "a", "adapters"], "add --lab"),
    ] {
        let run = Run::of(&arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}{}", run.printed, run.said);
        assert!(run.said.contains(said), "{arguments:?}: {}", run.said);
    }
}

/// Runs the program for a reader that is gone; `errors` says whether it took those, too.
fn for_nobody(arguments: &[&str], errors: bool) -> Run {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let mut command = program();
    command.args(arguments).stdout(writer.try_clone().expect("another end"));
    if errors {
        command.stderr(writer);
    }
    Run::end(command.output().expect("it starts"))
}

#[test]
fn it_ends_quietly_when_its_reader_is_gone() {
    let mixed = data("mixed.pcap");
    let adapter = format!("Uplink,wire-from={}", text(&mixed));
    let lab = ["--lab", "--adapter", &adapter];
    let extcap = ["extcap", "--extcap-interface", "framecast-all"];
    let send = ["send", "Uplink", text(&mixed)];
    let cases: [(&[&str], &[&str]); 14] = [
        (&lab, &["adapters"]),
        (&lab, &["counters", "--json"]),
        (&lab, &["counters", "--watch"]),
        (&lab, &["tap", "-c", "9"]),
        (&lab, &["tap", "-w", "-"]),
        (&lab, &["mirror", "list"]),
        (&lab, &["selftest", "Uplink"]),
        (&lab, &["send", "Uplink", text(&mixed), "--fast"]),
        (&lab, &["extcap", "--extcap-interfaces"]),
        (&send, &["--dry-run"]),
        (&send, &["--dry-run", "-w", "-"]),
        (&extcap, &["--extcap-dlts"]),
        (&extcap, &["--extcap-config"]),
        (&[], &["tap", "--help"]),
    ];
    for (first, rest) in cases {
        let arguments = [first, rest].concat();
        let run = for_nobody(&arguments, false);
        assert_eq!((run.status, run.said.as_str()), (Some(0), ""), "{arguments:?}");
    }
    // An error that nobody reads is still one.
    assert_eq!(for_nobody(&["adapters"], true).status, Some(3));
    assert_eq!(for_nobody(&["send", "Uplink", "/nowhere", "--dry-run"], true).status, Some(2));
}

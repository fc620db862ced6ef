//! The program for Windows, under Wine: all that needs no driver, and what it says without one.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::stage::{Run, data, text};

/// Debian's Wine for 64-bit programs.
const WINE: &str = "/usr/lib/wine/wine64";

/// The folder with the program, and with the files of Wine's Windows.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/framecastctl/wine")
}

/// Runs the program under Wine.
#[track_caller]
fn run(arguments: &[&str]) -> Run {
    // The first start makes Wine's Windows, which takes a while and two cannot do at a time.
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| drop(start(&["--version"])));
    start(arguments)
}

#[track_caller]
fn start(arguments: &[&str]) -> Run {
    let program = folder().join("framecastctl.exe");
    assert!(program.is_file(), "there is no {}; cargo xtask test makes it", program.display());
    let mut wine = Command::new(WINE);
    wine.env("WINEPREFIX", folder().join("prefix"))
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
        .env_remove("DISPLAY")
        .arg(&program)
        .args(arguments);
    let mut run = Run::end(wine.output().expect("install wine64"));
    // Wine's own remarks, and the ends of lines that Windows knows.
    let lines = run.said.lines().filter(|line| !line.starts_with("wine"));
    run.said = lines.collect::<Vec<_>>().join("\n");
    run
}

#[test]
fn the_program_tells_its_version_and_help() {
    let run = run(&["--version"]);
    assert_eq!(run.printed.trim(), concat!("framecastctl ", env!("CARGO_PKG_VERSION")));
    let help = self::run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for command in ["adapters", "send", "tap", "mirror", "counters", "selftest"] {
        assert!(help.printed.contains(command), "{}", help.printed);
    }
}

#[test]
fn without_the_driver_every_command_says_what_to_do() {
    let mixed = data("mixed.pcap");
    for arguments in [
        vec!["adapters"],
        vec!["send", "1", text(&mixed)],
        vec!["tap"],
        vec!["mirror", "list"],
        vec!["counters"],
        vec!["selftest", "1"],
    ] {
        let run = run(&arguments);
        assert_eq!(run.status, Some(3), "{arguments:?}: {}", run.said);
        assert_eq!(
            run.said,
            "framecastctl: the Framecast driver is not running; install it from an elevated prompt \
             with 'netcfg -v -l framecast.inf -c s -i framecast_lwf', or start it with 'sc start \
             framecast'",
            "{arguments:?}"
        );
    }
}

#[test]
fn arguments_are_checked_as_elsewhere() {
    for arguments in [
        vec!["nonsense"],
        vec!["send", "1"],
        vec!["send", "1", "x", "--pps", "0"],
        vec!["tap", "-a", "size:1"],
        vec!["tap", "-b", "packets:1"],
        vec!["mirror", "add", "1"],
        vec!["counters", "--watch", "0"],
    ] {
        let run = run(&arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.said);
        assert!(!run.said.is_empty(), "{arguments:?}");
    }
    let run = run(&["--lab", "adapters"]);
    assert_eq!(run.status, Some(2), "{}", run.said);
    assert!(run.said.contains("ndis-lab runs on x86-64 Linux"), "{}", run.said);
}

#[test]
fn captures_are_read() {
    let file = data("mixed.pcap").canonicalize().expect("a capture");
    let run = run(&["send", "1", text(&file), "--dry-run", "--json"]);
    assert_eq!((run.status, run.said.as_str()), (Some(0), ""));
    assert_eq!((&run.json()["frames"], &run.json()["bytes"]), (&1126.into(), &705_325.into()));
    let wrong = file.with_file_name("README.md");
    let run = self::run(&["send", "1", text(&wrong), "--dry-run"]);
    assert_eq!(run.status, Some(2));
    assert!(run.said.ends_with("README.md: it is neither pcap nor pcapng"), "{}", run.said);
}

#[test]
fn wireshark_without_the_driver_has_no_interfaces_and_no_error() {
    let run = run(&["--extcap-interfaces", "--extcap-version=4.4"]);
    assert_eq!((run.status, run.said.as_str()), (Some(0), ""));
    assert!(run.printed.starts_with("extcap {version="), "{}", run.printed);
    assert_eq!(run.printed.lines().count(), 1, "{}", run.printed);
}

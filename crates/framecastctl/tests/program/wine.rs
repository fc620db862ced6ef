//! The program for Windows, under Wine: all that needs no driver, and what it says without one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use tempfile::tempdir;

use crate::{
    arguments::{COMMANDS, WRONG},
    stage::{Run, data, frames, text},
};

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

/// The program under Wine, to be run.
#[track_caller]
fn wine(arguments: &[&str]) -> Command {
    let program = folder().join("framecastctl.exe");
    assert!(program.is_file(), "there is no {}; cargo xtask test makes it", program.display());
    let mut wine = Command::new(WINE);
    // Without Wine's stand-ins: for .NET and a browser, which its Windows would be given when it is
    // made, and for an Npcap that compiles no filters.
    wine.env("WINEPREFIX", folder().join("prefix"))
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,wpcap=")
        .env_remove("DISPLAY")
        .arg(&program)
        .args(arguments);
    wine
}

/// Runs the program to its own end: what Wine starts beside it keeps its standard output open for
/// minutes, which is why that is no pipe.
#[track_caller]
fn start(arguments: &[&str]) -> Run {
    let folder = tempdir().expect("a folder");
    let [output, errors] = ["output", "errors"].map(|name| folder.path().join(name));
    let file = |path| fs::File::create(path).expect("a file");
    let mut wine = wine(arguments);
    let status = wine.stdin(Stdio::null()).stdout(file(&output)).stderr(file(&errors)).status();
    let status = status.expect("install wine64");
    let read = |path| fs::read(path).expect("a file");
    let mut run = Run::end(Output { status, stdout: read(&output), stderr: read(&errors) });
    // Wine's own remarks.
    let lines = run.said.lines().filter(|line| !line.starts_with("wine"));
    run.said = lines.collect::<Vec<_>>().join("\n");
    run
}

#[test]
fn the_program_tells_its_version_and_the_help_of_every_command() {
    let run = run(&["--version"]);
    assert_eq!(run.printed.trim(), concat!("framecastctl ", env!("CARGO_PKG_VERSION")));
    for command in COMMANDS {
        let arguments = [command, &["--help"]].concat();
        let (here, elsewhere) = (self::run(&arguments), Run::of(&arguments));
        let printed = here.expect_done().printed.replace("framecastctl.exe", "framecastctl");
        assert_eq!(printed, elsewhere.printed, "{command:?}");
    }
}

#[test]
fn without_the_driver_every_command_says_what_to_do() {
    let mixed = data("mixed.pcap");
    for arguments in [
        &["adapters"][..],
        &["send", "1", text(&mixed)],
        &["tap"],
        &["tap", "-w", "unwritten.pcapng"],
        &["mirror", "add", "1", "2"],
        &["mirror", "remove", "1"],
        &["mirror", "list"],
        &["counters"],
        &["selftest", "1"],
        &["--capture", "--extcap-interface", "framecast-all", "--fifo", "unwritten.pcapng"],
    ] {
        let run = run(arguments);
        assert_eq!(run.status, Some(3), "{arguments:?}: {}", run.said);
        assert_eq!(
            run.said,
            "framecastctl: the Framecast driver is not running; install it from an elevated prompt \
             with 'netcfg -v -l framecast.inf -c s -i framecast_lwf', or start it with 'sc start \
             framecast'",
            "{arguments:?}"
        );
    }
    assert!(!Path::new("unwritten.pcapng").exists());
}

#[test]
fn arguments_are_checked_as_elsewhere() {
    for (arguments, said) in WRONG {
        let run = run(arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.said);
        assert!(run.said.contains(said), "{arguments:?}: {}", run.said);
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

/// A pcapng file without its first block, which tells the system that wrote it.
#[track_caller]
fn but_for_the_system(file: &[u8], system: &str) -> Vec<u8> {
    let length = file.get(4..8).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes);
    let (first, rest) = file.split_at(length.expect("a length") as usize);
    assert!(first.windows(system.len()).any(|it| it == system.as_bytes()), "{first:?}");
    rest.to_vec()
}

#[test]
fn captures_are_written_as_elsewhere() {
    let folder = tempdir().expect("a folder");
    let (here, elsewhere) = (folder.path().join("here.pcapng"), folder.path().join("else.pcapng"));
    let (mixed, large) = (data("mixed.pcap"), data("large-segments.pcap"));
    let send = ["send", "Uplink", text(&mixed), text(&large), "--repeat", "2", "--dry-run"];
    for more in [&[][..], &["--pps", "1000"], &["--direction", "receive", "--mbps", "10"]] {
        let with = |file| [send.as_slice(), more, &["-w", text(file)]].concat();
        let (run, other) = (run(&with(&here)), Run::of(&with(&elsewhere)));
        assert_eq!(run.expect_done().printed, other.expect_done().printed);
        let read = |file, system| but_for_the_system(&fs::read(file).expect("a file"), system);
        assert!(read(&here, "windows") == read(&elsewhere, "linux"), "{more:?}");
        let once = [frames(&mixed), frames(&large)].concat();
        assert!(frames(&here) == [once.clone(), once].concat(), "{more:?}");
    }
    // Bytes of standard input and output come and go as they are.
    let input = fs::File::open(&mixed).expect("a capture");
    let mut wine = wine(&["send", "Uplink", "-", "--dry-run", "-w", "-"]);
    let piped = wine
        .stderr(Stdio::null())
        .stdin(input)
        .stdout(fs::File::create(&here).expect("a file"))
        .status();
    assert!(piped.expect("it starts").success() && frames(&here) == frames(&mixed));
}

#[test]
fn a_capture_filter_without_npcap_is_an_error_that_names_it() {
    let run = run(&["tap", "-f", "tcp"]);
    assert_eq!(run.status, Some(2), "{}", run.said);
    assert!(run.said.contains("install Npcap (it comes with Wireshark)"), "{}", run.said);
}

#[test]
fn wireshark_without_the_driver_has_no_interfaces_and_no_error() {
    let run = run(&["--extcap-interfaces", "--extcap-version=4.4"]);
    assert_eq!((run.status, run.said.as_str()), (Some(0), ""));
    assert!(run.printed.starts_with("extcap {version="), "{}", run.printed);
    assert_eq!(run.printed.lines().count(), 1, "{}", run.printed);
    for question in ["--extcap-dlts", "--extcap-config"] {
        let arguments = ["--extcap-interface", "framecast-all", question];
        assert_eq!(self::run(&arguments).expect_done().printed, Run::of(&arguments).printed);
    }
}

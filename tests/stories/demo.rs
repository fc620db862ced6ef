//! `cargo xtask demo`, as its users meet it.

use framecast_tests::driver_file;
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;
use xtask::{
    demo::{Demo, Error},
    workspace::Workspace,
};

/// A run of the demo, and what it left.
struct Run {
    folder: TempDir,
    printed: String,
    outcome: Result<(), Error>,
}

impl Run {
    fn of(pcap: &Path) -> Self {
        Self::with(&driver_file(), pcap)
    }

    fn with(driver: &Path, pcap: &Path) -> Self {
        let folder = TempDir::new().expect("a folder");
        let demo = Demo::new(pcap.to_owned(), folder.path().join("out")).expect("a capture");
        let mut printed = String::new();
        let outcome = demo.show(&Workspace::here(), driver, |text| printed.push_str(text));
        Self { folder, printed, outcome }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    fn report(&self) -> Value {
        let text = fs::read(self.file("report.json")).expect("a report");
        serde_json::from_slice(&text).expect("the report is JSON")
    }

    #[track_caller]
    fn expect_success(&self) {
        assert!(self.outcome.is_ok(), "{:?}\n{}", self.outcome, self.printed);
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// What a program of Debian's package prints; without it the story fails, as it must.
#[track_caller]
fn tool(program: &str, package: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).expect("text"),
        Ok(output) => panic!("{program}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{program}: {error}; install Debian's package {package}"),
    }
}

/// Each frame as tshark reads it: its length, and a hash of its bytes.
#[track_caller]
fn frames(capture: &Path) -> Vec<(usize, String)> {
    let file = capture.to_str().expect("a path");
    let hashed = ["-o", "frame.generate_md5_hash:TRUE", "-r", file, "-T", "fields"];
    let fields = ["-e", "frame.len", "-e", "frame.md5_hash"];
    let frame = |line: &str| {
        let (length, hash) = line.split_once('\t').expect("two fields");
        (length.parse().expect("a length"), hash.to_owned())
    };
    tool("tshark", "tshark", &[hashed.as_slice(), &fields].concat()).lines().map(frame).collect()
}

/// The same capture as another kind of file, or part of it.
#[track_caller]
fn edited(folder: &TempDir, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.path().join(name);
    let file = path.to_str().expect("a path");
    let arguments: Vec<_> =
        arguments.iter().map(|&it| if it == "OUT" { file } else { it }).collect();
    let _said = tool("editcap", "wireshark-common", &arguments);
    path
}

fn mixed() -> String {
    data("mixed.pcap").to_str().expect("a path").to_owned()
}

#[test]
fn every_frame_reaches_both_wires_and_the_room_asked_for_is_there() {
    let run = Run::of(&data("mixed.pcap"));
    run.expect_success();
    let report = run.report();
    let sent = frames(&data("mixed.pcap")).len();
    assert_eq!(report["violations"], json!([]));
    assert_eq!(report["leaks"], json!(0));
    assert_eq!(report["driver_sha256"].as_str().map(str::len), Some(64));
    let [a, b] = report["adapters"].as_array().expect("a list").as_slice() else {
        panic!("two adapters: {report}");
    };
    for (adapter, name, data, context) in [(a, "a", 256, 64), (b, "b", 0, 0)] {
        assert_eq!(adapter["name"], json!(name));
        assert_eq!(adapter["data_backfill"], json!(data));
        assert_eq!(adapter["context_backfill"], json!(context));
        assert_eq!(adapter["frames_injected"], json!(sent));
        assert_eq!(adapter["frames_on_wire"], json!(sent));
        assert_eq!(adapter["pool_rebuilds"], json!(1));
    }
    assert_eq!(a["ndis_allocations_for_retreat"], json!(0));
    assert!(b["ndis_allocations_for_retreat"].as_u64().is_some_and(|count| count > 0), "{b}");
}

#[test]
fn tshark_reads_from_both_wires_what_was_sent() {
    let run = Run::of(&data("mixed.pcap"));
    run.expect_success();
    let sent = frames(&data("mixed.pcap"));
    assert!(!sent.is_empty());
    for wire in ["a.pcapng", "b.pcapng"] {
        assert!(frames(&run.file(wire)) == sent, "{wire} differs");
    }
}

#[test]
fn a_frame_that_the_adapter_does_not_take_is_named_and_the_others_arrive() {
    let run = Run::of(&data("large-segments.pcap"));
    let error = run.outcome.as_ref().expect_err("frames were refused");
    assert_eq!(error.exit_status(), 1);
    let (small, large): (Vec<_>, Vec<_>) = (1..)
        .zip(frames(&data("large-segments.pcap")))
        .partition(|(_, (length, _))| *length <= 1514);
    let reason = error.to_string();
    assert!(reason.starts_with(&format!("{} of", large.len())), "{reason}");
    assert!(reason.contains("0xC0010014") && !reason.contains('\n'), "{reason}");
    for adapter in run.report()["adapters"].as_array().expect("a list") {
        assert_eq!(adapter["frames_injected"], json!(small.len()));
        assert_eq!(adapter["frames_on_wire"], json!(small.len()));
        let refused = adapter["frames_refused"].as_array().expect("a list");
        assert_eq!(refused.len(), large.len());
        for (refusal, (number, (length, _))) in refused.iter().zip(&large) {
            assert_eq!(refusal["number"], json!(number));
            assert_eq!(refusal["length"], json!(length));
            assert_eq!(refusal["status"], json!("0xC0010014"));
            let row = run.printed.lines().find(|line| line.starts_with(&format!("│ {number} ")));
            assert!(row.is_some_and(|row| row.contains("0xC0010014")), "{number} is not named");
        }
    }
    let small: Vec<_> = small.into_iter().map(|(_, frame)| frame).collect();
    assert!(frames(&run.file("a.pcapng")) == small, "a differs");
    assert!(frames(&run.file("b.pcapng")) == small, "b differs");
}

#[test]
fn a_capture_may_be_of_either_format_and_any_precision() {
    let folder = TempDir::new().expect("a folder");
    let sent = frames(&data("mixed.pcap"));
    for format in ["pcap", "nsecpcap", "pcapng"] {
        let capture = edited(&folder, format, &["-F", format, &mixed(), "OUT"]);
        let run = Run::of(&capture);
        run.expect_success();
        assert!(frames(&run.file("a.pcapng")) == sent, "{format}");
    }
}

#[test]
fn a_single_frame_is_enough() {
    let folder = TempDir::new().expect("a folder");
    let run = Run::of(&edited(&folder, "one", &["-r", &mixed(), "OUT", "1"]));
    run.expect_success();
    for adapter in run.report()["adapters"].as_array().expect("a list") {
        assert_eq!(adapter["frames_on_wire"], json!(1));
        assert_eq!(adapter["pool_rebuilds"], json!(1));
    }
}

#[test]
fn a_file_that_is_no_whole_capture_of_ethernet_is_refused_in_one_line() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path
    };
    let mixed_bytes = fs::read(data("mixed.pcap")).expect("the capture");
    let files = [
        (folder.path().join("missing"), "No such file"),
        (folder.path().to_owned(), "directory"),
        (file("text", b"This is no capture."), "neither pcap nor pcapng"),
        (file("nothing", b""), "neither pcap nor pcapng"),
        (file("no-frames", &mixed_bytes[..24]), "no frames"),
        (file("truncated", &mixed_bytes[..5000]), "truncated after frame"),
        (edited(&folder, "wlan", &["-T", "ieee-802-11", &mixed(), "OUT"]), "not Ethernet"),
        (edited(&folder, "cut", &["-s", "60", &mixed(), "OUT"]), "holds only 60 of the"),
    ];
    for (capture, reason) in files {
        let error = Demo::new(capture, folder.path().join("out")).err().expect("unusable");
        assert_eq!(error.exit_status(), 2, "{error}");
        let message = format!("{:#}", anyhow::Error::from(error));
        assert!(message.contains(reason) && !message.contains('\n'), "{message}");
    }
    assert!(!folder.path().join("out").exists(), "nothing is made of it");
}

#[test]
fn a_folder_that_cannot_be_made_is_a_bad_argument() {
    let error = Demo::new(data("mixed.pcap"), PathBuf::from("/dev/null/out")).err();
    assert_eq!(error.map(|error| error.exit_status()), Some(2));
}

/// The driver, with one function that it imports exchanged for another.
fn with_import(folder: &TempDir, import: &str, other: &str) -> PathBuf {
    let mut image = fs::read(driver_file()).expect("the driver");
    let name = format!("{import}\0");
    let mut places = image.windows(name.len()).enumerate();
    let place = places.find_map(|(place, window)| (window == name.as_bytes()).then_some(place));
    let place = place.expect("the driver imports it");
    let other = format!("{other:\0<width$}", width = name.len());
    image[place..place + name.len()].copy_from_slice(other.as_bytes());
    let path = folder.path().join("framecast.sys");
    fs::write(&path, image).expect("written");
    path
}

#[test]
fn a_driver_that_breaks_a_rule_fails_the_demo() {
    let folder = TempDir::new().expect("a folder");
    let driver = with_import(&folder, "NdisFreeNetBufferListPool", "NdisFreeNetBufferPool");
    let run = Run::with(&driver, &data("mixed.pcap"));
    let error = run.outcome.as_ref().expect_err("pools are freed as what they are not");
    assert_eq!(error.exit_status(), 1);
    let reason = error.to_string();
    assert!(reason.contains("C11 WrongFree") && !reason.contains('\n'), "{reason}");
    assert!(run.printed.contains("C11 WrongFree"), "{}", run.printed);
    let report = run.report();
    let violations = report["violations"].as_array().expect("a list");
    assert!(violations.iter().any(|it| it["rule"] == json!("C11 WrongFree")), "{report}");
}

#[test]
fn what_is_no_driver_fails_the_demo() {
    let folder = TempDir::new().expect("a folder");
    let demo = Demo::new(data("mixed.pcap"), folder.path().to_owned()).expect("a capture");
    let outcome = demo.show(&Workspace::here(), &data("mixed.pcap"), |text| panic!("{text}"));
    let error = outcome.expect_err("a capture is no driver");
    assert_eq!(error.exit_status(), 1, "{error}");
}

#[test]
fn the_command_tells_bad_arguments_by_its_exit_status() {
    for arguments in [&["--pcap", "/missing/capture"][..], &["--pcap"], &["--speed", "9"]] {
        let output = command(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: "), "{arguments:?}: {said}");
    }
}

/// Runs `cargo xtask demo`.
#[track_caller]
fn command(arguments: &[&str]) -> Output {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .current_dir(Workspace::here().root())
        .args(["run", "--quiet", "--locked", "--package", "xtask", "--", "demo"])
        .args(arguments)
        .output()
        .expect("cargo runs")
}

//! The lab's program on a filter that is not ours: `tests/filters/pass`, from its bare .sys file.

use anyhow::{Context, Result, ensure};
use framecast_tests::frames;
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::Duration,
};
use tempfile::TempDir;
use xtask::{filter, progress, workspace::Workspace};

/// Mistakes that the filter can be told to make, and what reports each.
const MISTAKES: [(&str, &str); 4] = [
    ("passes-while-paused", "C18 PausedSend"),
    ("returns-lent-receives", "C19 Resources"),
    ("faults-on-long-chains", "bug check"),
    ("forgets-sends-that-meet", "C21 PauseOutstanding"),
];

/// Further ones, which show wherever they are made.
const PLAIN_MISTAKES: [(&str, &str); 10] = [
    ("completes-as-pending", "C39 SendStatus"),
    ("returns-with-receive-flags", "C40 CallFlags"),
    ("keeps-a-lock", "K02 SpinLock"),
    ("sends-under-a-lock", "K03 LockAcrossNdis"),
    ("asks-for-the-irql", "C29 DispatchFlag"),
    ("leaks-memory", "C13 Leak"),
    ("frees-twice", "K01 PoolMemory"),
    ("completes-the-pause", "C22 PauseCompletion"),
    ("sets-the-source", "C14 SourceHandle"),
    ("reads-what-it-sent", "bug check"),
];

/// What is built once for all stories: the program, and the filter.
struct Built {
    program: PathBuf,
    filter: PathBuf,
    _folder: TempDir,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| build().expect("the program and the filters build"))
}

fn build() -> Result<Built> {
    let (workspace, folder) = (Workspace::here(), TempDir::new()?);
    let filter = filter::build(&workspace, "pass", folder.path())?;
    // The profile of this test: what it depends on is built already.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let target = target.parent().context("a target folder")?;
    let mut cargo = workspace.cargo("build");
    cargo.args(["--locked", "--package", "ndis-lab", "--bin", "ndis-lab", "--target-dir"]);
    progress::quiet("Building ndis-lab", cargo.arg(target))?;
    Ok(Built { program: target.join("debug/ndis-lab"), filter, _folder: folder })
}

fn ndis_lab(arguments: &[&Path]) -> Output {
    Command::new(&built().program).args(arguments).output().expect("ndis-lab starts")
}

fn write_capture(path: &Path, frames: &[Vec<u8>]) -> Result<()> {
    let mut writer = PcapWriter::new(File::create(path)?)?;
    for frame in frames {
        let length = u32::try_from(frame.len())?;
        writer.write_packet(&PcapPacket::new(Duration::ZERO, length, frame)?)?;
    }
    Ok(())
}

fn read_capture(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut reader = PcapReader::new(File::open(path)?)?;
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet?.into_data().into_owned());
    }
    Ok(frames)
}

#[test]
fn a_capture_passes_through_a_filter_both_ways_as_it_was() -> Result<()> {
    let folder = TempDir::new()?;
    let (input, output) = (folder.path().join("in.pcap"), folder.path().join("out"));
    let sent: Vec<_> = [frames(100, 60), frames(50, 1514), frames(3, 17)].concat();
    write_capture(&input, &sent)?;
    let ran = ndis_lab(&[
        "run".as_ref(),
        &built().filter,
        "--pcap".as_ref(),
        &input,
        "--out".as_ref(),
        &output,
    ]);
    ensure!(ran.status.code() == Some(0), "{ran:?}");
    for end in ["wire.pcap", "above.pcap"] {
        assert_eq!(read_capture(&output.join(end))?, sent, "{end}");
    }
    Ok(())
}

#[test]
fn a_trace_has_a_line_for_each_event() {
    let ran = ndis_lab(&["run".as_ref(), &built().filter, "--trace".as_ref()]);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    for callback in ["FilterAttach", "FilterRestart", "FilterPause", "FilterDetach"] {
        assert!(text.lines().any(|line| line.contains(" < ") && line.contains(callback)), "{text}");
    }
}

/// Exercises the filter, with options in one text.
fn exercise(options: &str) -> Output {
    let words = ["exercise".as_ref(), built().filter.as_path()];
    let options = options.split(' ').map(Path::new);
    ndis_lab(&words.into_iter().chain(options).collect::<Vec<_>>())
}

#[test]
fn a_right_filter_is_exercised_without_a_finding() {
    for options in [
        "--seeds 30",
        "--seeds 10 --guarded --schedule free",
        "--seed 7 --seeds 10 --schedule random --processors 3",
        "--seed 7 --seeds 10 --schedule pct5 --guarded",
        "--seed 1 --faults",
    ] {
        let ran = exercise(options);
        assert_eq!(ran.status.code(), Some(0), "{options}: {ran:?}");
    }
}

/// The first failure of an exercise that is to find one.
fn failure(options: &str) -> Result<serde_json::Value> {
    let ran = exercise(options);
    ensure!(ran.status.code() == Some(1), "{options}: {ran:?}");
    let verdict: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    Ok(verdict["failures"][0].clone())
}

#[test]
fn planted_mistakes_are_found_and_a_schedule_replays_them() -> Result<()> {
    let ways = ["random", "pct3"].into_iter().cycle();
    for ((mistake, rule), how) in MISTAKES.into_iter().zip(ways) {
        let options = format!("--parameter Mistake={mistake} --seeds 100 --schedule {how}");
        let found = failure(&format!("--json --attempts 10 {options}"))?;
        ensure!(found["findings"][0]["rule"] == rule, "{mistake}, {how}: {found:#}");
        let shortest = |what: &str| found["shortest"][what].as_u64().context("a number");
        ensure!(shortest("needed_acts")? <= shortest("acts")?, "{mistake}: {found:#}");
        ensure!(shortest("needed_decisions")? <= shortest("decisions")?, "{mistake}: {found:#}");
        let trace = found["shortest"]["trace"].as_array().context("a trace")?;
        ensure!(trace.len() > 2, "{mistake}: {trace:?}");
        let replay = found["replay"].as_str().context("a command")?;
        // The path is quoted where a shell would take it for several words.
        let (_, options) = replay.split_once(".sys").context("options")?;
        let options = options.trim_start_matches(['\'', ' ']);
        let again = failure(&format!("--json --attempts 10 {options}"))?;
        // Addresses differ from one process to the next; what happens does not.
        for same in ["schedule", "calls", "shortest"] {
            ensure!(again[same] == found[same], "{mistake}: {found:#}\n{again:#}");
        }
    }
    Ok(())
}

#[test]
fn planted_mistakes_are_found_on_threads_of_the_system() -> Result<()> {
    let (mistake, rule) = MISTAKES[0];
    let options = format!("--parameter Mistake={mistake} --seeds 10 --schedule free");
    let found = failure(&format!("--json {options}"))?;
    ensure!(found["findings"][0]["rule"] == rule, "{found:#}");
    ensure!(found["shortest"].is_null() && found["schedule"].is_null(), "{found:#}");
    Ok(())
}

#[test]
fn every_mistake_is_reported_by_its_own_rule_alone() -> Result<()> {
    for (mistake, rule) in PLAIN_MISTAKES {
        let options = format!("--parameter Mistake={mistake} --seeds 12 --guarded --attempts 1");
        let found = failure(&format!("--json --steps 20 {options}"))?;
        let findings = found["findings"].as_array().context("findings")?;
        let alone = findings.iter().all(|finding| finding["rule"] == rule);
        ensure!(!findings.is_empty() && alone, "{mistake}: {found:#}");
    }
    Ok(())
}

#[test]
fn a_run_names_the_rule_and_the_place_of_a_mistake() {
    for (mistake, said) in [
        ("sends-under-a-lock", "K03 LockAcrossNdis"),
        ("completes-as-pending", "C39 SendStatus"),
        ("reads-what-it-sent", "given away at pass.sys!pass::send"),
    ] {
        let told = PathBuf::from(format!("Mistake={mistake}"));
        let words = ["run".as_ref(), built().filter.as_path(), "--guarded".as_ref()];
        let told = ["--parameter".as_ref(), told.as_path()];
        let ran = ndis_lab(&[words.as_slice(), told.as_slice()].concat());
        let output = [ran.stdout, ran.stderr].concat();
        let text = String::from_utf8_lossy(&output);
        assert_eq!(ran.status.code(), Some(1), "{mistake}: {text}");
        assert!(text.contains(said) && text.contains("lib.rs:"), "{mistake}: {text}");
    }
}

#[test]
fn the_shortest_story_that_fails_is_printed() {
    let ran = exercise("--parameter Mistake=passes-while-paused --seeds 3 --schedule random");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{text}");
    let (_, shortest) = text.split_once("the shortest that fails alike").expect(&text);
    assert!(shortest.contains(" ! PausedSend"), "{shortest}");
}

#[test]
fn a_trace_under_a_schedule_is_the_same_each_time() {
    let trace = || exercise("--trace --seed 4 --schedule random").stdout;
    let first = trace();
    let lines = String::from_utf8_lossy(&first).lines().count();
    assert!(lines > 100, "{lines} lines");
    assert!(first == trace());
}

#[test]
fn what_is_no_driver_and_what_is_no_option_are_errors_of_their_own() {
    let nothing = Path::new("/nowhere.sys");
    assert_eq!(ndis_lab(&["exercise".as_ref(), nothing]).status.code(), Some(2));
    assert_eq!(
        ndis_lab(&["exercise".as_ref(), nothing, "--nothing".as_ref()]).status.code(),
        Some(2)
    );
}

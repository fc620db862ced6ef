//! The lab's program on a filter that is not ours: `tests/filters/pass`, from its bare .sys file.

use anyhow::{Context, Result, ensure};
use framecast_tests::frames;
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::Duration,
};
use tempfile::TempDir;
use xtask::{kit::Kit, progress, workspace::Workspace};

/// What is built once for all stories: the program, the filter, and the filter with its mistake.
struct Built {
    program: PathBuf,
    right: PathBuf,
    wrong: PathBuf,
    _folder: TempDir,
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| build().expect("the program and the filters build"))
}

fn build() -> Result<Built> {
    let (workspace, folder) = (Workspace::here(), TempDir::new()?);
    let right = filter(&workspace, &[], &folder.path().join("right.sys"))?;
    let mistake = ["--features", "passes-while-paused"];
    let wrong = filter(&workspace, &mistake, &folder.path().join("wrong.sys"))?;
    // The profile of this test: what it depends on is built already.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let target = target.parent().context("a target folder")?;
    let mut cargo = workspace.cargo("build");
    cargo.args(["--locked", "--package", "ndis-lab", "--bin", "ndis-lab", "--target-dir"]);
    progress::quiet("Building ndis-lab", cargo.arg(target))?;
    Ok(Built { program: target.join("debug/ndis-lab"), right, wrong, _folder: folder })
}

/// Builds the filter under the kit and copies it.
fn filter(workspace: &Workspace, features: &[&str], copy: &Path) -> Result<PathBuf> {
    let manifest = workspace.root().join("tests/filters/pass/Cargo.toml");
    let mut cargo = Kit::prepare(workspace)?.cargo("build");
    cargo.arg("--release").arg("--manifest-path").arg(manifest).args(features);
    progress::quiet("Building a filter", &mut cargo)?;
    fs::copy(Kit::output(workspace).join("release/pass.dll"), copy)?;
    Ok(copy.to_path_buf())
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
        &built().right,
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
    let ran = ndis_lab(&["run".as_ref(), &built().right, "--trace".as_ref()]);
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    for callback in ["FilterAttach", "FilterRestart", "FilterPause", "FilterDetach"] {
        assert!(text.lines().any(|line| line.contains(" < ") && line.contains(callback)), "{text}");
    }
}

#[test]
fn a_right_filter_is_exercised_without_a_finding() {
    let file = &built().right;
    for more in [["--seeds", "30"], ["--seed", "3"]] {
        let ran = ndis_lab(&["exercise".as_ref(), file, more[0].as_ref(), more[1].as_ref()]);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    }
    let ran = ndis_lab(&[
        "exercise".as_ref(),
        file,
        "--seed".as_ref(),
        "1".as_ref(),
        "--faults".as_ref(),
    ]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
}

#[test]
fn a_planted_mistake_is_found_told_as_json_and_can_be_replayed() -> Result<()> {
    let file = &built().wrong;
    let ran = ndis_lab(&["exercise".as_ref(), file, "--json".as_ref()]);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    let verdict: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    let failure = &verdict["failures"][0];
    assert_eq!(failure["findings"][0]["rule"], "C18 PausedSend");
    let replay = failure["replay"].as_str().context("a command")?;
    assert!(replay.contains(&format!("--seed {}", failure["seed"])), "{replay}");
    Ok(())
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

//! `send`.

use std::{fs, process::Stdio, time::Instant};

use framecastctl::capture::{CaptureWriter, Interface, WrittenFrame};
use serde_json::json;
use tempfile::tempdir;

use crate::stage::{Run, data, fields, frames, program, text};

#[test]
fn every_frame_of_captures_reaches_the_wire_or_is_named() {
    let folder = tempdir().expect("a folder");
    let wire = folder.path().join("wire.pcapng");
    let adapter = format!("Uplink,backfill=256,context=64,wire-to={}", text(&wire));
    let (mixed, large) = (data("mixed.pcap"), data("large-segments.pcap"));
    let files = [text(&mixed), text(&large)];
    let send = ["--adapter", &adapter, "send", "Uplink", files[0], files[1], "--fast", "--json"];
    let run = Run::in_lab(&send);
    assert_eq!((run.status, run.said.as_str()), (Some(1), ""), "frames were refused");
    let outcome = run.json();

    let (mixed, large) = (frames(&mixed), frames(&large));
    let fits = |frame: &&Vec<u8>| frame.len() <= 1514;
    let too_long: Vec<_> = (1..).zip(&large).filter(|(_, frame)| !fits(frame)).collect();
    let refused: Vec<_> = too_long
        .iter()
        .map(|(number, _)| {
            json!({
                "file": files[1], "frame": number, "pass": 1, "status": "0xC0010014",
                "meaning": "the adapter does not take frames of this length",
            })
        })
        .collect();
    assert_eq!(outcome["refused"], json!(refused));
    let expected: Vec<_> =
        mixed.into_iter().chain(large.into_iter().filter(|it| fits(&it))).collect();
    assert_eq!(outcome["frames"], expected.len());
    assert_eq!(frames(&wire), expected);
}

#[test]
fn frames_can_arrive_at_the_host_in_lists_and_again() {
    let folder = tempdir().expect("a folder");
    let (wire, above) = (folder.path().join("wire.pcapng"), folder.path().join("above.pcapng"));
    let adapter = format!("Uplink,wire-to={},above-to={}", text(&wire), text(&above));
    let mixed = data("mixed.pcap");
    let send = ["--adapter", &adapter, "send", "Uplink", text(&mixed), "--fast"];
    Run::in_lab(&[send.as_slice(), &["--direction", "receive", "--repeat", "2"]].concat())
        .expect_done();
    let once = frames(&mixed);
    assert_eq!(frames(&above), [once.clone(), once.clone()].concat());
    assert!(frames(&wire).is_empty());

    Run::in_lab(&[send.as_slice(), &["--list", "64", "--batch", "100"]].concat()).expect_done();
    assert_eq!(frames(&wire), once);
}

/// A capture of frames that were captured at these milliseconds.
fn capture(milliseconds: &[u64], length: u32) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("a section");
    let interface = writer.add_interface(&Interface::default()).expect("an interface");
    for &milliseconds in milliseconds {
        let time = std::time::Duration::from_millis(1_700_000_000_000 + milliseconds);
        let frame =
            WrittenFrame { interface, time, length, bytes: &[0xAA; 60], ..WrittenFrame::default() };
        writer.write(&frame).expect("written");
    }
    writer.into_inner()
}

#[test]
fn frames_keep_the_time_that_was_between_them_unless_told_otherwise() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("slow.pcapng");
    fs::write(&file, capture(&[0, 150, 300], 60)).expect("written");
    let took = |more: &[&str]| {
        let start = Instant::now();
        Run::in_lab(&[&["send", "7", text(&file)], more].concat()).expect_done();
        start.elapsed().as_millis()
    };
    // At least: how long a busy machine takes says nothing.
    assert!(took(&[]) >= 300);
    assert!(took(&["--pps", "10"]) >= 200);
    let value = Run::in_lab(&["send", "7", text(&file), "--mbps", "0.0048", "--json"]).json();
    assert!(value["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.2), "{value}");
}

#[test]
fn a_frame_that_was_cut_is_refused_left_out_or_sent() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("cut.pcapng");
    fs::write(&file, capture(&[0], 90)).expect("written");
    let send = |cut: &[&str]| Run::in_lab(&[&["send", "7", text(&file), "--json"], cut].concat());
    let run = send(&[]);
    assert_eq!(run.status, Some(2));
    assert!(run.said.contains("only 60 of the 90 bytes of frame 1"), "{}", run.said);
    assert!(run.said.contains("--cut skip"), "{}", run.said);
    assert_eq!(send(&["--cut", "skip"]).expect_done().json()["frames"], 0);
    assert_eq!(send(&["--cut", "send"]).expect_done().json()["frames"], 1);
}

#[test]
fn a_file_that_is_no_capture_is_refused_before_anything_leaves() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("text");
    fs::write(&file, "no capture").expect("written");
    let wire = folder.path().join("wire.pcapng");
    let adapter = format!("Uplink,wire-to={}", text(&wire));
    let mixed = data("mixed.pcap");
    let run = Run::in_lab(&["--adapter", &adapter, "send", "Uplink", text(&mixed), text(&file)]);
    run.expect_failure(2, &format!("{}: it is neither pcap nor pcapng", file.display()));
    assert!(!wire.exists());
    let run = Run::in_lab(&["send", "7", "/nowhere"]);
    assert_eq!(run.status, Some(2));
    assert!(run.said.starts_with("framecastctl: /nowhere: "), "{}", run.said);
}

#[test]
fn a_dry_run_reads_it_all_without_a_driver() {
    let mixed = data("mixed.pcap");
    let run = Run::of(&["send", "anything", text(&mixed), text(&mixed), "--dry-run"]);
    let line = "2252 frames (1410650 bytes) would be sent in 16.50 s; the longest has 1518 bytes\n";
    assert_eq!(run.expect_done().printed, line);
    let run = Run::of(&[
        "send",
        "anything",
        text(&mixed),
        "--dry-run",
        "--fast",
        "--json",
        "--repeat",
        "3",
    ]);
    let total = json!({"frames": 3378, "bytes": 2_115_975, "longest": 1518, "seconds": 0.0});
    assert_eq!(run.expect_done().json(), total);
}

#[test]
fn a_dry_run_writes_what_would_be_sent_and_when() {
    let folder = tempdir().expect("a folder");
    let (slow, copy) = (folder.path().join("slow.pcapng"), folder.path().join("copy.pcapng"));
    fs::write(&slow, capture(&[0, 150, 300], 60)).expect("written");
    let times = |more: &[&str]| {
        let send = ["send", "Uplink", text(&slow), "--dry-run", "-w", text(&copy)];
        Run::of(&[send.as_slice(), more].concat()).expect_done();
        assert!(frames(&copy).iter().all(|frame| frame == &[0xAA; 60]));
        let told = fields(&copy, &["frame.time_epoch", "frame.packet_flags_direction"]);
        told.into_iter().map(|told| told.join(" ")).collect::<Vec<_>>()
    };
    let at = |milliseconds: u32, direction: u32| {
        format!("1700000000.{milliseconds:03}000000 0x0000000{direction}")
    };
    assert_eq!(times(&[]), [at(0, 2), at(150, 2), at(300, 2)]);
    let again = [at(0, 1), at(150, 1), at(300, 1), at(300, 1), at(450, 1), at(600, 1)];
    assert_eq!(times(&["--repeat", "2", "--direction", "receive"]), again);
    assert_eq!(times(&["--pps", "100"]), [at(0, 2), at(10, 2), at(20, 2)]);
    assert_eq!(
        times(&["--mbps", "0.00048"]),
        [
            "1700000000.000000000 0x00000002",
            "1700000001.000000000 0x00000002",
            "1700000002.000000000 0x00000002"
        ]
    );
    assert_eq!(times(&["--fast"]), [at(0, 2), at(0, 2), at(0, 2)]);

    let run = Run::of(&["send", "Uplink", text(&slow), "--dry-run", "-w", "/nowhere/copy.pcapng"]);
    assert_eq!(run.status, Some(2), "{}", run.said);
    assert!(run.said.starts_with("framecastctl: /nowhere/copy.pcapng: "), "{}", run.said);
}

#[test]
fn a_capture_can_come_from_a_pipe() {
    let file = fs::File::open(data("mixed.pcap")).expect("a capture");
    let run = program()
        .args(["--lab", "send", "7", "-", "--fast", "--json"])
        .stdin(Stdio::from(file))
        .output();
    let run = Run::end(run.expect("the program starts"));
    assert_eq!(run.expect_done().json()["frames"], 1126);
}

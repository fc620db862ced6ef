//! `tap`.

use std::{fs, path::PathBuf, process::Stdio, thread};

use framecastctl::capture::{CaptureWriter, Interface, WrittenFrame};
use tempfile::tempdir;

use crate::stage::{Run, data, fields, frames, frames_so_far, program, text, tool};

/// An adapter on whose wire the frames of `mixed.pcap` come.
fn fed() -> String {
    format!("Uplink,wire-from={}", text(&data("mixed.pcap")))
}

#[test]
fn frames_of_both_directions_are_captured_as_they_were_with_all_that_is_known_of_them() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("tap.pcapng");
    let mixed = data("mixed.pcap");
    let adapter = format!("{},above-from={}", fed(), text(&mixed));
    let run = Run::in_lab(&["--adapter", &adapter, "tap", "Uplink", "-w", text(&file), "--json"]);
    let outcome = run.expect_done().json();
    assert_eq!((&outcome["frames"], &outcome["lost"]["buffer_full"]), (&2252.into(), &0.into()));
    assert_eq!(outcome["files"][0], text(&file));

    let told = fields(&file, &["frame.interface_description", "frame.packet_flags_direction"]);
    let of = |direction: &str| {
        let ways = told.iter().zip(frames(&file));
        let wanted = ways.filter(|(told, _)| told[1] == direction).map(|(_, frame)| frame);
        wanted.collect::<Vec<_>>()
    };
    assert!(told.iter().all(|told| told[0] == "Uplink"));
    let (received, sent) = ("0x00000001", "0x00000002");
    assert_eq!(of(received), frames(&mixed));
    assert_eq!(of(sent), frames(&mixed));
    let info = tool("capinfos", "wireshark-common", &["-I", text(&file)]);
    for told in [
        "Name = {8C2F15F4-3B0E-4A35-9B1F-6F1E0A000001}",
        "resolution = 0x09",
        "Number of packets = 2252",
    ] {
        assert!(info.contains(told), "{told}: {info}");
    }
}

#[test]
fn one_direction_or_the_beginning_of_frames_is_captured_where_that_is_asked_for() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("tap.pcapng");
    let mixed = data("mixed.pcap");
    let adapter = format!("{},above-from={}", fed(), text(&mixed));
    let tap = ["--adapter", &adapter, "tap", "-w", text(&file), "--only", "sent", "-s", "40"];
    Run::in_lab(&tap).expect_done();
    let expected: Vec<_> = frames(&mixed)
        .into_iter()
        .map(|mut it| {
            it.truncate(40);
            it
        })
        .collect();
    assert_eq!(frames(&file), expected);
    let lengths: Vec<_> =
        fields(&file, &["frame.len"]).into_iter().map(|it| it[0].clone()).collect();
    let whole: Vec<_> = frames(&mixed).iter().map(|frame| frame.len().to_string()).collect();
    assert_eq!(lengths, whole);
}

#[test]
fn capture_filters_select_what_tcpdump_selects() {
    let folder = tempdir().expect("a folder");
    let mixed = data("mixed.pcap");
    let (ours, theirs) = (folder.path().join("ours.pcapng"), folder.path().join("theirs.pcap"));
    let program = folder.path().join("filter.bpf");
    for expression in [
        "tcp",
        "udp port 53",
        "host 192.0.2.1 and not icmp",
        "vlan 100 and tcp",
        "ip6 and udp",
        "ether proto 0x88b5",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "ip[6:2] & 0x3fff != 0",
        "len > 1500 or arp",
        "net 2001:db8::/32 and tcp portrange 1-1024",
        "not ip and not ip6",
    ] {
        tool("tcpdump", "tcpdump", &["-r", text(&mixed), "-w", text(&theirs), expression]);
        let expected = frames(&theirs);
        assert!(!expected.is_empty(), "{expression}");
        let adapter = fed();
        let tap = ["--adapter", &adapter, "tap", "-w", text(&ours)];
        let run = Run::in_lab(&[tap.as_slice(), &["-f", expression, "--json"]].concat());
        assert_eq!(run.expect_done().json()["filtered"], 1126 - expected.len());
        assert!(frames(&ours) == expected, "{expression}");

        let compile = ["-y", "EN10MB", "-ddd", "-r", text(&mixed), expression];
        fs::write(&program, tool("tcpdump", "tcpdump", &compile)).expect("written");
        Run::in_lab(&[tap.as_slice(), &["--filter-bpf", text(&program)]].concat()).expect_done();
        assert!(frames(&ours) == expected, "{expression} as a program");
    }
    let run = Run::in_lab(&["tap", "-f", "port and host"]);
    assert_eq!(run.status, Some(2));
    let said = "framecastctl: the capture filter 'port and host' is not one: ";
    assert!(run.said.starts_with(said), "{}", run.said);
    fs::write(&program, "(000) ret #0").expect("written");
    Run::in_lab(&["tap", "--filter-bpf", text(&program)]).expect_failure(
        2,
        &format!("{}: line 1 is not what 'tcpdump -ddd' prints", program.display()),
    );
}

#[test]
fn a_tap_ends_after_so_many_frames_bytes_or_seconds() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("tap.pcapng");
    let adapter = fed();
    let tap = |more: &[&str]| {
        let tap = ["--adapter", &adapter, "tap", "-w", text(&file)];
        Run::in_lab(&[tap.as_slice(), more].concat()).expect_done();
        frames(&file).len()
    };
    assert_eq!(tap(&["-c", "7"]), 7);
    assert_eq!(tap(&["-a", "packets:5"]), 5);
    let some = tap(&["-a", "filesize:10"]);
    assert!((1..1126).contains(&some), "{some}");
    assert!((10_000..15_000).contains(&fs::metadata(&file).expect("a file").len()));
    let run = Run::in_lab(&["tap", "-w", text(&file), "-a", "duration:1"]);
    run.expect_done();
}

/// The time of day here, to the second, as a number.
fn clock() -> u64 {
    tool("date", "coreutils", &["+%Y%m%d%H%M%S"]).trim().parse().expect("a time")
}

#[test]
fn a_ring_keeps_the_last_files() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("ring.pcapng");
    let adapter = fed();
    let ring = ["-b", "packets:100", "-b", "files:3", "--json"];
    let begun = clock();
    let tap = ["--adapter", &adapter, "tap", "-w", text(&file)];
    let run = Run::in_lab(&[tap.as_slice(), &ring].concat());
    let files = run.expect_done().json()["files"].clone();
    let kept: Vec<PathBuf> = serde_json::from_value(files).expect("paths");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    left.sort();
    assert_eq!(left, kept);
    // Named by number and time, as dumpcap names them.
    let now = clock();
    for (number, file) in (10..).zip(&kept) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let time = name.strip_prefix(&format!("ring_000{number}_")).expect("its number");
        let time: u64 = time.strip_suffix(".pcapng").expect("its end").parse().expect("a time");
        assert!((begun..=now).contains(&time), "{name}: {begun} to {now}");
    }
    assert_eq!(kept.len(), 3);
    let last: Vec<_> = kept.iter().flat_map(|file| frames(file)).collect();
    assert_eq!(last, frames(&data("mixed.pcap"))[900..]);
}

#[test]
fn an_interrupt_ends_a_tap_with_a_whole_file() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("tap.pcapng");
    // Its last frame comes an hour after the others.
    let (slow, hour) = (folder.path().join("slow.pcapng"), std::time::Duration::from_hours(1));
    let mut writer = CaptureWriter::new(Vec::new()).expect("a section");
    let interface = writer.add_interface(&Interface::default()).expect("an interface");
    for time in [std::time::Duration::ZERO, hour] {
        let frame = WrittenFrame {
            interface,
            time,
            length: 60,
            bytes: &[7; 60],
            ..WrittenFrame::default()
        };
        writer.write(&frame).expect("written");
    }
    fs::write(&slow, writer.into_inner()).expect("written");
    let adapter = format!("Uplink,timing=original,wire-from={}", text(&slow));
    let mut command = program();
    command.args(["--lab", "--adapter", &adapter, "tap", "-w", text(&file), "--json"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    while frames_so_far(&file).is_empty() {
        assert!(child.try_wait().expect("a status").is_none(), "it ended by itself");
        thread::sleep(std::time::Duration::from_millis(20));
    }
    tool("kill", "procps", &["-INT", &child.id().to_string()]);
    let run = Run::end(child.wait_with_output().expect("it ends"));
    assert_eq!(run.expect_done().json()["frames"], 1);
    assert_eq!(frames(&file), [[7; 60]]);
    let info = tool("capinfos", "wireshark-common", &[text(&file)]);
    assert!(info.contains("Number of packets:   1\n"), "{info}");
}

#[test]
fn a_capture_can_go_into_a_pipe() {
    let adapter = fed();
    let output = program().args(["--lab", "--adapter", &adapter, "tap", "-w", "-"]).output();
    let output = output.expect("the program starts");
    assert!(output.status.success());
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("piped.pcapng");
    fs::write(&file, output.stdout).expect("written");
    assert_eq!(frames(&file), frames(&data("mixed.pcap")));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.starts_with("1126 frames (705325 bytes) captured, 0 lost"), "{said}");
}

#[test]
fn without_a_file_frames_are_printed() {
    let adapter = fed();
    let tap = ["--adapter", &adapter, "tap", "-c", "2"];
    let run = Run::in_lab(&tap);
    assert_eq!(run.status, Some(0), "{}", run.said);
    let lines: Vec<_> = run.printed.lines().collect();
    assert_eq!(lines.len(), 2, "{}", run.printed);
    assert!(lines[0].contains(" Uplink in  ") && lines[0].ends_with(" bytes"), "{}", lines[0]);

    let run = Run::in_lab(&[tap.as_slice(), &["--json"]].concat());
    let first: serde_json::Value =
        serde_json::from_str(run.printed.lines().next().expect("a line")).expect("JSON");
    let expected = frames(&data("mixed.pcap")).swap_remove(0);
    let hex = first["bytes"].as_str().expect("text");
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    assert_eq!(bytes.collect::<Result<Vec<_>, _>>(), Ok(expected));
    assert_eq!(first["received"], true);
}

//! Wireshark's side: tshark, with the program in its extcap folder.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use framecastctl::capture::{CaptureReader, CaptureWriter, Interface, WrittenFrame};
use tempfile::{TempDir, tempdir};

use crate::stage::{Run, data, frames, program, text, tool};

/// A Wireshark that finds the program, and a lab for it.
struct Wireshark {
    folder: TempDir,
}

impl Wireshark {
    fn new() -> Self {
        let folder = tempdir().expect("a folder");
        let extcap = folder.path().join("extcap");
        fs::create_dir(&extcap).expect("a folder");
        symlink(env!("CARGO_BIN_EXE_framecastctl"), extcap.join("framecastctl")).expect("a link");
        let mixed = data("mixed.pcap").canonicalize().expect("a capture");
        let mixed = text(&mixed);
        let lab = format!(
            "driver = '{}'\n[[adapter]]\nname = \"Uplink\"\nwire = {{ from = '{mixed}' }}\n\
             above = {{ from = '{mixed}' }}\n[[adapter]]\nname = \"Span\"\n",
            text(&framecastctl::lab::driver_file().canonicalize().expect("a driver")),
        );
        fs::write(folder.path().join("lab.toml"), lab).expect("written");
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs tshark.
    fn run(&self, arguments: &[&str]) -> Output {
        // Who is root is not shown the folder that the variable names: this one is called otherwise.
        let mut tshark = Command::new("unshare");
        tshark
            .args(["--map-user=1000", "--map-group=1000", "tshark"])
            .env("WIRESHARK_EXTCAP_DIR", self.file("extcap"))
            .env("HOME", self.folder.path())
            .env("FRAMECAST_LAB_CONFIG", self.file("lab.toml"));
        tshark.args(arguments).output().expect("install tshark")
    }

    /// Runs the program as Wireshark does.
    fn ask(&self, arguments: &[&str]) -> Run {
        let lab = self.file("lab.toml");
        Run::of(&[arguments, &["--lab-config", text(&lab)]].concat())
    }
}

#[test]
fn adapters_are_interfaces_of_tshark() {
    let output = Wireshark::new().run(&["-D"]);
    let listed = String::from_utf8(output.stdout).expect("text");
    for interface in [
        "framecast-6000001000000 (Framecast: Uplink)",
        "framecast-6000002000000 (Framecast: Span)",
        "framecast-all (Framecast: every adapter)",
    ] {
        assert!(listed.contains(interface), "{listed}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn tshark_captures_what_the_driver_sees() {
    let wireshark = Wireshark::new();
    let file = wireshark.file("tshark.pcapng");
    let capture = ["-i", "framecast-6000001000000", "-w", text(&file), "-a", "packets:500"];
    let output = wireshark.run(&[capture.as_slice(), &["-f", "tcp and not vlan"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_tcp = |frame: &Vec<u8>| {
        matches!(frame.get(12..14), Some([0x08, 0x00]) if frame.get(23) == Some(&6))
            || matches!(frame.get(12..14), Some([0x86, 0xDD]) if frame.get(20) == Some(&6))
    };
    let captured = frames(&file);
    assert_eq!(captured.len(), 500);
    assert!(captured.iter().all(is_tcp));
}

#[test]
fn wireshark_is_told_of_links_choices_and_wrong_filters() {
    let wireshark = Wireshark::new();
    let interface = ["--extcap-interface", "framecast-all"];
    let ask = |more: &[&str]| {
        wireshark.ask(&[interface.as_slice(), more].concat()).expect_done().printed.clone()
    };
    assert_eq!(ask(&["--extcap-dlts"]), "dlt {number=1}{name=EN10MB}{display=Ethernet}\n");
    let choices = ask(&["--extcap-config"]);
    assert_eq!(choices.lines().filter(|line| line.starts_with("arg ")).count(), 4, "{choices}");
    // The program takes what Wireshark is told that it may choose.
    for line in choices.lines().filter(|line| line.contains("{range=")) {
        let part = |key: &str| {
            let (_, rest) = line.split_once(&format!("{{{key}=")).expect("a part");
            rest.split_once('}').expect("its end").0
        };
        let (least, most) = part("range").split_once(',').expect("two ends");
        for value in [least, most, part("default")] {
            ask(&[part("call"), value, "--extcap-dlts"]);
        }
    }
    assert_eq!(ask(&["--extcap-capture-filter", "tcp port 80"]), "");
    assert!(ask(&["--extcap-capture-filter", "port port"]).contains("'port port' is not one"));
    let interfaces = wireshark.ask(&["--extcap-interfaces", "--extcap-version=4.0"]);
    let printed = &interfaces.expect_done().printed;
    assert!(
        printed.starts_with(concat!("extcap {version=", env!("CARGO_PKG_VERSION"), "}")),
        "{printed}"
    );
    assert!(printed.contains("control {number=1}{type=button}{role=logger}"), "{printed}");
}

#[test]
fn without_a_driver_wireshark_has_no_interfaces_of_framecast() {
    let run = Run::of(&["--extcap-interfaces"]);
    assert_eq!(run.expect_done().printed.lines().count(), 1, "{}", run.printed);
}

#[test]
fn the_toolbar_is_told_what_happens() {
    let wireshark = Wireshark::new();
    let (fifo, out) = (wireshark.file("capture.pcapng"), wireshark.file("control-out"));
    fs::write(&out, "").expect("written");
    let capture =
        ["--capture", "--extcap-interface", "framecast-6000001000000", "--direction", "sent"];
    let pipes = ["--fifo", text(&fifo), "--extcap-control-out", text(&out)];
    wireshark.ask(&[capture.as_slice(), &pipes].concat()).expect_done();
    assert_eq!(frames(&fifo), frames(&data("mixed.pcap")));
    let said = fs::read(&out).expect("messages");
    let first = b"T\0\0\x13\x01\x021 adapter tapped\n";
    assert_eq!(said.get(..first.len()), Some(first.as_slice()), "{said:?}");
    assert!(said.ends_with(b"1126 copied, 0 lost\n"), "{said:?}");
}

/// A message on a pipe of Wireshark's toolbar: which control, which command, what text.
type Message = (u8, u8, String);

/// Reads the messages that a program writes to a pipe.
fn messages(pipe: PathBuf) -> mpsc::Receiver<Message> {
    let (give, take) = mpsc::channel();
    thread::spawn(move || {
        let mut pipe = fs::File::open(pipe).expect("a pipe");
        let mut head = [0; 6];
        while pipe.read_exact(&mut head).is_ok() {
            let [b'T', 0, high, low, control, command] = head else { panic!("{head:?}") };
            let mut text = vec![0; usize::from(u16::from_be_bytes([high, low])) - 2];
            pipe.read_exact(&mut text).expect("a message");
            let text = String::from_utf8(text).expect("text");
            if give.send((control, command, text)).is_err() {
                return;
            }
        }
    });
    take
}

/// A capture of so many numbered frames, five milliseconds apart.
fn numbered(frames: u32) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("a section");
    let interface = writer.add_interface(&Interface::default()).expect("an interface");
    for number in 0..frames {
        let mut bytes = [0xAA; 60];
        bytes[56..].copy_from_slice(&number.to_be_bytes());
        let time = Duration::from_millis(5) * number;
        let frame =
            WrittenFrame { interface, time, length: 60, bytes: &bytes, ..WrittenFrame::default() };
        writer.write(&frame).expect("written");
    }
    writer.into_inner()
}

#[test]
fn the_toolbar_puts_a_capture_on_hold() {
    const WAIT: Duration = Duration::from_mins(1);
    let folder = tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    // So many that it does not end by itself.
    fs::write(file("numbered.pcapng"), numbered(100_000)).expect("written");
    let pipes = ["capture", "in", "out"].map(file);
    tool("mkfifo", "coreutils", &pipes.each_ref().map(|pipe| text(pipe)));
    let [capture, input, output] = &pipes;
    let adapter = format!("Uplink,timing=original,wire-from={}", text(&file("numbered.pcapng")));
    let mut command = program();
    command
        .args(["--capture", "--extcap-interface", "framecast-6000001000000", "--lab"])
        .args(["--fifo", text(capture), "--adapter", &adapter])
        .args(["--extcap-control-in", text(input), "--extcap-control-out", text(output)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // Wireshark opens them in this order.
    let mut frames = CaptureReader::open(capture).expect("a capture").map(|frame| {
        let bytes = frame.expect("a frame").bytes;
        u32::from_be_bytes(bytes[56..].try_into().expect("four bytes"))
    });
    let mut toolbar = fs::File::create(input).expect("a pipe");
    let said = messages(output.clone());
    let next = || said.recv_timeout(WAIT).expect("a message");
    let mut say = |message: &[u8]| toolbar.write_all(message).expect("it listens");

    say(b"T\0\0\x02\0\0");
    say(b"T\0\0\x03\0\x01\0");
    assert_eq!(next(), (1, 2, "1 adapter tapped\n".to_owned()));
    assert_eq!(frames.next(), Some(0));

    say(b"T\0\0\x03\0\x01\x01");
    let (control, command, status) = next();
    assert_eq!((control, command), (1, 6));
    assert!(status.starts_with("on hold: ") && status.ends_with(" left out"), "{status}");
    say(b"T\0\0\x03\0\x01\0");
    let logged = loop {
        match next() {
            (1, 2, line) => break line,
            message => assert_eq!((message.0, message.1), (1, 6), "{message:?}"),
        }
    };
    let left_out = logged.split(' ').next().and_then(|number| number.parse().ok());
    let left_out: u32 = left_out.expect("a number");
    assert!(left_out > 0 && logged.ends_with(" left out while on hold\n"), "{logged}");

    // Frames came until it was on hold, and come again behind those that were left out.
    let mut last = 0;
    let after = loop {
        let number = frames.next().expect("frames go on");
        if number != last + 1 {
            break number;
        }
        last = number;
    };
    assert_eq!(after, last + 1 + left_out);
    assert_eq!(frames.next(), Some(after + 1));
    // It has enough.
    drop(frames);
    let run = Run::end(child.wait_with_output().expect("it ends"));
    run.expect_done();
}

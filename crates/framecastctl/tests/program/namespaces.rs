//! The driver between two real network stacks, each in a network namespace of its own: a host
//! above the adapter, and a network below it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::{TempDir, tempdir};

use crate::stage::{Run, data, frames, frames_so_far, program, text};

/// Ends a process when it is dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Two network namespaces.
struct Namespaces {
    _host: Ended,
    host: u32,
    network: u32,
}

impl Namespaces {
    #[track_caller]
    fn new() -> Self {
        // The network's namespace belongs to the same user namespace, so that one program can have
        // a TAP device in both. Its process is the only child of the first.
        let mut command = Command::new("unshare");
        command
            .args(["--map-root-user", "--net", "sh", "-c"])
            .arg("ip link set lo up; unshare --net sh -c 'ip link set lo up; echo $$; exec sleep 600'; true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = Ended(command.spawn().expect("unshare: install util-linux"));
        let mut line = String::new();
        let output = child.0.stdout.as_mut().expect("it is piped");
        let _ended_early = BufReader::new(output).read_line(&mut line);
        let network = line.trim().parse();
        let Ok(network) = network else {
            panic!("network namespaces cannot be made here; that takes root or user namespaces");
        };
        Self { host: child.0.id(), _host: child, network }
    }

    /// A command in the namespace of a process.
    fn command(process: u32, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let target = process.to_string();
        command.args(["--preserve-credentials", "--user", "--net", "--target", &target, program]);
        command
    }

    /// Runs a command of the host's.
    #[track_caller]
    fn on_host(&self, command: &str) -> String {
        run(Self::command(self.host, "sh").args(["-c", command]))
    }

    /// Runs a command of the network's.
    #[track_caller]
    fn on_network(&self, command: &str) -> String {
        run(Self::command(self.network, "sh").args(["-c", command]))
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // Its parent, which waits for it, ends with it.
        let mut kill = Command::new("kill");
        let _ended = kill.arg(self.network.to_string()).stderr(Stdio::null()).status();
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("nsenter: install util-linux");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for something that comes about by itself.
///
/// A minute is far longer than it takes on a machine that is busy with all else: it ends a test for
/// which it never comes.
#[track_caller]
fn wait(what: &str, mut there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !there() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The first of the processors that this test may use.
#[track_caller]
fn processor() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = allowed.and_then(|list| list.trim().split([',', '-']).next());
    first.expect("a processor").to_owned()
}

/// The program, with an adapter between the two: `host0` above it, `net0` below.
///
/// Their addresses are not those of the captures that are sent: what is resolved in these would
/// lead their frames astray.
struct Between {
    namespaces: Namespaces,
    program: Option<Ended>,
    folder: TempDir,
}

impl Between {
    /// Starts the program with this command, and gives both ends addresses.
    #[track_caller]
    fn run(command: &[&str]) -> Self {
        let between = Self::start("backfill=256,context=64", command);
        between.namespaces.on_host("ip address add 198.51.100.1/24 dev host0");
        between.namespaces.on_network("ip address add 198.51.100.2/24 dev net0");
        between
    }

    /// Starts the program with this command, on an adapter that is like this.
    #[track_caller]
    fn start(adapter: &str, command: &[&str]) -> Self {
        let namespaces = Namespaces::new();
        let adapter = format!(
            "Uplink,{adapter},above-tap=host0,wire-tap=net0@/proc/{}/ns/net",
            namespaces.network
        );
        // On one processor nothing overtakes: Linux keeps a queue for each, so that frames of a
        // thread that goes from one to another would come in another order where they are busy.
        let mut inside = Namespaces::command(namespaces.host, "taskset");
        inside.args(["--cpu-list", &processor(), env!("CARGO_BIN_EXE_framecastctl")]);
        inside.args(["--lab", "--adapter", &adapter]).args(command);
        // The driver is found from where the tests run.
        let child = inside.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let program = Ended(child.expect("nsenter: install util-linux"));
        let between = Self { namespaces, program: Some(program), folder: tempdir().expect("one") };
        wait("the TAP devices", || {
            let there = |process, device: &str| {
                let mut ip = Namespaces::command(process, "ip");
                let ip = ip.args(["link", "show", device]).stderr(Stdio::null());
                ip.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
            };
            there(between.namespaces.host, "host0") && there(between.namespaces.network, "net0")
        });
        between
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has the host ping the network, which has to answer each time.
    #[track_caller]
    fn ping(&self) {
        // With a count of several it would not wait long for the last answers. On a machine that
        // is busy with all else, an answer may take seconds.
        for _ in 0..3 {
            let printed = self.namespaces.on_host("ping -c 1 -W 60 198.51.100.2");
            assert!(printed.contains("1 received"), "{printed}");
        }
    }

    /// Records what passes a device in the namespace of a process, in the file `DEVICE.pcap`.
    #[track_caller]
    fn record(&self, process: u32, device: &str, filter: &str) -> Ended {
        let file = self.file(&format!("{device}.pcap"));
        let mut command = Namespaces::command(process, "dumpcap");
        command.args(["-q", "-P", "-B", "32", "-i", device, "-f", filter, "-w", text(&file)]);
        let recording =
            Ended(command.stderr(Stdio::null()).spawn().expect("install wireshark-common"));
        wait("dumpcap", || fs::metadata(&file).is_ok_and(|file| file.len() >= 24));
        recording
    }

    /// Ends the program as Ctrl-C does, and tells how it ended.
    #[track_caller]
    fn end(mut self) -> Run {
        let mut program = self.program.take().expect("it runs");
        run(Command::new("kill").args(["-INT", &program.0.id().to_string()]));
        let mut text = [String::new(), String::new()];
        let [printed, said] = &mut text;
        let streams = (program.0.stdout.take(), program.0.stderr.take());
        streams.0.expect("it is piped").read_to_string(printed).expect("text");
        streams.1.expect("it is piped").read_to_string(said).expect("text");
        let status = program.0.wait().expect("it ends").code();
        let [printed, said] = text;
        Run { status, printed, said }
    }
}

/// Serves the files of a folder from an address, in the namespace of a process.
#[track_caller]
fn serve(process: u32, address: &str, folder: &str) -> Ended {
    let mut python = Namespaces::command(process, "python3");
    python.args(["-m", "http.server", "--bind", address, "--directory", folder, "8000"]);
    let serving = python.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Ended(serving.expect("install python3"))
}

/// The command that fetches what is served there, as soon as the server has started.
fn fetch(address: &str, to: &Path) -> String {
    format!(
        "curl --silent --show-error --retry 60 --retry-connrefused --retry-delay 1 --max-time 120 \
         --output '{}' http://{address}:8000/served",
        text(to)
    )
}

#[test]
fn ping_and_curl_cross_the_driver_while_it_counts() {
    let between = Between::run(&["counters", "--watch"]);
    let served = between.file("served");
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| (at / 7).to_le_bytes()[0]).collect();
    fs::write(&served, &bytes).expect("written");
    between.ping();

    let folder = text(between.folder.path()).to_owned();
    let _serving = serve(between.namespaces.network, "198.51.100.2", &folder);
    let fetched = between.file("fetched");
    between.namespaces.on_host(&fetch("198.51.100.2", &fetched));
    assert_eq!(fs::read(&fetched).expect("fetched"), bytes);
    between.end().expect_done();
}

#[test]
fn what_the_driver_originates_reaches_a_real_network_between_other_traffic() {
    let mixed = data("mixed.pcap");
    let send = ["send", "Uplink", text(&mixed), "--pps", "400", "--json"];
    let between = Between::run(&[send.as_slice(), &["--repeat", "0"]].concat());
    let recording = between.record(between.namespaces.network, "net0", "ether proto 0x88b5");
    between.ping();
    let network = between.file("net0.pcap");
    let expected: Vec<_> =
        frames(&mixed).into_iter().filter(|frame| is_experimental(frame)).collect();
    wait("the frames", || whole(&network).len() > expected.len());
    drop(recording);
    let recorded = whole(&network);
    let begun_at =
        |first: usize| expected.iter().cycle().skip(first).take(recorded.len()).eq(&recorded);
    assert!((0..expected.len()).any(begun_at), "they arrive unchanged and in order");

    let run = between.end();
    let outcome = run.expect_done().json();
    assert_eq!(outcome["refused"], serde_json::json!([]));
    assert!(outcome["frames"].as_u64().is_some_and(|frames| frames > recorded.len() as u64));
}

/// The frames of experiments in a capture that is still being written: those that are whole.
///
/// Linux's filter also passes such frames behind a tag, which it has taken out by then.
fn whole(file: &Path) -> Vec<Vec<u8>> {
    let frames = frames_so_far(file).into_iter();
    frames.filter(|frame| is_experimental(frame)).collect()
}

/// Whether a frame has the EtherType for experiments.
fn is_experimental(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x88, 0xB5])
}

#[test]
fn a_tap_device_that_cannot_be_made_is_named() {
    let mut command = program();
    command.args(["--lab", "--adapter", "a,wire-tap=x@/proc/self/nowhere", "counters"]);
    let run = Run::end(command.output().expect("it starts"));
    assert_eq!(run.status, Some(2));
    assert!(run.said.contains("the TAP device 'x@/proc/self/nowhere'"), "{}", run.said);
    assert_eq!(run.said.lines().count(), 1);
}

/// A namespace behind the network's, at the other end of a cable on which frames are what they are:
/// Linux cuts them, and completes their checksums, before they get there.
fn far(namespaces: &Namespaces) -> (Ended, u32) {
    let mut command = Namespaces::command(namespaces.network, "unshare");
    command.args(["--net", "sh", "-c", "ip link set lo up; echo $$; exec sleep 600"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = Ended(child.expect("nsenter: install util-linux"));
    let mut line = String::new();
    let output = child.0.stdout.as_mut().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let process = line.trim().parse().expect("a process");
    namespaces.on_network(&format!(
        "ip link add near0 type veth peer name far0 netns {process}
         ethtool -K near0 tx off tso off gso off
         ip link add bridge0 type bridge
         for device in net0 near0; do ip link set $device master bridge0; done
         for device in bridge0 net0 near0; do ip link set $device up; done"
    ));
    run(Namespaces::command(process, "sh").args([
        "-c",
        "ethtool -K far0 gro off; ip link set far0 up; ip address add 198.51.100.2/24 dev far0
         ip address add 2001:db8::2/64 dev far0 nodad",
    ]));
    (child, process)
}

/// A frame without what its sender may choose where it is cut: identifications of IPv4 count in 15
/// bits for NDIS and in 16 for Linux, and the checksum of the header goes with them.
fn without_identification(mut frame: Vec<u8>) -> Vec<u8> {
    if frame.get(12..14) == Some(&[0x08, 0x00])
        && let Some(header) = frame.get_mut(14..34)
    {
        header[4] &= 0x7F;
        header[10..12].fill(0);
    }
    frame
}

/// Sends datagrams that are left to be cut, on IPv4 and on IPv6.
const DATAGRAMS: &str = "
import socket
for family, address in (socket.AF_INET, '198.51.100.2'), (socket.AF_INET6, '2001:db8::2'):
    sender = socket.socket(family, socket.SOCK_DGRAM)
    sender.setsockopt(socket.SOL_UDP, 103, 1000)  # UDP_SEGMENT
    sender.sendto(bytes(range(250)) * 22, (address, 9))
";

/// The transport-layer header and what follows, of a frame of this type that carries this protocol.
fn carries(frame: &[u8], ethernet_type: [u8; 2], protocol: u8) -> Option<&[u8]> {
    let (at, behind) = if ethernet_type == [8, 0] { (23, 34) } else { (20, 54) };
    let is_it = frame.get(12..14) == Some(&ethernet_type) && frame.get(at) == Some(&protocol);
    is_it.then(|| frame.get(behind..)).flatten()
}

#[test]
fn what_a_real_host_leaves_to_the_adapter_is_shown_by_a_tap_as_linux_does_it() {
    let folder = tempdir().expect("a folder");
    let tapped = folder.path().join("tap.pcapng");
    let filter = "(src host 198.51.100.1 or src host 2001:db8::1) and (tcp or udp)";
    let tap = ["tap", "Uplink", "--only", "sent", "-f", filter, "-w", text(&tapped), "--json"];
    let between = Between::start("offloads=all", &tap);
    let (host, (_far, far)) = (between.namespaces.host, far(&between.namespaces));
    between.namespaces.on_host(
        "ip address add 198.51.100.1/24 dev host0; ip address add 2001:db8::1/64 dev host0 nodad",
    );
    wait("the network", || {
        let reached = |address| {
            let mut ping = Namespaces::command(host, "ping");
            let ping = ping.args(["-c", "1", "-W", "1", address]).stdout(Stdio::null());
            ping.status().is_ok_and(|status| status.success())
        };
        reached("198.51.100.2") && reached("2001:db8::2")
    });
    let served = between.file("served");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7).to_le_bytes()[0]).collect();
    fs::write(&served, &bytes).expect("written");
    let recordings = [between.record(host, "host0", filter), between.record(far, "far0", filter)];
    for (address, named) in [("198.51.100.1", "198.51.100.1"), ("2001:db8::1", "[2001:db8::1]")] {
        let _serving = serve(host, address, text(between.folder.path()));
        let fetched = between.file("fetched");
        run(Namespaces::command(far, "sh").args(["-c", &fetch(named, &fetched)]));
        assert!(fs::read(&fetched).expect("fetched") == bytes);
    }
    run(Namespaces::command(host, "python3").args(["-c", DATAGRAMS]));

    let [at_host, at_far] = ["host0.pcap", "far0.pcap"].map(|name| between.file(name));
    // The last datagram has half as many bytes as the others.
    let is_last = |frame: &Vec<u8>| {
        carries(frame, [0x86, 0xDD], 17).is_some_and(|it| it.len() == 508 || it.len() > 1508)
    };
    for file in [&at_host, &at_far] {
        wait("the last datagram", || frames_so_far(file).iter().any(is_last));
    }
    drop(recordings);
    let [left, recorded] = [at_host, at_far].map(|file| frames_so_far(&file));
    let outcome = between.end();
    let outcome = outcome.expect_done().json();
    assert_eq!(outcome["lost"], serde_json::json!({"buffer_full": 0, "unreadable": 0}));

    for kind in [[0x08, 0x00], [0x86, 0xDD]] {
        let of = |frames: &[Vec<u8>], protocol| {
            let found = frames.iter().filter_map(|frame| carries(frame, kind, protocol));
            found.map(<[u8]>::len).collect::<Vec<_>>()
        };
        let longest = of(&left, 6).into_iter().max();
        assert!(longest > Some(16_000), "the host cut them itself: {longest:?} bytes");
        assert_eq!(of(&left, 17), [5508]);
        assert!(of(&recorded, 6).len() > bytes.len() / 1460);
        assert_eq!(of(&recorded, 17), [1008, 1008, 1008, 1008, 1008, 508]);
    }
    let compared = |frames: Vec<Vec<u8>>| frames.into_iter().map(without_identification);
    let recorded: Vec<_> = compared(recorded).collect();
    // A busy cable may have lost some, which were sent again.
    let mut tapped = compared(frames(&tapped));
    let strange = recorded.iter().position(|recorded| !tapped.any(|tapped| tapped == *recorded));
    assert_eq!(strange.map(|at| &recorded[at]), None, "it was not tapped, or not in this order");
}

//! Capture filters, against libpcap: it runs the same programs, and tcpdump selects frames by the
//! same expressions.

use std::{
    collections::BTreeSet,
    fs::File,
    path::Path,
    process::{Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use pcap_file::{
    DataLink,
    pcap::{PcapHeader, PcapPacket, PcapWriter},
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::json;
use wire::{CaptureFilter, FilterError, INSTRUCTION_LIMIT, Instruction};

use crate::{
    captures::{frames_of, recorded},
    oracle::{Oracle, to_hex},
    packet::{packets, tcp, udp},
    pieces::{Pieces, cuts},
};

static LIBPCAP: LazyLock<Mutex<Oracle>> = LazyLock::new(|| Mutex::new(Oracle::new("libpcap")));

/// All codes that stand for an operation.
const CODES: [u16; 44] = [
    0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xB1, 0x02, 0x03, 0x04,
    0x0C, 0x14, 0x1C, 0x24, 0x2C, 0x34, 0x3C, 0x44, 0x4C, 0x54, 0x5C, 0x64, 0x6C, 0x74, 0x7C, 0x84,
    0x94, 0x9C, 0xA4, 0xAC, 0x05, 0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D, 0x45,
];

/// Whether libpcap takes a program, and the bytes it would keep of `frame`.
fn by_libpcap(program: &[Instruction], frame: Option<&[u8]>) -> (bool, u32) {
    let program: Vec<_> = program.iter().map(|i| (i.code, i.jt, i.jf, i.k)).collect();
    let question = json!({ "program": program, "frame": frame.map(to_hex) });
    let mut libpcap = LIBPCAP.lock().unwrap_or_else(PoisonError::into_inner);
    serde_json::from_value(libpcap.ask(&question)).expect("a pair")
}

/// Instructions: mostly sound ones, jumps not so far that most programs would not be.
fn instructions() -> impl Strategy<Value = Instruction> {
    let last = prop_oneof![Just(0x4D), Just(0x06), Just(0x16), Just(0x07), Just(0x87)];
    let code = prop_oneof![
        50 => prop::sample::select(&CODES[..]),
        10 => last,
        1 => 0_u16..0x100,
        1 => any::<u16>(),
    ];
    let operand = prop_oneof![
        20 => 0_u32..16,
        10 => 0_u32..80,
        2 => any::<u32>(),
        1 => 0xFFFF_EFF0_u32..,
    ];
    (code, 0_u8..4, 0_u8..4, operand).prop_map(|(code, jt, jf, k)| Instruction { code, jt, jf, k })
}

/// Programs whose scratch memory is zero from the start: in libpcap's there is what was there before.
fn programs() -> impl Strategy<Value = Vec<Instruction>> {
    let clear = (0..16).map(|k| Instruction { code: 0x02, k, ..Instruction::default() });
    let clear: Vec<_> = clear.collect();
    let end = Instruction { code: 0x16, ..Instruction::default() };
    let body = prop::collection::vec(instructions(), 0..24);
    (body, prop::bool::weighted(0.95)).prop_map(move |(body, ends)| {
        [clear.clone(), body, if ends { vec![end] } else { Vec::new() }].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_program_does_what_it_does_in_libpcap(
        program in programs(),
        frame in prop::collection::vec(any::<u8>(), 0..120),
        cuts in cuts(),
    ) {
        match CaptureFilter::new(&program[..]) {
            Ok(filter) => {
                let kept = filter.run(&Pieces::new(&frame, &cuts)).expect("readable");
                prop_assert_eq!((true, kept), by_libpcap(&program, Some(&frame)));
            }
            // libpcap looks at less: not at all of the code, not at shifts, Linux has its own meaning
            // for offsets, and loops are allowed. What is refused here, it is not asked to run.
            Err(
                FilterError::UnknownCode { .. }
                | FilterError::ShiftTooFar { .. }
                | FilterError::Extension { .. }
                | FilterError::JumpBack { .. },
            ) => {}
            Err(_) => prop_assert_eq!(by_libpcap(&program, None), (false, 0)),
        }
    }
}

#[test]
fn offsets_do_not_wrap() {
    let new = |code, k| Instruction { code, jt: 0, jf: 0, k };
    for (index, offset, kept) in [(u32::MAX, 1, 0), (u32::MAX - 3, 7, 0), (1, 2, 13)] {
        // ldx #index; ldb [x + offset]; ret a
        let program = [new(0x01, index), new(0x50, offset), new(0x16, 0)];
        let frame = [10, 11, 12, 13];
        let filter = CaptureFilter::new(&program[..]).expect("sound");
        assert_eq!(filter.run(&frame[..]), Ok(kept));
        assert_eq!(by_libpcap(&program, Some(&frame)), (true, kept));
    }
}

#[test]
fn every_code_but_the_known_ones_is_refused() {
    let known = [&CODES[..], &[0x4D, 0x06, 0x16, 0x07, 0x87]].concat();
    let end = Instruction { code: 0x06, ..Instruction::default() };
    for code in 0..=u16::MAX {
        // The operand suits all of them: no division by zero.
        let program = [Instruction { code, k: 1, ..Instruction::default() }, end, end, end];
        let refused = match CaptureFilter::new(&program[..]) {
            Ok(_) => false,
            Err(FilterError::UnknownCode { at: 0 }) => true,
            Err(error) => panic!("{code:#x}: {error}"),
        };
        assert_eq!(refused, !known.contains(&code), "{code:#x}");
    }
}

#[test]
fn each_mistake_is_named() {
    let new = |code, k| Instruction { code, jt: 0, jf: 0, k };
    let end = new(0x06, 0);
    let refused = |program: &[Instruction]| CaptureFilter::new(program).err();
    assert_eq!(refused(&[]), Some(FilterError::Empty));
    assert_eq!(refused(&[new(0x00, 0)]), Some(FilterError::NoReturn));
    assert_eq!(refused(&vec![end; INSTRUCTION_LIMIT]), None);
    assert_eq!(refused(&vec![end; INSTRUCTION_LIMIT + 1]), Some(FilterError::TooLong));
    for code in [0x02, 0x03, 0x60, 0x61] {
        assert_eq!(refused(&[new(code, 15), end]), None);
        assert_eq!(refused(&[new(code, 16), end]), Some(FilterError::NoSuchWord { at: 0 }));
    }
    for code in [0x34, 0x94] {
        assert_eq!(refused(&[new(code, 1), end]), None);
        assert_eq!(refused(&[end, new(code, 0), end]), Some(FilterError::DivisionByZero { at: 1 }));
    }
    for code in [0x64, 0x74] {
        assert_eq!(refused(&[new(code, 31), end]), None);
        assert_eq!(refused(&[new(code, 32), end]), Some(FilterError::ShiftTooFar { at: 0 }));
    }
    for code in [0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xB1] {
        assert_eq!(refused(&[new(code, 0xFFFF_EFFF), end]), None);
        assert_eq!(refused(&[new(code, 0xFFFF_F000), end]), Some(FilterError::Extension { at: 0 }));
    }
    assert_eq!(refused(&[new(0x05, 1), end, end]), None);
    assert_eq!(refused(&[new(0x05, 2), end, end]), Some(FilterError::JumpTooFar { at: 0 }));
    assert_eq!(refused(&[new(0x05, u32::MAX), end]), Some(FilterError::JumpBack { at: 0 }));
    for (jt, jf) in [(1, 0), (0, 1)] {
        let branch = Instruction { code: 0x15, jt, jf, k: 0 };
        assert_eq!(refused(&[branch, end, end]), None);
        assert_eq!(refused(&[branch, end]), Some(FilterError::JumpTooFar { at: 0 }));
    }
}

/// What people filter by.
const EXPRESSIONS: [&str; 24] = [
    "",
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "tcp port 4660",
    "udp dst port 22136",
    "port 80",
    "host 10.1.2.3",
    "net 10.200.0.0/16 and not tcp",
    "ip6 host fd01:2d2d:736f:7572:6365:2d2d:2d2d:fffe",
    "ether src 02:00:00:00:00:01 and ip6",
    "ether multicast",
    "vlan",
    "vlan and tcp",
    "vlan and vlan and ip",
    "len > 500",
    "greater 100 and less 800",
    "ip[6:2] & 0x1fff = 0 and ip[0] & 0xf > 5",
    "tcp[tcpflags] & (tcp-fin|tcp-push) != 0",
    "tcp[((tcp[12] & 0xf0) >> 2):4] > 0x80000000",
    "icmp6 or icmp[icmptype] = icmp-echo",
    "(tcp[4:4] / 3) % 7 = 2 or udp[8] ^ 0x55 > 200",
];

/// A capture of packets with all kinds of headers, from a seed that is always the same.
fn write_packets(path: &Path) {
    let mut runner = TestRunner::deterministic();
    let packets = packets(prop_oneof![tcp(), udp()], 0_usize..900);
    let file = File::create(path).expect("a folder to write to");
    let header = PcapHeader { datalink: DataLink::ETHERNET, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(file, header).expect("a file");
    for _ in 0..500 {
        let packet = packets.new_tree(&mut runner).expect("none is rejected").current();
        let frame = packet.bytes(0, 0);
        let length = u32::try_from(frame.len()).expect("short");
        let packet = PcapPacket::new(Duration::ZERO, length, &frame).expect("a packet");
        writer.write_packet(&packet).expect("a file");
    }
}

/// The frames of a capture that tcpdump selects.
fn by_tcpdump(path: &Path, expression: &str) -> Vec<Vec<u8>> {
    let mut command = Command::new("tcpdump");
    command.arg("-r").arg(path).args(["-w", "-", expression]).stderr(Stdio::null());
    let output = command.output().expect("tcpdump, which cargo xtask test installs");
    assert!(output.status.success(), "{expression}");
    frames_of(&output.stdout[..])
}

/// An expression, as tcpdump compiles it for a capture.
fn compiled(path: &Path, expression: &str) -> Vec<Instruction> {
    let mut command = Command::new("tcpdump");
    command.arg("-r").arg(path).args(["-ddd", expression]).stderr(Stdio::null());
    let output = command.output().expect("tcpdump, which cargo xtask test installs");
    assert!(output.status.success(), "{expression}");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let mut lines = text.lines().map(|line| {
        line.split(' ').map(|number| number.parse::<u32>().expect("decimal")).collect::<Vec<_>>()
    });
    let count = lines.next().expect("a count");
    let program: Vec<_> = lines
        .map(|numbers| {
            let [code, jt, jf, k] = numbers[..] else { panic!("{numbers:?}") };
            Instruction {
                code: code.try_into().expect("16 bits"),
                jt: jt.try_into().expect("8 bits"),
                jf: jf.try_into().expect("8 bits"),
                k,
            }
        })
        .collect();
    assert_eq!(vec![u32::try_from(program.len()).expect("short")], count);
    program
}

#[test]
fn an_expression_selects_what_it_selects_in_tcpdump() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = folder.path().join("packets.pcap");
    write_packets(&made);
    let mut never: BTreeSet<_> = EXPRESSIONS.into_iter().collect();
    for path in [made, recorded("mixed.pcap")] {
        let frames = frames_of(File::open(&path).expect("a capture"));
        for expression in EXPRESSIONS {
            let program = compiled(&path, expression);
            let filter = CaptureFilter::new(&program[..]).expect("tcpdump compiles sound programs");
            let selected: Vec<_> =
                frames.iter().filter(|frame| filter.run(&frame[..]) != Ok(0)).cloned().collect();
            assert_eq!(selected, by_tcpdump(&path, expression), "{expression}");
            if !selected.is_empty() && (selected.len() < frames.len() || expression.is_empty()) {
                never.remove(expression);
            }
        }
    }
    assert!(never.is_empty(), "{never:?} tell no frame from another");
}

#[test]
fn what_may_loop_is_refused() {
    let program = compiled(&recorded("mixed.pcap"), "ip6 protochain 17");
    let refused = CaptureFilter::new(&program[..]).err();
    assert!(matches!(refused, Some(FilterError::JumpBack { .. })), "{refused:?}");
}

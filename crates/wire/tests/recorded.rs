//! Frames that real stacks sent: those they completed themselves, and those they left to an adapter.

use std::{
    fs::File,
    io::BufRead as _,
    process::{Command, Stdio},
    time::Duration,
};

use pcap_file::{
    DataLink,
    pcap::{PcapHeader, PcapPacket, PcapWriter},
};
use wire::{Changes, Checksums, Offloads, Segmentation};

use crate::{
    captures::{frames_of, recorded},
    sent::sent,
    shape::Shape,
};

#[test]
fn checksums_are_completed_as_the_stack_completed_them() {
    let frames = frames_of(File::open(recorded("mixed.pcap")).expect("a capture"));
    let mut completed = 0;
    for frame in frames {
        let Some(shape) = Shape::of(&frame) else { continue };
        let mut left = frame.clone();
        left[shape.checksum()..][..2].fill(0x5A);
        if shape.is_v4 {
            left[shape.network + 10..][..2].fill(0xA5);
        }
        let checksums = Checksums { ipv4: shape.is_v4, tcp: shape.is_tcp, udp: !shape.is_tcp };
        let offloads = Offloads { checksums, ..Offloads::default() };
        let frames = sent(&left[..], offloads, 1514, None);
        assert_eq!(frames, Ok(vec![(frame, Changes::CHECKSUMMED)]));
        completed += 1;
    }
    assert!(completed > 700, "{completed} frames were TCP or UDP");
}

/// Bytes of payload in each segment of a large frame, as `tests/data/README.md` tells them.
fn segment_size(frame: &[u8], shape: &Shape) -> u32 {
    if shape.is_tcp {
        // The MSS of an MTU of 1500, less the timestamps, which every segment has.
        return if shape.is_v4 { 1448 } else { 1428 };
    }
    match frame.len() - shape.payload {
        12_000 => 1200,
        28_000 | 28_700 | 61_600 => 1400,
        50_500 => 1000,
        other => panic!("a datagram of {other} bytes"),
    }
}

/// What the stack left to the adapter, in a capture from before.
fn left_to_the_adapter(frame: &[u8], shape: &Shape) -> Offloads {
    if frame.len() <= 1514 {
        let checksums = Checksums { ipv4: false, tcp: shape.is_tcp, udp: !shape.is_tcp };
        return Offloads { checksums, ..Offloads::default() };
    }
    let mss = segment_size(frame, shape);
    let segmentation =
        if shape.is_tcp { Segmentation::TcpV2 { mss } } else { Segmentation::Udp { mss } };
    Offloads { segmentation: Some(segmentation), ..Offloads::default() }
}

#[test]
fn what_the_stack_left_to_be_cut_is_sound_to_tshark() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("cut.pcap");
    let file = File::create(&path).expect("a folder to write to");
    let header = PcapHeader { datalink: DataLink::ETHERNET, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(file, header).expect("a file");
    let mut written = 0;
    for frame in frames_of(File::open(recorded("large-segments.pcap")).expect("a capture")) {
        let Some(shape) = Shape::of(&frame) else { continue };
        let offloads = left_to_the_adapter(&frame, &shape);
        let frames = sent(&frame[..], offloads, 1514, None).expect("it can be sent");
        let payload: Vec<_> =
            frames.iter().flat_map(|(frame, _)| &frame[shape.payload..]).collect();
        assert!(payload.into_iter().eq(&frame[shape.payload..]));
        for (frame, changes) in frames {
            assert_eq!(changes - Changes::SEGMENTED, Changes::CHECKSUMMED);
            let length = u32::try_from(frame.len()).expect("short");
            let packet = PcapPacket::new(Duration::ZERO, length, &frame).expect("a packet");
            writer.write_packet(&packet).expect("a file");
            written += 1;
        }
    }
    assert!(written > 1000, "{written} frames were cut");
    drop(writer);
    let good = by_tshark(
        &path,
        "(tcp.checksum.status == 1 or udp.checksum.status == 1) and (ipv6 or ip.checksum.status == 1)",
    );
    assert_eq!(good, written);
    let odd = "tcp.analysis.lost_segment or tcp.analysis.out_of_order or _ws.malformed";
    assert_eq!(by_tshark(&path, odd), 0);
}

/// How many frames of a capture match a display filter, with all checksums looked at.
fn by_tshark(path: &std::path::Path, filter: &str) -> usize {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).stderr(Stdio::null());
    for protocol in ["ip", "tcp", "udp"] {
        command.arg("-o").arg(format!("{protocol}.check_checksum:TRUE"));
    }
    command.args(["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    let output = command.output().expect("tshark, which cargo xtask test installs");
    assert!(output.status.success(), "{filter}");
    output.stdout.lines().count()
}

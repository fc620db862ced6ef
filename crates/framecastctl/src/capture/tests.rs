use pcap_file::{
    Endianness,
    pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter},
    pcapng::blocks::simple_packet::SimplePacketBlock,
};

use super::*;
use pcap_file::{
    DataLink,
    pcapng::{PcapNgBlock, PcapNgWriter, blocks::interface_description::InterfaceDescriptionBlock},
};
use std::time::Duration;

fn read_bytes(bytes: &[u8]) -> Result<Vec<CapturedFrame>, CaptureError> {
    CaptureReader::new(bytes).and_then(CaptureReader::read_whole)
}

/// Frames of lengths that need padding in pcapng, and one that does not.
fn frames() -> Vec<CapturedFrame> {
    let frame = |length: u8| CapturedFrame {
        bytes: (0..length).collect(),
        length: length.into(),
        time: Duration::new(1_700_000_000 + u64::from(length), 123_456_000),
    };
    [61, 14, 62, 63, 64].map(frame).to_vec()
}

fn pcap(
    frames: &[CapturedFrame],
    ts_resolution: PcapTsResolution,
    endianness: Endianness,
) -> Vec<u8> {
    let header = PcapHeader { ts_resolution, endianness, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(Vec::new(), header).expect("a header");
    for frame in frames {
        let length = u32::try_from(frame.bytes.len()).expect("a length");
        let packet = PcapPacket::new(frame.time, length, frame.bytes.as_slice());
        writer.write_packet(&packet.expect("a packet")).expect("written");
    }
    writer.into_inner()
}

fn pcapng(frames: &[CapturedFrame]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("a section");
    let interface = Interface { name: "a".to_owned(), ..Interface::default() };
    let interface = writer.add_interface(&interface).expect("written");
    for frame in frames {
        let CapturedFrame { bytes, length, time } = frame;
        let (length, time) = (*length, *time);
        let frame = WrittenFrame { interface, time, length, bytes, ..WrittenFrame::default() };
        writer.write(&frame).expect("written");
    }
    writer.into_inner()
}

#[test]
fn every_kind_of_pcap_reads_the_same() {
    for resolution in [PcapTsResolution::MicroSecond, PcapTsResolution::NanoSecond] {
        for endianness in [Endianness::Little, Endianness::Big] {
            let bytes = pcap(&frames(), resolution, endianness);
            assert_eq!(read_bytes(&bytes).expect("a capture"), frames());
        }
    }
}

#[test]
fn what_is_written_as_pcapng_reads_the_same() {
    assert_eq!(read_bytes(&pcapng(&frames())).expect("a capture"), frames());
}

#[test]
fn a_simple_packet_is_read_without_its_padding() {
    let mut bytes = pcapng(&[]);
    let mut writer = PcapNgWriter::new(Vec::new()).expect("a section");
    let description = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
    writer.write_block(&description.into_block()).expect("written");
    for frame in frames() {
        let original_len = u32::try_from(frame.bytes.len()).expect("a length");
        let packet = SimplePacketBlock { original_len, data: frame.bytes.into() };
        writer.write_block(&packet.into_block()).expect("written");
    }
    // A second section behind the first.
    bytes.extend(writer.into_inner());
    let read: Vec<_> = read_bytes(&bytes).expect("a capture");
    assert!(read.iter().map(|it| &it.bytes).eq(frames().iter().map(|it| &it.bytes)));
}

#[test]
fn a_capture_cut_anywhere_gives_its_first_frames_or_an_error() {
    let little = pcap(&frames(), PcapTsResolution::MicroSecond, Endianness::Little);
    for bytes in [little, pcapng(&frames())] {
        for end in 0..bytes.len() {
            if let Ok(read) = read_bytes(&bytes[..end]) {
                assert!(read.len() < frames().len() && frames().starts_with(&read));
            }
        }
    }
}

#[test]
fn no_byte_of_a_capture_can_make_reading_panic() {
    let big = pcap(&frames(), PcapTsResolution::NanoSecond, Endianness::Big);
    for mut bytes in [big, pcapng(&frames())] {
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let before = std::mem::replace(&mut bytes[place], value);
                let _any = read_bytes(&bytes);
                bytes[place] = before;
            }
        }
    }
}

#[test]
fn a_frame_longer_than_captures_hold_is_refused() {
    let length = u32::try_from(FRAME_LIMIT + 1).expect("a length");
    let long = CapturedFrame { bytes: vec![0; FRAME_LIMIT + 1], length, time: Duration::ZERO };
    let error = read_bytes(&pcapng(&[long])).expect_err("too long");
    assert!(matches!(error, CaptureError::TooLong { number: 1, .. }), "{error}");
}

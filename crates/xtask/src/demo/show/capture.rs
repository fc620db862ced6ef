//! Captures of Ethernet frames: read as pcap or pcapng, written as pcapng.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
    path::Path,
    time::Duration,
};

use pcap_file::{
    DataLink,
    pcap::{PcapReadError, PcapReader, PcapTsResolution},
    pcapng::{
        Block, PcapNgBlock, PcapNgReadError, PcapNgReader, PcapNgWriter,
        blocks::{
            enhanced_packet::EnhancedPacketBlock,
            interface_description::{
                InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
            },
        },
    },
};

/// The longest frame that a capture may hold: libpcap's own limit.
const FRAME_LIMIT: usize = 262_144;

/// What a pcapng file starts with.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// A frame and when it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// From the link-layer header on.
    pub(super) bytes: Vec<u8>,
    /// Since 1970.
    pub(super) time: Duration,
}

/// Why a file cannot be used as a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It starts like no capture does.
    #[error("it is neither pcap nor pcapng")]
    NotACapture,
    /// It ends in the middle of something.
    #[error("it is truncated after frame {0}")]
    Truncated(usize),
    /// It is not what its format says.
    #[error("it is malformed after frame {0}: {1}")]
    Malformed(usize, String),
    /// Its frames are not those of Ethernet.
    #[error("frame {0} is not Ethernet but {1:?}")]
    NotEthernet(usize, DataLink),
    /// It holds only the beginning of a frame.
    #[error(
        "it holds only {captured} of the {length} bytes of frame {number}; capture whole frames"
    )]
    Cut {
        /// Which frame, from 1.
        number: usize,
        /// Bytes in the file.
        captured: usize,
        /// Bytes of the frame.
        length: u32,
    },
    /// It holds a frame that no network has.
    #[error("frame {number} has {length} bytes; captures hold at most {FRAME_LIMIT}")]
    TooLong {
        /// Which frame, from 1.
        number: usize,
        /// Its bytes.
        length: usize,
    },
    /// There is nothing in it.
    #[error("it holds no frames")]
    Empty,
}

/// Reads every frame of a pcap or pcapng file.
pub(super) fn read(path: &Path) -> Result<Vec<Frame>, CaptureError> {
    read_from(File::open(path)?)
}

fn read_from(mut file: impl Read + Seek) -> Result<Vec<Frame>, CaptureError> {
    let mut magic = Vec::new();
    Read::by_ref(&mut file).take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    let mut frames = Frames::default();
    if magic == SECTION_HEADER {
        read_pcapng(file, &mut frames)?;
    } else if is_pcap(&magic) {
        read_pcap(file, &mut frames)?;
    } else {
        return Err(CaptureError::NotACapture);
    }
    if frames.0.is_empty() { Err(CaptureError::Empty) } else { Ok(frames.0) }
}

/// Whether a file that starts so is pcap: in either byte order, in micro- or nanoseconds.
fn is_pcap(magic: &[u8]) -> bool {
    const MAGICS: [u32; 2] = [0xA1B2_C3D4, 0xA1B2_3C4D];
    MAGICS.iter().any(|known| magic == known.to_be_bytes() || magic == known.to_le_bytes())
}

/// The frames that were read so far.
#[derive(Default)]
struct Frames(Vec<Frame>);

impl Frames {
    fn add(
        &mut self,
        link: DataLink,
        time: Duration,
        bytes: &[u8],
        length: u32,
    ) -> Result<(), CaptureError> {
        let (number, captured) = (self.0.len() + 1, bytes.len());
        if link != DataLink::ETHERNET {
            return Err(CaptureError::NotEthernet(number, link));
        }
        if u32::try_from(captured) != Ok(length) {
            return Err(CaptureError::Cut { number, captured, length });
        }
        if captured > FRAME_LIMIT {
            return Err(CaptureError::TooLong { number, length: captured });
        }
        self.0.push(Frame { bytes: bytes.to_vec(), time });
        Ok(())
    }

    /// What it means that reading on failed.
    fn io(&self, error: io::Error) -> CaptureError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => CaptureError::Truncated(self.0.len()),
            _ => CaptureError::Io(error),
        }
    }

    fn malformed(&self, error: &dyn std::error::Error) -> CaptureError {
        CaptureError::Malformed(self.0.len(), error.to_string())
    }
}

fn read_pcap(file: impl Read, frames: &mut Frames) -> Result<(), CaptureError> {
    let explain = |frames: &Frames, error| match error {
        PcapReadError::Io(error) => frames.io(error),
        PcapReadError::Validation(error) => frames.malformed(&error),
    };
    let mut reader = PcapReader::new(file).map_err(|error| explain(frames, error))?;
    let header = reader.header();
    // Raw: a frame beyond the snap length that the header claims is as good as any.
    while let Some(packet) = reader.next_raw_packet() {
        let packet = packet.map_err(|error| explain(frames, error))?;
        let fraction = Duration::from_nanos(match header.ts_resolution {
            PcapTsResolution::MicroSecond => u64::from(packet.ts_frac) * 1000,
            PcapTsResolution::NanoSecond => packet.ts_frac.into(),
        });
        let time = Duration::from_secs(packet.ts_sec.into()) + fraction;
        frames.add(header.datalink, time, &packet.data, packet.orig_len)?;
    }
    Ok(())
}

fn read_pcapng(file: impl Read, frames: &mut Frames) -> Result<(), CaptureError> {
    let explain = |frames: &Frames, error| match error {
        PcapNgReadError::Io(error) => frames.io(error),
        other => frames.malformed(&other),
    };
    let mut reader = PcapNgReader::new(file).map_err(|error| explain(frames, error))?;
    while let Some(block) = reader.next_block() {
        let (block, state) = block.map_err(|error| explain(frames, error))?;
        let link = |interface: u32| {
            let interface = state.interfaces().get(interface as usize);
            interface.map_or(DataLink::Unknown(u32::MAX), |interface| interface.linktype)
        };
        match block {
            Block::EnhancedPacket(it) => {
                frames.add(link(it.interface_id), it.timestamp, &it.data, it.original_len)?;
            }
            Block::SimplePacket(it) => {
                frames.add(link(0), Duration::ZERO, &it.data, it.original_len)?;
            }
            Block::Packet(it) => {
                frames.add(
                    link(it.interface_id.into()),
                    it.timestamp,
                    &it.data,
                    it.original_len,
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes frames as a pcapng file of one interface.
pub(super) fn write<'f>(
    path: &Path,
    interface: &str,
    frames: impl IntoIterator<Item = (&'f [u8], Duration)>,
) -> anyhow::Result<()> {
    write_to(BufWriter::new(File::create(path)?), interface, frames)
}

fn write_to<'f>(
    file: impl Write,
    interface: &str,
    frames: impl IntoIterator<Item = (&'f [u8], Duration)>,
) -> anyhow::Result<()> {
    let mut writer = PcapNgWriter::new(file)?;
    let description = InterfaceDescriptionBlock {
        linktype: DataLink::ETHERNET,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(interface.into()),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ],
    };
    writer.write_block(&description.into_block())?;
    for (bytes, time) in frames {
        let packet = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: time.min(Duration::from_nanos(u64::MAX)),
            original_len: u32::try_from(bytes.len())?,
            data: bytes.into(),
            options: Vec::new(),
        };
        writer.write_block(&packet.into_block())?;
    }
    writer.into_inner().flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use pcap_file::{
        Endianness,
        pcap::{PcapHeader, PcapPacket, PcapWriter},
        pcapng::blocks::simple_packet::SimplePacketBlock,
    };

    use super::*;

    fn read_bytes(bytes: &[u8]) -> Result<Vec<Frame>, CaptureError> {
        read_from(Cursor::new(bytes))
    }

    /// Frames of lengths that need padding in pcapng, and one that does not.
    fn frames() -> Vec<Frame> {
        let frame = |length: u8| Frame {
            bytes: (0..length).collect(),
            time: Duration::new(1_700_000_000 + u64::from(length), 123_456_000),
        };
        [61, 14, 62, 63, 64].map(frame).to_vec()
    }

    fn pcap(frames: &[Frame], ts_resolution: PcapTsResolution, endianness: Endianness) -> Vec<u8> {
        let header = PcapHeader { ts_resolution, endianness, ..PcapHeader::default() };
        let mut writer = PcapWriter::with_header(Vec::new(), header).expect("a header");
        for frame in frames {
            let length = u32::try_from(frame.bytes.len()).expect("a length");
            let packet = PcapPacket::new(frame.time, length, frame.bytes.as_slice());
            writer.write_packet(&packet.expect("a packet")).expect("written");
        }
        writer.into_inner()
    }

    fn pcapng(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let timed = frames.iter().map(|frame| (frame.bytes.as_slice(), frame.time));
        write_to(&mut bytes, "a", timed).expect("written");
        bytes
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
        let long = Frame { bytes: vec![0; FRAME_LIMIT + 1], time: Duration::ZERO };
        let error = read_bytes(&pcapng(&[long])).expect_err("too long");
        assert!(matches!(error, CaptureError::TooLong { number: 1, .. }), "{error}");
    }
}

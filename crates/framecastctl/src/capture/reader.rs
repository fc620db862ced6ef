use std::{
    fs::File,
    io::{self, BufReader, Chain, Cursor, Read},
    path::Path,
    time::Duration,
};

use pcap_file::{
    DataLink,
    pcap::{PcapReadError, PcapReader, PcapTsResolution},
    pcapng::{Block, PcapNgReadError, PcapNgReader},
};

use super::CaptureError;

/// The longest frame that a capture may hold, in bytes: libpcap's own limit.
pub const FRAME_LIMIT: usize = 262_144;

/// What a pcapng file starts with.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame {
    /// From the link-layer header on, as far as it was captured.
    pub bytes: Vec<u8>,
    /// Bytes that the frame had.
    pub length: u32,
    /// When it was captured, since 1970.
    pub time: Duration,
}

/// Reads the frames of a pcap or pcapng file, one after the other.
///
/// Ends after the last whole frame, or after the first error.
#[derive(Debug)]
pub struct CaptureReader<R: Read> {
    format: Option<Format<Chain<Cursor<Vec<u8>>, R>>>,
    /// Frames that were read.
    number: usize,
}

#[derive(Debug)]
enum Format<R: Read> {
    Pcap(PcapReader<R>),
    Pcapng(Box<PcapNgReader<R>>),
}

impl CaptureReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::new(BufReader::new(File::open(path)?))
    }
}

impl<R: Read> CaptureReader<R> {
    /// Reads a capture from its start.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn new(mut source: R) -> Result<Self, CaptureError> {
        let mut magic = Vec::new();
        source.by_ref().take(4).read_to_end(&mut magic)?;
        let (pcapng, pcap) = (magic == SECTION_HEADER, is_pcap(&magic));
        let source = Cursor::new(magic).chain(source);
        let format = match (pcapng, pcap) {
            (true, _) => PcapNgReader::new(source)
                .map(|reader| Format::Pcapng(Box::new(reader)))
                .map_err(|error| explain_pcapng(0, error))?,
            (_, true) => {
                Format::Pcap(PcapReader::new(source).map_err(|error| explain_pcap(0, error))?)
            }
            _ => return Err(CaptureError::NotACapture),
        };
        Ok(Self { format: Some(format), number: 0 })
    }

    /// The rest of the frames as bytes and times, where all of them are whole.
    ///
    /// # Errors
    ///
    /// [`CaptureError`]; [`CaptureError::Cut`] for a frame that is not whole,
    /// [`CaptureError::Empty`] where there is none.
    pub fn read_whole(self) -> Result<Vec<CapturedFrame>, CaptureError> {
        let mut frames = Vec::new();
        for frame in self {
            let frame = frame?;
            frame.check_whole(frames.len() + 1)?;
            frames.push(frame);
        }
        if frames.is_empty() { Err(CaptureError::Empty) } else { Ok(frames) }
    }

    fn read(&mut self) -> Option<Result<CapturedFrame, CaptureError>> {
        let read = match self.format.as_mut()? {
            Format::Pcap(reader) => read_pcap(reader, self.number),
            Format::Pcapng(reader) => read_pcapng(reader, self.number),
        }?;
        let number = self.number + 1;
        Some(read.and_then(|(link, frame)| {
            if link != DataLink::ETHERNET {
                return Err(CaptureError::NotEthernet(number, link));
            }
            if frame.bytes.len() > FRAME_LIMIT {
                return Err(CaptureError::TooLong { number, length: frame.bytes.len() });
            }
            Ok(frame)
        }))
    }
}

impl<R: Read> Iterator for CaptureReader<R> {
    type Item = Result<CapturedFrame, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.read();
        match &frame {
            Some(Ok(_)) => self.number += 1,
            _ => self.format = None,
        }
        frame
    }
}

impl CapturedFrame {
    /// Says whether the capture holds all of it; `number` is which frame it is, from 1.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Cut`].
    pub fn check_whole(&self, number: usize) -> Result<(), CaptureError> {
        let (captured, length) = (self.bytes.len(), self.length);
        if u32::try_from(captured) == Ok(length) {
            Ok(())
        } else {
            Err(CaptureError::Cut { number, captured, length })
        }
    }
}

/// Whether a file that starts so is pcap: in either byte order, in micro- or nanoseconds.
fn is_pcap(magic: &[u8]) -> bool {
    const MAGICS: [u32; 2] = [0xA1B2_C3D4, 0xA1B2_3C4D];
    MAGICS.iter().any(|known| magic == known.to_be_bytes() || magic == known.to_le_bytes())
}

/// What it means that reading on failed after so many frames.
fn explain_io(frames: usize, error: io::Error) -> CaptureError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CaptureError::Truncated(frames),
        _ => CaptureError::Io(error),
    }
}

fn explain_pcap(frames: usize, error: PcapReadError) -> CaptureError {
    match error {
        PcapReadError::Io(error) => explain_io(frames, error),
        PcapReadError::Validation(error) => CaptureError::Malformed(frames, error.to_string()),
    }
}

fn explain_pcapng(frames: usize, error: PcapNgReadError) -> CaptureError {
    match error {
        PcapNgReadError::Io(error) => explain_io(frames, error),
        other => CaptureError::Malformed(frames, other.to_string()),
    }
}

type Step = Option<Result<(DataLink, CapturedFrame), CaptureError>>;

fn read_pcap(reader: &mut PcapReader<impl Read>, number: usize) -> Step {
    let header = reader.header();
    // Raw: a frame beyond the snap length that the header claims is as good as any.
    let packet = match reader.next_raw_packet()? {
        Ok(packet) => packet,
        Err(error) => return Some(Err(explain_pcap(number, error))),
    };
    let fraction = Duration::from_nanos(match header.ts_resolution {
        PcapTsResolution::MicroSecond => u64::from(packet.ts_frac) * 1000,
        PcapTsResolution::NanoSecond => packet.ts_frac.into(),
    });
    let frame = CapturedFrame {
        bytes: packet.data.to_vec(),
        length: packet.orig_len,
        time: Duration::from_secs(packet.ts_sec.into()) + fraction,
    };
    Some(Ok((header.datalink, frame)))
}

fn read_pcapng(reader: &mut PcapNgReader<impl Read>, number: usize) -> Step {
    loop {
        let (block, state) = match reader.next_block()? {
            Ok(read) => read,
            Err(error) => return Some(Err(explain_pcapng(number, error))),
        };
        let (interface, time, data, length) = match block {
            Block::EnhancedPacket(it) => (it.interface_id, it.timestamp, it.data, it.original_len),
            Block::SimplePacket(it) => (0, Duration::ZERO, it.data, it.original_len),
            Block::Packet(it) => (it.interface_id.into(), it.timestamp, it.data, it.original_len),
            _ => continue,
        };
        let described = state.interfaces().get(interface as usize);
        let link = described.map_or(DataLink::Unknown(u32::MAX), |interface| interface.linktype);
        return Some(Ok((link, CapturedFrame { bytes: data.into_owned(), length, time })));
    }
}

use std::{borrow::Cow, io::Write, time::Duration};

use pcap_file::{
    DataLink, Endianness,
    pcapng::{
        PcapNgWriteError, PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{
                InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
            },
            interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption},
            opt_common::CommonOption,
            section_header::{SectionHeaderBlock, SectionHeaderOption},
        },
    },
};

use super::{CaptureError, Interface};

/// Writes a pcapng file: Ethernet, times in nanoseconds.
///
/// What was written is whole after every call that returns, as soon as its target has it; see
/// [`CaptureWriter::flush`].
pub struct CaptureWriter<W: Write> {
    writer: PcapNgWriter<W>,
    interfaces: u32,
    bytes: u64,
}

/// A frame to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenFrame<'f> {
    /// The number of its interface, from [`CaptureWriter::add_interface`].
    pub interface: u32,
    /// When it was seen, since 1970.
    pub time: Duration,
    /// Bytes that it has on the wire.
    pub length: u32,
    /// Its bytes, as far as they were captured.
    pub bytes: &'f [u8],
    /// Whether it came from the network or goes there, if that is known.
    pub received: Option<bool>,
    /// Frames of its interface that were lost since the one before.
    pub lost: u64,
    /// A remark about it.
    pub comment: Option<&'f str>,
}

/// What was counted on an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// When the capture began and ended, since 1970.
    pub times: (Duration, Duration),
    /// Frames that were seen and wanted, those that were lost included.
    pub accepted: u64,
    /// Frames that were lost.
    pub dropped: u64,
    /// Frames that were written.
    pub delivered: u64,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn new(target: W) -> Result<Self, CaptureError> {
        let application = concat!("framecastctl ", env!("CARGO_PKG_VERSION"));
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![
                SectionHeaderOption::OS(std::env::consts::OS.into()),
                SectionHeaderOption::UserApplication(application.into()),
            ],
            ..SectionHeaderBlock::default()
        };
        let writer = PcapNgWriter::with_section_header(target, section).map_err(explain)?;
        Ok(Self { writer, interfaces: 0, bytes: 0 })
    }

    /// Describes an interface; gives its number.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn add_interface(&mut self, interface: &Interface) -> Result<u32, CaptureError> {
        let mut options = vec![InterfaceDescriptionOption::IfName(interface.name.as_str().into())];
        if let Some(description) = &interface.description {
            options.push(InterfaceDescriptionOption::IfDescription(description.as_str().into()));
        }
        if let Some(address) = &interface.mac_address {
            options.push(InterfaceDescriptionOption::IfMacAddr(address.as_slice().into()));
        }
        options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO));
        if let Some(filter) = &interface.filter {
            // The first byte says that text in libpcap's language follows.
            let text = [&[0], filter.as_bytes()].concat();
            options.push(InterfaceDescriptionOption::IfFilter(Cow::Owned(text)));
        }
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: interface.snap_length,
            options,
        };
        self.bytes += count(self.writer.write_pcapng_block(block).map_err(explain)?);
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn write(&mut self, frame: &WrittenFrame<'_>) -> Result<(), CaptureError> {
        let mut options = Vec::new();
        if let Some(received) = frame.received {
            options.push(EnhancedPacketOption::Flags(if received { 1 } else { 2 }));
        }
        if frame.lost > 0 {
            options.push(EnhancedPacketOption::DropCount(frame.lost));
        }
        if let Some(comment) = frame.comment {
            options.push(EnhancedPacketOption::Common(CommonOption::Comment(comment.into())));
        }
        let block = EnhancedPacketBlock {
            interface_id: frame.interface,
            timestamp: frame.time.min(Duration::from_nanos(u64::MAX)),
            original_len: frame.length,
            data: frame.bytes.into(),
            options,
        };
        self.bytes += count(self.writer.write_pcapng_block(block).map_err(explain)?);
        Ok(())
    }

    /// Writes what was counted on an interface.
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn write_counts(
        &mut self,
        interface: u32,
        counts: &InterfaceCounts,
    ) -> Result<(), CaptureError> {
        let (start, end) = counts.times;
        let block = InterfaceStatisticsBlock {
            interface_id: interface,
            timestamp: end,
            options: vec![
                InterfaceStatisticsOption::IsbStartTime(start),
                InterfaceStatisticsOption::IsbEndTime(end),
                InterfaceStatisticsOption::IsbIfRecv(counts.accepted),
                InterfaceStatisticsOption::IsbIfDrop(counts.dropped),
                InterfaceStatisticsOption::IsbUsrDeliv(counts.delivered),
            ],
        };
        self.bytes += count(self.writer.write_pcapng_block(block).map_err(explain)?);
        Ok(())
    }

    /// Hands on what the target has kept back.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Io`].
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        Ok(self.writer.get_mut().flush()?)
    }

    /// Bytes that were written behind the section's header.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The target.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.writer.into_inner()
    }
}

fn count(bytes: usize) -> u64 {
    bytes as u64
}

fn explain(error: PcapNgWriteError) -> CaptureError {
    match error {
        PcapNgWriteError::Io(error) => CaptureError::Io(error),
        other => CaptureError::Unwritable(other.to_string()),
    }
}

use core::ops::Range;

use crate::{
    Changes, Segmentation, Source, WireError,
    checksum::{complete_ipv4, complete_transport},
    header::Header,
    network::{Network, Version},
    transport::{Protocol, Transport},
};

/// The TCP flags of which a segment may not have what the whole frame has.
mod flag {
    pub(super) const FIN: u8 = 1;
    pub(super) const SYN: u8 = 1 << 1;
    pub(super) const RST: u8 = 1 << 2;
    pub(super) const PSH: u8 = 1 << 3;
    pub(super) const URG: u8 = 1 << 5;
    pub(super) const CWR: u8 = 1 << 7;
}

/// Where fields stand in their headers.
mod field {
    pub(super) const IPV4_LENGTH: usize = 2;
    pub(super) const IPV4_IDENTIFICATION: usize = 4;
    pub(super) const IPV6_LENGTH: usize = 4;
    pub(super) const TCP_SEQUENCE: usize = 4;
    pub(super) const TCP_FLAGS: usize = 13;
    pub(super) const UDP_LENGTH: usize = 4;
    pub(super) const UDP_CHECKSUM: usize = 6;
}

/// Bytes of an IPv6 header, which its length does not count.
const IPV6_HEADER: usize = 40;

/// A frame that is being cut.
///
/// The header of each segment is the header of the frame, patched: what is behind the fields that
/// segmentation changes is the same in all, options and extension headers above all.
#[derive(Debug)]
pub(crate) struct Segments {
    network: Network,
    transport: Transport,
    segmentation: Segmentation,
    /// What is left of the payload, in the source.
    payload: Range<usize>,
    /// Bytes of payload in each segment but the last.
    size: usize,
    /// The TCP flags of the whole frame.
    flags: u8,
    /// Whether the segments have a transport checksum.
    has_checksum: bool,
    changes: Changes,
    is_first: bool,
}

/// What is to be cut, and for whom.
pub(crate) struct Large {
    pub(crate) network: Network,
    pub(crate) transport: Transport,
    pub(crate) segmentation: Segmentation,
    /// The payload behind the transport-layer header, in the source.
    pub(crate) payload: Range<usize>,
    /// Most bytes of payload that a segment has room for on the target.
    pub(crate) room: usize,
}

impl Segments {
    /// Decides where to cut. `header` ends with the transport-layer header.
    ///
    /// # Errors
    ///
    /// [`WireError::Malformed`] where the frame is not what was to be cut; [`WireError::TooLong`]
    /// where its datagrams, or its headers alone, are too long for the target.
    pub(crate) fn new(header: &Header, large: Large) -> Result<Self, WireError> {
        let (size, changes) = cut(&large)?;
        let Large { network, transport, segmentation, payload, .. } = large;
        let mut flags = 0;
        let mut has_checksum = true;
        match transport.protocol {
            Protocol::Tcp => {
                [flags] = header.get(transport.offset.saturating_add(field::TCP_FLAGS))?;
                if flags & (flag::SYN | flag::RST | flag::URG) != 0 {
                    return Err(WireError::Malformed);
                }
            }
            Protocol::Udp => {
                let field = transport.offset.saturating_add(field::UDP_CHECKSUM);
                has_checksum = header.get(field)? != [0; 2];
            }
        }
        let is_first = true;
        Ok(Self {
            network,
            transport,
            segmentation,
            payload,
            size,
            flags,
            has_checksum,
            changes,
            is_first,
        })
    }

    /// How the segments differ from the whole frame.
    pub(crate) const fn changes(&self) -> Changes {
        self.changes
    }

    /// Segments that are left.
    pub(crate) fn left(&self) -> usize {
        let of_payload = self.payload.len().div_ceil(self.size.max(1));
        of_payload.max(usize::from(self.is_first))
    }

    /// Makes `header` that of the next segment, and gives its payload; none after the last.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`] where the payload is.
    pub(crate) fn next<S: Source + ?Sized>(
        &mut self,
        header: &mut Header,
        source: &S,
    ) -> Result<Option<Range<usize>>, WireError> {
        if self.left() == 0 {
            return Ok(None);
        }
        let start = self.payload.start;
        let end = start.saturating_add(self.size).min(self.payload.end);
        let payload = start..end;
        self.patch_network(header, payload.len())?;
        match self.transport.protocol {
            Protocol::Tcp => self.patch_tcp(header, end == self.payload.end)?,
            Protocol::Udp => self.patch_udp(header, payload.len())?,
        }
        if self.has_checksum {
            let (network, transport) = (&self.network, &self.transport);
            complete_transport(header, network, transport, source, payload.clone())?;
        }
        self.payload.start = end;
        self.is_first = false;
        Ok(Some(payload))
    }

    fn patch_network(&self, header: &mut Header, payload: usize) -> Result<(), WireError> {
        let at = |field: usize| self.network.offset.saturating_add(field);
        let headers = self.transport.payload.saturating_sub(self.network.offset);
        let length = headers.saturating_add(payload);
        match self.network.version {
            Version::V4 => {
                header.put(at(field::IPV4_LENGTH), in_16_bits(length)?)?;
                if !self.is_first {
                    let field = at(field::IPV4_IDENTIFICATION);
                    let before = u16::from_be_bytes(header.get(field)?);
                    header.put(field, self.identification_after(before).to_be_bytes())?;
                }
                complete_ipv4(header, &self.network)
            }
            Version::V6 => {
                let length = length.saturating_sub(IPV6_HEADER);
                header.put(at(field::IPV6_LENGTH), in_16_bits(length)?)
            }
        }
    }

    /// The IPv4 identification of the segment after one that has `before`.
    const fn identification_after(&self, before: u16) -> u16 {
        match self.segmentation {
            // The upper half is not for segments; a packet that is there already stays there.
            Segmentation::TcpV2 { .. } => (before & 0x8000) | (before.wrapping_add(1) & 0x7FFF),
            _ => before.wrapping_add(1),
        }
    }

    fn patch_tcp(&self, header: &mut Header, is_last: bool) -> Result<(), WireError> {
        let at = |field: usize| self.transport.offset.saturating_add(field);
        let mut flags = self.flags;
        if !is_last {
            flags &= !(flag::FIN | flag::PSH);
        }
        if !self.is_first {
            // All that are coalesced had the same, RFC 3168 has a sender say it once.
            if !matches!(self.segmentation, Segmentation::Coalesced { .. }) {
                flags &= !flag::CWR;
            }
            let sequence = u32::from_be_bytes(header.get(at(field::TCP_SEQUENCE))?);
            let size = u32::try_from(self.size).map_err(|_| WireError::Malformed)?;
            header.put(at(field::TCP_SEQUENCE), sequence.wrapping_add(size).to_be_bytes())?;
        }
        header.put(at(field::TCP_FLAGS), [flags])
    }

    fn patch_udp(&self, header: &mut Header, payload: usize) -> Result<(), WireError> {
        let own = self.transport.payload.saturating_sub(self.transport.offset);
        let length = in_16_bits(own.saturating_add(payload))?;
        header.put(self.transport.offset.saturating_add(field::UDP_LENGTH), length)
    }
}

/// Bytes of payload in each segment but the last, and how that changes the frame.
fn cut(large: &Large) -> Result<(usize, Changes), WireError> {
    let whole = large.payload.len();
    // The length fields of IP have 16 bits.
    let headers = large.transport.payload.saturating_sub(large.network.offset);
    let room = large.room.min(usize::from(u16::MAX).saturating_sub(headers));
    if room == 0 && whole > 0 {
        return Err(WireError::TooLong);
    }
    let mut changes = Changes::SEGMENTED | Changes::CHECKSUMMED;
    let asked = match large.segmentation {
        Segmentation::TcpV1 { mss } | Segmentation::TcpV2 { mss } | Segmentation::Udp { mss } => {
            let asked = usize::try_from(mss).unwrap_or(usize::MAX);
            changes.set(Changes::RESEGMENTED, asked.min(whole) > room);
            asked
        }
        Segmentation::Coalesced { segments } => {
            let size = original_size(whole, segments, room);
            changes.set(Changes::RESEGMENTED, whole > size);
            size
        }
    };
    if asked == 0 && whole > 0 {
        return Err(WireError::Malformed);
    }
    // Where a datagram ends has a meaning.
    if changes.contains(Changes::RESEGMENTED) && large.transport.protocol == Protocol::Udp {
        return Err(WireError::TooLong);
    }
    Ok((asked.min(room), changes))
}

/// Bytes of payload that each of the coalesced `segments` had, as far as that can be told: they all
/// were as long as the target takes, if there would be as many then, or if they would be too short
/// to be worth coalescing; else they all were alike.
fn original_size(whole: usize, segments: u16, room: usize) -> usize {
    /// A count that would make segments shorter than this is not believed: each costs a frame.
    const SHORTEST: usize = 32;
    let segments = usize::from(segments.max(1));
    let alike = whole.div_ceil(segments);
    if whole.div_ceil(room.max(1)) == segments || alike < SHORTEST { room } else { alike.min(room) }
}

fn in_16_bits(length: usize) -> Result<[u8; 2], WireError> {
    u16::try_from(length).map(u16::to_be_bytes).map_err(|_| WireError::Malformed)
}

use core::ops::Range;

use crate::{
    Changes, Checksums, Segmentation, Source, Tag, WireError,
    checksum::{complete_ipv4, complete_transport},
    header::{ADDRESSES, Header},
    link::Link,
    network::{Network, Version},
    segments::{Large, Segments},
    transport::{Protocol, Transport},
};

/// A frame whose way is being decided: its first bytes as they are on the wire, as far as is known.
pub(crate) struct Draft<'d, S: ?Sized> {
    source: &'d S,
    header: &'d mut Header,
    /// Bytes that were inserted behind the addresses.
    inserted: usize,
    /// Bytes at the start of the header that are not as in the source.
    patched: usize,
    link: Option<Link>,
    /// Whether what was left is not left of the packet that is found here, or not of that alone.
    pub(crate) is_encapsulated: bool,
    changes: Changes,
}

impl<'d, S: Source + ?Sized> Draft<'d, S> {
    /// Reads the first bytes of `source` into `header`, and inserts `tags`.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`].
    pub(crate) fn new(
        source: &'d S,
        header: &'d mut Header,
        tags: [Option<Tag>; 2],
    ) -> Result<Self, WireError> {
        let inserted = header.fill(source, tags)?;
        let link = Link::parse(header.as_slice());
        let (patched, changes) = match inserted {
            0 if tags == [None; 2] => (0, Changes::empty()),
            0 => (0, Changes::INCOMPLETE),
            _ => (ADDRESSES.saturating_add(inserted), Changes::TAGGED),
        };
        Ok(Self { source, header, inserted, patched, link, is_encapsulated: false, changes })
    }

    /// Whether a target that takes `max_frame` bytes, tags not counted, takes it in one frame.
    pub(crate) fn fits(&self, max_frame: usize) -> bool {
        let tags = self.link.map_or(self.inserted, Link::tag_bytes);
        self.source.len().saturating_add(self.inserted).saturating_sub(tags) <= max_frame
    }

    /// Tells that something was left to the hardware that is not done.
    pub(crate) fn give_up(&mut self) {
        self.changes |= Changes::INCOMPLETE;
    }

    /// Completes `checksums`, or those of them that can be.
    ///
    /// # Errors
    ///
    /// [`WireError::Malformed`], [`WireError::Unreadable`].
    pub(crate) fn complete(
        &mut self,
        checksums: Checksums,
        transport_offset: Option<u16>,
    ) -> Result<(), WireError> {
        let network = self.network()?;
        if checksums.ipv4 && network.version == Version::V4 {
            self.complete_ipv4(&network)?;
        }
        if checksums.tcp || checksums.udp {
            let transport = self.transport(&network, transport_offset)?;
            let wanted = match transport.protocol {
                Protocol::Tcp => checksums.tcp,
                Protocol::Udp => checksums.udp,
            };
            if !wanted {
                return Err(WireError::Malformed);
            }
            self.complete_transport(&network, &transport)?;
        }
        Ok(())
    }

    fn complete_ipv4(&mut self, network: &Network) -> Result<(), WireError> {
        complete_ipv4(self.header, network)?;
        self.patched = self.patched.max(network.payload);
        self.changes |= Changes::CHECKSUMMED;
        Ok(())
    }

    fn complete_transport(
        &mut self,
        network: &Network,
        transport: &Transport,
    ) -> Result<(), WireError> {
        let mut payload = self.payload(transport, self.end(network)?)?;
        if transport.protocol == Protocol::Udp {
            let own = transport.payload.saturating_sub(transport.offset);
            let length = self.header.get(transport.offset.saturating_add(4))?;
            let length = usize::from(u16::from_be_bytes(length)).checked_sub(own);
            let length = length.filter(|length| *length <= payload.len());
            let length = length.ok_or(WireError::Malformed)?;
            payload.end = payload.start.saturating_add(length);
        }
        complete_transport(self.header, network, transport, self.source, payload)?;
        self.patched = self.patched.max(transport.payload);
        self.changes |= Changes::CHECKSUMMED;
        Ok(())
    }

    /// Decides how it is cut for a target that takes `max_frame` bytes, tags not counted.
    ///
    /// # Errors
    ///
    /// As [`Segments::new`].
    pub(crate) fn segments(
        &mut self,
        segmentation: Segmentation,
        transport_offset: Option<u16>,
        max_frame: usize,
    ) -> Result<Segments, WireError> {
        let network = self.network()?;
        let transport = self.transport(&network, transport_offset)?;
        let (protocol, end) = match segmentation {
            Segmentation::TcpV1 { .. } | Segmentation::Coalesced { .. } => {
                (Protocol::Tcp, self.end(&network)?)
            }
            Segmentation::TcpV2 { .. } => (Protocol::Tcp, self.source.len()),
            Segmentation::Udp { .. } => (Protocol::Udp, self.source.len()),
        };
        if transport.protocol != protocol {
            return Err(WireError::Malformed);
        }
        let payload = self.payload(&transport, end)?;
        let tags = self.link.map_or(0, Link::tag_bytes);
        let room = max_frame.checked_sub(transport.payload.saturating_sub(tags));
        let room = room.ok_or(WireError::TooLong)?;
        let large = Large { network, transport, segmentation, payload, room };
        let segments = Segments::new(self.header, large)?;
        self.patched = transport.payload;
        self.changes |= segments.changes();
        Ok(segments)
    }

    /// Leaves the bytes that are not as in the source in the header, and gives the rest of the
    /// frame in the source, and what is changed.
    pub(crate) fn finish(self) -> (Range<usize>, Changes) {
        self.header.truncate(self.patched);
        let start = self.patched.saturating_sub(self.inserted);
        (start..self.source.len(), self.changes)
    }

    fn network(&self) -> Result<Network, WireError> {
        let link = self.link.filter(|_| !self.is_encapsulated);
        let network = link.and_then(|link| Network::parse(self.header.as_slice(), link));
        network.ok_or(WireError::Malformed)
    }

    /// The transport-layer header, which starts where the drivers say, if they do.
    fn transport(&self, network: &Network, said: Option<u16>) -> Result<Transport, WireError> {
        let transport = Transport::parse(self.header.as_slice(), network);
        let transport = transport.ok_or(WireError::Malformed)?;
        let found = transport.offset.saturating_sub(self.inserted);
        if said.is_some_and(|said| usize::from(said) != found) {
            return Err(WireError::Malformed);
        }
        Ok(transport)
    }

    /// Where the packet ends in the source, as its own header says.
    fn end(&self, network: &Network) -> Result<usize, WireError> {
        let end = network.length.and_then(|length| network.offset.checked_add(length));
        let end = end.and_then(|end| end.checked_sub(self.inserted));
        end.filter(|end| *end <= self.source.len()).ok_or(WireError::Malformed)
    }

    /// What is behind the transport-layer header, up to `end`, in the source.
    fn payload(&self, transport: &Transport, end: usize) -> Result<Range<usize>, WireError> {
        let start = transport.payload.saturating_sub(self.inserted);
        if start <= end { Ok(start..end) } else { Err(WireError::Malformed) }
    }
}

use etherparse::{
    EtherType, IpNumber, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice,
};

use crate::link::Link;

/// Which Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V6,
}

/// The network-layer header of a frame, with the IPv6 extension headers that go with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) version: Version,
    /// Where it starts.
    pub(crate) offset: usize,
    /// Where its payload starts.
    pub(crate) payload: usize,
    /// What its payload is.
    pub(crate) protocol: IpNumber,
    /// Whether the payload is only a part of what was sent.
    pub(crate) is_fragment: bool,
    /// Bytes from its start to the end of its payload, as it says itself; none where it says zero.
    pub(crate) length: Option<usize>,
    /// Where the address stands that the packet is for in the end: a routing header has it.
    pub(crate) destination: usize,
}

impl Network {
    /// Finds the end of the headers; none where `header` ends before, or they are not IP's.
    pub(crate) fn parse(header: &[u8], link: Link) -> Option<Self> {
        match link.ether_type {
            EtherType::IPV4 => Self::parse_v4(header, link.payload),
            EtherType::IPV6 => Self::parse_v6(header, link.payload),
            _ => None,
        }
    }

    fn parse_v4(header: &[u8], offset: usize) -> Option<Self> {
        let ip = Ipv4HeaderSlice::from_slice(header.get(offset..)?).ok()?;
        let length = usize::from(ip.total_len());
        Some(Self {
            version: Version::V4,
            offset,
            payload: offset.checked_add(ip.slice().len())?,
            protocol: ip.protocol(),
            is_fragment: ip.is_fragmenting_payload(),
            length: (length != 0).then_some(length),
            destination: offset.checked_add(16)?,
        })
    }

    fn parse_v6(header: &[u8], offset: usize) -> Option<Self> {
        let ip = Ipv6HeaderSlice::from_slice(header.get(offset..)?).ok()?;
        let payload_length = usize::from(ip.payload_length());
        let length = payload_length.checked_add(ip.slice().len())?;
        let mut network = Self {
            version: Version::V6,
            offset,
            payload: offset.checked_add(ip.slice().len())?,
            protocol: ip.next_header(),
            is_fragment: false,
            length: (payload_length != 0).then_some(length),
            destination: offset.checked_add(24)?,
        };
        while network.skip_extension(header)? {}
        Some(network)
    }

    /// Steps over one extension header; false where there is none, and none where it is malformed.
    ///
    /// The authentication header is not stepped over: it covers all that is behind it, so nobody can
    /// have left that to the hardware.
    fn skip_extension(&mut self, header: &[u8]) -> Option<bool> {
        let rest = header.get(self.payload..)?;
        let (next, len) = match self.protocol {
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                let fragment = Ipv6FragmentHeaderSlice::from_slice(rest).ok()?;
                self.is_fragment |= fragment.is_fragmenting_payload();
                (fragment.next_header(), fragment.slice().len())
            }
            IpNumber::IPV6_HEADER_HOP_BY_HOP
            | IpNumber::IPV6_DESTINATION_OPTIONS
            | IpNumber::IPV6_ROUTE_HEADER
            | IpNumber::MOBILITY_HEADER
            | IpNumber::HIP
            | IpNumber::SHIM6 => {
                let extension = Ipv6RawExtHeaderSlice::from_slice(rest).ok()?;
                if self.protocol == IpNumber::IPV6_ROUTE_HEADER {
                    self.route(extension.slice())?;
                }
                (extension.next_header(), extension.slice().len())
            }
            _ => return Some(false),
        };
        self.protocol = next;
        self.payload = self.payload.checked_add(len)?;
        // What follows a fragment's header is not a header, but for the first fragment.
        Some(!self.is_fragment)
    }

    /// Reads where a routing header leads; none where that cannot be told.
    fn route(&mut self, routing: &[u8]) -> Option<()> {
        let [_, _, kind, segments_left, ..] = *routing else { return None };
        if segments_left == 0 {
            return Some(());
        }
        let last = match kind {
            // The addresses in the order of travel, RFC 2460 and RFC 6275.
            0 | 2 => routing.len().checked_sub(16).filter(|last| *last >= 8)?,
            // Segment routing: the list is in reverse, RFC 8754.
            4 if routing.len() >= 24 => 8,
            _ => return None,
        };
        self.destination = self.payload.checked_add(last)?;
        Some(())
    }
}

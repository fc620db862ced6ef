use etherparse::{IpNumber, TcpHeaderSlice, UdpHeaderSlice};

use crate::network::Network;

/// Which transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// Its number in the Internet Protocol.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Tcp => IpNumber::TCP.0,
            Self::Udp => IpNumber::UDP.0,
        }
    }

    /// Where the checksum stands in its header.
    pub(crate) const fn checksum(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
        }
    }
}

/// The transport-layer header of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transport {
    pub(crate) protocol: Protocol,
    /// Where it starts.
    pub(crate) offset: usize,
    /// Where its payload starts.
    pub(crate) payload: usize,
}

impl Transport {
    /// Finds the end of the header; none where `header` ends before, it is neither TCP nor UDP, or
    /// the datagram is in fragments.
    pub(crate) fn parse(header: &[u8], network: &Network) -> Option<Self> {
        if network.is_fragment {
            return None;
        }
        let offset = network.payload;
        let rest = header.get(offset..)?;
        let (protocol, len) = match network.protocol {
            IpNumber::TCP => (Protocol::Tcp, TcpHeaderSlice::from_slice(rest).ok()?.slice().len()),
            IpNumber::UDP => (Protocol::Udp, UdpHeaderSlice::from_slice(rest).ok()?.slice().len()),
            _ => return None,
        };
        Some(Self { protocol, offset, payload: offset.checked_add(len)? })
    }
}

use crate::Tag;

/// What was left to the hardware, or was done by it.
///
/// From the out-of-band information of a NET_BUFFER_LIST, as
/// [Accessing TCP/IP Offload NET_BUFFER_LIST Information](https://learn.microsoft.com/windows-hardware/drivers/network/accessing-tcp-ip-offload-net-buffer-list-information)
/// tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offloads {
    /// The tag that travels out of band. On the wire it stands right behind the addresses, in front
    /// of any tag that is in the frame already.
    pub tag: Option<Tag>,
    /// The checksums that are to be completed. Those that segmentation changes are computed anyway.
    pub checksums: Checksums,
    /// How the frame is to be cut.
    pub segmentation: Option<Segmentation>,
    /// Where the drivers say that the TCP or UDP header starts, in bytes from the start of the frame
    /// as they see it; none where they say nothing. A frame whose headers say otherwise is malformed.
    pub transport_offset: Option<u16>,
    /// Whether checksums and segmentation are of a packet within the packet, too: what is in a tunnel
    /// is not known here, so that nothing is done to the tunnel either.
    pub is_encapsulated: bool,
}

impl Offloads {
    /// Whether there are none: the frame is on the wire as the drivers see it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tag.is_none() && self.checksums.is_empty() && self.segmentation.is_none()
    }
}

/// Which checksums are to be completed.
///
/// What their fields hold is not trusted: the sum over the pseudo-header may be there, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Checksums {
    /// That of the IPv4 header; IPv6 has none, and nothing is to be done.
    pub ipv4: bool,
    /// That of TCP.
    pub tcp: bool,
    /// That of UDP.
    pub udp: bool,
}

impl Checksums {
    /// Whether there is none to complete.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !(self.ipv4 || self.tcp || self.udp)
    }
}

/// How a frame was left to be cut, or was coalesced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segmentation {
    /// Large send offload, version 1: IPv4; the packet ends where its Total Length says; IP
    /// identifications count modulo 65536.
    TcpV1 {
        /// Most bytes of TCP payload in each segment.
        mss: u32,
    },
    /// Large send offload, version 2: the packet ends with the frame, whatever its lengths say; IP
    /// identifications count in 15 bits, as the documentation asks.
    TcpV2 {
        /// Most bytes of TCP payload in each segment.
        mss: u32,
    },
    /// UDP segmentation offload: one datagram for every `mss` bytes of payload.
    Udp {
        /// Bytes of UDP payload in each datagram but the last, which may hold fewer.
        mss: u32,
    },
    /// Receive segment coalescing: TCP segments that came as one frame.
    Coalesced {
        /// How many data segments there were.
        segments: u16,
    },
}

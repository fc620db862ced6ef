//! What a list's out-of-band information says, by its documented meaning.

use wire::{Checksums, Offloads, Segmentation, Tag};

/// The members of NetBufferListInfo that say how a frame differs from what is on the wire.
pub(super) struct Information {
    /// NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO
    pub(super) checksum: usize,
    /// NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO, on the way down only
    pub(super) large_send: usize,
    /// NDIS_NET_BUFFER_LIST_8021Q_INFO
    pub(super) tag: usize,
    /// NDIS_RSC_NBL_INFO on the way up, on the way down
    /// NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO
    pub(super) coalesced: usize,
    /// NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO, on the way down only
    pub(super) supplement: usize,
}

/// A field of `bits` bits from bit `start` on, of an information's first 32 bits.
const fn field(information: usize, start: u32, bits: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the fields lie in the low half")]
    let low = information as u32;
    low.wrapping_shr(start) & 1_u32.wrapping_shl(bits).wrapping_sub(1)
}

const fn flag(information: usize, bit: u32) -> bool {
    field(information, bit, 1) != 0
}

/// Ten bits, from bit `start` on, that say where a transport header starts; zero for nowhere.
const fn transport_offset(information: usize, start: u32) -> Option<u16> {
    #[expect(clippy::cast_possible_truncation, reason = "ten bits")]
    match field(information, start, 10) as u16 {
        0 => None,
        offset => Some(offset),
    }
}

/// UserPriority in the lowest three bits, CanonicalFormatId, then VlanId; all zero is no tag.
const fn tag(information: usize) -> Option<Tag> {
    if field(information, 0, 16) == 0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "three bits, and twelve")]
    let (priority, vlan) = (field(information, 0, 3) as u8, field(information, 4, 12) as u16);
    Some(Tag::new(priority, flag(information, 3), vlan))
}

impl Information {
    /// Whether it says anything of a send.
    pub(super) const fn is_of_send(&self) -> bool {
        self.checksum | self.large_send | self.tag | self.coalesced != 0
    }

    /// Whether it says anything of a receive but that its checksums are right.
    pub(super) const fn is_of_receive(&self) -> bool {
        const INVALID: usize = 1 << TRANSPORT_INVALID | 1 << IPV4_INVALID;
        self.checksum & INVALID | self.tag | self.coalesced != 0
    }
}

/// What a send leaves to the adapter.
pub(super) const fn of_send(information: &Information) -> Offloads {
    let Information { checksum, large_send, tag: tag_information, coalesced, supplement } =
        *information;
    let mss = field(large_send, 0, 20);
    let udp_mss = field(coalesced, 0, 20);
    // LsoV1Transmit and LsoV2Transmit differ in Type, bit 30.
    let (segmentation, hint) = match (mss, flag(large_send, 30), udp_mss) {
        (0, _, 0) => (None, transport_offset(checksum, 16)),
        (0, _, mss) => (Some(Segmentation::Udp { mss }), transport_offset(coalesced, 20)),
        (mss, false, _) => (Some(Segmentation::TcpV1 { mss }), transport_offset(large_send, 20)),
        (mss, true, _) => (Some(Segmentation::TcpV2 { mss }), transport_offset(large_send, 20)),
    };
    // Transmit: IsIPv4, IsIPv6, TcpChecksum, UdpChecksum, IpHeaderChecksum; the last three count
    // where one of the first two is set.
    let is_ip = field(checksum, 0, 2) != 0;
    Offloads {
        tag: tag(tag_information),
        checksums: Checksums {
            ipv4: is_ip && flag(checksum, 4),
            tcp: is_ip && flag(checksum, 2),
            udp: is_ip && flag(checksum, 3),
        },
        segmentation,
        transport_offset: hint,
        // IsEncapsulatedPacket
        is_encapsulated: flag(supplement, 0),
    }
}

/// Receive: TcpChecksumValueInvalid and IpChecksumValueInvalid say that the fields do not hold what
/// was on the wire, of a frame whose checksums were found right.
const TRANSPORT_INVALID: u32 = 7;
const IPV4_INVALID: u32 = 8;

/// What the adapter did with a receive.
pub(super) const fn of_receive(information: &Information) -> Offloads {
    let Information { checksum, tag: tag_information, coalesced, .. } = *information;
    // CoalescedSegCount; a frame of one segment is no coalesced one.
    #[expect(clippy::cast_possible_truncation, reason = "sixteen bits")]
    let segmentation = match field(coalesced, 0, 16) as u16 {
        0 | 1 => None,
        segments => Some(Segmentation::Coalesced { segments }),
    };
    let transport = flag(checksum, TRANSPORT_INVALID);
    Offloads {
        tag: tag(tag_information),
        checksums: Checksums { ipv4: flag(checksum, IPV4_INVALID), tcp: transport, udp: transport },
        segmentation,
        transport_offset: None,
        is_encapsulated: false,
    }
}

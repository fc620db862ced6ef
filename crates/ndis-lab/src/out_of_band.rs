//! Out-of-band information of a list, by its documented meaning.

use crate::abi::nbl::information;

/// The version of the Internet Protocol of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What travels beside the frames of a list, for hardware or from it.
///
/// Each variant is a view of one of the structures of ndis/nblchecksum.h, nbllso.h, nbluso.h,
/// nblrsc.h and nbl8021q.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutOfBand {
    /// An 802.1Q tag that is not in the frame: NDIS_NET_BUFFER_LIST_8021Q_INFO.
    Vlan {
        /// `UserPriority`, 0 to 7.
        priority: u8,
        /// `CanonicalFormatId`, which is the tag's drop eligible bit.
        canonical_format: bool,
        /// `VlanId`, 0 to 4095.
        id: u16,
    },
    /// Checksums that the adapter is to compute: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, on a
    /// send.
    ChecksumRequest {
        /// `IsIPv4` or `IsIPv6`.
        version: IpVersion,
        /// `IpHeaderChecksum`
        ip_header: bool,
        /// `TcpChecksum`
        tcp: bool,
        /// `UdpChecksum`
        udp: bool,
        /// `TcpHeaderOffset`: from the start of the frame, in bytes, at most 1023.
        tcp_header_offset: u16,
    },
    /// What an adapter found of the checksums of a receive: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
    /// `None` was not looked at, `Some(true)` is right.
    ChecksumResult {
        /// `IpChecksumSucceeded` or `IpChecksumFailed`.
        ip_header: Option<bool>,
        /// `TcpChecksumSucceeded` or `TcpChecksumFailed`.
        tcp: Option<bool>,
        /// `UdpChecksumSucceeded` or `UdpChecksumFailed`.
        udp: Option<bool>,
        /// `TcpChecksumValueInvalid` and `IpChecksumValueInvalid`: what the frame's fields hold
        /// says nothing, because segments were coalesced.
        values_invalid: bool,
    },
    /// A large send of version 1: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
    LargeSendV1 {
        /// `MSS`: payload of a segment, in bytes, below 2^20.
        segment: u32,
        /// `TcpHeaderOffset`: from the start of the frame, in bytes, at most 1023.
        tcp_header_offset: u16,
    },
    /// A large send of version 2: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
    LargeSendV2 {
        /// `MSS`: payload of a segment, in bytes, below 2^20.
        segment: u32,
        /// `TcpHeaderOffset`: from the start of the frame, in bytes, at most 1023.
        tcp_header_offset: u16,
        /// `IPVersion`
        version: IpVersion,
    },
    /// A large send of UDP: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
    UdpSegmentation {
        /// `MSS`: payload of a datagram, in bytes, below 2^20.
        segment: u32,
        /// `UdpHeaderOffset`: from the start of the frame, in bytes, at most 1023.
        udp_header_offset: u16,
        /// `IPVersion`
        version: IpVersion,
    },
    /// The checksums and segments that are left to the adapter are those of a packet in the packet,
    /// too: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO, with all offsets valid.
    Encapsulated {
        /// `InnerFrameOffset`: from the start of the frame, in bytes, at most 255.
        inner_frame_offset: u8,
        /// `TransportIpHeaderRelativeOffset`: from there, in bytes, at most 63.
        ip_header_offset: u8,
        /// `TcpHeaderRelativeOffset`: from there, in bytes, at most 1023.
        tcp_header_offset: u16,
        /// `IsInnerIPv6`
        version: IpVersion,
    },
    /// A receive that an adapter put together: NDIS_RSC_NBL_INFO.
    Coalesced {
        /// `CoalescedSegCount`
        segments: u16,
        /// `DupAckCount`
        duplicate_acks: u16,
    },
}

/// A bit field from a bit on.
fn field(value: impl Into<u64>, from: u32, width: u32) -> u64 {
    let value = value.into();
    assert!(value < 1 << width, "{value} does not fit into {width} bits");
    value << from
}

/// A result that is told by one of two bits.
fn either(result: Option<bool>, failed: u32, succeeded: u32) -> u64 {
    match result {
        None => 0,
        Some(false) => 1 << failed,
        Some(true) => 1 << succeeded,
    }
}

impl OutOfBand {
    /// What travels beside a send, from the out-of-band information of its list.
    #[must_use]
    pub fn of_send(all: &[u64; 28]) -> Vec<Self> {
        let bits = |value: u64, from: u32, width: u32| value >> from & ((1 << width) - 1);
        let bit = |value, from| bits(value, from, 1) != 0;
        let number = |value, from, width| u16::try_from(bits(value, from, width)).unwrap_or(0);
        let segment = |value| u32::try_from(bits(value, 0, 20)).unwrap_or(0);
        let version = |is_v6| if is_v6 { IpVersion::V6 } else { IpVersion::V4 };
        let mut found = Vec::new();
        let tag = all[information::IEEE_8021Q];
        if tag != 0 {
            let priority = u8::try_from(bits(tag, 0, 3)).unwrap_or(0);
            let (canonical_format, id) = (bit(tag, 3), number(tag, 4, 12));
            found.push(Self::Vlan { priority, canonical_format, id });
        }
        let checksum = all[information::CHECKSUM];
        if bits(checksum, 0, 2) != 0 {
            found.push(Self::ChecksumRequest {
                version: version(bit(checksum, 1)),
                ip_header: bit(checksum, 4),
                tcp: bit(checksum, 2),
                udp: bit(checksum, 3),
                tcp_header_offset: number(checksum, 16, 10),
            });
        }
        let large = all[information::LARGE_SEND];
        let (size, tcp_header_offset) = (segment(large), number(large, 20, 10));
        if large != 0 && bit(large, 30) {
            let version = version(bit(large, 31));
            found.push(Self::LargeSendV2 { segment: size, tcp_header_offset, version });
        } else if large != 0 {
            found.push(Self::LargeSendV1 { segment: size, tcp_header_offset });
        }
        let datagrams = all[information::UDP_SEGMENTATION];
        if datagrams != 0 {
            found.push(Self::UdpSegmentation {
                segment: segment(datagrams),
                udp_header_offset: number(datagrams, 20, 10),
                version: version(bit(datagrams, 31)),
            });
        }
        let supplement = all[information::SUPPLEMENTAL];
        if bit(supplement, 0) {
            let short = |from, width| bits(supplement, from, width).to_le_bytes()[0];
            found.push(Self::Encapsulated {
                inner_frame_offset: short(2, 8),
                ip_header_offset: short(10, 6),
                tcp_header_offset: number(supplement, 16, 10),
                version: version(bit(supplement, 26)),
            });
        }
        found
    }

    /// Where it stands; see [`information`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Vlan { .. } => information::IEEE_8021Q,
            Self::ChecksumRequest { .. } | Self::ChecksumResult { .. } => information::CHECKSUM,
            Self::LargeSendV1 { .. } | Self::LargeSendV2 { .. } => information::LARGE_SEND,
            Self::UdpSegmentation { .. } => information::UDP_SEGMENTATION,
            Self::Encapsulated { .. } => information::SUPPLEMENTAL,
            Self::Coalesced { .. } => information::RECEIVE_COALESCED,
        }
    }

    /// Its value.
    ///
    /// # Panics
    ///
    /// If a number does not fit into its field.
    #[must_use]
    pub fn value(self) -> u64 {
        match self {
            Self::Vlan { priority, canonical_format, id } => {
                field(priority, 0, 3) | field(canonical_format, 3, 1) | field(id, 4, 12)
            }
            Self::ChecksumRequest { version, ip_header, tcp, udp, tcp_header_offset } => {
                field(version == IpVersion::V4, 0, 1)
                    | field(version == IpVersion::V6, 1, 1)
                    | field(tcp, 2, 1)
                    | field(udp, 3, 1)
                    | field(ip_header, 4, 1)
                    | field(tcp_header_offset, 16, 10)
            }
            Self::ChecksumResult { ip_header, tcp, udp, values_invalid } => {
                let invalid = if values_invalid { 0b11 << 7 } else { 0 };
                either(tcp, 0, 3) | either(udp, 1, 4) | either(ip_header, 2, 5) | invalid
            }
            Self::LargeSendV1 { segment, tcp_header_offset } => {
                field(segment, 0, 20) | field(tcp_header_offset, 20, 10)
            }
            Self::LargeSendV2 { segment, tcp_header_offset, version } => {
                field(segment, 0, 20)
                    | field(tcp_header_offset, 20, 10)
                    | field(true, 30, 1)
                    | field(version == IpVersion::V6, 31, 1)
            }
            Self::UdpSegmentation { segment, udp_header_offset, version } => {
                field(segment, 0, 20)
                    | field(udp_header_offset, 20, 10)
                    | field(version == IpVersion::V6, 31, 1)
            }
            Self::Encapsulated {
                inner_frame_offset,
                ip_header_offset,
                tcp_header_offset,
                version,
            } => {
                0b11 | field(inner_frame_offset, 2, 8)
                    | field(ip_header_offset, 10, 6)
                    | field(tcp_header_offset, 16, 10)
                    | field(version == IpVersion::V6, 26, 1)
            }
            Self::Coalesced { segments, duplicate_acks } => {
                field(segments, 0, 16) | field(duplicate_acks, 16, 16)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_the_headers_have_them() {
        let vlan = OutOfBand::Vlan { priority: 5, canonical_format: true, id: 0x123 };
        assert_eq!((vlan.index(), vlan.value()), (4, 0x123D));
        let request = OutOfBand::ChecksumRequest {
            version: IpVersion::V6,
            ip_header: true,
            tcp: true,
            udp: false,
            tcp_header_offset: 54,
        };
        assert_eq!((request.index(), request.value()), (0, 54 << 16 | 0b1_0110));
        let result = OutOfBand::ChecksumResult {
            ip_header: Some(true),
            tcp: Some(false),
            udp: None,
            values_invalid: true,
        };
        assert_eq!(result.value(), 0b1_1010_0001);
        let first = OutOfBand::LargeSendV1 { segment: 0x5B4, tcp_header_offset: 34 };
        assert_eq!((first.index(), first.value()), (2, 34 << 20 | 0x5B4));
        let second =
            OutOfBand::LargeSendV2 { segment: 1440, tcp_header_offset: 54, version: IpVersion::V6 };
        assert_eq!(second.value(), 0b11 << 30 | 54 << 20 | 0x5A0);
        let datagrams = OutOfBand::UdpSegmentation {
            segment: 512,
            udp_header_offset: 34,
            version: IpVersion::V4,
        };
        assert_eq!((datagrams.index(), datagrams.value()), (22, 34 << 20 | 512));
        let encapsulated = OutOfBand::Encapsulated {
            inner_frame_offset: 50,
            ip_header_offset: 14,
            tcp_header_offset: 20,
            version: IpVersion::V6,
        };
        let value = 1 << 26 | 20 << 16 | 14 << 10 | 50 << 2 | 0b11;
        assert_eq!((encapsulated.index(), encapsulated.value()), (23, value));
        let coalesced = OutOfBand::Coalesced { segments: 3, duplicate_acks: 1 };
        assert_eq!((coalesced.index(), coalesced.value()), (22, 1 << 16 | 3));
    }

    #[test]
    fn what_travels_beside_a_send_is_read_as_it_was_written() {
        let (version, tcp_header_offset) = (IpVersion::V6, 74);
        let vlan = OutOfBand::Vlan { priority: 5, canonical_format: true, id: 0x123 };
        let all = [
            OutOfBand::ChecksumRequest {
                version,
                ip_header: false,
                tcp: false,
                udp: true,
                tcp_header_offset,
            },
            OutOfBand::LargeSendV1 { segment: 1460, tcp_header_offset },
            OutOfBand::LargeSendV2 { segment: 0xF_FFFF, tcp_header_offset, version },
            OutOfBand::UdpSegmentation { segment: 512, udp_header_offset: 34, version },
            OutOfBand::Encapsulated {
                inner_frame_offset: 0xFF,
                ip_header_offset: 18,
                tcp_header_offset: 1000,
                version,
            },
        ];
        for one in all {
            let mut information = [0; 28];
            for beside in [vlan, one] {
                information[beside.index()] = beside.value();
            }
            assert_eq!(OutOfBand::of_send(&information), [vlan, one]);
        }
        assert_eq!(OutOfBand::of_send(&[0; 28]), []);
    }

    #[test]
    #[should_panic(expected = "4096 does not fit into 12 bits")]
    fn a_number_has_to_fit() {
        let _ = OutOfBand::Vlan { priority: 0, canonical_format: false, id: 4096 }.value();
    }
}

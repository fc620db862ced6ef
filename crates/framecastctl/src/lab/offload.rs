//! What an adapter with offloads does for the frames of TAP devices.
//!
//! Linux puts a header in front of each frame that says what was left to the hardware, as NDIS has
//! it beside each list: see "Network Device" of the virtio specification.

use std::borrow::Cow;

use ndis_lab::{Frame, IpVersion, NblSpec, OutOfBand};
use tun_rs::{
    VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_UDP_L4, VirtioNetHdr,
};
use wire::{Checksums, Offloads, Segmentation, Source, Transmission, Workspace};

/// VIRTIO_NET_HDR_F_NEEDS_CSUM: a checksum is to be completed.
const NEEDS_CHECKSUM: u8 = 1;
/// VIRTIO_NET_HDR_GSO_ECN: beside the kind of segmentation, CWR is set.
const ECN: u8 = 0x80;

/// Where the checksum stands in the headers of TCP and of UDP.
const TCP_CHECKSUM: u16 = 16;
const UDP_CHECKSUM: u16 = 6;

/// Bytes of a tag, and where it stands.
const TAG: u16 = 4;
const TAG_AT: usize = 12;

/// A frame of a host above as the host hands it to NDIS, with what is left to the adapter beside it.
pub(super) fn sent(header: VirtioNetHdr, mut bytes: Vec<u8>) -> NblSpec {
    let mut offset = header.csum_start;
    let mut beside = Vec::new();
    if let Some(tag) = take_tag(&mut bytes) {
        offset = offset.saturating_sub(TAG);
        beside.push(tag);
    }
    let version = version(&bytes);
    let segment = header.gso_size.into();
    match header.gso_type & !ECN {
        VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_TCPV6 => {
            beside.push(OutOfBand::LargeSendV2 { segment, tcp_header_offset: offset, version });
        }
        VIRTIO_NET_HDR_GSO_UDP_L4 => {
            beside.push(OutOfBand::UdpSegmentation { segment, udp_header_offset: offset, version });
        }
        _ if header.flags & NEEDS_CHECKSUM != 0 => beside.push(OutOfBand::ChecksumRequest {
            version,
            ip_header: false,
            tcp: header.csum_offset == TCP_CHECKSUM,
            udp: header.csum_offset == UDP_CHECKSUM,
            tcp_header_offset: offset,
        }),
        _ => {}
    }
    beside.into_iter().fold(NblSpec::from(bytes), NblSpec::with)
}

/// A frame that left below, for a network that does what was left to the adapter.
pub(super) fn handed_on(frame: &Frame) -> (VirtioNetHdr, Cow<'_, [u8]>) {
    let mut header = VirtioNetHdr::default();
    let mut bytes = Cow::Borrowed(frame.bytes.as_slice());
    let mut tag = None;
    for beside in OutOfBand::of_send(&frame.information) {
        match beside {
            OutOfBand::Vlan { .. } => tag = Some(beside),
            OutOfBand::ChecksumRequest { tcp, udp, tcp_header_offset, .. } if tcp || udp => {
                needs_checksum(&mut header, tcp_header_offset, tcp);
            }
            OutOfBand::LargeSendV1 { segment, tcp_header_offset: offset } => {
                cut(&mut header, &bytes, VIRTIO_NET_HDR_GSO_TCPV4, segment, offset);
            }
            OutOfBand::LargeSendV2 { segment, tcp_header_offset: offset, version } => {
                let kind = match version {
                    IpVersion::V4 => VIRTIO_NET_HDR_GSO_TCPV4,
                    IpVersion::V6 => VIRTIO_NET_HDR_GSO_TCPV6,
                };
                cut(&mut header, &bytes, kind, segment, offset);
            }
            OutOfBand::UdpSegmentation { segment, udp_header_offset: offset, .. } => {
                cut(&mut header, &bytes, VIRTIO_NET_HDR_GSO_UDP_L4, segment, offset);
            }
            _ => {}
        }
    }
    if let Some(OutOfBand::Vlan { priority, canonical_format, id }) = tag
        && bytes.len() >= TAG_AT
    {
        let control = u16::from(priority) << 13 | u16::from(canonical_format) << 12 | id;
        let [high, low] = control.to_be_bytes();
        bytes.to_mut().splice(TAG_AT..TAG_AT, [0x81, 0, high, low]);
        if header.flags & NEEDS_CHECKSUM != 0 {
            header.csum_start += TAG;
            header.hdr_len += if header.hdr_len > 0 { TAG } else { 0 };
        }
    }
    (header, bytes)
}

/// Calls `take` with each frame that a network's frame is on the wire, where the adapter gets it.
pub(super) fn on_the_wire(header: VirtioNetHdr, bytes: Vec<u8>, mut take: impl FnMut(Vec<u8>)) {
    let mss = header.gso_size.into();
    let is_tcp = header.csum_offset == TCP_CHECKSUM;
    let segmentation = match header.gso_type & !ECN {
        VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_TCPV6 => Some(Segmentation::TcpV2 { mss }),
        VIRTIO_NET_HDR_GSO_UDP_L4 => Some(Segmentation::Udp { mss }),
        _ => None,
    };
    let needed = header.flags & NEEDS_CHECKSUM != 0;
    let checksums = Checksums { ipv4: false, tcp: needed && is_tcp, udp: needed && !is_tcp };
    let offloads = Offloads { segmentation, checksums, ..Offloads::default() };
    if offloads.is_empty() {
        return take(bytes);
    }
    let mut workspace = Workspace::new();
    // What Linux cuts has a size that fits its network.
    let most = bytes.len();
    let source = bytes.as_slice();
    let Ok(mut transmission) = Transmission::new(source, offloads, most, None, &mut workspace)
    else {
        return;
    };
    while let Ok(Some(frame)) = transmission.next_frame() {
        let mut bytes = vec![0; frame.len()];
        if frame.read(0, &mut bytes) {
            take(bytes);
        }
    }
}

fn needs_checksum(header: &mut VirtioNetHdr, offset: u16, is_tcp: bool) {
    header.flags |= NEEDS_CHECKSUM;
    header.csum_start = offset;
    header.csum_offset = if is_tcp { TCP_CHECKSUM } else { UDP_CHECKSUM };
}

fn cut(header: &mut VirtioNetHdr, bytes: &[u8], kind: u8, segment: u32, offset: u16) {
    let is_tcp = kind != VIRTIO_NET_HDR_GSO_UDP_L4;
    needs_checksum(header, offset, is_tcp);
    let words = bytes.get(usize::from(offset) + 12).map_or(5, |byte| u16::from(byte >> 4));
    header.gso_type = kind;
    header.gso_size = u16::try_from(segment).unwrap_or(u16::MAX);
    header.hdr_len = offset + if is_tcp { words * 4 } else { 8 };
}

/// Takes an 802.1Q tag out of a frame, if there is one that says something.
fn take_tag(bytes: &mut Vec<u8>) -> Option<OutOfBand> {
    let [0x81, 0, high, low] = *bytes.get(TAG_AT..)?.first_chunk()? else { return None };
    let control = u16::from_be_bytes([high, low]);
    if control == 0 {
        return None;
    }
    bytes.drain(TAG_AT..TAG_AT + usize::from(TAG));
    let canonical_format = control & 0x1000 != 0;
    Some(OutOfBand::Vlan { priority: high >> 5, canonical_format, id: control & 0xFFF })
}

/// Which Internet Protocol a frame holds, behind the tags that are in it.
fn version(bytes: &[u8]) -> IpVersion {
    let mut types = bytes.get(TAG_AT..).unwrap_or_default().chunks(usize::from(TAG));
    let is_tag = |it: &&[u8]| matches!(it, [0x81, 0, ..] | [0x88, 0xA8, ..]);
    match types.find(|it| !is_tag(it)) {
        Some([0x86, 0xDD, ..]) => IpVersion::V6,
        _ => IpVersion::V4,
    }
}

#[cfg(test)]
mod tests {
    use ndis_lab::NbSpec;

    use super::*;

    /// A frame of so many bytes, with these behind its addresses.
    fn frame(length: usize, behind: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; length];
        frame[TAG_AT..TAG_AT + behind.len()].copy_from_slice(behind);
        frame
    }

    /// What a list holds, with what is beside it.
    fn held(list: &NblSpec) -> (&[u8], Vec<OutOfBand>) {
        let mut information = [0; 28];
        for &(index, value) in &list.information {
            information[index] = value;
        }
        let bytes = list.buffers.first().map_or(&[][..], |NbSpec { bytes, .. }| bytes);
        (bytes, OutOfBand::of_send(&information))
    }

    #[test]
    fn what_a_host_leaves_to_the_adapter_is_beside_its_frames() {
        let header = VirtioNetHdr {
            flags: NEEDS_CHECKSUM,
            gso_type: VIRTIO_NET_HDR_GSO_TCPV6 | ECN,
            hdr_len: 78,
            gso_size: 1440,
            csum_start: 58,
            csum_offset: TCP_CHECKSUM,
        };
        let list = sent(header, frame(9000, &[0x81, 0, 0xB0, 5, 0x86, 0xDD]));
        let (bytes, beside) = held(&list);
        assert_eq!(bytes, frame(8996, &[0x86, 0xDD]));
        let vlan = OutOfBand::Vlan { priority: 5, canonical_format: true, id: 5 };
        let (tcp_header_offset, version) = (54, IpVersion::V6);
        let large = OutOfBand::LargeSendV2 { segment: 1440, tcp_header_offset, version };
        assert_eq!(beside, [vlan, large]);

        let datagram = VirtioNetHdr { gso_type: 0, csum_offset: UDP_CHECKSUM, ..header };
        let list = sent(datagram, frame(100, &[0x86, 0xDD]));
        let request = OutOfBand::ChecksumRequest {
            version,
            ip_header: false,
            tcp: false,
            udp: true,
            tcp_header_offset: 58,
        };
        assert_eq!(held(&list).1, [request]);
        let datagrams = VirtioNetHdr { gso_type: VIRTIO_NET_HDR_GSO_UDP_L4, ..datagram };
        let list = sent(datagrams, frame(100, &[8, 0]));
        let version = IpVersion::V4;
        let cut = OutOfBand::UdpSegmentation { segment: 1440, udp_header_offset: 58, version };
        assert_eq!(held(&list).1, [cut]);
        let list = sent(VirtioNetHdr::default(), frame(60, &[8, 6]));
        assert_eq!(held(&list), (&*frame(60, &[8, 6]), Vec::new()));
    }

    #[test]
    fn what_a_network_leaves_to_the_adapter_is_done_before_the_driver_sees_it() {
        let mut whole = frame(54 + 3000, &[8, 0, 0x45]);
        whole[23] = 6;
        whole[46] = 0x50;
        let header = VirtioNetHdr {
            flags: NEEDS_CHECKSUM,
            gso_type: VIRTIO_NET_HDR_GSO_TCPV4,
            hdr_len: 54,
            gso_size: 1400,
            csum_start: 34,
            csum_offset: TCP_CHECKSUM,
        };
        let mut lengths = Vec::new();
        on_the_wire(header, whole, |frame| lengths.push(frame.len()));
        assert_eq!(lengths, [1454, 1454, 254]);
        let mut plain = Vec::new();
        on_the_wire(VirtioNetHdr::default(), vec![7; 60], |frame| plain.push(frame));
        assert_eq!(plain, [[7; 60]]);
    }
}

//! TCP and UDP packets, made by a library of others.

use etherparse::PacketBuilder;

/// Where the TCP header of [`tcp_segment`]s starts.
pub const TCP_OFFSET: u16 = 34;

/// What differs between the segments of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'p> {
    /// Its sequence number.
    pub sequence: u32,
    /// The identification of its IP header.
    pub identification: u16,
    /// Whether PSH is set.
    pub push: bool,
    /// Its payload.
    pub payload: &'p [u8],
}

/// An Ethernet frame with a TCP segment over IPv4, all checksums right.
///
/// # Panics
///
/// If it is longer than IPv4 allows.
#[must_use]
pub fn tcp_segment(segment: &Segment<'_>) -> Vec<u8> {
    let mut ip = etherparse::Ipv4Header::new(
        0,
        64,
        etherparse::IpNumber::TCP,
        [192, 0, 2, 1],
        [192, 0, 2, 2],
    )
    .expect("no payload yet");
    ip.identification = segment.identification;
    let builder = PacketBuilder::ethernet2([2, 0, 0x5E, 0x10, 0, 1], [2, 0, 0x5E, 0x10, 0, 2])
        .ip(etherparse::IpHeaders::Ipv4(ip, etherparse::Ipv4Extensions::default()))
        .tcp(49152, 80, segment.sequence, 65535)
        .ack(1);
    let builder = if segment.push { builder.psh() } else { builder };
    let mut frame = Vec::new();
    builder.write(&mut frame, segment.payload).expect("a packet");
    frame
}

/// An Ethernet frame with a UDP datagram over IPv6, its checksum right.
///
/// # Panics
///
/// If it is longer than IPv6 allows.
#[must_use]
pub fn udp_over_ipv6(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0x5E, 0x10, 0, 1], [2, 0, 0x5E, 0x10, 0, 2])
        .ipv6([0x20; 16], [0x21; 16], 64)
        .udp(5353, 5354);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).expect("a packet");
    frame
}

/// Where the inner frame of [`udp_in_vxlan`] starts, and where its headers of IP and UDP start from
/// there.
pub const INNER_FRAME: usize = 14 + 20 + 8 + 8;
/// From the start of the inner frame.
pub const INNER_IP: usize = 14;
/// From the start of the inner packet.
pub const INNER_UDP: usize = 20;

/// An Ethernet frame with a UDP datagram over IPv4 in VXLAN: the outer datagram has no checksum, and
/// all others are right.
///
/// # Panics
///
/// If it is longer than IPv4 allows.
#[must_use]
pub fn udp_in_vxlan(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0x5E, 0x10, 1, 1], [2, 0, 0x5E, 0x10, 1, 2])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .udp(5353, 5354);
    // The flag that there is an identifier, and the identifier.
    let mut inner = vec![8, 0, 0, 0, 0, 0, 42, 0];
    builder.write(&mut inner, payload).expect("a packet");
    let builder = PacketBuilder::ethernet2([2, 0, 0x5E, 0x10, 0, 1], [2, 0, 0x5E, 0x10, 0, 2])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(50_000, 4789);
    let mut frame = Vec::new();
    builder.write(&mut frame, &inner).expect("a packet");
    frame[40..42].fill(0);
    frame
}

/// Bytes that are not all alike.
#[must_use]
pub fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect()
}

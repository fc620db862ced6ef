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

/// Bytes that are not all alike.
#[must_use]
pub fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect()
}

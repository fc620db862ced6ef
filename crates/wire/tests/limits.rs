//! What cannot be done, and what is said about it.

use wire::{Changes, Checksums, Offloads, Segmentation, Tag, WireError};

use crate::{
    packet::{Extension, Network, Packet, Payload, Transport},
    sent::sent,
};

/// A TCP segment over IPv4, with `payload` bytes of payload.
fn segment(payload: usize) -> Packet {
    Packet {
        tags: Vec::new(),
        network: Network::V4 {
            service: 0,
            identification: 0x7FFE,
            flags: 2,
            hops: 64,
            options: Vec::new(),
        },
        transport: Transport::Tcp {
            sequence: u32::MAX,
            reserved: 0,
            flags: 0x10,
            options: Vec::new(),
        },
        payload: Payload(vec![7; payload]),
        padding: Vec::new(),
    }
}

fn cut(segmentation: Segmentation) -> Offloads {
    Offloads { segmentation: Some(segmentation), ..Offloads::default() }
}

/// The frame as it is, and that something was not done.
fn as_it_is(frame: &[u8]) -> Vec<(Vec<u8>, Changes)> {
    vec![(frame.to_vec(), Changes::INCOMPLETE)]
}

#[test]
fn a_frame_that_is_too_long_is_not_sent() {
    let frame = segment(1000).bytes(1, 1);
    let checksums = Checksums { ipv4: true, tcp: true, udp: true };
    for offloads in [Offloads::default(), Offloads { checksums, ..Offloads::default() }] {
        assert!(sent(&frame[..], offloads, frame.len(), None).is_ok());
        assert_eq!(sent(&frame[..], offloads, frame.len() - 1, None), Err(WireError::TooLong));
    }
}

#[test]
fn a_datagram_is_not_cut_smaller_than_asked() {
    let datagram = Packet { transport: Transport::Udp, ..segment(1000) };
    let frame = datagram.bytes(1, 1);
    let offloads = cut(Segmentation::Udp { mss: 500 });
    assert_eq!(sent(&frame[..], offloads, 542, None).map(|frames| frames.len()), Ok(2));
    assert_eq!(sent(&frame[..], offloads, 541, None), Err(WireError::TooLong));
}

#[test]
fn headers_alone_can_be_too_long() {
    let frame = segment(1000).bytes(1, 1);
    let offloads = cut(Segmentation::TcpV2 { mss: 500 });
    assert_eq!(sent(&frame[..], offloads, 55, None).map(|frames| frames.len()), Ok(1000));
    for max_frame in [0, 53, 54] {
        assert_eq!(sent(&frame[..], offloads, max_frame, None), Err(WireError::TooLong));
    }
}

#[test]
fn what_is_not_as_it_was_said_is_sent_as_it_is_or_not_at_all() {
    let tcp = segment(1000);
    let synchronizing = Packet {
        transport: Transport::Tcp { sequence: 1, reserved: 0, flags: 0x02, options: Vec::new() },
        ..segment(1000)
    };
    let fragment = Packet {
        network: Network::V4 {
            service: 0,
            identification: 1,
            flags: 1,
            hops: 64,
            options: Vec::new(),
        },
        ..segment(1000)
    };
    let padding = vec![0; 252];
    let long_headers = Packet {
        network: Network::V6 {
            class_and_flow: 0,
            hops: 64,
            extensions: vec![Extension::HopByHop(padding)],
        },
        ..segment(1000)
    };
    let mss = 500;
    let cases = [
        (&tcp, Segmentation::Udp { mss }),
        (&tcp, Segmentation::TcpV1 { mss: 0 }),
        (&tcp, Segmentation::TcpV2 { mss: 0 }),
        (&synchronizing, Segmentation::TcpV2 { mss }),
        (&fragment, Segmentation::TcpV2 { mss }),
        (&long_headers, Segmentation::TcpV2 { mss }),
    ];
    for (packet, segmentation) in cases {
        let frame = packet.bytes(1, 1);
        assert_eq!(sent(&frame[..], cut(segmentation), 1514, None), Ok(as_it_is(&frame)));
        assert_eq!(sent(&frame[..], cut(segmentation), 900, None), Err(WireError::Malformed));
    }
}

#[test]
fn drivers_that_point_elsewhere_are_not_believed() {
    let frame = segment(1000).bytes(1, 1);
    let checksums = Checksums { ipv4: false, tcp: true, udp: false };
    for offset in [33, 35, 0] {
        let offloads =
            Offloads { checksums, transport_offset: Some(offset), ..Offloads::default() };
        assert_eq!(sent(&frame[..], offloads, 1514, None), Ok(as_it_is(&frame)));
    }
}

#[test]
fn of_ipv6_no_header_is_to_be_completed() {
    let network = Network::V6 { class_and_flow: 0, hops: 64, extensions: Vec::new() };
    let frame = Packet { network, ..segment(100) }.bytes(0, 1);
    let ipv4 = Checksums { ipv4: true, ..Checksums::default() };
    let offloads = |checksums| Offloads { checksums, ..Offloads::default() };
    let frames = sent(&frame[..], offloads(ipv4), 1514, None);
    assert_eq!(frames, Ok(vec![(frame.clone(), Changes::empty())]));
    let both = Checksums { tcp: true, ..ipv4 };
    let tcp = Checksums { ipv4: false, ..both };
    let frames = sent(&frame[..], offloads(both), 1514, None);
    assert_eq!(frames, sent(&frame[..], offloads(tcp), 1514, None));
}

#[test]
fn of_a_packet_in_a_tunnel_nothing_is_done_to_the_tunnel() {
    let frame = segment(1000).bytes(1, 1);
    let checksums = Checksums { ipv4: true, tcp: true, udp: false };
    let left = [
        (Offloads { checksums, ..Offloads::default() }, WireError::TooLong),
        (cut(Segmentation::TcpV2 { mss: 500 }), WireError::Malformed),
    ];
    for (offloads, error) in left {
        let offloads = Offloads { is_encapsulated: true, ..offloads };
        assert_eq!(sent(&frame[..], offloads, 1514, None), Ok(as_it_is(&frame)));
        assert_eq!(sent(&frame[..], offloads, 900, None), Err(error));
    }
    let nothing = Offloads { is_encapsulated: true, ..Offloads::default() };
    assert_eq!(sent(&frame[..], nothing, 1514, None), Ok(vec![(frame, Changes::empty())]));
}

#[test]
fn of_a_fragment_the_header_is_completed_and_the_rest_is_not() {
    let mut packet = segment(100);
    packet.network =
        Network::V4 { service: 0, identification: 1, flags: 1, hops: 64, options: Vec::new() };
    let checksums = Checksums { ipv4: true, tcp: true, udp: false };
    let offloads = Offloads { checksums, tag: Some(Tag(1)), ..Offloads::default() };
    let frames = sent(&packet.bytes(1, 0xABCD)[..], offloads, 1514, None).expect("it fits");
    let [(frame, changes)] = &frames[..] else { panic!("{frames:?}") };
    assert_eq!(*changes, Changes::TAGGED | Changes::CHECKSUMMED | Changes::INCOMPLETE);
    assert_eq!(frame[54..56], [0xAB, 0xCD]);
    assert_ne!(frame[28..30], [0, 1]);
}

#[test]
fn identifications_count_in_15_bits_in_version_2_and_in_16_elsewhere() {
    let identifications = |segmentation, identification| {
        let mut packet = segment(400);
        packet.network =
            Network::V4 { service: 0, identification, flags: 2, hops: 64, options: Vec::new() };
        let frames = sent(&packet.bytes(0, 0)[..], cut(segmentation), 1514, None);
        let frames = frames.expect("it can be cut").into_iter();
        frames.map(|(frame, _)| u16::from_be_bytes([frame[18], frame[19]])).collect::<Vec<_>>()
    };
    let (one, two) = (Segmentation::TcpV1 { mss: 100 }, Segmentation::TcpV2 { mss: 100 });
    assert_eq!(identifications(one, 0x7FFE), [0x7FFE, 0x7FFF, 0x8000, 0x8001]);
    assert_eq!(identifications(one, 0xFFFE), [0xFFFE, 0xFFFF, 0, 1]);
    assert_eq!(identifications(two, 0x7FFE), [0x7FFE, 0x7FFF, 0, 1]);
    assert_eq!(identifications(two, 0xFFFE), [0xFFFE, 0xFFFF, 0x8000, 0x8001]);
}

#[test]
fn version_1_ends_where_its_total_length_says_and_version_2_with_the_frame() {
    let packet = Packet { padding: vec![9; 6], ..segment(1000) };
    let mut frame = packet.bytes(0, 0);
    let lengths = |frame: &[u8], segmentation| {
        let frames = sent(frame, cut(segmentation), 1514, None);
        let frames = frames.expect("it can be sent").into_iter();
        frames.map(|(frame, _)| frame.len() - 54).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&frame, Segmentation::TcpV1 { mss: 600 }), [600, 400]);
    assert_eq!(lengths(&frame, Segmentation::TcpV2 { mss: 600 }), [600, 406]);
    // Windows writes zero where the length does not count.
    frame[16..18].fill(0);
    assert_eq!(lengths(&frame, Segmentation::TcpV2 { mss: 600 }), [600, 406]);
    let offloads = cut(Segmentation::TcpV1 { mss: 600 });
    assert_eq!(sent(&frame[..], offloads, 1514, None), Ok(as_it_is(&frame)));
}

#[test]
fn what_was_coalesced_is_cut_evenly_where_the_target_takes_more() {
    let frame = segment(4380).bytes(0, 0);
    let lengths = |segments, max_frame| {
        let frames = sent(&frame[..], cut(Segmentation::Coalesced { segments }), max_frame, None);
        let frames = frames.expect("it can be cut").into_iter();
        frames.map(|(frame, _)| frame.len() - 54).collect::<Vec<_>>()
    };
    // As long as the target takes, if that makes as many; else evenly; and never longer.
    assert_eq!(lengths(4, 1514), [1095; 4]);
    assert_eq!(lengths(3, 1514), [1460; 3]);
    assert_eq!(lengths(3, 9014), [1460; 3]);
    assert_eq!(lengths(3, 1554), [1500, 1500, 1380]);
    assert_eq!(lengths(3, 554), [500, 500, 500, 500, 500, 500, 500, 500, 380]);
    assert_eq!(lengths(1, 9014), [4380]);
    assert_eq!(lengths(0, 9014), [4380]);
}

#[test]
fn what_was_coalesced_had_the_same_flags_of_congestion() {
    let mut packet = segment(300);
    let flags = 0b1101_1001;
    packet.transport = Transport::Tcp { sequence: 1, reserved: 0, flags, options: Vec::new() };
    let flags = |segmentation| {
        let frames = sent(&packet.bytes(0, 0)[..], cut(segmentation), 154, None);
        let frames = frames.expect("it can be cut").into_iter();
        frames.map(|(frame, _)| frame[47]).collect::<Vec<_>>()
    };
    // A sender says CWR once, FIN and PSH are said in the end.
    let large_send = Segmentation::TcpV2 { mss: 100 };
    assert_eq!(flags(large_send), [0b1101_0000, 0b0101_0000, 0b0101_1001]);
    let coalesced = Segmentation::Coalesced { segments: 3 };
    assert_eq!(flags(coalesced), [0b1101_0000, 0b1101_0000, 0b1101_1001]);
}

#[test]
fn a_sum_of_zero_is_written_so_that_it_is_one() {
    let checksums = Checksums { ipv4: false, tcp: true, udp: true };
    let offloads = Offloads { checksums, ..Offloads::default() };
    for (transport, zero) in [(segment(0).transport, 0_u16), (Transport::Udp, 0xFFFF)] {
        let packet = |payload| Packet {
            transport: transport.clone(),
            payload: Payload(payload),
            ..segment(0)
        };
        let field = packet(Vec::new()).transport_offset() + packet(Vec::new()).checksum_field();
        let checksum = |payload| {
            let frames = sent(&packet(payload).bytes(0, 0)[..], offloads, 1514, None);
            let (frame, _) = frames.expect("it can be sent").remove(0);
            u16::from_be_bytes([frame[field], frame[field + 1]])
        };
        // The payload makes up for all the rest.
        let rest = checksum(vec![0, 0]);
        assert_eq!(checksum(rest.to_be_bytes().to_vec()), zero);
    }
}

#[test]
fn no_packet_is_longer_than_its_length_can_say() {
    let mut packet = segment(150_000);
    for network in [
        packet.network.clone(),
        Network::V6 {
            class_and_flow: 0,
            hops: 1,
            extensions: vec![Extension::HopByHop(vec![0; 4])],
        },
    ] {
        packet.network = network;
        let mss = 100_000;
        let frame = packet.bytes(0, 0);
        let offloads = cut(Segmentation::TcpV2 { mss });
        let frames = sent(&frame[..], offloads, usize::MAX, None).expect("it can be cut");
        let longest = 65_535 - (packet.payload_offset() - packet.network_offset());
        let lengths = frames.iter().map(|(frame, _)| frame.len() - packet.payload_offset());
        assert_eq!(lengths.collect::<Vec<_>>(), [longest, longest, 150_000 - 2 * longest]);
        packet.transport = Transport::Udp;
        let datagram = packet.bytes(0, 0);
        let offloads = cut(Segmentation::Udp { mss });
        assert_eq!(sent(&datagram[..], offloads, usize::MAX, None), Err(WireError::TooLong));
        packet.transport = segment(0).transport;
    }
}

#[test]
fn a_datagram_ends_where_its_own_length_says() {
    let datagram = Packet { transport: Transport::Udp, padding: vec![9; 5], ..segment(100) };
    let offloads = Offloads {
        checksums: Checksums { ipv4: false, tcp: false, udp: true },
        ..Offloads::default()
    };
    let completed = |frame: &[u8]| sent(frame, offloads, 1514, None).expect("it fits").remove(0);
    let mut frame = datagram.bytes(0, 0);
    let (expected, _) = completed(&frame);
    // The packet has the bytes behind the datagram too, and they do not count.
    frame[17] += 5;
    assert_eq!(completed(&frame), (patched(&expected, 17, 5), Changes::CHECKSUMMED));
    // A datagram that is longer than its packet is not one.
    frame[39] += 6;
    assert_eq!(completed(&frame), (frame.clone(), Changes::INCOMPLETE));
    // Nor is one without room for its own header.
    frame[38..40].copy_from_slice(&[0, 7]);
    assert_eq!(completed(&frame), (frame.clone(), Changes::INCOMPLETE));
}

/// The frame, with so much more in one byte.
fn patched(frame: &[u8], at: usize, more: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at] += more;
    frame
}

//! What is left to an adapter, and done by it, is read by its documented meaning: by its version, its
//! fields and where it says that headers start.

use crate::copying::{seen, with};
use framecast_tests::{
    Stage, bytes_of,
    copying::{Read, add_mirror, mirror_all, mirror_record, read_tap, start_tap, tap_all},
    frame,
    packets::{Segment, TCP_OFFSET, payload, tcp_segment, udp_over_ipv6},
    roomy,
};
use ndis_lab::{AdapterConfig, IpVersion, NblSpec, OutOfBand};
use protocol::{MirrorDrop, record};

/// Where the header of UDP over IPv6 without extensions starts.
const UDP_OFFSET: u16 = 14 + 40;

/// What the adapters say that have been told nothing but whose fields are not what was on the wire.
const VALUES_INVALID: OutOfBand = OutOfBand::ChecksumResult {
    ip_header: Some(true),
    tcp: Some(true),
    udp: None,
    values_invalid: true,
};

/// Segments of a stream, with the last of them pushed, as an adapter makes them of `payload`.
fn segments(payload: &[u8], size: usize, first: u16) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(size);
    let segment = |(number, chunk): (u16, _)| Segment {
        sequence: 5000 + u32::from(number) * u32::try_from(size).expect("short"),
        identification: first.wrapping_add(number),
        push: usize::from(number) == count - 1,
        payload: chunk,
    };
    (0..).zip(payload.chunks(size)).map(|segment_of| tcp_segment(&segment(segment_of))).collect()
}

/// All of a stream in one piece.
fn large(payload: &[u8], identification: u16) -> Vec<u8> {
    tcp_segment(&Segment { sequence: 5000, identification, push: true, payload })
}

#[test]
fn a_large_send_of_version_1_ends_where_its_packet_says() {
    let payload = payload(4000);
    // What is behind the packet does not belong to it, and all 16 bits of identifications count.
    let bytes = [large(&payload, 0x7FFF), vec![0xEE; 7]].concat();
    let left = OutOfBand::LargeSendV1 { segment: 1460, tcp_header_offset: TCP_OFFSET };
    let all = seen(|source| source.send_from_above([NblSpec::from(&bytes).with(left)]));
    let expected = segments(&payload, 1460, 0x7FFF);
    let [first, second, third] = &expected[..] else { panic!("{} segments", expected.len()) };
    all.are([first, second, third], record::SEGMENTED | record::CHECKSUM_COMPLETED);
}

#[test]
fn a_large_datagram_is_cut_as_the_adapter_cuts_it() {
    let payload = payload(3500);
    let left = OutOfBand::UdpSegmentation {
        segment: 1400,
        udp_header_offset: UDP_OFFSET,
        version: IpVersion::V6,
    };
    let list = NblSpec::from(udp_over_ipv6(&payload)).with(left);
    let all = seen(|source| source.send_from_above([list]));
    let datagrams = [&payload[..1400], &payload[1400..2800], &payload[2800..]].map(udp_over_ipv6);
    let flags = record::SEGMENTED | record::CHECKSUM_COMPLETED;
    all.are([&datagrams[0], &datagrams[1], &datagrams[2]], flags);
}

#[test]
fn headers_that_start_elsewhere_than_is_said_are_not_touched() {
    let tcp = large(&payload(1000), 1);
    let udp = udp_over_ipv6(&payload(1000));
    let (segment, version) = (500, IpVersion::V6);
    let (wrong_for_tcp, wrong_for_udp) = (TCP_OFFSET + 4, UDP_OFFSET + 8);
    let cases = [
        (&tcp, OutOfBand::LargeSendV1 { segment, tcp_header_offset: wrong_for_tcp }),
        (
            &tcp,
            OutOfBand::LargeSendV2 {
                segment,
                tcp_header_offset: wrong_for_tcp,
                version: IpVersion::V4,
            },
        ),
        (&udp, OutOfBand::UdpSegmentation { segment, udp_header_offset: wrong_for_udp, version }),
        (
            &udp,
            OutOfBand::ChecksumRequest {
                version,
                ip_header: false,
                tcp: false,
                udp: true,
                tcp_header_offset: wrong_for_udp,
            },
        ),
    ];
    for (bytes, left) in cases {
        let list = NblSpec::from(bytes).with(left);
        let all = seen(|source| source.send_from_above([list]));
        assert_eq!(all.tapped.bytes(), [&bytes[..]], "{left:?}");
        assert_eq!(all.tapped.frames[0].0.flags, record::INCOMPLETE, "{left:?}");
        assert_eq!(all.drops[MirrorDrop::Incomplete.index()], 1, "{left:?}");
    }
}

#[test]
fn checksums_that_an_adapter_took_from_a_receive_are_back_in_the_copy() {
    let tcp = large(&payload(777), 1);
    let udp = udp_over_ipv6(&payload(778));
    let spoilt_tcp = with(with(tcp.clone(), 24, &[0, 0]), 50, &[0xAB, 0xCD]);
    let spoilt_udp = with(udp.clone(), usize::from(UDP_OFFSET) + 6, &[0xAB, 0xCD]);
    let receive = |bytes: &[u8], said| {
        let list = NblSpec::from(bytes).with(said);
        seen(|source| {
            source.indicate_from_below([list], false);
        })
    };
    let completed = record::RECEIVED | record::CHECKSUM_COMPLETED;
    receive(&spoilt_tcp, VALUES_INVALID).are([&tcp], completed);
    receive(&spoilt_udp, VALUES_INVALID).are([&udp], completed);
    // What is wrong and was not taken away was wrong on the wire.
    let wrong = OutOfBand::ChecksumResult {
        ip_header: Some(false),
        tcp: Some(false),
        udp: None,
        values_invalid: false,
    };
    receive(&spoilt_tcp, wrong).are([&spoilt_tcp], record::RECEIVED);
}

#[test]
fn what_was_coalesced_was_no_longer_than_the_source_takes() {
    let payload = payload(1460 * 2 + 100);
    let coalesced = OutOfBand::Coalesced { segments: 3, duplicate_acks: 0 };
    let stage = Stage::new();
    let source = stage.adapter(roomy());
    let target = stage.adapter(AdapterConfig { mtu: 9000, ..AdapterConfig::numbered(2) });
    let client = stage.client();
    start_tap(&client, tap_all(), &[source.config().luid], &[]).expect("the tap starts");
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("the mirror is added");
    source.indicate_from_below([NblSpec::from(large(&payload, 9)).with(coalesced)], false);
    let expected = segments(&payload, 1460, 9);
    assert_eq!(read_tap(&client).bytes(), expected);
    assert_eq!(bytes_of(&target.wire()), expected);
    // One that cannot have been coalesced is shown, whatever its length.
    let other = frame(1, 3000);
    source.indicate_from_below([NblSpec::from(&other).with(coalesced)], false);
    let Read { frames, .. } = read_tap(&client);
    assert_eq!(frames[0].1, other);
    assert_eq!(frames[0].0.flags, record::RECEIVED | record::INCOMPLETE);
    assert_eq!(mirror_record(&client, id).dropped(MirrorDrop::Incomplete), 1);
    drop(client);
    stage.end();
}

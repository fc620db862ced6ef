//! Checksums, against scapy: it builds the same frames anew.

use std::sync::{LazyLock, Mutex, PoisonError};

use proptest::prelude::*;
use serde_json::json;
use wire::{Changes, Checksums, Offloads, Segmentation, Tag};

use crate::{
    oracle::{Oracle, to_hex},
    packet::{Network, Packet, Transport, packets, tcp, udp},
    pieces::{Pieces, cuts},
    sent::{sent, tagged},
};

static SCAPY: LazyLock<Mutex<Oracle>> = LazyLock::new(|| Mutex::new(Oracle::new("rebuild")));

/// The frame as scapy builds it, with these fields found out by itself.
fn rebuilt(frame: &[u8], fields: &[&str]) -> Vec<u8> {
    let question = json!({ "frame": to_hex(frame), "fields": fields });
    let mut scapy = SCAPY.lock().unwrap_or_else(PoisonError::into_inner);
    scapy.frames(&question).remove(0)
}

/// A packet of TCP or UDP, perhaps with bytes behind it that are not its own.
fn padded() -> impl Strategy<Value = Packet> {
    let payload = prop_oneof![0_usize..20, 200_usize..300, 1000_usize..1600];
    let packets = prop_oneof![packets(tcp(), payload.clone()), packets(udp(), payload)];
    (packets, prop::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(packet, padding)| Packet { padding, ..packet })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn checksums_are_completed_as_scapy_computes_them(
        packet in padded(),
        (of_network, of_transport) in any::<(u16, u16)>(),
        (ipv4, transport) in any::<(bool, bool)>(),
        (tag, outer) in any::<(Option<u16>, Option<u16>)>(),
        hint in any::<bool>(),
        cuts in cuts(),
    ) {
        let frame = packet.bytes(of_network, of_transport);
        let ipv4 = ipv4 && matches!(packet.network, Network::V4 { .. });
        let is_tcp = matches!(packet.transport, Transport::Tcp { .. });
        let (tcp, udp) = (transport && is_tcp, transport && !is_tcp);
        let fields = [(ipv4, "ipv4"), (tcp, "tcp"), (udp, "udp")];
        let fields: Vec<_> =
            fields.iter().filter(|(wanted, _)| *wanted).map(|(_, name)| *name).collect();
        let tags: Vec<_> = [outer, tag].into_iter().flatten().map(Tag).collect();
        let expected = tagged(&rebuilt(&frame, &fields), &tags);

        let offset = u16::try_from(packet.transport_offset()).expect("short");
        let offloads = Offloads {
            tag: tag.map(Tag),
            checksums: Checksums { ipv4, tcp, udp },
            transport_offset: hint.then_some(offset),
            ..Offloads::default()
        };
        let frames = sent(&Pieces::new(&frame, &cuts), offloads, 2000, outer.map(Tag));
        let mut changes = Changes::empty();
        changes.set(Changes::TAGGED, !tags.is_empty());
        changes.set(Changes::CHECKSUMMED, !fields.is_empty());
        prop_assert_eq!(frames, Ok(vec![(expected, changes)]));
    }

    #[test]
    fn segments_are_frames_that_scapy_would_build(
        packet in packets(prop_oneof![tcp(), udp()], 1_usize..4000),
        checksum in prop_oneof![Just(0), any::<u16>()],
        mss in 100_u32..1460,
        cuts in cuts(),
    ) {
        let is_udp = matches!(packet.transport, Transport::Udp);
        let segmentation =
            if is_udp { Segmentation::Udp { mss } } else { Segmentation::TcpV2 { mss } };
        let offloads = Offloads { segmentation: Some(segmentation), ..Offloads::default() };
        let source = Pieces::new(&packet.bytes(checksum, checksum), &cuts);
        let frames = sent(&source, offloads, 2000, None).expect("it can be cut");
        let mut payload = Vec::new();
        for (frame, _) in &frames {
            // A datagram that was left without a checksum stays without.
            let mut fields = vec!["lengths", "ipv4", "tcp"];
            if checksum != 0 {
                fields.push("udp");
            }
            prop_assert_eq!(to_hex(frame), to_hex(&rebuilt(frame, &fields)));
            let field = packet.transport_offset() + packet.checksum_field();
            let written = u16::from_be_bytes([frame[field], frame[field + 1]]);
            prop_assert!(!is_udp || (written == 0) == (checksum == 0));
            payload.extend_from_slice(&frame[packet.payload_offset()..]);
        }
        prop_assert_eq!(payload, packet.payload.0);
    }
}

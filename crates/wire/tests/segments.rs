//! Large sends, against the Linux kernel: it cuts the same frames in software.

use std::sync::{LazyLock, Mutex};

use proptest::prelude::*;
use serde_json::json;
use wire::{Changes, Offloads, Segmentation, Tag};

use crate::{
    oracle::{Oracle, to_hex},
    packet::{Network, Packet, Transport, packets, tcp, udp},
    pieces::{Pieces, cuts},
    sent::{difference, sent, tagged},
};

static KERNEL: LazyLock<Mutex<Oracle>> = LazyLock::new(|| Mutex::new(Oracle::isolated("kernel")));

/// What the kernel makes of a packet with `size` bytes of payload in each segment.
fn by_the_kernel(packet: &Packet, size: usize) -> Vec<Vec<u8>> {
    let (kind, ecn) = match (&packet.transport, &packet.network) {
        (Transport::Tcp { flags, .. }, Network::V4 { .. }) => ("tcp4", flags & 0x80 != 0),
        (Transport::Tcp { flags, .. }, Network::V6 { .. }) => ("tcp6", flags & 0x80 != 0),
        (Transport::Udp, _) => ("udp", false),
    };
    let question = json!({
        "frame": to_hex(&packet.bytes(0, packet.pseudo_sum())),
        "kind": kind,
        "ecn": ecn,
        "size": size,
        "header": packet.payload_offset(),
        "start": packet.transport_offset(),
        "field": packet.checksum_field(),
    });
    let mut kernel = KERNEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    kernel.frames(&question)
}

/// A packet that makes several segments, and bytes of payload in each.
fn large(
    transport: impl Strategy<Value = Transport> + 'static,
) -> impl Strategy<Value = (Packet, usize, Vec<usize>)> {
    let sizes = prop_oneof![1_usize..40, 500_usize..1500];
    let shape = (sizes, 1_usize..12, any::<prop::sample::Index>());
    let shape = shape.prop_map(|(size, full, last)| (size, full * size + last.index(size) + 1));
    let transport = transport.boxed();
    (shape, cuts()).prop_flat_map(move |((size, payload), cuts)| {
        (packets(transport.clone(), Just(payload)), Just(size), Just(cuts))
    })
}

/// The version of large send offload that the packet can have. Version 2 counts its identifications
/// otherwise than the kernel, once they reach the middle of their range.
fn large_send(packet: &Packet, mss: usize, segments: usize) -> Segmentation {
    let mss = u32::try_from(mss).expect("short");
    match &packet.network {
        Network::V4 { identification, .. }
            if usize::from(identification & 0x7FFF) + segments <= 0x8000 =>
        {
            Segmentation::TcpV2 { mss }
        }
        Network::V4 { .. } => Segmentation::TcpV1 { mss },
        Network::V6 { .. } => Segmentation::TcpV2 { mss },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_large_send_is_cut_as_the_kernel_cuts_it(
        (packet, size, cuts) in large(tcp()),
        checksum in any::<u16>(),
        narrow in any::<bool>(),
        (tag, outer) in any::<(Option<u16>, Option<u16>)>(),
    ) {
        let (tag, outer) = (tag.map(Tag), outer.map(Tag));
        let tags: Vec<_> = [outer, tag].into_iter().flatten().collect();
        let expected = by_the_kernel(&packet, size);
        prop_assert!(expected.len() > 1);
        let expected: Vec<_> = expected.iter().map(|frame| tagged(frame, &tags)).collect();
        // The field is not trusted, whatever it holds.
        let source = Pieces::new(&packet.bytes(checksum, !checksum), &cuts);
        // A target that is too narrow for what the sender asked for has it cut to its own size.
        let untagged = packet.payload_offset() - 4 * packet.tags.len();
        let (asked, max_frame) = if narrow { (size + 1, untagged + size) } else { (size, 2000) };
        let segmentation = large_send(&packet, asked, expected.len());
        let offloads = Offloads { tag, segmentation: Some(segmentation), ..Offloads::default() };
        let frames = sent(&source, offloads, max_frame, outer).expect("it can be cut");
        let mut changes = Changes::SEGMENTED | Changes::CHECKSUMMED;
        changes.set(Changes::RESEGMENTED, narrow);
        changes.set(Changes::TAGGED, !tags.is_empty());
        prop_assert!(frames.iter().all(|(_, changed)| *changed == changes));
        prop_assert_eq!(difference(&frames, &expected), "");
    }

    #[test]
    fn a_large_datagram_is_cut_as_the_kernel_cuts_it(
        (packet, size, cuts) in large(udp()),
        checksum in 1_u16..,
    ) {
        let expected = by_the_kernel(&packet, size);
        prop_assert!(expected.len() > 1);
        let source = Pieces::new(&packet.bytes(checksum, checksum), &cuts);
        let mss = u32::try_from(size).expect("short");
        let segmentation = Some(Segmentation::Udp { mss });
        let offloads = Offloads { segmentation, ..Offloads::default() };
        let frames = sent(&source, offloads, 2000, None).expect("it can be cut");
        prop_assert_eq!(difference(&frames, &expected), "");
    }

    #[test]
    fn what_was_coalesced_is_what_it_was(
        (mut packet, size, cuts) in large(tcp()),
        checksum in any::<u16>(),
    ) {
        // The kernel, as a sender, says CWR once; what is coalesced has it in all or in none.
        if let Transport::Tcp { flags, .. } = &mut packet.transport {
            *flags &= 0x7F;
        }
        let expected = by_the_kernel(&packet, size);
        let source = Pieces::new(&packet.bytes(checksum, checksum), &cuts);
        let segments = u16::try_from(expected.len()).expect("a few");
        let segmentation = Some(Segmentation::Coalesced { segments });
        let offloads = Offloads { segmentation, ..Offloads::default() };
        // The adapter that received it takes frames as long as these.
        let untagged = packet.payload_offset() - 4 * packet.tags.len();
        let frames = sent(&source, offloads, untagged + size, None).expect("it can be cut");
        prop_assert!(frames.iter().all(|(_, changes)| changes.contains(Changes::RESEGMENTED)));
        prop_assert_eq!(difference(&frames, &expected), "");
    }
}

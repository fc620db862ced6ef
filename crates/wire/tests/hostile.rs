//! Frames and offloads that nobody should send: what comes out still keeps its promises.

use proptest::prelude::*;
use wire::{
    Changes, Checksums, HEADER_LIMIT, Offloads, Segmentation, Source, Tag, Transmission, WireError,
    Workspace,
};

use crate::{
    packet::{packets, tcp, udp},
    pieces::{Pieces, cuts},
    sent::sent,
};

/// Frames that were sound before bytes of them changed, mostly in the headers, and their end went
/// missing; and frames that never were.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let packets = packets(prop_oneof![tcp(), udp()], 0_usize..1200);
    let changed = prop::collection::vec((0_usize..120, any::<u8>()), 0..4);
    let spoilt = (packets, any::<(u16, u16)>(), changed, prop::option::weighted(0.2, 0_usize..400));
    let spoilt = spoilt.prop_map(|(packet, (network, transport), changed, len)| {
        let mut frame = packet.bytes(network, transport);
        for (at, byte) in changed {
            if let Some(to) = frame.get_mut(at) {
                *to = byte;
            }
        }
        frame.truncate(len.unwrap_or(usize::MAX));
        frame
    });
    prop_oneof![9 => spoilt, 1 => prop::collection::vec(any::<u8>(), 0..500)]
}

fn offloads() -> impl Strategy<Value = Offloads> {
    let mss = prop_oneof![8 => 1_u32..1500, 1 => Just(0), 1 => any::<u32>()];
    let segmentation = prop_oneof![
        mss.clone().prop_map(|mss| Segmentation::TcpV1 { mss }),
        mss.clone().prop_map(|mss| Segmentation::TcpV2 { mss }),
        mss.prop_map(|mss| Segmentation::Udp { mss }),
        prop_oneof![0_u16..10, any::<u16>()]
            .prop_map(|segments| Segmentation::Coalesced { segments }),
    ];
    let transport_offset = prop::option::weighted(0.1, 0_u16..100);
    (
        any::<(bool, bool, bool)>(),
        prop::option::of(segmentation),
        transport_offset,
        any::<Option<u16>>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |((ipv4, tcp, udp), segmentation, transport_offset, tag, is_encapsulated)| Offloads {
                tag: tag.map(Tag),
                checksums: Checksums { ipv4, tcp, udp },
                segmentation,
                transport_offset,
                is_encapsulated,
            },
        )
}

/// Bytes of a frame without the tags that it starts with.
fn untagged(frame: &[u8]) -> usize {
    let mut tags = 0;
    while let Some([high, low, _, _, _, _]) =
        frame.get(12 + 4 * tags..).and_then(<[u8]>::first_chunk)
        && matches!([*high, *low], [0x81 | 0x91, 0] | [0x88, 0xA8])
    {
        tags += 1;
    }
    frame.len() - 4 * tags
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_comes_the_promises_are_kept(
        frame in frames(),
        offloads in offloads(),
        max_frame in prop_oneof![0_usize..200, 1400_usize..1600],
        outer in any::<Option<u16>>(),
        cuts in cuts(),
    ) {
        let outer = outer.map(Tag);
        let source = Pieces::new(&frame, &cuts);
        let frames = sent(&source, offloads, max_frame, outer);
        prop_assert_eq!(&frames, &sent(&frame[..], offloads, max_frame, outer));
        if offloads.is_empty() && outer.is_none() && frame.len() <= max_frame {
            prop_assert_eq!(&frames, &Ok(vec![(frame.clone(), Changes::empty())]));
        }
        let Ok(frames) = frames else { return Ok(()) };
        prop_assert!(!frames.is_empty());
        for (bytes, changes) in &frames {
            prop_assert!(untagged(bytes) <= max_frame);
            let cut = changes.intersects(Changes::SEGMENTED | Changes::RESEGMENTED);
            prop_assert!(!cut || offloads.segmentation.is_some());
            prop_assert!(!cut || !changes.contains(Changes::INCOMPLETE));
            prop_assert!(cut || frames.len() == 1);
            prop_assert_eq!(
                changes.contains(Changes::TAGGED),
                (outer.is_some() || offloads.tag.is_some()) && frame.len() >= 12
            );
        }
        let inserted = usize::from(outer.is_some()) + usize::from(offloads.tag.is_some());
        if let [(bytes, changes)] = &frames[..]
            && !changes.contains(Changes::SEGMENTED)
        {
            // As it was, but for its tags and its checksums.
            let inserted = if changes.contains(Changes::TAGGED) { 4 * inserted } else { 0 };
            prop_assert_eq!(bytes.len(), frame.len() + inserted);
            let start = frame.len().min(12);
            prop_assert_eq!(&bytes[..start], &frame[..start]);
            let changed = bytes[start + inserted..].iter().zip(&frame[start..]);
            let changed = changed.filter(|(is, was)| is != was).count();
            let most = if changes.contains(Changes::CHECKSUMMED) { 4 } else { 0 };
            prop_assert!(changed <= most, "{} bytes", changed);
        }
    }

    #[test]
    fn segments_hold_every_byte_of_the_payload_once(
        frame in frames(),
        offloads in offloads(),
        max_frame in 100_usize..1600,
    ) {
        let mut workspace = Workspace::new();
        let transmission =
            Transmission::new(&frame[..], offloads, max_frame, None, &mut workspace);
        let Ok(mut transmission) = transmission else { return Ok(()) };
        let mut reached = None;
        while let Some(on_the_wire) = transmission.next_frame().expect("readable") {
            prop_assert!(on_the_wire.header().len() <= HEADER_LIMIT);
            let payload = on_the_wire.payload();
            prop_assert!(payload.start <= payload.end && payload.end <= frame.len());
            prop_assert_eq!(payload.start, reached.unwrap_or(payload.start));
            reached = Some(payload.end);
        }
        prop_assert!(reached.is_some());
    }

    #[test]
    fn bytes_that_cannot_be_read_are_an_error_and_not_a_guess(
        frame in frames(),
        offloads in offloads(),
        readable in 0_usize..1400,
    ) {
        let intact = sent(&frame[..], offloads, 1514, None);
        let broken = Broken { frame: &frame, readable };
        let mut workspace = Workspace::new();
        match Transmission::new(&broken, offloads, 1514, None, &mut workspace) {
            Err(error) => prop_assert!(error == WireError::Unreadable || intact == Err(error)),
            Ok(mut transmission) => {
                let intact = intact.expect("it is, with fewer bytes to be read");
                for (bytes, changes) in intact {
                    let frame = match transmission.next_frame() {
                        Ok(frame) => frame.expect("as many frames"),
                        Err(error) => {
                            prop_assert_eq!(error, WireError::Unreadable);
                            return Ok(());
                        }
                    };
                    prop_assert_eq!((frame.len(), frame.changes()), (bytes.len(), changes));
                    prop_assert_eq!(frame.header(), &bytes[..frame.header().len()]);
                }
            }
        }
    }
}

/// A frame whose bytes can be reached only so far.
struct Broken<'f> {
    frame: &'f [u8],
    readable: usize,
}

impl Source for Broken<'_> {
    fn len(&self) -> usize {
        self.frame.len()
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        offset + into.len() <= self.readable && self.frame.read(offset, into)
    }
}

//! A real TCP/IP stack with segmentation offload, against the same stack that cuts by itself: its
//! frames are seen before and after that, and once more when they have been received and coalesced.

use serde_json::{Value, json};
use wire::{Changes, Checksums, Offloads, Segmentation};

use crate::{
    oracle::{Oracle, from_hex},
    sent::{difference, sent},
    shape::Shape,
};

/// A frame, and what was left to the device.
struct Seen {
    bytes: Vec<u8>,
    is_partial: bool,
    size: u32,
}

fn seen(frames: &Value) -> Vec<Seen> {
    let frames = frames.as_array().expect("a list").iter();
    let read = |frame: &Value| Seen {
        bytes: from_hex(frame["bytes"].as_str().expect("a string")),
        is_partial: frame["partial"].as_bool().expect("a flag"),
        size: frame["size"].as_u64().and_then(|size| size.try_into().ok()).expect("short"),
    };
    frames.map(read).collect()
}

/// All frames on the wire.
fn all_sent(
    frames: &[Seen],
    offloads: impl Fn(&Seen, &Shape) -> Offloads,
) -> Vec<(Vec<u8>, Changes)> {
    let of_one = |frame: &Seen| {
        let shape = Shape::of(&frame.bytes);
        let offloads = shape.map(|shape| offloads(frame, &shape)).unwrap_or_default();
        sent(&frame.bytes[..], offloads, 1514, None).expect("it can be sent")
    };
    frames.iter().flat_map(of_one).collect()
}

/// What a sender leaves to its adapter.
fn as_a_sender(frame: &Seen, shape: &Shape) -> Offloads {
    let mss = frame.size;
    let segmentation = match (shape.is_tcp, shape.is_v4) {
        _ if mss == 0 => None,
        // Linux counts identifications in 16 bits.
        (true, true) => Some(Segmentation::TcpV1 { mss }),
        (true, false) => Some(Segmentation::TcpV2 { mss }),
        (false, _) => Some(Segmentation::Udp { mss }),
    };
    Offloads { segmentation, ..checksums(frame, shape) }
}

/// What an adapter leaves to a receiver: it does not say how long the segments were.
fn as_a_receiver(frame: &Seen, shape: &Shape) -> Offloads {
    if frame.size == 0 {
        return checksums(frame, shape);
    }
    let size = usize::try_from(frame.size).expect("short");
    let segments = (frame.bytes.len() - shape.payload).div_ceil(size);
    let segments = u16::try_from(segments).expect("a few");
    Offloads { segmentation: Some(Segmentation::Coalesced { segments }), ..Offloads::default() }
}

fn checksums(frame: &Seen, shape: &Shape) -> Offloads {
    let (tcp, udp) = (frame.is_partial && shape.is_tcp, frame.is_partial && !shape.is_tcp);
    Offloads { checksums: Checksums { ipv4: false, tcp, udp }, ..Offloads::default() }
}

#[test]
fn what_the_stack_leaves_to_its_adapter_is_sent_as_it_would_send_it() {
    let mut stack = Oracle::isolated("stack");
    for version in [4, 6] {
        for _ in 0..4 {
            let sends = json!([100, 5000, 60_000, 1, 30_000, 1447, 1448, 1449, 20]);
            let question = json!({ "version": version, "protocol": "tcp", "sends": sends });
            let answer = stack.ask(&question);
            let [before, after, coalesced] =
                ["before", "after", "coalesced"].map(|name| seen(&answer[name]));
            let after: Vec<_> = after.into_iter().map(|frame| frame.bytes).collect();
            for frames in [&before, &coalesced] {
                let large = frames.iter().filter(|frame| frame.size > 0).count();
                assert!(large > 3, "only {large} frames were to be cut");
            }
            assert_eq!(difference(&all_sent(&before, as_a_sender), &after), "");
            assert_eq!(difference(&all_sent(&coalesced, as_a_receiver), &after), "");
        }
        let sends = json!([[12_000, 1200], [12_345, 1000], [50, 1000], [40_001, 1400]]);
        let question = json!({ "version": version, "protocol": "udp", "sends": sends });
        let answer = stack.ask(&question);
        let after: Vec<_> = seen(&answer["after"]).into_iter().map(|frame| frame.bytes).collect();
        assert_eq!(difference(&all_sent(&seen(&answer["before"]), as_a_sender), &after), "");
    }
}

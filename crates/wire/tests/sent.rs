use std::fmt::Write as _;

use wire::{Changes, Offloads, Source, Tag, Transmission, WireError, Workspace};

use crate::oracle::to_hex;

/// All frames on the wire, and how they were changed.
pub(crate) fn sent<S: Source + ?Sized>(
    source: &S,
    offloads: Offloads,
    max_frame: usize,
    outer: Option<Tag>,
) -> Result<Vec<(Vec<u8>, Changes)>, WireError> {
    let mut workspace = Workspace::new();
    let mut transmission = Transmission::new(source, offloads, max_frame, outer, &mut workspace)?;
    let announced = transmission.frames_left();
    let mut frames = Vec::new();
    while let Some(frame) = transmission.next_frame()? {
        let mut bytes = vec![0; frame.len()];
        assert!(frame.read(0, &mut bytes));
        assert!(!frame.read(frame.len(), &mut [0]), "no byte is behind the last");
        frames.push((bytes, frame.changes()));
    }
    assert_eq!(frames.len(), announced);
    assert_eq!(transmission.frames_left(), 0);
    Ok(frames)
}

/// How `frames` differ from `expected`: nothing where they do not.
pub(crate) fn difference(frames: &[(Vec<u8>, Changes)], expected: &[Vec<u8>]) -> String {
    let mut difference = String::new();
    if frames.len() != expected.len() {
        let _ = writeln!(difference, "{} frames, not {}", frames.len(), expected.len());
    }
    for (index, ((frame, _), expected)) in frames.iter().zip(expected).enumerate() {
        if frame != expected {
            let (frame, expected) = (to_hex(frame), to_hex(expected));
            let _ = writeln!(difference, "frame {index} is\n{frame}\nand not\n{expected}");
        }
    }
    difference
}

/// A frame with tags behind its addresses.
pub(crate) fn tagged(frame: &[u8], tags: &[Tag]) -> Vec<u8> {
    let tags: Vec<u8> =
        tags.iter().flat_map(|tag| [[0x81, 0x00], tag.0.to_be_bytes()].concat()).collect();
    [&frame[..12], &tags, &frame[12..]].concat()
}

//! Tags that travel out of band, or are the mirror's own.

use wire::{Changes, Offloads, Tag, Transmission, WireError, Workspace};

use crate::sent::sent;

/// A frame of 60 bytes, each another.
fn frame() -> Vec<u8> {
    (0..60).collect()
}

#[test]
fn a_frame_with_nothing_to_do_is_on_the_wire_as_it_is() {
    let frame = frame();
    let mut workspace = Workspace::new();
    let mut transmission =
        Transmission::new(&frame[..], Offloads::default(), 60, None, &mut workspace)
            .expect("it fits");
    assert_eq!(transmission.frames_left(), 1);
    let on_the_wire = transmission.next_frame().expect("readable").expect("one");
    assert!(on_the_wire.header().is_empty());
    assert_eq!(on_the_wire.payload(), 0..60);
    assert_eq!(on_the_wire.changes(), Changes::empty());
    assert!(transmission.next_frame().expect("readable").is_none());
}

#[test]
fn a_tag_stands_behind_the_addresses_and_the_mirrors_own_before_it() {
    let frame = frame();
    let inner = Some(Tag::new(5, true, 0x123));
    let offloads = Offloads { tag: inner, ..Offloads::default() };
    let tagged = [&frame[..12], &[0x81, 0, 0xB1, 0x23], &frame[12..]].concat();
    assert_eq!(sent(&frame[..], offloads, 60, None), Ok(vec![(tagged, Changes::TAGGED)]));
    let twice = [&frame[..12], &[0x81, 0, 0, 7, 0x81, 0, 0xB1, 0x23], &frame[12..]].concat();
    assert_eq!(sent(&frame[..], offloads, 60, Some(Tag(7))), Ok(vec![(twice, Changes::TAGGED)]));
}

#[test]
fn a_tag_of_zeros_is_a_tag() {
    let frame = frame();
    let offloads = Offloads { tag: Some(Tag(0)), ..Offloads::default() };
    let tagged = [&frame[..12], &[0x81, 0, 0, 0], &frame[12..]].concat();
    assert_eq!(sent(&frame[..], offloads, 60, None), Ok(vec![(tagged, Changes::TAGGED)]));
}

#[test]
fn a_frame_without_addresses_cannot_be_tagged() {
    for len in 0..12 {
        let frame = frame()[..len].to_vec();
        let sent = sent(&frame[..], Offloads::default(), 60, Some(Tag(7)));
        assert_eq!(sent, Ok(vec![(frame, Changes::INCOMPLETE)]));
    }
}

#[test]
fn tags_do_not_count_to_the_length_that_a_target_takes() {
    let mut frame = frame();
    frame[12..14].copy_from_slice(&[0x88, 0xA8]);
    frame[16..18].copy_from_slice(&[0x81, 0x00]);
    for outer in [None, Some(Tag(9))] {
        assert!(sent(&frame[..], Offloads::default(), 52, outer).is_ok());
        assert_eq!(sent(&frame[..], Offloads::default(), 51, outer), Err(WireError::TooLong));
    }
}

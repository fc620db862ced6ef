//! What taps and mirrors copy is what is on the wire, whatever the drivers left to the hardware.

use framecast_tests::{
    Stage, bytes_of,
    copying::{
        Read, add_mirror, mirror_all, mirror_record, read_tap, start_tap, stop_tap, tap_all,
    },
    frame,
    packets::{
        INNER_FRAME, INNER_IP, INNER_UDP, Segment, TCP_OFFSET, payload, tcp_segment, udp_in_vxlan,
        udp_over_ipv6,
    },
    roomy,
};
use ndis_lab::{AdapterConfig, IpVersion, NbSpec, NblSpec, OutOfBand, Stack};
use protocol::{FilterInstruction, MirrorDrop, TapBatch, TapDrop, record};

/// Where the checksum of a TCP segment over IPv4 without options stands.
const TCP_CHECKSUM: usize = 34 + 16;

/// A frame with these bytes overwritten.
pub(crate) fn with(mut frame: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// What a tap of the source and the target of a mirror see.
pub(crate) struct Seen {
    pub(crate) tapped: Read,
    mirrored: Vec<Vec<u8>>,
    pub(crate) drops: [u64; 7],
}

/// Lets `act` act on an adapter with an MTU of 9000 whose frames are tapped, and mirrored to an
/// adapter with an MTU of 1500.
pub(crate) fn seen(act: impl FnOnce(&Stack)) -> Seen {
    let stage = Stage::new();
    let source = stage.adapter(AdapterConfig { mtu: 9000, ..roomy() });
    let target = stage.adapter(AdapterConfig::numbered(2));
    let client = stage.client();
    start_tap(&client, tap_all(), &[source.config().luid], &[]).expect("the tap starts");
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("the mirror is added");
    act(&source);
    let tapped = read_tap(&client);
    let (mirrored, drops) = (bytes_of(&target.wire()), mirror_record(&client, id).dropped);
    assert_eq!(stage.lab.counters().ndis_allocations_for_retreat, 0);
    drop(client);
    stage.end();
    Seen { tapped, mirrored, drops }
}

impl Seen {
    /// Demands that tap and mirror saw these frames, with these flags in the tap.
    #[track_caller]
    pub(crate) fn are<const N: usize>(&self, expected: [&[u8]; N], flags: u32) {
        assert_eq!(self.tapped.bytes(), expected);
        assert!(self.tapped.frames.iter().all(|(record, _)| record.flags == flags));
        assert_eq!(self.mirrored, expected);
        assert_eq!(self.drops, [0; 7]);
    }
}

#[test]
fn frames_in_any_mdls_are_copied_whole() {
    let bytes = frame(1, 1500);
    let shapes: [&[usize]; 7] =
        [&[], &[0, 0, 14], &[14, 20, 20], &[1; 1499], &[13, 0, 1, 0, 0, 700], &[1500, 0, 0], &[0]];
    for shape in shapes {
        for (offset, tail) in [(0, 0), (37, 11)] {
            let buffer = NbSpec::new(bytes.clone()).split(shape).room(offset, tail);
            for unmapped in [false, true] {
                let buffer = if unmapped { buffer.clone().unmapped() } else { buffer.clone() };
                let all = seen(|source| source.send_from_above([NblSpec::of(buffer.clone())]));
                all.are([&bytes], 0);
                let all = seen(|source| {
                    source.indicate_from_below([NblSpec::of(buffer)], true);
                });
                all.are([&bytes], record::RECEIVED);
            }
        }
    }
    let split = seen(|source| {
        source.indicate_from_below([NblSpec::header_split(bytes.clone(), 54)], false);
    });
    split.are([&bytes], record::RECEIVED);
}

#[test]
fn a_tag_that_travels_out_of_band_is_in_the_copy() {
    let bytes = frame(1, 200);
    for (priority, canonical_format, id, control) in
        [(5, false, 100, [0xA0, 0x64]), (7, true, 0, [0xF0, 0x00]), (0, false, 4095, [0x0F, 0xFF])]
    {
        let tag = OutOfBand::Vlan { priority, canonical_format, id };
        let expected = [&bytes[..12], &[0x81, 0x00], &control, &bytes[12..]].concat();
        let list = NblSpec::from(&bytes).with(tag);
        let down = seen(|source| source.send_from_above([list.clone()]));
        down.are([&expected], record::TAG_INSERTED);
        let up = seen(|source| source.indicate_from_below([list], false));
        up.are([&expected], record::TAG_INSERTED | record::RECEIVED);
    }
}

#[test]
fn a_checksum_that_was_left_to_the_adapter_is_complete_in_the_copy() {
    let payload = payload(777);
    let right =
        tcp_segment(&Segment { sequence: 1, identification: 1, push: true, payload: &payload });
    let left = with(with(right.clone(), TCP_CHECKSUM, &[0xAB, 0xCD]), 24, &[0, 0]);
    let request = OutOfBand::ChecksumRequest {
        version: IpVersion::V4,
        ip_header: true,
        tcp: true,
        udp: false,
        tcp_header_offset: TCP_OFFSET,
    };
    // A second buffer of the list, in pieces: what is left to the adapter is left for all.
    let pieces = NbSpec::new(left.clone()).split([14, 3, 0, 17, 19, 400]);
    let list = NblSpec::many([NbSpec::new(left), pieces]).with(request);
    let all = seen(|source| source.send_from_above([list]));
    all.are([&right, &right], record::CHECKSUM_COMPLETED);

    let right = udp_over_ipv6(&payload);
    let left = with(right.clone(), 54 + 6, &[0, 0]);
    let request = OutOfBand::ChecksumRequest {
        version: IpVersion::V6,
        ip_header: false,
        tcp: false,
        udp: true,
        tcp_header_offset: 54,
    };
    let all = seen(|source| source.send_from_above([NblSpec::from(left).with(request)]));
    all.are([&right], record::CHECKSUM_COMPLETED);
}

/// A large send of TCP over IPv4, in segments of so many bytes.
const fn large_send(segment: u32) -> OutOfBand {
    OutOfBand::LargeSendV2 { segment, tcp_header_offset: TCP_OFFSET, version: IpVersion::V4 }
}

#[test]
fn a_large_send_is_cut_as_the_adapter_cuts_it() {
    let payload = payload(10_000);
    let expected: Vec<_> = (0_u16..)
        .zip(payload.chunks(1460))
        .map(|(number, chunk)| {
            tcp_segment(&Segment {
                sequence: 5000 + u32::from(number) * 1460,
                identification: 7 + number,
                push: usize::from(number) == payload.len() / 1460,
                payload: chunk,
            })
        })
        .collect();
    let large =
        tcp_segment(&Segment { sequence: 5000, identification: 7, push: true, payload: &payload });
    let large_send = large_send(1460);
    let list = NblSpec::of(NbSpec::new(large).split([54, 4096, 4096])).with(large_send);
    let all = seen(|source| source.send_from_above([list]));
    assert_eq!(all.tapped.bytes(), expected);
    assert_eq!(all.mirrored, expected);
    assert!(all.tapped.frames.iter().all(|(it, _)| it.flags & record::SEGMENTED != 0));
    assert_eq!(all.drops, [0; 7]);
}

#[test]
fn a_large_send_for_a_larger_mtu_fits_the_target() {
    let payload = payload(20_000);
    let large =
        tcp_segment(&Segment { sequence: 1, identification: 1, push: true, payload: &payload });
    let large_send = large_send(8960);
    let all = seen(|source| source.send_from_above([NblSpec::from(large).with(large_send)]));
    let lengths: Vec<_> = all.tapped.frames.iter().map(|(it, _)| it.length).collect();
    assert_eq!(lengths, [9014, 9014, 2080 + 54], "as the source's wire has it");
    assert!(all.mirrored.iter().all(|copy| copy.len() <= 1514));
    let carried: Vec<u8> = all.mirrored.iter().flat_map(|copy| copy[54..].to_vec()).collect();
    assert_eq!(carried, payload);
    assert_eq!(all.drops, [0; 7]);
}

#[test]
fn a_coalesced_receive_is_cut_again() {
    let payload = payload(1460 * 3 + 500);
    let coalesced =
        tcp_segment(&Segment { sequence: 9, identification: 4, push: true, payload: &payload });
    let list =
        NblSpec::from(coalesced).with(OutOfBand::Coalesced { segments: 4, duplicate_acks: 0 });
    let stage = Stage::new();
    let source = stage.adapter(roomy());
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    source.indicate_from_below([list], false);
    let Read { frames, .. } = read_tap(&client);
    assert_eq!(frames.len(), 4);
    assert!(frames.iter().all(|(record, _)| {
        record.flags & (record::UNCOALESCED | record::RECEIVED)
            == record::UNCOALESCED | record::RECEIVED
            && record.length <= 1514
    }));
    let carried: Vec<u8> = frames.iter().flat_map(|(_, bytes)| bytes[54..].to_vec()).collect();
    assert_eq!(carried, payload);
    drop(client);
    stage.end();
}

#[test]
fn headers_that_do_not_allow_what_was_left_are_shown_as_they_are_and_not_mirrored() {
    let bytes = frame(1, 200);
    let request = OutOfBand::ChecksumRequest {
        version: IpVersion::V4,
        ip_header: true,
        tcp: true,
        udp: false,
        tcp_header_offset: TCP_OFFSET,
    };
    let all = seen(|source| source.send_from_above([NblSpec::from(&bytes).with(request)]));
    assert_eq!(all.tapped.bytes(), [bytes]);
    assert_eq!(all.tapped.frames[0].0.flags, record::INCOMPLETE);
    assert!(all.mirrored.is_empty());
    assert_eq!(all.drops[MirrorDrop::Incomplete.index()], 1);
}

#[test]
fn what_is_left_of_a_packet_in_a_tunnel_is_not_done_to_the_tunnel() {
    // The inner checksum is to be completed: no offset but those of the supplement counts.
    let bytes = udp_in_vxlan(&payload(3000));
    let bytes = with(bytes, INNER_FRAME + INNER_IP + INNER_UDP + 6, &[0xAB, 0xCD]);
    let inner = OutOfBand::Encapsulated {
        inner_frame_offset: INNER_FRAME.try_into().expect("a few bytes"),
        ip_header_offset: INNER_IP.try_into().expect("a few bytes"),
        tcp_header_offset: INNER_UDP.try_into().expect("a few bytes"),
        version: IpVersion::V4,
    };
    let version = IpVersion::V4;
    let checksums = OutOfBand::ChecksumRequest {
        version,
        ip_header: true,
        tcp: false,
        udp: true,
        tcp_header_offset: 0,
    };
    let datagrams = OutOfBand::UdpSegmentation { segment: 1000, udp_header_offset: 0, version };
    for (left, drop) in [(checksums, MirrorDrop::TooLong), (datagrams, MirrorDrop::Incomplete)] {
        let list = NblSpec::from(&bytes).with(left).with(inner);
        let all = seen(|source| source.send_from_above([list]));
        assert_eq!(all.tapped.bytes(), [&bytes[..]]);
        assert_eq!(all.tapped.frames[0].0.flags, record::INCOMPLETE);
        assert!(all.mirrored.is_empty());
        assert_eq!(all.drops[drop.index()], 1);
    }
    // A packet of which nothing is left is one like all others.
    let whole = udp_in_vxlan(&payload(1000));
    let all = seen(|source| source.send_from_above([NblSpec::from(&whole).with(inner)]));
    all.are([&whole], 0);
}

#[test]
fn frames_shorter_than_a_header_are_shown_and_not_mirrored() {
    for length in 1..14 {
        let bytes = frame(1, length);
        let all = seen(|source| source.indicate_from_below([bytes.clone()], false));
        assert_eq!(all.tapped.bytes(), [bytes]);
        assert!(all.mirrored.is_empty());
        assert_eq!(all.drops[MirrorDrop::Incomplete.index()], 1);
    }
}

#[test]
fn a_frame_that_cannot_be_mapped_is_counted() {
    let stage = Stage::new();
    let source = stage.adapter(roomy());
    let target = stage.adapter(AdapterConfig::numbered(2));
    let client = stage.client();
    start_tap(&client, tap_all(), &[source.config().luid], &[]).expect("the tap starts");
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("the mirror is added");
    let unmapped = || NblSpec::of(NbSpec::new(frame(1, 100)).unmapped());
    stage.lab.fail_allocation(1);
    source.send_from_above([unmapped()]);
    let Read { batch, frames } = read_tap(&client);
    assert_eq!(batch.dropped(TapDrop::Unreadable), 1);
    assert!(frames.is_empty());
    // The mirror came second, and the system had memory again.
    assert_eq!(bytes_of(&target.wire()), [frame(1, 100)]);
    stage.lab.fail_allocation(2);
    source.send_from_above([NblSpec::of(NbSpec::new(frame(2, 100)).split([50]).unmapped())]);
    assert_eq!(read_tap(&client).batch.dropped(TapDrop::Unreadable), 2);
    assert_eq!(mirror_record(&client, id).dropped(MirrorDrop::NoMemory), 0);
    drop(client);
    stage.end();
}

#[test]
fn a_frame_that_cannot_be_mapped_is_not_called_unwanted() {
    // The EtherType is looked at.
    let filter = [
        FilterInstruction { code: 0x28, operand: 12, ..FilterInstruction::default() },
        FilterInstruction { code: 0x15, jump_false: 1, operand: 0x88B5, ..Default::default() },
        FilterInstruction { code: 0x06, operand: 0x0004_0000, ..FilterInstruction::default() },
        FilterInstruction { code: 0x06, ..FilterInstruction::default() },
    ];
    let stage = Stage::new();
    let source = stage.adapter(roomy());
    let target = stage.adapter(AdapterConfig::numbered(2));
    let (from, to) = (source.config().luid, target.config().luid);
    let client = stage.client();
    start_tap(&client, tap_all(), &[from], &filter).expect("the tap starts");
    let id = add_mirror(&client, mirror_all(from, to), &filter).expect("the mirror is added");
    (1..10).for_each(|count| stage.lab.fail_allocation(count));
    source.send_from_above([NblSpec::of(NbSpec::new(frame(1, 100)).unmapped())]);
    stage.lab.clear_failures();
    let Read { batch, frames } = read_tap(&client);
    assert!(frames.is_empty());
    assert_eq!((batch.filtered, batch.dropped(TapDrop::Unreadable)), (0, 1));
    let record = mirror_record(&client, id);
    assert_eq!((record.filtered, record.sent), (0, 0));
    assert_eq!(record.dropped(MirrorDrop::NoMemory), 1);
    drop(client);
    stage.end();
}

/// Demands that each of seven frames is copied or counted as dropped, whichever attempt to allocate
/// fails: `counts` tells how many are by then.
#[track_caller]
fn every_frame_is_counted(counts: impl Fn(u64) -> (u64, u64)) {
    let (mut before, mut most) = ((0, 0), 0);
    for failing in 1..30 {
        let now = counts(failing);
        let seen = (now.0 - before.0, now.1 - before.1);
        // Nobody knows how many there are where the headers cannot be read.
        assert!(seen == (0, 1) || seen.0 + seen.1 == 7, "attempt {failing} fails: {seen:?}");
        before = now;
        most = most.max(seen.1);
    }
    assert!(most > 1, "some were copied in part");
}

#[test]
fn of_a_large_send_every_frame_that_cannot_be_mapped_is_counted() {
    let payload = payload(10_000);
    let large =
        tcp_segment(&Segment { sequence: 5000, identification: 7, push: true, payload: &payload });
    let large_send = large_send(1460);
    let stage = Stage::new();
    let source = stage.adapter(roomy());
    let target = stage.adapter(AdapterConfig::numbered(2));
    let client = stage.client();
    let send = |failing| {
        let buffer = NbSpec::new(large.clone()).split([54, 1460 * 3]).unmapped();
        stage.lab.fail_allocation(failing);
        source.send_from_above([NblSpec::of(buffer).with(large_send)]);
        stage.lab.clear_failures();
    };
    start_tap(&client, tap_all(), &[source.config().luid], &[]).expect("the tap starts");
    let counts = |failing| {
        send(failing);
        let TapBatch { copied, dropped, .. } = read_tap(&client).batch;
        (copied, dropped.iter().sum())
    };
    every_frame_is_counted(counts);
    stop_tap(&client).expect("the tap stops");
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("the mirror is added");
    let counts = |failing| {
        send(failing);
        let record = mirror_record(&client, id);
        (record.sent, record.dropped.iter().sum())
    };
    every_frame_is_counted(counts);
    drop(client);
    stage.end();
}

#[test]
fn on_wifi_a_priority_without_a_vlan_is_no_tag() {
    let stage = Stage::new();
    // NdisPhysicalMediumNative802_11
    let wifi = stage.adapter(AdapterConfig { physical_medium: 9, ..roomy() });
    let client = stage.client();
    start_tap(&client, tap_all(), &[], &[]).expect("the tap starts");
    let bytes = frame(1, 100);
    let tagged = |id| {
        let tag = OutOfBand::Vlan { priority: 5, canonical_format: false, id };
        NblSpec::from(&bytes).with(tag)
    };
    wifi.indicate_from_below([tagged(0), tagged(7)], false);
    let seen = read_tap(&client).bytes();
    assert_eq!(seen[0], bytes);
    assert_eq!(seen[1].len(), bytes.len() + 4);
    drop(client);
    stage.end();
}

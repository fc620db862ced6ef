//! Mirrors never feed themselves: not by each other, by adapters on adapters, or by the network.

use framecast_tests::{
    Stage, bytes_of,
    copying::{add_mirror, mirror_all, mirror_record, remove_mirror},
    frame, frames, roomy, second,
};
use ndis_lab::{AdapterConfig, Handover, NblSpec, NtStatus};
use protocol::{MirrorDrop, MirrorRequest, Reason, copies};

const TOO_MANY_LINKS: NtStatus = NtStatus(0xC000_0265_u32.cast_signed());

#[test]
fn a_mirror_that_would_feed_itself_is_refused() {
    let stage = Stage::new();
    let [a, b, c] = [1, 2, 3].map(|number| stage.adapter(AdapterConfig::numbered(number)));
    let [a, b, c] = [a, b, c].map(|adapter| adapter.config().luid);
    let client = stage.client();
    let add = |source, target| add_mirror(&client, mirror_all(source, target), &[]);
    assert_eq!(add(a, a).unwrap_err(), TOO_MANY_LINKS);
    let first = add(a, b).expect("a to b");
    assert_eq!(add(b, a).unwrap_err(), TOO_MANY_LINKS);
    add(b, c).expect("b to c");
    assert_eq!(add(c, a).unwrap_err(), TOO_MANY_LINKS);
    add(a, c).expect("two ways to one place are no loop");
    remove_mirror(&client, first).expect("it is there");
    assert_eq!(add(c, b).unwrap_err(), TOO_MANY_LINKS);
    let counters = client.counters(None).expect("counters");
    assert_eq!(counters.get(Reason::MirrorLoopsRefused), 4);
    drop(client);
    stage.end();
}

#[test]
fn copies_are_not_copied_again() {
    let stage = Stage::new();
    let [a, b, c] = [1, 2, 3].map(|number| stage.adapter(AdapterConfig::numbered(number)));
    let client = stage.client();
    add_mirror(&client, mirror_all(a.config().luid, b.config().luid), &[]).expect("a to b");
    add_mirror(&client, mirror_all(b.config().luid, c.config().luid), &[]).expect("b to c");
    a.send_from_above([frame(1, 100)]);
    assert_eq!(b.wire().len(), 1);
    assert!(c.wire().is_empty(), "a copy is not copied again");
    b.send_from_above([frame(2, 100)]);
    assert_eq!(bytes_of(&c.wire()), [frame(2, 100)]);
    drop(client);
    stage.end();
}

#[test]
fn what_ndis_loops_back_is_not_copied() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    source.indicate_from_below([NblSpec::from(frame(1, 100)).loopback()], false);
    assert!(target.wire().is_empty());
    assert_eq!(mirror_record(&client, id).dropped(MirrorDrop::Loop), 1);
    drop(client);
    stage.end();
}

#[test]
fn a_copy_is_known_again_where_adapters_stand_on_each_other() {
    for header in [0, 24] {
        let stage = Stage::new();
        let (card, team) = (stage.adapter(roomy()), stage.adapter(second()));
        team.stand_on(&card, Handover::Shared { header });
        let client = stage.client();
        let id = add_mirror(&client, mirror_all(card.config().luid, team.config().luid), &[])
            .expect("it is added");
        card.indicate_from_below([frame(1, 300)], false);
        let record = mirror_record(&client, id);
        assert_eq!((record.sent, record.dropped(MirrorDrop::Loop)), (1, 1));
        assert_eq!(card.wire().len(), 1, "the copy passed the card, whose mirror knew it");
        // What the team itself sends is the card's traffic, and copied once.
        team.send_from_above([frame(2, 300)]);
        let record = mirror_record(&client, id);
        assert_eq!((record.sent, record.dropped(MirrorDrop::Loop)), (2, 2));
        drop(client);
        stage.end();
    }
}

#[test]
fn copies_that_are_changed_and_sent_on_within_the_call_end_with_the_stack() {
    let stage = Stage::new();
    let (card, tunnel) = (stage.adapter(roomy()), stage.adapter(second()));
    tunnel.stand_on(&card, Handover::Grown);
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(card.config().luid, tunnel.config().luid), &[])
        .expect("it is added");
    card.indicate_from_below([frame(1, 300)], false);
    let record = mirror_record(&client, id);
    assert_eq!(record.dropped(MirrorDrop::Loop), 1, "{record:?}");
    assert!((1..64).contains(&record.sent), "{record:?}");
    drop(client);
    stage.end();
}

#[test]
fn a_copy_that_comes_back_by_the_network_goes_round_no_longer_than_a_limit() {
    for (length, snap_length) in [(300, u32::MAX), (60, u32::MAX), (300, 40)] {
        let stage = Stage::new();
        let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
        let client = stage.client();
        let mirror = mirror_all(source.config().luid, target.config().luid);
        let id =
            add_mirror(&client, MirrorRequest { snap_length, ..mirror }, &[]).expect("it is added");
        // What the target sends, the source receives: both are on one segment.
        target.connect(&source);
        source.indicate_from_below([frame(1, length)], false);
        stage.lab.settle();
        let record = mirror_record(&client, id);
        // A second may begin meanwhile.
        assert!((64..=128).contains(&record.sent), "{} rounds", record.sent);
        assert_eq!(record.dropped(MirrorDrop::Loop), 1);
        // Other frames are copied as ever.
        source.send_from_above(frames(10, 200));
        assert!(mirror_record(&client, id).sent >= record.sent + 10);
        drop(client);
        stage.end();
    }
}

#[test]
fn a_copy_that_comes_back_with_its_tag_does_not_get_one_more_each_round() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let mirror = mirror_all(source.config().luid, target.config().luid);
    let tagged = MirrorRequest { flags: mirror.flags | copies::TAGGED, tag: 0xA064, ..mirror };
    let id = add_mirror(&client, tagged, &[]).expect("it is added");
    let with_tags = |count: usize, tag: [u8; 2]| {
        let tags = [0x81, 0x00, tag[0], tag[1]].repeat(count);
        [&frame(1, 300)[..12], &tags, &frame(1, 300)[12..]].concat()
    };
    target.connect(&source);
    source.indicate_from_below([frame(1, 300)], false);
    stage.lab.settle();
    let record = mirror_record(&client, id);
    assert_eq!((record.sent, record.dropped(MirrorDrop::Loop)), (2, 1));
    let own = [0xA0, 0x64];
    assert_eq!(bytes_of(&target.wire()), [with_tags(1, own), with_tags(2, own)]);
    // One with two tags of others goes round as often; one with its own tag is a round ahead, and one
    // with its VLAN twice, in whatever priority, has been round.
    let others = [with_tags(2, [0xA0, 0x65]), with_tags(1, own), with_tags(2, [0x00, 0x64])];
    source.send_from_above(others);
    stage.lab.settle();
    let record = mirror_record(&client, id);
    assert_eq!((record.sent, record.dropped(MirrorDrop::Loop)), (2 + 2 + 1, 1 + 1 + 1 + 1));
    drop(client);
    stage.end();
}

#[test]
fn a_frame_is_known_by_all_its_headers() {
    // Alike but for their last bytes, as acknowledgements of what came out of order are.
    let alike = |number: u16, length: usize| {
        let mut frame = frame(1, length);
        frame[length - 2..].copy_from_slice(&number.to_be_bytes());
        frame
    };
    for (length, snap_length) in [(96, u32::MAX), (60, u32::MAX), (96, 40)] {
        let stage = Stage::new();
        let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
        let client = stage.client();
        let mirror = mirror_all(source.config().luid, target.config().luid);
        let id =
            add_mirror(&client, MirrorRequest { snap_length, ..mirror }, &[]).expect("it is added");
        for number in 0..500 {
            source.send_from_above([alike(number, length)]);
        }
        let record = mirror_record(&client, id);
        assert_eq!((record.sent, record.dropped(MirrorDrop::Loop)), (500, 0), "{length} bytes");
        drop(client);
        stage.end();
    }
}

#[test]
fn a_source_that_repeats_itself_is_no_loop() {
    let stage = Stage::new();
    let (source, target) = (stage.adapter(roomy()), stage.adapter(second()));
    let client = stage.client();
    let id = add_mirror(&client, mirror_all(source.config().luid, target.config().luid), &[])
        .expect("it is added");
    for _ in 0..500 {
        source.send_from_above([frame(1, 300)]);
    }
    let record = mirror_record(&client, id);
    assert_eq!(record.sent + record.dropped(MirrorDrop::Loop), 500);
    // It is held back once, for as long as it takes to find out; a second may begin meanwhile.
    assert!((64..=128).contains(&record.dropped(MirrorDrop::Loop)), "{record:?}");
    assert!(target.wire().iter().all(|copy| copy.bytes == frame(1, 300)));
    drop(client);
    stage.end();
}

//! The control device: what it answers, and how it refuses.

use framecast_tests::{
    DEVICE, Stage, batch, bytes_of, frame, frames, inject_pending, joined_batch, roomy,
};
use framecastctl::Client;
use ndis_lab::{AdapterConfig, ControlResult, File, NtStatus, Order, PendingControl};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use protocol::{
    AdapterRecord, AdaptersReply, CountersReply, CountersRequest, Direction, FrameHeader,
    InjectReply, InjectRequest, JOINS_PREVIOUS, PROTOCOL_VERSION, Reason, Request, RequestHeader,
    VersionReply, limits,
};
use zerocopy::{FromBytes, IntoBytes};

/// The largest frame that the limits allow a request to bring.
const LARGEST_FRAME: usize =
    limits::REQUEST_BYTES - size_of::<InjectRequest>() - size_of::<FrameHeader>();

/// Room enough for every answer.
const ROOM: usize = 64 * 1024;

fn open(stage: &Stage) -> File {
    stage.driver.open(DEVICE).expect("the device opens")
}

fn number(size: usize) -> u32 {
    u32::try_from(size).expect("a small size")
}

/// The input of a counters request.
fn counters_of(luid: u64) -> Vec<u8> {
    CountersRequest { header: RequestHeader::default(), luid }.as_bytes().to_vec()
}

/// The input of an inject request that announces `count` frames, before their bytes.
fn announce(luid: u64, direction: u32, count: u32, bytes: &[u8]) -> Vec<u8> {
    let header = RequestHeader::default();
    let head = InjectRequest { header, luid, direction, frames: count };
    [head.as_bytes(), bytes].concat()
}

/// A frame of a batch that says of itself what it likes.
fn entry(length: u32, flags: u32, bytes: usize) -> Vec<u8> {
    [FrameHeader { length, flags }.as_bytes(), &frame(0, bytes)].concat()
}

/// Every request in its right form.
fn right_inputs(luid: u64) -> [(Request, Vec<u8>); 4] {
    let bare = || RequestHeader::default().as_bytes().to_vec();
    let inject = announce(luid, Direction::Send.number(), 1, &entry(64, 0, 64));
    [
        (Request::Version, bare()),
        (Request::Adapters, bare()),
        (Request::Counters, counters_of(luid)),
        (Request::Inject, inject),
    ]
}

/// Makes a request that must be refused with nothing written, and counted.
#[track_caller]
fn refuse(file: &File, code: u32, input: &[u8], room: usize, status: NtStatus) {
    let before = bad_requests(file);
    let result = file.control(code, input, room);
    assert_eq!((result.status, result.information), (status, 0));
    assert_eq!(bad_requests(file), before + 1, "{status} is not counted");
}

fn bad_requests(file: &File) -> u64 {
    let all = file.control(Request::Counters.code(), &counters_of(0), size_of::<CountersReply>());
    let all = CountersReply::read_from_bytes(&all.output).expect("counters");
    all.get(Reason::BadRequests)
}

#[test]
fn every_request_in_its_right_form_is_answered() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    for (request, input) in right_inputs(adapter.config().luid) {
        let result = file.control(request.code(), &input, ROOM);
        assert_eq!(result.status, NtStatus::SUCCESS, "{request:?}");
        assert_eq!(result.output.len() as u64, result.information);
    }
    assert_eq!(bad_requests(&file), 0);
    drop(file);
    stage.end();
}

#[test]
fn the_version_is_that_of_the_driver() {
    let stage = Stage::new();
    let client = stage.client();
    let expected = VersionReply { protocol: PROTOCOL_VERSION, driver: [0, 1, 0], ndis: [6, 84] };
    assert_eq!(client.version(), Ok(expected));
    drop(client);
    stage.end();
}

#[test]
fn control_codes_that_no_request_has_are_refused() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    for (request, input) in right_inputs(adapter.config().luid) {
        let code = request.code();
        let methods = [code | 1, code | 2, code | 3];
        let access = [code & !0xC000, code ^ 0x4000, code ^ 0x8000];
        let others = [code ^ 0x0001_0000, code & 0xFFFF, code | 0x8000_0000, code + 0x100 * 4];
        for code in methods.into_iter().chain(access).chain(others) {
            refuse(&file, code, &input, ROOM, NtStatus::INVALID_DEVICE_REQUEST);
        }
    }
    refuse(&file, u32::MAX, &[], 0, NtStatus::INVALID_DEVICE_REQUEST);
    refuse(&file, 0, &[], 0, NtStatus::INVALID_DEVICE_REQUEST);
    drop(file);
    stage.end();
}

#[test]
fn reads_and_writes_are_no_requests() {
    let stage = Stage::new();
    let file = open(&stage);
    assert_eq!(file.read(100).status, NtStatus::INVALID_DEVICE_REQUEST);
    assert_eq!(file.write(&[0; 100]).status, NtStatus::INVALID_DEVICE_REQUEST);
    drop(file);
    stage.end();
}

#[test]
fn an_input_that_is_too_short_is_refused() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    for (request, input) in right_inputs(adapter.config().luid) {
        for length in 0..input.len() {
            let input = &input[..length];
            refuse(&file, request.code(), input, ROOM, NtStatus::INVALID_PARAMETER);
        }
    }
    drop(file);
    stage.end();
}

#[test]
fn an_input_that_says_what_cannot_be_is_refused() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    for (request, right) in right_inputs(adapter.config().luid) {
        let mut wrong = right.clone();
        for version in [0, 2, u32::MAX] {
            wrong[..4].copy_from_slice(&version.to_le_bytes());
            refuse(&file, request.code(), &wrong, ROOM, NtStatus::REVISION_MISMATCH);
        }
        for byte in 4..8 {
            let mut wrong = right.clone();
            wrong[byte] = 0x80;
            refuse(&file, request.code(), &wrong, ROOM, NtStatus::INVALID_PARAMETER);
        }
        for trail in [1, 8, 5000] {
            let wrong = [right.as_slice(), &vec![0; trail]].concat();
            refuse(&file, request.code(), &wrong, ROOM, NtStatus::INVALID_PARAMETER);
        }
        let mut wrong = right;
        wrong.resize(limits::REQUEST_BYTES + 1, 0);
        refuse(&file, request.code(), &wrong, ROOM, NtStatus::INVALID_PARAMETER);
    }
    drop(file);
    stage.end();
}

#[test]
fn a_batch_that_is_not_what_its_headers_say_is_refused() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let (file, luid) = (open(&stage), adapter.config().luid);
    let one = || entry(64, 0, 64);
    let join = || entry(64, JOINS_PREVIOUS, 64);
    let joined = |others: usize| [one(), join().repeat(others)].concat();
    let list = limits::LIST_FRAMES as usize;
    let (most, bytes) = (limits::BATCH_FRAMES, LARGEST_FRAME + 8);
    let (down, up) = (Direction::Send.number(), Direction::Receive.number());
    for (what, direction, count, bytes) in [
        ("no frames", down, 0, vec![]),
        ("none announced, one there", down, 0, one()),
        ("one announced, none there", down, 1, vec![]),
        ("more announced than there are", down, 2, one()),
        ("fewer announced than there are", down, 1, one().repeat(2)),
        ("too many frames", down, most + 1, entry(0, 0, 0).repeat(most as usize + 1)),
        ("as many as can be said", down, u32::MAX, one()),
        ("a header that is cut", down, 1, one()[..7].to_vec()),
        ("a frame beyond the end", down, 1, entry(65, 0, 64)),
        ("a frame far beyond the end", down, 1, entry(u32::MAX, 0, 64)),
        ("a frame whose end overflows", down, 1, entry(u32::MAX - 7, 0, 64)),
        ("a second frame beyond the end", down, 2, [one(), entry(72, 0, 64)].concat()),
        ("a frame without its padding", down, 1, entry(63, 0, 63)),
        ("a flag that nobody knows", down, 1, entry(64, 2, 64)),
        ("a flag beside one that is known", down, 2, [one(), entry(64, 3, 64)].concat()),
        ("all flags", down, 1, entry(64, u32::MAX, 64)),
        ("a join on the first frame", down, 1, join()),
        ("a join upward", up, 2, joined(1)),
        ("one join too many", down, limits::LIST_FRAMES + 1, joined(list)),
        ("a direction that nobody knows", 2, 1, one()),
        ("a direction far off", u32::MAX, 1, one()),
        ("more bytes than a request may bring", down, 1, entry(number(bytes), 0, bytes)),
    ] {
        let input = announce(luid, direction, count, &bytes);
        let result = file.control(Request::Inject.code(), &input, ROOM);
        assert_eq!((result.status, result.information), (NtStatus::INVALID_PARAMETER, 0), "{what}");
    }
    assert_eq!(bad_requests(&file), 22);
    assert!(adapter.wire().is_empty() && adapter.received_above().is_empty());
    drop(file);
    stage.end();
}

#[test]
fn a_batch_may_be_as_large_as_the_limits_say() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    let most = frames(limits::BATCH_FRAMES as usize, 40);
    let joined = joined_batch(&most, limits::LIST_FRAMES as usize);
    for (direction, batch) in [(Direction::Send, joined), (Direction::Receive, batch(&most))] {
        let done = client.inject(luid, direction, &batch).expect("the injection is taken");
        assert_eq!(done.done(), most.len());
    }
    let large = client.inject(luid, Direction::Send, &batch([vec![0; LARGEST_FRAME]]));
    assert_eq!(large.expect("taken").done(), 0, "no adapter takes such a frame");
    drop(client);
    stage.end();
}

#[test]
fn an_output_that_is_one_byte_too_small_is_refused_and_written_nothing() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let (file, luid) = (open(&stage), adapter.config().luid);
    let three = batch(frames(3, 60)).request(luid, Direction::Send);
    for (request, input, least) in [
        (Request::Version, right_inputs(luid)[0].1.clone(), size_of::<VersionReply>()),
        (Request::Adapters, right_inputs(luid)[1].1.clone(), size_of::<AdaptersReply>()),
        (Request::Counters, counters_of(luid), size_of::<CountersReply>()),
        (Request::Counters, counters_of(0), size_of::<CountersReply>()),
        (Request::Inject, three, size_of::<InjectReply>() + 3 * size_of::<i32>()),
    ] {
        for room in [0, 1, least - 1] {
            let result = file.control(request.code(), &input, room);
            let answer = (result.status, result.information);
            assert_eq!(answer, (NtStatus::BUFFER_TOO_SMALL, 0), "{request:?} {room}");
        }
        assert!(adapter.wire().is_empty(), "nothing is done for a client that cannot be told");
        let result = file.control(request.code(), &input, least);
        assert_eq!((result.status, result.information), (NtStatus::SUCCESS, least as u64));
    }
    drop(file);
    stage.end();
}

#[test]
fn an_output_that_is_too_small_counts_as_a_bad_request() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    for (request, input) in right_inputs(adapter.config().luid) {
        refuse(&file, request.code(), &input, 7, NtStatus::BUFFER_TOO_SMALL);
    }
    drop(file);
    stage.end();
}

#[test]
fn adapters_are_listed_as_far_as_there_is_room() {
    const HEAD: usize = size_of::<AdaptersReply>();
    const RECORD: usize = size_of::<AdapterRecord>();
    let stage = Stage::new();
    let _adapters: Vec<_> =
        (1..4).map(|number| stage.adapter(AdapterConfig::numbered(number))).collect();
    let file = open(&stage);
    let input = RequestHeader::default();
    for (room, returned) in [
        (HEAD, 0),
        (HEAD + RECORD - 1, 0),
        (HEAD + RECORD, 1),
        (HEAD + 3 * RECORD - 1, 2),
        (HEAD + 3 * RECORD, 3),
        (ROOM, 3),
    ] {
        let result = file.control(Request::Adapters.code(), input.as_bytes(), room);
        let (reply, records) = AdaptersReply::read_from_prefix(&result.output).expect("a reply");
        let record_size = number(RECORD);
        assert_eq!(reply, AdaptersReply { total: 3, returned, record_size, reserved: 0 });
        assert_eq!(records.len(), returned as usize * RECORD);
    }
    drop(file);
    stage.end();
}

#[test]
fn what_an_answer_does_not_use_is_zero() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    let input = RequestHeader::default();
    let result = file.control(Request::Adapters.code(), input.as_bytes(), ROOM);
    let record = &result.output[size_of::<AdaptersReply>()..];
    let record = AdapterRecord::read_from_bytes(record).expect("one record");
    assert_eq!(record.reserved, 0);
    assert_eq!(record.mac_address[record.mac_address_length as usize..], [0; 26]);
    assert!(record.guid[usize::from(record.guid_units)..].iter().all(|&unit| unit == 0));
    assert!(record.name[usize::from(record.name_units)..].iter().all(|&unit| unit == 0));
    let input = batch(frames(2, 60)).request(adapter.config().luid, Direction::Send);
    let result = file.control(Request::Inject.code(), &input, ROOM);
    assert_eq!(result.output, [2, 0, 0, 0].map(i32::to_le_bytes).concat());
    drop(file);
    stage.end();
}

#[test]
fn an_adapter_that_nobody_knows_is_not_found() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    let gone = adapter.config().luid;
    adapter.detach();
    for luid in [1, gone, gone + 1, u64::MAX] {
        let counters = Request::Counters.code();
        refuse(&file, counters, &counters_of(luid), ROOM, NtStatus::NOT_FOUND);
        let input = batch(frames(1, 60)).request(luid, Direction::Send);
        refuse(&file, Request::Inject.code(), &input, ROOM, NtStatus::NOT_FOUND);
    }
    let input = batch(frames(1, 60)).request(0, Direction::Send);
    refuse(&file, Request::Inject.code(), &input, ROOM, NtStatus::NOT_FOUND);
    drop(file);
    stage.end();
}

#[test]
fn a_request_beyond_the_quota_counts_as_a_bad_request() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let client = stage.client();
    let luid = adapter.config().luid;
    adapter.hold_sends();
    let many = batch(frames(1000, 60));
    let begin = || inject_pending(&client, luid, Direction::Send, &many);
    let pending: Vec<_> = (0..=limits::PENDING_REQUESTS).map(|_| begin()).collect();
    let refused = pending.iter().filter_map(PendingControl::result).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].status, NtStatus::QUOTA_EXCEEDED);
    assert_eq!(client.counters(None).expect("counters").get(Reason::BadRequests), 1);
    assert!(adapter.begin_pause(), "frames are under way");
    adapter.release_sends(Order::Forward);
    adapter.finish_pause();
    assert!(pending.iter().all(PendingControl::is_done));
    drop(client);
    stage.end();
}

#[test]
fn counters_are_kept_for_each_adapter_and_outlive_it_in_the_sum() {
    let stage = Stage::new();
    let client = stage.client();
    let adapters = [1, 2].map(|number| stage.adapter(AdapterConfig::numbered(number)));
    for (adapter, count) in adapters.iter().zip([3, 5]) {
        let luid = adapter.config().luid;
        let done = client.inject(luid, Direction::Send, &batch(frames(count, 60)));
        assert_eq!(done.expect("taken").done(), count);
    }
    let sent = |luid| client.counters(luid).expect("counters").get(Reason::Sent);
    assert_eq!(sent(Some(adapters[0].config().luid)), 3);
    assert_eq!(sent(Some(adapters[1].config().luid)), 5);
    assert_eq!(sent(None), 8);
    let sum = client.counters(None).expect("counters");
    for adapter in adapters {
        adapter.detach();
        assert_eq!(client.counters(None), Ok(sum));
    }
    let again = stage.adapter(AdapterConfig::numbered(1));
    assert_eq!(sent(Some(again.config().luid)), 0);
    assert_eq!(sent(None), 8);
    drop(client);
    stage.end();
}

#[test]
fn callers_of_32_bits_are_served_alike() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let wide = stage.client();
    let narrow = Client::new(stage.driver.open_32_bit(DEVICE).expect("the device opens"));
    let luid = adapter.config().luid;
    assert_eq!(narrow.version(), wide.version());
    assert_eq!(narrow.adapters(), wide.adapters());
    let batch = batch(frames(4, 100));
    let inject = |client: &Client<File>| client.inject(luid, Direction::Send, &batch);
    assert_eq!(inject(&narrow), inject(&wide));
    assert_eq!(narrow.counters(Some(luid)), wide.counters(Some(luid)));
    assert_eq!(bytes_of(&adapter.wire()), [frames(4, 100), frames(4, 100)].concat());
    drop((wide, narrow));
    stage.end();
}

#[test]
fn a_name_behind_the_device_does_not_open_it() {
    let stage = Stage::new();
    for name in [r"\\.\Framecast\", r"\\.\Framecast\name", r"\Device\Framecast\a\b"] {
        assert_eq!(stage.driver.open(name).err(), Some(NtStatus::OBJECT_NAME_NOT_FOUND), "{name}");
    }
    let dispatched = stage.lab.trace().iter().filter(|it| it.function == "IRP_MJ_CREATE").count();
    assert_eq!(dispatched, 2 * 3, "the driver is asked, and refuses");
    stage.end();
}

#[test]
fn only_the_system_and_administrators_may_open_the_device() {
    let stage = Stage::new();
    let security = stage.driver.device_security(DEVICE);
    assert_eq!(security.as_deref(), Some("D:P(A;;GA;;;SY)(A;;GA;;;BA)"));
    stage.end();
}

/// What the driver may answer.
const STATUSES: [NtStatus; 7] = [
    NtStatus::SUCCESS,
    NtStatus::INVALID_DEVICE_REQUEST,
    NtStatus::INVALID_PARAMETER,
    NtStatus::REVISION_MISMATCH,
    NtStatus::BUFFER_TOO_SMALL,
    NtStatus::NOT_FOUND,
    NtStatus::QUOTA_EXCEEDED,
];

/// A number that is right; now and then almost right, or anything.
fn about(right: u32) -> impl Strategy<Value = u32> {
    prop_oneof![40 => Just(right), 1 => 0..right.saturating_add(3), 1 => any::<u32>()]
}

fn entries() -> impl Strategy<Value = Vec<u8>> {
    (0..120_usize, about(0)).prop_flat_map(|(bytes, flags)| {
        let padded = bytes.next_multiple_of(8);
        about(number(bytes)).prop_map(move |length| entry(length, flags, padded))
    })
}

/// Control codes and inputs that are right but for a little, and some that are noise.
fn requests(luid: u64) -> impl Strategy<Value = (u32, Vec<u8>)> {
    let luid = prop_oneof![20 => Just(luid), 1 => Just(0), 1 => any::<u64>()];
    let batch = prop::collection::vec(entries(), 1..8);
    let inject = (luid.clone(), 0..2_u32, batch).prop_flat_map(|(luid, direction, batch)| {
        let (count, bytes) = (about(number(batch.len())), batch.concat());
        let direction = about(direction);
        (direction, count).prop_map(move |(way, count)| announce(luid, way, count, &bytes))
    });
    let whole = prop_oneof![
        1 => Just((Request::Adapters, RequestHeader::default().as_bytes().to_vec())),
        1 => luid.prop_map(|luid| (Request::Counters, counters_of(luid))),
        6 => inject.prop_map(|input| (Request::Inject, input)),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|it| (Request::Version, it)),
    ];
    let damage = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    let cut = prop::option::weighted(0.1, 0..300_usize);
    (whole, damage, cut).prop_flat_map(|((request, mut input), damage, cut)| {
        if let (Some((place, byte)), false) = (damage, input.is_empty()) {
            *place.get_mut(&mut input) = byte;
        }
        input.truncate(cut.unwrap_or(usize::MAX));
        (about(request.code()), Just(input))
    })
}

#[test]
fn whatever_is_asked_there_is_an_answer_and_no_harm() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    let file = open(&stage);
    let config = Config { cases: 600, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let asked = (requests(adapter.config().luid), 0..400_usize);
    let outcome = TestRunner::new_with_rng(config, random).run(&asked, |((code, input), room)| {
        let ControlResult { status, information, output, .. } = file.control(code, &input, room);
        prop_assert!(STATUSES.contains(&status), "{status}");
        prop_assert_eq!(information, output.len() as u64);
        prop_assert!(output.len() <= room && (status.is_success() || output.is_empty()));
        prop_assert!(stage.lab.violations().is_empty());
        Ok(())
    });
    outcome.expect("every request is answered");
    let reached = (adapter.wire().len(), adapter.received_above().len());
    assert!(reached.0 > 200 && reached.1 > 200, "many of them were right: {reached:?}");
    drop(file);
    stage.end();
}

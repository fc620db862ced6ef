//! OID requests: each passes down as a clone, and its answer passes up in full.

use framecast_tests::{Stage, batch, frames, inject_pending, roomy};
use ndis_lab::{NtStatus, OidAnswer, OidQuery, OidResult, Order, Policy, Stack, Way};
use protocol::Direction;
use std::thread;

const MAC_ADDRESS: u32 = 0x0101_0102;
const PACKET_FILTER: u32 = 0x0001_010E;
const STATISTICS: u32 = 0x0002_0106;
const METHOD: u32 = 0x0101_0222;
const PRIVATE: u32 = 0xFF77_0001;

/// When the drivers below may answer, without a test's help.
const POLICIES: [Policy; 2] = [Policy::Inline, Policy::Deferred];

fn answer(policy: Policy, bytes: &[u8]) -> OidAnswer {
    OidAnswer { policy, bytes: bytes.into(), needed: 77, revision: 3, ..OidAnswer::default() }
}

/// How often the driver called a function.
fn calls(stage: &Stage, function: &str) -> usize {
    let events = stage.lab.trace().into_iter();
    events.filter(|it| it.function == function && it.way != Way::Return).count()
}

/// Makes requests that the adapter holds, calls `meanwhile` when it has the first, and gives
/// their results in order.
fn held(adapter: &Stack, queries: &[OidQuery], mut meanwhile: impl FnMut()) -> Vec<OidResult> {
    thread::scope(|scope| {
        let mut results = Vec::new();
        for query in queries {
            let asking = scope.spawn(|| adapter.oid(query));
            while adapter.held_oids() == 0 && !asking.is_finished() {
                thread::yield_now();
            }
            meanwhile();
            results.push(asking.join().expect("the request ends"));
        }
        results
    })
}

#[test]
fn a_query_is_answered_by_the_drivers_below_now_or_later() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for policy in POLICIES {
        adapter.answer_oids_as(answer(policy, &[1, 2, 3, 4, 5, 6]));
        for query in [
            OidQuery::query(MAC_ADDRESS, 6),
            OidQuery::query(PRIVATE, 100),
            OidQuery { kind: ndis_lab::OidKind::QueryStatistics, ..OidQuery::query(STATISTICS, 8) },
        ] {
            let result = adapter.oid(&query);
            assert_eq!(result.status, NtStatus::SUCCESS);
            assert_eq!(result.buffer, [1, 2, 3, 4, 5, 6]);
            assert_eq!((result.bytes, result.needed, result.revision), (6, 77, 3));
        }
    }
    assert_eq!(adapter.oids_below(), [[MAC_ADDRESS, PRIVATE, STATISTICS]; 2].concat());
    stage.end();
}

#[test]
fn a_set_reaches_the_drivers_below_now_or_later() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for policy in POLICIES {
        adapter.answer_oids_as(answer(policy, &[]));
        let result = adapter.oid(&OidQuery::set(PACKET_FILTER, [0x0F, 0, 0, 0]));
        assert_eq!(result.status, NtStatus::SUCCESS);
        assert_eq!((result.bytes, result.needed, result.revision), (4, 77, 3));
        assert_eq!(result.buffer, [0x0F, 0, 0, 0]);
    }
    assert_eq!(adapter.oids_below(), [PACKET_FILTER; 2]);
    stage.end();
}

#[test]
fn a_method_reads_and_writes_now_or_later() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for policy in POLICIES {
        adapter.answer_oids_as(answer(policy, &[9; 12]));
        for (output, written) in [(12, 12), (20, 12), (5, 5), (0, 0)] {
            let result = adapter.oid(&OidQuery::method(METHOD, [1, 2, 3], output));
            assert_eq!(result.status, NtStatus::SUCCESS);
            assert_eq!((result.bytes, result.read), (written, 3));
            assert_eq!((result.needed, result.revision), (77, 3));
            assert_eq!(result.buffer, vec![9; written as usize]);
        }
    }
    assert_eq!(adapter.oids_below().len(), 8);
    stage.end();
}

#[test]
fn a_failure_is_carried_back_with_what_it_says() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for policy in POLICIES {
        for status in [
            NtStatus::NDIS_BUFFER_TOO_SHORT,
            NtStatus::NDIS_INVALID_LENGTH,
            NtStatus::NDIS_INVALID_OID,
            NtStatus::NOT_SUPPORTED,
            NtStatus::RESOURCES,
            NtStatus::FAILURE,
        ] {
            adapter.answer_oids_as(OidAnswer { status, ..answer(policy, &[1; 8]) });
            for query in [
                OidQuery::query(MAC_ADDRESS, 2),
                OidQuery::set(PACKET_FILTER, [0; 2]),
                OidQuery::method(METHOD, [0; 2], 2),
            ] {
                let result = adapter.oid(&query);
                assert_eq!((result.status, result.bytes, result.read), (status, 0, 0));
                assert_eq!((result.needed, result.revision), (77, 3));
            }
        }
    }
    stage.end();
}

#[test]
fn requests_pass_in_every_state() {
    let stage = Stage::new();
    let adapter = stage.driver.attach(roomy()).expect("attach");
    let client = stage.client();
    let ask = || {
        for policy in POLICIES {
            adapter.answer_oids_as(answer(policy, &[5; 6]));
            assert_eq!(adapter.oid(&OidQuery::query(MAC_ADDRESS, 6)).buffer, [5; 6]);
            assert_eq!(adapter.oid(&OidQuery::set(PACKET_FILTER, [1; 4])).bytes, 4);
        }
    };
    ask();
    adapter.start().expect("restart");
    ask();
    adapter.hold_sends();
    let own = batch(frames(1, 60));
    let own = inject_pending(&client, adapter.config().luid, Direction::Send, &own);
    assert!(adapter.begin_pause(), "a frame is under way");
    ask();
    adapter.release_sends(Order::Forward);
    adapter.finish_pause();
    assert!(own.is_done());
    ask();
    assert_eq!(adapter.oids_below().len(), 16);
    drop(client);
    stage.end();
}

#[test]
fn a_request_may_wait_for_a_pause_and_a_pause_for_none() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.answer_oids_as(answer(Policy::Held, &[5; 6]));
    let results = held(&adapter, &[OidQuery::query(MAC_ADDRESS, 6)], || {
        adapter.pause();
        adapter.release_oids();
    });
    assert_eq!((results[0].status, results[0].bytes), (NtStatus::SUCCESS, 6));
    stage.end();
}

#[test]
fn a_cancellation_passes_down_to_the_request_it_names() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.answer_oids_as(answer(Policy::Held, &[5; 6]));
    let queries = [
        OidQuery::query(MAC_ADDRESS, 6).with_id(0x1234),
        OidQuery::set(PACKET_FILTER, [0; 4]).with_id(0x1234),
        OidQuery::method(METHOD, [0; 4], 4).with_id(0x1234),
    ];
    let results = held(&adapter, &queries, || {
        adapter.cancel_oid(0x1235);
        assert_eq!(adapter.held_oids(), 1, "another request is not cancelled");
        adapter.cancel_oid(0x1234);
    });
    assert_eq!(results.len(), 3);
    assert!(results.iter().all(|it| it.status == NtStatus::NDIS_REQUEST_ABORTED), "{results:?}");
    stage.end();
}

#[test]
fn a_cancellation_that_comes_too_late_does_nothing() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    adapter.answer_oids_as(answer(Policy::Inline, &[5; 6]));
    let result = adapter.oid(&OidQuery::query(MAC_ADDRESS, 6).with_id(9));
    adapter.cancel_oid(9);
    assert_eq!(result.status, NtStatus::SUCCESS);
    assert_eq!(calls(&stage, "NdisFCancelOidRequest"), 1, "whether it is too late NDIS knows");
    stage.end();
}

#[test]
fn without_memory_a_request_fails_for_want_of_resources() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for query in [
        OidQuery::query(MAC_ADDRESS, 6),
        OidQuery::set(PACKET_FILTER, [0; 4]),
        OidQuery::method(METHOD, [0; 4], 4),
    ] {
        stage.lab.fail_allocation(1);
        assert_eq!(adapter.oid(&query).status, NtStatus::RESOURCES);
        assert_eq!(adapter.oid(&query).status, NtStatus::SUCCESS, "the next one passes");
    }
    assert_eq!(adapter.oids_below().len(), 3, "what failed did not pass");
    stage.end();
}

#[test]
fn every_clone_is_freed_and_nothing_else_is_allocated() {
    let stage = Stage::new();
    let adapter = stage.adapter(roomy());
    for policy in POLICIES {
        adapter.answer_oids_as(answer(policy, &[1; 4]));
        let attempts = stage.lab.allocation_attempts();
        for _ in 0..50 {
            assert!(adapter.oid(&OidQuery::query(MAC_ADDRESS, 6)).status.is_success());
        }
        assert_eq!(stage.lab.allocation_attempts(), attempts + 50, "one clone each");
    }
    assert_eq!(calls(&stage, "NdisAllocateCloneOidRequest"), 100);
    assert_eq!(calls(&stage, "NdisFreeCloneOidRequest"), 100);
    stage.end();
}

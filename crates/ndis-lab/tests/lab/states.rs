//! States, registration, completion of pause and restart, OID requests: planted breaches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use crate::common::{Fake, OwnFrame, TAG, expect_broken, keep, originator, reject, set_attributes};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::NetBufferList;
use ndis_lab::abi::ndis::{
    FilterDriverCharacteristics as C, FilterPartialCharacteristics, NetPnpEventNotification,
    OidRequest, StatusIndication,
};
use ndis_lab::exports::*;
use ndis_lab::guest::{Guest, Plain};
use ndis_lab::{AdapterConfig, Irql, Lab, NtStatus, OidQuery, Order, Rule, Stack};

/// Starts a driver with edited characteristics and demands the rule that it breaks.
#[track_caller]
fn registration_breaks(edit: impl Fn(Guest<C>) + Send + Sync + 'static, rules: &[Rule]) {
    let lab = Lab::default();
    let fake = Fake { edit: Some(Box::new(edit)), ..Fake::default() };
    let (driver, _, result) = fake.start(&lab);
    expect_broken(&lab, rules);
    if result.is_ok() {
        driver.unload().expect_clean();
    }
}

fn absent<F>() -> Option<F>
where
    Option<F>: Plain,
{
    None
}

planted!(Header, characteristics_have_their_header, || {
    registration_breaks(|c| c.set(C::HEADER_TYPE, 0x80), &[Rule::Header]);
    registration_breaks(|c| c.set(C::HEADER_SIZE, 199), &[Rule::Header]);
    registration_breaks(|c| c.set(C::HEADER_REVISION, 0), &[Rule::Header]);
});

planted!(Registration, characteristics_are_checked, || {
    registration_breaks(|c| c.set(C::MAJOR_NDIS_VERSION, 5), &[Rule::Registration]);
    registration_breaks(|c| c.set(C::MINOR_NDIS_VERSION, 89), &[Rule::Registration]);
    registration_breaks(|c| c.set(C::PAUSE, absent()), &[Rule::Registration]);
});

planted!(HandlerPairs, handlers_come_in_pairs, || {
    registration_breaks(|c| c.set(C::OID_REQUEST_COMPLETE, absent()), &[Rule::HandlerPairs]);
    registration_breaks(|c| c.set(C::STATUS, absent()), &[Rule::HandlerPairs]);
});

planted!(Registration, a_driver_deregisters_when_it_unloads, || {
    let lab = Lab::default();
    let (driver, _, _) = Fake { keeps_registration: true, ..Fake::default() }.start(&lab);
    assert_eq!(driver.unload().rules(), [Rule::Registration]);
});

planted!(Registration, a_driver_does_not_deregister_at_other_times, || {
    let lab = Lab::default();
    let fake = Fake { keeps_registration: true, ..Fake::default() };
    let (driver, fake, _) = fake.start(&lab);
    let registration = fake.registration();
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    let world = crate::common::World { lab: lab.clone(), driver, stack, fake };
    world.in_driver(move |_| NdisFDeregisterFilterDriver(registration));
    expect_broken(&lab, &[Rule::Registration]);
    world.end();
});

planted!(Attributes, attributes_are_set_once_in_attach, || {
    let lab = Lab::default();
    let twice = Fake {
        on_attach: Some(Box::new(|handle| set_attributes(handle, Handle(1)))),
        ..Fake::default()
    };
    let (driver, _, _) = twice.start(&lab);
    driver.attach(AdapterConfig::default()).expect("it attaches");
    expect_broken(&lab, &[Rule::Attributes]);
    driver.unload().expect_clean();

    let world = Fake::default().run();
    world.in_driver(|handle| set_attributes(handle, Handle(1)));
    world.expect_broken(&[Rule::Attributes]);
    world.end();
});

planted!(IllegalState, nothing_is_originated_while_paused, || {
    let world = originator().run();
    world.stack.pause();
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    world.expect_broken(&[Rule::IllegalState]);
    world.end();
});

planted!(PausedSend, a_paused_module_completes_sends_at_once_as_paused, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, _, _| {
            list.set(NetBufferList::STATUS, NtStatus::SUCCESS);
            NdisFSendNetBufferListsComplete(handle, list, 0);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.pause();
    world.stack.send_from_above([b"wrong status"]);
    world.expect_broken(&[Rule::PausedSend]);
    world.end();

    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let world = Fake {
        on_send: Some(Box::new(move |_, list, _, _| *keep.lock().expect("kept") = Some(list))),
        ..Fake::default()
    }
    .run();
    world.stack.pause();
    world.stack.send_from_above([b"kept"]);
    world.expect_broken(&[Rule::PausedSend]);
    let list = kept.lock().expect("kept").take().expect("a list");
    world.in_driver(move |handle| NdisFSendNetBufferListsComplete(handle, list, 0));
    world.end();

    let world = Fake {
        on_send: Some(Box::new(|handle, list, _, flags| {
            crate::common::reject(handle, list, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.pause();
    world.stack.send_from_above([b"right"]);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::NDIS_PAUSED);
    world.end();
});

/// The lab keeps what came home for a while only; a send is judged when the call that brought it is
/// over, which may be long after that.
#[test]
fn a_send_is_judged_by_itself_however_many_came_home_meanwhile() {
    const OTHERS: usize = 2000;
    let stack = Arc::new(OnceLock::<Stack>::new());
    let (others, is_first) = (Arc::clone(&stack), AtomicBool::new(true));
    let fake = Fake {
        on_send: Some(Box::new(move |handle, list, _, flags| {
            reject(handle, list, flags);
            if is_first.swap(false, Ordering::AcqRel) {
                let stack = others.get().expect("a stack");
                let send = || (0..OTHERS).for_each(|_| stack.send_from_above([b"another"]));
                thread::scope(|threads| threads.spawn(send).join()).expect("they are sent");
            }
        })),
        ..Fake::default()
    };
    let lab = Lab::builder().guarded_memory(true).build();
    let (driver, _, result) = fake.start(&lab);
    result.expect("the fake driver starts");
    let stack = stack.get_or_init(|| driver.attach(AdapterConfig::default()).expect("attach"));
    stack.send_from_above([b"the first"]);
    assert_eq!(stack.completions_above().len(), 1 + OTHERS);
    driver.unload().expect_clean();
}

planted!(PauseOutstanding, a_pause_waits_for_what_was_originated, || {
    let world = originator().run();
    world.stack.hold_sends();
    let frame = world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame
    });
    world.stack.pause();
    world.expect_broken(&[Rule::PauseOutstanding]);
    world.stack.release_sends(Order::Forward);
    world.in_driver(move |_| frame.free());
    world.end();
});

planted!(PauseCompletion, a_pause_does_not_fail_and_completes_once, || {
    let failing = Fake { on_pause: Some(Box::new(|_| NtStatus::FAILURE)), ..Fake::default() }.run();
    failing.stack.pause();
    failing.expect_broken(&[Rule::PauseCompletion]);
    failing.end();
    let world = Fake::default().run();
    world.in_driver(|handle| NdisFPauseComplete(handle));
    world.expect_broken(&[Rule::PauseCompletion]);
    world.end();
    let twice = Fake {
        on_pause: Some(Box::new(|handle| {
            NdisFPauseComplete(handle);
            NdisFPauseComplete(handle);
            NtStatus::PENDING
        })),
        ..Fake::default()
    }
    .run();
    twice.stack.pause();
    twice.expect_broken(&[Rule::PauseCompletion]);
    twice.end();
    let both = Fake {
        on_pause: Some(Box::new(|handle| {
            NdisFPauseComplete(handle);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
    .run();
    both.stack.pause();
    both.expect_broken(&[Rule::PauseCompletion]);
    both.end();
});

planted!(RestartCompletion, a_restart_completes_once, || {
    let world = Fake::default().run();
    world.in_driver(|handle| NdisFRestartComplete(handle, NtStatus::SUCCESS));
    world.expect_broken(&[Rule::RestartCompletion]);
    world.end();
    let pending = Fake {
        on_restart: Some(Box::new(|handle, _| {
            NdisFRestartComplete(handle, NtStatus::SUCCESS);
            NtStatus::PENDING
        })),
        ..Fake::default()
    }
    .run();
    pending.end();
    let twice = Fake {
        on_restart: Some(Box::new(|handle, _| {
            NdisFRestartComplete(handle, NtStatus::SUCCESS);
            NdisFRestartComplete(handle, NtStatus::SUCCESS);
            NtStatus::PENDING
        })),
        ..Fake::default()
    }
    .run();
    twice.expect_broken(&[Rule::RestartCompletion]);
    twice.end();
});

planted!(WrongIrql, a_restart_completes_at_passive_level, || {
    let world = Fake {
        on_restart: Some(Box::new(|handle, _| {
            let before = KfRaiseIrql(Irql::DISPATCH);
            NdisFRestartComplete(handle, NtStatus::SUCCESS);
            KeLowerIrql(before);
            NtStatus::PENDING
        })),
        ..Fake::default()
    }
    .run();
    world.expect_broken(&[Rule::WrongIrql]);
    world.end();
});

planted!(HandlerPairs, sending_needs_a_completion_handler, || {
    let world = Fake {
        edit: Some(Box::new(|c| c.set(C::SEND_COMPLETE, absent()))),
        on_send: Some(Box::new(|handle, list, port, flags| {
            NdisFSendNetBufferLists(handle, list, port, flags);
            crate::common::reject(handle, list, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"theirs"]);
    world.expect_broken(&[Rule::HandlerPairs]);
    world.end();
});

planted!(IllegalState, handlers_change_only_when_options_are_set, || {
    type P = FilterPartialCharacteristics;
    let world = Fake::default().run();
    let status = world.in_driver(|handle| {
        let handlers = keep(P::SIZE).cast::<P>();
        handlers.set(P::HEADER_TYPE, 0x8C);
        handlers.set(P::HEADER_REVISION, 1);
        handlers.set(P::HEADER_SIZE, 48);
        NdisSetOptionalHandlers(handle, handlers)
    });
    assert_eq!(status, NtStatus::FAILURE);
    world.expect_broken(&[Rule::IllegalState]);
    world.end();
});

planted!(Header, handles_are_those_that_were_given, || {
    let world = Fake::default().run();
    world.in_driver(|_| NdisFPauseComplete(Handle(0x77)));
    world.expect_broken(&[Rule::Header]);
    world.end();
});

planted!(StatusState, a_status_needs_an_attached_module, || {
    type S = StatusIndication;
    let world = Fake::default().run();
    world.in_driver(|_| {
        let indication = keep(S::SIZE).cast::<S>();
        indication.set(S::HEADER_TYPE, 0x98);
        indication.set(S::HEADER_REVISION, 1);
        indication.set(S::HEADER_SIZE, 112);
        NdisFIndicateStatus(Handle(0x77), indication);
    });
    world.expect_broken(&[Rule::StatusState]);
    world.end();
});

planted!(Header, a_status_and_an_event_are_well_formed, || {
    type S = StatusIndication;
    type N = NetPnpEventNotification;
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let status = keep(S::SIZE).cast::<S>();
        status.set(S::HEADER_TYPE, 0x98);
        status.set(S::HEADER_REVISION, 1);
        status.set(S::HEADER_SIZE, 112);
        status.set(S::SOURCE_HANDLE, handle);
        NdisFIndicateStatus(handle, status);
        status.set(S::STATUS_BUFFER_SIZE, 4);
        NdisFIndicateStatus(handle, status);
        status.set(S::STATUS_BUFFER_SIZE, 0);
        status.set(S::SOURCE_HANDLE, Handle(1));
        NdisFIndicateStatus(handle, status);
        let event = keep(N::SIZE).cast::<N>();
        event.set(N::HEADER_TYPE, 0x80);
        event.set(N::HEADER_REVISION, 1);
        event.set(N::HEADER_SIZE, 164);
        event.set(N::EVENT, 99);
        NdisFNetPnPEvent(handle, event.cast());
    });
    world.expect_broken(&[Rule::Header; 3]);
    world.end();
});

#[test]
fn statuses_and_events_pass() {
    let world = Fake::default().run();
    world.stack.status_indication(NtStatus(0x4001_000B), &[1, 2, 3]);
    assert_eq!(world.stack.statuses_above(), [NtStatus(0x4001_000B)]);
    assert_eq!(world.stack.net_pnp_event(1, &[]), NtStatus::SUCCESS);
    world.stack.device_pnp_event(2, &[]);
    world.end();
}

/// A filter that passes requests on as clones, as it should.
fn cloning() -> Fake {
    Fake {
        on_oid: Some(Box::new(|handle, request| {
            let slot = keep(8).cast::<Guest<OidRequest>>();
            let status = NdisAllocateCloneOidRequest(handle, request, TAG, slot);
            if !status.is_success() {
                return status;
            }
            let clone = slot.read();
            clone.set(OidRequest::SOURCE_RESERVED, [request.address(), 0]);
            let status = NdisFOidRequest(handle, clone);
            if status != NtStatus::PENDING {
                copy_back(clone, request);
                NdisFreeCloneOidRequest(handle, clone);
            }
            status
        })),
        on_oid_complete: Some(Box::new(|handle, clone| {
            let [original, _] = clone.get(OidRequest::SOURCE_RESERVED);
            let request = Guest::<OidRequest>::NULL.byte_add(original);
            copy_back(clone, request);
            NdisFreeCloneOidRequest(handle, clone);
            NdisFOidRequestComplete(handle, request, NtStatus::SUCCESS);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
}

fn copy_back(clone: Guest<OidRequest>, request: Guest<OidRequest>) {
    request.set(OidRequest::BYTES_DONE, clone.get(OidRequest::BYTES_DONE));
    request.set(OidRequest::BYTES_NEEDED, clone.get(OidRequest::BYTES_NEEDED));
}

#[test]
fn requests_pass_as_clones_at_once_and_later() {
    let world = cloning().run();
    for later in [false, true] {
        world.stack.answer_oids(NtStatus::SUCCESS, later, [1, 2, 3]);
        let result = world.stack.oid(&OidQuery::query(0x0001_0106, 8));
        assert_eq!((result.status, result.buffer), (NtStatus::SUCCESS, vec![1, 2, 3]));
    }
    assert_eq!(world.stack.oids_below(), [0x0001_0106, 0x0001_0106]);
    world.end();
}

planted!(OidClone, a_request_is_not_passed_on_itself, || {
    let world = Fake {
        on_oid: Some(Box::new(|handle, request| NdisFOidRequest(handle, request))),
        ..Fake::default()
    }
    .run();
    let _ = world.stack.oid(&OidQuery::query(1, 4));
    world.expect_broken(&[Rule::OidClone]);
    world.end();
});

planted!(OidClone, a_clone_is_freed_before_the_original_completes, || {
    let world = Fake {
        on_oid: Some(Box::new(|handle, request| {
            let slot = keep(8).cast::<Guest<OidRequest>>();
            let _ = NdisAllocateCloneOidRequest(handle, request, TAG, slot);
            NdisFOidRequestComplete(handle, request, NtStatus::SUCCESS);
            NdisFreeCloneOidRequest(handle, slot.read());
            NtStatus::PENDING
        })),
        ..Fake::default()
    }
    .run();
    let _ = world.stack.oid(&OidQuery::query(1, 4));
    world.expect_broken(&[Rule::OidClone]);
    world.end();
});

planted!(OidCompletion, a_request_completes_once_and_finally, || {
    let twice = Fake {
        on_oid: Some(Box::new(|handle, request| {
            NdisFOidRequestComplete(handle, request, NtStatus::SUCCESS);
            NdisFOidRequestComplete(handle, request, NtStatus::SUCCESS);
            NtStatus::PENDING
        })),
        ..Fake::default()
    }
    .run();
    let _ = twice.stack.oid(&OidQuery::query(1, 4));
    twice.expect_broken(&[Rule::OidCompletion]);
    twice.end();
    let too_much = Fake {
        on_oid: Some(Box::new(|_, request| {
            request.set(OidRequest::BYTES_DONE, 5);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
    .run();
    let _ = too_much.stack.oid(&OidQuery::query(1, 4));
    too_much.expect_broken(&[Rule::OidCompletion]);
    too_much.end();
});

planted!(NetPnpInOid, no_event_is_passed_while_a_request_is_handled, || {
    let world = Fake {
        on_oid: Some(Box::new(|handle, _| {
            let event = keep(168);
            event.write(0x80);
            event.byte_add(1).write(1);
            event.byte_add(2).cast::<u16>().write(164);
            NdisFNetPnPEvent(handle, event)
        })),
        ..Fake::default()
    }
    .run();
    let _ = world.stack.oid(&OidQuery::query(1, 4));
    world.expect_broken(&[Rule::NetPnpInOid]);
    world.end();
});

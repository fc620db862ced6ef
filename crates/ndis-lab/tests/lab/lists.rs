//! Lists on their way through the filter: what must not be done with them.

use std::sync::{Arc, Mutex};

use crate::common::{Fake, OwnFrame, originator, reject};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{NetBuffer, NetBufferList};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{AdapterConfig, Irql, NbSpec, NblSpec, NtStatus, Order, Rule};

type Kept = Arc<Mutex<Vec<Guest<NetBufferList>>>>;

/// Hooks that keep what they are given, and what was kept.
fn keeper() -> (Kept, Kept) {
    let kept = Kept::default();
    (Arc::clone(&kept), kept)
}

planted!(SourceHandle, an_originator_sets_the_source_handle, || {
    let world = originator().run();
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        frame.list.set(NetBufferList::SOURCE_HANDLE, Handle::NULL);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    world.expect_broken(&[Rule::SourceHandle]);
    world.end();
});

planted!(SourceHandle, a_foreign_source_handle_is_left_alone, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            list.set(NetBufferList::SOURCE_HANDLE, handle);
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"theirs"]);
    world.expect_broken(&[Rule::SourceHandle]);
    world.end();
});

planted!(NotOwner, a_list_is_sent_by_who_holds_it, || {
    let world = originator().run();
    world.stack.hold_sends();
    let frame = world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame
    });
    world.expect_broken(&[Rule::NotOwner]);
    world.stack.release_sends(Order::Forward);
    world.in_driver(move |_| frame.free());
    world.end();
});

planted!(NotOwner, a_frame_is_not_changed_while_ndis_owns_it, || {
    let world = originator().run();
    world.stack.hold_sends();
    let frame = world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.memory.write(b'O');
        frame
    });
    world.stack.release_sends(Order::Forward);
    world.expect_broken(&[Rule::NotOwner]);
    world.in_driver(move |_| frame.free());
    world.end();
});

planted!(NotOwner, a_list_is_completed_once, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, _, flags| {
            reject(handle, list, flags);
            reject(handle, list, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"theirs"]);
    world.expect_broken(&[Rule::NotOwner]);
    world.end();
});

planted!(WrongPath, an_own_list_is_not_completed_upwards, || {
    let world = Fake::default().run();
    let frame = world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame
    });
    world.expect_broken(&[Rule::WrongPath]);
    world.in_driver(move |_| frame.free());
    world.end();
});

planted!(WrongPath, a_list_does_not_turn_round, || {
    let (keep, kept) = keeper();
    let world = Fake {
        on_send: Some(Box::new(move |handle, list, port, _| {
            keep.lock().expect("kept").push(list);
            NdisFIndicateReceiveNetBufferLists(handle, list, port, 1, 0);
        })),
        on_return: Some(Box::new(reject)),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"theirs"]);
    world.expect_broken(&[Rule::WrongPath]);
    assert_eq!(kept.lock().expect("kept").len(), 1);
    world.end();
});

planted!(WrongPath, a_receive_is_not_completed_as_a_send, || {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, _, _, flags| {
            NdisFSendNetBufferListsComplete(handle, list, 0);
            NdisFReturnNetBufferLists(handle, list, flags & 1);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"theirs"], false);
    world.expect_broken(&[Rule::WrongPath]);
    world.end();
});

planted!(ChainAltered, the_buffers_of_a_foreign_list_come_back_as_they_were, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, _, flags| {
            let buffer = list.get(NetBufferList::FIRST_NET_BUFFER);
            let length = buffer.get(NetBuffer::DATA_LENGTH);
            buffer.set(NetBuffer::DATA_LENGTH, length - 1);
            reject(handle, list, flags);
            buffer.set(NetBuffer::DATA_LENGTH, length);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"theirs"]);
    // Told where it goes back, and once more by whose frame it is.
    world.expect_broken(&[Rule::ChainAltered, Rule::ChainAltered]);
    world.end();
});

planted!(Resources, lent_lists_are_not_returned, || {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, _, _, flags| {
            NdisFReturnNetBufferLists(handle, list, flags & 1);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"lent"], true);
    world.expect_broken(&[Rule::Resources]);
    world.end();
});

planted!(Resources, lent_lists_are_not_kept, || {
    let (keep, kept) = keeper();
    let world = Fake {
        on_receive: Some(Box::new(move |_, list, _, _, _| keep.lock().expect("kept").push(list))),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"lent"], true);
    let list = kept.lock().expect("kept")[0];
    world.expect_broken(&[]);
    world.in_driver(move |handle| NdisFIndicateReceiveNetBufferLists(handle, list, 0, 1, 2));
    world.expect_broken(&[Rule::Resources]);
    world.end();
});

planted!(Resources, lent_lists_are_passed_up_as_lent, || {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, port, count, flags| {
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags & !2);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"lent"], true);
    world.expect_broken(&[Rule::Resources]);
    world.end();
});

planted!(Resources, lent_lists_stay_in_their_chain, || {
    let world = Fake {
        on_receive: Some(Box::new(|_, list, _, _, _| {
            list.set(NetBufferList::NEXT, Guest::NULL);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"one", b"two"], true);
    world.expect_broken(&[Rule::Resources]);
    world.end();
});

planted!(IndicationCount, an_indication_counts_its_lists, || {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, port, count, flags| {
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count + 1, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"one"], false);
    world.expect_broken(&[Rule::IndicationCount]);
    world.end();
});

planted!(IndicationCount, a_received_list_has_one_buffer, || {
    let world = Fake::default().run();
    let two = NblSpec::many([NbSpec::new(b"a".as_slice()), NbSpec::new(b"b".as_slice())]);
    world.stack.indicate_from_below([two], false);
    world.expect_broken(&[Rule::IndicationCount]);
    world.end();
});

planted!(DispatchFlag, the_dispatch_flag_is_true, || {
    let world = Fake::default().run();
    world.stack.set_level(Irql::PASSIVE);
    world.stack.send_from_above([b"fine"]);
    world.expect_broken(&[]);
    let lying = Fake {
        on_send: Some(Box::new(|handle, list, port, _| {
            NdisFSendNetBufferLists(handle, list, port, 1);
        })),
        on_send_complete: Some(Box::new(|handle, list, _| {
            NdisFSendNetBufferListsComplete(handle, list, 0);
        })),
        ..Fake::default()
    }
    .run();
    lying.stack.set_level(Irql::PASSIVE);
    lying.stack.send_from_above([b"lie"]);
    lying.expect_broken(&[Rule::DispatchFlag]);
    lying.end();
    world.end();
});

planted!(DispatchFlag, a_callback_with_a_flag_does_not_ask_for_the_irql, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            assert_eq!(KeGetCurrentIrql(), Irql::DISPATCH);
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"asked"]);
    world.expect_broken(&[Rule::DispatchFlag]);
    world.end();
});

planted!(Backfill, an_originated_frame_has_room_for_the_drivers_below, || {
    let world = originator().run_on(AdapterConfig::default().with_backfill(64, 32));
    for (data, context) in [(63, 32), (64, 16)] {
        world.in_driver(move |handle| {
            let frame = OwnFrame::new(handle, b"own", data, context);
            NdisFSendNetBufferLists(handle, frame.list, 0, 0);
            frame.free();
        });
        world.expect_broken(&[Rule::Backfill]);
    }
    assert_eq!(world.lab.counters().ndis_allocations_for_retreat, 2);
    assert_eq!(world.stack.wire()[0].bytes, b"own");
    world.end();
});

#[test]
fn a_filter_that_was_told_nothing_owes_no_room() {
    let world = originator().run_on(AdapterConfig::default().with_backfill(64, 32));
    world.stack.pause();
    world.stack.restart_with(&ndis_lab::RestartAttributes::null()).expect("a restart");
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    world.end();
}

planted!(DataExtent, a_frame_has_as_many_bytes_as_it_says, || {
    let world = originator().run();
    world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        frame.list.get(NetBufferList::FIRST_NET_BUFFER).set(NetBuffer::DATA_LENGTH, 9);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    world.expect_broken(&[Rule::DataExtent]);
    world.end();
});

#[test]
fn an_own_indication_comes_back_to_the_filter() {
    let world = originator().run();
    let frame = world.in_driver(|handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        NdisFIndicateReceiveNetBufferLists(handle, frame.list, 0, 1, 0);
        frame
    });
    assert!(world.stack.received_above()[0].originated);
    world.in_driver(move |_| frame.free());
    world.end();
}

#[test]
fn a_filter_may_lend_what_it_passes_up() {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, port, count, flags| {
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags | 2);
            NdisFReturnNetBufferLists(handle, list, flags & 1);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([b"one", b"two"], false);
    assert_eq!(world.stack.returns_below().len(), 2);
    world.end();
}

#[test]
fn cancelled_sends_come_back_as_aborted() {
    let world = Fake::default().run();
    world.stack.hold_sends();
    world
        .stack
        .send_from_above([NblSpec::from(b"stays"), NblSpec::from(b"goes").information(5, 0x77)]);
    world.stack.cancel_sends_from_above(0x77);
    assert_eq!(world.stack.completions_above().len(), 1);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::NDIS_SEND_ABORTED);
    world.stack.release_sends(Order::Forward);
    world.end();
}

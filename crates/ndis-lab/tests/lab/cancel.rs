//! Cancelling sends: planted breaches.

use std::sync::{Arc, Mutex};

use crate::common::{Fake, OwnFrame, send_own};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{NetBufferList, information};
use ndis_lab::abi::ndis::FilterDriverCharacteristics as C;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{NbSpec, NblSpec, NtStatus, Order, Rule};

fn set_cancel_id(list: Guest<NetBufferList>, id: u64) {
    let values = list.field(NetBufferList::INFORMATION).cast::<u64>();
    values.index(information::CANCEL_ID as u64).write(id);
}

planted!(CancelId, a_cancel_identifier_begins_with_the_byte_from_ndis, || {
    send_own(|list| set_cancel_id(list, 0x1234), &[Rule::CancelId]);
    send_own(
        |list| {
            let first = u64::from(NdisGeneratePartialCancelId());
            set_cancel_id(list, first << 56 | 1);
        },
        &[],
    );
});

static QUEUED: Mutex<Option<(Handle, Guest<NetBufferList>, NtStatus)>> = Mutex::new(None);

extern "win64" fn cancel(_context: Handle, _id: Guest<u8>) {
    let queued = QUEUED.lock().expect("queue").take();
    let Some((handle, list, status)) = queued else { return };
    list.set(NetBufferList::STATUS, status);
    NdisFSendNetBufferListsComplete(handle, list, 0);
}

planted!(CancelId, a_cancelled_send_says_so, || {
    for (status, rules) in
        [(NtStatus::NDIS_SEND_ABORTED, &[][..]), (NtStatus::SUCCESS, &[Rule::CancelId][..])]
    {
        let world = Fake {
            edit: Some(Box::new(|c| c.set(C::CANCEL_SEND, Some(cancel)))),
            on_send: Some(Box::new(move |handle, list, _, _| {
                *QUEUED.lock().expect("queue") = Some((handle, list, status));
            })),
            ..Fake::default()
        }
        .run();
        world.stack.send_from_above([cancellable(0x99)]);
        world.stack.cancel_sends_from_above(0x99);
        world.expect_broken(rules);
        world.end();
    }
});

/// A list with a cancel identifier.
fn cancellable(id: u64) -> NblSpec {
    NblSpec::of(NbSpec::new(*b"frame")).information(information::CANCEL_ID, id)
}

extern "win64" fn forget(_context: Handle, _id: Guest<u8>) {}

planted!(CancelId, a_cancellation_is_passed_on, || {
    let world =
        Fake { edit: Some(Box::new(|c| c.set(C::CANCEL_SEND, Some(forget)))), ..Fake::default() }
            .run();
    world.stack.hold_sends();
    world.stack.send_from_above([cancellable(0x77)]);
    world.stack.cancel_sends_from_above(0x77);
    world.expect_broken(&[Rule::CancelId]);
    world.stack.release_sends(Order::Forward);
    world.end();
});

planted!(HandlerPairs, sends_that_are_kept_can_be_cancelled, || {
    let kept = Arc::new(Mutex::new(Guest::NULL));
    let keep = Arc::clone(&kept);
    let world = Fake {
        edit: Some(Box::new(|c| {
            let none: Option<extern "win64" fn(Handle, Guest<u8>)> = None;
            c.set(C::CANCEL_SEND, none);
        })),
        on_send: Some(Box::new(move |_, list, _, _| *keep.lock().expect("kept") = list)),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"queued"]);
    world.expect_broken(&[Rule::HandlerPairs]);
    let list = *kept.lock().expect("kept");
    world.in_driver(move |handle| {
        list.set(NetBufferList::STATUS, NtStatus::SUCCESS);
        NdisFSendNetBufferListsComplete(handle, list, 0);
    });
    world.end();
});

#[test]
fn a_send_may_wait_for_a_copy_of_it() {
    let kept = Arc::new(Mutex::new(None));
    let (keep, give) = (Arc::clone(&kept), Arc::clone(&kept));
    let world = Fake {
        edit: Some(Box::new(|c| {
            let none: Option<extern "win64" fn(Handle, Guest<u8>)> = None;
            c.set(C::CANCEL_SEND, none);
        })),
        on_send: Some(Box::new(move |handle, list, _, _| {
            let copy = OwnFrame::new(handle, b"copy", 0, 0);
            let sent = copy.list;
            *keep.lock().expect("kept") = Some((list, copy));
            NdisFSendNetBufferLists(handle, sent, 0, 0);
        })),
        on_send_complete: Some(Box::new(move |handle, _, _| {
            let (list, copy) = give.lock().expect("kept").take().expect("a copy");
            copy.free();
            NdisFSendNetBufferListsComplete(handle, list, 0);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.hold_sends();
    world.stack.send_from_above([b"waits"]);
    world.stack.release_sends(Order::Forward);
    world.end();
}

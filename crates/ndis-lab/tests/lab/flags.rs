//! Cancel identifiers, read-only data, flags of lists, and time: planted breaches.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use crate::common::{Fake, OwnFrame, World, originator};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{NetBufferList, information};
use ndis_lab::abi::ndis::FilterDriverCharacteristics as C;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{AdapterConfig, Lab, NbSpec, NblSpec, NtStatus, Rule};

fn send_own(change: impl Fn(Guest<NetBufferList>) + Send + 'static, rules: &[Rule]) {
    let world = originator().run();
    world.in_driver(move |handle| {
        let frame = OwnFrame::new(handle, b"own", 0, 0);
        change(frame.list);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    world.expect_broken(rules);
    world.end();
}

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

type Queue = Arc<Mutex<Option<(Handle, Guest<NetBufferList>)>>>;

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
        let list = NblSpec::of(NbSpec::new(*b"frame")).information(information::CANCEL_ID, 0x99);
        world.stack.send_from_above([list]);
        world.stack.cancel_sends_from_above(0x99);
        world.expect_broken(rules);
        world.end();
    }
});

/// A driver that writes over the first byte of what it passes on, down and up.
fn scribbler() -> World {
    fn scribble(list: Guest<NetBufferList>) {
        let buffer = list.get(NetBufferList::FIRST_NET_BUFFER);
        NdisGetDataBuffer(buffer, 1, Guest::NULL, 1, 0).write(0xFF);
    }
    Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            scribble(list);
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        on_receive: Some(Box::new(|handle, list, port, count, flags| {
            scribble(list);
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags);
        })),
        ..Fake::default()
    }
    .run()
}

planted!(ReadOnlyData, read_only_data_are_not_written_to, || {
    let world = scribbler();
    world.stack.send_from_above([NblSpec::of(NbSpec::new(*b"frame")).flags(1)]);
    world.expect_broken(&[Rule::ReadOnlyData]);
    world.stack.indicate_from_below([NblSpec::of(NbSpec::new(*b"frame")).flags(2)], false);
    world.expect_broken(&[Rule::ReadOnlyData]);
    world.end();
});

planted!(NblFlags, flags_of_foreign_lists_are_left_alone_but_for_the_scratch_bits, || {
    for (bits, rules) in [(0x10_u32, &[Rule::NblFlags][..]), (0x1_0000, &[][..])] {
        let world = Fake {
            on_send: Some(Box::new(move |handle, list, port, flags| {
                list.set(NetBufferList::FLAGS, list.get(NetBufferList::FLAGS) ^ bits);
                NdisFSendNetBufferLists(handle, list, port, flags);
            })),
            on_send_complete: Some(Box::new(move |handle, list, flags| {
                list.set(NetBufferList::FLAGS, list.get(NetBufferList::FLAGS) ^ bits);
                NdisFSendNetBufferListsComplete(handle, list, flags);
            })),
            ..Fake::default()
        }
        .run();
        world.stack.send_from_above([b"frame"]);
        world.expect_broken(rules);
        world.end();
    }
});

planted!(NblFlags, flags_of_own_lists_are_the_drivers_to_set, || {
    send_own(|list| list.set(NetBufferList::FLAGS, 0x4), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::FLAGS, 0x1000), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::NBL_FLAGS, 0x600), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::NBL_FLAGS, 0x800), &[Rule::NblFlags]);
    send_own(|list| list.set(NetBufferList::NBL_FLAGS, 0xA00), &[]);
});

fn run_impatiently(fake: Fake) -> World {
    let lab = Lab::builder().patience(Duration::from_millis(20)).build();
    let (driver, fake, result) = fake.start(&lab);
    result.expect("it starts");
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    stack.start().expect("it restarts");
    World { lab, driver, stack, fake }
}

planted!(NdisFilterTimedPauseComplete, a_pause_completes_in_time, || {
    let world = run_impatiently(Fake {
        on_pause: Some(Box::new(|_| NtStatus::PENDING)),
        ..Fake::default()
    });
    world.stack.pause();
    world.expect_broken(&[Rule::NdisFilterTimedPauseComplete]);
    world.stack.detach();
    world.end();
});

planted!(NdisFilterTimedDataSend, what_comes_from_above_is_finished_in_time, || {
    let kept = Queue::default();
    let keep = Arc::clone(&kept);
    let world = run_impatiently(Fake {
        on_send: Some(Box::new(move |handle, list, _, _| {
            *keep.lock().expect("kept") = Some((handle, list));
        })),
        ..Fake::default()
    });
    world.stack.send_from_above([b"kept"]);
    sleep(Duration::from_millis(30));
    let (handle, list) = kept.lock().expect("kept").take().expect("a list");
    world.in_driver(move |_| NdisFSendNetBufferListsComplete(handle, list, 0));
    world.expect_broken(&[Rule::NdisFilterTimedDataSend]);
    world.end();
});

planted!(NdisFilterTimedDataReceive, what_comes_from_below_is_finished_in_time, || {
    let kept = Queue::default();
    let keep = Arc::clone(&kept);
    let world = run_impatiently(Fake {
        on_receive: Some(Box::new(move |handle, list, _, _, _| {
            *keep.lock().expect("kept") = Some((handle, list));
        })),
        ..Fake::default()
    });
    world.stack.indicate_from_below([b"kept"], false);
    sleep(Duration::from_millis(30));
    let (handle, list) = kept.lock().expect("kept").take().expect("a list");
    world.in_driver(move |_| NdisFReturnNetBufferLists(handle, list, 0));
    world.expect_broken(&[Rule::NdisFilterTimedDataReceive]);
    world.end();
});

planted!(DispatchFlag, who_is_told_the_irql_does_not_ask_for_it, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            KeGetCurrentIrql();
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"frame"]);
    world.expect_broken(&[Rule::DispatchFlag]);
    world.end();
});

planted!(Waiting, the_processor_is_kept_busy_for_fifty_microseconds_at_most, || {
    let world = Fake::default().run();
    world.in_driver(|_| NdisStallExecution(50));
    world.expect_broken(&[]);
    world.in_driver(|_| NdisStallExecution(51));
    world.expect_broken(&[Rule::Waiting]);
    world.end();
});

//! What takes too long, in virtual time: planted breaches.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Fake, World};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::NetBufferList;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{AdapterConfig, Lab, NtStatus, OidQuery, Rule, Schedule};

/// Longer than NDIS waits.
const LONG: Duration = Duration::from_secs(11);

/// The same in microseconds.
const LONG_MICROSECONDS: u32 = 11_000_000;

/// A world whose time is virtual: whatever is told in a run takes no time.
fn timeless(fake: Fake) -> World {
    let lab = Lab::builder().schedule(Schedule::seeded(1)).build();
    let (driver, fake, result) = fake.start(&lab);
    result.expect("it starts");
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    stack.start().expect("it restarts");
    World { lab, driver, stack, fake }
}

/// A list that the driver keeps.
type Kept = Arc<Mutex<Guest<NetBufferList>>>;

planted!(NdisFilterTimedPauseComplete, a_pause_completes_in_time, || {
    let pausing = Fake { on_pause: Some(Box::new(|_| NtStatus::PENDING)), ..Fake::default() };
    let world = timeless(pausing);
    world.lab.run(|_| world.stack.pause());
    world.expect_broken(&[Rule::NdisFilterTimedPauseComplete]);
    world.stack.detach();
    world.end();
});

planted!(NdisFilterTimedPauseComplete, filter_pause_returns_in_time, || {
    let slow = Fake {
        on_pause: Some(Box::new(|_| {
            NdisMSleep(LONG_MICROSECONDS);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    };
    let world = timeless(slow);
    world.lab.run(|_| world.stack.pause());
    world.expect_broken(&[Rule::NdisFilterTimedPauseComplete]);
    world.end();
});

/// A driver that keeps the sends or the receives that it gets.
fn keeping(kept: &Kept) -> Fake {
    let [send, receive] = [(); 2].map(|()| Arc::clone(kept));
    Fake {
        on_send: Some(Box::new(move |_, list, _, _| *send.lock().expect("kept") = list)),
        on_receive: Some(Box::new(move |_, list, _, _, _| {
            *receive.lock().expect("kept") = list;
        })),
        ..Fake::default()
    }
}

fn complete(handle: Handle, list: Guest<NetBufferList>) {
    list.set(NetBufferList::STATUS, NtStatus::SUCCESS);
    NdisFSendNetBufferListsComplete(handle, list, 0);
}

planted!(NdisFilterTimedDataSend, what_comes_from_above_is_finished_in_time, || {
    let kept = Kept::default();
    let world = timeless(keeping(&kept));
    world.lab.run(|scope| {
        world.stack.send_from_above([b"kept"]);
        scope.sleep(LONG);
        let list = *kept.lock().expect("kept");
        world.in_driver(move |handle| complete(handle, list));
    });
    world.expect_broken(&[Rule::NdisFilterTimedDataSend]);
    world.end();
});

planted!(NdisFilterTimedDataReceive, what_comes_from_below_is_finished_in_time, || {
    let kept = Kept::default();
    let world = timeless(keeping(&kept));
    world.lab.run(|scope| {
        world.stack.indicate_from_below([b"kept"], false);
        scope.sleep(LONG);
        let list = *kept.lock().expect("kept");
        world.in_driver(move |handle| NdisFReturnNetBufferLists(handle, list, 0));
    });
    world.expect_broken(&[Rule::NdisFilterTimedDataReceive]);
    world.end();
});

planted!(NdisFilterTimedDataSend, a_stuck_list_is_found_before_it_moves, || {
    let kept = Kept::default();
    let of_pause = Arc::clone(&kept);
    let world = timeless(Fake {
        on_pause: Some(Box::new(move |handle| {
            complete(handle, *of_pause.lock().expect("kept"));
            NtStatus::SUCCESS
        })),
        ..keeping(&kept)
    });
    world.lab.run(|scope| {
        world.stack.send_from_above([b"stuck"]);
        scope.sleep(LONG);
        world.stack.pause();
    });
    world.expect_broken(&[Rule::NdisFilterTimedDataSend]);
    world.end();
});

planted!(CallbackTime, a_callback_returns_in_time, || {
    let slow =
        Fake { on_detach: Some(Box::new(|_| NdisMSleep(LONG_MICROSECONDS))), ..Fake::default() };
    let world = timeless(slow);
    world.lab.run(|_| {
        world.in_driver(|_| NdisMSleep(LONG_MICROSECONDS));
        world.stack.detach();
    });
    world.expect_broken(&[Rule::CallbackTime, Rule::CallbackTime]);
    world.end();
});

planted!(OidCompletion, a_request_is_answered_in_time, || {
    let slow = Fake {
        on_oid: Some(Box::new(|_, request| {
            if request.get(ndis_lab::abi::ndis::OidRequest::OID) == 2 {
                return NtStatus::PENDING;
            }
            NdisMSleep(LONG_MICROSECONDS);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    };
    let world = timeless(slow);
    world.lab.run(|_| {
        let _ = world.stack.oid(&OidQuery::query(1, 4));
        let _ = world.stack.oid(&OidQuery::query(2, 4));
    });
    world.expect_broken(&[Rule::OidCompletion, Rule::OidCompletion]);
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

//! What travels beside frames and in MDLs that nobody mapped, cables, sleep and removal.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::common::{Fake, OwnFrame, keep};
use ndis_lab::abi::Handle;
use ndis_lab::abi::nbl::{
    MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, Mdl, NetBuffer, NetBufferList, information,
};
use ndis_lab::abi::ndis::FilterDriverCharacteristics as C;
use ndis_lab::abi::ndis::{DevicePnpEventNotification, NetPnpEventNotification};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{
    AdapterConfig, IpVersion, Lab, ModuleState, NbSpec, NblSpec, NtStatus, OutOfBand, Rule,
};

fn first_mdl(list: Guest<NetBufferList>) -> Guest<Mdl> {
    list.get(NetBufferList::FIRST_NET_BUFFER).get(NetBuffer::MDL_CHAIN)
}

/// The address of an MDL's bytes, if it can be had.
fn ask(mdl: Guest<Mdl>) -> Guest<u8> {
    let (address, length) = (keep(8).cast::<Guest<u8>>(), keep(4).cast());
    NdisQueryMdl(mdl, address, length, 16);
    address.read()
}

#[test]
fn what_travels_beside_a_frame_arrives() {
    let world = Fake::default().run();
    let vlan = OutOfBand::Vlan { priority: 3, canonical_format: false, id: 7 };
    let large =
        OutOfBand::LargeSendV2 { segment: 1460, tcp_header_offset: 34, version: IpVersion::V4 };
    world.stack.send_from_above([NblSpec::from(&[0; 60]).with(vlan).with(large)]);
    let split = NblSpec::header_split([7; 100], 54).loopback();
    world.stack.indicate_from_below([split], false);
    assert!(world.stack.wire()[0].bears(vlan) && world.stack.wire()[0].bears(large));
    let above = world.stack.received_above();
    assert_eq!((above[0].mdls, above[0].nbl_flags), (2, 0x8100));
    world.end();
}

#[test]
fn a_large_send_of_the_first_version_tells_what_was_sent() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&told);
    let world = Fake {
        on_send_complete: Some(Box::new(move |handle, list, flags| {
            let beside = list.get(NetBufferList::INFORMATION);
            kept.lock().expect("told").push(beside[information::LARGE_SEND]);
            NdisFSendNetBufferListsComplete(handle, list, flags);
        })),
        ..Fake::default()
    }
    .run();
    let mut frame = vec![0; 34 + 20 + 4000];
    frame[34 + 12] = 0x50;
    let large = |large| NblSpec::from(&frame).with(large);
    let first = OutOfBand::LargeSendV1 { segment: 1460, tcp_header_offset: 34 };
    let second =
        OutOfBand::LargeSendV2 { segment: 1460, tcp_header_offset: 34, version: IpVersion::V6 };
    world.stack.send_from_above([large(first)]);
    world.stack.send_from_above([large(second)]);
    assert_eq!(*told.lock().expect("told"), [4000, 1 << 30]);
    world.end();
}

#[test]
fn bytes_that_nobody_mapped_are_asked_for_and_may_be_refused() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let world = Fake {
        on_send: Some(Box::new(move |handle, list, port, flags| {
            let mdl = first_mdl(list);
            assert_eq!(mdl.get(Mdl::MDL_FLAGS), MDL_PAGES_LOCKED);
            let address = ask(mdl);
            let bytes = address.non_null().map(|address| address.read_bytes(4));
            kept.lock().expect("seen").push((mdl, bytes));
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    let spec = || NblSpec::of(NbSpec::new(*b"down").room(20, 3).unmapped());
    let other = || NblSpec::of(NbSpec::new(*b"more").unmapped());
    world.stack.send_from_above([other()]);
    world.lab.fail_allocation(1);
    world.stack.send_from_above([spec()]);
    world.stack.send_from_above([spec()]);
    assert_eq!(world.stack.wire()[2].bytes, b"down");
    let seen = seen.lock().expect("seen");
    assert_eq!(seen[0].1.as_deref(), Some(b"more".as_slice()));
    assert_eq!(seen[1].1, None);
    assert_eq!(seen[2].1.as_deref(), Some([0; 4].as_slice()), "the room in front");
    // Whose pages they are ends the mapping when the list is home.
    assert!(seen.iter().all(|(mdl, _)| mdl.get(Mdl::MDL_FLAGS) & MDL_MAPPED_TO_SYSTEM_VA == 0));
    drop(seen);
    world.end();
}

#[test]
fn a_part_of_what_nobody_mapped_is_mapped_by_itself() {
    let world = Fake {
        on_receive: Some(Box::new(|handle, list, port, count, flags| {
            let whole = first_mdl(list);
            let start = whole.get(Mdl::START_VA).byte_add(whole.get(Mdl::BYTE_OFFSET).into());
            let part = IoAllocateMdl(start.byte_add(2), 3, 0, 0, Guest::NULL);
            IoBuildPartialMdl(whole, part, start.byte_add(2), 3);
            assert_eq!(ask(part).read_bytes(3), b"cde");
            assert_eq!(whole.get(Mdl::MDL_FLAGS) & MDL_MAPPED_TO_SYSTEM_VA, 0);
            IoFreeMdl(part);
            NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.indicate_from_below([NblSpec::of(NbSpec::new(*b"abcdef").unmapped())], false);
    assert_eq!(world.stack.received_above()[0].bytes, b"abcdef");
    world.end();
}

planted!(MdlPages, bytes_with_an_address_are_not_mapped_again, || {
    let world = Fake {
        on_send: Some(Box::new(|handle, list, port, flags| {
            MmMapLockedPagesSpecifyCache(first_mdl(list), 0, 1, Guest::NULL, 0, 16);
            NdisFSendNetBufferLists(handle, list, port, flags);
        })),
        ..Fake::default()
    }
    .run();
    world.stack.send_from_above([b"mapped"]);
    world.expect_broken(&[Rule::MdlPages]);
    world.end();
});

/// What happened, in order.
type Told = Arc<Mutex<Vec<String>>>;

extern "win64" fn net_event(_context: Handle, event: Guest<u8>) -> NtStatus {
    type N = NetPnpEventNotification;
    let event = event.cast::<N>();
    let state = event.get(N::EVENT_BUFFER).cast::<u32>().read();
    tell(format!("event {} to {state}", event.get(N::EVENT)));
    NtStatus::SUCCESS
}

extern "win64" fn device_event(_context: Handle, event: Guest<u8>) {
    let event = event.cast::<DevicePnpEventNotification>();
    tell(format!("device event {}", event.get(DevicePnpEventNotification::EVENT)));
}

thread_local! {
    static TOLD: RefCell<Told> = RefCell::default();
}

fn tell(what: String) {
    TOLD.with_borrow(|told| told.lock().expect("told").push(what));
}

/// A driver that tells of its changes on this thread.
fn teller() -> Fake {
    TOLD.set(Told::default());
    Fake {
        edit: Some(Box::new(|c| {
            c.set(C::NET_PNP_EVENT, Some(net_event));
            c.set(C::DEVICE_PNP_EVENT, Some(device_event));
        })),
        on_pause: Some(Box::new(|_| {
            tell("pause".to_owned());
            NtStatus::SUCCESS
        })),
        on_restart: Some(Box::new(|_, _| {
            tell("restart".to_owned());
            NtStatus::SUCCESS
        })),
        on_detach: Some(Box::new(|_| tell("detach".to_owned()))),
        on_oid: Some(Box::new(|_, request| {
            let oid = request.get(ndis_lab::abi::ndis::OidRequest::OID);
            tell(format!("request {oid:#x}"));
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
}

fn told() -> Vec<String> {
    TOLD.with_borrow(|told| std::mem::take(&mut *told.lock().expect("told")))
}

#[test]
fn an_adapter_sleeps_and_wakes() {
    let world = teller().run();
    let _ = told();
    world.stack.hold_sends();
    world.stack.send_from_above([b"late"]);
    assert_eq!(world.stack.power_down(), NtStatus::SUCCESS);
    assert_eq!(told(), ["event 0 to 4", "pause", "request 0xfd010101"]);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::NDIS_LOW_POWER_STATE);
    assert_eq!(world.stack.state(), ModuleState::Paused);
    world.stack.power_up().expect("it wakes");
    assert_eq!(told(), ["request 0xfd010101", "restart", "event 0 to 1"]);
    world.stack.send_from_above([b"awake"]);
    assert_eq!(world.stack.completions_above()[1].status, NtStatus::SUCCESS);
    world.end();
}

#[test]
fn a_stack_need_not_pause_while_its_adapter_sleeps() {
    let config = AdapterConfig { pauses_on_suspend: false, ..AdapterConfig::default() };
    let world = teller().run_on(config);
    let _ = told();
    world.stack.power_down();
    assert_eq!(world.stack.state(), ModuleState::Running);
    world.stack.send_from_above([b"asleep"]);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::NDIS_LOW_POWER_STATE);
    world.stack.power_up().expect("it wakes");
    assert_eq!(
        told(),
        ["event 0 to 4", "request 0xfd010101", "request 0xfd010101", "event 0 to 1"]
    );
    world.end();
}

#[test]
fn an_adapter_is_pulled_out() {
    let world = teller().run();
    let _ = told();
    world.stack.hold_sends();
    world.stack.hold_receives();
    world.stack.send_from_above([b"down"]);
    world.stack.indicate_from_below([b"up"], false);
    world.stack.surprise_remove();
    assert_eq!(told(), ["device event 2", "pause", "detach"]);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::FAILURE);
    assert_eq!(world.stack.returns_below().len(), 1);
    assert_eq!(world.stack.state(), ModuleState::Detached);
    world.end();
}

/// A lab with one driver on two adapters.
fn two_stacks(fake: Fake) -> (Lab, ndis_lab::Driver, ndis_lab::Stack, ndis_lab::Stack) {
    let lab = Lab::default();
    let (driver, _, result) = fake.start(&lab);
    result.expect("the fake driver starts");
    let [a, b] = [1, 2].map(|number| {
        let stack = driver.attach(AdapterConfig::numbered(number)).expect("it attaches");
        stack.start().expect("it runs");
        stack
    });
    (lab, driver, a, b)
}

#[test]
fn a_cable_brings_frames_to_another_adapter() {
    let (lab, driver, a, b) = two_stacks(Fake::default());
    a.connect(&b);
    let tag = OutOfBand::Vlan { priority: 1, canonical_format: false, id: 9 };
    a.send_from_above([NblSpec::from(b"one").with(tag), NblSpec::from(b"two")]);
    a.send_from_above([b"three"]);
    b.send_from_above([b"not back"]);
    lab.settle();
    let arrived = b.received_above();
    let bytes: Vec<_> = arrived.iter().map(|frame| frame.bytes.as_slice()).collect();
    assert_eq!(bytes, [b"one".as_slice(), b"two", b"three"]);
    assert!(arrived[0].bears(tag) && arrived[0].batch == arrived[1].batch);
    assert!(arrived[1].batch != arrived[2].batch && a.received_above().is_empty());
    driver.unload().expect_clean();
}

#[test]
fn a_loop_of_cables_comes_to_an_end() {
    type Frames = Arc<Mutex<HashMap<u64, OwnFrame>>>;
    let frames = Frames::default();
    let kept = Arc::clone(&frames);
    // The mistake that a copying filter can make: what arrives is sent out again.
    let (lab, driver, a, b) = two_stacks(Fake {
        on_receive: Some(Box::new(move |handle, list, port, number, flags| {
            let own = OwnFrame::new(handle, b"again", 0, 0);
            let sent = own.list;
            kept.lock().expect("frames").insert(sent.address(), own);
            NdisFSendNetBufferLists(handle, sent, port, 0);
            NdisFIndicateReceiveNetBufferLists(handle, list, port, number, flags);
        })),
        on_send_complete: Some(Box::new(move |handle, list, flags| {
            let own = frames.lock().expect("frames").remove(&list.address());
            match own {
                Some(own) => own.free(),
                None => NdisFSendNetBufferListsComplete(handle, list, flags),
            }
        })),
        ..Fake::default()
    });
    a.connect_for(&b, 100);
    b.connect_for(&a, 100);
    a.send_from_above([b"once"]);
    lab.settle();
    assert_eq!(a.received_above().len() + b.received_above().len(), 200);
    assert_eq!(a.lost_on_the_cable() + b.lost_on_the_cable(), 1);
    driver.unload().expect_clean();
}

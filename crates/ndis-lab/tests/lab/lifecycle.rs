//! The life of a filter driver, from entry to unload.

use crate::common::{Fake, originator};
use ndis_lab::exports::*;
use ndis_lab::{
    AdapterConfig, Irql, Lab, ModuleState, NbSpec, NblSpec, NtStatus, Order, Policy,
    RestartAttributes, Rule,
};

#[test]
fn a_filter_that_passes_all_on_lives_and_dies_clean() {
    let world = Fake::default().run();
    assert_eq!(world.stack.state(), ModuleState::Running);
    world.stack.send_from_above([b"down"]);
    world.stack.indicate_from_below([b"up"], false);
    world.stack.indicate_from_below([b"lent"], true);
    assert_eq!(world.stack.wire()[0].bytes, b"down");
    let above: Vec<_> = world.stack.received_above().into_iter().map(|frame| frame.bytes).collect();
    assert_eq!(above, [b"up".to_vec(), b"lent".to_vec()]);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::SUCCESS);
    assert_eq!(world.stack.returns_below().len(), 2);
    world.stack.pause();
    assert_eq!(world.stack.state(), ModuleState::Paused);
    world.stack.detach();
    world.end();
}

#[test]
fn a_module_pauses_and_restarts_many_times() {
    let world = Fake::default().run();
    for _ in 0..10 {
        world.stack.pause();
        world.stack.start().expect("a restart");
    }
    world.end();
}

#[test]
fn a_stack_carries_batches_of_any_shape() {
    let world = Fake::default().run();
    let spec = NblSpec::many([
        NbSpec::new(b"abcdef".as_slice()).split([0, 2, 1]).room(3, 5),
        NbSpec::new(b"second".as_slice()),
    ])
    .information(4, 0x20);
    world.stack.send_from_above([spec, NblSpec::from(b"third")]);
    let wire = world.stack.wire();
    let bytes: Vec<_> = wire.iter().map(|frame| frame.bytes.as_slice()).collect();
    assert_eq!(bytes, [b"abcdef".as_slice(), b"second", b"third"]);
    assert_eq!((wire[0].data_offset, wire[0].mdls, wire[0].information[4]), (3, 4, 0x20));
    assert!(wire.iter().all(|frame| frame.batch == wire[0].batch));
    world.end();
}

#[test]
fn an_adapter_uses_its_backfill_and_puts_frames_right() {
    let world = Fake::default().run_on(AdapterConfig::default().with_backfill(64, 32));
    world.stack.send_from_above([NblSpec::of(NbSpec::new(b"roomy".as_slice()).room(64, 0))]);
    world.stack.send_from_above([NblSpec::of(NbSpec::new(b"tight".as_slice()).room(5, 0))]);
    assert_eq!(world.stack.wire()[1].bytes, b"tight");
    // Frames of others are not the filter's fault.
    assert_eq!(world.lab.counters().ndis_allocations_for_retreat, 0);
    world.end();
}

#[test]
fn held_lists_come_back_in_the_order_that_the_test_chooses() {
    let world = Fake::default().run();
    world.stack.hold_sends();
    world.stack.send_from_above([b"0", b"1"]);
    world.stack.send_from_above([b"2"]);
    assert_eq!(world.stack.held_sends(), 3);
    world.stack.release_sends(Order::Reverse);
    let order: Vec<_> = world.stack.completions_above().iter().map(|done| done.list).collect();
    assert_eq!(order, [2, 1, 0]);
    world.stack.hold_receives();
    world.stack.indicate_from_below([b"0", b"1"], false);
    world.stack.release_receives(Order::OneByOne);
    let order: Vec<_> = world.stack.returns_below().iter().map(|done| done.list).collect();
    assert_eq!(order, [0, 1]);
    world.end();
}

#[test]
fn deferred_lists_come_back_on_another_thread() {
    let world = Fake::default().run();
    world.stack.set_send_policy(Policy::Deferred);
    world.stack.set_receive_policy(Policy::Deferred);
    for _ in 0..100 {
        world.stack.send_from_above([b"down"]);
        world.stack.indicate_from_below([b"up"], false);
    }
    world.lab.settle();
    assert_eq!(world.stack.completions_above().len(), 100);
    assert_eq!(world.stack.returns_below().len(), 100);
    world.end();
}

#[test]
fn an_adapter_can_fail_sends() {
    let world = Fake::default().run();
    world.stack.fail_sends(NtStatus::NDIS_RESET_IN_PROGRESS);
    world.stack.send_from_above([b"down"]);
    assert_eq!(world.stack.completions_above()[0].status, NtStatus::NDIS_RESET_IN_PROGRESS);
    world.end();
}

#[test]
fn a_failed_entry_is_told_and_leaves_nothing() {
    let lab = Lab::default();
    lab.fail_allocation(1);
    let (_, _, result) = Fake::default().start(&lab);
    assert_eq!(result, Err(NtStatus::RESOURCES));
    lab.verdict().expect_clean();
}

#[test]
fn a_failed_attach_is_told() {
    let lab = Lab::default();
    let refuses =
        Fake { on_attach: Some(Box::new(|_| NtStatus::NOT_SUPPORTED)), ..Fake::default() };
    let (driver, _, _) = refuses.start(&lab);
    assert_eq!(driver.attach(AdapterConfig::default()).err(), Some(NtStatus::NOT_SUPPORTED));
    driver.unload().expect_clean();
}

#[test]
fn a_failed_restart_detaches_the_module() {
    let lab = Lab::default();
    let fails = Fake { on_restart: Some(Box::new(|_, _| NtStatus::RESOURCES)), ..Fake::default() };
    let (driver, _, _) = fails.start(&lab);
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    assert_eq!(stack.start(), Err(NtStatus::RESOURCES));
    assert_eq!(stack.state(), ModuleState::Detached);
    driver.unload().expect_clean();
}

#[test]
fn a_pending_pause_waits_for_the_last_list() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let pausing = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&pausing);
    let world = Fake {
        on_pause: Some(Box::new(move |_| {
            pausing.store(true, Ordering::Release);
            NtStatus::PENDING
        })),
        on_send_complete: Some(Box::new(move |handle, list, flags| {
            NdisFSendNetBufferListsComplete(handle, list, flags);
            if seen.swap(false, Ordering::AcqRel) {
                NdisFPauseComplete(handle);
            }
        })),
        ..Fake::default()
    }
    .run();
    world.stack.hold_sends();
    world.stack.send_from_above([b"late"]);
    assert!(world.stack.begin_pause());
    assert_eq!(world.stack.state(), ModuleState::Pausing);
    world.stack.release_sends(Order::Forward);
    world.stack.finish_pause();
    assert_eq!(world.stack.state(), ModuleState::Paused);
    world.end();
}

#[test]
fn every_form_of_restart_attributes_reaches_the_filter() {
    let config = AdapterConfig::default().with_backfill(48, 16);
    let world = Fake::default().run_on(config.clone());
    let full = RestartAttributes::of(&config);
    for attributes in [
        RestartAttributes::null(),
        RestartAttributes::unknown_only(),
        full.clone().revision(1),
        full.clone().data_length(40),
        full.clone().header_size(20),
        full.clone().unknown_before(2).unknown_after(1),
        full.mtu(9000).backfill(128, 64),
    ] {
        world.stack.pause();
        world.stack.restart_with(&attributes).expect("a restart");
    }
    let above = world.stack.attributes_above().expect("attributes");
    assert_eq!((above.mtu, above.data_backfill, above.context_backfill), (9000, 128, 64));
    world.end();
}

#[test]
fn two_labs_do_not_know_of_each_other() {
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let world = Fake::default().run();
                world.stack.send_from_above([b"mine"]);
                assert_eq!(world.stack.wire().len(), 1);
                world.end();
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a clean life");
    }
}

#[test]
fn a_driver_on_several_adapters_is_stopped_whole() {
    let lab = Lab::default();
    let (driver, _, _) = Fake::default().start(&lab);
    for number in 1..=3 {
        let stack = driver.attach(AdapterConfig::numbered(number)).expect("it attaches");
        stack.start().expect("it restarts");
    }
    driver.unload().expect_clean();
}

#[test]
fn unloading_with_modules_attached_detaches_them() {
    let world = Fake::default().run();
    world.driver.unload_attached().expect_clean();
    assert_eq!(world.stack.state(), ModuleState::Detached);
}

#[test]
fn an_originated_frame_leaves_with_its_room() {
    let world = originator().run_on(AdapterConfig::default().with_backfill(64, 32));
    world.in_driver(|handle| {
        let frame = crate::common::OwnFrame::new(handle, b"own", 64, 32);
        NdisFSendNetBufferLists(handle, frame.list, 0, 0);
        frame.free();
    });
    assert_eq!(world.stack.wire()[0].bytes, b"own");
    assert!(world.stack.wire()[0].originated);
    assert_eq!(world.lab.counters().ndis_allocations_for_retreat, 0);
    world.end();
}

#[test]
fn a_violation_tells_the_rule_and_the_last_events() {
    let world = originator().run();
    world.in_driver_at(Irql::DISPATCH, |_| KfRaiseIrql(Irql::PASSIVE));
    let violations = world.lab.take_violations();
    let told = violations[0].to_string();
    assert_eq!(violations[0].rule, Rule::WrongIrql);
    assert!(told.contains("C05 WrongIrql") && told.contains("KfRaiseIrql"), "{told}");
}

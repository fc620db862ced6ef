//! Work items, timers and events.

use crate::common::{Fake, keep};
use ndis_lab::abi::Handle;
use ndis_lab::abi::kernel::{Dpc, Event};
use ndis_lab::abi::ndis::TimerCharacteristics;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{Irql, Rule};

extern "win64" fn signal_from_work(context: Guest<u8>, item: Handle) {
    assert_eq!(KeGetCurrentIrql(), Irql::PASSIVE);
    NdisFreeIoWorkItem(item);
    NdisSetEvent(context.cast());
}

extern "win64" fn signal_from_timer(_: Guest<u8>, context: Guest<u8>, _: Guest<u8>, _: Guest<u8>) {
    assert_eq!(KeGetCurrentIrql(), Irql::DISPATCH);
    NdisSetEvent(context.cast());
}

extern "win64" fn signal_from_dpc(_: Guest<Dpc>, context: Guest<u8>, _: Guest<u8>, _: Guest<u8>) {
    NdisSetEvent(context.cast());
}

fn event() -> Guest<Event> {
    let event = keep(Event::SIZE).cast();
    NdisInitializeEvent(event);
    event
}

fn timer(handle: Handle) -> Handle {
    type T = TimerCharacteristics;
    let characteristics = keep(T::SIZE).cast::<T>();
    characteristics.set(T::HEADER_TYPE, 0x97);
    characteristics.set(T::HEADER_REVISION, 1);
    characteristics.set(T::HEADER_SIZE, 24);
    characteristics.set(T::TIMER_FUNCTION, Some(signal_from_timer));
    let timer = keep(8).cast::<Handle>();
    assert!(NdisAllocateTimerObject(handle, characteristics, timer).is_success());
    timer.read()
}

#[test]
fn a_work_item_runs_on_another_thread() {
    let world = Fake::default().run();
    let driver = world.fake.registration();
    world.in_driver(move |_| {
        let event = event();
        let item = NdisAllocateIoWorkItem(driver);
        NdisQueueIoWorkItem(item, Some(signal_from_work), event.cast());
        assert_eq!(NdisWaitEvent(event, 5000), 1);
    });
    world.end();
}

planted!(Header, a_work_item_belongs_to_no_filter_module, || {
    let world = Fake::default().run();
    world.in_driver(|module| assert_eq!(NdisAllocateIoWorkItem(module), Handle(0)));
    world.expect_broken(&[Rule::Header]);
    world.end();
});

#[test]
fn a_timer_fires_when_it_is_due() {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let event = event();
        let timer = timer(handle);
        assert_eq!(NdisSetTimerObject(timer, -10_000, 0, event.cast()), 0);
        assert_eq!(NdisWaitEvent(event, 5000), 1);
        assert_eq!(NdisCancelTimerObject(timer), 0);
        assert_eq!(NdisSetTimerObject(timer, -100_000_000, 0, event.cast()), 0);
        assert_eq!(NdisCancelTimerObject(timer), 1);
        NdisFreeTimerObject(timer);
    });
    world.end();
}

planted!(WrongFree, a_set_timer_is_not_freed, || {
    let world = Fake::default().run();
    world.in_driver(|handle| {
        let timer = timer(handle);
        NdisSetTimerObject(timer, -100_000_000, 0, event().cast());
        NdisFreeTimerObject(timer);
    });
    world.expect_broken(&[Rule::WrongFree]);
    world.end();
});

planted!(Leak, a_timer_that_is_left_is_told, || {
    let world = Fake::default().run();
    world.in_driver(timer);
    world.stack.detach();
    world.expect_broken(&[Rule::Leak]);
    world.end();
});

#[test]
fn a_procedure_is_queued_once() {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let event = event();
        let dpc = keep(Dpc::SIZE).cast();
        KeInitializeDpc(dpc, Some(signal_from_dpc), event.cast());
        assert_eq!(KeInsertQueueDpc(dpc, Guest::NULL, Guest::NULL), 1);
        KeFlushQueuedDpcs();
        assert_eq!(NdisWaitEvent(event, 5000), 1);
    });
    world.end();
}

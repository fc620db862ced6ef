//! Devices, files and requests: planted breaches and semantics.

use std::sync::{Arc, Mutex};

use crate::common::{Fake, World, complete, keep, register_device, unicode};
use ndis_lab::abi::Handle;
use ndis_lab::abi::handlers::{Cancel, Handler};
use ndis_lab::abi::io::{Csq, DeviceObject, Irp, StackLocation, major};
use ndis_lab::abi::ndis::DeviceObjectAttributes;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{Irql, NtStatus, Rule};

fn location(irp: Guest<Irp>) -> Guest<StackLocation> {
    irp.get(Irp::CURRENT_STACK_LOCATION)
}

/// A driver with a device that opens and closes, and serves other requests as told.
fn serving(serve: impl Fn(Guest<Irp>) -> NtStatus + Send + Sync + 'static) -> World {
    let device = Arc::new(Mutex::new(Handle::NULL));
    let kept = Arc::clone(&device);
    Fake {
        on_entry: Some(Box::new(move |registration| {
            *kept.lock().expect("device") = register_device(registration, "Fake");
        })),
        on_unload: Some(Box::new(move |_| {
            NdisDeregisterDeviceEx(*device.lock().expect("device"));
        })),
        on_irp: Some(Box::new(move |irp| match location(irp).get(StackLocation::MAJOR_FUNCTION) {
            major::CREATE | major::CLEANUP | major::CLOSE => complete(irp, NtStatus::SUCCESS, 0),
            _ => serve(irp),
        })),
        ..Fake::default()
    }
    .run()
}

fn mark_pending(irp: Guest<Irp>) {
    let at = location(irp);
    at.set(StackLocation::CONTROL, at.get(StackLocation::CONTROL) | 1);
}

#[test]
fn a_control_carries_bytes_both_ways() {
    let world = serving(|irp| {
        let buffer = irp.get(Irp::SYSTEM_BUFFER);
        let length = location(irp).get(StackLocation::INPUT_BUFFER_LENGTH);
        let mut bytes = buffer.read_bytes(length as usize);
        bytes.reverse();
        buffer.write_bytes(&bytes);
        complete(irp, NtStatus::SUCCESS, length.into())
    });
    for name in [r"\\.\Fake", r"\Device\Fake", r"\??\fake"] {
        let file = world.driver.open(name).expect("the device opens");
        let result = file.control(0x12_E000, b"abc", 8);
        assert_eq!((result.status, result.information), (NtStatus::SUCCESS, 3));
        assert_eq!(result.output, b"cba");
        file.close();
    }
    assert_eq!(world.driver.open(r"\\.\Other").err(), Some(NtStatus::OBJECT_NAME_NOT_FOUND));
    world.end();
}

#[test]
fn an_error_brings_no_output() {
    let world = serving(|irp| complete(irp, NtStatus::INVALID_PARAMETER, 4));
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    assert!(file.control(0x12_E000, b"abcd", 4).output.is_empty());
    file.close();
    let warns = serving(|irp| complete(irp, NtStatus::BUFFER_OVERFLOW, 4));
    let file = warns.driver.open(r"\\.\Fake").expect("the device opens");
    assert_eq!(file.control(0x12_E000, b"abcd", 4).output, b"abcd");
    file.close();
    warns.end();
    world.end();
}

planted!(IrpCompletedTwice, a_request_completes_once, || {
    let irp_kept = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&irp_kept);
    let world = serving(move |irp| {
        *kept.lock().expect("irp") = Some(irp);
        complete(irp, NtStatus::SUCCESS, 0)
    });
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = file.control(0x12_E000, &[], 0);
    let irp = irp_kept.lock().expect("irp").expect("a request");
    world.in_driver(move |_| IofCompleteRequest(irp, 0));
    world.expect_broken(&[Rule::IrpCompletedTwice]);
    file.close();
    world.end();
});

planted!(IrpPending, pending_is_marked_and_told, || {
    let unmarked = serving(|irp| {
        complete(irp, NtStatus::SUCCESS, 0);
        NtStatus::PENDING
    });
    let file = unmarked.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = file.control(0x12_E000, &[], 0);
    unmarked.expect_broken(&[Rule::IrpPending]);
    let marked = serving(|irp| {
        mark_pending(irp);
        complete(irp, NtStatus::SUCCESS, 0)
    });
    let other = marked.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = other.control(0x12_E000, &[], 0);
    marked.expect_broken(&[Rule::IrpPending]);
    let forgotten = serving(|_| NtStatus::SUCCESS);
    let third = forgotten.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = third.control(0x12_E000, &[], 0);
    forgotten.expect_broken(&[Rule::IrpPending]);
    let different = serving(|irp| {
        complete(irp, NtStatus::SUCCESS, 0);
        NtStatus::NOT_SUPPORTED
    });
    let fourth = different.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = fourth.control(0x12_E000, &[], 0);
    different.expect_broken(&[Rule::IrpPending]);
});

planted!(IrpStatus, a_request_completes_with_a_final_status, || {
    let world = serving(|irp| {
        mark_pending(irp);
        complete(irp, NtStatus::PENDING, 0)
    });
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = file.control(0x12_E000, &[], 0);
    world.expect_broken(&[Rule::IrpStatus]);
    drop(file);
});

planted!(IrpInformation, a_request_tells_no_more_bytes_than_fit, || {
    let world = serving(|irp| complete(irp, NtStatus::SUCCESS, 9));
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = file.control(0x12_E000, b"long enough input", 8);
    world.expect_broken(&[Rule::IrpInformation]);
    drop(file);
});

planted!(IrpCancelRoutine, a_completed_request_has_no_cancel_routine, || {
    let world = serving(|irp| {
        let routine: Handler<Cancel> = Some(cancel_badly);
        irp.field(Irp::CANCEL_ROUTINE).cast::<Handler<Cancel>>().write(routine);
        complete(irp, NtStatus::SUCCESS, 0)
    });
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let _ = file.control(0x12_E000, &[], 0);
    world.expect_broken(&[Rule::IrpCancelRoutine]);
});

extern "win64" fn cancel_badly(_device: Guest<DeviceObject>, irp: Guest<Irp>) {
    // The cancel spin lock is not released.
    irp.set(Irp::IO_STATUS, NtStatus::CANCELLED);
    IofCompleteRequest(irp, 0);
}

extern "win64" fn cancel_well(_device: Guest<DeviceObject>, irp: Guest<Irp>) {
    IoReleaseCancelSpinLock(irp.get(Irp::CANCEL_IRQL));
    complete(irp, NtStatus::CANCELLED, 0);
}

fn pend_with(routine: Cancel) -> impl Fn(Guest<Irp>) -> NtStatus + Send + Sync {
    move |irp| {
        mark_pending(irp);
        irp.field(Irp::CANCEL_ROUTINE).cast::<Handler<Cancel>>().write(Some(routine));
        NtStatus::PENDING
    }
}

#[test]
fn a_pending_request_can_be_cancelled() {
    let world = serving(pend_with(cancel_well));
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let pending = file.control_pending(0x12_E000, &[], 0);
    assert!(!pending.is_done());
    assert!(pending.cancel());
    assert_eq!(pending.wait().status, NtStatus::CANCELLED);
    file.close();
    world.end();
}

planted!(CancelSpinLock, the_cancel_spin_lock_is_released, || {
    let world = serving(pend_with(cancel_badly));
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    assert!(file.control_pending(0x12_E000, &[], 0).cancel());
    world.expect_broken(&[Rule::CancelSpinLock]);
    file.close();
    world.in_driver(|_| IoReleaseCancelSpinLock(Irql::PASSIVE));
    world.expect_broken(&[Rule::CancelSpinLock]);
    world.end();
});

planted!(IrpLeft, cleanup_leaves_no_cancellable_request, || {
    let world = serving(pend_with(cancel_well));
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let pending = file.control_pending(0x12_E000, &[], 0);
    file.close();
    world.expect_broken(&[Rule::IrpLeft]);
    assert_eq!(pending.wait().status, NtStatus::CANCELLED);
    world.end();
});

/// Registers a device with edited attributes.
fn register_edited(world: &World, edit: fn(Guest<DeviceObjectAttributes>)) -> NtStatus {
    type A = DeviceObjectAttributes;
    let registration = world.fake.registration();
    world.in_driver(move |_| {
        let table = keep(28 * 8).cast::<u64>();
        let attributes = keep(A::SIZE).cast::<A>();
        attributes.set(A::HEADER_TYPE, 0x85);
        attributes.set(A::HEADER_REVISION, 1);
        attributes.set(A::HEADER_SIZE, 56);
        attributes.set(A::DEVICE_NAME, unicode(r"\Device\Bad"));
        attributes.set(A::SYMBOLIC_NAME, unicode(r"\DosDevices\Bad"));
        attributes.set(A::MAJOR_FUNCTIONS, table.cast());
        edit(attributes);
        NdisRegisterDeviceEx(registration, attributes, keep(8).cast(), keep(8).cast())
    })
}

planted!(Device, devices_are_registered_with_legal_attributes, || {
    type A = DeviceObjectAttributes;
    let world = Fake::default().run();
    let register = |edit| register_edited(&world, edit);
    assert!(!register(|a| a.set(A::DEVICE_NAME, unicode("Bad"))).is_success());
    world.expect_broken(&[Rule::Device]);
    assert!(!register(|a| a.set(A::SYMBOLIC_NAME, unicode("Bad"))).is_success());
    world.expect_broken(&[Rule::Device]);
    let power = |a: Guest<A>| a.get(A::MAJOR_FUNCTIONS).cast::<u64>().index(0x16).write(1);
    assert!(!register(power).is_success());
    world.expect_broken(&[Rule::Device]);
    world.in_driver(|_| NdisDeregisterDeviceEx(Handle(1)));
    world.expect_broken(&[Rule::Device]);
    world.end();
});

planted!(Leak, a_device_is_deregistered, || {
    let world = Fake::default().run();
    assert!(register_edited(&world, |_| ()).is_success());
    world.expect_broken(&[]);
    assert_eq!(world.driver.unload().rules(), [Rule::Leak]);
});

/// A cancel-safe queue in memory that the tests share: its structure, a lock, a list of requests.
struct Queue {
    csq: Guest<Csq>,
}

impl Queue {
    const IRPS: u64 = 128;

    fn new() -> Self {
        Self { csq: keep(256).cast() }
    }

    fn irps(csq: Guest<Csq>) -> Guest<Guest<Irp>> {
        csq.byte_add(Self::IRPS).cast()
    }

    fn lock(csq: Guest<Csq>) -> Guest<u64> {
        csq.byte_add(64).cast()
    }

    fn initialize(&self) {
        let status = IoCsqInitialize(
            self.csq,
            Some(insert),
            Some(remove),
            Some(peek),
            Some(acquire),
            Some(release),
            Some(complete_cancelled),
        );
        assert_eq!(status, NtStatus::SUCCESS);
    }
}

const SLOTS: u64 = 8;

extern "win64" fn insert(csq: Guest<Csq>, irp: Guest<Irp>) {
    let slots = Queue::irps(csq);
    let free = (0..SLOTS).find(|&slot| slots.index(slot).read().is_null()).expect("a free slot");
    slots.index(free).write(irp);
}

extern "win64" fn remove(csq: Guest<Csq>, irp: Guest<Irp>) {
    let slots = Queue::irps(csq);
    let at = (0..SLOTS).find(|&slot| slots.index(slot).read() == irp).expect("a queued request");
    slots.index(at).write(Guest::NULL);
}

extern "win64" fn peek(csq: Guest<Csq>, after: Guest<Irp>, _context: Guest<u8>) -> Guest<Irp> {
    let slots: Vec<_> = (0..SLOTS).map(|slot| Queue::irps(csq).index(slot).read()).collect();
    let start =
        slots.iter().position(|&irp| !after.is_null() && irp == after).map_or(0, |at| at + 1);
    slots[start..].iter().copied().find(|irp| !irp.is_null()).unwrap_or_default()
}

extern "win64" fn acquire(csq: Guest<Csq>, level: Guest<Irql>) {
    level.write(KeAcquireSpinLockRaiseToDpc(Queue::lock(csq)));
}

extern "win64" fn release(csq: Guest<Csq>, level: Irql) {
    KeReleaseSpinLock(Queue::lock(csq), level);
}

extern "win64" fn complete_cancelled(_csq: Guest<Csq>, irp: Guest<Irp>) {
    complete(irp, NtStatus::CANCELLED, 0);
}

#[test]
fn a_cancel_safe_queue_gives_each_request_to_one() {
    let queue = Queue::new();
    let csq = queue.csq;
    let world = serving(move |irp| {
        IoCsqInsertIrp(csq, irp, Guest::NULL);
        NtStatus::PENDING
    });
    world.in_driver(move |_| queue.initialize());
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let first = file.control_pending(0x12_E000, &[], 0);
    let second = file.control_pending(0x12_E000, &[], 0);
    let third = file.control_pending(0x12_E000, &[], 0);
    assert!(first.cancel());
    assert_eq!(first.wait().status, NtStatus::CANCELLED);
    world.in_driver(move |_| {
        let irp = IoCsqRemoveNextIrp(csq, Guest::NULL);
        complete(irp, NtStatus::SUCCESS, 0);
    });
    assert_eq!(second.wait().status, NtStatus::SUCCESS);
    assert!(!third.is_done());
    world.in_driver(move |_| {
        complete(IoCsqRemoveNextIrp(csq, Guest::NULL), NtStatus::SUCCESS, 0);
        assert!(IoCsqRemoveNextIrp(csq, Guest::NULL).is_null());
    });
    assert!(third.is_done());
    file.close();
    world.end();
}

#[test]
fn a_queue_remembers_the_callers_context() {
    let queue = Queue::new();
    let csq = queue.csq;
    let context = keep(24).cast();
    let world = serving(move |irp| {
        IoCsqInsertIrp(csq, irp, context);
        NtStatus::PENDING
    });
    world.in_driver(move |_| queue.initialize());
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    let pending = file.control_pending(0x12_E000, &[], 0);
    world.in_driver(move |_| complete(IoCsqRemoveIrp(csq, context), NtStatus::SUCCESS, 0));
    assert_eq!(pending.wait().status, NtStatus::SUCCESS);
    let cancelled = file.control_pending(0x12_E000, &[], 0);
    assert!(cancelled.cancel());
    assert!(world.in_driver(move |_| IoCsqRemoveIrp(csq, context)).is_null());
    file.close();
    world.end();
}

planted!(CancelSafeQueue, a_queue_is_set_up_before_it_is_used, || {
    let world = Fake::default().run();
    world.in_driver(|_| IoCsqRemoveNextIrp(keep(64).cast(), Guest::NULL));
    world.expect_broken(&[Rule::CancelSafeQueue]);
    world.end();
});

#[test]
fn a_32_bit_caller_is_known() {
    let world = serving(|irp| {
        let is_32_bit = IoIs32bitProcess(irp);
        irp.get(Irp::SYSTEM_BUFFER).write(is_32_bit);
        complete(irp, NtStatus::SUCCESS, 1)
    });
    let file = world.driver.open(r"\\.\Fake").expect("the device opens");
    assert_eq!(file.control(0x12_E000, &[], 1).output, [0]);
    file.close();
    let file = world.driver.open_32_bit(r"\\.\Fake").expect("the device opens");
    assert_eq!(file.control(0x12_E000, &[], 1).output, [1]);
    file.close();
    world.end();
}

planted!(IoObject, what_is_deleted_is_a_device, || {
    let world = Fake::default().run();
    world.in_driver(|_| IoDeleteDevice(keep(400).cast()));
    world.expect_broken(&[Rule::IoObject]);
    world.end();
});

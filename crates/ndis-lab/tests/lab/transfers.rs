//! Requests by every method, MDLs of user memory, configuration, the registry, derived lists,
//! direct and synchronous OID requests.

use std::sync::{Arc, Mutex};

use crate::common::{Fake, OwnFrame, World, buffer_pool, complete, keep, list_pool, unicode};
use ndis_lab::abi::Handle;
use ndis_lab::abi::handlers::Dispatch;
use ndis_lab::abi::io::{DeviceObject, DriverObject, Irp, StackLocation, major};
use ndis_lab::abi::kernel::UnicodeString;
use ndis_lab::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use ndis_lab::abi::ndis::{FilterDriverCharacteristics as C, OidRequest};
use ndis_lab::abi::registry::{ConfigurationObject, ConfigurationParameter, ObjectAttributes};
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;
use ndis_lab::{AdapterConfig, Driver, Lab, NtStatus, OidQuery, Parameter, Rule};

fn location(irp: Guest<Irp>) -> Guest<StackLocation> {
    irp.get(Irp::CURRENT_STACK_LOCATION)
}

extern "win64" fn serve(_device: Guest<DeviceObject>, irp: Guest<Irp>) -> NtStatus {
    let at = location(irp);
    let (input, output) = (
        at.get(StackLocation::INPUT_BUFFER_LENGTH) as usize,
        at.get(StackLocation::OUTPUT_BUFFER_LENGTH) as usize,
    );
    let information = match at.get(StackLocation::MAJOR_FUNCTION) {
        major::DEVICE_CONTROL => {
            control(irp, at.get(StackLocation::IO_CONTROL_CODE) & 3, input, output)
        }
        major::READ => {
            let length = at.get(StackLocation::LENGTH);
            data_of(irp).write_bytes(&vec![0x5A; length as usize]);
            length.into()
        }
        major::WRITE => {
            let bytes = data_of(irp).read_bytes(at.get(StackLocation::LENGTH) as usize);
            assert_eq!(bytes, b"written");
            7
        }
        _ => 0,
    };
    complete(irp, NtStatus::SUCCESS, information)
}

/// Where the bytes of a read or a write are, however they travel.
fn data_of(irp: Guest<Irp>) -> Guest<u8> {
    let mdl = irp.get(Irp::MDL_ADDRESS);
    if !mdl.is_null() {
        return mapped(mdl);
    }
    irp.get(Irp::SYSTEM_BUFFER).non_null().unwrap_or_else(|| irp.get(Irp::USER_BUFFER))
}

fn mapped(mdl: Guest<Mdl>) -> Guest<u8> {
    assert!(mdl.get(Mdl::MAPPED_SYSTEM_VA).is_null(), "nobody mapped it yet");
    let (address, length) = (keep(8).cast::<Guest<u8>>(), keep(4).cast());
    NdisQueryMdl(mdl, address, length, 16);
    address.read()
}

/// Answers with the input reversed; with METHOD_IN_DIRECT, says how much of it the MDL shows.
fn control(irp: Guest<Irp>, method: u32, input: usize, output: usize) -> u64 {
    let (from, to) = match method {
        0 => (irp.get(Irp::SYSTEM_BUFFER), irp.get(Irp::SYSTEM_BUFFER)),
        3 => {
            let from = location(irp).get(StackLocation::TYPE_3_INPUT_BUFFER);
            let to = irp.get(Irp::USER_BUFFER);
            ProbeForRead(from, input as u64, 1);
            ProbeForWrite(to, output as u64, 1);
            (from, to)
        }
        _ => (irp.get(Irp::SYSTEM_BUFFER), mapped(irp.get(Irp::MDL_ADDRESS))),
    };
    let mut bytes = from.read_bytes(input);
    if method == 1 {
        assert_eq!(to.read_bytes(output), bytes[..output]);
        return 0;
    }
    bytes.reverse();
    to.write_bytes(&bytes[..output.min(input)]);
    output.min(input) as u64
}

/// A driver with a plain device that has some flags.
fn plain_device(flags: u32) -> (Lab, Driver) {
    let lab = Lab::default();
    let made = Arc::new(Mutex::new(Guest::NULL));
    let kept = Arc::clone(&made);
    let fake = Fake {
        on_driver: Some(Box::new(move |driver: Guest<DriverObject>| {
            let table = driver.field(DriverObject::MAJOR_FUNCTION).cast::<Option<Dispatch>>();
            for function in [0, 2, 3, 4, 14, 18] {
                table.index(function).write(Some(serve));
            }
            let device = keep(8).cast::<Guest<DeviceObject>>();
            let name = unicode(r"\Device\Plain");
            let status = IoCreateDevice(driver, 0, name, 0x22, 0, 0, device);
            assert_eq!(status, NtStatus::SUCCESS);
            let device = device.read();
            device.set(DeviceObject::FLAGS, device.get(DeviceObject::FLAGS) | flags);
            *kept.lock().expect("device") = device;
        })),
        on_unload: Some(Box::new(move |_| IoDeleteDevice(*made.lock().expect("device")))),
        ..Fake::default()
    };
    let (driver, _, result) = fake.start(&lab);
    result.expect("it starts");
    (lab, driver)
}

#[test]
fn controls_travel_by_every_method() {
    let (_lab, driver) = plain_device(0);
    let file = driver.open(r"\Device\Plain").expect("the device opens");
    for (method, answer) in [(0, "cba"), (1, ""), (2, "cba"), (3, "cba")] {
        let result = file.control(0x0022_2000 | method, b"abc", 3);
        assert_eq!(result.status, NtStatus::SUCCESS);
        assert_eq!(result.output, answer.as_bytes(), "method {method}");
    }
    drop(file);
    driver.unload().expect_clean();
}

#[test]
fn reads_and_writes_travel_as_the_device_says() {
    for flags in [0x4, 0x10, 0] {
        let (_lab, driver) = plain_device(flags);
        let file = driver.open(r"\Device\Plain").expect("the device opens");
        assert_eq!(file.read(5).output, [0x5A; 5]);
        assert_eq!(file.write(b"written").information, 7);
        drop(file);
        driver.unload().expect_clean();
    }
}

planted!(UserBuffer, a_users_buffer_is_probed_within_its_length, || {
    let world = Fake::default().run();
    world.in_driver(|_| ProbeForRead(keep(8), 8, 1));
    world.expect_broken(&[Rule::UserBuffer]);
    world.end();
});

planted!(MdlPages, pages_are_locked_and_unlocked_in_turn, || {
    let world = Fake::default().run();
    world.in_driver(|_| {
        let memory = keep(64);
        memory.write_bytes(b"abc");
        let mdl = IoAllocateMdl(memory, 64, 0, 0, Guest::NULL);
        MmProbeAndLockPages(mdl, 0, 0);
        assert_eq!(MmMapLockedPagesSpecifyCache(mdl, 0, 1, Guest::NULL, 0, 16), memory);
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    });
    world.expect_broken(&[]);
    world.in_driver(|_| {
        let mdl = IoAllocateMdl(keep(64), 64, 0, 0, Guest::NULL);
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    });
    world.expect_broken(&[Rule::MdlPages]);
    world.end();
});

fn configured() -> World {
    let lab = Lab::builder()
        .parameter("Depth", Parameter::Number(7))
        .parameter("Name", Parameter::Text("x42".to_owned()))
        .parameter("Hex", Parameter::Text("2A".to_owned()))
        .parameter("Blob", Parameter::Bytes(vec![1, 2, 3]))
        .build();
    let (driver, fake, result) = Fake::default().start(&lab);
    result.expect("it starts");
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    World { lab, driver, stack, fake }
}

fn open_configuration(handle: Handle) -> Handle {
    type O = ConfigurationObject;
    let object = keep(O::SIZE).cast::<O>();
    object.set(O::HEADER_TYPE, 0xA9);
    object.set(O::HEADER_REVISION, 1);
    object.set(O::HEADER_SIZE, 20);
    object.set(O::NDIS_HANDLE, handle);
    let opened = keep(8).cast::<Handle>();
    assert_eq!(NdisOpenConfigurationEx(object, opened), NtStatus::SUCCESS);
    opened.read()
}

fn read(configuration: Handle, name: &str, kind: u32) -> Option<Guest<ConfigurationParameter>> {
    let (status, parameter) = (keep(4).cast::<NtStatus>(), keep(8).cast());
    NdisReadConfiguration(status, parameter, configuration, unicode(name), kind);
    (status.read() == NtStatus::SUCCESS).then(|| parameter.read())
}

#[test]
fn a_configuration_has_the_values_that_the_lab_was_given() {
    type P = ConfigurationParameter;
    let world = configured();
    world.in_driver(|handle| {
        let configuration = open_configuration(handle);
        assert_eq!(read(configuration, "depth", 0).expect("a value").get(P::INTEGER), 7);
        assert_eq!(read(configuration, "Hex", 1).expect("a value").get(P::INTEGER), 42);
        let text = read(configuration, "Name", 2).expect("a value").field(P::STRING);
        assert_eq!(text.cast::<UnicodeString>().get(UnicodeString::LENGTH), 6);
        let blob = read(configuration, "Blob", 4).expect("a value");
        assert_eq!(blob.get(P::BUFFER).read_bytes(blob.get(P::LENGTH).into()), [1, 2, 3]);
        assert!(read(configuration, "Name", 0).is_none(), "a text that is no number");
        assert!(read(configuration, "Absent", 0).is_none());
        NdisCloseConfiguration(configuration);
    });
    world.end();
}

planted!(Leak, a_configuration_that_is_left_open_is_told, || {
    let world = configured();
    world.in_driver(open_configuration);
    world.stack.detach();
    world.expect_broken(&[Rule::Leak]);
    world.end();
});

#[test]
fn the_registry_has_the_drivers_key() {
    let world = configured();
    world.in_driver(|_| {
        type A = ObjectAttributes;
        let attributes = keep(A::SIZE).cast::<A>();
        let path = r"\Registry\Machine\System\CurrentControlSet\Services\Lab1\Parameters";
        attributes.set(A::OBJECT_NAME, unicode(path));
        let key = keep(8).cast::<Handle>();
        assert_eq!(ZwOpenKey(key, 1, attributes), NtStatus::SUCCESS);
        let (room, needed) = (keep(16), keep(4).cast::<u32>());
        let name = unicode("Depth");
        assert_eq!(ZwQueryValueKey(key.read(), name, 2, room, 16, needed), NtStatus::SUCCESS);
        assert_eq!(room.cast::<u32>().index(3).read(), 7);
        let status = ZwQueryValueKey(key.read(), name, 2, room, 14, needed);
        assert_eq!((status, needed.read()), (NtStatus::BUFFER_OVERFLOW, 16));
        let status = ZwQueryValueKey(key.read(), name, 2, room, 4, needed);
        assert_eq!(status, NtStatus::BUFFER_TOO_SMALL);
        assert_eq!(ZwClose(key.read()), NtStatus::SUCCESS);
        attributes.set(A::OBJECT_NAME, unicode(r"\Registry\Machine\Software"));
        assert_eq!(ZwOpenKey(key, 1, attributes), NtStatus::OBJECT_NAME_NOT_FOUND);
    });
    world.end();
}

/// A list of ten bytes in parts of at most four, and all of it again.
fn fragments(handle: Handle, freed_with: u32) {
    let frame = OwnFrame::new(handle, b"0123456789", 0, 0);
    let (lists, buffers) = (list_pool(handle), buffer_pool(handle, 0));
    let parts = NdisAllocateFragmentNetBufferList(frame.list, lists, buffers, 2, 4, 6, 8, 0);
    let mut buffer = parts.get(NetBufferList::FIRST_NET_BUFFER);
    let mut lengths = Vec::new();
    while !buffer.is_null() {
        assert!(buffer.get(NetBuffer::DATA_OFFSET) >= 8);
        lengths.push(buffer.get(NetBuffer::DATA_LENGTH));
        buffer = buffer.get(NetBuffer::NEXT);
    }
    assert_eq!(lengths, [10, 10]);
    let whole = NdisAllocateReassembledNetBufferList(parts, lists, 6, 0, 0, 0);
    let buffer = whole.get(NetBufferList::FIRST_NET_BUFFER);
    let bytes = NdisGetDataBuffer(buffer, 8, keep(8), 1, 0).read_bytes(8);
    assert_eq!(bytes, b"23456789");
    NdisFreeReassembledNetBufferList(whole, 0, 0);
    NdisFreeFragmentNetBufferList(parts, freed_with, 0);
    NdisFreeNetBufferPool(buffers);
    NdisFreeNetBufferListPool(lists);
    frame.free();
}

planted!(Derived, fragments_are_parts_and_are_put_together_again, || {
    let world = Fake::default().run();
    world.in_driver(|handle| fragments(handle, 6));
    world.expect_broken(&[]);
    world.in_driver(|handle| fragments(handle, 5));
    world.expect_broken(&[Rule::Derived]);
    world.end();
});

extern "win64" fn direct(_context: Handle, request: Guest<OidRequest>) -> NtStatus {
    request.get(OidRequest::BUFFER).write_bytes(b"ok");
    request.set(OidRequest::BYTES_DONE, 2);
    NtStatus::SUCCESS
}

extern "win64" fn direct_complete(_: Handle, _: Guest<OidRequest>, _: NtStatus) {}

extern "win64" fn at_once(_: Handle, _: Guest<OidRequest>, context: Guest<Guest<u8>>) -> NtStatus {
    context.write(Guest::NULL.byte_add(0x77));
    NtStatus::SUCCESS
}

extern "win64" fn at_once_complete(
    _: Handle,
    _: Guest<OidRequest>,
    status: Guest<NtStatus>,
    context: Guest<u8>,
) {
    assert_eq!(context.address(), 0x77);
    status.write(NtStatus::NDIS_INVALID_DATA);
}

#[test]
fn direct_and_synchronous_requests_reach_their_handlers() {
    let world = Fake {
        edit: Some(Box::new(|c| {
            c.set(C::HEADER_REVISION, 3);
            c.set(C::HEADER_SIZE, 240);
            c.set(C::MINOR_NDIS_VERSION, 81);
            c.set(C::DIRECT_OID_REQUEST, Some(direct));
            c.set(C::DIRECT_OID_REQUEST_COMPLETE, Some(direct_complete));
            c.set(C::SYNCHRONOUS_OID_REQUEST, Some(at_once));
            c.set(C::SYNCHRONOUS_OID_REQUEST_COMPLETE, Some(at_once_complete));
        })),
        ..Fake::default()
    }
    .run();
    let query = OidQuery::query(0x0001_0101, 4);
    let result = world.stack.direct_oid(&query);
    assert_eq!((result.status, result.buffer.as_slice()), (NtStatus::SUCCESS, &b"ok"[..]));
    assert_eq!(world.stack.synchronous_oid(&query).status, NtStatus::NDIS_INVALID_DATA);
    assert_eq!(world.stack.oids_below(), [0x0001_0101]);
    world.end();
}

planted!(HandlerPairs, direct_handlers_come_as_a_pair, || {
    let lab = Lab::default();
    let edit: Box<dyn Fn(Guest<C>) + Send + Sync> =
        Box::new(|c| c.set(C::DIRECT_OID_REQUEST, Some(direct)));
    let (_, _, result) = Fake { edit: Some(edit), ..Fake::default() }.start(&lab);
    result.expect_err("it may not register");
    crate::common::expect_broken(&lab, &[Rule::HandlerPairs]);
});

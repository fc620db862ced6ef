//! Every export that allocates can be made to fail, and says so by what it returns.

use crate::common::{
    Fake, NON_PAGED, OwnFrame, TAG, bare_list_pool, buffer_pool, keep, list_pool, unicode,
};
use ndis_lab::abi::Handle;
use ndis_lab::abi::ndis::TimerCharacteristics;
use ndis_lab::abi::registry::ConfigurationObject;
use ndis_lab::exports::*;
use ndis_lab::guest::Guest;

/// What an attempt is given: the module, the driver, and what makes the next allocation fail.
struct Given<'a> {
    module: Handle,
    driver: Handle,
    fail: &'a dyn Fn(),
}

/// Tries to get something; says whether it did, and gives it back if so.
type Attempt = fn(&Given<'_>) -> bool;

/// Gives back what is there.
fn got<T>(made: Guest<T>, free: impl FnOnce(Guest<T>)) -> bool {
    made.non_null().map(free).is_some()
}

fn with_handle(handle: Handle, free: impl FnOnce(Handle)) -> bool {
    (handle != Handle::NULL).then(|| free(handle)).is_some()
}

/// Pools for lists and for buffers, given back at the end.
fn in_pools(given: &Given<'_>, attempt: impl FnOnce(Handle, Handle) -> bool) -> bool {
    let (lists, buffers) = (list_pool(given.module), buffer_pool(given.module, 0));
    (given.fail)();
    let got = attempt(lists, buffers);
    NdisFreeNetBufferListPool(lists);
    NdisFreeNetBufferPool(buffers);
    got
}

/// A frame of the driver's own, given back at the end.
fn with_frame(given: &Given<'_>, attempt: impl FnOnce(&OwnFrame) -> bool) -> bool {
    let frame = OwnFrame::new(given.module, b"frame", 0, 0);
    (given.fail)();
    let got = attempt(&frame);
    frame.free();
    got
}

fn pools_and_lists() -> [(&'static str, Attempt); 9] {
    [
        ("NdisAllocateNetBufferListPool", |given| {
            (given.fail)();
            with_handle(list_pool(given.module), |pool| NdisFreeNetBufferListPool(pool))
        }),
        ("NdisAllocateNetBufferPool", |given| {
            (given.fail)();
            with_handle(buffer_pool(given.module, 0), |pool| NdisFreeNetBufferPool(pool))
        }),
        ("NdisAllocateNetBufferList", |given| {
            let lists = bare_list_pool(given.module);
            (given.fail)();
            let made = NdisAllocateNetBufferList(lists, 0, 0);
            let got = got(made, |list| NdisFreeNetBufferList(list));
            NdisFreeNetBufferListPool(lists);
            got
        }),
        ("NdisAllocateNetBufferAndNetBufferList", |given| {
            in_pools(given, |lists, _| {
                let made = NdisAllocateNetBufferAndNetBufferList(lists, 0, 0, Guest::NULL, 0, 0);
                got(made, |list| NdisFreeNetBufferList(list))
            })
        }),
        ("NdisAllocateNetBuffer", |given| {
            in_pools(given, |_, buffers| {
                let made = NdisAllocateNetBuffer(buffers, Guest::NULL, 0, 0);
                got(made, |buffer| NdisFreeNetBuffer(buffer))
            })
        }),
        ("NdisAllocateNetBufferListContext", |given| {
            with_frame(given, |frame| {
                let status = NdisAllocateNetBufferListContext(frame.list, 64, 0, TAG);
                if status.is_success() {
                    NdisFreeNetBufferListContext(frame.list, 64);
                }
                status.is_success()
            })
        }),
        ("NdisRetreatNetBufferListDataStart", |given| {
            with_frame(given, |frame| {
                let status = NdisRetreatNetBufferListDataStart(frame.list, 8, 0, None, None);
                if status.is_success() {
                    NdisAdvanceNetBufferListDataStart(frame.list, 8, 1, None);
                }
                status.is_success()
            })
        }),
        ("NdisAllocateCloneNetBufferList", |given| {
            let frame = OwnFrame::new(given.module, b"frame", 0, 0);
            let got = in_pools(given, |lists, buffers| {
                let made = NdisAllocateCloneNetBufferList(frame.list, lists, buffers, 0);
                got(made, |clone| NdisFreeCloneNetBufferList(clone, 0))
            });
            frame.free();
            got
        }),
        ("NdisAllocateFragmentNetBufferList", |given| {
            let frame = OwnFrame::new(given.module, b"frame", 0, 0);
            let got = in_pools(given, |lists, buffers| {
                let list = frame.list;
                let made = NdisAllocateFragmentNetBufferList(list, lists, buffers, 0, 2, 0, 0, 0);
                got(made, |fragment| NdisFreeFragmentNetBufferList(fragment, 0, 0))
            });
            frame.free();
            got
        }),
    ]
}

fn objects() -> [(&'static str, Attempt); 9] {
    [
        ("ExAllocatePool2", |given| {
            (given.fail)();
            got(ExAllocatePool2(NON_PAGED, 16, TAG), |memory| ExFreePool(memory))
        }),
        ("NdisAllocateMemoryWithTagPriority", |given| {
            (given.fail)();
            let made = NdisAllocateMemoryWithTagPriority(given.module, 16, TAG, 16);
            got(made, |memory| NdisFreeMemory(memory, 0, 0))
        }),
        ("NdisAllocateMdl", |given| {
            let memory = ExAllocatePool2(NON_PAGED, 16, TAG);
            (given.fail)();
            let got = got(NdisAllocateMdl(given.module, memory, 16), |mdl| NdisFreeMdl(mdl));
            ExFreePool(memory);
            got
        }),
        ("IoAllocateMdl", |given| {
            (given.fail)();
            got(IoAllocateMdl(keep(16), 16, 0, 0, Guest::NULL), |mdl| IoFreeMdl(mdl))
        }),
        ("NdisAllocateRWLock", |given| {
            (given.fail)();
            got(NdisAllocateRWLock(given.module), |it| NdisFreeRWLock(it))
        }),
        ("NdisAllocateGenericObject", |given| {
            (given.fail)();
            let made = NdisAllocateGenericObject(Guest::NULL, TAG, 0);
            with_handle(made, |object| NdisFreeGenericObject(object))
        }),
        ("NdisAllocateIoWorkItem", |given| {
            (given.fail)();
            with_handle(NdisAllocateIoWorkItem(given.driver), |item| NdisFreeIoWorkItem(item))
        }),
        ("NdisAllocateTimerObject", |given| {
            type T = TimerCharacteristics;
            let characteristics = keep(T::SIZE).cast::<T>();
            characteristics.set(T::HEADER_TYPE, 0x97);
            characteristics.set(T::HEADER_REVISION, 1);
            characteristics.set(T::HEADER_SIZE, 24);
            let timer = keep(8).cast::<Handle>();
            (given.fail)();
            let made = NdisAllocateTimerObject(given.module, characteristics, timer).is_success();
            made.then(|| NdisFreeTimerObject(timer.read())).is_some()
        }),
        ("NdisOpenConfigurationEx", |given| {
            type O = ConfigurationObject;
            let object = keep(O::SIZE).cast::<O>();
            object.set(O::HEADER_TYPE, 0xA9);
            object.set(O::HEADER_REVISION, 1);
            object.set(O::HEADER_SIZE, 20);
            object.set(O::NDIS_HANDLE, given.module);
            let opened = keep(8).cast::<Handle>();
            (given.fail)();
            let made = NdisOpenConfigurationEx(object, opened).is_success();
            made.then(|| NdisCloseConfiguration(opened.read())).is_some()
        }),
    ]
}

#[test]
fn an_allocation_that_fails_returns_nothing() {
    let world = Fake::default().run();
    let driver = world.fake.registration();
    for (what, attempt) in pools_and_lists().into_iter().chain(objects()) {
        let lab = world.lab.clone();
        let tries = world.in_driver(move |module| {
            let fail = || lab.fail_allocation(1);
            let failed = attempt(&Given { module, driver, fail: &fail });
            (failed, attempt(&Given { module, driver, fail: &|| () }))
        });
        assert_eq!(tries, (false, true), "{what}");
    }
    let lab = world.lab.clone();
    let link = world.in_driver(move |_| {
        lab.fail_allocation(1);
        IoCreateSymbolicLink(unicode(r"\DosDevices\Nothing"), unicode(r"\Device\Nothing"))
    });
    assert!(!link.is_success());
    world.end();
}

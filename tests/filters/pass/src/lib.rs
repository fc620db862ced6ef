//! The plainest NDIS 6 filter: passes sends down and receives up while it runs, and gives them back
//! while it does not. OID requests and events pass by it.
//!
//! It knows nothing of Framecast, and is there for ndis-lab to run from a bare .sys file. Its
//! features plant mistakes.
#![no_std]
#![allow(non_snake_case, reason = "the kernel's names")]

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use filter_ndis::{
    AT_DISPATCH_LEVEL, Characteristics, DriverObject, Handle, Handlers, List,
    NdisFIndicateReceiveNetBufferLists, NdisFIndicateStatus, NdisFReturnNetBufferLists,
    NdisFSendNetBufferLists, NdisFSendNetBufferListsComplete, PAUSED, RECEIVE_RESOURCES, RESOURCES,
    SUCCESS, Status, StatusIndication, register, set_context, utf16,
};

static FRIENDLY_NAME: [u16; 4] = utf16(b"Pass");
static UNIQUE_NAME: [u16; 38] = utf16(b"{2F6B8E0C-7E0B-4C0B-9C43-5A1D3B7E0001}");
static SERVICE_NAME: [u16; 4] = utf16(b"pass");

static CHARACTERISTICS: Characteristics<&'static Module> = Characteristics::new(
    [&FRIENDLY_NAME, &UNIQUE_NAME, &SERVICE_NAME],
    Handlers {
        attach,
        detach,
        restart,
        pause,
        send,
        send_complete,
        cancel_send: 0,
        receive,
        give_back,
        requests_and_events: [0; 5],
        status,
    },
);

/// A module: where the filter is on an adapter.
#[derive(Debug)]
pub struct Module {
    /// NDIS' handle; null while the place is free.
    filter: AtomicPtr<c_void>,
    running: AtomicBool,
}

impl Module {
    const fn free() -> Self {
        Self { filter: AtomicPtr::new(ptr::null_mut()), running: AtomicBool::new(false) }
    }

    fn filter(&self) -> Handle {
        self.filter.load(Ordering::Acquire)
    }
}

/// Room for as many adapters as a test has.
static MODULES: [Module; 16] = [const { Module::free() }; 16];

/// Whether a send is being passed on.
static SENDING: AtomicBool = AtomicBool::new(false);

/// Registers the filter.
///
/// # Safety
///
/// The kernel calls it with the driver's own object.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DriverEntry(driver: *mut DriverObject, _path: Handle) -> Status {
    // SAFETY: the kernel passes the driver's own object.
    unsafe { register(driver, &CHARACTERISTICS) }
}

unsafe extern "system" fn attach(filter: Handle, _driver: Handle, _parameters: Handle) -> Status {
    let take = |module: &&Module| {
        let free = ptr::null_mut();
        module.filter.compare_exchange(free, filter, Ordering::AcqRel, Ordering::Acquire).is_ok()
    };
    let Some(module) = MODULES.iter().find(take) else { return RESOURCES };
    module.running.store(false, Ordering::Release);
    let context = ptr::from_ref(module).cast_mut().cast();
    // SAFETY: the handle is the one that is being attached; the context lives as long as the driver.
    let status = unsafe { set_context(filter, context) };
    if status != SUCCESS {
        module.filter.store(ptr::null_mut(), Ordering::Release);
    }
    status
}

unsafe extern "system" fn detach(module: &Module) {
    module.filter.store(ptr::null_mut(), Ordering::Release);
}

unsafe extern "system" fn restart(module: &Module, _parameters: Handle) -> Status {
    module.running.store(true, Ordering::Release);
    SUCCESS
}

unsafe extern "system" fn pause(module: &Module, _parameters: Handle) -> Status {
    module.running.store(false, Ordering::Release);
    SUCCESS
}

unsafe extern "system" fn send(module: &Module, lists: *mut List, port: u32, flags: u32) {
    if cfg!(feature = "faults-on-long-chains") {
        // SAFETY: NDIS gives a chain of lists; what follows them is the planted mistake.
        unsafe { touch_ninth(lists) };
    }
    if module.running.load(Ordering::Acquire) || cfg!(feature = "passes-while-paused") {
        let forgets = cfg!(feature = "forgets-sends-that-meet");
        let meets = forgets && SENDING.swap(true, Ordering::AcqRel);
        if !meets {
            // SAFETY: the lists are the caller's own, passed on as they came.
            unsafe { NdisFSendNetBufferLists(module.filter(), lists, port, flags) };
        }
        if forgets {
            SENDING.store(false, Ordering::Release);
        }
        return;
    }
    let mut list = lists;
    // SAFETY: NDIS gives a chain of lists that are this module's until it completes them.
    while let Some(here) = unsafe { list.as_mut() } {
        here.status = PAUSED;
        list = here.next;
    }
    let flags = flags & AT_DISPATCH_LEVEL;
    // SAFETY: the lists go back whole, whence they came.
    unsafe { NdisFSendNetBufferListsComplete(module.filter(), lists, flags) };
}

/// Reads what is not there when a chain has nine lists.
///
/// # Safety
///
/// It is never sound with nine lists: a mistake for the lab to find.
unsafe fn touch_ninth(lists: *const List) {
    let mut list = lists;
    for _ in 0..8 {
        // SAFETY: a chain of lists that end with null.
        let Some(here) = (unsafe { list.as_ref() }) else { return };
        list = here.next;
    }
    if !list.is_null() {
        // SAFETY: none: this is the mistake.
        unsafe { ptr::without_provenance::<u8>(0x10).read_volatile() };
    }
}

unsafe extern "system" fn send_complete(module: &Module, lists: *mut List, flags: u32) {
    // SAFETY: all lists are of drivers above: this one originates none.
    unsafe { NdisFSendNetBufferListsComplete(module.filter(), lists, flags) };
}

unsafe extern "system" fn receive(
    module: &Module,
    lists: *mut List,
    port: u32,
    count: u32,
    flags: u32,
) {
    if module.running.load(Ordering::Acquire) {
        // SAFETY: the lists are passed on as they came.
        unsafe { NdisFIndicateReceiveNetBufferLists(module.filter(), lists, port, count, flags) };
    } else if flags & RECEIVE_RESOURCES == 0 || cfg!(feature = "returns-lent-receives") {
        let flags = flags & AT_DISPATCH_LEVEL;
        // SAFETY: the lists go back whole, whence they came.
        unsafe { NdisFReturnNetBufferLists(module.filter(), lists, flags) };
    }
}

unsafe extern "system" fn give_back(module: &Module, lists: *mut List, flags: u32) {
    // SAFETY: all lists are of drivers below: this one originates none.
    unsafe { NdisFReturnNetBufferLists(module.filter(), lists, flags) };
}

unsafe extern "system" fn status(module: &Module, indication: *const StatusIndication) {
    // SAFETY: the indication is passed on as it came.
    unsafe { NdisFIndicateStatus(module.filter(), indication) };
}

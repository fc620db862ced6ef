//! The plainest NDIS 6 filter: passes sends down and receives up while it runs, and gives them back
//! while it does not. OID requests and events pass by it.
//!
//! It knows nothing of Framecast, and is there for ndis-lab to run from a bare .sys file. Its
//! configuration can tell it to make a mistake: `Mistake` is the name of a [`mistake::Mistake`].
#![no_std]
#![allow(non_snake_case, reason = "the kernel's names")]

mod mistake;

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use filter_ndis::{
    AT_DISPATCH_LEVEL, Characteristics, DriverObject, Handle, Handlers,
    KeAcquireSpinLockRaiseToDpc, KeGetCurrentIrql, KeReleaseSpinLock, List,
    NdisAllocateMemoryWithTagPriority, NdisFCancelSendNetBufferLists,
    NdisFIndicateReceiveNetBufferLists, NdisFIndicateStatus, NdisFPauseComplete,
    NdisFReturnNetBufferLists, NdisFSendNetBufferLists, NdisFSendNetBufferListsComplete,
    NdisFreeMemory, PAUSED, PENDING, RECEIVE_RESOURCES, RESOURCES, SUCCESS, Status,
    StatusIndication, configuration, driver, register, set_context, utf16,
};
use mistake::Mistake;

static MISTAKE: [u16; 7] = utf16(b"Mistake");

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
        cancel_send: Some(cancel_send),
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
    /// A spin lock, for those who make mistakes with one.
    lock: AtomicU64,
}

impl Module {
    const fn free() -> Self {
        Self {
            filter: AtomicPtr::new(ptr::null_mut()),
            running: AtomicBool::new(false),
            lock: AtomicU64::new(0),
        }
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
pub unsafe extern "system" fn DriverEntry(object: *mut DriverObject, _path: Handle) -> Status {
    // SAFETY: the kernel passes the driver's own object.
    let status = unsafe { register(object, &CHARACTERISTICS) };
    if status == SUCCESS {
        // SAFETY: DriverEntry runs at PASSIVE_LEVEL, and the filter is registered.
        unsafe { configuration::read(driver(), &MISTAKE, mistake::choose) };
    }
    status
}

unsafe extern "system" fn attach(filter: Handle, _driver: Handle, _parameters: Handle) -> Status {
    let take = |module: &&Module| {
        let free = ptr::null_mut();
        module.filter.compare_exchange(free, filter, Ordering::AcqRel, Ordering::Acquire).is_ok()
    };
    let Some(module) = MODULES.iter().find(take) else { return RESOURCES };
    module.running.store(false, Ordering::Release);
    take_and_free_memory(filter);
    let context = ptr::from_ref(module).cast_mut().cast();
    // SAFETY: the handle is the one that is being attached; the context lives as long as the driver.
    let status = unsafe { set_context(filter, context) };
    if status != SUCCESS {
        module.filter.store(ptr::null_mut(), Ordering::Release);
    }
    status
}

/// Takes memory and gives it back, once but for mistakes.
fn take_and_free_memory(filter: Handle) {
    const TAG: u32 = u32::from_le_bytes(*b"Pass");
    const NORMAL_PRIORITY: u32 = 16;
    let times = match () {
        () if Mistake::LeaksMemory.is_made() => 0,
        () if Mistake::FreesTwice.is_made() => 2,
        () => 1,
    };
    // SAFETY: the handle is the one that is being attached.
    let memory = unsafe { NdisAllocateMemoryWithTagPriority(filter, 16, TAG, NORMAL_PRIORITY) };
    if memory.is_null() {
        return;
    }
    for _ in 0..times {
        // SAFETY: the memory is this function's own; a second time is a planted mistake.
        unsafe { NdisFreeMemory(memory, 0, 0) };
    }
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
    if Mistake::CompletesThePause.is_made() {
        // SAFETY: none: that nothing is pending is the planted mistake.
        unsafe { NdisFPauseComplete(module.filter()) };
    }
    SUCCESS
}

unsafe extern "system" fn send(module: &Module, lists: *mut List, port: u32, flags: u32) {
    if Mistake::AsksForTheIrql.is_made() {
        // SAFETY: always sound.
        unsafe { KeGetCurrentIrql() };
    }
    if Mistake::FaultsOnLongChains.is_made() {
        // SAFETY: NDIS gives a chain of lists; what follows them is the planted mistake.
        unsafe { touch_ninth(lists) };
    }
    if module.running.load(Ordering::Acquire) || Mistake::PassesWhilePaused.is_made() {
        let forgets = Mistake::ForgetsSendsThatMeet.is_made();
        let meets = forgets && SENDING.swap(true, Ordering::AcqRel);
        if !meets {
            // SAFETY: NDIS gives a chain of lists, at least one.
            unsafe { pass_on(module, lists, port, flags) };
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

/// Passes sends on; the ways to do it wrong are planted mistakes.
///
/// # Safety
///
/// `lists` is a chain of lists that are this module's, at least one.
unsafe fn pass_on(module: &Module, lists: *mut List, port: u32, flags: u32) {
    if Mistake::SetsTheSource.is_made() {
        // SAFETY: the caller's promise.
        unsafe { (*lists).source = module.filter() };
    }
    // SAFETY: the lock lives as long as the driver, and is released below.
    let lock = || unsafe { KeAcquireSpinLockRaiseToDpc(module.lock.as_ptr()) };
    let held = Mistake::SendsUnderALock.is_made().then(lock);
    // SAFETY: the lists are the caller's own, passed on as they came.
    unsafe { NdisFSendNetBufferLists(module.filter(), lists, port, flags) };
    if let Some(irql) = held {
        // SAFETY: it was acquired above.
        unsafe { KeReleaseSpinLock(module.lock.as_ptr(), irql) };
    }
    if Mistake::ReadsWhatItSent.is_made() {
        // SAFETY: none: the list is NDIS' by now, which is the planted mistake.
        unsafe { (&raw const (*lists).status).read_volatile() };
    }
}

unsafe extern "system" fn cancel_send(module: &Module, id: Handle) {
    // SAFETY: the identifier is passed on as it came.
    unsafe { NdisFCancelSendNetBufferLists(module.filter(), id) };
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
    if Mistake::CompletesAsPending.is_made() {
        // SAFETY: NDIS gives at least one list, which is this module's until it completes it.
        unsafe { (*lists).status = PENDING };
    }
    // SAFETY: all lists are of drivers above: this one originates none.
    unsafe { NdisFSendNetBufferListsComplete(module.filter(), lists, flags) };
    if Mistake::KeepsALock.is_made() {
        let mut lock = 0;
        // SAFETY: the lock is not released, which is the planted mistake.
        unsafe { KeAcquireSpinLockRaiseToDpc(&raw mut lock) };
    }
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
    } else if flags & RECEIVE_RESOURCES == 0 || Mistake::ReturnsLentReceives.is_made() {
        let mistaken = Mistake::ReturnsWithReceiveFlags.is_made();
        let flags = if mistaken { flags } else { flags & AT_DISPATCH_LEVEL };
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

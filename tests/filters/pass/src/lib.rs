//! The plainest NDIS 6 filter: passes sends down and receives up while it runs, and gives them back
//! while it does not. OID requests and events pass by it.
//!
//! It is written on nothing but the few functions that it imports, as a filter that knows nothing
//! of Framecast, for ndis-lab to run from a bare .sys file. Its features plant mistakes.
#![no_std]
#![allow(non_snake_case, reason = "the kernel's names")]

use core::ffi::c_void;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

type Status = i32;
type Handle = *mut c_void;

const SUCCESS: Status = 0;
const RESOURCES: Status = 0xC000_009A_u32.cast_signed();
const PAUSED: Status = 0xC023_002A_u32.cast_signed();

/// NDIS_SEND_FLAGS_DISPATCH_LEVEL, and the same for completions and returns.
const AT_DISPATCH_LEVEL: u32 = 1;
/// NDIS_RECEIVE_FLAGS_RESOURCES
const RECEIVE_RESOURCES: u32 = 2;

#[link(name = "ndis.sys", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    fn NdisFRegisterFilterDriver(
        driver: *mut DriverObject,
        context: Handle,
        characteristics: *const Characteristics,
        handle: *mut Handle,
    ) -> Status;
    fn NdisFDeregisterFilterDriver(handle: Handle);
    fn NdisFSetAttributes(filter: Handle, context: Handle, attributes: *const Attributes)
    -> Status;
    fn NdisFSendNetBufferLists(filter: Handle, lists: *mut List, port: u32, flags: u32);
    fn NdisFSendNetBufferListsComplete(filter: Handle, lists: *mut List, flags: u32);
    fn NdisFIndicateReceiveNetBufferLists(
        filter: Handle,
        lists: *mut List,
        port: u32,
        count: u32,
        flags: u32,
    );
    fn NdisFIndicateStatus(filter: Handle, indication: Handle);
    fn NdisFReturnNetBufferLists(filter: Handle, lists: *mut List, flags: u32);
}

/// DRIVER_OBJECT, as far as it is used.
#[repr(C)]
pub struct DriverObject {
    before: [u64; 13],
    unload: Option<unsafe extern "system" fn(*mut DriverObject)>,
}

/// NET_BUFFER_LIST, as far as it is used.
#[repr(C)]
pub struct List {
    next: *mut List,
    between: [u8; 132],
    status: Status,
}

/// UNICODE_STRING
#[repr(C)]
struct Text {
    length: u16,
    capacity: u16,
    buffer: *const u16,
}

impl Text {
    const fn new(units: &'static [u16]) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "names are short")]
        let length = (units.len() * 2) as u16;
        Self { length, capacity: length, buffer: units.as_ptr() }
    }
}

/// A name of ASCII characters in UTF-16.
const fn utf16<const N: usize>(text: &[u8; N]) -> [u16; N] {
    let (mut units, mut at) = ([0; N], 0);
    while at < N {
        units[at] = text[at] as u16;
        at += 1;
    }
    units
}

static FRIENDLY_NAME: [u16; 4] = utf16(b"Pass");
static UNIQUE_NAME: [u16; 38] = utf16(b"{2F6B8E0C-7E0B-4C0B-9C43-5A1D3B7E0001}");
static SERVICE_NAME: [u16; 4] = utf16(b"pass");

/// NDIS_OBJECT_HEADER
#[repr(C)]
struct Header {
    kind: u8,
    revision: u8,
    size: u16,
}

/// NDIS_FILTER_ATTRIBUTES
#[repr(C)]
struct Attributes {
    header: Header,
    flags: u32,
}

/// NDIS_FILTER_DRIVER_CHARACTERISTICS, revision 2: NDIS 6.30.
#[repr(C)]
struct Characteristics {
    header: Header,
    version: [u8; 2],
    flags: u32,
    names: [Text; 3],
    set_options: [usize; 2],
    attach: unsafe extern "system" fn(Handle, Handle, Handle) -> Status,
    detach: unsafe extern "system" fn(&Module),
    restart: unsafe extern "system" fn(&Module, Handle) -> Status,
    pause: unsafe extern "system" fn(&Module, Handle) -> Status,
    send: unsafe extern "system" fn(&Module, *mut List, u32, u32),
    send_complete: unsafe extern "system" fn(&Module, *mut List, u32),
    cancel_send: usize,
    receive: unsafe extern "system" fn(&Module, *mut List, u32, u32, u32),
    give_back: unsafe extern "system" fn(&Module, *mut List, u32),
    requests_and_events: [usize; 5],
    status: unsafe extern "system" fn(&Module, Handle),
    direct_requests: [usize; 3],
}

// SAFETY: nothing writes to it, nor to the names that it points to.
unsafe impl Sync for Characteristics {}

const _: () = assert!(size_of::<Characteristics>() == 224);

static CHARACTERISTICS: Characteristics = Characteristics {
    header: Header { kind: 0x8B, revision: 2, size: 224 },
    version: [6, 30],
    flags: 0,
    names: [Text::new(&FRIENDLY_NAME), Text::new(&UNIQUE_NAME), Text::new(&SERVICE_NAME)],
    set_options: [0; 2],
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
    direct_requests: [0; 3],
};

/// A module: where the filter is on an adapter.
#[derive(Debug)]
pub struct Module {
    /// NDIS' handle; null while the place is free.
    filter: AtomicPtr<c_void>,
    running: AtomicBool,
    /// Whether a send is being passed on.
    sending: AtomicBool,
}

impl Module {
    const fn free() -> Self {
        Self {
            filter: AtomicPtr::new(ptr::null_mut()),
            running: AtomicBool::new(false),
            sending: AtomicBool::new(false),
        }
    }

    fn filter(&self) -> Handle {
        self.filter.load(Ordering::Acquire)
    }
}

/// Room for as many adapters as a test has.
static MODULES: [Module; 16] = [const { Module::free() }; 16];

/// The handle of the filter driver.
static DRIVER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Registers the filter.
///
/// # Safety
///
/// The kernel calls it with the driver's own object.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DriverEntry(driver: *mut DriverObject, _path: Handle) -> Status {
    // SAFETY: the kernel passes the driver's own object.
    unsafe { (*driver).unload = Some(unload) };
    let mut handle = ptr::null_mut();
    // SAFETY: the characteristics are those of NDIS 6.30, and live as long as the driver.
    let status = unsafe {
        NdisFRegisterFilterDriver(
            driver,
            ptr::null_mut(),
            &raw const CHARACTERISTICS,
            &raw mut handle,
        )
    };
    DRIVER.store(handle, Ordering::Release);
    status
}

unsafe extern "system" fn unload(_driver: *mut DriverObject) {
    // SAFETY: DriverEntry registered the filter, else the driver is not unloaded.
    unsafe { NdisFDeregisterFilterDriver(DRIVER.load(Ordering::Acquire)) };
}

unsafe extern "system" fn attach(filter: Handle, _driver: Handle, _parameters: Handle) -> Status {
    let take = |module: &&Module| {
        let free = ptr::null_mut();
        module.filter.compare_exchange(free, filter, Ordering::AcqRel, Ordering::Acquire).is_ok()
    };
    let Some(module) = MODULES.iter().find(take) else { return RESOURCES };
    module.running.store(false, Ordering::Release);
    let attributes = Attributes { header: Header { kind: 0x8D, revision: 1, size: 8 }, flags: 0 };
    let context = ptr::from_ref(module).cast_mut().cast();
    // SAFETY: the handle is the one that is being attached; the context lives as long as the driver.
    let status = unsafe { NdisFSetAttributes(filter, context, &raw const attributes) };
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
        let meets = module.sending.swap(true, Ordering::AcqRel);
        if !(meets && cfg!(feature = "forgets-sends-that-meet")) {
            // SAFETY: the lists are the caller's own, passed on as they came.
            unsafe { NdisFSendNetBufferLists(module.filter(), lists, port, flags) };
        }
        module.sending.store(false, Ordering::Release);
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

unsafe extern "system" fn status(module: &Module, indication: Handle) {
    // SAFETY: the indication is passed on as it came.
    unsafe { NdisFIndicateStatus(module.filter(), indication) };
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

//! What the plain filters know of NDIS 6.30: the layouts, as far as they are used, and the
//! functions that they import. They are built from this alone, as filters that know nothing of
//! Framecast.
#![no_std]
#![allow(non_snake_case, reason = "the kernel's names")]
#![allow(missing_docs, clippy::missing_safety_doc, reason = "documented by Microsoft")]

pub mod configuration;

use configuration::{ConfigurationObject, ConfigurationParameter};
use core::ffi::c_void;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

pub type Status = i32;
pub type Handle = *mut c_void;

pub const SUCCESS: Status = 0;
pub const PENDING: Status = 0x103;
pub const RESOURCES: Status = 0xC000_009A_u32.cast_signed();
pub const PAUSED: Status = 0xC023_002A_u32.cast_signed();

/// NDIS_SEND_FLAGS_DISPATCH_LEVEL, and the same for completions and returns.
pub const AT_DISPATCH_LEVEL: u32 = 1;
/// NDIS_RECEIVE_FLAGS_RESOURCES
pub const RECEIVE_RESOURCES: u32 = 2;

#[link(name = "ndis.sys", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    pub fn NdisFRegisterFilterDriver(
        driver: *mut DriverObject,
        context: Handle,
        characteristics: *const Characteristics<Handle>,
        handle: *mut Handle,
    ) -> Status;
    pub fn NdisFDeregisterFilterDriver(handle: Handle);
    pub fn NdisFSetAttributes(
        filter: Handle,
        context: Handle,
        attributes: *const Attributes,
    ) -> Status;
    pub fn NdisFSendNetBufferLists(filter: Handle, lists: *mut List, port: u32, flags: u32);
    pub fn NdisFSendNetBufferListsComplete(filter: Handle, lists: *mut List, flags: u32);
    pub fn NdisFIndicateReceiveNetBufferLists(
        filter: Handle,
        lists: *mut List,
        port: u32,
        count: u32,
        flags: u32,
    );
    pub fn NdisFIndicateStatus(filter: Handle, indication: *const StatusIndication);
    pub fn NdisFReturnNetBufferLists(filter: Handle, lists: *mut List, flags: u32);
    pub fn NdisAllocateNetBufferListPool(
        filter: Handle,
        parameters: *const PoolParameters,
    ) -> Handle;
    pub fn NdisFreeNetBufferListPool(pool: Handle);
    pub fn NdisAllocateNetBufferAndNetBufferList(
        pool: Handle,
        context_size: u16,
        context_backfill: u16,
        mdls: *mut Mdl,
        offset: u32,
        length: usize,
    ) -> *mut List;
    pub fn NdisFreeNetBufferList(list: *mut List);
    pub fn NdisAllocateMdl(filter: Handle, memory: *mut u8, length: u32) -> *mut Mdl;
    pub fn NdisFreeMdl(mdl: *mut Mdl);
    pub fn NdisAllocateMemoryWithTagPriority(
        filter: Handle,
        length: u32,
        tag: u32,
        priority: u32,
    ) -> *mut u8;
    pub fn NdisFreeMemory(memory: *mut u8, length: u32, flags: u32);
    pub fn NdisFCancelSendNetBufferLists(filter: Handle, id: Handle);
    pub fn NdisFPauseComplete(filter: Handle);
    pub fn NdisOpenConfigurationEx(
        configuration: *const ConfigurationObject,
        handle: *mut Handle,
    ) -> Status;
    pub fn NdisReadConfiguration(
        status: *mut Status,
        value: *mut *const ConfigurationParameter,
        configuration: Handle,
        keyword: *const Text,
        kind: u32,
    );
    pub fn NdisCloseConfiguration(configuration: Handle);
}

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    /// What compilers call, too.
    pub fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    pub fn KeAcquireSpinLockRaiseToDpc(lock: *mut u64) -> u8;
    pub fn KeReleaseSpinLock(lock: *mut u64, irql: u8);
    pub fn KeGetCurrentIrql() -> u8;
}

/// DRIVER_OBJECT
#[repr(C)]
pub struct DriverObject {
    before: [u64; 13],
    pub unload: Option<unsafe extern "system" fn(*mut DriverObject)>,
}

/// NET_BUFFER_LIST
#[repr(C)]
pub struct List {
    pub next: *mut List,
    pub first: *mut Buffer,
    between: [u64; 13],
    /// Whose it is.
    pub source: Handle,
    flags: [u32; 3],
    pub status: Status,
}

const _: () = assert!(core::mem::offset_of!(List, source) == 120);
const _: () = assert!(core::mem::offset_of!(List, status) == 140);

/// NET_BUFFER
#[repr(C)]
pub struct Buffer {
    pub next: *mut Buffer,
    /// The MDL that the data begin in, and where in it.
    pub current: *mut Mdl,
    pub current_offset: u32,
    pub length: usize,
    pub mdls: *mut Mdl,
}

const _: () = assert!(core::mem::offset_of!(Buffer, mdls) == 32);

/// MDL
#[repr(C)]
pub struct Mdl {
    pub next: *mut Mdl,
    between: [u64; 2],
    pub address: *mut u8,
    start: Handle,
    pub length: u32,
    offset: u32,
}

const _: () = assert!(size_of::<Mdl>() == 48);

/// UNICODE_STRING
#[repr(C)]
pub struct Text {
    length: u16,
    capacity: u16,
    buffer: *const u16,
}

impl Text {
    #[must_use]
    pub const fn new(units: &'static [u16]) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "names are short")]
        let length = (units.len() * 2) as u16;
        Self { length, capacity: length, buffer: units.as_ptr() }
    }
}

/// A name of ASCII characters in UTF-16.
#[must_use]
pub const fn utf16<const N: usize>(text: &[u8; N]) -> [u16; N] {
    let (mut units, mut at) = ([0; N], 0);
    while at < N {
        units[at] = text[at] as u16;
        at += 1;
    }
    units
}

/// NDIS_OBJECT_HEADER
#[repr(C)]
pub struct Header {
    kind: u8,
    revision: u8,
    size: u16,
}

/// NDIS_FILTER_ATTRIBUTES
#[repr(C)]
pub struct Attributes {
    header: Header,
    flags: u32,
}

/// NET_BUFFER_LIST_POOL_PARAMETERS
#[repr(C)]
pub struct PoolParameters {
    header: Header,
    protocol: u8,
    with_buffers: u8,
    context_size: u16,
    tag: u32,
    data_size: u32,
}

impl PoolParameters {
    /// Of a pool of lists with a buffer each, with so much context.
    #[must_use]
    pub const fn new(context_size: u16, tag: u32) -> Self {
        let header = Header { kind: 0x80, revision: 1, size: 16 };
        Self { header, protocol: 0, with_buffers: 1, context_size, tag, data_size: 0 }
    }
}

/// NDIS_STATUS_INDICATION
#[repr(C)]
pub struct StatusIndication {
    header: Header,
    source: Handle,
    port: u32,
    pub code: Status,
    flags: u32,
    destination: Handle,
    request: Handle,
    pub bytes: *const u8,
    pub length: u32,
}

const _: () = assert!(core::mem::offset_of!(StatusIndication, bytes) == 48);

/// The handlers of a filter as they stand in its characteristics; `C` is what it gives NDIS to keep
/// for a module.
#[repr(C)]
pub struct Handlers<C> {
    pub attach: unsafe extern "system" fn(Handle, Handle, Handle) -> Status,
    pub detach: unsafe extern "system" fn(C),
    pub restart: unsafe extern "system" fn(C, Handle) -> Status,
    pub pause: unsafe extern "system" fn(C, Handle) -> Status,
    pub send: unsafe extern "system" fn(C, *mut List, u32, u32),
    pub send_complete: unsafe extern "system" fn(C, *mut List, u32),
    pub cancel_send: Option<unsafe extern "system" fn(C, Handle)>,
    pub receive: unsafe extern "system" fn(C, *mut List, u32, u32, u32),
    pub give_back: unsafe extern "system" fn(C, *mut List, u32),
    pub requests_and_events: [usize; 5],
    pub status: unsafe extern "system" fn(C, *const StatusIndication),
}

/// NDIS_FILTER_DRIVER_CHARACTERISTICS, revision 2: NDIS 6.30.
#[repr(C)]
pub struct Characteristics<C> {
    header: Header,
    version: [u8; 2],
    flags: u32,
    names: [Text; 3],
    set_options: [usize; 2],
    handlers: Handlers<C>,
    direct_requests: [usize; 3],
}

// SAFETY: nothing writes to it, nor to the names that it points to.
unsafe impl<C> Sync for Characteristics<C> {}

const _: () = assert!(size_of::<Characteristics<Handle>>() == 224);

impl<C> Characteristics<C> {
    /// Of a filter with these names: friendly, unique, and of its service.
    #[must_use]
    pub const fn new(names: [&'static [u16]; 3], handlers: Handlers<C>) -> Self {
        let [friendly, unique, service] = names;
        Self {
            header: Header { kind: 0x8B, revision: 2, size: 224 },
            version: [6, 30],
            flags: 0,
            names: [Text::new(friendly), Text::new(unique), Text::new(service)],
            set_options: [0; 2],
            handlers,
            direct_requests: [0; 3],
        }
    }
}

/// The handle of the filter driver.
static DRIVER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Registers the filter, until its driver is unloaded.
///
/// # Safety
///
/// In DriverEntry, with the driver's own object.
pub unsafe fn register<C>(
    driver: *mut DriverObject,
    characteristics: &'static Characteristics<C>,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { (*driver).unload = Some(unload) };
    let mut handle = ptr::null_mut();
    let characteristics = ptr::from_ref(characteristics).cast();
    // SAFETY: the characteristics are those of NDIS 6.30, and live as long as the driver.
    let status = unsafe {
        NdisFRegisterFilterDriver(driver, ptr::null_mut(), characteristics, &raw mut handle)
    };
    DRIVER.store(handle, Ordering::Release);
    status
}

/// The handle of the registered filter driver.
#[must_use]
pub fn driver() -> Handle {
    DRIVER.load(Ordering::Acquire)
}

unsafe extern "system" fn unload(_object: *mut DriverObject) {
    // SAFETY: DriverEntry registered the filter, else the driver is not unloaded.
    unsafe { NdisFDeregisterFilterDriver(driver()) };
}

/// Gives NDIS the context of a module.
///
/// # Safety
///
/// In FilterAttach, with the handle that is being attached and a context that lives as long.
pub unsafe fn set_context(filter: Handle, context: Handle) -> Status {
    let attributes = Attributes { header: Header { kind: 0x8D, revision: 1, size: 8 }, flags: 0 };
    // SAFETY: the caller's promise.
    unsafe { NdisFSetAttributes(filter, context, &raw const attributes) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

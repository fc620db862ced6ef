//! The least that a filter can do: the calls of NDIS and the copy of the frame, and nothing that a
//! driver needs besides. What Framecast does is measured against what this does.
//!
//! | service | what it does |
//! |---|---|
//! | [`PASS`] | passes on what passes |
//! | [`TAP`] | copies what passes into a buffer, and passes it on |
//! | [`MIRROR`] | sends a copy of what passes on the other adapter, and passes it on |
//! | [`SEND`], [`RECEIVE`] | originates frames that a status indication brings |
//!
//! It is told by a status indication which service a module gives. It checks nothing, counts
//! nothing, waits for nothing and takes no lock: each module is used by one thread at a time, its
//! traffic is either all its own or all of others, and it is paused when nothing is under way.
#![no_std]
#![allow(non_snake_case, reason = "the kernel's names")]

use core::ptr;
use filter_ndis::{
    Characteristics, DriverObject, Handle, Handlers, List, Mdl, NdisAllocateMdl,
    NdisAllocateMemoryWithTagPriority, NdisAllocateNetBufferAndNetBufferList,
    NdisAllocateNetBufferListPool, NdisFIndicateReceiveNetBufferLists, NdisFReturnNetBufferLists,
    NdisFSendNetBufferLists, NdisFSendNetBufferListsComplete, NdisFreeMdl, NdisFreeMemory,
    NdisFreeNetBufferList, NdisFreeNetBufferListPool, PoolParameters, RESOURCES, SUCCESS, Status,
    StatusIndication, memcpy, register, set_context, utf16,
};

/// The codes of status indications that say what a module does from now on.
pub const PASS: Status = 0;
/// See [`PASS`]; as many copies as bytes come with it.
pub const TAP: Status = 1;
/// See [`PASS`]; the other module of a pair sends the copies.
pub const MIRROR: Status = 2;
/// Sends the frames that come with it: for each its length in eight bytes, and its bytes, padded to
/// eight.
pub const SEND: Status = 3;
/// Indicates the frames that come with it, likewise.
pub const RECEIVE: Status = 4;

/// The room that the adapters under test ask for.
const DATA_BACKFILL: u32 = 256;
const CONTEXT_BACKFILL: u16 = 64;

/// Frame buffers of a module, and the bytes of each: the longest frame that is measured, and room.
const BUFFERS: usize = 512;
const BUFFER_BYTES: u32 = DATA_BACKFILL + 9216;
const ALL_BYTES: u32 = BUFFERS as u32 * BUFFER_BYTES;

/// As many adapters as are measured at once.
const PLACES: usize = 8;

/// Bytes that taps copy into.
const TAP_BYTES: usize = 1 << 16;

const TAG: u32 = u32::from_le_bytes(*b"Flor");

static FRIENDLY_NAME: [u16; 5] = utf16(b"Floor");
static UNIQUE_NAME: [u16; 38] = utf16(b"{2F6B8E0C-7E0B-4C0B-9C43-5A1D3B7E0002}");
static SERVICE_NAME: [u16; 5] = utf16(b"floor");

static CHARACTERISTICS: Characteristics<*mut Module> = Characteristics::new(
    [&FRIENDLY_NAME, &UNIQUE_NAME, &SERVICE_NAME],
    Handlers {
        attach,
        detach,
        restart,
        pause,
        send,
        send_complete,
        cancel_send: None,
        receive,
        give_back,
        requests_and_events: [0; 5],
        status,
    },
);

/// A module: where the filter is on an adapter.
struct Module {
    /// NDIS' handle; null while the place is free.
    filter: Handle,
    pool: Handle,
    memory: *mut u8,
    /// Frame buffers that are free, linked.
    free: *mut Mdl,
    /// All of them.
    mdls: [*mut Mdl; BUFFERS],
    service: Status,
    taps: u32,
    /// Whether lists that come home are this module's own.
    originates: bool,
    tapped: [u8; TAP_BYTES],
    tap_at: usize,
}

impl Module {
    const FREE: Self = Self {
        filter: ptr::null_mut(),
        pool: ptr::null_mut(),
        memory: ptr::null_mut(),
        free: ptr::null_mut(),
        mdls: [ptr::null_mut(); BUFFERS],
        service: PASS,
        taps: 0,
        originates: false,
        tapped: [0; TAP_BYTES],
        tap_at: 0,
    };

    /// Makes what lists are originated with.
    unsafe fn prepare(&mut self) -> bool {
        let parameters = PoolParameters::new(CONTEXT_BACKFILL, TAG);
        // SAFETY: the module's own handle.
        self.pool = unsafe { NdisAllocateNetBufferListPool(self.filter, &raw const parameters) };
        // SAFETY: the module's own handle.
        self.memory = unsafe { NdisAllocateMemoryWithTagPriority(self.filter, ALL_BYTES, TAG, 0) };
        if self.pool.is_null() || self.memory.is_null() {
            return false;
        }
        for number in 0..BUFFERS {
            // SAFETY: inside the memory.
            let start = unsafe { self.memory.add(number * BUFFER_BYTES as usize) };
            // SAFETY: nonpaged memory of this module.
            let mdl = unsafe { NdisAllocateMdl(self.filter, start, BUFFER_BYTES) };
            self.mdls[number] = mdl;
            if mdl.is_null() {
                return false;
            }
            // SAFETY: the module's own MDL.
            unsafe { self.keep(mdl) };
        }
        true
    }

    unsafe fn keep(&mut self, mdl: *mut Mdl) {
        // SAFETY: an MDL of this module that nobody uses.
        unsafe { (*mdl).next = self.free };
        self.free = mdl;
    }

    /// Copies a frame into a list of this module; null if there is no buffer, or no memory.
    unsafe fn copy(&mut self, bytes: *const u8, length: usize) -> *mut List {
        let mdl = self.free;
        if mdl.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: a free buffer of this module, large enough for every frame that is measured.
        unsafe {
            self.free = (*mdl).next;
            (*mdl).next = ptr::null_mut();
            let start = (*mdl).address.add(DATA_BACKFILL as usize);
            memcpy(start, bytes, length);
            let list = NdisAllocateNetBufferAndNetBufferList(
                self.pool,
                0,
                CONTEXT_BACKFILL,
                mdl,
                DATA_BACKFILL,
                length,
            );
            if !list.is_null() {
                (*list).source = self.filter;
            }
            list
        }
    }

    /// Frees lists of this module.
    unsafe fn free_all(&mut self, mut list: *mut List) {
        while !list.is_null() {
            // SAFETY: a list of this module that has come home.
            unsafe {
                let next = (*list).next;
                self.keep((*(*list).first).mdls);
                NdisFreeNetBufferList(list);
                list = next;
            }
        }
    }

    /// Originates frames as they stand behind each other.
    unsafe fn originate(&mut self, service: Status, mut bytes: *const u8, length: usize) {
        let (mut first, mut last, mut count) = (ptr::null_mut::<List>(), ptr::null_mut(), 0);
        // SAFETY: the bytes are frames with their lengths.
        unsafe {
            let end = bytes.add(length);
            while bytes < end {
                let length = bytes.cast::<usize>().read_unaligned();
                let list = self.copy(bytes.add(8), length);
                if list.is_null() {
                    break;
                }
                bytes = bytes.add(8 + length.next_multiple_of(8));
                link(&mut first, &mut last, list);
                count += 1;
            }
            if service == SEND {
                NdisFSendNetBufferLists(self.filter, first, 0, 0);
            } else {
                NdisFIndicateReceiveNetBufferLists(self.filter, first, 0, count, 0);
            }
        }
    }

    /// Does what is to be done with what passes.
    unsafe fn see(&mut self, lists: *mut List) {
        if self.service == TAP {
            for _ in 0..self.taps {
                // SAFETY: lists that NDIS handed to this module.
                unsafe { for_each_frame(lists, |bytes, length| self.tap(bytes, length)) };
            }
        } else if self.service == MIRROR {
            // SAFETY: as above.
            unsafe { self.mirror(lists) };
        }
    }

    unsafe fn tap(&mut self, bytes: *const u8, length: usize) {
        if length > TAP_BYTES - self.tap_at {
            self.tap_at = 0;
        }
        // SAFETY: there is room: no frame is longer than the whole.
        unsafe { memcpy(self.tapped.as_mut_ptr().add(self.tap_at), bytes, length) };
        self.tap_at += length;
    }

    unsafe fn mirror(&mut self, lists: *mut List) {
        let first_module = (&raw mut MODULES).cast::<Self>();
        // SAFETY: this module is one of them.
        let number = unsafe { ptr::from_mut(self).offset_from_unsigned(first_module) };
        // SAFETY: the other of its pair, which is used by this thread alone.
        let other = unsafe { &mut *first_module.add(number ^ 1) };
        let (mut first, mut last) = (ptr::null_mut::<List>(), ptr::null_mut());
        // SAFETY: lists that NDIS handed to this module.
        unsafe {
            for_each_frame(lists, |bytes, length| {
                let list = other.copy(bytes, length);
                if !list.is_null() {
                    link(&mut first, &mut last, list);
                }
            });
        }
        other.originates = true;
        // SAFETY: lists of the other module.
        unsafe { NdisFSendNetBufferLists(other.filter, first, 0, 0) };
    }
}

/// Calls `each` with the bytes of every frame: it lies in one piece.
unsafe fn for_each_frame(mut list: *mut List, mut each: impl FnMut(*const u8, usize)) {
    while !list.is_null() {
        // SAFETY: a list that the caller holds, with its buffers and their MDLs.
        unsafe {
            let mut buffer = (*list).first;
            while !buffer.is_null() {
                let start = (*(*buffer).current).address.add((*buffer).current_offset as usize);
                each(start, (*buffer).length);
                buffer = (*buffer).next;
            }
            list = (*list).next;
        }
    }
}

unsafe fn link(first: &mut *mut List, last: &mut *mut List, list: *mut List) {
    if first.is_null() {
        *first = list;
    } else {
        // SAFETY: a list of the chain that is being made.
        unsafe { (**last).next = list };
    }
    *last = list;
}

/// Each is used by one thread at a time.
static mut MODULES: [Module; PLACES] = [Module::FREE; PLACES];

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
    let modules = (&raw mut MODULES).cast::<Module>();
    // SAFETY: adapters are attached one after the other.
    let places = (0..PLACES).map(|number| unsafe { &mut *modules.add(number) });
    let Some(module) = places.into_iter().find(|module| module.filter.is_null()) else {
        return RESOURCES;
    };
    module.filter = filter;
    module.service = PASS;
    module.originates = false;
    // SAFETY: in attach; the context lives as long as the driver.
    let status = unsafe { set_context(filter, ptr::from_mut(module).cast()) };
    // SAFETY: the module is attached.
    if status == SUCCESS && !unsafe { module.prepare() } {
        return RESOURCES;
    }
    status
}

unsafe extern "system" fn detach(module: *mut Module) {
    // SAFETY: an attached module, of which nothing is under way.
    unsafe {
        let mdls = &raw const (*module).mdls;
        for number in 0..BUFFERS {
            NdisFreeMdl((*mdls)[number]);
        }
        NdisFreeMemory((*module).memory, 0, 0);
        NdisFreeNetBufferListPool((*module).pool);
        (*module).free = ptr::null_mut();
        (*module).filter = ptr::null_mut();
    }
}

unsafe extern "system" fn restart(_module: *mut Module, _parameters: Handle) -> Status {
    SUCCESS
}

unsafe extern "system" fn pause(_module: *mut Module, _parameters: Handle) -> Status {
    SUCCESS
}

unsafe extern "system" fn send(module: *mut Module, lists: *mut List, port: u32, flags: u32) {
    // SAFETY: the lists are the caller's own, passed on as they came.
    unsafe {
        if (*module).service != PASS {
            (*module).see(lists);
        }
        NdisFSendNetBufferLists((*module).filter, lists, port, flags);
    }
}

unsafe extern "system" fn send_complete(module: *mut Module, lists: *mut List, flags: u32) {
    // SAFETY: the lists come home, or go on to where they came from.
    unsafe {
        if (*module).originates {
            (*module).free_all(lists);
        } else {
            NdisFSendNetBufferListsComplete((*module).filter, lists, flags);
        }
    }
}

unsafe extern "system" fn receive(
    module: *mut Module,
    lists: *mut List,
    port: u32,
    count: u32,
    flags: u32,
) {
    // SAFETY: the lists are passed on as they came.
    unsafe {
        if (*module).service != PASS {
            (*module).see(lists);
        }
        NdisFIndicateReceiveNetBufferLists((*module).filter, lists, port, count, flags);
    }
}

unsafe extern "system" fn give_back(module: *mut Module, lists: *mut List, flags: u32) {
    // SAFETY: the lists come home, or go on to where they came from.
    unsafe {
        if (*module).originates {
            (*module).free_all(lists);
        } else {
            NdisFReturnNetBufferLists((*module).filter, lists, flags);
        }
    }
}

unsafe extern "system" fn status(module: *mut Module, indication: *const StatusIndication) {
    // SAFETY: an attached module, and NDIS' own structure.
    unsafe {
        let service = (*indication).code;
        if service == SEND || service == RECEIVE {
            (*module).originates = true;
            (*module).originate(service, (*indication).bytes, (*indication).length as usize);
        } else {
            (*module).service = service;
            (*module).taps = (*indication).length;
            (*module).originates = false;
        }
    }
}

//! The C face of NDIS: generated bindings, and the macros that bindgen cannot translate.
//!
//! Names are C's. Nothing here leaves `ndis/`.
#![expect(unsafe_code, reason = "ports macros that read C structures")]
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, reason = "names are C's")]

use core::mem::{offset_of, size_of};

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::missing_safety_doc,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    dead_code,
    missing_docs,
    unnecessary_transmutes,
    unreachable_pub,
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    unused_imports,
    reason = "bindgen output"
)]
mod bindings {
    use wdk_sys::*;
    include!(concat!(env!("OUT_DIR"), "/ndis.rs"));
}

pub(super) use bindings::*;
pub(super) use wdk_sys::ntddk::{
    ExAcquirePushLockExclusiveEx, ExReleasePushLockExclusiveEx, IoAllocateWorkItem, IoFreeWorkItem,
    IoGetStackLimits, IoQueueWorkItem, IoReleaseCancelSpinLock, IofCompleteRequest,
    KeAcquireSpinLockRaiseToDpc, KeCancelTimer, KeEnterCriticalRegion, KeFlushQueuedDpcs,
    KeInitializeDpc, KeInitializeEvent, KeInitializeTimer, KeLeaveCriticalRegion, KeLowerIrql,
    KeQuerySystemTimePrecise, KeReleaseSpinLock, KeSetEvent, KeSetTimer, KeWaitForSingleObject,
    KfRaiseIrql, MmMapLockedPagesSpecifyCache,
};
pub(super) use wdk_sys::{
    _IO_WORKITEM, DRIVER_OBJECT, FILE_OBJECT, IO_STACK_LOCATION, IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE,
    IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, KDPC, KEVENT, KIRQL, KSPIN_LOCK, KTIMER, LARGE_INTEGER,
    MDL, PDEVICE_OBJECT, PDRIVER_DISPATCH, PIRP, PVOID, SL_PENDING_RETURNED, UCHAR, ULONG,
    UNICODE_STRING, USHORT,
};

/// `MEMORY_ALLOCATION_ALIGNMENT`, ntdef.h.
pub(super) const MEMORY_ALLOCATION_ALIGNMENT: usize = 16;

/// The pool tag of everything that NDIS allocates for this driver: "Fcst" in a debugger.
pub(super) const POOL_TAG: ULONG = u32::from_le_bytes(*b"Fcst");

/// `OID_GEN_MINIPORT_RESTART_ATTRIBUTES`, ntddndis.h.
pub(super) const OID_GEN_MINIPORT_RESTART_ATTRIBUTES: ULONG = 0x0001_021D;

/// `NDIS_SIZEOF_…` macros of ndis.h: bytes through the last member of a revision.
pub(super) const NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3: USHORT = 240;
pub(super) const NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1: USHORT = 8;
pub(super) const NDIS_SIZEOF_FILTER_ATTACH_PARAMETERS_REVISION_1: USHORT = 164;
pub(super) const NDIS_SIZEOF_FILTER_RESTART_PARAMETERS_REVISION_1: USHORT = 44;
pub(super) const NDIS_SIZEOF_RESTART_GENERAL_ATTRIBUTES_REVISION_1: USHORT = 84;
pub(super) const NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1: USHORT = 16;
pub(super) const NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1: USHORT = 12;
pub(super) const NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1: USHORT = 56;

// What the code below and the sizes above rely on, whichever headers the bindings come from.
const _: () = {
    assert!(size_of::<NDIS_FILTER_DRIVER_CHARACTERISTICS>() == 240);
    assert!(size_of::<NDIS_FILTER_ATTRIBUTES>() == 8);
    assert!(offset_of!(NDIS_FILTER_ATTACH_PARAMETERS, Flags) == 160);
    assert!(offset_of!(NDIS_FILTER_ATTACH_PARAMETERS, BaseMiniportNetLuid) == 136);
    assert!(offset_of!(NDIS_FILTER_RESTART_PARAMETERS, Flags) == 40);
    assert!(offset_of!(NDIS_FILTER_RESTART_PARAMETERS, RestartAttributes) == 16);
    assert!(offset_of!(NDIS_RESTART_ATTRIBUTES, Data) == 16);
    assert!(offset_of!(NDIS_RESTART_GENERAL_ATTRIBUTES, MtuSize) == 4);
    assert!(offset_of!(NDIS_RESTART_GENERAL_ATTRIBUTES, DataBackFillSize) == 64);
    assert!(offset_of!(NDIS_RESTART_GENERAL_ATTRIBUTES, ContextBackFillSize) == 68);
    assert!(offset_of!(NET_BUFFER_LIST, SourceHandle) == 120);
    assert!(offset_of!(NET_BUFFER_LIST, Flags) == 136);
    assert!(offset_of!(NET_BUFFER_LIST, NetBufferListInfo) == 144);
    assert!(offset_of!(NET_BUFFER_LIST_CONTEXT, Offset) == 10);
    assert!(size_of::<NET_BUFFER_LIST_CONTEXT>() == 16);
    assert!(size_of::<NET_BUFFER_LIST_POOL_PARAMETERS>() == 16);
    assert!(size_of::<NET_BUFFER_POOL_PARAMETERS>() == 12);
    assert!(size_of::<NDIS_DEVICE_OBJECT_ATTRIBUTES>() == 56);
    assert!(offset_of!(NDIS_OID_REQUEST, DATA) == 32);
    assert!(offset_of!(NDIS_OID_REQUEST, SourceReserved) == 216);
};

/// What a NET_BUFFER_LIST starts with, in a union with other views of the same bytes.
#[repr(C)]
struct NetBufferListHead {
    next: *mut NET_BUFFER_LIST,
    first_net_buffer: *mut NET_BUFFER,
}

/// What a NET_BUFFER starts with, in a union with other views of the same bytes.
#[repr(C)]
struct NetBufferHead {
    next: *mut NET_BUFFER,
    current_mdl: *mut MDL,
    current_mdl_offset: ULONG,
    /// The length is in a union with a SIZE_T.
    _aligned: [usize; 0],
    data_length: ULONG,
}

const _: () = {
    assert!(offset_of!(NetBufferHead, current_mdl) == 8);
    assert!(offset_of!(NetBufferHead, current_mdl_offset) == 16);
    assert!(offset_of!(NetBufferHead, data_length) == 24);
};

/// Where the data of a NET_BUFFER are.
pub(super) struct CurrentData {
    /// `NET_BUFFER_CURRENT_MDL`
    pub(super) mdl: *mut MDL,
    /// `NET_BUFFER_CURRENT_MDL_OFFSET`
    pub(super) offset: ULONG,
    /// `NET_BUFFER_DATA_LENGTH`
    pub(super) length: ULONG,
}

/// Where the data of a NET_BUFFER are: `NET_BUFFER_CURRENT_MDL` and its neighbours,
/// nblaccessors.h.
///
/// # Safety
///
/// `buffer` points to a NET_BUFFER.
pub(super) const unsafe fn NET_BUFFER_CURRENT_DATA(buffer: *mut NET_BUFFER) -> CurrentData {
    // SAFETY: in bounds of the NET_BUFFER by the caller's promise.
    let head = unsafe { &*buffer.cast::<NetBufferHead>() };
    CurrentData { mdl: head.current_mdl, offset: head.current_mdl_offset, length: head.data_length }
}

/// Where the memory of an MDL lies for whoever made it: `MmGetMdlVirtualAddress`, wdm.h.
///
/// # Safety
///
/// `mdl` points to an MDL.
pub(super) unsafe fn MmGetMdlVirtualAddress(mdl: *mut MDL) -> usize {
    // SAFETY: an MDL by the caller's promise.
    let start = unsafe { (*mdl).StartVa };
    // SAFETY: an MDL by the caller's promise.
    let offset = unsafe { (*mdl).ByteOffset };
    start.addr().wrapping_add(offset as usize)
}

/// `MDL_MAPPED_TO_SYSTEM_VA` and `MDL_SOURCE_IS_NONPAGED_POOL`: an MDL with one of these flags is
/// mapped at its `MappedSystemVa`, wdm.h.
pub(super) const MDL_MAPPED: i16 = 0x1 | 0x4;

/// Where the memory of an MDL lies in the system's address space, mapped there if need be; null
/// where that cannot be: `MmGetSystemAddressForMdlSafe`, wdm.h.
///
/// # Safety
///
/// `mdl` points to an MDL of locked or nonpaged memory.
pub(super) unsafe fn MmGetSystemAddressForMdlSafe(mdl: *mut MDL) -> PVOID {
    const KERNEL_MODE: i8 = 0;
    const MM_CACHED: i32 = 1;
    const PRIORITY: ULONG = 16 | 0x4000_0000; // NormalPagePriority, MdlMappingNoExecute
    // SAFETY: an MDL by the caller's promise.
    if unsafe { (*mdl).MdlFlags } & MDL_MAPPED != 0 {
        // SAFETY: an MDL by the caller's promise.
        return unsafe { (*mdl).MappedSystemVa };
    }
    // SAFETY: an MDL of locked memory that is not mapped yet.
    unsafe {
        MmMapLockedPagesSpecifyCache(
            mdl,
            KERNEL_MODE as _,
            MM_CACHED as _,
            core::ptr::null_mut(),
            0,
            PRIORITY,
        )
    }
}

/// Where a NET_BUFFER_LIST names the next one: `NET_BUFFER_LIST_NEXT_NBL`, nblaccessors.h.
///
/// # Safety
///
/// `list` points to a NET_BUFFER_LIST.
pub(super) const unsafe fn NET_BUFFER_LIST_NEXT_NBL(
    list: *mut NET_BUFFER_LIST,
) -> *mut *mut NET_BUFFER_LIST {
    let head = list.cast::<NetBufferListHead>();
    // SAFETY: in bounds of the NET_BUFFER_LIST by the caller's promise.
    unsafe { &raw mut (*head).next }
}

/// Where a NET_BUFFER_LIST names its first NET_BUFFER: `NET_BUFFER_LIST_FIRST_NB`,
/// nblaccessors.h.
///
/// # Safety
///
/// `list` points to a NET_BUFFER_LIST.
pub(super) const unsafe fn NET_BUFFER_LIST_FIRST_NB(
    list: *mut NET_BUFFER_LIST,
) -> *mut *mut NET_BUFFER {
    let head = list.cast::<NetBufferListHead>();
    // SAFETY: in bounds of the NET_BUFFER_LIST by the caller's promise.
    unsafe { &raw mut (*head).first_net_buffer }
}

/// Where a NET_BUFFER names the next one: `NET_BUFFER_NEXT_NB`, nblaccessors.h.
///
/// # Safety
///
/// `buffer` points to a NET_BUFFER.
pub(super) const unsafe fn NET_BUFFER_NEXT_NB(buffer: *mut NET_BUFFER) -> *mut *mut NET_BUFFER {
    let head = buffer.cast::<NetBufferHead>();
    // SAFETY: in bounds of the NET_BUFFER by the caller's promise.
    unsafe { &raw mut (*head).next }
}

/// Where a NET_BUFFER_LIST holds its completion status: `NET_BUFFER_LIST_STATUS`,
/// nblaccessors.h.
///
/// # Safety
///
/// `list` points to a NET_BUFFER_LIST.
pub(super) const unsafe fn NET_BUFFER_LIST_STATUS(list: *mut NET_BUFFER_LIST) -> *mut NDIS_STATUS {
    // SAFETY: in bounds of the NET_BUFFER_LIST by the caller's promise.
    let status = unsafe { &raw mut (*list).__bindgen_anon_2 };
    // CAST: the union's members all start at its start.
    status.cast()
}

/// Where a NET_BUFFER_LIST holds its cancel id: `NDIS_SET_NET_BUFFER_LIST_CANCEL_ID`,
/// nblaccessors.h.
///
/// # Safety
///
/// `list` points to a NET_BUFFER_LIST.
pub(super) const unsafe fn NET_BUFFER_LIST_CANCEL_ID(list: *mut NET_BUFFER_LIST) -> *mut PVOID {
    const CANCEL_ID: usize = _NDIS_NET_BUFFER_LIST_INFO::NetBufferListCancelId as usize;
    // SAFETY: in bounds of the NET_BUFFER_LIST by the caller's promise.
    let info = unsafe { &raw mut (*list).NetBufferListInfo };
    // SAFETY: the cancel id is a member of the array.
    unsafe { info.cast::<PVOID>().add(CANCEL_ID) }
}

/// The start of the context data: `NET_BUFFER_LIST_CONTEXT_DATA_START`, nblaccessors.h.
///
/// # Safety
///
/// `list` points to a NET_BUFFER_LIST that has a context block.
pub(super) unsafe fn NET_BUFFER_LIST_CONTEXT_DATA_START(list: *mut NET_BUFFER_LIST) -> *mut UCHAR {
    // SAFETY: a NET_BUFFER_LIST by the caller's promise.
    let context = unsafe { (*list).Context };
    // SAFETY: the list has a context block by the caller's promise.
    let offset = unsafe { (*context).Offset };
    // SAFETY: the data area follows the block's head.
    let area = unsafe { context.add(1) };
    // SAFETY: the offset stays within the block's data area.
    unsafe { area.cast::<UCHAR>().add(usize::from(offset)) }
}

/// The stack location that belongs to this driver: `IoGetCurrentIrpStackLocation`, wdm.h.
///
/// # Safety
///
/// `irp` points to an IRP that this driver holds.
pub(super) const unsafe fn IoGetCurrentIrpStackLocation(irp: PIRP) -> *mut IO_STACK_LOCATION {
    // SAFETY: an IRP by the caller's promise.
    let tail = unsafe { &raw const (*irp).Tail.Overlay };
    // SAFETY: within the IRP.
    let overlay = unsafe { &raw const (*tail).__bindgen_anon_2.__bindgen_anon_1 };
    // CAST: the pointer is the first and only member of the union.
    // SAFETY: the I/O manager set the current stack location before it called the driver.
    unsafe { overlay.cast::<*mut IO_STACK_LOCATION>().read() }
}

//! Structures of the I/O manager.

use super::handlers as h;
use super::handlers::Handler;
use super::kernel::{ListEntry, UnicodeString};
use crate::guest::Guest;
use crate::irql::Irql;
use crate::status::NtStatus;

layout! {
    /// `DRIVER_OBJECT`
    DriverObject(336, 8) {
        TYPE: i16 = 0,
        SIZE_FIELD: i16 = 2,
        DEVICE_OBJECT: Guest<DeviceObject> = 8,
        DRIVER_START: Guest<u8> = 24,
        DRIVER_SIZE: u32 = 32,
        DRIVER_EXTENSION: Guest<DriverExtension> = 48,
        DRIVER_NAME: [u64; 2] = 56,
        DRIVER_UNLOAD: Handler<h::DriverUnload> = 104,
        MAJOR_FUNCTION: [u64; 28] = 112,
    }
    /// `DRIVER_EXTENSION`
    DriverExtension(40, 8) {
        DRIVER_OBJECT: Guest<DriverObject> = 0,
    }
    /// `DEVICE_OBJECT`
    DeviceObject(336, 16) {
        TYPE: i16 = 0,
        SIZE_FIELD: u16 = 2,
        REFERENCE_COUNT: i32 = 4,
        DRIVER_OBJECT: Guest<DriverObject> = 8,
        NEXT_DEVICE: Guest<DeviceObject> = 16,
        FLAGS: u32 = 48,
        CHARACTERISTICS: u32 = 52,
        DEVICE_EXTENSION: Guest<u8> = 64,
        DEVICE_TYPE: u32 = 72,
        STACK_SIZE: i8 = 76,
    }
    /// `FILE_OBJECT`
    FileObject(216, 8) {
        TYPE: i16 = 0,
        SIZE_FIELD: i16 = 2,
        DEVICE_OBJECT: Guest<DeviceObject> = 8,
        FS_CONTEXT: Guest<u8> = 24,
        FS_CONTEXT_2: Guest<u8> = 32,
        FILE_NAME: [u64; 2] = 88,
    }
    /// `IRP`; its stack locations follow
    Irp(208, 16) {
        TYPE: i16 = 0,
        SIZE_FIELD: u16 = 2,
        MDL_ADDRESS: Guest<super::nbl::Mdl> = 8,
        FLAGS: u32 = 16,
        SYSTEM_BUFFER: Guest<u8> = 24,
        IO_STATUS: NtStatus = 48,
        IO_INFORMATION: u64 = 56,
        REQUESTOR_MODE: u8 = 64,
        PENDING_RETURNED: u8 = 65,
        STACK_COUNT: i8 = 66,
        CURRENT_LOCATION: i8 = 67,
        CANCEL: u8 = 68,
        CANCEL_IRQL: Irql = 69,
        CANCEL_ROUTINE: u64 = 104,
        USER_BUFFER: Guest<u8> = 112,
        DRIVER_CONTEXT: [u64; 4] = 120,
        THREAD: u64 = 152,
        LIST_ENTRY: [u64; 2] = 168,
        CURRENT_STACK_LOCATION: Guest<StackLocation> = 184,
        ORIGINAL_FILE_OBJECT: Guest<FileObject> = 192,
    }
    /// `IO_STACK_LOCATION`
    StackLocation(72, 8) {
        MAJOR_FUNCTION: u8 = 0,
        MINOR_FUNCTION: u8 = 1,
        FLAGS: u8 = 2,
        CONTROL: u8 = 3,
        // DeviceIoControl; Read and Write have their length first
        OUTPUT_BUFFER_LENGTH: u32 = 8,
        LENGTH: u32 = 8,
        INPUT_BUFFER_LENGTH: u32 = 16,
        IO_CONTROL_CODE: u32 = 24,
        TYPE_3_INPUT_BUFFER: Guest<u8> = 32,
        DEVICE_OBJECT: Guest<DeviceObject> = 40,
        FILE_OBJECT: Guest<FileObject> = 48,
    }
    /// `IO_CSQ`
    Csq(64, 8) {
        TYPE: u32 = 0,
        INSERT: u64 = 8,
        REMOVE: Handler<h::CsqIrp> = 16,
        PEEK_NEXT: Handler<h::CsqPeek> = 24,
        ACQUIRE_LOCK: Handler<h::CsqAcquire> = 32,
        RELEASE_LOCK: Handler<h::CsqRelease> = 40,
        COMPLETE_CANCELED: Handler<h::CsqIrp> = 48,
        RESERVE_POINTER: u64 = 56,
    }
    /// `IO_CSQ_IRP_CONTEXT`
    CsqIrpContext(24, 8) {
        TYPE: u32 = 0,
        IRP: Guest<Irp> = 8,
        CSQ: Guest<Csq> = 16,
    }
}

/// Major function codes.
pub mod major {
    /// Opening a file.
    pub const CREATE: u8 = 0x00;
    /// The last reference to a file went.
    pub const CLOSE: u8 = 0x02;
    /// Reading.
    pub const READ: u8 = 0x03;
    /// Writing.
    pub const WRITE: u8 = 0x04;
    /// A device control.
    pub const DEVICE_CONTROL: u8 = 0x0E;
    /// The last handle to a file was closed.
    pub const CLEANUP: u8 = 0x12;
    /// Power.
    pub const POWER: u8 = 0x16;
    /// Plug and Play.
    pub const PNP: u8 = 0x1B;
    /// How many there are.
    pub const COUNT: u64 = 28;
}

/// SL_PENDING_RETURNED.
pub const SL_PENDING_RETURNED: u8 = 0x01;
/// DO_BUFFERED_IO.
pub const DO_BUFFERED_IO: u32 = 0x4;
/// DO_DIRECT_IO.
pub const DO_DIRECT_IO: u32 = 0x10;
/// DO_DEVICE_INITIALIZING.
pub const DO_DEVICE_INITIALIZING: u32 = 0x80;
/// The `Type` of an IRP.
pub const IO_TYPE_IRP: i16 = 6;
/// The `Type` of a device object.
pub const IO_TYPE_DEVICE: i16 = 3;
/// The `Type` of a driver object.
pub const IO_TYPE_DRIVER: i16 = 4;
/// The `Type` of a file object.
pub const IO_TYPE_FILE: i16 = 5;
/// The `Type` of a cancel-safe queue.
pub const IO_TYPE_CSQ: u32 = 2;
/// The `Type` of one whose insert routine returns a status.
pub const IO_TYPE_CSQ_EX: u32 = 3;
/// The `Type` of the context of an IRP in such a queue.
pub const IO_TYPE_CSQ_IRP_CONTEXT: u32 = 1;

const _: () = assert!(size_of::<ListEntry>() == size_of::<[u64; 2]>());
const _: () = assert!(size_of::<UnicodeString>() == size_of::<[u64; 2]>());

//! Structures of the kernel proper.

use super::handlers::{Deferred, Handler};
use crate::guest::Guest;
use crate::irql::Irql;

layout! {
    /// `UNICODE_STRING`
    UnicodeString(16, 8) {
        LENGTH: u16 = 0,
        MAXIMUM_LENGTH: u16 = 2,
        BUFFER: Guest<u16> = 8,
    }
    /// `LIST_ENTRY`
    ListEntry(16, 8) {
        FLINK: Guest<ListEntry> = 0,
        BLINK: Guest<ListEntry> = 8,
    }
    /// `KLOCK_QUEUE_HANDLE`
    LockQueueHandle(24, 8) {
        LOCK: Guest<u64> = 8,
        OLD_IRQL: Irql = 16,
    }
    /// `DISPATCHER_HEADER`, and `KEVENT`, which is nothing more
    Event(24, 8) {
        TYPE: u8 = 0,
        SIGNAL_STATE: i32 = 4,
    }
    /// `KDPC`
    Dpc(64, 8) {
        DEFERRED_ROUTINE: Handler<Deferred> = 24,
        DEFERRED_CONTEXT: Guest<u8> = 32,
        SYSTEM_ARGUMENT_1: Guest<u8> = 40,
        SYSTEM_ARGUMENT_2: Guest<u8> = 48,
        DPC_DATA: u64 = 56,
    }
}

/// An event that stays signalled until it is cleared.
pub const NOTIFICATION_EVENT: u8 = 0;
/// An event that lets one waiter through.
pub const SYNCHRONIZATION_EVENT: u8 = 1;

/// POOL_FLAG_UNINITIALIZED.
pub const POOL_FLAG_UNINITIALIZED: u64 = 0x2;
/// POOL_FLAG_NON_PAGED.
pub const POOL_FLAG_NON_PAGED: u64 = 0x40;
/// POOL_FLAG_NON_PAGED_EXECUTE.
pub const POOL_FLAG_NON_PAGED_EXECUTE: u64 = 0x80;
/// POOL_FLAG_PAGED.
pub const POOL_FLAG_PAGED: u64 = 0x100;

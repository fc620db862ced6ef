//! Structures that drivers allocate and the kernel waits on, locks or links.

use super::handlers as h;
use super::handlers::Handler;
use super::kernel::{Dpc, ListEntry};
use crate::guest::Guest;
use crate::irql::Irql;

layout! {
    /// `KTIMER`
    Timer(64, 8) {
        TYPE: u8 = 0,
        SIGNAL_STATE: i32 = 4,
        DUE_TIME: i64 = 24,
        DPC: Guest<Dpc> = 48,
        PERIOD: u32 = 60,
    }
    /// `KMUTANT`, which `KMUTEX` is another name of
    Mutex(56, 8) {
        TYPE: u8 = 0,
        SIGNAL_STATE: i32 = 4,
        OWNER_THREAD: u64 = 40,
    }
    /// `SLIST_HEADER`: the depth in the low half word, then how often it changed, then the first
    /// entry
    SListHeader(16, 16) {
        DEPTH: u16 = 0,
        DEPTH_AND_SEQUENCE: u64 = 0,
        FIRST: Guest<SListEntry> = 8,
    }
    /// `SLIST_ENTRY`
    SListEntry(16, 16) {
        NEXT: Guest<SListEntry> = 0,
    }
    /// `GENERAL_LOOKASIDE`, as far as `LOOKASIDE_LIST_EX` goes; inline functions of the headers
    /// read all of it
    Lookaside(96, 16) {
        LIST_HEAD: SListHeaderBytes = 0,
        DEPTH: u16 = 16,
        MAXIMUM_DEPTH: u16 = 18,
        TOTAL_ALLOCATES: u32 = 20,
        ALLOCATE_MISSES: u32 = 24,
        TOTAL_FREES: u32 = 28,
        FREE_MISSES: u32 = 32,
        TYPE: u32 = 36,
        TAG: u32 = 40,
        SIZE_FIELD: u32 = 44,
        ALLOCATE: u64 = 48,
        ALLOCATE_HANDLER: Handler<h::LookasideAllocate> = 48,
        FREE: u64 = 56,
        FREE_HANDLER: Handler<h::LookasideFree> = 56,
        LIST_ENTRY: [u64; 2] = 64,
    }
    /// `EX_RUNDOWN_REF`: bit 0 says that it runs down, the rest counts
    RundownRef(8, 8) {
        COUNT: u64 = 0,
    }
    /// `LOCK_STATE_EX`
    LockState(3, 1) {
        OLD_IRQL: Irql = 0,
        LOCK_STATE: u8 = 1,
        FLAGS: u8 = 2,
    }
}

/// The bytes of a list header inside another structure.
pub type SListHeaderBytes = [u64; 2];

/// The `Type` of a dispatcher header: a mutex.
pub const MUTANT_OBJECT: u8 = 2;
/// A thread.
pub const THREAD_OBJECT: u8 = 6;
/// A timer that stays signalled until it is set again.
pub const TIMER_NOTIFICATION: u8 = 8;
/// A timer that lets one waiter through.
pub const TIMER_SYNCHRONIZATION: u8 = 9;
/// NDIS_RWL_AT_DISPATCH_LEVEL.
pub const RWL_AT_DISPATCH_LEVEL: u8 = 1;

const _: () = assert!(size_of::<ListEntry>() == size_of::<[u64; 2]>());

/// `LOCK_STATE_EX` once more, as ndis.h declares it: `KIRQL OldIrql; UCHAR LockState; UCHAR Flags;`.
const _: () = {
    use std::mem::{offset_of, size_of};

    #[repr(C)]
    struct State(Irql, u8, u8);

    assert!(size_of::<State>() == LockState::SIZE);
    assert!(offset_of!(State, 0) as u64 == LockState::OLD_IRQL.offset());
    assert!(offset_of!(State, 1) as u64 == LockState::LOCK_STATE.offset());
    assert!(offset_of!(State, 2) as u64 == LockState::FLAGS.offset());
};

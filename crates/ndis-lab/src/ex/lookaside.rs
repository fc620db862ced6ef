//! Lookaside lists: memory of one size, kept for the next who asks.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::handlers::{Handler, LookasideAllocate, LookasideFree};
use crate::abi::sync::{Lookaside, SListEntry};
use crate::call::Call;
use crate::ex::{self, list};
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Kind, ObjectRecord};
use crate::ndis::memory::free_object;
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

exports![
    ExInitializeNPagedLookasideList,
    ExDeleteNPagedLookasideList,
    ExAllocateFromNPagedLookasideList,
    ExFreeToNPagedLookasideList,
    ExInitializeLookasideListEx,
    ExDeleteLookasideListEx,
    ExFlushLookasideListEx,
    ExAllocateFromLookasideListEx,
    ExFreeToLookasideListEx,
];

/// How many blocks a list keeps; none in guarded mode, where freed memory is to be inaccessible.
const DEPTH: u16 = 16;

extern "win64" fn allocate_block(kind: u32, size: u64, tag: u32, _: Guest<u8>) -> Guest<u8> {
    ex::ExAllocatePoolWithTag(kind, size, tag)
}

extern "win64" fn free_block(memory: Guest<u8>, _: Guest<u8>) {
    ex::ExFreePool(memory);
}

/// What a list is made with.
struct Plan {
    allocate: Handler<LookasideAllocate>,
    free: Handler<LookasideFree>,
    kind: u32,
    size: u64,
    tag: u32,
}

fn initialize(call: &Call, lookaside: Guest<Lookaside>, plan: &Plan) {
    type L = Lookaside;
    if plan.tag == 0 {
        call.violate(Rule::PoolTag, "a lookaside list has no tag", &[]);
    }
    lookaside.fill(0, L::SIZE);
    let depth = if call.machine.options.guarded_memory { 0 } else { DEPTH };
    lookaside.set(L::DEPTH, depth);
    lookaside.set(L::MAXIMUM_DEPTH, 256);
    lookaside.set(L::TYPE, plan.kind);
    lookaside.set(L::TAG, plan.tag);
    // A free block holds the link to the next.
    let size = u32::try_from(plan.size).unwrap_or(u32::MAX).max(16);
    lookaside.set(L::SIZE_FIELD, size);
    lookaside.set(L::ALLOCATE_HANDLER, Some(plan.allocate.unwrap_or(allocate_block)));
    lookaside.set(L::FREE_HANDLER, Some(plan.free.unwrap_or(free_block)));
    let owner = owner_of(call, Handle::NULL);
    let record = ObjectRecord { kind: Kind::Lookaside, owner, site: call.site, block: None };
    let before = lock(&call.machine.ledger).objects.insert(lookaside.address(), record);
    if before.is_some_and(|before| before.kind == Kind::Lookaside) {
        call.violate(Rule::WrongFree, "a lookaside list is made again before it is deleted", &[]);
    }
}

/// Takes a block from the list, or a new one.
fn allocate(call: &Call, lookaside: Guest<Lookaside>) -> Guest<u8> {
    type L = Lookaside;
    lookaside.set(L::TOTAL_ALLOCATES, lookaside.get(L::TOTAL_ALLOCATES).wrapping_add(1));
    let kept = list::pop(lookaside.cast());
    if !kept.is_null() {
        // A kept block is still an attempt that can be made to fail.
        if call.allocation_fails() {
            list::push(lookaside.cast(), kept);
            return Guest::NULL;
        }
        return kept.cast();
    }
    lookaside.set(L::ALLOCATE_MISSES, lookaside.get(L::ALLOCATE_MISSES).wrapping_add(1));
    let Some(handler) = lookaside.get(L::ALLOCATE_HANDLER) else { return Guest::NULL };
    let (kind, tag) = (lookaside.get(L::TYPE), lookaside.get(L::TAG));
    handler(kind, lookaside.get(L::SIZE_FIELD).into(), tag, lookaside.cast())
}

/// Keeps a block if there is room in the list, else frees it.
fn free(lookaside: Guest<Lookaside>, memory: Guest<u8>) {
    type L = Lookaside;
    lookaside.set(L::TOTAL_FREES, lookaside.get(L::TOTAL_FREES).wrapping_add(1));
    let depth: Guest<u16> = lookaside.cast();
    if depth.read() < lookaside.get(L::DEPTH) {
        list::push(lookaside.cast(), memory.cast::<SListEntry>());
        return;
    }
    lookaside.set(L::FREE_MISSES, lookaside.get(L::FREE_MISSES).wrapping_add(1));
    if let Some(handler) = lookaside.get(L::FREE_HANDLER) {
        handler(memory, lookaside.cast());
    }
}

fn flush(lookaside: Guest<Lookaside>) {
    while let Some(entry) = list::pop(lookaside.cast()).non_null() {
        if let Some(handler) = lookaside.get(Lookaside::FREE_HANDLER) {
            handler(entry.cast(), lookaside.cast());
        }
    }
}

/// Makes a list of nonpaged memory. The routines are called with one parameter less than those of
/// newer lists, which they cannot tell.
pub extern "win64" fn ExInitializeNPagedLookasideList(
    lookaside: Guest<Lookaside>,
    allocate: Handler<LookasideAllocate>,
    free: Handler<LookasideFree>,
    _flags: u32,
    size: u64,
    tag: u32,
    _depth: u16,
) {
    let call = Call::enter("ExInitializeNPagedLookasideList", Irql::DISPATCH, lookaside.address());
    initialize(&call, lookaside, &Plan { allocate, free, kind: 0, size, tag });
}

/// Frees what a list keeps; the list is no more.
pub extern "win64" fn ExDeleteNPagedLookasideList(lookaside: Guest<Lookaside>) {
    let call = Call::enter("ExDeleteNPagedLookasideList", Irql::DISPATCH, lookaside.address());
    free_object(&call, lookaside.address(), Kind::Lookaside);
    flush(lookaside);
}

/// Takes a block from a list.
pub extern "win64" fn ExAllocateFromNPagedLookasideList(lookaside: Guest<Lookaside>) -> Guest<u8> {
    let name = "ExAllocateFromNPagedLookasideList";
    let call = Call::enter(name, Irql::DISPATCH, lookaside.address());
    allocate(&call, lookaside)
}

/// Gives a block back to a list.
pub extern "win64" fn ExFreeToNPagedLookasideList(lookaside: Guest<Lookaside>, memory: Guest<u8>) {
    let name = "ExFreeToNPagedLookasideList";
    let _call = Call::enter(name, Irql::DISPATCH, memory.address());
    free(lookaside, memory);
}

/// Makes a list of memory of a kind.
pub extern "win64" fn ExInitializeLookasideListEx(
    lookaside: Guest<Lookaside>,
    allocate: Handler<LookasideAllocate>,
    free: Handler<LookasideFree>,
    kind: u32,
    flags: u32,
    size: u64,
    tag: u32,
    _depth: u16,
) -> NtStatus {
    // Raise on failure, and fail without a retry: one of them at most.
    const FLAGS: u32 = 0x3;
    let call = Call::enter("ExInitializeLookasideListEx", Irql::DISPATCH, lookaside.address());
    if flags & !FLAGS != 0 || flags == FLAGS {
        return NtStatus::INVALID_PARAMETER;
    }
    initialize(&call, lookaside, &Plan { allocate, free, kind, size, tag });
    NtStatus::SUCCESS
}

/// Frees what a list keeps; the list is no more.
pub extern "win64" fn ExDeleteLookasideListEx(lookaside: Guest<Lookaside>) {
    let call = Call::enter("ExDeleteLookasideListEx", Irql::DISPATCH, lookaside.address());
    free_object(&call, lookaside.address(), Kind::Lookaside);
    flush(lookaside);
}

/// Frees what a list keeps.
pub extern "win64" fn ExFlushLookasideListEx(lookaside: Guest<Lookaside>) {
    let _call = Call::enter("ExFlushLookasideListEx", Irql::DISPATCH, lookaside.address());
    flush(lookaside);
}

/// Takes a block from a list.
pub extern "win64" fn ExAllocateFromLookasideListEx(lookaside: Guest<Lookaside>) -> Guest<u8> {
    let call = Call::enter("ExAllocateFromLookasideListEx", Irql::DISPATCH, lookaside.address());
    allocate(&call, lookaside)
}

/// Gives a block back to a list.
pub extern "win64" fn ExFreeToLookasideListEx(lookaside: Guest<Lookaside>, memory: Guest<u8>) {
    let _call = Call::enter("ExFreeToLookasideListEx", Irql::DISPATCH, memory.address());
    free(lookaside, memory);
}

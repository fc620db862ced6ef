//! The executive: pool memory.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

pub(crate) mod list;
pub(crate) mod lookaside;
pub(crate) mod push_lock;
pub(crate) mod rundown;

use crate::abi::Handle;
use crate::abi::kernel::{
    POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED_EXECUTE, POOL_FLAG_PAGED, POOL_FLAG_UNINITIALIZED,
};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::{self, Irql};
use crate::ledger::{BlockRecord, Kind, Owner};
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::sync::lock;

exports![ExAllocatePool2, ExAllocatePoolWithTag, ExFreePool, ExFreePoolWithTag];

/// What memory is filled with that was not asked to be zero, and what it is left with.
const UNINITIALIZED: u8 = 0xCD;
const FREED: u8 = 0xDD;

/// Allocates memory; zeroed unless it need not be.
pub extern "win64" fn ExAllocatePool2(flags: u64, size: u64, tag: u32) -> Guest<u8> {
    let call = Call::enter("ExAllocatePool2", Irql::DISPATCH, size);
    if flags & POOL_FLAG_PAGED != 0 && irql::current() > Irql::APC {
        call.violate(Rule::WrongIrql, "paged memory is allocated above APC_LEVEL", &[]);
    }
    let kinds = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    if (flags & kinds).count_ones() != 1 {
        let message = format!("pool flags {flags:#x} do not name one kind of memory");
        call.violate(Rule::PoolTag, message, &[]);
        return Guest::NULL;
    }
    let memory = allocate(&call, size, tag, owner_of(&call, Handle::NULL), false);
    if flags & POOL_FLAG_UNINITIALIZED == 0 && !memory.is_null() {
        memory.fill(0, usize::try_from(size).unwrap_or(0));
    }
    memory
}

/// Allocates memory that is not zeroed.
pub extern "win64" fn ExAllocatePoolWithTag(_kind: u32, size: u64, tag: u32) -> Guest<u8> {
    let call = Call::enter("ExAllocatePoolWithTag", Irql::DISPATCH, size);
    let owner = owner_of(&call, Handle::NULL);
    allocate(&call, size, tag, owner, false)
}

/// Allocates a block and enters it into the ledger.
pub(crate) fn allocate(
    call: &Call,
    size: u64,
    tag: u32,
    owner: Owner,
    from_ndis: bool,
) -> Guest<u8> {
    const LARGEST: u64 = 1 << 30;
    if tag == 0 {
        call.violate(Rule::PoolTag, "memory is allocated without a tag", &[]);
    }
    if size == 0 {
        call.violate(Rule::PoolTag, "no bytes are allocated", &[]);
    }
    if call.allocation_fails() || size > LARGEST {
        return Guest::NULL;
    }
    call.took_memory();
    let bytes = usize::try_from(size).unwrap_or(0);
    let block = call.machine.block(bytes);
    let memory = block.guest::<u8>();
    memory.fill(UNINITIALIZED, bytes);
    let record = BlockRecord { owner, tag, from_ndis, site: call.site, block };
    lock(&call.machine.ledger).blocks.insert(memory.address(), record);
    memory
}

/// Frees memory.
pub extern "win64" fn ExFreePool(memory: Guest<u8>) {
    let call = Call::enter("ExFreePool", Irql::DISPATCH, memory.address());
    free(&call, memory, None, false);
}

/// Frees memory that was allocated with a tag.
pub extern "win64" fn ExFreePoolWithTag(memory: Guest<u8>, tag: u32) {
    let call = Call::enter("ExFreePoolWithTag", Irql::DISPATCH, memory.address());
    free(&call, memory, Some(tag), false);
}

/// Frees a block of the ledger. A tag of 0 fits any block.
pub(crate) fn free(call: &Call, memory: Guest<u8>, tag: Option<u32>, from_ndis: bool) {
    let mut ledger = lock(&call.machine.ledger);
    let Some(record) = ledger.blocks.remove(&memory.address()) else {
        let around = ledger.block_around(memory.address());
        drop(ledger);
        let message = match around {
            Some((start, _)) => format!("{memory:?} lies inside the block at {start:#x}"),
            None => format!("{memory:?} is not memory from a pool, or no longer"),
        };
        call.violate(Rule::PoolMemory, message, &[]);
        return;
    };
    drop(ledger);
    call.machine.lock_order.forget(memory.address(), record.block.size() as u64);
    if record.from_ndis != from_ndis {
        let message = "memory of NDIS and of the pool are freed by functions of their own";
        call.violate(Rule::PoolMemory, message, &[]);
    }
    if let Some(tag) = tag.filter(|&tag| tag != 0 && tag != record.tag) {
        let message = format!("memory with tag {:#x} is freed with {tag:#x}", record.tag);
        call.violate(Rule::PoolMemory, message, &[]);
    }
    if call.machine.options.guarded_memory {
        let mut ledger = lock(&call.machine.ledger);
        ledger.graves.bury(call, Kind::PoolBlock, record.site, vec![record.block]);
    } else {
        memory.fill(FREED, record.block.size());
    }
}

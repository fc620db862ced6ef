//! Context space of lists.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::nbl::{NetBufferList, NetBufferListContext};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::machine::Machine;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

exports![NdisAllocateNetBufferListContext, NdisFreeNetBufferListContext];

/// Takes context space: unused room of the newest block, else a new block. Says whether a new one
/// was needed.
pub(crate) fn take(
    machine: &Machine,
    list: Guest<NetBufferList>,
    size: u16,
    backfill: u16,
) -> bool {
    type C = NetBufferListContext;
    let current = list.get(NetBufferList::CONTEXT);
    if let Some(context) = current.non_null() {
        let unused = context.get(C::OFFSET);
        if unused >= size {
            context.set(C::OFFSET, unused - size);
            return false;
        }
    }
    let room = usize::from(size) + usize::from(backfill);
    let block = Block::zeroed(C::SIZE + room);
    let context = block.guest::<C>();
    context.set(C::NEXT, current);
    context.set(C::SIZE_FIELD, u16::try_from(room).unwrap_or(u16::MAX));
    context.set(C::OFFSET, backfill);
    list.set(NetBufferList::CONTEXT, context);
    if let Some(record) = lock(&machine.ledger).nbls.get_mut(&list.address()) {
        record.contexts.push(block);
    }
    true
}

/// Gives context space back; says whether there was as much in use.
pub(crate) fn give_back(machine: &Machine, list: Guest<NetBufferList>, size: u16) -> bool {
    type C = NetBufferListContext;
    let Some(context) = list.get(NetBufferList::CONTEXT).non_null() else { return false };
    let (room, unused) = (context.get(C::SIZE_FIELD), context.get(C::OFFSET));
    if room - unused.min(room) < size {
        return false;
    }
    context.set(C::OFFSET, unused + size);
    let mut ledger = lock(&machine.ledger);
    let Some(record) = ledger.nbls.get_mut(&list.address()) else { return true };
    let added = record.contexts.last().is_some_and(|block| block.guest::<C>() == context);
    if added && unused + size == room {
        list.set(NetBufferList::CONTEXT, context.get(C::NEXT));
        record.contexts.pop();
    }
    true
}

/// Allocates context space in a list.
pub extern "win64" fn NdisAllocateNetBufferListContext(
    list: Guest<NetBufferList>,
    size: u16,
    backfill: u16,
    tag: u32,
) -> NtStatus {
    let call = Call::enter("NdisAllocateNetBufferListContext", Irql::DISPATCH, list.address());
    for (name, value) in [("ContextSize", size), ("ContextBackFill", backfill)] {
        if usize::from(value) % size_of::<usize>() != 0 {
            let message = format!("{name} {value} is not a multiple of the size of a pointer");
            call.violate(Rule::ContextAlignment, message, &[]);
        }
    }
    if tag == 0 {
        call.violate(Rule::PoolTag, "context space has no tag", &[]);
    }
    if !lock(&call.machine.ledger).nbls.contains_key(&list.address()) {
        let object = [format!("NET_BUFFER_LIST {list:?}")];
        call.violate(Rule::NotFromPool, "the list is not from a pool", &object);
        return NtStatus::FAILURE;
    }
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    if take(&call.machine, list, size, backfill) {
        call.took_memory();
    }
    NtStatus::SUCCESS
}

/// Frees context space that was allocated last.
pub extern "win64" fn NdisFreeNetBufferListContext(list: Guest<NetBufferList>, size: u16) {
    let call = Call::enter("NdisFreeNetBufferListContext", Irql::DISPATCH, list.address());
    if !give_back(&call.machine, list, size) {
        let message = format!("{size} bytes of context are freed that were not allocated");
        call.violate(Rule::WrongFree, message, &[format!("NET_BUFFER_LIST {list:?}")]);
    }
}

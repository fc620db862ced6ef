//! Clones of lists, and copying what travels beside the data.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList, information};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Kind, Made, MdlRecord, MdlUse, Owner};
use crate::mdl;
use crate::ndis::{chain, nbl};
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisAllocateCloneNetBufferList,
    NdisFreeCloneNetBufferList,
    NdisCopySendNetBufferListInfo,
    NdisCopyReceiveNetBufferListInfo,
];

/// NDIS_CLONE_FLAGS_USE_ORIGINAL_MDLS.
const USE_ORIGINAL_MDLS: u32 = 2;

/// Makes a list that shares the data of another.
pub extern "win64" fn NdisAllocateCloneNetBufferList(
    original: Guest<NetBufferList>,
    list_pool: Handle,
    buffer_pool: Handle,
    flags: u32,
) -> Guest<NetBufferList> {
    let name = "NdisAllocateCloneNetBufferList";
    let call = Call::enter(name, Irql::DISPATCH, original.address());
    if list_pool == Handle::NULL || !nbl::check_pool(&call, list_pool, Kind::NblPool) {
        return Guest::NULL;
    }
    if call.allocation_fails() {
        return Guest::NULL;
    }
    let clone = nbl::allocate_list(&call, list_pool, (0, 0), Made::Clone(flags), original);
    let mut paired = clone.get(NetBufferList::FIRST_NET_BUFFER).non_null();
    let mut previous: Guest<NetBuffer> = Guest::NULL;
    for source in chain::buffers(original) {
        let buffer = match paired.take() {
            Some(buffer) => buffer,
            None if nbl::check_pool(&call, buffer_pool, Kind::NbPool) => {
                nbl::allocate_buffer(&call, buffer_pool)
            }
            None => return clone,
        };
        clone_data(&call, source, buffer, flags & USE_ORIGINAL_MDLS != 0);
        if previous.is_null() {
            clone.set(NetBufferList::FIRST_NET_BUFFER, buffer);
        } else {
            previous.set(NetBuffer::NEXT, buffer);
        }
        previous = buffer;
    }
    clone
}

fn clone_data(call: &Call, source: Guest<NetBuffer>, buffer: Guest<NetBuffer>, original: bool) {
    let length = source.get(NetBuffer::DATA_LENGTH);
    buffer.set(NetBuffer::DATA_LENGTH, length);
    if original {
        buffer.set(NetBuffer::MDL_CHAIN, source.get(NetBuffer::MDL_CHAIN));
        buffer.set(NetBuffer::DATA_OFFSET, source.get(NetBuffer::DATA_OFFSET));
        chain::adjust_current(buffer);
        return;
    }
    let mut previous: Guest<Mdl> = Guest::NULL;
    for (address, count) in chain::pieces(source, 0, length.into()) {
        previous = append_data(call, buffer, previous, address, count);
    }
    call.took_memory();
    chain::adjust_current(buffer);
}

/// Describes some bytes by a new MDL behind the last one of a buffer; returns the new one.
pub(crate) fn append_data(
    call: &Call,
    buffer: Guest<NetBuffer>,
    previous: Guest<Mdl>,
    address: Guest<u8>,
    count: usize,
) -> Guest<Mdl> {
    let storage = call.machine.block(Mdl::SIZE);
    let mdl = storage.guest::<Mdl>();
    mdl::describe(mdl, address, u32::try_from(count).unwrap_or(u32::MAX));
    let record =
        MdlRecord { owner: Owner::LAB, purpose: MdlUse::Internal, site: call.site, storage };
    lock(&call.machine.ledger).mdls.insert(mdl.address(), record);
    if previous.is_null() {
        buffer.set(NetBuffer::MDL_CHAIN, mdl);
    } else {
        previous.set(Mdl::NEXT, mdl);
    }
    mdl
}

/// Frees a clone; the flags are those it was made with.
pub extern "win64" fn NdisFreeCloneNetBufferList(list: Guest<NetBufferList>, flags: u32) {
    let call = Call::enter("NdisFreeCloneNetBufferList", Irql::DISPATCH, list.address());
    let made = lock(&call.machine.ledger).nbls.get(&list.address()).map(|record| record.made);
    if let Some(Made::Clone(before)) = made {
        if before != flags {
            let message = format!("a clone made with flags {before} is freed with {flags}");
            call.violate(Rule::Derived, message, &[format!("NET_BUFFER_LIST {list:?}")]);
        }
        release_clone_data(&call, list, before & USE_ORIGINAL_MDLS != 0);
    }
    nbl::free_list(&call, list, |made| matches!(made, Made::Clone(_)));
}

/// Frees what NDIS allocated for a list with data of another: its MDLs and further buffers.
pub(crate) fn release_data(call: &Call, list: Guest<NetBufferList>) {
    release_clone_data(call, list, false);
}

/// Frees what NDIS allocated for a clone: its MDLs and the buffers that did not come with it.
fn release_clone_data(call: &Call, list: Guest<NetBufferList>, original: bool) {
    let mut ledger = lock(&call.machine.ledger);
    let paired = ledger.nbls.get(&list.address()).map_or(Guest::NULL, |record| record.paired);
    for buffer in chain::buffers(list) {
        if !original {
            for mdl in chain::mdls(buffer.get(NetBuffer::MDL_CHAIN)) {
                ledger.mdls.remove(&mdl.address());
            }
        }
        if buffer != paired {
            nbl::release_buffer(call, &mut ledger, buffer);
        }
    }
    list.set(NetBufferList::FIRST_NET_BUFFER, Guest::NULL);
}

fn copy_information(to: Guest<NetBufferList>, from: Guest<NetBufferList>, but: &[usize]) {
    let (source, target) =
        (from.get(NetBufferList::INFORMATION), to.field(NetBufferList::INFORMATION).cast::<u64>());
    for (index, value) in source.into_iter().enumerate() {
        if !but.contains(&index) {
            target.index(index as u64).write(value);
        }
    }
    to.set(NetBufferList::NBL_FLAGS, from.get(NetBufferList::NBL_FLAGS));
}

/// Copies what travels beside the data of a send.
pub extern "win64" fn NdisCopySendNetBufferListInfo(
    to: Guest<NetBufferList>,
    from: Guest<NetBufferList>,
) {
    let _call = Call::enter("NdisCopySendNetBufferListInfo", Irql::DISPATCH, from.address());
    copy_information(to, from, &[]);
}

/// Copies what travels beside the data of a receive.
pub extern "win64" fn NdisCopyReceiveNetBufferListInfo(
    to: Guest<NetBufferList>,
    from: Guest<NetBufferList>,
) {
    let _call = Call::enter("NdisCopyReceiveNetBufferListInfo", Irql::DISPATCH, from.address());
    copy_information(to, from, &[information::CANCEL_ID]);
}

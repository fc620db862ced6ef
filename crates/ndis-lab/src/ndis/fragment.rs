//! Lists that are parts of another, and lists that parts are put together in.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Kind, Made};
use crate::ndis::derived::{append_data, release_data};
use crate::ndis::{chain, data, nbl};
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisAllocateFragmentNetBufferList,
    NdisFreeFragmentNetBufferList,
    NdisAllocateReassembledNetBufferList,
    NdisFreeReassembledNetBufferList,
];

/// Pieces of data: address and length of each.
type Pieces = Vec<(Guest<u8>, usize)>;

/// What is asked for in front of the data: bytes used, and unused ones before them.
#[derive(Clone, Copy)]
struct Room {
    delta: u32,
    backfill: u32,
}

/// Lets a buffer describe data, with room in front; says whether it could.
fn fill(call: &Call, buffer: Guest<NetBuffer>, pieces: &Pieces, room: Room) -> bool {
    let length: usize = pieces.iter().map(|(_, length)| length).sum();
    let mut previous: Guest<Mdl> = Guest::NULL;
    for &(address, count) in pieces {
        previous = append_data(call, buffer, previous, address, count);
    }
    buffer.set(NetBuffer::DATA_LENGTH, u32::try_from(length).unwrap_or(u32::MAX));
    chain::adjust_current(buffer);
    room.delta + room.backfill == 0
        || data::retreat(&call.machine, buffer, room.delta, room.backfill, None).is_ok()
}

/// The buffer that a list was made with, or another from a pool, behind the last one.
fn next_buffer(
    call: &Call,
    list: Guest<NetBufferList>,
    previous: Guest<NetBuffer>,
    paired: &mut Option<Guest<NetBuffer>>,
    pool: Handle,
) -> Option<Guest<NetBuffer>> {
    let buffer = match paired.take() {
        Some(buffer) => buffer,
        None if nbl::check_pool(call, pool, Kind::NbPool) => nbl::allocate_buffer(call, pool),
        None => return None,
    };
    if previous.is_null() {
        list.set(NetBufferList::FIRST_NET_BUFFER, buffer);
    } else {
        previous.set(NetBuffer::NEXT, buffer);
    }
    Some(buffer)
}

/// Makes a list of buffers that are parts of the buffers of another.
pub extern "win64" fn NdisAllocateFragmentNetBufferList(
    original: Guest<NetBufferList>,
    list_pool: Handle,
    buffer_pool: Handle,
    start: u32,
    largest: u32,
    delta: u32,
    backfill: u32,
    flags: u32,
) -> Guest<NetBufferList> {
    let name = "NdisAllocateFragmentNetBufferList";
    let call = Call::enter(name, Irql::DISPATCH, original.address());
    if flags != 0 || largest == 0 {
        let message = format!("a fragment of {largest} bytes with flags {flags:#x} is asked for");
        call.violate(Rule::Derived, message, &[]);
        return Guest::NULL;
    }
    if !nbl::check_pool(&call, list_pool, Kind::NblPool) || call.allocation_fails() {
        return Guest::NULL;
    }
    let list = nbl::allocate_list(&call, list_pool, (0, 0), Made::Fragment(delta), original);
    let mut paired = list.get(NetBufferList::FIRST_NET_BUFFER).non_null();
    let mut previous = Guest::NULL;
    let room = Room { delta, backfill };
    for source in chain::buffers(original) {
        let length = source.get(NetBuffer::DATA_LENGTH);
        let mut offset = start;
        while offset < length {
            let count = largest.min(length - offset);
            let pieces = chain::pieces(source, offset.into(), count.into());
            let buffer = next_buffer(&call, list, previous, &mut paired, buffer_pool);
            let Some(buffer) = buffer else { return list };
            if !fill(&call, buffer, &pieces, room) {
                return list;
            }
            previous = buffer;
            offset += count;
        }
    }
    list
}

/// Frees a list of parts; the room is what it was made with.
pub extern "win64" fn NdisFreeFragmentNetBufferList(
    list: Guest<NetBufferList>,
    delta: u32,
    _flags: u32,
) {
    let call = Call::enter("NdisFreeFragmentNetBufferList", Irql::DISPATCH, list.address());
    free(&call, list, delta, Made::Fragment);
}

/// Makes a list of one buffer with the data of all buffers of another.
pub extern "win64" fn NdisAllocateReassembledNetBufferList(
    fragment: Guest<NetBufferList>,
    list_pool: Handle,
    start: u32,
    delta: u32,
    backfill: u32,
    flags: u32,
) -> Guest<NetBufferList> {
    let name = "NdisAllocateReassembledNetBufferList";
    let call = Call::enter(name, Irql::DISPATCH, fragment.address());
    if flags != 0 {
        let message = format!("a reassembled list with flags {flags:#x} is asked for");
        call.violate(Rule::Derived, message, &[]);
        return Guest::NULL;
    }
    if !nbl::check_pool(&call, list_pool, Kind::NblPool) || call.allocation_fails() {
        return Guest::NULL;
    }
    let made = Made::Reassembled(delta);
    let list = nbl::allocate_list(&call, list_pool, (0, 0), made, fragment);
    let Some(buffer) = list.get(NetBufferList::FIRST_NET_BUFFER).non_null() else {
        let message = "the pool's lists come without the buffer that the data go into";
        call.violate(Rule::WrongAllocator, message, &[]);
        return list;
    };
    let mut pieces = Vec::new();
    for source in chain::buffers(fragment) {
        let length = source.get(NetBuffer::DATA_LENGTH).saturating_sub(start);
        pieces.extend(chain::pieces(source, start.into(), length.into()));
    }
    fill(&call, buffer, &pieces, Room { delta, backfill });
    list
}

/// Frees a list that parts were put together in; the room is what it was made with.
pub extern "win64" fn NdisFreeReassembledNetBufferList(
    list: Guest<NetBufferList>,
    delta: u32,
    _flags: u32,
) {
    let call = Call::enter("NdisFreeReassembledNetBufferList", Irql::DISPATCH, list.address());
    free(&call, list, delta, Made::Reassembled);
}

fn free(call: &Call, list: Guest<NetBufferList>, delta: u32, how: impl Fn(u32) -> Made) {
    let made = lock(&call.machine.ledger).nbls.get(&list.address()).map(|record| record.made);
    if let Some(Made::Fragment(before) | Made::Reassembled(before)) = made
        && made == Some(how(before))
    {
        if before != delta {
            let message = format!("a list made with room for {before} is freed with {delta}");
            call.violate(Rule::Derived, message, &[format!("NET_BUFFER_LIST {list:?}")]);
        }
        for buffer in chain::buffers(list) {
            data::advance(&call.machine, buffer, before, true, None);
        }
        release_data(call, list);
    }
    let expected = |made| match made {
        Made::Fragment(before) | Made::Reassembled(before) => made == how(before),
        _ => false,
    };
    nbl::free_list(call, list, expected);
}

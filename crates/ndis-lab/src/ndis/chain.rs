//! Walking lists, buffers and MDLs.

use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use crate::guest::Guest;
use crate::mdl;

/// More links than any chain has: a longer one is a circle.
const LIMIT: usize = 1 << 20;

/// Follows links from one to the next.
pub(crate) fn walk<T>(first: Guest<T>, next: impl Fn(Guest<T>) -> Guest<T>) -> Vec<Guest<T>> {
    let links = std::iter::successors(first.non_null(), |&link| next(link).non_null());
    links.take(LIMIT).collect()
}

/// The lists of a chain.
pub(crate) fn lists(first: Guest<NetBufferList>) -> Vec<Guest<NetBufferList>> {
    walk(first, |list| list.get(NetBufferList::NEXT))
}

/// The buffers of a list.
pub(crate) fn buffers(list: Guest<NetBufferList>) -> Vec<Guest<NetBuffer>> {
    walk(list.get(NetBufferList::FIRST_NET_BUFFER), |buffer| buffer.get(NetBuffer::NEXT))
}

/// The MDLs of a chain.
pub(crate) fn mdls(first: Guest<Mdl>) -> Vec<Guest<Mdl>> {
    walk(first, |mdl| mdl.get(Mdl::NEXT))
}

/// Links lists into a chain and returns the first.
pub(crate) fn link(lists: &[Guest<NetBufferList>]) -> Guest<NetBufferList> {
    for (index, list) in lists.iter().enumerate() {
        let next = lists.get(index + 1).copied().unwrap_or_default();
        list.set(NetBufferList::NEXT, next);
    }
    lists.first().copied().unwrap_or_default()
}

/// Bytes that an MDL chain describes in all.
pub(crate) fn chain_length(first: Guest<Mdl>) -> u64 {
    mdls(first).iter().map(|mdl| u64::from(mdl.get(Mdl::BYTE_COUNT))).sum()
}

/// The pieces of a buffer's data from an offset on: address and length of each.
///
/// Fewer bytes than asked for come back if the MDL chain is too short.
pub(crate) fn pieces(
    buffer: Guest<NetBuffer>,
    offset: u64,
    length: u64,
) -> Vec<(Guest<u8>, usize)> {
    let mut skip = u64::from(buffer.get(NetBuffer::DATA_OFFSET)) + offset;
    let mut left = length;
    let mut pieces = Vec::new();
    for mdl in mdls(buffer.get(NetBuffer::MDL_CHAIN)) {
        let count = u64::from(mdl.get(Mdl::BYTE_COUNT));
        if skip >= count {
            skip -= count;
            continue;
        }
        let taken = left.min(count - skip);
        if taken == 0 {
            break;
        }
        pieces.push((mdl::data(mdl).byte_add(skip), usize::try_from(taken).unwrap_or(0)));
        left -= taken;
        skip = 0;
    }
    pieces
}

/// The bytes of a buffer's data; fewer than its length if its MDL chain is too short.
pub(crate) fn bytes(buffer: Guest<NetBuffer>) -> Vec<u8> {
    let length = buffer.get(NetBuffer::DATA_LENGTH);
    let mut bytes = Vec::with_capacity(length as usize);
    for (address, count) in pieces(buffer, 0, length.into()) {
        bytes.extend(address.read_bytes(count));
    }
    bytes
}

/// Sets `CurrentMdl` and `CurrentMdlOffset` to where the data start.
pub(crate) fn adjust_current(buffer: Guest<NetBuffer>) {
    let mut offset = buffer.get(NetBuffer::DATA_OFFSET);
    let chain = mdls(buffer.get(NetBuffer::MDL_CHAIN));
    for (index, mdl) in chain.iter().enumerate() {
        let count = mdl.get(Mdl::BYTE_COUNT);
        // Data of no bytes may start at the very end of the last MDL.
        if offset < count || index + 1 == chain.len() {
            buffer.set(NetBuffer::CURRENT_MDL, *mdl);
            buffer.set(NetBuffer::CURRENT_MDL_OFFSET, offset);
            return;
        }
        offset -= count;
    }
    buffer.set(NetBuffer::CURRENT_MDL, Guest::NULL);
    buffer.set(NetBuffer::CURRENT_MDL_OFFSET, 0);
}

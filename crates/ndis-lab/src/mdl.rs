//! What an MDL describes.
//!
//! The lab's physical memory is its own virtual memory: an MDL whose pages are locked and have no
//! address of the system holds, behind its fields, the numbers of the pages where the lab has its
//! bytes.

use crate::abi::nbl::{
    MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_SOURCE_IS_NONPAGED_POOL, Mdl,
};
use crate::guest::{Block, Guest, PAGE};

/// Flags of an MDL that has an address of the system.
pub(crate) const ADDRESSED: i16 = MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL;

/// What an unmapped MDL says about the address in its process: nothing is ever there.
const ELSEWHERE: u64 = 0x8000;

/// Bytes of an MDL with the numbers of its pages.
pub(crate) fn size(data: Guest<u8>, length: usize) -> usize {
    let offset = usize::try_from(data.address()).unwrap_or(0) % PAGE;
    Mdl::SIZE + size_of::<u64>() * (offset + length).div_ceil(PAGE)
}

/// Describes bytes of nonpaged memory by an MDL.
pub(crate) fn describe(mdl: Guest<Mdl>, data: Guest<u8>, length: u32) {
    const PAGE_MASK: u64 = PAGE as u64 - 1;
    mdl.fill(0, Mdl::SIZE);
    let offset = data.address() & PAGE_MASK;
    mdl.set(Mdl::SIZE_FIELD, 48);
    mdl.set(Mdl::MDL_FLAGS, MDL_SOURCE_IS_NONPAGED_POOL);
    mdl.set(Mdl::MAPPED_SYSTEM_VA, data);
    mdl.field(Mdl::START_VA).cast::<u64>().write(data.address() - offset);
    mdl.set(Mdl::BYTE_COUNT, length);
    mdl.set(Mdl::BYTE_OFFSET, u32::try_from(offset).unwrap_or(0));
}

/// As [`describe`], with room for the numbers of the pages behind the fields.
pub(crate) fn describe_with_pages(mdl: Guest<Mdl>, data: Guest<u8>, length: u32) {
    describe(mdl, data, length);
    mdl.set(Mdl::SIZE_FIELD, i16::try_from(size(data, length as usize)).unwrap_or(i16::MAX));
}

/// Writes the numbers of the pages that hold an MDL's bytes, if it has room for them.
pub(crate) fn set_pages(mdl: Guest<Mdl>, data: Guest<u8>) {
    let first = data.address() / PAGE as u64;
    for index in 0..page_count(mdl) {
        pages(mdl).index(index).write(first + index);
    }
}

/// Makes an MDL of bytes of somebody else: locked in memory, but without an address of the
/// system, which who wants to touch them has to ask for.
pub(crate) fn unmapped(make: impl Fn(usize) -> Block, data: &Block) -> Block {
    let start = data.guest::<u8>();
    let block = make(size(start, data.size()));
    let mdl = block.guest::<Mdl>();
    describe_with_pages(mdl, start, u32::try_from(data.size()).unwrap_or(u32::MAX));
    set_pages(mdl, start);
    mdl.set(Mdl::MDL_FLAGS, MDL_PAGES_LOCKED);
    mdl.set(Mdl::MAPPED_SYSTEM_VA, Guest::NULL);
    mdl.field(Mdl::START_VA).cast::<u64>().write(ELSEWHERE);
    block
}

/// The first byte that an MDL describes, where the lab has it.
pub(crate) fn data(mdl: Guest<Mdl>) -> Guest<u8> {
    let flags = mdl.get(Mdl::MDL_FLAGS);
    if flags & ADDRESSED != 0 {
        return mdl.get(Mdl::MAPPED_SYSTEM_VA);
    }
    let offset = u64::from(mdl.get(Mdl::BYTE_OFFSET));
    if page_count(mdl) > 0 && pages(mdl).read() != 0 {
        return Guest::NULL.byte_add(pages(mdl).read() * PAGE as u64 + offset);
    }
    mdl.get(Mdl::START_VA).byte_add(offset)
}

/// The first byte that an MDL describes, as its process knows it.
pub(crate) fn virtual_address(mdl: Guest<Mdl>) -> u64 {
    mdl.get(Mdl::START_VA).address() + u64::from(mdl.get(Mdl::BYTE_OFFSET))
}

/// Ends the lock on an MDL's pages, and with it every address that was asked for.
pub(crate) fn unlock(mdl: Guest<Mdl>) {
    let flags = mdl.get(Mdl::MDL_FLAGS);
    if flags & MDL_PAGES_LOCKED != 0 {
        mdl.set(Mdl::MDL_FLAGS, flags & !(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA));
    }
}

fn pages(mdl: Guest<Mdl>) -> Guest<u64> {
    mdl.byte_add(Mdl::SIZE as u64).cast()
}

fn page_count(mdl: Guest<Mdl>) -> u64 {
    let behind = usize::try_from(mdl.get(Mdl::SIZE_FIELD)).unwrap_or(0).saturating_sub(Mdl::SIZE);
    (behind / size_of::<u64>()) as u64
}

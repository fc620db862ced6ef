//! The memory manager: MDLs.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::io::Irp;
use crate::abi::kernel::UnicodeString;
use crate::abi::nbl::{
    MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_SOURCE_IS_NONPAGED_POOL, Mdl,
};
use crate::call::Call;
use crate::exports::{self, exports};
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{MdlRecord, MdlUse};
use crate::mdl;
use crate::ndis::memory::free_mdl;
use crate::ndis::pool::owner_of;
use crate::rtl;
use crate::rule::Rule;
use crate::sync::lock;

exports![
    IoAllocateMdl,
    IoFreeMdl,
    IoBuildPartialMdl,
    MmBuildMdlForNonPagedPool,
    MmMapLockedPagesSpecifyCache,
    MmUnmapLockedPages,
    MmProbeAndLockPages,
    MmUnlockPages,
    MmGetSystemRoutineAddress,
];

/// Allocates an MDL that does not describe its pages yet.
pub extern "win64" fn IoAllocateMdl(
    data: Guest<u8>,
    length: u32,
    _secondary: u8,
    _quota: u8,
    _irp: Guest<Irp>,
) -> Guest<Mdl> {
    let call = Call::enter("IoAllocateMdl", Irql::DISPATCH, data.address());
    if call.allocation_fails() {
        return Guest::NULL;
    }
    call.took_memory();
    let storage = call.machine.block(mdl::size(data, length as usize));
    let mdl = storage.guest::<Mdl>();
    mdl::describe_with_pages(mdl, data, length);
    mdl.set(Mdl::MDL_FLAGS, 0);
    let owner = owner_of(&call, Handle::NULL);
    let record = MdlRecord { owner, purpose: MdlUse::Io, site: call.site, storage };
    lock(&call.machine.ledger).mdls.insert(mdl.address(), record);
    mdl
}

/// Frees an MDL from [`IoAllocateMdl`].
pub extern "win64" fn IoFreeMdl(mdl: Guest<Mdl>) {
    let call = Call::enter("IoFreeMdl", Irql::DISPATCH, mdl.address());
    let known = lock(&call.machine.ledger).mdls.contains_key(&mdl.address());
    if known && mdl.get(Mdl::MDL_FLAGS) & MDL_PAGES_LOCKED != 0 {
        let message = "an MDL is freed with its pages locked";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
    }
    free_mdl(&call, mdl, MdlUse::Io);
}

/// Lets an MDL describe part of what another does.
pub extern "win64" fn IoBuildPartialMdl(
    source: Guest<Mdl>,
    target: Guest<Mdl>,
    data: Guest<u8>,
    length: u32,
) {
    let call = Call::enter("IoBuildPartialMdl", Irql::DISPATCH, source.address());
    let (start, count) = (mdl::virtual_address(source), u64::from(source.get(Mdl::BYTE_COUNT)));
    let end = start + count;
    let part = if length == 0 { end.saturating_sub(data.address()) } else { length.into() };
    if data.address() < start || data.address() + part > end {
        call.violate(Rule::DataExtent, "a partial MDL exceeds its source", &[]);
        return;
    }
    let there = mdl::data(source).byte_add(data.address() - start);
    let (next, size) = (target.get(Mdl::NEXT), target.get(Mdl::SIZE_FIELD));
    mdl::describe(target, there, u32::try_from(part).unwrap_or(u32::MAX));
    target.set(Mdl::NEXT, next);
    target.set(Mdl::SIZE_FIELD, size);
    mdl::set_pages(target, there);
    if source.get(Mdl::MDL_FLAGS) & mdl::ADDRESSED == 0 {
        target.set(Mdl::MDL_FLAGS, MDL_PARTIAL);
        target.set(Mdl::MAPPED_SYSTEM_VA, Guest::NULL);
        let offset = u64::from(target.get(Mdl::BYTE_OFFSET));
        target.field(Mdl::START_VA).cast::<u64>().write(data.address() - offset);
    } else {
        target.set(Mdl::MDL_FLAGS, MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL);
    }
}

/// Completes an MDL over nonpaged memory.
pub extern "win64" fn MmBuildMdlForNonPagedPool(mdl: Guest<Mdl>) {
    let _call = Call::enter("MmBuildMdlForNonPagedPool", Irql::DISPATCH, mdl.address());
    mdl.set(Mdl::MAPPED_SYSTEM_VA, mdl::data(mdl));
    mdl.set(Mdl::MDL_FLAGS, mdl.get(Mdl::MDL_FLAGS) | MDL_SOURCE_IS_NONPAGED_POOL);
}

/// The system's address of the pages of an MDL.
pub extern "win64" fn MmMapLockedPagesSpecifyCache(
    mdl: Guest<Mdl>,
    _mode: u8,
    _cache: u32,
    _address: Guest<u8>,
    _bug_check: u32,
    _priority: u32,
) -> Guest<u8> {
    let call = Call::enter("MmMapLockedPagesSpecifyCache", Irql::DISPATCH, mdl.address());
    if call.allocation_fails() {
        return Guest::NULL;
    }
    let flags = mdl.get(Mdl::MDL_FLAGS);
    if flags & (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL) == 0 {
        let message = "an MDL is mapped whose pages are not locked";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
    }
    if flags & mdl::ADDRESSED != 0 {
        let message = "an MDL is mapped that has an address of the system";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
        return mdl::data(mdl);
    }
    mdl.set(Mdl::MAPPED_SYSTEM_VA, mdl::data(mdl));
    mdl.set(Mdl::MDL_FLAGS, flags | MDL_MAPPED_TO_SYSTEM_VA);
    mdl::data(mdl)
}

/// Takes the system's address of pages back.
pub extern "win64" fn MmUnmapLockedPages(_address: Guest<u8>, mdl: Guest<Mdl>) {
    let call = Call::enter("MmUnmapLockedPages", Irql::DISPATCH, mdl.address());
    if mdl.get(Mdl::MDL_FLAGS) & MDL_MAPPED_TO_SYSTEM_VA == 0 {
        let message = "an MDL is unmapped that is not mapped";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
    }
    mdl.set(Mdl::MDL_FLAGS, mdl.get(Mdl::MDL_FLAGS) & !MDL_MAPPED_TO_SYSTEM_VA);
}

/// Locks the pages that an MDL describes. The memory of this lab is always there.
pub extern "win64" fn MmProbeAndLockPages(mdl: Guest<Mdl>, _mode: u8, _operation: u32) {
    let call = Call::enter("MmProbeAndLockPages", Irql::DISPATCH, mdl.address());
    let flags = mdl.get(Mdl::MDL_FLAGS);
    if flags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        let message = "the pages of an MDL are locked that are locked already";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
    }
    mdl::set_pages(mdl, mdl::data(mdl));
    mdl.set(Mdl::MDL_FLAGS, flags | MDL_PAGES_LOCKED);
}

/// Unlocks the pages that an MDL describes, and unmaps them.
pub extern "win64" fn MmUnlockPages(mdl: Guest<Mdl>) {
    let call = Call::enter("MmUnlockPages", Irql::DISPATCH, mdl.address());
    let flags = mdl.get(Mdl::MDL_FLAGS);
    if flags & MDL_PAGES_LOCKED == 0 {
        let message = "the pages of an MDL are unlocked that are not locked";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
    }
    mdl::unlock(mdl);
}

/// The address of an export, by name; null if there is none.
pub extern "win64" fn MmGetSystemRoutineAddress(name: Guest<UnicodeString>) -> u64 {
    let _call = Call::enter("MmGetSystemRoutineAddress", Irql::PASSIVE, name.address());
    exports::find(&rtl::text(name)).map_or(0, |export| (export.address)())
}

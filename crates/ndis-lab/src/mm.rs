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
use crate::ndis::chain::mdl_data;
use crate::ndis::lab_list::fill_mdl;
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
    let storage = call.machine.block(Mdl::SIZE);
    let mdl = storage.guest::<Mdl>();
    fill_mdl(mdl, data, length);
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
    let (start, count) = (mdl_data(source).address(), u64::from(source.get(Mdl::BYTE_COUNT)));
    let end = start + count;
    let part = if length == 0 { end.saturating_sub(data.address()) } else { length.into() };
    if data.address() < start || data.address() + part > end {
        call.violate(Rule::DataExtent, "a partial MDL exceeds its source", &[]);
        return;
    }
    let next = target.get(Mdl::NEXT);
    fill_mdl(target, data, u32::try_from(part).unwrap_or(u32::MAX));
    target.set(Mdl::NEXT, next);
    target.set(Mdl::MDL_FLAGS, MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL);
}

/// Completes an MDL over nonpaged memory.
pub extern "win64" fn MmBuildMdlForNonPagedPool(mdl: Guest<Mdl>) {
    let _call = Call::enter("MmBuildMdlForNonPagedPool", Irql::DISPATCH, mdl.address());
    mdl.set(Mdl::MAPPED_SYSTEM_VA, described(mdl));
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
    mdl.set(Mdl::MDL_FLAGS, flags | MDL_MAPPED_TO_SYSTEM_VA);
    mdl.set(Mdl::MAPPED_SYSTEM_VA, described(mdl));
    mdl_data(mdl)
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

/// The first byte that an MDL describes, mapped or not.
fn described(mdl: Guest<Mdl>) -> Guest<u8> {
    mdl.get(Mdl::START_VA).byte_add(mdl.get(Mdl::BYTE_OFFSET).into())
}

/// Locks the pages that an MDL describes. The memory of this lab is always there.
pub extern "win64" fn MmProbeAndLockPages(mdl: Guest<Mdl>, _mode: u8, _operation: u32) {
    let call = Call::enter("MmProbeAndLockPages", Irql::DISPATCH, mdl.address());
    let flags = mdl.get(Mdl::MDL_FLAGS);
    if flags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        let message = "the pages of an MDL are locked that are locked already";
        call.violate(Rule::MdlPages, message, &[format!("MDL {mdl:?}")]);
    }
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
    mdl.set(Mdl::MDL_FLAGS, flags & !(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA));
}

/// The address of an export, by name; null if there is none.
pub extern "win64" fn MmGetSystemRoutineAddress(name: Guest<UnicodeString>) -> u64 {
    let _call = Call::enter("MmGetSystemRoutineAddress", Irql::PASSIVE, name.address());
    exports::find(&rtl::text(name)).map_or(0, |export| (export.address)())
}

//! Memory and MDLs from NDIS.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::nbl::Mdl;
use crate::call::Call;
use crate::ex;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{Kind, MdlRecord, MdlUse, ObjectRecord};
use crate::mdl;
use crate::mm;
use crate::ndis::pool::owner_of;
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisAllocateMdl,
    NdisFreeMdl,
    NdisQueryMdl,
    NdisAllocateMemoryWithTagPriority,
    NdisFreeMemory,
    NdisAllocateGenericObject,
    NdisFreeGenericObject,
];

/// Describes nonpaged memory by an MDL.
pub extern "win64" fn NdisAllocateMdl(handle: Handle, data: Guest<u8>, length: u32) -> Guest<Mdl> {
    let call = Call::enter("NdisAllocateMdl", Irql::DISPATCH, data.address());
    if !is_pool_memory(&call, data, length) {
        let message = format!("{length} bytes at {data:?} are not memory from nonpaged pool");
        call.violate(Rule::PoolMemory, message, &[]);
    }
    if call.allocation_fails() {
        return Guest::NULL;
    }
    call.took_memory();
    let storage = call.machine.block(Mdl::SIZE);
    let mdl = storage.guest::<Mdl>();
    mdl::describe(mdl, data, length);
    let owner = owner_of(&call, handle);
    let record = MdlRecord { owner, purpose: MdlUse::Ndis, site: call.site, storage };
    lock(&call.machine.ledger).mdls.insert(mdl.address(), record);
    mdl
}

/// Whether a range lies in a block of pool memory.
fn is_pool_memory(call: &Call, data: Guest<u8>, length: u32) -> bool {
    let ledger = lock(&call.machine.ledger);
    let (start, end) = (data.address(), data.address().saturating_add(length.into()));
    ledger.block_around(start).is_some_and(|(from, to)| from <= start && end <= to)
}

/// What an MDL describes: address and length. The address is null if it cannot be mapped.
pub extern "win64" fn NdisQueryMdl(
    mdl: Guest<Mdl>,
    address: Guest<Guest<u8>>,
    length: Guest<u32>,
    priority: u32,
) {
    let _call = Call::enter("NdisQueryMdl", Irql::DISPATCH, mdl.address());
    length.write(mdl.get(Mdl::BYTE_COUNT));
    if address.is_null() {
        return;
    }
    address.write(if mdl.get(Mdl::MDL_FLAGS) & mdl::ADDRESSED != 0 {
        mdl.get(Mdl::MAPPED_SYSTEM_VA)
    } else {
        mm::MmMapLockedPagesSpecifyCache(mdl, 0, 1, Guest::NULL, 0, priority)
    });
}

/// Frees an MDL from [`NdisAllocateMdl`].
pub extern "win64" fn NdisFreeMdl(mdl: Guest<Mdl>) {
    let call = Call::enter("NdisFreeMdl", Irql::DISPATCH, mdl.address());
    free_mdl(&call, mdl, MdlUse::Ndis);
}

/// Frees an MDL that was allocated for a purpose.
pub(crate) fn free_mdl(call: &Call, mdl: Guest<Mdl>, purpose: MdlUse) {
    let mut ledger = lock(&call.machine.ledger);
    let found = ledger.mdls.get(&mdl.address()).map(|record| record.purpose);
    if found == Some(purpose) {
        let record = ledger.mdls.remove(&mdl.address());
        if let Some(record) = record.filter(|_| call.machine.options.guarded_memory) {
            ledger.graves.bury(call, Kind::Mdl, record.site, vec![record.storage]);
        }
        return;
    }
    drop(ledger);
    let message = match found {
        None => "what is freed is not an allocated MDL",
        Some(_) => "an MDL is freed with a function that is not its own",
    };
    call.violate(Rule::WrongFree, message, &[format!("MDL {mdl:?}")]);
}

/// Allocates nonpaged memory.
pub extern "win64" fn NdisAllocateMemoryWithTagPriority(
    handle: Handle,
    length: u32,
    tag: u32,
    _priority: u32,
) -> Guest<u8> {
    let call = Call::enter("NdisAllocateMemoryWithTagPriority", Irql::DISPATCH, length.into());
    let owner = owner_of(&call, handle);
    ex::allocate(&call, length.into(), tag, owner, true)
}

/// Frees memory from [`NdisAllocateMemoryWithTagPriority`].
pub extern "win64" fn NdisFreeMemory(memory: Guest<u8>, _length: u32, _flags: u32) {
    let call = Call::enter("NdisFreeMemory", Irql::DISPATCH, memory.address());
    ex::free(&call, memory, None, true);
}

/// Makes a handle for drivers that have none.
pub extern "win64" fn NdisAllocateGenericObject(
    _driver: Guest<u8>,
    _tag: u32,
    _size: u16,
) -> Handle {
    let call = Call::enter("NdisAllocateGenericObject", Irql::DISPATCH, 0);
    if call.allocation_fails() {
        return Handle::NULL;
    }
    call.took_memory();
    let block = Block::zeroed(64);
    let address = block.guest::<u8>().address();
    let owner = owner_of(&call, Handle::NULL);
    let record =
        ObjectRecord { kind: Kind::GenericObject, owner, site: call.site, block: Some(block) };
    lock(&call.machine.ledger).objects.insert(address, record);
    Handle(address)
}

/// Frees what [`NdisAllocateGenericObject`] made.
pub extern "win64" fn NdisFreeGenericObject(object: Handle) {
    let call = Call::enter("NdisFreeGenericObject", Irql::DISPATCH, object.0);
    free_object(&call, object.0, Kind::GenericObject);
}

/// Frees an object of a kind.
pub(crate) fn free_object(call: &Call, address: u64, kind: Kind) {
    let mut ledger = lock(&call.machine.ledger);
    if ledger.objects.get(&address).is_some_and(|record| record.kind == kind) {
        ledger.objects.remove(&address);
        return;
    }
    drop(ledger);
    call.violate(Rule::WrongFree, format!("{address:#x} is not a {kind}"), &[]);
}

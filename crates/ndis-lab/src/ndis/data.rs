//! The data of buffers: retreat, advance, access, copy.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::handlers::{AllocateMdl, FreeMdl, Handler};
use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{MdlRecord, MdlUse, Owner};
use crate::machine::Machine;
use crate::mdl;
use crate::ndis::chain;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

exports![
    NdisRetreatNetBufferDataStart,
    NdisAdvanceNetBufferDataStart,
    NdisRetreatNetBufferListDataStart,
    NdisAdvanceNetBufferListDataStart,
    NdisGetDataBuffer,
    NdisAdjustNetBufferCurrentMdl,
    NdisCopyFromNetBufferToNetBuffer,
];

/// Moves the start of a buffer's data back. Uses the room in front; when there is too little,
/// puts an MDL of `delta + backfill` bytes in front of the chain and says so.
pub(crate) fn retreat(
    machine: &Machine,
    buffer: Guest<NetBuffer>,
    delta: u32,
    backfill: u32,
    handler: Handler<AllocateMdl>,
) -> Result<bool, NtStatus> {
    let offset = buffer.get(NetBuffer::DATA_OFFSET);
    let length = buffer.get(NetBuffer::DATA_LENGTH);
    let grown = length.checked_add(delta).ok_or(NtStatus::FAILURE)?;
    let allocated = offset < delta;
    if allocated {
        let size = delta.checked_add(backfill).ok_or(NtStatus::FAILURE)?;
        let (mdl, size) = match handler {
            Some(allocate) => {
                let made = allocate_by_driver(allocate, size)?;
                lock(&machine.ledger).handler_mdls.insert(made.0.address());
                made
            }
            None => (allocate_by_ndis(machine, size), size),
        };
        mdl.set(Mdl::NEXT, buffer.get(NetBuffer::MDL_CHAIN));
        buffer.set(NetBuffer::MDL_CHAIN, mdl);
        buffer.set(NetBuffer::DATA_OFFSET, offset + size - delta);
    } else {
        buffer.set(NetBuffer::DATA_OFFSET, offset - delta);
    }
    buffer.set(NetBuffer::DATA_LENGTH, grown);
    chain::adjust_current(buffer);
    Ok(allocated)
}

fn allocate_by_driver(allocate: AllocateMdl, size: u32) -> Result<(Guest<Mdl>, u32), NtStatus> {
    let room = Block::zeroed(4);
    room.guest::<u32>().write(size);
    let mdl = allocate(room.guest());
    let size = room.guest::<u32>().read();
    if mdl.is_null() { Err(NtStatus::RESOURCES) } else { Ok((mdl, size)) }
}

fn allocate_by_ndis(machine: &Machine, size: u32) -> Guest<Mdl> {
    let storage = Block::zeroed(Mdl::SIZE + size as usize);
    let mdl = storage.guest::<Mdl>();
    mdl::describe(mdl, mdl.byte_add(Mdl::SIZE as u64).cast(), size);
    let record = MdlRecord { owner: Owner::LAB, purpose: MdlUse::Retreat, site: 0, storage };
    lock(&machine.ledger).mdls.insert(mdl.address(), record);
    mdl
}

/// Moves the start of a buffer's data forward, and frees the MDLs in front that a retreat put
/// there. Returns what is wrong with the request, if anything.
pub(crate) fn advance(
    machine: &Machine,
    buffer: Guest<NetBuffer>,
    delta: u32,
    free_mdl: bool,
    handler: Handler<FreeMdl>,
) -> Option<(Rule, String)> {
    let length = buffer.get(NetBuffer::DATA_LENGTH);
    if delta > length {
        let message = format!("an advance by {delta} bytes over data of {length}");
        return Some((Rule::RetreatAdvance, message));
    }
    let mut offset = buffer.get(NetBuffer::DATA_OFFSET) + delta;
    let mut breach = None;
    let mut freeing = free_mdl;
    while freeing {
        let first = buffer.get(NetBuffer::MDL_CHAIN);
        let Some(mdl) = first.non_null().filter(|mdl| offset >= mdl.get(Mdl::BYTE_COUNT)) else {
            break;
        };
        let (count, next) = (mdl.get(Mdl::BYTE_COUNT), mdl.get(Mdl::NEXT));
        // An MDL that no retreat put there stays: it is room in front.
        let Some(by_driver) = retreat_made(machine, mdl) else { break };
        match (by_driver, handler) {
            (true, Some(free)) => {
                lock(&machine.ledger).handler_mdls.remove(&mdl.address());
                free(mdl);
            }
            (false, None) => {
                lock(&machine.ledger).mdls.remove(&mdl.address());
            }
            _ => {
                let message = "the MDL of a retreat is freed by another way than it was allocated";
                breach = Some((Rule::RetreatAdvance, message.to_owned()));
                freeing = false;
                continue;
            }
        }
        buffer.set(NetBuffer::MDL_CHAIN, next);
        offset -= count;
    }
    buffer.set(NetBuffer::DATA_OFFSET, offset);
    buffer.set(NetBuffer::DATA_LENGTH, length - delta);
    chain::adjust_current(buffer);
    breach
}

/// Whether a retreat put an MDL in front, and if so whether the driver's handler allocated it.
fn retreat_made(machine: &Machine, mdl: Guest<Mdl>) -> Option<bool> {
    let ledger = lock(&machine.ledger);
    if ledger.handler_mdls.contains(&mdl.address()) {
        return Some(true);
    }
    let record = ledger.mdls.get(&mdl.address())?;
    (record.purpose == MdlUse::Retreat).then_some(false)
}

/// Makes room in front of a buffer's data.
pub extern "win64" fn NdisRetreatNetBufferDataStart(
    buffer: Guest<NetBuffer>,
    delta: u32,
    backfill: u32,
    handler: Handler<AllocateMdl>,
) -> NtStatus {
    let call = Call::enter("NdisRetreatNetBufferDataStart", Irql::DISPATCH, buffer.address());
    retreat_for_driver(&call, buffer, delta, backfill, handler)
}

fn retreat_for_driver(
    call: &Call,
    buffer: Guest<NetBuffer>,
    delta: u32,
    backfill: u32,
    handler: Handler<AllocateMdl>,
) -> NtStatus {
    if buffer.get(NetBuffer::DATA_OFFSET) < delta && call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    match retreat(&call.machine, buffer, delta, backfill, handler) {
        Ok(allocated) => {
            if allocated {
                call.took_memory();
            }
            NtStatus::SUCCESS
        }
        Err(status) => status,
    }
}

/// Gives room in front of a buffer's data back.
pub extern "win64" fn NdisAdvanceNetBufferDataStart(
    buffer: Guest<NetBuffer>,
    delta: u32,
    free_mdl: u8,
    handler: Handler<FreeMdl>,
) {
    let call = Call::enter("NdisAdvanceNetBufferDataStart", Irql::DISPATCH, buffer.address());
    advance_for_driver(&call, buffer, delta, free_mdl != 0, handler);
}

fn advance_for_driver(
    call: &Call,
    buffer: Guest<NetBuffer>,
    delta: u32,
    free_mdl: bool,
    handler: Handler<FreeMdl>,
) {
    if let Some((rule, message)) = advance(&call.machine, buffer, delta, free_mdl, handler) {
        call.violate(rule, message, &[format!("NET_BUFFER {buffer:?}")]);
    }
}

/// Makes room in front of the data of every buffer of a list, or of none.
pub extern "win64" fn NdisRetreatNetBufferListDataStart(
    list: Guest<NetBufferList>,
    delta: u32,
    backfill: u32,
    allocate: Handler<AllocateMdl>,
    free: Handler<FreeMdl>,
) -> NtStatus {
    let call = Call::enter("NdisRetreatNetBufferListDataStart", Irql::DISPATCH, list.address());
    let buffers = chain::buffers(list);
    for (done, &buffer) in buffers.iter().enumerate() {
        let status = retreat_for_driver(&call, buffer, delta, backfill, allocate);
        if !status.is_success() {
            for &buffer in &buffers[..done] {
                advance_for_driver(&call, buffer, delta, true, free);
            }
            return status;
        }
    }
    NtStatus::SUCCESS
}

/// Gives room in front of the data of every buffer of a list back.
pub extern "win64" fn NdisAdvanceNetBufferListDataStart(
    list: Guest<NetBufferList>,
    delta: u32,
    free_mdl: u8,
    handler: Handler<FreeMdl>,
) {
    let call = Call::enter("NdisAdvanceNetBufferListDataStart", Irql::DISPATCH, list.address());
    for buffer in chain::buffers(list) {
        advance_for_driver(&call, buffer, delta, free_mdl != 0, handler);
    }
}

/// The first bytes of a buffer's data in one piece: in place, else copied into `storage`; null if
/// neither can be.
pub extern "win64" fn NdisGetDataBuffer(
    buffer: Guest<NetBuffer>,
    needed: u32,
    storage: Guest<u8>,
    align_multiple: u32,
    align_offset: u32,
) -> Guest<u8> {
    let call = Call::enter("NdisGetDataBuffer", Irql::DISPATCH, buffer.address());
    let multiple = u64::from(align_multiple.max(1));
    if !align_multiple.max(1).is_power_of_two() || u64::from(align_offset) >= multiple {
        let message = format!("alignment to {align_multiple} with offset {align_offset}");
        call.violate(Rule::DataExtent, message, &[]);
        return Guest::NULL;
    }
    if needed == 0 || needed > buffer.get(NetBuffer::DATA_LENGTH) {
        return Guest::NULL;
    }
    let pieces = chain::pieces(buffer, 0, needed.into());
    if let [(address, length)] = pieces[..] {
        let aligned = address.address() % multiple == u64::from(align_offset);
        if length == needed as usize && aligned {
            return address;
        }
    }
    if storage.is_null() {
        return Guest::NULL;
    }
    let mut at = storage;
    for (address, length) in pieces {
        at.copy_from(address, length);
        at = at.byte_add(length as u64);
    }
    storage
}

/// Sets `CurrentMdl` and `CurrentMdlOffset` to where the data start.
pub extern "win64" fn NdisAdjustNetBufferCurrentMdl(buffer: Guest<NetBuffer>) {
    let _call = Call::enter("NdisAdjustNetBufferCurrentMdl", Irql::DISPATCH, buffer.address());
    chain::adjust_current(buffer);
}

/// Copies data from a buffer to another, as many bytes as both have.
pub extern "win64" fn NdisCopyFromNetBufferToNetBuffer(
    destination: Guest<NetBuffer>,
    destination_offset: u32,
    count: u32,
    source: Guest<NetBuffer>,
    source_offset: u32,
    copied: Guest<u32>,
) -> NtStatus {
    let name = "NdisCopyFromNetBufferToNetBuffer";
    let _call = Call::enter(name, Irql::DISPATCH, source.address());
    let mut bytes = Vec::new();
    let available = source.get(NetBuffer::DATA_LENGTH).saturating_sub(source_offset);
    let wanted = count.min(available);
    for (address, length) in chain::pieces(source, source_offset.into(), wanted.into()) {
        bytes.extend(address.read_bytes(length));
    }
    let mut rest = bytes.as_slice();
    // The destination's length is the caller's to set: what its MDLs hold is what counts.
    let room = rest.len() as u64;
    for (address, length) in chain::pieces(destination, destination_offset.into(), room) {
        let (part, after) = rest.split_at(length.min(rest.len()));
        address.write_bytes(part);
        rest = after;
    }
    copied.write(u32::try_from(bytes.len() - rest.len()).unwrap_or(u32::MAX));
    NtStatus::SUCCESS
}

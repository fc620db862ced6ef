//! Pools of lists and of buffers.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::nbl::{NbPoolParameters, NblPoolParameters, NetBuffer, NetBufferList};
use crate::abi::ndis::object;
use crate::call::Call;
use crate::checks::header;
use crate::exports::exports;
use crate::guest::{ALIGNMENT, Guest};
use crate::irql::Irql;
use crate::ledger::{Kind, Owner, PoolRecord};
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisAllocateNetBufferListPool,
    NdisFreeNetBufferListPool,
    NdisAllocateNetBufferPool,
    NdisFreeNetBufferPool,
    NdisGetPoolFromNetBufferList,
    NdisGetPoolFromNetBuffer,
];

/// Whose an object is that the driver makes with an NDIS handle: a module's, or its own.
pub(crate) fn owner_of(call: &Call, handle: Handle) -> Owner {
    let frame = Call::frame();
    if let Some(module) = call.machine.module(handle) {
        return Owner { driver: module.driver.id, module: handle };
    }
    Owner { driver: frame.driver.max(1), module: Handle::NULL }
}

/// Makes a pool of lists; null when there is no memory or the parameters are wrong.
pub extern "win64" fn NdisAllocateNetBufferListPool(
    ndis_handle: Handle,
    parameters: Guest<NblPoolParameters>,
) -> Handle {
    type P = NblPoolParameters;
    let call = Call::enter("NdisAllocateNetBufferListPool", Irql::DISPATCH, parameters.address());
    if !check_parameters(&call, parameters, 16) {
        return Handle::NULL;
    }
    let allocate_net_buffer = parameters.get(P::ALLOCATE_NET_BUFFER) != 0;
    let data_size = parameters.get(P::DATA_SIZE);
    let context_size = parameters.get(P::CONTEXT_SIZE);
    let mut sound = true;
    if parameters.get(P::PROTOCOL_ID) != 0 {
        call.violate(Rule::PoolParameters, "a filter's ProtocolId is not 0", &[]);
    }
    if usize::from(context_size) % ALIGNMENT != 0 {
        let message = format!("ContextSize {context_size} is not a multiple of {ALIGNMENT}");
        call.violate(Rule::PoolParameters, message, &[]);
        sound = false;
    }
    if data_size != 0 && !allocate_net_buffer {
        call.violate(Rule::PoolParameters, "DataSize without fAllocateNetBuffer", &[]);
        sound = false;
    }
    check_tag(&call, parameters.get(P::POOL_TAG));
    if !sound || call.allocation_fails() {
        return Handle::NULL;
    }
    let record = PoolRecord {
        kind: Kind::NblPool,
        owner: owner_of(&call, ndis_handle),
        allocate_net_buffer,
        context_size,
        data_size,
        outstanding: 0,
        spare: Vec::new(),
        site: call.site,
    };
    enter(&call, record)
}

/// Makes a pool of buffers; null when there is no memory or the parameters are wrong.
pub extern "win64" fn NdisAllocateNetBufferPool(
    ndis_handle: Handle,
    parameters: Guest<NbPoolParameters>,
) -> Handle {
    type P = NbPoolParameters;
    let call = Call::enter("NdisAllocateNetBufferPool", Irql::DISPATCH, parameters.address());
    if !check_parameters(&call, parameters, 12) {
        return Handle::NULL;
    }
    check_tag(&call, parameters.get(P::POOL_TAG));
    if call.allocation_fails() {
        return Handle::NULL;
    }
    let record = PoolRecord {
        kind: Kind::NbPool,
        owner: owner_of(&call, ndis_handle),
        allocate_net_buffer: true,
        context_size: 0,
        data_size: parameters.get(P::DATA_SIZE),
        outstanding: 0,
        spare: Vec::new(),
        site: call.site,
    };
    enter(&call, record)
}

fn check_parameters<T>(call: &Call, parameters: Guest<T>, size: u16) -> bool {
    use crate::abi::nbl::ObjectHeader as H;
    if !header::check(call, parameters, object::DEFAULT, &[(1, size), (2, size + 4)]) {
        return false;
    }
    let found = parameters.cast::<H>().get(H::SIZE_FIELD);
    if parameters.cast::<H>().get(H::REVISION) == 1 && found != size {
        let message = format!("the Size of revision 1 is {size}, not {found}");
        call.violate(Rule::PoolParameters, message, &[]);
    }
    true
}

fn check_tag(call: &Call, tag: u32) {
    if tag == 0 {
        call.violate(Rule::PoolParameters, "the pool has no PoolTag", &[]);
    }
}

fn enter(call: &Call, record: PoolRecord) -> Handle {
    let handle = call.machine.new_handle();
    call.took_memory();
    lock(&call.machine.ledger).pools.insert(handle, record);
    handle
}

/// Frees a pool of lists, all of which are free.
pub extern "win64" fn NdisFreeNetBufferListPool(pool: Handle) {
    let call = Call::enter("NdisFreeNetBufferListPool", Irql::DISPATCH, pool.0);
    free(&call, pool, Kind::NblPool);
}

/// Frees a pool of buffers, all of which are free.
pub extern "win64" fn NdisFreeNetBufferPool(pool: Handle) {
    let call = Call::enter("NdisFreeNetBufferPool", Irql::DISPATCH, pool.0);
    free(&call, pool, Kind::NbPool);
}

fn free(call: &Call, pool: Handle, kind: Kind) {
    let mut ledger = lock(&call.machine.ledger);
    let found = ledger.pools.get(&pool).map(|record| (record.kind, record.outstanding));
    let breach = match found {
        None => Some((Rule::Header, format!("{:#x} is not the handle of a pool", pool.0))),
        Some((found, _)) if found != kind => {
            Some((Rule::WrongFree, format!("a {found} is freed as a {kind}")))
        }
        Some((_, 0)) => None,
        Some((_, left)) => {
            Some((Rule::PoolInUse, format!("a {kind} is freed with {left} objects in use")))
        }
    };
    let mut objects = Vec::new();
    if found.is_some_and(|(_, left)| left > 0) {
        let in_use: Vec<_> = ledger.in_use_from(pool);
        for &item in &in_use {
            // The pool takes what is left with it: one breach, reported once.
            ledger.disown(item);
        }
        drop(ledger);
        objects = in_use.iter().map(|&item| call.machine.describe(item)).collect();
        ledger = lock(&call.machine.ledger);
    }
    if found.is_some() {
        ledger.pools.remove(&pool);
    }
    drop(ledger);
    if let Some((rule, message)) = breach {
        call.violate(rule, message, &objects);
    }
}

/// The pool that a list is from.
pub extern "win64" fn NdisGetPoolFromNetBufferList(list: Guest<NetBufferList>) -> Handle {
    let _call = Call::enter("NdisGetPoolFromNetBufferList", Irql::DISPATCH, list.address());
    list.get(NetBufferList::POOL_HANDLE)
}

/// The pool that a buffer is from.
pub extern "win64" fn NdisGetPoolFromNetBuffer(buffer: Guest<NetBuffer>) -> Handle {
    let _call = Call::enter("NdisGetPoolFromNetBuffer", Irql::DISPATCH, buffer.address());
    buffer.get(NetBuffer::POOL_HANDLE)
}

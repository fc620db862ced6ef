//! Allocating and freeing lists and buffers.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList, NetBufferListContext};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{ALIGNMENT, Guest};
use crate::irql::Irql;
use crate::ledger::{Holder, Kind, Ledger, Made, NbRecord, NblRecord, Storage};
use crate::mdl;
use crate::ndis::chain;
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisAllocateNetBufferList,
    NdisAllocateNetBufferAndNetBufferList,
    NdisFreeNetBufferList,
    NdisAllocateNetBuffer,
    NdisAllocateNetBufferMdlAndData,
    NdisFreeNetBuffer,
];

/// What a freed list or buffer is filled with.
const FREED: u8 = 0xFD;

/// Where a list's buffer and its MDL lie in the list's block, and where its data begin.
const BUFFER_AT: u64 = NetBufferList::SIZE as u64;
const MDL_AT: u64 = BUFFER_AT + NetBuffer::SIZE as u64;
const HEAD: usize = NetBufferList::SIZE + NetBuffer::SIZE + Mdl::SIZE;

/// An MDL chain with the extent of the data in it.
#[derive(Clone, Copy)]
struct Extent {
    mdls: Guest<Mdl>,
    offset: u32,
    length: u64,
}

impl Extent {
    const NONE: Self = Self { mdls: Guest::NULL, offset: 0, length: 0 };

    /// C09: no chain, no extent; a chain, room for the extent.
    fn check(&self, call: &Call) {
        if self.mdls.is_null() && (self.offset != 0 || self.length != 0) {
            let message = "an offset or a length without an MDL chain";
            call.violate(Rule::DataExtent, message, &[]);
        }
        let room = chain::chain_length(self.mdls);
        let wanted = u64::from(self.offset).saturating_add(self.length);
        if !self.mdls.is_null() && wanted > room {
            let message = format!("an extent of {wanted} bytes in MDLs of {room}");
            call.violate(Rule::DataExtent, message, &[]);
        }
    }

    fn apply(&self, buffer: Guest<NetBuffer>) {
        buffer.set(NetBuffer::MDL_CHAIN, self.mdls);
        buffer.set(NetBuffer::DATA_OFFSET, self.offset);
        buffer.set(NetBuffer::DATA_LENGTH, u32::try_from(self.length).unwrap_or(u32::MAX));
        chain::adjust_current(buffer);
    }
}

/// Allocates a list; from a pool with buffers it brings its buffer, and data if the pool has any.
pub extern "win64" fn NdisAllocateNetBufferList(
    pool: Handle,
    context_size: u16,
    context_backfill: u16,
) -> Guest<NetBufferList> {
    let call = Call::enter("NdisAllocateNetBufferList", Irql::DISPATCH, pool.0);
    if !check_pool(&call, pool, Kind::NblPool) {
        return Guest::NULL;
    }
    if pairs_without_data(&call, pool) {
        let message =
            "the pool pairs lists with buffers without data, which this call leaves empty";
        call.violate(Rule::WrongAllocator, message, &[]);
    }
    if call.allocation_fails() {
        return Guest::NULL;
    }
    let sizes = (context_size, context_backfill);
    check_context(&call, sizes);
    allocate_list(&call, pool, sizes, Made::Plain, Guest::NULL)
}

/// Whether a pool pairs its lists with buffers that have no data.
fn pairs_without_data(call: &Call, pool: Handle) -> bool {
    let ledger = lock(&call.machine.ledger);
    let record = ledger.pools.get(&pool);
    record.is_some_and(|record| record.allocate_net_buffer && record.data_size == 0)
}

/// Allocates a list with a buffer over an MDL chain.
pub extern "win64" fn NdisAllocateNetBufferAndNetBufferList(
    pool: Handle,
    context_size: u16,
    context_backfill: u16,
    mdls: Guest<Mdl>,
    offset: u32,
    length: u64,
) -> Guest<NetBufferList> {
    let call = Call::enter("NdisAllocateNetBufferAndNetBufferList", Irql::DISPATCH, pool.0);
    if !check_pool(&call, pool, Kind::NblPool) {
        return Guest::NULL;
    }
    if !pairs_without_data(&call, pool) {
        let message = "the pool does not pair lists with buffers without data";
        call.violate(Rule::WrongAllocator, message, &[]);
        return Guest::NULL;
    }
    let extent = Extent { mdls, offset, length };
    extent.check(&call);
    if call.allocation_fails() {
        return Guest::NULL;
    }
    let sizes = (context_size, context_backfill);
    check_context(&call, sizes);
    let list = allocate_list(&call, pool, sizes, Made::Plain, Guest::NULL);
    extent.apply(list.get(NetBufferList::FIRST_NET_BUFFER));
    list
}

/// C08: context sizes are multiples of what pool memory is aligned to.
fn check_context(call: &Call, (size, backfill): (u16, u16)) {
    for (name, value) in [("ContextSize", size), ("ContextBackFill", backfill)] {
        if usize::from(value) % ALIGNMENT != 0 {
            let message = format!("{name} {value} is not a multiple of {ALIGNMENT}");
            call.violate(Rule::ContextAlignment, message, &[]);
        }
    }
}

/// Whether a handle is that of such a pool.
pub(crate) fn check_pool(call: &Call, pool: Handle, kind: Kind) -> bool {
    let found = lock(&call.machine.ledger).pools.get(&pool).map(|record| record.kind);
    match found {
        Some(found) if found == kind => true,
        Some(found) => {
            call.violate(Rule::WrongAllocator, format!("a {found} is used as a {kind}"), &[]);
            false
        }
        None => {
            let message = format!("{:#x} is not the handle of a pool", pool.0);
            call.violate(Rule::Header, message, &[]);
            false
        }
    }
}

/// Takes a list from its pool, which grows if it has none to spare.
pub(crate) fn allocate_list(
    call: &Call,
    pool: Handle,
    (size, backfill): (u16, u16),
    made: Made,
    parent: Guest<NetBufferList>,
) -> Guest<NetBufferList> {
    let mut ledger = lock(&call.machine.ledger);
    let Some(record) = ledger.pools.get_mut(&pool) else { return Guest::NULL };
    let wanted = usize::from(size) + usize::from(backfill);
    let context_room = wanted.max(record.context_size.into());
    let block_size = HEAD + record.data_size as usize;
    let mut storage = record.spare.pop().unwrap_or_else(|| {
        call.took_memory();
        Storage { block: call.machine.block(block_size), context: None }
    });
    fit_context(call, &mut storage, context_room);
    record.outstanding += 1;
    let (owner, paired, data_size) = (record.owner, record.allocate_net_buffer, record.data_size);
    let list = storage.block.guest::<NetBufferList>();
    list.fill(0, HEAD);
    list.set(NetBufferList::POOL_HANDLE, pool);
    initialize_context(list, &storage, context_room, (size, backfill));
    let mut buffer = Guest::NULL;
    if paired {
        buffer = list.byte_add(BUFFER_AT).cast::<NetBuffer>();
        list.set(NetBufferList::FIRST_NET_BUFFER, buffer);
        initialize_buffer(buffer, pool, list.byte_add(MDL_AT).cast(), data_size);
    }
    let record = NblRecord {
        owner,
        pool,
        holder: Holder::Driver,
        made,
        parent,
        journey: None,
        in_call: 0,
        source: Handle::NULL,
        flags: 0,
        since: call.machine.elapsed(),
        shape: Vec::new(),
        paired: buffer,
        contexts: Vec::new(),
        site: call.site,
    };
    if !parent.is_null() {
        *ledger.children.entry(parent.address()).or_default() += 1;
    }
    ledger.nbls.insert(list.address(), record);
    ledger.nbl_storage.insert(list.address(), storage);
    list
}

fn fit_context(call: &Call, storage: &mut Storage, room: usize) {
    let size = NetBufferListContext::SIZE + room;
    if room == 0 {
        storage.context = None;
    } else if storage.context.as_ref().is_none_or(|context| context.size() != size) {
        call.took_memory();
        storage.context = Some(call.machine.block(size));
    }
}

/// The caller's context lies at the end of the block, the unused room in front of it. A caller
/// that names no sizes has the pool's whole context.
fn initialize_context(
    list: Guest<NetBufferList>,
    storage: &Storage,
    room: usize,
    (size, backfill): (u16, u16),
) {
    let Some(block) = &storage.context else { return };
    let context = block.guest::<NetBufferListContext>();
    context.fill(0, block.size());
    let room = u16::try_from(room).unwrap_or(u16::MAX);
    let unused = if size == 0 && backfill == 0 { 0 } else { room.saturating_sub(size) };
    context.set(NetBufferListContext::SIZE_FIELD, room);
    context.set(NetBufferListContext::OFFSET, unused);
    list.set(NetBufferList::CONTEXT, context);
}

/// A fresh buffer; one with data has all of it in front, for retreats to claim.
fn initialize_buffer(buffer: Guest<NetBuffer>, pool: Handle, mdl: Guest<Mdl>, data_size: u32) {
    buffer.set(NetBuffer::POOL_HANDLE, pool);
    if data_size > 0 {
        let data = mdl.byte_add(Mdl::SIZE as u64).cast::<u8>();
        data.fill(0, data_size as usize);
        mdl::describe(mdl, data, data_size);
        Extent { mdls: mdl, offset: data_size, length: 0 }.apply(buffer);
    } else {
        Extent::NONE.apply(buffer);
    }
}

/// Frees a list with the buffer that came with it.
pub extern "win64" fn NdisFreeNetBufferList(list: Guest<NetBufferList>) {
    let call = Call::enter("NdisFreeNetBufferList", Irql::DISPATCH, list.address());
    free_list(&call, list, |made| made == Made::Plain);
}

/// Frees a list, if it was made as the function expects.
pub(crate) fn free_list(call: &Call, list: Guest<NetBufferList>, expected: impl Fn(Made) -> bool) {
    let object = [format!("NET_BUFFER_LIST {list:?}")];
    let mut ledger = lock(&call.machine.ledger);
    let Some(record) = ledger.nbls.get(&list.address()) else {
        drop(ledger);
        call.violate(Rule::NotFromPool, "what is freed is not a list from a pool", &object);
        return;
    };
    if let Some((rule, message)) = free_breach(record, expected) {
        drop(ledger);
        call.violate(rule, message, &object);
        return;
    }
    let breaches = leftover_breaches(&ledger, list);
    release_list(call, &mut ledger, list);
    drop(ledger);
    for (rule, message) in breaches {
        call.violate(rule, message, &object);
    }
}

/// Why a list may not be freed at all.
fn free_breach(record: &NblRecord, expected: impl Fn(Made) -> bool) -> Option<(Rule, String)> {
    let rule = Rule::WrongFree;
    if record.owner.driver == 0 && record.pool != Handle::NULL {
        return Some((rule, "a list of another driver is freed".to_owned()));
    }
    match record.holder {
        Holder::Free => Some((rule, "a list is freed twice".to_owned())),
        Holder::Ndis => Some((Rule::NotOwner, "a list is freed while NDIS owns it".to_owned())),
        Holder::Lab => Some((rule, "a list of another driver is freed".to_owned())),
        Holder::Driver if !expected(record.made) => match record.made {
            Made::Plain => Some((rule, "a plain list is freed as a derived one".to_owned())),
            Made::Clone(_) | Made::Fragment(_) | Made::Reassembled(_) => {
                Some((Rule::Derived, "a derived list is freed as another kind".to_owned()))
            }
        },
        Holder::Driver => None,
    }
}

/// What must not hang on a list that is freed.
fn leftover_breaches(ledger: &Ledger, list: Guest<NetBufferList>) -> Vec<(Rule, String)> {
    let mut breaches = Vec::new();
    let Some(record) = ledger.nbls.get(&list.address()) else { return breaches };
    let separate = chain::buffers(list)
        .iter()
        .any(|buffer| ledger.nbs.get(&buffer.address()).is_some_and(|buffer| !buffer.free));
    if separate {
        let message = "a list is freed before a buffer that was allocated on its own";
        breaches.push((Rule::WrongFree, message.to_owned()));
    }
    if !record.contexts.is_empty() {
        let message = "a list is freed with context that was added to it";
        breaches.push((Rule::WrongFree, message.to_owned()));
    }
    if ledger.children.contains_key(&list.address()) {
        let message = "a list is freed before one that was derived from it";
        breaches.push((Rule::Derived, message.to_owned()));
    }
    breaches
}

fn release_list(call: &Call, ledger: &mut Ledger, list: Guest<NetBufferList>) {
    let address = list.address();
    let Some(record) = ledger.nbls.get_mut(&address) else { return };
    record.holder = Holder::Free;
    record.journey = None;
    record.contexts.clear();
    let parent = std::mem::take(&mut record.parent).address();
    let (pool, site) = (record.pool, record.site);
    if let Some(children) = ledger.children.get_mut(&parent) {
        *children -= 1;
        if *children == 0 {
            ledger.children.remove(&parent);
        }
    }
    let Some(storage) = ledger.nbl_storage.remove(&address) else { return };
    list.fill(FREED, HEAD);
    take_back(call, ledger, (pool, Kind::Nbl, site), storage);
}

/// Puts memory back into its pool, or in guarded mode out of the driver's reach.
fn take_back(
    call: &Call,
    ledger: &mut Ledger,
    (pool, kind, site): (Handle, Kind, u64),
    storage: Storage,
) {
    let guarded = call.machine.options.guarded_memory;
    if let Some(pool) = ledger.pools.get_mut(&pool) {
        pool.outstanding -= 1;
        if !guarded {
            pool.spare.push(storage);
            return;
        }
    }
    if guarded {
        let memory = std::iter::once(storage.block).chain(storage.context).collect();
        ledger.graves.bury(call, kind, site, memory);
    }
}

/// Allocates a buffer over an MDL chain.
pub extern "win64" fn NdisAllocateNetBuffer(
    pool: Handle,
    mdls: Guest<Mdl>,
    offset: u32,
    length: u64,
) -> Guest<NetBuffer> {
    let call = Call::enter("NdisAllocateNetBuffer", Irql::DISPATCH, pool.0);
    if !check_pool(&call, pool, Kind::NbPool) {
        return Guest::NULL;
    }
    if pool_data_size(&call, pool) != 0 {
        call.violate(Rule::WrongAllocator, "the pool's buffers come with data", &[]);
    }
    let extent = Extent { mdls, offset, length };
    extent.check(&call);
    if call.allocation_fails() {
        return Guest::NULL;
    }
    let buffer = allocate_buffer(&call, pool);
    extent.apply(buffer);
    buffer
}

/// Allocates a buffer with an MDL and data.
pub extern "win64" fn NdisAllocateNetBufferMdlAndData(pool: Handle) -> Guest<NetBuffer> {
    let call = Call::enter("NdisAllocateNetBufferMdlAndData", Irql::DISPATCH, pool.0);
    if !check_pool(&call, pool, Kind::NbPool) {
        return Guest::NULL;
    }
    if pool_data_size(&call, pool) == 0 {
        call.violate(Rule::WrongAllocator, "the pool's buffers come without data", &[]);
        return Guest::NULL;
    }
    if call.allocation_fails() {
        return Guest::NULL;
    }
    allocate_buffer(&call, pool)
}

fn pool_data_size(call: &Call, pool: Handle) -> u32 {
    lock(&call.machine.ledger).pools.get(&pool).map_or(0, |record| record.data_size)
}

/// Takes a buffer from its pool, which grows if it has none to spare.
pub(crate) fn allocate_buffer(call: &Call, pool: Handle) -> Guest<NetBuffer> {
    let mut ledger = lock(&call.machine.ledger);
    let Some(record) = ledger.pools.get_mut(&pool) else { return Guest::NULL };
    let size = NetBuffer::SIZE + Mdl::SIZE + record.data_size as usize;
    let storage = record.spare.pop().unwrap_or_else(|| {
        call.took_memory();
        Storage { block: call.machine.block(size), context: None }
    });
    record.outstanding += 1;
    let (owner, data_size) = (record.owner, record.data_size);
    let buffer = storage.block.guest::<NetBuffer>();
    buffer.fill(0, NetBuffer::SIZE);
    let mdl = buffer.byte_add(NetBuffer::SIZE as u64).cast();
    initialize_buffer(buffer, pool, mdl, data_size);
    let record = NbRecord { owner, pool, free: false, site: call.site };
    ledger.nbs.insert(buffer.address(), record);
    ledger.nb_storage.insert(buffer.address(), storage);
    buffer
}

/// Frees a buffer that was allocated on its own.
pub extern "win64" fn NdisFreeNetBuffer(buffer: Guest<NetBuffer>) {
    let call = Call::enter("NdisFreeNetBuffer", Irql::DISPATCH, buffer.address());
    let object = [format!("NET_BUFFER {buffer:?}")];
    let mut ledger = lock(&call.machine.ledger);
    let breach = match ledger.nbs.get(&buffer.address()) {
        None => {
            let paired = ledger.nbls.values().any(|list| list.paired == buffer);
            if paired {
                Some((Rule::WrongFree, "a buffer that came with its list is freed alone"))
            } else {
                Some((Rule::NotFromPool, "what is freed is not a buffer from a pool"))
            }
        }
        Some(record) if record.free => Some((Rule::WrongFree, "a buffer is freed twice")),
        Some(_) => None,
    };
    if breach.is_none() {
        release_buffer(&call, &mut ledger, buffer);
    }
    drop(ledger);
    if let Some((rule, message)) = breach {
        call.violate(rule, message, &object);
    }
}

/// Puts a buffer back into its pool.
pub(crate) fn release_buffer(call: &Call, ledger: &mut Ledger, buffer: Guest<NetBuffer>) {
    let address = buffer.address();
    let Some(record) = ledger.nbs.get_mut(&address) else { return };
    record.free = true;
    let (pool, site) = (record.pool, record.site);
    let Some(storage) = ledger.nb_storage.remove(&address) else { return };
    buffer.fill(FREED, NetBuffer::SIZE);
    take_back(call, ledger, (pool, Kind::Nb, site), storage);
}

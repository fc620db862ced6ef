//! OID requests, their clones and completions.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::{Arc, Mutex};

use crate::abi::Handle;
use crate::abi::handlers::{Handler, OidComplete};
use crate::abi::ndis::{OidRequest, object};
use crate::call::Call;
use crate::checks::{header, state};
use crate::edge::Policy;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::{CloneRecord, Holder};
use crate::machine::Machine;
use crate::ndis::module::{Module, PATIENCE};
use crate::ndis::{adapter, pool};
use crate::oid_request::{OidAnswer, OidKind, OidQuery, OidResult};
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{Signal, lock, read};

exports![
    NdisFOidRequest,
    NdisFOidRequestComplete,
    NdisFCancelOidRequest,
    NdisAllocateCloneOidRequest,
    NdisFreeCloneOidRequest,
];

/// By which functions a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One after the other.
    Regular,
    /// At any time.
    Direct,
}

/// A request from above that the filter has.
#[derive(Debug)]
struct Waiting {
    request: u64,
    way: Way,
    completed: Option<NtStatus>,
}

/// The requests from above that a filter module has.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: Mutex<Vec<Waiting>>,
    changed: Signal,
}

impl Requests {
    /// Whether a request is one from above.
    pub(crate) fn has(&self, request: Guest<OidRequest>) -> bool {
        lock(&self.waiting).iter().any(|entry| entry.request == request.address())
    }

    /// The status that a request was completed with.
    fn completed(&self, request: u64) -> Option<NtStatus> {
        let waiting = lock(&self.waiting);
        waiting.iter().find(|entry| entry.request == request)?.completed
    }

    /// Waits, as long as NDIS would, for a request to be completed.
    fn wait(&self, request: u64) -> Option<NtStatus> {
        let mut status = None;
        self.changed.wait(&self.waiting, PATIENCE, |waiting| {
            let entry = waiting.iter().find(|entry| entry.request == request);
            status = entry.and_then(|entry| entry.completed);
            entry.is_none() || status.is_some()
        });
        status
    }
}

/// A request from above, in memory that the driver can reach.
pub(crate) struct Message {
    block: Block,
    buffer: Block,
    /// Bytes that the caller has room for, and how many it gave.
    room: u32,
    length: u32,
    kind: OidKind,
}

impl Message {
    /// Lays a request out.
    pub(crate) fn new(query: &OidQuery) -> Self {
        type R = OidRequest;
        let input = query.buffer.len();
        let buffer = Block::guarded(input.max(query.output));
        buffer.guest::<u8>().write_bytes(&query.buffer);
        let block = Block::guarded(R::SIZE);
        let guest = block.guest::<R>();
        guest.set(R::HEADER_TYPE, object::OID_REQUEST);
        guest.set(R::HEADER_REVISION, 1);
        guest.set(R::HEADER_SIZE, 236);
        let kind = match query.kind {
            OidKind::Query => 0,
            OidKind::Set => 1,
            OidKind::QueryStatistics => 2,
            OidKind::Method => 12,
        };
        let is_method = query.kind == OidKind::Method;
        let length = u32::try_from(input).unwrap_or(u32::MAX);
        let room = if is_method { u32::try_from(query.output).unwrap_or(u32::MAX) } else { length };
        guest.set(R::REQUEST_TYPE, kind);
        guest.set(R::OID, query.oid);
        guest.set(R::REQUEST_ID, Guest::NULL.byte_add(query.id));
        guest.set(R::BUFFER, buffer.guest());
        guest.set(R::BUFFER_LENGTH, length);
        if is_method {
            guest.set(R::METHOD_OUTPUT_LENGTH, room);
        }
        Self { block, buffer, room, length, kind: query.kind }
    }

    /// The request.
    pub(crate) fn request(&self) -> Guest<OidRequest> {
        self.block.guest()
    }

    /// What the request came to.
    pub(crate) fn result(&self, machine: &Machine, status: NtStatus) -> OidResult {
        type R = OidRequest;
        let (guest, room) = (self.request(), self.room);
        let is_method = self.kind == OidKind::Method;
        let (done, needed) = if is_method {
            (R::METHOD_BYTES_WRITTEN, R::METHOD_BYTES_NEEDED)
        } else {
            (R::BYTES_DONE, R::BYTES_NEEDED)
        };
        let bytes = guest.get(done);
        if bytes > room {
            let message = format!("a request with room for {room} bytes reports {bytes}");
            machine.violate(Rule::OidCompletion, 0, message, Vec::new());
        }
        let kept = if self.kind == OidKind::Set { self.length } else { bytes.min(room) };
        OidResult {
            status,
            buffer: self.buffer.guest::<u8>().read_bytes(kept as usize),
            bytes,
            read: if is_method { guest.get(R::METHOD_BYTES_READ) } else { 0 },
            needed: guest.get(needed),
            revision: guest.get(R::SUPPORTED_REVISION),
        }
    }
}

/// Makes a request from above and waits for it.
pub(crate) fn request(machine: &Arc<Machine>, module: &Arc<Module>, query: &OidQuery) -> OidResult {
    let message = Message::new(query);
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.oid_request);
    let status = match handler {
        None => answer(module, message.request()).status,
        Some(handler) => through_filter(machine, module, message.request(), handler, Way::Regular),
    };
    let result = message.result(machine, status);
    state::check_answer(machine, module, query, &result);
    result
}

/// Gives a request to the filter and waits for its end.
pub(crate) fn through_filter(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    request: Guest<OidRequest>,
    handler: crate::abi::handlers::Oid,
    way: Way,
) -> NtStatus {
    let address = request.address();
    let requests = &module.requests;
    lock(&requests.waiting).push(Waiting { request: address, way, completed: None });
    let context = module.context();
    let (name, level) = match way {
        Way::Regular => ("FilterOidRequest", Irql::PASSIVE),
        Way::Direct => ("FilterDirectOidRequest", module.data_level().0),
    };
    let frame = module.frame(name);
    let status = machine.call_driver(frame, level, address, || handler(context, request));
    let mut result = status;
    if status == NtStatus::PENDING {
        result = requests.wait(address).unwrap_or_else(|| {
            let message = "a pending OID request was not completed".to_owned();
            machine.violate(Rule::OidCompletion, 0, message, Vec::new());
            NtStatus::FAILURE
        });
    } else if requests.completed(address).is_some() {
        let message = format!("{name} returned {status} and completed it besides");
        machine.violate(Rule::OidCompletion, 0, message, Vec::new());
    }
    lock(&requests.waiting).retain(|entry| entry.request != address);
    result
}

/// Cancels the requests from above with an identifier.
pub(crate) fn cancel(machine: &Arc<Machine>, module: &Arc<Module>, id: u64) {
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.cancel_oid);
    let Some(handler) = handler else { return };
    let context = module.context();
    let (level, _) = module.data_level();
    let frame = module.frame("FilterCancelOidRequest");
    machine.call_driver(frame, level, id, || handler(context, Guest::NULL.byte_add(id)));
}

/// The adapter's answer, written into the request.
pub(crate) fn answer(module: &Module, request: Guest<OidRequest>) -> OidAnswer {
    type R = OidRequest;
    let mut lower = lock(&module.lower);
    lower.oids.push(request.get(R::OID));
    let answer = lower.oid_answer.clone();
    drop(lower);
    let length = request.get(R::BUFFER_LENGTH);
    let write = |room: u32| {
        let given = &answer.bytes[..answer.bytes.len().min(room as usize)];
        request.get(R::BUFFER).write_bytes(given);
        u32::try_from(given.len()).unwrap_or(u32::MAX)
    };
    let succeeds = answer.status.is_success();
    match request.get(R::REQUEST_TYPE) {
        12 => {
            request.set(R::METHOD_BYTES_NEEDED, answer.needed);
            if succeeds {
                request.set(R::METHOD_BYTES_READ, length);
                let written = write(request.get(R::METHOD_OUTPUT_LENGTH));
                request.set(R::METHOD_BYTES_WRITTEN, written);
            }
        }
        kind => {
            request.set(R::BYTES_NEEDED, answer.needed);
            if succeeds {
                let done = if kind == 1 { length } else { write(length) };
                request.set(R::BYTES_DONE, done);
            }
        }
    }
    request.set(R::SUPPORTED_REVISION, answer.revision);
    answer
}

/// Makes a request of the drivers below: the filter's own, or a clone of one from above.
pub extern "win64" fn NdisFOidRequest(filter: Handle, request: Guest<OidRequest>) -> NtStatus {
    let call = Call::enter("NdisFOidRequest", Irql::DISPATCH, request.address());
    let Some(module) = state::module(&call, filter) else { return NtStatus::FAILURE };
    state::check_attached(&call, &module);
    let sizes = [(1, 236)];
    if !header::check(&call, request, object::OID_REQUEST, &sizes) {
        return NtStatus::INVALID_PARAMETER;
    }
    if module.requests.has(request) {
        let message = "a request from above is passed on itself, not as a clone";
        call.violate(Rule::OidClone, message, &[]);
    }
    hold_clone(&call, request, Holder::Ndis);
    let OidAnswer { status, policy, .. } = answer(&module, request);
    match policy {
        Policy::Inline => {
            hold_clone(&call, request, Holder::Driver);
            return status;
        }
        Policy::Held => lock(&module.lower).oids_held.push((request, status)),
        Policy::Deferred => {
            let machine = Arc::clone(&call.machine);
            call.machine.procedures.push(request.address(), move || {
                adapter::at_dispatch(|_| complete_to_filter(&machine, &module, request, status));
            });
        }
    }
    NtStatus::PENDING
}

/// Completes the requests that the adapter holds.
pub(crate) fn release(machine: &Arc<Machine>, module: &Arc<Module>) {
    let held = std::mem::take(&mut lock(&module.lower).oids_held);
    adapter::at_dispatch(|_| {
        for (request, status) in held {
            complete_to_filter(machine, module, request, status);
        }
    });
}

/// Notes who has a clone.
pub(crate) fn hold_clone(call: &Call, request: Guest<OidRequest>, holder: Holder) {
    if let Some(record) = lock(&call.machine.ledger).clones.get_mut(&request.address()) {
        record.holder = holder;
    }
}

fn complete_to_filter(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    request: Guest<OidRequest>,
    status: NtStatus,
) {
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.oid_complete);
    give_back(machine, module, request, status, "FilterOidRequestComplete", handler);
}

/// Gives a completed request back to the filter that made it.
pub(crate) fn give_back(
    machine: &Arc<Machine>,
    module: &Module,
    request: Guest<OidRequest>,
    status: NtStatus,
    callback: &'static str,
    handler: Handler<OidComplete>,
) {
    if let Some(record) = lock(&machine.ledger).clones.get_mut(&request.address()) {
        record.holder = Holder::Driver;
    }
    let Some(handler) = handler else { return };
    let context = module.context();
    let frame = module.frame(callback);
    let level = crate::irql::current();
    machine.call_driver(frame, level, request.address(), || handler(context, request, status));
}

/// Completes a pending request from above.
pub extern "win64" fn NdisFOidRequestComplete(
    filter: Handle,
    request: Guest<OidRequest>,
    status: NtStatus,
) {
    let call = Call::enter("NdisFOidRequestComplete", Irql::DISPATCH, request.address());
    complete(&call, filter, request, status, Way::Regular);
}

/// Completes a request from above.
pub(crate) fn complete(
    call: &Call,
    filter: Handle,
    request: Guest<OidRequest>,
    status: NtStatus,
    way: Way,
) {
    let Some(module) = state::module(call, filter) else { return };
    if status == NtStatus::PENDING {
        call.violate(Rule::OidCompletion, "a request completes with a final status", &[]);
    }
    let clone_left = lock(&call.machine.ledger)
        .clones
        .values()
        .any(|clone| clone.original == request && clone.holder != Holder::Free);
    if clone_left {
        let message = "a request completes before its clone is freed";
        call.violate(Rule::OidClone, message, &[]);
    }
    let mut waiting = lock(&module.requests.waiting);
    let message = match waiting.iter_mut().find(|entry| entry.request == request.address()) {
        None => Some("what is completed is no request from above"),
        Some(entry) if entry.way != way => Some("a request completes by another way than its own"),
        Some(entry) => entry.completed.replace(status).map(|_| "a request is completed twice"),
    };
    drop(waiting);
    module.requests.changed.notify();
    if let Some(message) = message {
        call.violate(Rule::OidCompletion, message, &[format!("OID request {request:?}")]);
    }
}

/// Asks the drivers below to cancel requests with an identifier.
pub extern "win64" fn NdisFCancelOidRequest(filter: Handle, id: Guest<u8>) {
    let call = Call::enter("NdisFCancelOidRequest", Irql::DISPATCH, id.address());
    let Some(module) = state::module(&call, filter) else { return };
    let cancelled: Vec<_> = {
        let mut lower = lock(&module.lower);
        lower.oids_held.extract_if(.., |(held, _)| held.get(OidRequest::REQUEST_ID) == id).collect()
    };
    adapter::at_dispatch(|_| {
        for (request, _) in cancelled {
            let status = NtStatus::NDIS_REQUEST_ABORTED;
            complete_to_filter(&call.machine, &module, request, status);
        }
    });
}

/// Clones a request, so that it can be passed on.
pub extern "win64" fn NdisAllocateCloneOidRequest(
    source: Handle,
    request: Guest<OidRequest>,
    tag: u32,
    clone: Guest<Guest<OidRequest>>,
) -> NtStatus {
    let call = Call::enter("NdisAllocateCloneOidRequest", Irql::DISPATCH, request.address());
    clone.write(Guest::NULL);
    if tag == 0 {
        call.violate(Rule::PoolTag, "a clone has no tag", &[]);
    }
    if !header::check(&call, request, object::OID_REQUEST, &[(1, 236)]) {
        return NtStatus::INVALID_PARAMETER;
    }
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    call.took_memory();
    let block = Block::zeroed(OidRequest::SIZE);
    let copy = block.guest::<OidRequest>();
    copy.cast::<u8>().copy_from(request.cast(), OidRequest::SIZE);
    copy.set(OidRequest::SOURCE_RESERVED, [0; 2]);
    let record = CloneRecord {
        owner: pool::owner_of(&call, source),
        source,
        original: request,
        holder: Holder::Driver,
        site: call.site,
        block,
    };
    lock(&call.machine.ledger).clones.insert(copy.address(), record);
    clone.write(copy);
    NtStatus::SUCCESS
}

/// Frees a clone.
pub extern "win64" fn NdisFreeCloneOidRequest(source: Handle, request: Guest<OidRequest>) {
    let call = Call::enter("NdisFreeCloneOidRequest", Irql::DISPATCH, request.address());
    let mut ledger = lock(&call.machine.ledger);
    let message = match ledger.clones.get(&request.address()) {
        None => Some("what is freed is not a clone"),
        Some(clone) if clone.holder == Holder::Ndis => Some("a clone is freed while it is pending"),
        Some(clone) if clone.source != source => Some("a clone is freed with another handle"),
        Some(_) => None,
    };
    if message.is_none() {
        ledger.clones.remove(&request.address());
    }
    drop(ledger);
    if let Some(message) = message {
        call.violate(Rule::OidClone, message, &[format!("OID request {request:?}")]);
    }
}

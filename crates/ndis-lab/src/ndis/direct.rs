//! OID requests that do not wait for each other: direct ones, and synchronous ones.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::ndis::{OidRequest, object};
use crate::call::Call;
use crate::checks::{header, state};
use crate::edge::Policy;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::irql::Irql;
use crate::ledger::Holder;
use crate::machine::Machine;
use crate::ndis::adapter;
use crate::ndis::module::Module;
use crate::ndis::oid::{self, Message, Way};
use crate::oid_request::{OidAnswer, OidQuery, OidResult};
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{lock, read};

exports![
    NdisFDirectOidRequest,
    NdisFDirectOidRequestComplete,
    NdisFCancelDirectOidRequest,
    NdisFSynchronousOidRequest,
];

/// NDIS_STATUS_ALREADY_COMPLETE.
const ALREADY_COMPLETE: NtStatus = NtStatus(0xFF);

/// Makes a direct request from above and waits for it.
pub(crate) fn request(machine: &Arc<Machine>, module: &Arc<Module>, query: &OidQuery) -> OidResult {
    let message = Message::new(query);
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.direct_oid);
    let status = match handler {
        None => oid::answer(module, message.request()).status,
        Some(handler) => {
            oid::through_filter(machine, module, message.request(), handler, Way::Direct)
        }
    };
    message.result(machine, status)
}

/// Makes a synchronous request from above.
pub(crate) fn request_now(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    query: &OidQuery,
) -> OidResult {
    let message = Message::new(query);
    let request = message.request();
    let handlers = read(&module.driver.registration).map(|r| r.handlers).unwrap_or_default();
    let (level, _) = module.data_level();
    let slot = Block::zeroed(8);
    let call_context = slot.guest::<Guest<u8>>();
    let context = module.context();
    let mut status = handlers.synchronous_oid.map_or(NtStatus::SUCCESS, |handler| {
        let frame = module.frame("FilterSynchronousOidRequest");
        machine.call_driver(frame, level, request.address(), || {
            handler(context, request, call_context)
        })
    });
    if status == NtStatus::PENDING {
        let message = "FilterSynchronousOidRequest returned PENDING".to_owned();
        machine.violate(Rule::OidCompletion, 0, message, Vec::new());
        status = NtStatus::FAILURE;
    }
    if status == ALREADY_COMPLETE {
        return message.result(machine, NtStatus::SUCCESS);
    }
    if status == NtStatus::SUCCESS {
        status = oid::answer(module, request).status;
        if let Some(handler) = handlers.synchronous_oid_complete {
            let result = Block::zeroed(4);
            result.guest::<NtStatus>().write(status);
            let frame = module.frame("FilterSynchronousOidRequestComplete");
            machine.call_driver(frame, level, request.address(), || {
                handler(context, request, result.guest(), call_context.read());
            });
            status = result.guest::<NtStatus>().read();
        }
    }
    message.result(machine, status)
}

/// Cancels the direct requests from above with an identifier.
pub(crate) fn cancel(machine: &Arc<Machine>, module: &Arc<Module>, id: u64) {
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.cancel_direct_oid);
    let Some(handler) = handler else { return };
    let context = module.context();
    let frame = module.frame("FilterCancelDirectOidRequest");
    let (level, _) = module.data_level();
    machine.call_driver(frame, level, id, || handler(context, Guest::NULL.byte_add(id)));
}

/// What a request of the driver has to be; the module if it is so.
fn begin(call: &Call, filter: Handle, request: Guest<OidRequest>) -> Result<Arc<Module>, NtStatus> {
    let module = state::module(call, filter).ok_or(NtStatus::FAILURE)?;
    state::check_attached(call, &module);
    if !header::check(call, request, object::OID_REQUEST, &[(1, 236)]) {
        return Err(NtStatus::INVALID_PARAMETER);
    }
    if module.requests.has(request) {
        let message = "a request from above is passed on itself, not as a clone";
        call.violate(Rule::OidClone, message, &[]);
    }
    Ok(module)
}

/// Makes a direct request of the drivers below.
pub extern "win64" fn NdisFDirectOidRequest(
    filter: Handle,
    request: Guest<OidRequest>,
) -> NtStatus {
    let call = Call::enter("NdisFDirectOidRequest", Irql::DISPATCH, request.address());
    let module = match begin(&call, filter, request) {
        Ok(module) => module,
        Err(status) => return status,
    };
    oid::hold_clone(&call, request, Holder::Ndis);
    let OidAnswer { status, policy, .. } = oid::answer(&module, request);
    match policy {
        Policy::Inline => {
            oid::hold_clone(&call, request, Holder::Driver);
            return status;
        }
        Policy::Held => lock(&module.lower).direct_oids_held.push((request, status)),
        Policy::Deferred => {
            let machine = Arc::clone(&call.machine);
            call.machine.procedures.push(request.address(), move || {
                adapter::at_dispatch(|_| complete_to_filter(&machine, &module, request, status));
            });
        }
    }
    NtStatus::PENDING
}

fn complete_to_filter(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    request: Guest<OidRequest>,
    status: NtStatus,
) {
    let handler = read(&module.driver.registration).and_then(|r| r.handlers.direct_oid_complete);
    oid::give_back(machine, module, request, status, "FilterDirectOidRequestComplete", handler);
}

/// Completes the direct requests that the adapter holds.
pub(crate) fn release(machine: &Arc<Machine>, module: &Arc<Module>) {
    let held = std::mem::take(&mut lock(&module.lower).direct_oids_held);
    adapter::at_dispatch(|_| {
        for (request, status) in held {
            complete_to_filter(machine, module, request, status);
        }
    });
}

/// Completes a pending direct request from above.
pub extern "win64" fn NdisFDirectOidRequestComplete(
    filter: Handle,
    request: Guest<OidRequest>,
    status: NtStatus,
) {
    let call = Call::enter("NdisFDirectOidRequestComplete", Irql::DISPATCH, request.address());
    oid::complete(&call, filter, request, status, Way::Direct);
}

/// Asks the drivers below to cancel direct requests with an identifier.
pub extern "win64" fn NdisFCancelDirectOidRequest(filter: Handle, id: Guest<u8>) {
    let call = Call::enter("NdisFCancelDirectOidRequest", Irql::DISPATCH, id.address());
    let Some(module) = state::module(&call, filter) else { return };
    let cancelled: Vec<_> = {
        let mut lower = lock(&module.lower);
        let bears = |held: &Guest<OidRequest>| held.get(OidRequest::REQUEST_ID) == id;
        lower.direct_oids_held.extract_if(.., |(held, _)| bears(held)).collect()
    };
    adapter::at_dispatch(|_| {
        for (request, _) in cancelled {
            let status = NtStatus::NDIS_REQUEST_ABORTED;
            complete_to_filter(&call.machine, &module, request, status);
        }
    });
}

/// Makes a request of the drivers below that is answered at once.
pub extern "win64" fn NdisFSynchronousOidRequest(
    filter: Handle,
    request: Guest<OidRequest>,
) -> NtStatus {
    let call = Call::enter("NdisFSynchronousOidRequest", Irql::DISPATCH, request.address());
    match begin(&call, filter, request) {
        Ok(module) => oid::answer(&module, request).status,
        Err(status) => status,
    }
}

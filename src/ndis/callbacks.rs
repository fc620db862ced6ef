//! What NDIS calls: raw pointers in, safe calls of a [`Module`] out.
#![expect(unsafe_code, reason = "NDIS speaks in raw pointers")]
#![expect(clippy::missing_safety_doc, reason = "NDIS calls these as their pages say")]

use super::{
    attach::Attachment,
    chain::{self, ForeignChain, Homecoming},
    driver::{Filter, Module},
    event::{DevicePnPEvent, NetPnPEvent, StatusIndication},
    handle::FilterHandle,
    memory::Shared,
    oid::{self, OidRequest},
    origin::PauseCompletion,
    restart::RestartAttributes,
    status::{Error, Result, Status},
    sys::{
        self, NDIS_FILTER_ATTACH_PARAMETERS, NDIS_FILTER_ATTRIBUTES, NDIS_FILTER_PAUSE_PARAMETERS,
        NDIS_FILTER_RESTART_PARAMETERS, NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OID_REQUEST,
        NDIS_PORT_NUMBER, NDIS_STATUS, NDIS_STATUS_INDICATION, NET_BUFFER_LIST,
        NET_DEVICE_PNP_EVENT, NET_PNP_EVENT_NOTIFICATION, PVOID, UCHAR, ULONG,
    },
    traffic::{BorrowedIndication, ReceiveIndication, SendRequest},
};
use core::ptr::NonNull;

/// The module behind the context that [`attach`] set.
///
/// # Safety
///
/// NDIS gave `context` to a callback of a module of `F` that is attached for `'m`.
unsafe fn module<'m, F: Filter>(context: NDIS_HANDLE) -> Option<&'m F::Module> {
    // SAFETY: `attach` made the context of a `Shared`, which only `detach` takes back.
    unsafe { Shared::peek(context) }
}

/// FilterAttach.
pub(super) unsafe extern "C" fn attach<F: Filter>(
    handle: NDIS_HANDLE,
    driver_context: NDIS_HANDLE,
    parameters: *mut NDIS_FILTER_ATTACH_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: NDIS gives the handle to use until FilterDetach returns.
    let handle = unsafe { FilterHandle::from_raw(handle) };
    // SAFETY: the registration keeps its filter alive.
    let filter: Option<&F> = unsafe { Shared::peek(driver_context) };
    // SAFETY: NDIS' own parameters, alive through the call.
    let adapter = unsafe { Attachment::new(handle, parameters) };
    Status::from(try_attach(filter, adapter)).as_raw()
}

fn try_attach<F: Filter>(filter: Option<&F>, adapter: Result<Attachment<'_>>) -> Result {
    let filter = filter.ok_or(Error::BadState)?;
    let adapter = adapter?;
    let module = filter.attach(&adapter)?;
    #[expect(clippy::cast_possible_truncation, reason = "both constants fit a byte")]
    let attributes = NDIS_FILTER_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: sys::NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES as UCHAR,
            Revision: sys::NDIS_FILTER_ATTRIBUTES_REVISION_1 as UCHAR,
            Size: sys::NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
        },
        Flags: 0,
    };
    // SAFETY: within FilterAttach, with the handle that NDIS gave.
    let status = unsafe {
        sys::NdisFSetAttributes(
            adapter.handle().as_raw(),
            module.as_raw(),
            (&raw const attributes).cast_mut(),
        )
    };
    let result = Status::from_raw(status).ok();
    match result {
        // NDIS has the context from here on, until `detach` takes it back.
        Ok(()) => _ = module.into_raw(),
        Err(_) => Module::detach(module),
    }
    result
}

/// FilterDetach.
pub(super) unsafe extern "C" fn detach<F: Filter>(context: NDIS_HANDLE) {
    // SAFETY: `attach` made the context, and NDIS gives it back once.
    let module = unsafe { Shared::<F::Module>::from_raw(context) };
    if let Some(module) = module {
        Module::detach(module);
    }
}

/// FilterRestart.
pub(super) unsafe extern "C" fn restart<F: Filter>(
    context: NDIS_HANDLE,
    parameters: *mut NDIS_FILTER_RESTART_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let Some(module) = (unsafe { module::<F>(context) }) else {
        return Status::FAILURE.as_raw();
    };
    // SAFETY: NDIS' own parameters, alive through the call.
    let attributes = unsafe { RestartAttributes::from_raw(parameters) };
    Status::from(module.restart(&attributes)).as_raw()
}

/// FilterPause.
pub(super) unsafe extern "C" fn pause<F: Filter>(
    context: NDIS_HANDLE,
    _parameters: *mut NDIS_FILTER_PAUSE_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let Some(module) = (unsafe { module::<F>(context) }) else {
        return Status::SUCCESS.as_raw();
    };
    let completion = PauseCompletion::new(module.origin().handle());
    Status::from(module.pause(completion)).as_raw()
}

/// FilterSendNetBufferLists.
pub(super) unsafe extern "C" fn send<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
) {
    // SAFETY: an attached module's context.
    let module = unsafe { module::<F>(context) };
    // SAFETY: NDIS hands the chain to this driver.
    let lists = unsafe { ForeignChain::from_raw(lists) };
    if let (Some(module), Some(lists)) = (module, lists) {
        module.send(SendRequest::new(module.origin().handle(), lists, port, flags));
    }
}

/// FilterSendNetBufferListsComplete.
pub(super) unsafe extern "C" fn send_complete<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
) {
    // SAFETY: an attached module's context.
    let Some(module) = (unsafe { module::<F>(context) }) else { return };
    // SAFETY: NDIS completes the chain to this module.
    let (own, foreign) = unsafe { chain::part(lists, module.origin()) };
    let handle = module.origin().handle().as_raw();
    if let Some(foreign) = foreign {
        // SAFETY: lists that this module passed down, on their way back up.
        unsafe { sys::NdisFSendNetBufferListsComplete(handle, foreign.as_raw(), flags) };
    }
    // Last: our own lists home may complete a pause, after which the module may be gone.
    take_home(module, own);
}

/// FilterReceiveNetBufferLists.
pub(super) unsafe extern "C" fn receive<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    port: NDIS_PORT_NUMBER,
    count: ULONG,
    flags: ULONG,
) {
    // SAFETY: an attached module's context.
    let module = unsafe { module::<F>(context) };
    // SAFETY: NDIS hands the chain to this driver, or lends it for the length of the call.
    let lists = unsafe { ForeignChain::from_raw(lists) };
    if let (Some(module), Some(lists)) = (module, lists) {
        let handle = module.origin().handle();
        let borrowed = BorrowedIndication::new(handle, lists, port, count, flags);
        if flags & sys::NDIS_RECEIVE_FLAGS_RESOURCES == 0 {
            module.receive(ReceiveIndication::new(borrowed));
        } else {
            module.receive_borrowed(&borrowed);
        }
    }
}

/// FilterReturnNetBufferLists.
pub(super) unsafe extern "C" fn give_back<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
) {
    // SAFETY: an attached module's context.
    let Some(module) = (unsafe { module::<F>(context) }) else { return };
    // SAFETY: NDIS returns the chain to this module.
    let (own, foreign) = unsafe { chain::part(lists, module.origin()) };
    let handle = module.origin().handle().as_raw();
    if let Some(foreign) = foreign {
        // SAFETY: lists that this module passed up, on their way back down.
        unsafe { sys::NdisFReturnNetBufferLists(handle, foreign.as_raw(), flags) };
    }
    // Last: our own lists home may complete a pause, after which the module may be gone.
    take_home(module, own);
}

fn take_home<M: Module>(module: &M, own: Option<Homecoming<'_, M::Ticket>>) {
    if let Some(mut own) = own {
        module.came_home(&mut own);
    }
}

/// FilterOidRequest.
pub(super) unsafe extern "C" fn oid_request<F: Filter>(
    context: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let module = unsafe { module::<F>(context) };
    let (Some(module), Some(request)) = (module, NonNull::new(request)) else {
        return Status::FAILURE.as_raw();
    };
    // SAFETY: NDIS makes the request of this module.
    let request = unsafe { OidRequest::new(module.origin().handle(), request) };
    module.oid_request(request).status().as_raw()
}

/// FilterOidRequestComplete.
pub(super) unsafe extern "C" fn oid_request_complete<F: Filter>(
    context: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    // SAFETY: an attached module's context.
    if let Some(module) = unsafe { module::<F>(context) } {
        let status = Status::from_raw(status);
        // SAFETY: NDIS completes a request of this module.
        unsafe { oid::complete(module.origin().handle(), request, status) };
    }
}

/// FilterCancelOidRequest.
pub(super) unsafe extern "C" fn cancel_oid_request<F: Filter>(
    context: NDIS_HANDLE,
    request_id: PVOID,
) {
    // SAFETY: an attached module's context.
    if let Some(module) = unsafe { module::<F>(context) } {
        oid::cancel(module.origin().handle(), request_id);
    }
}

/// FilterStatus.
pub(super) unsafe extern "C" fn status<F: Filter>(
    context: NDIS_HANDLE,
    indication: *mut NDIS_STATUS_INDICATION,
) {
    // SAFETY: an attached module's context.
    let module = unsafe { module::<F>(context) };
    if let (Some(module), Some(indication)) = (module, NonNull::new(indication)) {
        // SAFETY: NDIS' own structure, alive through the call.
        module.status(unsafe { StatusIndication::new(module.origin().handle(), indication) });
    }
}

/// FilterNetPnPEvent.
pub(super) unsafe extern "C" fn net_pnp_event<F: Filter>(
    context: NDIS_HANDLE,
    event: *mut NET_PNP_EVENT_NOTIFICATION,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let module = unsafe { module::<F>(context) };
    let (Some(module), Some(event)) = (module, NonNull::new(event)) else {
        return Status::FAILURE.as_raw();
    };
    // SAFETY: NDIS' own structure, alive through the call.
    let event = unsafe { NetPnPEvent::new(module.origin().handle(), event) };
    module.net_pnp_event(event).as_raw()
}

/// FilterDevicePnPEventNotify.
pub(super) unsafe extern "C" fn device_pnp_event<F: Filter>(
    context: NDIS_HANDLE,
    event: *mut NET_DEVICE_PNP_EVENT,
) {
    // SAFETY: an attached module's context.
    let module = unsafe { module::<F>(context) };
    if let (Some(module), Some(event)) = (module, NonNull::new(event)) {
        // SAFETY: NDIS' own structure, alive through the call.
        module.device_pnp_event(unsafe { DevicePnPEvent::new(module.origin().handle(), event) });
    }
}

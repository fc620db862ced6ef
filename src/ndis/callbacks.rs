//! What NDIS calls: raw pointers in, safe calls of a [`Module`] out.
#![expect(unsafe_code, reason = "NDIS speaks in raw pointers")]

use super::{
    attach::Attachment,
    chain::{self, ForeignChain},
    driver::{DriverContext, Filter, Module, Ticket},
    event::{DevicePnPEvent, NetPnPEvent, StatusIndication},
    handle::FilterHandle,
    later::Later,
    memory::Shared,
    oid::{self, OidRequest},
    origin::{Origin, Passing, PauseCompletion},
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
use core::{ptr::NonNull, sync::atomic::Ordering};

/// What NDIS keeps for a module.
struct Attached<F: Filter> {
    module: Shared<F::Module>,
    origin: Shared<Origin<Ticket<F>>>,
}

impl<F: Filter> Attached<F> {
    fn handle(&self) -> FilterHandle {
        self.origin.handle()
    }

    fn passing(&self) -> Option<Passing<'_>> {
        self.origin.passing()
    }
}

/// What [`attach`] gave NDIS to keep.
///
/// # Safety
///
/// NDIS gave `context` to a callback of a module of `F` that is attached for `'m`.
unsafe fn attached<'m, F: Filter>(context: NDIS_HANDLE) -> Option<&'m Attached<F>> {
    // SAFETY: `attach` made the context of a `Shared`, which only `detach` takes back.
    unsafe { Shared::peek(context) }
}

/// FilterSetOptions, which NDIS calls while the driver registers.
pub(super) unsafe extern "C" fn set_options<F: Filter>(
    handle: NDIS_HANDLE,
    driver_context: NDIS_HANDLE,
) -> NDIS_STATUS {
    // SAFETY: the registration keeps its context alive.
    if let Some(context) = unsafe { Shared::<DriverContext<F>>::peek(driver_context) } {
        context.handle.store(handle, Ordering::Release);
    }
    Status::SUCCESS.as_raw()
}

/// FilterAttach.
pub(super) unsafe extern "C" fn attach<F: Filter>(
    handle: NDIS_HANDLE,
    driver_context: NDIS_HANDLE,
    parameters: *mut NDIS_FILTER_ATTACH_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: NDIS gives the handle to use until FilterDetach returns.
    let handle = unsafe { FilterHandle::from_raw(handle) };
    // SAFETY: the registration keeps its context alive.
    let context = unsafe { Shared::<DriverContext<F>>::peek(driver_context) };
    // SAFETY: NDIS' own parameters, alive through the call.
    let adapter = unsafe { Attachment::new(parameters) };
    let result = adapter.and_then(|adapter| {
        let context = context.ok_or(Error::BadState)?;
        let driver = context.handle.load(Ordering::Acquire);
        // SAFETY: FilterSetOptions brought the driver's handle, before any attach; modules are
        // detached before the driver deregisters.
        let later = unsafe { Later::new(driver, go_on::<F>) }?;
        let origin = Shared::try_new(Origin::try_new(handle, later)?)?;
        let result = try_attach(&*context.filter, &adapter, &origin);
        if result.is_err() {
            origin.free();
        }
        result
    });
    Status::from(result).as_raw()
}

fn try_attach<F: Filter>(
    filter: &F,
    adapter: &Attachment<'_>,
    origin: &Shared<Origin<Ticket<F>>>,
) -> Result {
    let module = filter.attach(adapter, origin.clone())?;
    let kept = Shared::try_new(Attached::<F> { module: module.clone(), origin: origin.clone() });
    let result = kept.and_then(|kept| set_attributes(kept, origin));
    if result.is_err() {
        module.detached();
    }
    result
}

/// Gives NDIS what it keeps for a module.
fn set_attributes<F: Filter>(kept: Shared<Attached<F>>, origin: &Origin<Ticket<F>>) -> Result {
    #[expect(clippy::cast_possible_truncation, reason = "both constants fit a byte")]
    let attributes = NDIS_FILTER_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: sys::NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES as UCHAR,
            Revision: sys::NDIS_FILTER_ATTRIBUTES_REVISION_1 as UCHAR,
            Size: sys::NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1,
        },
        Flags: 0,
    };
    origin.later().set_context(kept.as_raw());
    // SAFETY: within FilterAttach, with the handle that NDIS gave.
    let status = unsafe {
        sys::NdisFSetAttributes(
            origin.handle().as_raw(),
            kept.as_raw(),
            (&raw const attributes).cast_mut(),
        )
    };
    Status::from_raw(status).ok()?;
    // NDIS has the context from here on, until `detach` takes it back.
    let _context = kept.into_raw();
    Ok(())
}

/// FilterDetach.
pub(super) unsafe extern "C" fn detach<F: Filter>(context: NDIS_HANDLE) {
    // SAFETY: `attach` made the context, and NDIS gives it back once.
    if let Some(attached) = unsafe { Shared::<Attached<F>>::from_raw(context) } {
        attached.module.detached();
        attached.origin.free();
    }
}

/// FilterRestart.
///
/// The module runs from the end of this call on. NDIS takes it for running a moment later, when it
/// has seen the answer; what is originated in between is what every filter risks that answers at
/// once.
pub(super) unsafe extern "C" fn restart<F: Filter>(
    context: NDIS_HANDLE,
    parameters: *mut NDIS_FILTER_RESTART_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let Some(attached) = (unsafe { attached::<F>(context) }) else {
        return Status::FAILURE.as_raw();
    };
    // SAFETY: NDIS' own parameters, alive through the call.
    let attributes = unsafe { RestartAttributes::from_raw(parameters) };
    let sizes = attached.module.restart(&attributes);
    let result = sizes.and_then(|sizes| attached.origin.open(sizes));
    attached.module.restarted(result);
    Status::from(result).as_raw()
}

/// FilterPause.
pub(super) unsafe extern "C" fn pause<F: Filter>(
    context: NDIS_HANDLE,
    _parameters: *mut NDIS_FILTER_PAUSE_PARAMETERS,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let Some(attached) = (unsafe { attached::<F>(context) }) else {
        return Status::SUCCESS.as_raw();
    };
    let closing = attached.origin.close();
    // What waits finds the origin closed, and is given up.
    attached.module.pausing();
    let Some(closing) = closing else { return Status::SUCCESS.as_raw() };
    // Last: when the last list is home, the module may be gone.
    Status::from(closing.drain(PauseCompletion::new(attached.handle()))).as_raw()
}

/// What [`Running::go_on_later`](super::Running::go_on_later) queued.
unsafe extern "C" fn go_on<F: Filter>(context: PVOID, _item: NDIS_HANDLE) {
    // SAFETY: `attach` set the context, and what is queued keeps the module from pausing.
    let Some(attached) = (unsafe { attached::<F>(context) }) else { return };
    // SAFETY: `go_on_later` lent one user, for this call.
    let loan = unsafe { attached.origin.gate().homecoming(1) };
    attached.origin.later().has_started();
    attached.module.go_on();
    // Last: this may complete a pause, after which the module may be gone.
    drop(loan);
}

/// FilterSendNetBufferLists.
pub(super) unsafe extern "C" fn send<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    port: NDIS_PORT_NUMBER,
    flags: ULONG,
) {
    // SAFETY: an attached module's context.
    let attached = unsafe { attached::<F>(context) };
    // SAFETY: NDIS hands the chain to this driver.
    let lists = unsafe { ForeignChain::from_raw(lists) };
    if let (Some(attached), Some(lists)) = (attached, lists) {
        let passing = attached.passing();
        let request = SendRequest::new(attached.handle(), lists, port, flags);
        attached.module.send(request, passing.as_ref());
    }
}

/// FilterSendNetBufferListsComplete.
pub(super) unsafe extern "C" fn send_complete<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
) {
    // SAFETY: NDIS completes the chain to this module.
    unsafe { come_back::<F>(context, lists, flags, sys::NdisFSendNetBufferListsComplete) };
}

/// Takes lists of our own home, and lets `pass_on` pass those of others on.
///
/// # Safety
///
/// `context` is an attached module's. `lists` came to it in FilterSendNetBufferListsComplete or in
/// FilterReturnNetBufferLists, and `pass_on` is NDIS' function for the same way.
#[inline]
unsafe fn come_back<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
    pass_on: unsafe extern "C" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, ULONG),
) {
    // SAFETY: an attached module's context.
    let Some(attached) = (unsafe { attached::<F>(context) }) else { return };
    if attached.origin.gate().is_occupied() {
        // SAFETY: the caller's promise.
        unsafe { part::<F>(context, lists, flags, pass_on) };
    } else {
        // None of ours is under way, so none has to be looked for.
        // SAFETY: lists that this module passed on, on their way back.
        unsafe { pass_on(attached.handle().as_raw(), lists, flags) };
    }
}

/// As [`come_back`], where lists of our own may be among them; out of line, with the arguments where
/// they are, so that the way of others' lists saves no registers for it.
///
/// # Safety
///
/// As for [`come_back`].
#[inline(never)]
unsafe extern "C" fn part<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
    pass_on: unsafe extern "C" fn(NDIS_HANDLE, *mut NET_BUFFER_LIST, ULONG),
) {
    // SAFETY: an attached module's context.
    let Some(attached) = (unsafe { attached::<F>(context) }) else { return };
    // SAFETY: the caller's promise.
    let (own, foreign) = unsafe { chain::part(lists, &attached.origin) };
    if let Some(foreign) = foreign {
        // SAFETY: lists that this module passed on, on their way back.
        unsafe { pass_on(attached.handle().as_raw(), foreign.as_raw(), flags) };
    }
    if let Some(mut own) = own {
        attached.module.came_home(&mut own);
        // Last: our own lists home may complete a pause, after which the module may be gone.
        drop(own);
    }
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
    let attached = unsafe { attached::<F>(context) };
    // SAFETY: NDIS hands the chain to this driver, or lends it for the length of the call.
    let lists = unsafe { ForeignChain::from_raw(lists) };
    if let (Some(attached), Some(lists)) = (attached, lists) {
        let passing = attached.passing();
        if flags & sys::NDIS_RECEIVE_FLAGS_RESOURCES == 0 {
            let lists = ReceiveIndication::new(attached.handle(), lists, port, count, flags);
            attached.module.receive(lists, passing.as_ref());
        } else {
            let mut lists = BorrowedIndication::new(attached.handle(), lists, port, count, flags);
            attached.module.receive_borrowed(&mut lists, passing.as_ref());
        }
    }
}

/// FilterReturnNetBufferLists.
pub(super) unsafe extern "C" fn give_back<F: Filter>(
    context: NDIS_HANDLE,
    lists: *mut NET_BUFFER_LIST,
    flags: ULONG,
) {
    // SAFETY: NDIS returns the chain to this module.
    unsafe { come_back::<F>(context, lists, flags, sys::NdisFReturnNetBufferLists) };
}

/// FilterOidRequest.
pub(super) unsafe extern "C" fn oid_request<F: Filter>(
    context: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let attached = unsafe { attached::<F>(context) };
    let (Some(attached), Some(request)) = (attached, NonNull::new(request)) else {
        return Status::FAILURE.as_raw();
    };
    // SAFETY: NDIS makes the request of this module.
    let request = unsafe { OidRequest::new(attached.handle(), request) };
    attached.module.oid_request(request).status().as_raw()
}

/// FilterOidRequestComplete.
pub(super) unsafe extern "C" fn oid_request_complete<F: Filter>(
    context: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    // SAFETY: an attached module's context.
    if let Some(attached) = unsafe { attached::<F>(context) } {
        let status = Status::from_raw(status);
        // SAFETY: NDIS completes a request of this module.
        unsafe { oid::complete(attached.handle(), request, status) };
    }
}

/// FilterCancelOidRequest.
pub(super) unsafe extern "C" fn cancel_oid_request<F: Filter>(
    context: NDIS_HANDLE,
    request_id: PVOID,
) {
    // SAFETY: an attached module's context.
    if let Some(attached) = unsafe { attached::<F>(context) } {
        oid::cancel(attached.handle(), request_id);
    }
}

/// FilterStatus.
pub(super) unsafe extern "C" fn status<F: Filter>(
    context: NDIS_HANDLE,
    indication: *mut NDIS_STATUS_INDICATION,
) {
    // SAFETY: an attached module's context.
    let attached = unsafe { attached::<F>(context) };
    if let (Some(attached), Some(indication)) = (attached, NonNull::new(indication)) {
        // SAFETY: NDIS' own structure, alive through the call.
        attached.module.status(unsafe { StatusIndication::new(attached.handle(), indication) });
    }
}

/// FilterNetPnPEvent.
pub(super) unsafe extern "C" fn net_pnp_event<F: Filter>(
    context: NDIS_HANDLE,
    event: *mut NET_PNP_EVENT_NOTIFICATION,
) -> NDIS_STATUS {
    // SAFETY: an attached module's context.
    let attached = unsafe { attached::<F>(context) };
    let (Some(attached), Some(event)) = (attached, NonNull::new(event)) else {
        return Status::FAILURE.as_raw();
    };
    // SAFETY: NDIS' own structure, alive through the call.
    let event = unsafe { NetPnPEvent::new(attached.handle(), event) };
    attached.module.net_pnp_event(event).of_the_end().as_raw()
}

/// FilterDevicePnPEventNotify.
pub(super) unsafe extern "C" fn device_pnp_event<F: Filter>(
    context: NDIS_HANDLE,
    event: *mut NET_DEVICE_PNP_EVENT,
) {
    // SAFETY: an attached module's context.
    let attached = unsafe { attached::<F>(context) };
    if let (Some(attached), Some(event)) = (attached, NonNull::new(event)) {
        // SAFETY: NDIS' own structure, alive through the call.
        let event = unsafe { DevicePnPEvent::new(attached.handle(), event) };
        attached.module.device_pnp_event(event);
    }
}

//! Registering a filter, setting attributes, completing pause and restart.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::Handle;
use crate::abi::io::DriverObject;
use crate::abi::ndis::{
    FilterAttributes, FilterDriverCharacteristics, FilterPartialCharacteristics,
    PAUSE_FILTER_RESTART_STACK, object,
};
use crate::call::Call;
use crate::checks::{header, state};
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::module_state::ModuleState;
use crate::ndis::filter::{DataHandlers, Handlers, Registration};
use crate::ndis::lifecycle;
use crate::rule::Rule;
use crate::schedule::session;
use crate::status::NtStatus;
use crate::sync::{lock, read, write};

exports![
    NdisFRegisterFilterDriver,
    NdisFDeregisterFilterDriver,
    NdisFSetAttributes,
    NdisSetOptionalHandlers,
    NdisFPauseComplete,
    NdisFRestartComplete,
    NdisFRestartFilter,
    NdisGetVersion,
];

/// Registers a filter driver and copies its characteristics.
pub extern "win64" fn NdisFRegisterFilterDriver(
    driver_object: Guest<DriverObject>,
    context: Handle,
    characteristics: Guest<FilterDriverCharacteristics>,
    handle: Guest<Handle>,
) -> NtStatus {
    type C = FilterDriverCharacteristics;
    let call = Call::enter("NdisFRegisterFilterDriver", Irql::PASSIVE, characteristics.address());
    handle.write(Handle::NULL);
    let sizes = [(1, 200), (2, 224), (3, 240)];
    if !header::check(&call, characteristics, object::FILTER_DRIVER_CHARACTERISTICS, &sizes) {
        return NtStatus::NDIS_BAD_CHARACTERISTICS;
    }
    let version =
        (characteristics.get(C::MAJOR_NDIS_VERSION), characteristics.get(C::MINOR_NDIS_VERSION));
    if version.0 != 6 || version > call.machine.options.ndis_version {
        let (major, minor) = version;
        call.violate(
            Rule::Registration,
            format!("the driver is for NDIS {major}.{minor}, which this system does not have"),
            &[],
        );
        return NtStatus::NDIS_BAD_VERSION;
    }
    let handlers = read_handlers(characteristics);
    if !check_handlers(&call, &handlers) {
        return NtStatus::NDIS_BAD_CHARACTERISTICS;
    }
    let driver = read(&call.machine.drivers)
        .values()
        .find(|driver| driver.object() == driver_object)
        .cloned();
    let Some(driver) = driver else {
        call.violate(Rule::Registration, "the driver object is not the driver's own", &[]);
        return NtStatus::INVALID_PARAMETER;
    };
    if read(&driver.registration).is_some() {
        call.violate(Rule::Registration, "the driver registered a filter already", &[]);
        return NtStatus::FAILURE;
    }
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    let registration = Registration { handle: call.machine.new_handle(), context, handlers };
    handle.write(registration.handle);
    *write(&driver.registration) = Some(registration);
    if let Some(set_options) = handlers.set_options {
        let frame = driver.frame("FilterSetOptions");
        let status = call.machine.call_driver(frame, Irql::PASSIVE, context.0, || {
            set_options(registration.handle, context)
        });
        if !status.is_success() {
            *write(&driver.registration) = None;
            handle.write(Handle::NULL);
            return status;
        }
    }
    NtStatus::SUCCESS
}

fn read_handlers(characteristics: Guest<FilterDriverCharacteristics>) -> Handlers {
    type C = FilterDriverCharacteristics;
    let c = characteristics;
    let revision = c.get(C::HEADER_REVISION);
    // Handlers that a shorter structure lacks are not read.
    let (direct, synchronous) = (revision >= 2, revision >= 3);
    Handlers {
        direct_oid: direct.then(|| c.get(C::DIRECT_OID_REQUEST)).flatten(),
        direct_oid_complete: direct.then(|| c.get(C::DIRECT_OID_REQUEST_COMPLETE)).flatten(),
        cancel_direct_oid: direct.then(|| c.get(C::CANCEL_DIRECT_OID_REQUEST)).flatten(),
        synchronous_oid: synchronous.then(|| c.get(C::SYNCHRONOUS_OID_REQUEST)).flatten(),
        synchronous_oid_complete: synchronous
            .then(|| c.get(C::SYNCHRONOUS_OID_REQUEST_COMPLETE))
            .flatten(),
        set_options: c.get(C::SET_OPTIONS),
        set_module_options: c.get(C::SET_MODULE_OPTIONS),
        attach: c.get(C::ATTACH),
        detach: c.get(C::DETACH),
        restart: c.get(C::RESTART),
        pause: c.get(C::PAUSE),
        oid_request: c.get(C::OID_REQUEST),
        oid_complete: c.get(C::OID_REQUEST_COMPLETE),
        cancel_oid: c.get(C::CANCEL_OID_REQUEST),
        device_pnp: c.get(C::DEVICE_PNP_EVENT),
        net_pnp: c.get(C::NET_PNP_EVENT),
        status: c.get(C::STATUS),
        data: DataHandlers {
            send: c.get(C::SEND),
            send_complete: c.get(C::SEND_COMPLETE),
            cancel_send: c.get(C::CANCEL_SEND),
            receive: c.get(C::RECEIVE),
            give_back: c.get(C::RETURN),
        },
    }
}

fn check_handlers(call: &Call, handlers: &Handlers) -> bool {
    let mandatory = [
        ("FilterAttach", handlers.attach.is_some()),
        ("FilterDetach", handlers.detach.is_some()),
        ("FilterRestart", handlers.restart.is_some()),
        ("FilterPause", handlers.pause.is_some()),
    ];
    for (name, present) in mandatory {
        if !present {
            call.violate(Rule::Registration, format!("the mandatory {name} is missing"), &[]);
            return false;
        }
    }
    if handlers.oid_request.is_some() != handlers.oid_complete.is_some() {
        let message = "FilterOidRequest and FilterOidRequestComplete do not come as a pair";
        call.violate(Rule::HandlerPairs, message, &[]);
        return false;
    }
    if handlers.direct_oid.is_some() != handlers.direct_oid_complete.is_some() {
        let message =
            "FilterDirectOidRequest and FilterDirectOidRequestComplete do not come as a pair";
        call.violate(Rule::HandlerPairs, message, &[]);
        return false;
    }
    let receives = handlers.data.receive.is_some() || handlers.data.give_back.is_some();
    if receives && handlers.status.is_none() {
        let message = "a filter with a receive or return handler must have FilterStatus";
        call.violate(Rule::HandlerPairs, message, &[]);
    }
    true
}

/// Deregisters a filter driver; detaches what is still attached.
pub extern "win64" fn NdisFDeregisterFilterDriver(handle: Handle) {
    let call = Call::enter("NdisFDeregisterFilterDriver", Irql::PASSIVE, handle.0);
    let frame = Call::frame();
    let driver = read(&call.machine.drivers)
        .values()
        .find(|driver| read(&driver.registration).is_some_and(|r| r.handle == handle))
        .cloned();
    let Some(driver) = driver else {
        call.violate(Rule::Header, "the handle is not that of a registered filter driver", &[]);
        return;
    };
    if !matches!(frame.callback, "DriverUnload" | "DriverEntry") {
        let message = format!("called from {}, not from DriverUnload", frame.callback);
        call.violate(Rule::Registration, message, &[]);
    }
    lifecycle::stop(&call.machine, &driver);
    *write(&driver.registration) = None;
}

/// Binds the driver's context to a filter module.
pub extern "win64" fn NdisFSetAttributes(
    filter: Handle,
    context: Handle,
    attributes: Guest<FilterAttributes>,
) -> NtStatus {
    let call = Call::enter("NdisFSetAttributes", Irql::PASSIVE, filter.0);
    let Some(module) = state::module(&call, filter) else { return NtStatus::FAILURE };
    if !header::check(&call, attributes, object::FILTER_ATTRIBUTES, &[(1, 8)]) {
        return NtStatus::FAILURE;
    }
    if attributes.get(FilterAttributes::FLAGS) != 0 {
        call.violate(Rule::Attributes, "the attributes' Flags are not zero", &[]);
    }
    if Call::frame().callback != "FilterAttach" {
        call.violate(Rule::Attributes, "attributes are set outside FilterAttach", &[]);
        return NtStatus::FAILURE;
    }
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    let previous = lock(&module.inner).context.replace(context);
    if previous.is_some() {
        call.violate(Rule::Attributes, "attributes were set before", &[]);
    }
    NtStatus::SUCCESS
}

/// Changes the handlers of the data path of a module, or at registration.
pub extern "win64" fn NdisSetOptionalHandlers(
    handle: Handle,
    handlers: Guest<FilterPartialCharacteristics>,
) -> NtStatus {
    type P = FilterPartialCharacteristics;
    let call = Call::enter("NdisSetOptionalHandlers", Irql::PASSIVE, handle.0);
    let kind = object::FILTER_PARTIAL_CHARACTERISTICS;
    if !header::check(&call, handlers, kind, &[(1, 48)]) {
        return NtStatus::INVALID_PARAMETER;
    }
    let Some(module) = call.machine.module(handle) else {
        // Called with the driver's handle, from FilterSetOptions: other optional services.
        return NtStatus::NOT_SUPPORTED;
    };
    let mut inner = lock(&module.inner);
    if !inner.setting_options && inner.state != ModuleState::Restarting {
        drop(inner);
        let message = "handlers may be changed in FilterSetModuleOptions only";
        call.violate(Rule::IllegalState, message, &[]);
        return NtStatus::FAILURE;
    }
    inner.handlers = DataHandlers {
        send: handlers.get(P::SEND),
        send_complete: handlers.get(P::SEND_COMPLETE),
        cancel_send: handlers.get(P::CANCEL_SEND),
        receive: handlers.get(P::RECEIVE),
        give_back: handlers.get(P::RETURN),
    };
    NtStatus::SUCCESS
}

/// Completes a pending pause.
pub extern "win64" fn NdisFPauseComplete(filter: Handle) {
    let call = Call::enter("NdisFPauseComplete", Irql::DISPATCH, filter.0);
    let Some(module) = state::module(&call, filter) else { return };
    let (pending, before) = {
        let inner = lock(&module.inner);
        (inner.pause_pending, inner.pause_completed)
    };
    if pending && !before {
        // Before anyone knows: who waits restarts the module, and the next lists are under way.
        let what = "NdisFPauseComplete was called";
        state::check_nothing_outstanding(&call.machine, &module, call.site, what);
    }
    // As on any machine, others may go on here.
    session::point();
    if std::mem::replace(&mut lock(&module.inner).pause_completed, true) {
        call.violate(Rule::PauseCompletion, "the pause was completed twice", &[]);
    } else if !pending {
        call.violate(Rule::PauseCompletion, "no pause is pending", &[]);
    }
    module.changed.notify();
}

/// Completes a pending restart.
pub extern "win64" fn NdisFRestartComplete(filter: Handle, status: NtStatus) {
    let call = Call::enter("NdisFRestartComplete", Irql::PASSIVE, filter.0);
    let Some(module) = state::module(&call, filter) else { return };
    let (pending, before) = {
        let mut inner = lock(&module.inner);
        (inner.restart_pending, inner.restart_completed.replace(status))
    };
    if before.is_some() {
        call.violate(Rule::RestartCompletion, "the restart was completed twice", &[]);
    } else if !pending {
        call.violate(Rule::RestartCompletion, "no restart is pending", &[]);
    }
    if status == NtStatus::PENDING {
        call.violate(Rule::RestartCompletion, "a restart completes with a final status", &[]);
    }
    module.changed.notify();
}

/// Schedules a pause and a restart of a module.
pub extern "win64" fn NdisFRestartFilter(filter: Handle) -> NtStatus {
    let call = Call::enter("NdisFRestartFilter", Irql::DISPATCH, filter.0);
    let Some(module) = state::module(&call, filter) else { return NtStatus::FAILURE };
    if call.allocation_fails() {
        return NtStatus::RESOURCES;
    }
    let machine = std::sync::Arc::clone(&call.machine);
    call.machine.work.push(filter.0, move || {
        if module.state() == ModuleState::Running {
            if lifecycle::begin_pause(&machine, &module, PAUSE_FILTER_RESTART_STACK) {
                lifecycle::finish_pause(&machine, &module);
            }
            let attributes = crate::restart_attributes::RestartAttributes::of(&module.config);
            // The module is gone if it fails, which its state says.
            let _ = lifecycle::restart(&machine, &module, &attributes);
        }
    });
    NtStatus::SUCCESS
}

/// The version of NDIS: major in the upper half, minor in the lower.
pub extern "win64" fn NdisGetVersion() -> u32 {
    let call = Call::enter("NdisGetVersion", Irql::HIGH, 0);
    let (major, minor) = call.machine.options.ndis_version;
    u32::from(major) << 16 | u32::from(minor)
}

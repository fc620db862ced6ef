//! C04, C18, C21, C30: what a module may do in which state.

use std::sync::Arc;

use crate::abi::Handle;
use crate::call::Call;
use crate::ledger::Holder;
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::module::Module;
use crate::oid_request::{OidKind, OidQuery, OidResult};
use crate::processor;
use crate::restart_attributes::AttributeList;
use crate::rule::Rule;
use crate::sync::{lock, read};

/// The module that a handle names; C38 if none.
pub(crate) fn module(call: &Call, handle: Handle) -> Option<Arc<Module>> {
    let module = call.machine.module(handle);
    if module.is_none() {
        let message = format!("{:#x} is not the handle of an attached filter module", handle.0);
        call.violate(Rule::Header, message, &[]);
    }
    module
}

/// C04: a module originates only while it runs.
pub(crate) fn check_may_originate(call: &Call, module: &Module) {
    let inner = lock(&module.inner);
    let (state, told) = (inner.state, inner.knows_it_is_paused());
    drop(inner);
    let early = state == ModuleState::Restarting
        && processor::any_frame(|frame| frame.callback == "FilterRestart");
    let never = matches!(state, ModuleState::Attaching | ModuleState::Detached);
    if told || early || never {
        let message = format!("{} originates while the module is {state}", call.name);
        call.violate(Rule::IllegalState, message, &[]);
    }
}

/// C04: OID requests, and passing lists on, are possible from Paused onwards.
pub(crate) fn check_attached(call: &Call, module: &Module) {
    let state = module.state();
    if matches!(state, ModuleState::Attaching | ModuleState::Detached) {
        let message = format!("{} was called while the module is {state}", call.name);
        call.violate(Rule::IllegalState, message, &[]);
    }
}

/// C21: when a pause completes, all that the module originated is home, and it keeps nothing of
/// others.
pub(crate) fn check_nothing_outstanding(machine: &Machine, module: &Module, site: u64, what: &str) {
    let outstanding = lock(&machine.ledger).lists_of(module.handle, |record, journey| {
        if journey.own {
            record.holder == Holder::Ndis
        } else {
            // A lent list goes home by itself when the call that lent it returns.
            record.holder == Holder::Driver && record.in_call == 0 && !journey.resources
        }
    });
    if outstanding.is_empty() {
        return;
    }
    let objects: Vec<_> = outstanding.iter().map(|&item| machine.describe(item)).collect();
    let message = format!("{what} with {} lists outstanding", objects.len());
    machine.violate(Rule::PauseOutstanding, site, message, objects);
}

/// C30: restart attributes are changed as allowed.
pub(crate) fn check_attributes(
    machine: &Machine,
    module: &Module,
    list: &AttributeList,
    restarted: bool,
) {
    let handlers = read(&module.driver.registration).map(|it| it.handlers).unwrap_or_default();
    if restarted && list.general_changed() && handlers.oid_request.is_none() {
        let message = "a filter without FilterOidRequest changed restart attributes".to_owned();
        machine.violate(Rule::RestartAttributes, 0, message, Vec::new());
    }
    for index in list.wrongly_changed(restarted) {
        let message = if restarted {
            format!("restart attribute {index} is not the filter's to change")
        } else {
            format!("a failed FilterRestart changed restart attribute {index}")
        };
        machine.violate(Rule::RestartAttributes, 0, message, Vec::new());
    }
}

/// C30: what a request for the MTU answers is what the drivers above were told, if the filter had
/// its say in that.
pub(crate) fn check_answer(
    machine: &Machine,
    module: &Module,
    query: &OidQuery,
    answer: &OidResult,
) {
    const OID_GEN_MAXIMUM_FRAME_SIZE: u32 = 0x0001_0106;
    let asks = query.oid == OID_GEN_MAXIMUM_FRAME_SIZE && query.kind == OidKind::Query;
    if !asks || !answer.status.is_success() {
        return;
    }
    let (told, reported) = {
        let inner = lock(&module.inner);
        (inner.told.map(|it| it.mtu), inner.reported.map(|it| it.mtu))
    };
    let (Some(told), Some(reported)) = (told, reported) else { return };
    let answered = answer.buffer.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    if told != reported && answered.is_some_and(|answered| answered != reported) {
        let message = format!(
            "a request for the MTU is answered with {}, but the drivers above were told {reported}",
            answered.unwrap_or(0)
        );
        machine.violate(Rule::RestartAttributes, 0, message, Vec::new());
    }
}

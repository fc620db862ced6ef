//! A module's life, in the order that NDIS documents: attach, restart, pause, detach.

use std::sync::Arc;

use crate::abi::ndis::{
    FilterAttachParameters, FilterPauseParameters, FilterRestartParameters, PAUSE_DETACH_FILTER,
    object,
};
use crate::adapter_config::AdapterConfig;
use crate::checks::{leak, state, time};
use crate::guest::Block;
use crate::irql::Irql;
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::filter::FilterDriver;
use crate::ndis::module::Module;
use crate::restart_attributes::{AttributeList, RestartAttributes};
use crate::rtl::Text;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::{lock, read, write};

/// Puts a filter on an adapter.
pub(crate) fn attach(
    machine: &Arc<Machine>,
    driver: &Arc<FilterDriver>,
    config: AdapterConfig,
) -> Result<Arc<Module>, NtStatus> {
    let registration = (*read(&driver.registration)).ok_or(NtStatus::DEVICE_NOT_READY)?;
    let handle = machine.new_handle();
    let handlers = registration.handlers;
    let module = Arc::new(Module::new(handle, Arc::clone(driver), handlers.data, config));
    write(&machine.modules).insert(handle, Arc::clone(&module));
    let parameters = AttachParameters::new(&module.config);
    let status = machine.call_driver(module.frame("FilterAttach"), Irql::PASSIVE, handle.0, || {
        handlers.attach.map_or(NtStatus::FAILURE, |attach| {
            attach(handle, registration.context, parameters.block.guest())
        })
    });
    if status.is_success() && status != NtStatus::PENDING {
        if lock(&module.inner).context.is_none() {
            let message = "FilterAttach succeeded without calling NdisFSetAttributes".to_owned();
            machine.violate(Rule::Attributes, 0, message, Vec::new());
        }
        lock(&module.inner).enter(ModuleState::Paused);
        return Ok(module);
    }
    if status == NtStatus::PENDING {
        let message = "FilterAttach returned PENDING".to_owned();
        machine.violate(Rule::Attributes, 0, message, Vec::new());
    }
    lock(&module.inner).enter(ModuleState::Detached);
    leak::after_detach(machine, &module, "a failed FilterAttach");
    write(&machine.modules).remove(&handle);
    Err(status)
}

/// The parameters of FilterAttach and what they point to.
struct AttachParameters {
    block: Block,
    _texts: [Text; 3],
}

impl AttachParameters {
    fn new(config: &AdapterConfig) -> Self {
        type P = FilterAttachParameters;
        let block = Block::guarded(P::SIZE);
        let guest = block.guest::<P>();
        let module_name = Text::new(&format!("{}-{{0000}}", config.name));
        let instance = Text::new(&config.friendly_name);
        let miniport = Text::new(&format!("\\Device\\{}", config.name));
        guest.set(P::HEADER_TYPE, object::FILTER_ATTACH_PARAMETERS);
        guest.set(P::HEADER_REVISION, 4);
        guest.set(P::HEADER_SIZE, 224);
        guest.set(P::IF_INDEX, config.if_index + 0x1000);
        guest.set(P::NET_LUID, config.luid | 1);
        guest.set(P::FILTER_MODULE_GUID_NAME, module_name.string());
        guest.set(P::BASE_MINIPORT_IF_INDEX, config.if_index);
        guest.set(P::BASE_MINIPORT_INSTANCE_NAME, instance.string());
        guest.set(P::BASE_MINIPORT_NAME, miniport.string());
        guest.set(P::MEDIA_CONNECT_STATE, if config.connected { 1 } else { 2 });
        guest.set(P::MEDIA_DUPLEX_STATE, 2);
        guest.set(P::XMIT_LINK_SPEED, config.link_speed);
        guest.set(P::RCV_LINK_SPEED, config.link_speed);
        guest.set(P::MINIPORT_MEDIA_TYPE, config.medium);
        guest.set(P::MINIPORT_PHYSICAL_MEDIA_TYPE, config.physical_medium);
        guest.set(P::MAC_ADDRESS_LENGTH, 6);
        let mut mac = [0; 32];
        mac[..6].copy_from_slice(&config.mac);
        guest.set(P::CURRENT_MAC_ADDRESS, mac);
        guest.set(P::BASE_MINIPORT_NET_LUID, config.luid);
        guest.set(P::LOWER_IF_INDEX, config.if_index);
        guest.set(P::LOWER_IF_NET_LUID, config.luid);
        guest.set(P::BASE_MINIPORT_IF_CONNECTOR_PRESENT, 1);
        Self { block, _texts: [module_name, instance, miniport] }
    }
}

/// Restarts a paused module.
pub(crate) fn restart(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    attributes: &RestartAttributes,
) -> Result<(), NtStatus> {
    {
        let mut inner = lock(&module.inner);
        if inner.state != ModuleState::Paused {
            return Err(NtStatus::INVALID_DEVICE_STATE);
        }
        inner.restart_pending = true;
        inner.restart_completed = None;
    }
    let handlers = read(&module.driver.registration).map(|r| r.handlers).unwrap_or_default();
    if let Some(set_options) = handlers.set_module_options {
        lock(&module.inner).setting_options = true;
        let context = module.context();
        machine.call_driver(
            module.frame("FilterSetModuleOptions"),
            Irql::PASSIVE,
            context.0,
            || set_options(context),
        );
        lock(&module.inner).setting_options = false;
    }
    let list = attributes.lay_out();
    {
        let mut inner = lock(&module.inner);
        inner.enter(ModuleState::Restarting);
        inner.told = attributes.told();
    }
    let status = call_restart(machine, module, &list);
    state::check_attributes(machine, module, &list, status.is_success());
    let mut inner = lock(&module.inner);
    inner.restart_pending = false;
    inner.enter(if status.is_success() { ModuleState::Running } else { ModuleState::Paused });
    inner.reported = list.general();
    drop(inner);
    if status.is_success() {
        return Ok(());
    }
    detach(machine, module);
    Err(status)
}

fn call_restart(machine: &Arc<Machine>, module: &Arc<Module>, list: &AttributeList) -> NtStatus {
    type P = FilterRestartParameters;
    let parameters = Block::guarded(P::SIZE);
    let guest = parameters.guest::<P>();
    guest.set(P::HEADER_TYPE, object::FILTER_RESTART_PARAMETERS);
    guest.set(P::HEADER_REVISION, 1);
    guest.set(P::HEADER_SIZE, 44);
    guest.set(P::MINIPORT_MEDIA_TYPE, module.config.medium);
    guest.set(P::MINIPORT_PHYSICAL_MEDIA_TYPE, module.config.physical_medium);
    guest.set(P::RESTART_ATTRIBUTES, list.first());
    guest.set(P::LOWER_IF_INDEX, module.config.if_index);
    guest.set(P::LOWER_IF_NET_LUID, module.config.luid);
    let restart = read(&module.driver.registration).and_then(|r| r.handlers.restart);
    let context = module.context();
    let status =
        machine.call_driver(module.frame("FilterRestart"), Irql::PASSIVE, context.0, || {
            restart.map_or(NtStatus::FAILURE, |restart| restart(context, guest))
        });
    if list.first().is_null() && !guest.get(P::RESTART_ATTRIBUTES).is_null() {
        let message = "FilterRestart added attributes where there were none".to_owned();
        machine.violate(Rule::RestartAttributes, 0, message, Vec::new());
    }
    if status != NtStatus::PENDING {
        if lock(&module.inner).restart_completed.is_some() {
            let message = format!("FilterRestart returned {status} and was completed besides");
            machine.violate(Rule::RestartCompletion, 0, message, Vec::new());
        }
        return status;
    }
    if module.wait(machine, |inner| inner.restart_completed.is_some()) {
        return lock(&module.inner).restart_completed.unwrap_or(NtStatus::FAILURE);
    }
    let message = "a pending FilterRestart was not completed".to_owned();
    machine.violate(Rule::RestartCompletion, 0, message, Vec::new());
    NtStatus::FAILURE
}

/// Calls FilterPause for a reason (`NDIS_PAUSE_*`); says whether it is pending.
pub(crate) fn begin_pause(machine: &Arc<Machine>, module: &Arc<Module>, reason: u32) -> bool {
    type P = FilterPauseParameters;
    {
        let mut inner = lock(&module.inner);
        if inner.state != ModuleState::Running {
            return false;
        }
        inner.enter(ModuleState::Pausing);
        inner.pause_pending = true;
        inner.pause_returned = false;
        inner.pause_completed = false;
    }
    time::check_stuck(machine, module);
    let parameters = Block::guarded(P::SIZE);
    let guest = parameters.guest::<P>();
    guest.set(P::HEADER_TYPE, object::FILTER_PAUSE_PARAMETERS);
    guest.set(P::HEADER_REVISION, 1);
    guest.set(P::HEADER_SIZE, 12);
    guest.set(P::PAUSE_REASON, reason);
    let pause = read(&module.driver.registration).and_then(|r| r.handlers.pause);
    let context = module.context();
    let status = machine.call_driver(module.frame("FilterPause"), Irql::PASSIVE, context.0, || {
        pause.map_or(NtStatus::SUCCESS, |pause| pause(context, guest))
    });
    if status == NtStatus::PENDING {
        lock(&module.inner).pause_returned = true;
        return true;
    }
    if status != NtStatus::SUCCESS {
        let message = format!("FilterPause returned {status}; it may return SUCCESS or PENDING");
        machine.violate(Rule::PauseCompletion, 0, message, Vec::new());
    } else if lock(&module.inner).pause_completed {
        let message = "FilterPause returned SUCCESS and was completed besides".to_owned();
        machine.violate(Rule::PauseCompletion, 0, message, Vec::new());
    } else {
        state::check_nothing_outstanding(machine, module, 0, "FilterPause returned SUCCESS");
    }
    paused(module);
    false
}

fn paused(module: &Module) {
    let mut inner = lock(&module.inner);
    inner.pause_pending = false;
    inner.enter(ModuleState::Paused);
}

/// Waits for a pending pause.
pub(crate) fn finish_pause(machine: &Arc<Machine>, module: &Arc<Module>) {
    if module.state() != ModuleState::Pausing {
        return;
    }
    if !module.wait(machine, |inner| inner.pause_completed) {
        let mut objects = Vec::new();
        for item in lock(&machine.ledger).lists_of(module.handle, |_, _| true) {
            objects.push(machine.describe(item));
        }
        let limit = machine.options.patience;
        let message = format!("a pending FilterPause was not completed within {limit:?}");
        machine.violate(Rule::NdisFilterTimedPauseComplete, 0, message, objects);
    }
    paused(module);
}

/// Detaches a module, after a pause if it runs.
pub(crate) fn detach(machine: &Arc<Machine>, module: &Arc<Module>) {
    if begin_pause(machine, module, PAUSE_DETACH_FILTER) {
        finish_pause(machine, module);
    }
    if module.state() != ModuleState::Paused {
        return;
    }
    machine.settle();
    let detach = read(&module.driver.registration).and_then(|r| r.handlers.detach);
    let context = module.context();
    if let Some(detach) = detach {
        machine.call_driver(module.frame("FilterDetach"), Irql::PASSIVE, context.0, || {
            detach(context);
        });
    }
    lock(&module.inner).enter(ModuleState::Detached);
    leak::after_detach(machine, module, "FilterDetach");
    write(&machine.modules).remove(&module.handle);
}

/// Pauses and detaches every module of a driver.
pub(crate) fn stop(machine: &Arc<Machine>, driver: &FilterDriver) {
    let mut modules: Vec<_> = read(&machine.modules)
        .values()
        .filter(|module| module.driver.id == driver.id)
        .cloned()
        .collect();
    modules.sort_by_key(|module| module.handle.0);
    for module in modules {
        detach(machine, &module);
    }
}

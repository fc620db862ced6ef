//! What happens to a whole stack at once: it sleeps, wakes, is pulled out.

use std::sync::Arc;

use crate::abi::ndis::{PAUSE_LOW_POWER, PAUSE_MINIPORT_DEVICE_REMOVE};
use crate::edge::{Order, Policy};
use crate::machine::Machine;
use crate::ndis::module::Module;
use crate::ndis::{adapter, direct, lifecycle, oid, pnp, protocol};
use crate::oid_request::OidQuery;
use crate::restart_attributes::RestartAttributes;
use crate::status::NtStatus;
use crate::sync::lock;

/// NetEventSetPower.
const EVENT_SET_POWER: u32 = 0;
/// NdisDevicePnPEventSurpriseRemoved.
const EVENT_SURPRISE_REMOVED: u32 = 2;
/// OID_PNP_SET_POWER.
const OID_SET_POWER: u32 = 0xFD01_0101;
/// NdisDeviceStateD0.
const D0: u32 = 1;
/// NdisDeviceStateD3.
const D3: u32 = 4;

fn tell(machine: &Arc<Machine>, module: &Arc<Module>, state: u32) {
    let _ = pnp::net_event(machine, module, EVENT_SET_POWER, &state.to_le_bytes());
}

fn set_power(machine: &Arc<Machine>, module: &Arc<Module>, state: u32) -> NtStatus {
    let query = OidQuery::set(OID_SET_POWER, state.to_le_bytes());
    oid::request(machine, module, &query).status
}

/// The drivers at both ends give back what they hold, and from now on everything at once.
fn let_go(machine: &Arc<Machine>, module: &Arc<Module>) {
    lock(&module.lower).policy = Policy::Inline;
    adapter::release(machine, module, Order::Forward);
    lock(&module.upper).policy = Policy::Inline;
    protocol::release(machine, module, Order::Forward);
}

fn pause(machine: &Arc<Machine>, module: &Arc<Module>, reason: u32) {
    let pending = lifecycle::begin_pause(machine, module, reason);
    let_go(machine, module);
    if pending {
        lifecycle::finish_pause(machine, module);
    }
}

/// Puts the adapter into D3; returns the status of the request that asks the adapter.
pub(crate) fn power_down(machine: &Arc<Machine>, module: &Arc<Module>) -> NtStatus {
    tell(machine, module, D3);
    lock(&module.lower).status = NtStatus::NDIS_LOW_POWER_STATE;
    if module.config.pauses_on_suspend {
        pause(machine, module, PAUSE_LOW_POWER);
    } else {
        let_go(machine, module);
    }
    set_power(machine, module, D3)
}

/// Puts the adapter back into D0.
pub(crate) fn power_up(machine: &Arc<Machine>, module: &Arc<Module>) -> Result<(), NtStatus> {
    let status = set_power(machine, module, D0);
    lock(&module.lower).status = NtStatus::SUCCESS;
    let restarted = if module.config.pauses_on_suspend {
        lifecycle::restart(machine, module, &RestartAttributes::of(&module.config))
    } else {
        Ok(())
    };
    restarted?;
    tell(machine, module, D0);
    if status.is_success() { Ok(()) } else { Err(status) }
}

/// Pulls the adapter out: it fails everything it has and gets, is told of, paused and detached.
pub(crate) fn surprise_remove(machine: &Arc<Machine>, module: &Arc<Module>) {
    {
        let mut lower = lock(&module.lower);
        lower.status = NtStatus::FAILURE;
        lower.oid_answer.status = NtStatus::FAILURE;
        lower.oid_answer.policy = Policy::Inline;
        lower.cable = None;
    }
    pnp::device_event(machine, module, EVENT_SURPRISE_REMOVED, &[]);
    oid::release(machine, module);
    direct::release(machine, module);
    pause(machine, module, PAUSE_MINIPORT_DEVICE_REMOVE);
    lifecycle::detach(machine, module);
}

//! 0x7C, 0x92010, 0x92011, 0x92012, C25: nothing takes for ever.

use std::time::Duration;

use crate::abi::nbl::NetBufferList;
use crate::guest::Guest;
use crate::ledger::{Direction, Holder, NblRecord};
use crate::machine::Machine;
use crate::ndis::module::Module;
use crate::rule::Rule;
use crate::sync::lock;

/// The rule that a callback has to return in time for, if there is one.
fn watched(callback: &str) -> Option<Rule> {
    match callback {
        "FilterNetPnPEvent" | "FilterStatus" | "FilterDetach" => Some(Rule::CallbackTime),
        "FilterPause" => Some(Rule::NdisFilterTimedPauseComplete),
        "FilterOidRequest" | "FilterDirectOidRequest" => Some(Rule::OidCompletion),
        _ => None,
    }
}

/// When a callback begins that has to return in time, and the rule that says so.
pub(crate) fn begin(machine: &Machine, callback: &'static str) -> Option<(Rule, Duration)> {
    watched(callback).map(|rule| (rule, machine.elapsed()))
}

/// A callback that has returned took no longer than NDIS waits.
pub(crate) fn check(machine: &Machine, callback: &'static str, begun: Option<(Rule, Duration)>) {
    let Some((rule, start)) = begun else { return };
    let took = machine.elapsed().saturating_sub(start);
    if took > machine.options.patience {
        let message = format!("{callback} returned after {took:?}");
        machine.violate(rule, 0, message, Vec::new());
    }
}

/// How long the driver has had a list of another driver, if that is too long.
pub(crate) fn overdue(machine: &Machine, record: &NblRecord) -> Option<(Rule, String)> {
    let held = machine.elapsed().saturating_sub(record.since);
    (held > machine.options.patience).then(|| {
        let rule = match record.journey.map(|journey| journey.direction) {
            Some(Direction::Receive) => Rule::NdisFilterTimedDataReceive,
            _ => Rule::NdisFilterTimedDataSend,
        };
        (rule, format!("a list of another driver was held for {held:?}"))
    })
}

/// Looks for lists of other drivers that a module keeps for too long.
pub(crate) fn check_stuck(machine: &Machine, module: &Module) {
    let mut found = Vec::new();
    for (&address, record) in &mut lock(&machine.ledger).nbls {
        let here = record.journey.is_some_and(|journey| journey.module == module.handle);
        let kept = record.holder == Holder::Driver && record.in_call == 0;
        if !here || !kept || record.owner.driver != 0 {
            continue;
        }
        if let Some(breach) = overdue(machine, record) {
            // Told once.
            record.since = machine.elapsed();
            found.push((address, breach));
        }
    }
    found.sort_by_key(|(address, _)| *address);
    for (address, (rule, message)) in found {
        let list = Guest::<NetBufferList>::NULL.byte_add(address);
        machine.violate(rule, 0, message, vec![format!("NET_BUFFER_LIST {list:?}")]);
    }
}

//! Receives on their way up, and their return.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::nbl::{COMPLETE_FLAGS, NetBufferList, RECEIVE_FLAGS, RECEIVE_RESOURCES};
use crate::call::Call;
use crate::checks::{list as list_checks, list::HandOver, state};
use crate::counters::count;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Direction, Holder};
use crate::machine::Machine;
use crate::ndis::module::Module;
use crate::ndis::{adapter, chain, protocol};
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

exports![NdisFIndicateReceiveNetBufferLists, NdisFReturnNetBufferLists];

/// Indicates lists up: the driver's own, or ones that came from below.
pub extern "win64" fn NdisFIndicateReceiveNetBufferLists(
    filter: Handle,
    first: Guest<NetBufferList>,
    port: u32,
    number: u32,
    flags: u32,
) {
    let call = Call::enter("NdisFIndicateReceiveNetBufferLists", Irql::DISPATCH, first.address());
    let Some(module) = state::module(&call, filter) else { return };
    list_checks::check_dispatch_flag(&call, flags);
    list_checks::check_call_flags(&call, flags, RECEIVE_FLAGS);
    state::check_attached(&call, &module);
    let chain = chain::lists(first);
    list_checks::check_indication(&call, &module, &chain, number);
    let resources = flags & RECEIVE_RESOURCES != 0;
    if !resources && !check_not_lent(&call, &chain) {
        return;
    }
    let hand_over = HandOver { module: &module, direction: Direction::Receive, resources };
    let mut lists = Vec::new();
    let mut originates = false;
    for list in chain {
        let Some(own) = hand_over.take(&call, list) else { continue };
        if own {
            originates = true;
            count(&call.machine.tally.originated_receives);
        } else {
            count(&call.machine.tally.forwarded_receives);
        }
        lists.push((list, own));
    }
    if originates {
        state::check_may_originate(&call, &module);
        if module.handlers().give_back.is_none() {
            let message = "a filter without FilterReturnNetBufferLists originates an indication";
            call.violate(Rule::HandlerPairs, message, &[]);
        }
    }
    if lists.is_empty() {
        return;
    }
    if !resources {
        protocol::receive(&call.machine, &module, lists, port, flags);
        return;
    }
    let lent = lists.clone();
    protocol::receive(&call.machine, &module, lists, port, flags);
    for (list, _) in lent {
        protocol::hold(&call.machine, list, Holder::Driver);
    }
}

/// C19: lists that the driver has for the length of a call are passed up as such.
fn check_not_lent(call: &Call, lists: &[Guest<NetBufferList>]) -> bool {
    let lent = lists.iter().copied().find(|list| {
        lock(&call.machine.ledger).nbls.get(&list.address()).is_some_and(|record| {
            record.owner.driver == 0 && record.journey.is_some_and(|journey| journey.resources)
        })
    });
    if let Some(list) = lent {
        let message = "lists indicated for want of resources are passed up without that flag";
        call.violate(Rule::Resources, message, &[format!("NET_BUFFER_LIST {list:?}")]);
    }
    lent.is_none()
}

/// What the filter has no receive handler for goes past it.
pub(crate) fn bypass(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    lists: &[Guest<NetBufferList>],
    port: u32,
    flags: u32,
) {
    for &list in lists {
        protocol::hold(machine, list, Holder::Ndis);
    }
    let lists = lists.iter().map(|&list| (list, false)).collect();
    protocol::receive(machine, module, lists, port, flags);
}

/// Gives lists back to the filter that indicated them, or past it.
pub(crate) fn return_to_filter(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    lists: &[(Guest<NetBufferList>, bool)],
    flags: u32,
) {
    let handlers = module.handlers();
    let sees_foreign = handlers.receive.is_some() && handlers.give_back.is_some();
    let (seen, unseen): (Vec<_>, Vec<_>) =
        lists.iter().copied().partition(|(_, own)| *own || sees_foreign);
    let home: Vec<_> = unseen.into_iter().map(|(list, _)| (list, NtStatus::SUCCESS)).collect();
    adapter::take_back(machine, module, &home);
    let seen: Vec<_> = seen.into_iter().map(|(list, _)| list).collect();
    let Some(handler) = handlers.give_back.filter(|_| !seen.is_empty()) else { return };
    for &list in &seen {
        protocol::hold_in_call(machine, list);
    }
    let first = chain::link(&seen);
    let context = module.context();
    machine.call_driver(
        module.data_frame("FilterReturnNetBufferLists"),
        crate::irql::current(),
        first.address(),
        || handler(context, first, flags),
    );
    protocol::end_call(machine, &seen);
}

/// Returns receives that came from below.
pub extern "win64" fn NdisFReturnNetBufferLists(
    filter: Handle,
    first: Guest<NetBufferList>,
    flags: u32,
) {
    let call = Call::enter("NdisFReturnNetBufferLists", Irql::DISPATCH, first.address());
    let Some(module) = state::module(&call, filter) else { return };
    list_checks::check_dispatch_flag(&call, flags);
    list_checks::check_call_flags(&call, flags, COMPLETE_FLAGS);
    let lists: Vec<_> = chain::lists(first)
        .into_iter()
        .filter(|&list| list_checks::take_home(&call, &module, Direction::Receive, list))
        .map(|list| (list, NtStatus::SUCCESS))
        .collect();
    adapter::take_back(&call.machine, &module, &lists);
}

//! Sends on their way down, and their completions.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::abi::Handle;
use crate::abi::nbl::{COMPLETE_FLAGS, NetBufferList, SEND_FLAGS};
use crate::call::Call;
use crate::checks::{backfill, cancel_id, list as list_checks, list::HandOver, state};
use crate::counters::count;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Direction, Holder, Journey, Made, NblRecord, Owner};
use crate::machine::Machine;
use crate::ndis::adapter::{self, Arrival};
use crate::ndis::module::Module;
use crate::ndis::{chain, protocol};
use crate::rule::Rule;
use crate::sync::lock;

exports![
    NdisFSendNetBufferLists,
    NdisFSendNetBufferListsComplete,
    NdisFCancelSendNetBufferLists,
    NdisGeneratePartialCancelId,
];

/// Enters a list of the lab into the ledger as handed to the driver.
pub(crate) fn give_to_driver(
    machine: &Machine,
    module: &Module,
    list: Guest<NetBufferList>,
    direction: Direction,
    resources: bool,
) {
    let journey = Journey { module: module.handle, direction, own: false, resources };
    let record = NblRecord {
        owner: Owner::LAB,
        pool: list.get(NetBufferList::POOL_HANDLE),
        holder: Holder::Driver,
        made: Made::Plain,
        parent: Guest::NULL,
        journey: Some(journey),
        in_call: 1,
        source: list.get(NetBufferList::SOURCE_HANDLE),
        flags: list.get(NetBufferList::FLAGS),
        since: machine.elapsed(),
        shape: list_checks::shape(list),
        paired: Guest::NULL,
        contexts: Vec::new(),
        site: 0,
    };
    {
        let mut ledger = lock(&machine.ledger);
        ledger.nbls.insert(list.address(), record);
        // Of a list that was here before.
        ledger.away.remove(&list.address());
    }
    if direction == Direction::Send {
        cancel_id::note(module, list);
    }
}

/// Sends lists down: the driver's own, or ones that came from above.
pub extern "win64" fn NdisFSendNetBufferLists(
    filter: Handle,
    first: Guest<NetBufferList>,
    port: u32,
    flags: u32,
) {
    let call = Call::enter("NdisFSendNetBufferLists", Irql::DISPATCH, first.address());
    let Some(module) = state::module(&call, filter) else { return };
    list_checks::check_dispatch_flag(&call, flags);
    list_checks::check_call_flags(&call, flags, SEND_FLAGS);
    state::check_attached(&call, &module);
    if module.handlers().send_complete.is_none() {
        let message = "a filter without FilterSendNetBufferListsComplete sends";
        call.violate(Rule::HandlerPairs, message, &[]);
        return;
    }
    let hand_over = HandOver { module: &module, direction: Direction::Send, resources: false };
    let mut lists = Vec::new();
    let mut originates = false;
    for list in chain::lists(first) {
        let Some(own) = hand_over.take(&call, list) else { continue };
        if own {
            originates = true;
            count(&call.machine.tally.originated_sends);
            backfill::check(&call, &module, list);
            cancel_id::check(&call, &module, list);
        } else {
            count(&call.machine.tally.forwarded_sends);
        }
        lists.push((list, own));
    }
    if originates {
        state::check_may_originate(&call, &module);
    }
    if !lists.is_empty() {
        let arrival = Arrival { lists, port, flags };
        adapter::transmit(&call.machine, &module, &arrival);
    }
}

/// Gives completed lists to the filter, or past it if it has no handler.
pub(crate) fn complete_to_filter(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    lists: &[(Guest<NetBufferList>, bool)],
    flags: u32,
) {
    let Some(handler) = module.handlers().send_complete else {
        let foreign: Vec<_> = lists.iter().map(|&(list, _)| list).collect();
        protocol::take_back(machine, module, &foreign);
        return;
    };
    // Without a send handler the filter never saw the lists from above, and sees no completion.
    let bypass = module.handlers().send.is_none();
    let (seen, unseen): (Vec<_>, Vec<_>) = lists.iter().partition(|(_, own)| *own || !bypass);
    let unseen: Vec<_> = unseen.into_iter().map(|(list, _)| list).collect();
    protocol::take_back(machine, module, &unseen);
    let seen: Vec<_> = seen.into_iter().map(|(list, _)| list).collect();
    if seen.is_empty() {
        return;
    }
    for &list in &seen {
        protocol::hold_in_call(machine, list);
    }
    let first = chain::link(&seen);
    let context = module.context();
    machine.call_driver(
        module.data_frame("FilterSendNetBufferListsComplete"),
        crate::irql::current(),
        first.address(),
        || handler(context, first, flags),
    );
    protocol::end_call(machine, &seen);
}

/// Completes sends that came from above.
pub extern "win64" fn NdisFSendNetBufferListsComplete(
    filter: Handle,
    first: Guest<NetBufferList>,
    flags: u32,
) {
    let call = Call::enter("NdisFSendNetBufferListsComplete", Irql::DISPATCH, first.address());
    let Some(module) = state::module(&call, filter) else { return };
    list_checks::check_dispatch_flag(&call, flags);
    list_checks::check_call_flags(&call, flags, COMPLETE_FLAGS);
    let lists: Vec<_> = chain::lists(first)
        .into_iter()
        .filter(|&list| list_checks::take_home(&call, &module, Direction::Send, list))
        .collect();
    protocol::take_back(&call.machine, &module, &lists);
}

/// Asks the drivers below to cancel the sends with an identifier.
pub extern "win64" fn NdisFCancelSendNetBufferLists(filter: Handle, id: Guest<u8>) {
    let call = Call::enter("NdisFCancelSendNetBufferLists", Irql::DISPATCH, id.address());
    let Some(module) = state::module(&call, filter) else { return };
    cancel_id::check_id(&call, &module, id.address());
    protocol::cancel_held(&call.machine, &module, id.address());
}

/// The high-order byte of the cancel identifiers that the driver may use.
pub extern "win64" fn NdisGeneratePartialCancelId() -> u8 {
    let call = Call::enter("NdisGeneratePartialCancelId", Irql::DISPATCH, 0);
    call.machine.gave_cancel_id.store(true, Ordering::Release);
    cancel_id::PARTIAL
}

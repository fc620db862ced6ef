//! The upper edge: a protocol that sends, and takes what is indicated.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::nbl::{
    FLAG_DISPATCH_LEVEL, NetBuffer, NetBufferList, RECEIVE_RESOURCES, information,
};
use crate::checks::{cancel_id, list as list_checks};
use crate::custody;
use crate::edge::{Order, Policy};
use crate::frame::{Completion, Frame, NblSpec};
use crate::guest::Guest;
use crate::ledger::{Direction, Holder};
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::adapter::{self, Arrival};
use crate::ndis::lab_list::LabList;
use crate::ndis::module::Module;
use crate::ndis::{chain, receive, send};
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

/// The protocol's side of a stack.
#[derive(Debug)]
pub(crate) struct UpperEdge {
    pub(crate) policy: Policy,
    pub(crate) capture: bool,
    pub(crate) received: Vec<Frame>,
    /// Lists that it has not returned: each, and whether the filter originated it.
    pub(crate) held: Vec<(Guest<NetBufferList>, bool)>,
    /// Lists that it sent and that have not completed.
    pub(crate) out: Vec<Arc<LabList>>,
    pub(crate) completions: Vec<Completion>,
    pub(crate) sent: u64,
    pub(crate) statuses: Vec<NtStatus>,
    /// Events that it was told of, and what it answers to them.
    pub(crate) events: Vec<(u32, Vec<u8>)>,
    pub(crate) event_answer: NtStatus,
    /// Cancel identifiers of its sends.
    pub(crate) cancel_ids: BTreeSet<u64>,
}

impl Default for UpperEdge {
    fn default() -> Self {
        Self {
            policy: Policy::Inline,
            capture: true,
            received: Vec::new(),
            held: Vec::new(),
            out: Vec::new(),
            completions: Vec::new(),
            sent: 0,
            statuses: Vec::new(),
            events: Vec::new(),
            event_answer: NtStatus::SUCCESS,
            cancel_ids: BTreeSet::new(),
        }
    }
}

/// Who originates sends: the protocol.
pub(crate) fn source(module: &Module) -> Handle {
    Handle(module.handle.0 + 8)
}

/// The pool that lists of the lab say they are from.
pub(crate) fn pool(module: &Module) -> Handle {
    Handle(module.handle.0 + 12)
}

/// Sends lists through the filter.
pub(crate) fn send<L: Into<NblSpec>>(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    specs: impl IntoIterator<Item = L>,
    flags: u32,
) {
    // Kept until the call is judged, however many others come home meanwhile.
    let mut kept = Vec::new();
    for spec in specs {
        let number = {
            let mut upper = lock(&module.upper);
            upper.sent += 1;
            upper.sent - 1
        };
        let list = LabList::new(machine, &spec.into(), source(module), pool(module), number);
        let list = Arc::new(list);
        send::give_to_driver(machine, module, list.list, Direction::Send, false);
        lock(&module.upper).out.push(Arc::clone(&list));
        kept.push(list);
    }
    let lists: Vec<_> = kept.iter().map(|it| it.list).collect();
    if lists.is_empty() {
        return;
    }
    let first = chain::link(&lists);
    let (level, flag) = module.data_level();
    let (port, send_flags, _) = module.call_parameters();
    let flags = flags | flag | send_flags;
    let before = module.paused_and_transitions();
    let Some(handler) = module.handlers().send else {
        let lists = lists.into_iter().map(|list| (list, false)).collect();
        adapter::transmit(machine, module, &Arrival { lists, port, flags });
        return;
    };
    let context = module.context();
    machine.call_driver(
        module.data_frame("FilterSendNetBufferLists"),
        level,
        first.address(),
        || handler(context, first, port, flags),
    );
    end_call(machine, &lists);
    list_checks::check_queued(machine, module, &lists);
    // A state that changed meanwhile says nothing about what the driver should have done.
    if let (Some(state), true) = (before.0, before == module.paused_and_transitions()) {
        check_rejected(machine, module, &lists, state);
    }
}

/// C18: a send that arrived while the module did not run was completed at once, as paused.
fn check_rejected(
    machine: &Machine,
    module: &Module,
    lists: &[Guest<NetBufferList>],
    state: ModuleState,
) {
    for &list in lists {
        let waits = lock(&module.upper).out.iter().any(|out| out.list == list);
        let status = list.get(NetBufferList::STATUS);
        let message = if waits {
            format!("a send to a {state} module was not completed at once")
        } else if status != NtStatus::NDIS_PAUSED {
            format!("a send to a {state} module completed with {status}")
        } else {
            continue;
        };
        machine.violate(Rule::PausedSend, 0, message, vec![format!("NET_BUFFER_LIST {list:?}")]);
    }
}

/// Takes lists back that the protocol sent.
pub(crate) fn take_back(machine: &Machine, module: &Module, lists: &[Guest<NetBufferList>]) {
    for &list in lists {
        let status = list.get(NetBufferList::STATUS);
        let mut upper = lock(&module.upper);
        let Some(index) = upper.out.iter().position(|out| out.list == list) else { continue };
        let home = upper.out.swap_remove(index);
        if upper.capture {
            upper.completions.push(Completion { list: home.number, status });
        }
        drop(upper);
        home.check_intact(machine, "a sent frame");
        home.unlock();
        // The record stays: whoever uses the list again is told what it was.
        hold(machine, list, Holder::Lab);
        machine.bury(home);
    }
}

/// Asks for sends with a cancel identifier to be cancelled.
pub(crate) fn cancel_sends(machine: &Arc<Machine>, module: &Arc<Module>, cancel_id: u64) {
    let id = module
        .handlers()
        .cancel_send
        .map(|handler| (handler, Guest::<u8>::NULL.byte_add(cancel_id)));
    match id {
        Some((handler, id)) => {
            let context = module.context();
            let frame = module.frame("FilterCancelSendNetBufferLists");
            let (level, _) = module.data_level();
            cancel_id::note_id(module, cancel_id);
            let queued = cancel_id::queued(machine, module, cancel_id);
            machine.call_driver(frame, level, cancel_id, || handler(context, id));
            cancel_id::check_aborted(machine, module, &queued);
            cancel_id::check_passed(machine, module, cancel_id);
        }
        None => cancel_held(machine, module, cancel_id),
    }
}

/// The adapter completes the held sends that bear a cancel identifier.
pub(crate) fn cancel_held(machine: &Arc<Machine>, module: &Arc<Module>, cancel_id: u64) {
    let cancelled = adapter::take_cancelled(module, |list| {
        let values = list.get(NetBufferList::INFORMATION);
        values[information::CANCEL_ID] == cancel_id
    });
    for (list, _) in &cancelled {
        list.set(NetBufferList::STATUS, NtStatus::NDIS_SEND_ABORTED);
    }
    if !cancelled.is_empty() {
        adapter::at_dispatch(|flag| send::complete_to_filter(machine, module, &cancelled, flag));
    }
}

/// Takes an indication: notes the frames and returns the lists as the policy says.
pub(crate) fn receive(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    lists: Vec<(Guest<NetBufferList>, bool)>,
    port: u32,
    flags: u32,
) {
    let batch = module.next_batch();
    let mut upper = lock(&module.upper);
    if upper.capture {
        for &(list, originated) in &lists {
            for buffer in chain::buffers(list) {
                upper.received.push(Frame {
                    bytes: chain::bytes(buffer),
                    information: list.get(NetBufferList::INFORMATION),
                    nbl_flags: list.get(NetBufferList::NBL_FLAGS),
                    call_flags: flags,
                    port,
                    batch,
                    originated,
                    data_offset: buffer.get(NetBuffer::DATA_OFFSET),
                    mdls: chain::mdls(buffer.get(NetBuffer::MDL_CHAIN)).len(),
                });
            }
        }
    }
    let policy = upper.policy;
    if flags & RECEIVE_RESOURCES != 0 {
        return;
    }
    match policy {
        Policy::Held => upper.held.extend(lists),
        Policy::Inline => {
            drop(upper);
            receive::return_to_filter(machine, module, &lists, flags & FLAG_DISPATCH_LEVEL);
        }
        Policy::Deferred => {
            drop(upper);
            let (machine, module) = (Arc::clone(machine), Arc::clone(module));
            let queue = machine.procedures.clone();
            queue.push(module.handle.0, move || {
                adapter::at_dispatch(|flag| {
                    receive::return_to_filter(&machine, &module, &lists, flag);
                });
            });
        }
    }
}

/// Returns what the protocol holds.
pub(crate) fn release(machine: &Arc<Machine>, module: &Arc<Module>, order: Order) {
    let mut held = std::mem::take(&mut lock(&module.upper).held);
    if order == Order::Reverse {
        held.reverse();
    }
    if held.is_empty() {
        return;
    }
    adapter::at_dispatch(|flag| {
        if order == Order::OneByOne {
            for list in held {
                receive::return_to_filter(machine, module, &[list], flag);
            }
        } else {
            receive::return_to_filter(machine, module, &held, flag);
        }
    });
}

/// Marks a list as held by someone.
pub(crate) fn hold(machine: &Machine, list: Guest<NetBufferList>, holder: Holder) {
    if let Some(record) = lock(&machine.ledger).nbls.get_mut(&list.address()) {
        record.holder = holder;
    }
    if holder == Holder::Driver {
        custody::open(machine, list);
    } else {
        custody::close(machine, list, 0);
    }
}

/// Marks a list as handed to the driver by a callback that runs.
pub(crate) fn hold_in_call(machine: &Machine, list: Guest<NetBufferList>) {
    let now = machine.elapsed();
    if let Some(record) = lock(&machine.ledger).nbls.get_mut(&list.address()) {
        record.holder = Holder::Driver;
        record.since = now;
        record.in_call += 1;
    }
    custody::open(machine, list);
}

/// Notes that the callback that brought lists to the driver has returned: what it still holds, it
/// keeps.
pub(crate) fn end_call(machine: &Machine, lists: &[Guest<NetBufferList>]) {
    let mut ledger = lock(&machine.ledger);
    for list in lists {
        if let Some(record) = ledger.nbls.get_mut(&list.address()) {
            record.in_call = record.in_call.saturating_sub(1);
        }
    }
}

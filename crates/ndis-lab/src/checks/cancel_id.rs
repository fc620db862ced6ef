//! C28: cancel identifiers of sends.

use std::sync::atomic::Ordering;

use crate::abi::nbl::{NetBufferList, information};
use crate::call::Call;
use crate::guest::Guest;
use crate::ledger::Holder;
use crate::machine::Machine;
use crate::ndis::adapter;
use crate::ndis::module::Module;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

/// The first byte of the identifiers that the driver may use.
pub(crate) const PARTIAL: u8 = 0x51;

fn id_of(list: Guest<NetBufferList>) -> u64 {
    let values = list.get(NetBufferList::INFORMATION);
    values[information::CANCEL_ID]
}

/// Notes the identifier of a send from above, which is as good on a copy of it.
pub(crate) fn note(module: &Module, list: Guest<NetBufferList>) {
    note_id(module, id_of(list));
}

/// Notes an identifier that the driver is told of.
pub(crate) fn note_id(module: &Module, id: u64) {
    if id != 0 {
        lock(&module.upper).cancel_ids.insert(id);
    }
}

/// The identifier of an originated send is the driver's own, or that of a send it saw.
pub(crate) fn check(call: &Call, module: &Module, list: Guest<NetBufferList>) {
    check_id(call, module, id_of(list));
}

/// An identifier that the driver uses is its own, or that of a send it saw.
pub(crate) fn check_id(call: &Call, module: &Module, id: u64) {
    let [.., first] = id.to_le_bytes();
    let given = call.machine.gave_cancel_id.load(Ordering::Acquire) && first == PARTIAL;
    if id != 0 && !given && !lock(&module.upper).cancel_ids.contains(&id) {
        let message = format!("cancel identifier {id:#x} does not begin with the byte from NDIS");
        call.violate(Rule::CancelId, message, &[]);
    }
}

/// The sends with an identifier that the driver has.
pub(crate) fn queued(machine: &Machine, module: &Module, id: u64) -> Vec<Guest<NetBufferList>> {
    let upper = lock(&module.upper);
    let ledger = lock(&machine.ledger);
    let has = |list: Guest<NetBufferList>| {
        ledger.nbls.get(&list.address()).is_some_and(|record| record.holder == Holder::Driver)
    };
    let out = upper.out.iter().map(|out| out.list);
    out.filter(|&list| has(list) && id_of(list) == id).collect()
}

/// Sends that the driver had queued and completed when they were cancelled say so.
pub(crate) fn check_aborted(machine: &Machine, module: &Module, queued: &[Guest<NetBufferList>]) {
    for &list in queued {
        let waits = lock(&module.upper).out.iter().any(|out| out.list == list);
        let status = list.get(NetBufferList::STATUS);
        if !waits && status != NtStatus::NDIS_SEND_ABORTED {
            let message = format!("a cancelled send completed with {status}");
            let object = format!("NET_BUFFER_LIST {list:?}");
            machine.violate(Rule::CancelId, 0, message, vec![object]);
        }
    }
}

/// A cancellation is passed on to the drivers below, if they have what it is about.
pub(crate) fn check_passed(machine: &Machine, module: &Module, id: u64) {
    let left = adapter::held_with(module, |list| id_of(list) == id);
    if left > 0 {
        let message =
            format!("a cancellation was not passed on; {left} sends with its identifier are below");
        machine.violate(Rule::CancelId, 0, message, Vec::new());
    }
}

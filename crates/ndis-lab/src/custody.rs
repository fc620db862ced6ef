//! Guarded mode: what a list consists of is open to the driver while it holds the list, and
//! closed while it does not.
//!
//! A list consists of itself, its contexts, its buffers, the MDLs that are its own, and the data
//! that those describe. MDLs and data that it shares with the list it was derived from, or
//! borrowed from another driver's list, go with that one. Memory is closed by the page: data that
//! share a page with anything else stay open until all of the page is away.

use crate::abi::nbl::{Mdl, NetBuffer, NetBufferList, NetBufferListContext};
use crate::guard;
use crate::guest::Guest;
use crate::ledger::{Ledger, Made, MdlUse, NblRecord};
use crate::machine::Machine;
use crate::mdl;
use crate::ndis::chain;
use crate::processor;
use crate::sync::lock;

/// What is closed of a list that the driver does not hold.
#[derive(Debug)]
pub(crate) struct Away {
    /// Its contexts and buffers.
    frame: Vec<(&'static str, u64)>,
    mdls: Vec<Guest<Mdl>>,
    /// Start and end of pieces of data.
    data: Vec<(u64, u64)>,
    /// Where the driver gave it away, in which callback, after which event.
    pub(crate) site: u64,
    pub(crate) callback: &'static str,
    pub(crate) event: u64,
}

impl Away {
    /// What an address is of the list, if it lies in what belongs to it.
    pub(crate) fn part(&self, address: u64) -> Option<String> {
        let mdls = self.mdls.iter().map(|mdl| ("MDL", mdl.address()));
        let mut blocks = self.frame.iter().copied().chain(mdls);
        if let Some((kind, start)) = blocks.find(|it| guard::same_block(it.1, address)) {
            return Some(format!("{kind} {start:#x}, byte {}", address.wrapping_sub(start)));
        }
        let holds = |&&(start, end): &&(u64, u64)| (start..end).contains(&address);
        let (start, _) = self.data.iter().find(holds)?;
        Some(format!("data {start:#x}, byte {}", address - start))
    }
}

/// Closes a list that the driver gives away at a place in it, or that another driver has.
pub(crate) fn close(machine: &Machine, list: Guest<NetBufferList>, site: u64) {
    if !machine.options.guarded_memory {
        return;
    }
    let frame = frame_of(list);
    guard::set_open(list.address(), false);
    for &(_, address) in &frame {
        guard::set_open(address, false);
    }
    let event = machine.trace.last(1).first().map_or(0, |event| event.sequence);
    let callback = processor::frame().map_or("a thread of the lab", |frame| frame.callback);
    let mut ledger = lock(&machine.ledger);
    if ledger.away.contains_key(&list.address()) {
        return;
    }
    let (mdls, data) = parts(&ledger, list);
    for mdl in &mdls {
        guard::set_open(mdl.address(), false);
    }
    for &piece in &data {
        guard::hold(piece);
    }
    ledger.away.insert(list.address(), Away { frame, mdls, data, site, callback, event });
}

/// Opens a list that comes into the driver's hands.
pub(crate) fn open(machine: &Machine, list: Guest<NetBufferList>) {
    if !machine.options.guarded_memory {
        return;
    }
    guard::set_open(list.address(), true);
    for (_, address) in frame_of(list) {
        guard::set_open(address, true);
    }
    let mut ledger = lock(&machine.ledger);
    let Some(away) = ledger.away.remove(&list.address()) else { return };
    let foreign = ledger.nbls.get(&list.address()).is_some_and(is_foreign);
    for mdl in away.mdls {
        // What the driver freed meanwhile, wrong as that is, stays closed.
        if foreign || ledger.mdls.contains_key(&mdl.address()) {
            guard::set_open(mdl.address(), true);
        }
    }
    for piece in away.data {
        guard::release(piece);
    }
}

fn is_foreign(record: &NblRecord) -> bool {
    record.owner.driver == 0
}

/// The contexts and buffers of a list.
fn frame_of(list: Guest<NetBufferList>) -> Vec<(&'static str, u64)> {
    let next = |context: Guest<NetBufferListContext>| context.get(NetBufferListContext::NEXT);
    let contexts = chain::walk(list.get(NetBufferList::CONTEXT), next);
    let buffers = chain::buffers(list);
    let contexts = contexts.into_iter().map(|it| ("NET_BUFFER_LIST_CONTEXT", it.address()));
    contexts.chain(buffers.into_iter().map(|it| ("NET_BUFFER", it.address()))).collect()
}

/// The MDLs and the pieces of data that go with a list.
fn parts(ledger: &Ledger, list: Guest<NetBufferList>) -> (Vec<Guest<Mdl>>, Vec<(u64, u64)>) {
    let (mut mdls, mut data) = (Vec::new(), Vec::new());
    let Some(record) = ledger.nbls.get(&list.address()) else { return (mdls, data) };
    for buffer in chain::buffers(list) {
        for mdl in chain::mdls(buffer.get(NetBuffer::MDL_CHAIN)) {
            let known = ledger.mdls.get(&mdl.address());
            let (goes, describes) = match known.map(|known| (known.purpose, known.owner.driver)) {
                // What NDIS allocated for a list goes with it; the data are another's.
                Some((MdlUse::Internal, _)) => (true, false),
                Some((_, 0)) => (false, false),
                Some(_) => (record.made == Made::Plain, record.made == Made::Plain),
                // What the ledger does not know came with another driver's list.
                None => (is_foreign(record), is_foreign(record)),
            };
            if goes {
                mdls.push(mdl);
            }
            let start = mdl::data(mdl).address();
            let end = start + u64::from(mdl.get(Mdl::BYTE_COUNT));
            // The driver's MDLs may describe parts of what another list brought.
            let own = is_foreign(record) || ledger.block_around(start).is_some();
            if describes && own && end > start {
                data.push((start, end));
            }
        }
    }
    (mdls, data)
}

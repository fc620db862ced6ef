//! The lower edge: a miniport that sends what reaches it and uses the room it asked for.

use std::sync::Arc;

use crate::abi::Handle;
use crate::abi::nbl::{
    FLAG_DISPATCH_LEVEL, NetBuffer, NetBufferList, RECEIVE_RESOURCES, information,
};
use crate::abi::ndis::OidRequest;
use crate::checks::list::check_lent;
use crate::edge::{Order, Policy};
use crate::frame::{Completion, Frame, NblSpec};
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Direction, Holder};
use crate::machine::Machine;
use crate::ndis::base::{self, Base};
use crate::ndis::cable::{self, Cable};
use crate::ndis::lab_list::LabList;
use crate::ndis::module::Module;
use crate::ndis::{chain, context, data, protocol, receive, send};
use crate::oid_request::OidAnswer;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

/// The adapter's side of a stack.
#[derive(Debug)]
pub(crate) struct LowerEdge {
    pub(crate) policy: Policy,
    pub(crate) status: NtStatus,
    /// Data and context that it uses, where that is not what the configuration declares.
    pub(crate) room: Option<(u32, u32)>,
    pub(crate) capture: bool,
    pub(crate) wire: Vec<Frame>,
    /// What carries its frames to another adapter.
    pub(crate) cable: Option<Cable>,
    /// What it does with the adapter that it stands on.
    pub(crate) base: Option<Base>,
    /// Lists that it has not completed, with what they held when they came.
    pub(crate) held: Vec<Transmission>,
    /// Lists that it indicated and that have not come back.
    pub(crate) out: Vec<Arc<LabList>>,
    pub(crate) returns: Vec<Completion>,
    pub(crate) indicated: u64,
    pub(crate) oid_answer: OidAnswer,
    /// OID requests that it has not answered.
    pub(crate) oids_held: Vec<(Guest<OidRequest>, NtStatus)>,
    pub(crate) direct_oids_held: Vec<(Guest<OidRequest>, NtStatus)>,
    pub(crate) oids: Vec<u32>,
    /// Events that it was told of.
    pub(crate) events: Vec<(u32, Vec<u8>)>,
}

impl Default for LowerEdge {
    fn default() -> Self {
        Self {
            policy: Policy::Inline,
            status: NtStatus::SUCCESS,
            room: None,
            capture: true,
            wire: Vec::new(),
            cable: None,
            base: None,
            held: Vec::new(),
            out: Vec::new(),
            returns: Vec::new(),
            indicated: 0,
            oid_answer: OidAnswer::default(),
            oids_held: Vec::new(),
            direct_oids_held: Vec::new(),
            oids: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// A list that the adapter is sending.
#[derive(Debug)]
pub(crate) struct Transmission {
    list: Guest<NetBufferList>,
    own: bool,
    frames: Vec<Vec<u8>>,
}

/// A chain of lists that reaches the adapter.
pub(crate) struct Arrival {
    /// Each list, and whether the filter originated it.
    pub(crate) lists: Vec<(Guest<NetBufferList>, bool)>,
    pub(crate) port: u32,
    pub(crate) flags: u32,
}

/// Sends lists: uses their room, notes the frames, and completes them as the policy says.
pub(crate) fn transmit(machine: &Arc<Machine>, module: &Arc<Module>, arrival: &Arrival) {
    let batch = module.next_batch();
    let mut transmissions = Vec::new();
    for &(list, own) in &arrival.lists {
        transmissions.push(transmit_list(machine, module, arrival, list, own, batch));
    }
    carry(machine, module, &transmissions);
    base::pass_down(machine, module, arrival);
    let policy = lock(&module.lower).policy;
    match policy {
        Policy::Inline => complete(machine, module, transmissions, arrival.flags),
        Policy::Held => lock(&module.lower).held.extend(transmissions),
        Policy::Deferred => {
            let (machine, module) = (Arc::clone(machine), Arc::clone(module));
            let queue = machine.procedures.clone();
            queue.push(module.handle.0, move || {
                at_dispatch(|flag| complete(&machine, &module, transmissions, flag));
            });
        }
    }
}

/// Puts what an adapter sends on its cable, if it has one.
fn carry(machine: &Arc<Machine>, module: &Module, transmissions: &[Transmission]) {
    let mut lower = lock(&module.lower);
    let sends = lower.status.is_success();
    let Some(cable) = lower.cable.as_mut().filter(|_| sends) else { return };
    let mut frames = Vec::new();
    for transmission in transmissions {
        let beside = transmission.list.get(NetBufferList::INFORMATION);
        frames.extend(transmission.frames.iter().map(|bytes| cable::arriving(bytes, &beside)));
    }
    cable.carry(machine, frames);
}

/// Runs something on this thread as a deferred procedure would.
pub(crate) fn at_dispatch(work: impl FnOnce(u32)) {
    let before = crate::irql::replace(Irql::DISPATCH);
    work(FLAG_DISPATCH_LEVEL);
    crate::irql::replace(before);
}

fn transmit_list(
    machine: &Arc<Machine>,
    module: &Module,
    arrival: &Arrival,
    list: Guest<NetBufferList>,
    own: bool,
    batch: u64,
) -> Transmission {
    let declared = (module.config.data_backfill, module.config.context_backfill);
    let (data_room, context_room) = lock(&module.lower).room.unwrap_or(declared);
    let context_room = u16::try_from(context_room.next_multiple_of(8)).unwrap_or(0xFFF8);
    let mut allocated = 0_u64;
    if context_room > 0 {
        allocated += u64::from(context::take(machine, list, context_room, 0));
    }
    let capture = lock(&module.lower).capture;
    let mut frames = Vec::new();
    for buffer in chain::buffers(list) {
        let data_offset = buffer.get(NetBuffer::DATA_OFFSET);
        let mdls = chain::mdls(buffer.get(NetBuffer::MDL_CHAIN)).len();
        let before = chain::bytes(buffer);
        check_complete(machine, buffer, &before);
        allocated += u64::from(use_room(machine, buffer, data_room));
        if chain::bytes(buffer).get(data_room as usize..) != Some(before.as_slice()) {
            let message = "the header of a driver below overlaps the frame".to_owned();
            machine.violate(Rule::DataExtent, 0, message, vec![format!("NET_BUFFER {buffer:?}")]);
        }
        data::advance(machine, buffer, data_room, true, None);
        if capture {
            lock(&module.lower).wire.push(Frame {
                bytes: before.clone(),
                information: list.get(NetBufferList::INFORMATION),
                nbl_flags: list.get(NetBufferList::NBL_FLAGS),
                call_flags: arrival.flags,
                port: arrival.port,
                batch,
                originated: own,
                data_offset,
                mdls,
            });
        }
        frames.push(before);
    }
    if context_room > 0 {
        context::give_back(machine, list, context_room);
    }
    if own {
        crate::counters::add(&machine.tally.ndis_allocations_for_retreat, allocated);
    }
    Transmission { list, own, frames }
}

/// Retreats and writes a header into the room; says whether NDIS had to allocate.
fn use_room(machine: &Arc<Machine>, buffer: Guest<NetBuffer>, room: u32) -> bool {
    if room == 0 {
        return false;
    }
    let allocated = data::retreat(machine, buffer, room, 0, None).unwrap_or(false);
    for (address, length) in chain::pieces(buffer, 0, room.into()) {
        address.fill(0xEE, length);
    }
    allocated
}

fn check_complete(machine: &Machine, buffer: Guest<NetBuffer>, bytes: &[u8]) {
    let length = buffer.get(NetBuffer::DATA_LENGTH) as usize;
    if bytes.len() != length {
        let message = format!("a frame of {length} bytes has MDLs for {} bytes only", bytes.len());
        machine.violate(Rule::DataExtent, 0, message, vec![format!("NET_BUFFER {buffer:?}")]);
    }
}

/// Completes lists with the status that the test chose.
fn complete(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    transmissions: Vec<Transmission>,
    flags: u32,
) {
    let status = lock(&module.lower).status;
    let mut lists = Vec::new();
    for transmission in transmissions {
        let now: Vec<_> = chain::buffers(transmission.list).into_iter().map(chain::bytes).collect();
        if now != transmission.frames {
            let message = "a frame changed while NDIS owned it".to_owned();
            let object = format!("NET_BUFFER_LIST {:?}", transmission.list);
            machine.violate(Rule::NotOwner, 0, message, vec![object]);
        }
        transmission.list.set(NetBufferList::STATUS, status);
        finish_large_send(&transmission);
        lists.push((transmission.list, transmission.own));
    }
    send::complete_to_filter(machine, module, &lists, flags & FLAG_DISPATCH_LEVEL);
}

/// Says of a large send what it came to, as adapters that segment do: version 1 tells how many
/// bytes of payload were sent, version 2 nothing.
fn finish_large_send(transmission: &Transmission) {
    const VERSION_2: u64 = 1 << 30;
    const TCP_LENGTH: usize = 12;
    let place = transmission.list.field(NetBufferList::INFORMATION).cast::<u64>();
    let place = place.index(information::LARGE_SEND as u64);
    let asked = place.read();
    if asked == 0 {
        return;
    }
    if asked & VERSION_2 != 0 {
        place.write(VERSION_2);
        return;
    }
    let header = usize::try_from(asked >> 20 & 0x3FF).unwrap_or(0);
    let payload = |frame: &Vec<u8>| {
        let length = frame.get(header + TCP_LENGTH).map_or(0, |words| usize::from(words >> 4) * 4);
        frame.len().saturating_sub(header + length)
    };
    let payload: usize = transmission.frames.iter().map(payload).sum();
    place.write(payload as u64 & (VERSION_2 - 1));
}

/// Completes what the adapter holds.
pub(crate) fn release(machine: &Arc<Machine>, module: &Arc<Module>, order: Order) {
    let mut held = std::mem::take(&mut lock(&module.lower).held);
    if order == Order::Reverse {
        held.reverse();
    }
    if held.is_empty() {
        return;
    }
    at_dispatch(|flag| {
        if order == Order::OneByOne {
            for transmission in held {
                complete(machine, module, vec![transmission], flag);
            }
        } else {
            complete(machine, module, held, flag);
        }
    });
}

/// Indicates lists to the filter.
pub(crate) fn indicate<L: Into<NblSpec>>(
    machine: &Arc<Machine>,
    module: &Arc<Module>,
    specs: impl IntoIterator<Item = L>,
    flags: u32,
) {
    let resources = flags & RECEIVE_RESOURCES != 0;
    // Kept until the call is over, however many others come home meanwhile.
    let mut kept = Vec::new();
    for spec in specs {
        let number = {
            let mut lower = lock(&module.lower);
            lower.indicated += 1;
            lower.indicated - 1
        };
        let list =
            LabList::new(machine, &spec.into(), source(module), protocol::pool(module), number);
        let list = Arc::new(list);
        send::give_to_driver(machine, module, list.list, Direction::Receive, resources);
        lock(&module.lower).out.push(Arc::clone(&list));
        kept.push(list);
    }
    let lists: Vec<_> = kept.iter().map(|it| it.list).collect();
    if lists.is_empty() {
        return;
    }
    let first = chain::link(&lists);
    let (level, flag) = module.data_level();
    let (port, _, receive_flags) = module.call_parameters();
    let flags = flags | flag | receive_flags;
    let count = u32::try_from(lists.len()).unwrap_or(u32::MAX);
    if let Some(handler) = module.handlers().receive {
        let context = module.context();
        machine.call_driver(
            module.data_frame("FilterReceiveNetBufferLists"),
            level,
            first.address(),
            || handler(context, first, port, count, flags),
        );
        protocol::end_call(machine, &lists);
    } else {
        receive::bypass(machine, module, &lists, port, flags);
    }
    if resources {
        check_lent(machine, &lists);
        let home: Vec<_> = lists.into_iter().map(|list| (list, NtStatus::SUCCESS)).collect();
        take_back(machine, module, &home);
    }
}

/// Who originates receives: the miniport.
pub(crate) fn source(module: &Module) -> Handle {
    Handle(module.handle.0 + 4)
}

/// Takes lists back that the adapter indicated.
pub(crate) fn take_back(
    machine: &Machine,
    module: &Module,
    lists: &[(Guest<NetBufferList>, NtStatus)],
) {
    for &(list, status) in lists {
        let mut lower = lock(&module.lower);
        let Some(index) = lower.out.iter().position(|out| out.list == list) else { continue };
        let home = lower.out.swap_remove(index);
        if lower.capture {
            lower.returns.push(Completion { list: home.number, status });
        }
        drop(lower);
        home.check_intact(machine, "a received frame");
        home.unlock();
        // The record stays: whoever uses the list again is told what it was.
        protocol::hold(machine, list, Holder::Lab);
        machine.bury(home);
    }
}

/// Takes the held lists that a condition selects out of the adapter's hands.
pub(crate) fn take_cancelled(
    module: &Module,
    select: impl Fn(Guest<NetBufferList>) -> bool,
) -> Vec<(Guest<NetBufferList>, bool)> {
    let mut lower = lock(&module.lower);
    let (cancelled, kept) =
        std::mem::take(&mut lower.held).into_iter().partition(|held| select(held.list));
    lower.held = kept;
    let cancelled: Vec<Transmission> = cancelled;
    cancelled.into_iter().map(|held| (held.list, held.own)).collect()
}

/// How many of the lists that the adapter holds satisfy a condition.
pub(crate) fn held_with(
    module: &Module,
    condition: impl Fn(Guest<NetBufferList>) -> bool,
) -> usize {
    lock(&module.lower).held.iter().filter(|held| condition(held.list)).count()
}

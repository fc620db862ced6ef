//! C10, C14, C15, C16, C17, C19, C20, C29, C35: lists on their way.

use crate::abi::Handle;
use crate::abi::nbl::{FLAG_DISPATCH_LEVEL, FLAGS_NDIS, FLAGS_SCRATCH, NetBuffer, NetBufferList};
use crate::call::Call;
use crate::checks::time;
use crate::custody;
use crate::guest::Guest;
use crate::irql::{self, Irql};
use crate::ledger::{Direction, Holder, Journey, NblRecord, Shape};
use crate::machine::Machine;
use crate::ndis::chain;
use crate::ndis::module::Module;
use crate::rule::Rule;
use crate::status::NtStatus;
use crate::sync::lock;

/// The buffers of a list, as they are now.
pub(crate) fn shape(list: Guest<NetBufferList>) -> Vec<Shape> {
    chain::buffers(list)
        .into_iter()
        .map(|buffer| Shape {
            buffer,
            mdl_chain: buffer.get(NetBuffer::MDL_CHAIN),
            data_offset: buffer.get(NetBuffer::DATA_OFFSET),
            data_length: buffer.get(NetBuffer::DATA_LENGTH),
        })
        .collect()
}

fn object(list: Guest<NetBufferList>, record: Option<&NblRecord>) -> String {
    match record {
        Some(record) => format!("NET_BUFFER_LIST {list:?}, {}", record.holder),
        None => format!("NET_BUFFER_LIST {list:?}"),
    }
}

/// C29: a set DISPATCH_LEVEL flag is true.
pub(crate) fn check_dispatch_flag(call: &Call, flags: u32) {
    let level = irql::current();
    if flags & FLAG_DISPATCH_LEVEL != 0 && level < Irql::DISPATCH {
        let message = format!("the flags say DISPATCH_LEVEL, but the call is at {level}");
        call.violate(Rule::DispatchFlag, message, &[]);
    }
}

/// C35: of a foreign list's `Flags`, only the scratch bits are the owner's.
fn check_flags(record: &NblRecord, list: Guest<NetBufferList>) -> Option<(Rule, String)> {
    let flags = list.get(NetBufferList::FLAGS);
    let changed = (flags ^ record.flags) & !FLAGS_SCRATCH;
    (changed != 0).then(|| {
        let message = format!("bits {changed:#x} of a foreign list's Flags were changed");
        (Rule::NblFlags, message)
    })
}

/// C35: of an own list's `Flags`, NDIS' bits stay as they were allocated, and `NblFlags` do not
/// contradict themselves.
fn check_own_flags(list: Guest<NetBufferList>, direction: Direction) -> Option<(Rule, String)> {
    const MINIPORT: u32 = 0xF000;
    const PROTOCOL: u32 = 0xFFF0_0003;
    const IP: u32 = 0x600;
    const TRANSPORT: u32 = 0x1800;
    let flags = list.get(NetBufferList::FLAGS);
    let others = match direction {
        Direction::Send => MINIPORT,
        Direction::Receive => PROTOCOL,
    };
    let wrong = flags & (FLAGS_NDIS | others);
    if wrong != 0 {
        let message = format!("bits {wrong:#x} of an originated list's Flags are not the driver's");
        return Some((Rule::NblFlags, message));
    }
    let kind = list.get(NetBufferList::NBL_FLAGS);
    let both = kind & IP == IP || kind & TRANSPORT == TRANSPORT;
    let alone = kind & TRANSPORT != 0 && kind & IP == 0;
    (both || alone).then(|| {
        let message = format!("NblFlags {kind:#x} of an originated list contradict themselves");
        (Rule::NblFlags, message)
    })
}

/// C40: flags are some of those that a call has.
pub(crate) fn check_call_flags(call: &Call, flags: u32, known: u32) {
    if flags & !known != 0 {
        let unknown = flags & !known;
        call.violate(Rule::CallFlags, format!("{} has no flags {unknown:#x}", call.name), &[]);
    }
}

/// C39: a send that goes back says how it ended.
fn check_status(list: Guest<NetBufferList>, direction: Direction) -> Option<(Rule, String)> {
    let pending = list.get(NetBufferList::STATUS) == NtStatus::PENDING;
    (pending && direction == Direction::Send)
        .then(|| (Rule::SendStatus, "a send completes as pending".to_owned()))
}

/// What a driver hands to NDIS.
pub(crate) struct HandOver<'m> {
    pub(crate) module: &'m Module,
    pub(crate) direction: Direction,
    pub(crate) resources: bool,
}

impl HandOver<'_> {
    /// Takes a list that the driver sends or indicates into NDIS' keeping; says whether it
    /// originated it. `None` if the list may not go on, because nothing good can come of it.
    pub(crate) fn take(&self, call: &Call, list: Guest<NetBufferList>) -> Option<bool> {
        let mut ledger = lock(&call.machine.ledger);
        let Some(record) = ledger.nbls.get_mut(&list.address()) else {
            drop(ledger);
            call.violate(Rule::NotFromPool, "a list is not from a pool", &[object(list, None)]);
            return None;
        };
        if record.holder != Holder::Driver {
            let line = object(list, Some(record));
            let lent = record.journey.is_some_and(|journey| journey.resources && !journey.own);
            drop(ledger);
            let (rule, message) = if lent {
                (Rule::Resources, "a list is used after the call that lent it")
            } else {
                (Rule::NotOwner, "the driver hands on a list that it does not hold")
            };
            call.violate(rule, message, &[line]);
            return None;
        }
        let own = record.owner.driver != 0;
        let source = list.get(NetBufferList::SOURCE_HANDLE);
        let breach = if own {
            self.check_own(source).or_else(|| check_own_flags(list, self.direction))
        } else {
            self.check_foreign(record, source)
                .or_else(|| check_flags(record, list))
                .or_else(|| time::overdue(&call.machine, record))
        };
        let line = object(list, Some(record));
        record.holder = Holder::Ndis;
        if own {
            record.journey = Some(Journey {
                module: self.module.handle,
                direction: self.direction,
                own,
                resources: self.resources,
            });
            record.shape = shape(list);
            record.source = source;
        }
        drop(ledger);
        custody::close(&call.machine, list, call.site);
        if let Some((rule, message)) = breach {
            call.violate(rule, message, &[line]);
        }
        Some(own)
    }

    fn check_own(&self, source: Handle) -> Option<(Rule, String)> {
        (source != self.module.handle).then(|| {
            let (found, wanted) = (source.0, self.module.handle.0);
            let message =
                format!("an originated list has SourceHandle {found:#x}, not {wanted:#x}");
            (Rule::SourceHandle, message)
        })
    }

    fn check_foreign(&self, record: &NblRecord, source: Handle) -> Option<(Rule, String)> {
        let travels = record.journey.is_some_and(|journey| {
            journey.module == self.module.handle && journey.direction == self.direction
        });
        if !travels {
            let message = "a list of another driver turns round on its way".to_owned();
            return Some((Rule::WrongPath, message));
        }
        (source != record.source)
            .then(|| (Rule::SourceHandle, "a foreign list's SourceHandle was changed".to_owned()))
    }
}

/// Takes back a list of another driver that the driver completes or returns; says whether it may
/// go home.
pub(crate) fn take_home(
    call: &Call,
    module: &Module,
    direction: Direction,
    list: Guest<NetBufferList>,
) -> bool {
    let mut ledger = lock(&call.machine.ledger);
    let Some(record) = ledger.nbls.get_mut(&list.address()) else {
        drop(ledger);
        call.violate(Rule::NotFromPool, "a list is not from a pool", &[object(list, None)]);
        return false;
    };
    let line = object(list, Some(record));
    let (rule, message) = if record.owner.driver != 0 {
        (Rule::WrongPath, "the driver gives its own list to another driver as if it were theirs")
    } else if record.journey.is_some_and(|journey| journey.resources) {
        (Rule::Resources, "a list indicated for want of resources is returned")
    } else if record.holder != Holder::Driver {
        (Rule::NotOwner, "the driver gives back a list that it does not hold")
    } else {
        let journey = record.journey.filter(|journey| journey.module == module.handle);
        match journey {
            Some(journey) if journey.direction == direction => {
                let altered = shape(list) != record.shape;
                let breach = check_flags(record, list)
                    .or_else(|| check_status(list, direction))
                    .or_else(|| time::overdue(&call.machine, record));
                record.holder = Holder::Lab;
                drop(ledger);
                custody::close(&call.machine, list, call.site);
                if let Some((rule, message)) = breach {
                    call.violate(rule, message, std::slice::from_ref(&line));
                }
                if altered {
                    let message = "the buffers of a foreign list are not as they were";
                    call.violate(Rule::ChainAltered, message, &[line]);
                }
                return true;
            }
            _ => (Rule::WrongPath, "a list goes back the way it did not come"),
        }
    };
    drop(ledger);
    call.violate(rule, message, &[line]);
    false
}

/// C20: the count of an indication, and one buffer in each list on Ethernet.
pub(crate) fn check_indication(
    call: &Call,
    module: &Module,
    lists: &[Guest<NetBufferList>],
    count: u32,
) {
    const NDIS_MEDIUM_802_3: u32 = 0;
    if lists.len() != count as usize {
        let message = format!("{} lists are indicated as {count}", lists.len());
        call.violate(Rule::IndicationCount, message, &[]);
    }
    if module.config.medium != NDIS_MEDIUM_802_3 {
        return;
    }
    for &list in lists {
        let buffers = chain::buffers(list).len();
        if buffers != 1 {
            let message = format!("an indicated list has {buffers} buffers, not one");
            call.violate(Rule::IndicationCount, message, &[object(list, None)]);
        }
    }
}

/// C19: after a call that lent lists, all are still held, in the chain they came in.
pub(crate) fn check_lent(machine: &Machine, lists: &[Guest<NetBufferList>]) {
    let mut broken = Vec::new();
    {
        let ledger = lock(&machine.ledger);
        for (index, &list) in lists.iter().enumerate() {
            let Some(record) = ledger.nbls.get(&list.address()) else { continue };
            let next = lists.get(index + 1).copied().unwrap_or_default();
            let linked = list.get(NetBufferList::NEXT) == next;
            if record.holder == Holder::Driver && (!linked || shape(list) != record.shape) {
                broken.push(object(list, None));
            }
        }
    }
    if !broken.is_empty() {
        let message = "lists indicated for want of resources are not as they were".to_owned();
        machine.violate(Rule::Resources, 0, message, broken);
    }
}

/// C02: a send that the driver keeps when FilterSendNetBufferLists has returned, while nothing that
/// it originated is under way that it could be waiting for, is queued: whoever sent it must be able
/// to have it back.
pub(crate) fn check_queued(machine: &Machine, module: &Module, lists: &[Guest<NetBufferList>]) {
    if module.handlers().cancel_send.is_some() {
        return;
    }
    let ledger = lock(&machine.ledger);
    let waits = ledger.lists_of(module.handle, |record, journey| {
        journey.own && matches!(record.holder, Holder::Ndis)
    });
    let kept = |list: &&Guest<NetBufferList>| {
        let record = ledger.nbls.get(&list.address());
        record.is_some_and(|record| record.holder == Holder::Driver && record.in_call == 0)
    };
    let kept: Vec<_> = lists.iter().filter(kept).map(|&list| object(list, None)).collect();
    drop(ledger);
    if waits.is_empty() && !kept.is_empty() {
        let message = "a filter without FilterCancelSendNetBufferLists queues sends".to_owned();
        machine.violate(Rule::HandlerPairs, 0, message, kept);
    }
}

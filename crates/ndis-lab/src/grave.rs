//! Freed memory of guarded mode: closed to the driver, and known by who freed it.

use std::collections::VecDeque;

use crate::call::Call;
use crate::custody::Away;
use crate::guest::{Block, PAGE};
use crate::ledger::{Holder, Kind};
use crate::machine::Machine;

/// How much freed memory is kept.
const GRAVES: usize = 4096;

/// Something that was freed.
#[derive(Debug)]
pub(crate) struct Grave {
    kind: Kind,
    start: u64,
    end: u64,
    allocated: u64,
    freed: u64,
    callback: &'static str,
    /// The number of the last event before.
    event: u64,
    /// Keeps the addresses from being used for anything else.
    _memory: Vec<Block>,
}

/// What was freed last, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Graveyard(VecDeque<Grave>);

impl Graveyard {
    /// Closes memory that is freed in a call, and keeps it for a while.
    pub(crate) fn bury(&mut self, call: &Call, kind: Kind, allocated: u64, memory: Vec<Block>) {
        let Some(first) = memory.first() else { return };
        let start = first.guest::<u8>().address();
        let end = start + first.size() as u64;
        for block in &memory {
            crate::guard::set_open(block.guest::<u8>().address(), false);
        }
        let event = call.machine.trace.last(1).first().map_or(0, |event| event.sequence);
        let callback = Call::frame().callback;
        if self.0.len() == GRAVES {
            self.0.pop_front();
        }
        let freed = call.site;
        let grave = Grave { kind, start, end, allocated, freed, callback, event, _memory: memory };
        self.0.push_back(grave);
    }

    fn find(&self, address: u64) -> Option<&Grave> {
        self.0.iter().rev().find(|grave| (page_of(grave.start)..grave.end).contains(&address))
    }
}

/// Where and when something happened.
fn when(place: &impl Fn(u64) -> String, site: u64, callback: &str, event: u64) -> String {
    format!("at {} in {callback}, after event {event}", place(site))
}

fn page_of(address: u64) -> u64 {
    address - address % PAGE as u64
}

/// Lines about what lies at an address, for a report of a fault there.
pub(crate) fn describe(machine: &Machine, address: u64) -> Vec<String> {
    // The fault may have come while this thread had the ledger.
    let Ok(ledger) = machine.ledger.try_lock() else { return Vec::new() };
    let place = |site| match machine.locate(site) {
        Some(place) => place.to_string(),
        None => "a place that is not known".to_owned(),
    };
    if let Some(grave) = ledger.graves.find(address) {
        let Grave { kind, start, allocated, freed, callback, event, .. } = grave;
        return vec![
            format!("{kind} {start:#x}, which is free, byte {}", address.wrapping_sub(*start)),
            format!("allocated at {}", place(*allocated)),
            format!("freed {}", when(&place, *freed, callback, *event)),
        ];
    }
    let part = |(&list, away): (&u64, &Away)| Some((list, away.part(address)?));
    if let Some((list, part)) = ledger.away.iter().find_map(part) {
        let away = &ledger.away[&list];
        let holder = ledger.nbls.get(&list).map_or(Holder::Lab, |record| record.holder);
        return vec![
            format!("{part}, of {} {list:#x}, {holder}", Kind::Nbl),
            format!("given away {}", when(&place, away.site, away.callback, away.event)),
        ];
    }
    let lists = ledger.nbls.iter().filter(|(_, record)| record.holder != Holder::Free);
    let near = |start: u64| (page_of(start)..start + PAGE as u64).contains(&address);
    if let Some((start, record)) = lists.into_iter().find(|&(&start, _)| near(start)) {
        let mut lines = vec![format!("{} {start:#x}, {}", Kind::Nbl, record.holder)];
        if record.site != 0 {
            lines.push(format!("allocated at {}", place(record.site)));
        }
        if let Some(away) = ledger.away.get(start) {
            let when = when(&place, away.site, away.callback, away.event);
            lines.push(format!("given away {when}"));
        }
        return lines;
    }
    let before = ledger.blocks.range(..=address).next_back();
    match before.map(|(start, record)| (start, start + record.block.size() as u64, record)) {
        Some((start, end, record)) if address < end + PAGE as u64 => vec![
            format!("pool memory {start:#x}, {} bytes, byte {}", end - start, address - start),
            format!("allocated at {}", place(record.site)),
        ],
        _ => Vec::new(),
    }
}

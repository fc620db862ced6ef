//! What happened, one line an event.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use crate::irql::{self, Irql};
use crate::processor;
use crate::schedule::session;
use crate::sync::lock;

/// Something that happened between the driver and the lab.
///
/// Its line has fixed columns: sequence number, processor (a thread of the lab), IRQL, which way
/// the call goes (`>` the driver calls the lab, `<` the lab calls the driver, `=` the driver
/// returns), the function, the object and, on a return, the status.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Its place in the order of events.
    pub sequence: u64,
    /// The virtual processor.
    pub processor: u32,
    /// The IRQL.
    pub irql: Irql,
    /// Which way the call goes.
    pub way: Way,
    /// The function.
    pub function: &'static str,
    /// The object that it is about, or its most telling parameter.
    pub object: u64,
    /// A status or result, for returns.
    pub result: Option<i32>,
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// The driver calls the lab.
    IntoLab,
    /// The lab calls the driver.
    IntoDriver,
    /// The driver returns to the lab.
    Return,
}

impl Event {
    /// The heads of the columns of its line.
    pub const COLUMNS: &str =
        " number cpu irql way function                                 object             status";
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::IntoLab => '>',
            Way::IntoDriver => '<',
            Way::Return => '=',
        };
        let Self { sequence, processor, irql, function, object, .. } = self;
        write!(
            f,
            "{sequence:>7} {processor:>3} {:>4} {way:>3} {function:<40} {object:#018x}",
            irql.0
        )?;
        match self.result {
            Some(result) => write!(f, " {}", crate::status::NtStatus(result)),
            None => Ok(()),
        }
    }
}

/// The last events of a lab.
#[derive(Debug)]
pub(crate) struct Trace {
    events: Mutex<(u64, VecDeque<Event>)>,
    capacity: usize,
}

impl Trace {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { events: Mutex::default(), capacity: capacity.max(1) }
    }

    pub(crate) fn record(
        &self,
        way: Way,
        function: &'static str,
        object: u64,
        result: Option<i32>,
    ) {
        let processor = processor::number();
        let irql = irql::current();
        session::note(way, function, object);
        let mut guard = lock(&self.events);
        let (sequence, events) = &mut *guard;
        *sequence += 1;
        if events.len() == self.capacity {
            events.pop_front();
        }
        let sequence = *sequence;
        events.push_back(Event { sequence, processor, irql, way, function, object, result });
    }

    /// The last `count` events, oldest first.
    pub(crate) fn last(&self, count: usize) -> Vec<Event> {
        let guard = lock(&self.events);
        let skip = guard.1.len().saturating_sub(count);
        guard.1.iter().skip(skip).cloned().collect()
    }
}

//! What happened in a run, without addresses, so that runs can be compared.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::irql::Irql;
use crate::rule::Rule;

/// Something that happened under a schedule.
///
/// Its line has fixed columns: thread, processor, IRQL, what kind of event (`>` the driver calls
/// the lab, `<` the lab calls the driver, `=` the driver returns, `+` a thread comes into being,
/// `*` an actor acts, `!` a rule is broken), the function, the object. Equal runs have equal steps: an object in
/// memory is told by a number, in the order in which objects appear.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The virtual thread.
    pub thread: usize,
    /// The virtual processor that it ran on.
    pub processor: usize,
    /// The IRQL.
    pub irql: Irql,
    /// What kind of event.
    pub kind: char,
    /// The function, the callback, the role of a thread, or the rule.
    pub what: &'static str,
    /// The object that it is about.
    pub object: Object,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// A number or a handle.
    Value(u64),
    /// An object in memory; the first that appears is 1.
    Memory(u64),
    /// Something on a thread's stack.
    Stack(usize),
}

impl Step {
    /// The heads of the columns of its line.
    pub const COLUMNS: &str = "thread cpu irql way function                                 object";
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value:#x}"),
            Self::Memory(number) => write!(f, "object {number}"),
            Self::Stack(thread) => write!(f, "stack of thread {thread}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { thread, processor, irql, kind, what, object } = self;
        write!(f, "{thread:>6} {processor:>3} {:>4} {kind:>3} {what:<40} {object}", irql.0)
    }
}

/// Leaves out what came after the first breach of a rule.
pub(crate) fn end_at(steps: &mut Vec<Step>, rule: Rule) {
    let first = steps.iter().position(|step| step.kind == '!' && step.what == rule.name());
    steps.truncate(first.map_or(steps.len(), |first| first + 1));
}

/// One of the things that an actor does.
///
/// A thread's decisions are counted from the last act on, so that they mean the same when earlier
/// acts are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The actor, from 0.
    pub actor: usize,
    /// Which of the actor's acts, from 1.
    pub number: u64,
}

/// How many steps are kept.
const STEPS: usize = 200_000;

/// The record of a run.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) steps: Vec<Step>,
    /// What actors did, in order.
    pub(crate) acts: Vec<Act>,
    /// The numbers of objects in memory.
    numbers: BTreeMap<u64, u64>,
    next: u64,
}

impl Record {
    pub(crate) fn push(&mut self, step: Step) {
        if self.steps.len() < STEPS {
            self.steps.push(step);
        }
    }

    /// What an address or value is called.
    pub(crate) fn name(&mut self, value: u64) -> Object {
        const LOWEST_ADDRESS: u64 = 0x1_0000;
        const HIGHEST_ADDRESS: u64 = 0x7FFF_FFFF_FFFF;
        if !(LOWEST_ADDRESS..=HIGHEST_ADDRESS).contains(&value) {
            return Object::Value(value);
        }
        let next = &mut self.next;
        let number = self.numbers.entry(value).or_insert_with(|| {
            *next += 1;
            *next
        });
        Object::Memory(*number)
    }

    /// Memory that is gone: what lies there next is something else.
    pub(crate) fn forget(&mut self, start: u64, size: usize) {
        let end = start.saturating_add(size as u64);
        let gone: Vec<u64> = self.numbers.range(start..end).map(|(&address, _)| address).collect();
        for address in gone {
            self.numbers.remove(&address);
        }
    }
}

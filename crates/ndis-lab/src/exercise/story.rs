//! A story: a driver's life from load to unload, as a seed has it.

use std::sync::Arc;

use crate::driver::Driver;
use crate::exercise::Exercise;
use crate::exercise::chance::Chance;
use crate::exercise::control::Client;
use crate::exercise::crew::{self, Actor, Role};
use crate::exercise::edges::Edges;
use crate::exercise::forge::Forge;
use crate::exercise::life::{self, Life};
use crate::exercise::outcome::{Finding, Outcome};
use crate::exercise::requests::{Announcer, Asker};
use crate::exercise::seat::Seat;
use crate::exercise::traffic::{Receiver, Sender};
use crate::image::LoadError;
use crate::lab::Lab;

/// How many steps an actor does at most in a story that is told once for each of its allocations.
const STEPS_UNDER_FAULT: u64 = 8;

/// How many allocations of a story without a chosen fault are made to fail at most.
const RANDOM_FAULTS: u64 = 6;

/// How many events are kept for a trace.
const TRACE: usize = 1 << 20;

/// How a story is laid out.
struct Layout {
    adapters: u8,
    clients: u64,
    steps: u64,
    /// Allocations that fail.
    faults: Vec<u64>,
    guarded: bool,
}

impl Layout {
    fn new(exercise: &Exercise, fault: Option<u64>, chance: &mut Chance) -> Self {
        let guarded = chance.one_in(2);
        if let Some(fault) = fault {
            let (adapters, clients, steps) = (1, 1, STEPS_UNDER_FAULT.min(exercise.steps));
            return Self { adapters, clients, steps, faults: vec![fault], guarded };
        }
        let faults = if chance.one_in(4) { chance.between(1..=RANDOM_FAULTS) } else { 0 };
        Self {
            adapters: chance.pick(&[1, 1, 2, 2, 3]),
            clients: chance.between(0..=3),
            steps: exercise.steps,
            faults: (0..faults).map(|_| chance.between(1..=400)).collect(),
            guarded,
        }
    }
}

/// Tells the story of a seed.
pub(crate) fn tell(
    exercise: &Exercise,
    seed: u64,
    fault: Option<u64>,
) -> Result<Outcome, LoadError> {
    let mut chance = Chance::new(seed);
    let layout = Layout::new(exercise, fault, &mut chance);
    let mut builder = Lab::builder().guarded_memory(layout.guarded);
    if exercise.trace {
        builder = builder.trace_capacity(TRACE);
    }
    let lab = builder.build();
    let driver = lab.load(&exercise.file)?;
    for &fault in &layout.faults {
        lab.fail_allocation(fault);
    }
    let mut findings = Vec::new();
    let verdict = if driver.start().is_ok() {
        let stuck = live(exercise, &lab, &driver, &layout, &mut chance);
        findings.extend(stuck.into_iter().map(|text| Finding::new("hang", text)));
        lab.settle();
        driver.unload()
    } else {
        driver.unload()
    };
    findings.extend(verdict.violations.iter().map(Finding::from));
    let counters = lab.counters();
    Ok(Outcome {
        seed,
        fault,
        allocations: lab.allocation_attempts(),
        calls: counters.calls,
        findings,
        trace: if exercise.trace {
            lab.trace().iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        },
    })
}

/// Lets all act on the driver, then checks that what runs still takes traffic; says who was stuck.
fn live(
    exercise: &Exercise,
    lab: &Lab,
    driver: &Driver,
    layout: &Layout,
    chance: &mut Chance,
) -> Vec<String> {
    let seats: Vec<_> = (1..=layout.adapters)
        .map(|number| Arc::new(Seat::new(lab, driver, life::adapter(number, chance))))
        .collect();
    let roles = cast(exercise, driver, &seats, layout, chance);
    let stop = || !lab.violations().is_empty();
    let stuck = crew::act(roles, &stop, || seats.iter().for_each(|seat| seat.tend()));
    for seat in &seats {
        seat.with(|stack| {
            stack.send_from_above([&[0x02; 60]]);
            stack.indicate_from_below([&[0x02; 60]], false);
        });
        if chance.one_in(2) {
            seat.detach();
        }
    }
    stuck
}

/// The actors of a story.
fn cast(
    exercise: &Exercise,
    driver: &Driver,
    seats: &[Arc<Seat>],
    layout: &Layout,
    chance: &mut Chance,
) -> Vec<Role> {
    let mut actors: Vec<Box<dyn Actor>> = Vec::new();
    for seat in seats {
        let seat = || Arc::clone(seat);
        actors.push(Box::new(Life { seat: seat(), fragile: !layout.faults.is_empty() }));
        actors.push(Box::new(Sender(seat())));
        if chance.one_in(3) {
            actors.push(Box::new(Sender(seat())));
        }
        actors.push(Box::new(Receiver(seat())));
        actors.push(Box::new(Edges(seat())));
        actors.push(Box::new(Asker(seat())));
        actors.push(Box::new(Announcer(seat())));
    }
    let mut devices = driver.devices();
    devices.extend(exercise.devices.iter().cloned());
    if !devices.is_empty() {
        let devices: Arc<[String]> = devices.into();
        let numbers = seats.iter().flat_map(|seat| [seat.config.luid, seat.config.if_index.into()]);
        let forge = Forge::new(exercise.codes.clone(), numbers.collect());
        for _ in 0..layout.clients {
            actors.push(Box::new(Client::new(driver, Arc::clone(&devices), forge.clone())));
        }
    }
    let mut role = |actor| Role { actor, chance: chance.fork(), steps: layout.steps };
    actors.into_iter().map(&mut role).collect()
}

//! A story: a driver's life from load to unload, as a seed has it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::driver::Driver;
use crate::exercise::Exercise;
use crate::exercise::chance::Chance;
use crate::exercise::control::Client;
use crate::exercise::crew::{self, Actor, Bell, Role};
use crate::exercise::edges::Edges;
use crate::exercise::forge::Forge;
use crate::exercise::life::{self, Life};
use crate::exercise::outcome::{Finding, Outcome};
use crate::exercise::requests::{Announcer, Asker};
use crate::exercise::seat::Seat;
use crate::exercise::traffic::{Receiver, Sender};
use crate::image::LoadError;
use crate::lab::Lab;
use crate::rule::Rule;
use crate::schedule::{Schedule, Scope, Switch, record};

/// What a story is decided by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// Decides what adapters and actors are like and what they do, and their order.
    pub seed: u64,
    /// The allocation that fails, from 1; the story is a short one then.
    pub fault: Option<u64>,
    /// The unusual decisions of the schedule, instead of those that the seed would make.
    pub switches: Option<Vec<Switch>>,
}

impl Story {
    /// The story of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { seed, fault: None, switches: None }
    }

    /// The story of a seed, shortened, with one allocation failing.
    #[must_use]
    pub fn with_fault(seed: u64, fault: u64) -> Self {
        Self { fault: Some(fault), ..Self::of(seed) }
    }
}

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
    processors: usize,
}

impl Layout {
    fn new(exercise: &Exercise, fault: Option<u64>, chance: &mut Chance) -> Self {
        let guarded = chance.one_in(2) || exercise.guarded;
        let processors = chance.pick(&[1, 2, 2, 3, 4]);
        let processors = exercise.processors.unwrap_or(processors);
        if let Some(fault) = fault {
            let (adapters, clients, steps) = (1, 1, STEPS_UNDER_FAULT.min(exercise.steps));
            return Self { adapters, clients, steps, faults: vec![fault], guarded, processors };
        }
        let faults = if chance.one_in(4) { chance.between(1..=RANDOM_FAULTS) } else { 0 };
        Self {
            adapters: chance.pick(&[1, 1, 2, 2, 3]),
            clients: chance.between(0..=3),
            steps: exercise.steps,
            faults: (0..faults).map(|_| chance.between(1..=400)).collect(),
            guarded,
            processors,
        }
    }

    /// What decides the order of things, unless the system does.
    fn schedule(&self, exercise: &Exercise, story: &Story) -> Option<Schedule> {
        let strategy = exercise.interleaving.of(story.seed)?;
        let schedule = Schedule::seeded(story.seed).processors(self.processors).strategy(strategy);
        Some(match &story.switches {
            Some(switches) => schedule.with_switches(switches),
            None => schedule,
        })
    }
}

/// Tells a story.
pub(crate) fn tell(exercise: &Exercise, story: &Story) -> Result<Outcome, LoadError> {
    let mut chance = Chance::new(story.seed);
    let layout = Layout::new(exercise, story.fault, &mut chance);
    let schedule = layout.schedule(exercise, story);
    let mut builder = Lab::builder().guarded_memory(layout.guarded);
    if let Some(schedule) = &schedule {
        builder = builder.schedule(schedule.clone());
    } else if exercise.trace {
        builder = builder.trace_capacity(TRACE);
    }
    let lab = builder.build();
    let driver = lab.load(&exercise.file)?;
    for &fault in &layout.faults {
        lab.fail_allocation(fault);
    }
    let (stuck, verdict) = lab.run(|scope| {
        let stuck = match driver.start() {
            Ok(()) => live(exercise, scope, &lab, &driver, &layout, &mut chance),
            Err(_) => Vec::new(),
        };
        lab.settle();
        (stuck, driver.unload())
    });
    let hangs = stuck.into_iter().map(|text| Finding::new(Finding::HANG, text));
    let findings = hangs.chain(verdict.violations.iter().map(Finding::from)).collect();
    let outcome = Outcome {
        allocations: lab.allocation_attempts(),
        calls: lab.counters().calls,
        findings,
        ..Outcome::of(story)
    };
    Ok(match schedule {
        Some(schedule) => scheduled(exercise, outcome, &schedule, &verdict.rules()),
        None if exercise.trace => {
            let trace = lab.trace().iter().map(ToString::to_string).collect();
            Outcome { trace, ..outcome }
        }
        None => outcome,
    })
}

/// Adds what the schedule knows of a story.
fn scheduled(
    exercise: &Exercise,
    outcome: Outcome,
    schedule: &Schedule,
    broken: &[Rule],
) -> Outcome {
    let is_clean = outcome.is_clean();
    let mut outcome = Outcome { schedule: Some(schedule.to_string()), ..outcome };
    if !is_clean || exercise.trace {
        let mut steps = schedule.steps();
        if let (Some(&rule), false) = (broken.first(), exercise.trace) {
            record::end_at(&mut steps, rule);
        }
        outcome.trace = steps.iter().map(ToString::to_string).collect();
    }
    if !is_clean {
        outcome.switches = schedule.switches();
    }
    outcome
}

/// Lets all act on the driver, then checks that what runs still takes traffic; says who was stuck.
fn live(
    exercise: &Exercise,
    scope: &Scope<'_, '_>,
    lab: &Lab,
    driver: &Driver,
    layout: &Layout,
    chance: &mut Chance,
) -> Vec<String> {
    let bell = Arc::new(Bell::default());
    let seat = |number| Seat::new(lab, driver, &bell, life::adapter(number, chance));
    let seats: Vec<_> = (1..=layout.adapters).map(seat).map(Arc::new).collect();
    let roles = cast(exercise, driver, &seats, layout, chance);
    let stuck = crew::act(scope, lab, roles, &bell, || seats.iter().for_each(|seat| seat.tend()));
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

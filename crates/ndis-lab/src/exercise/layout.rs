//! How a story is laid out: what there is before anybody acts.

use crate::exercise::chance::Chance;
use crate::exercise::{Exercise, Story};
use crate::schedule::Schedule;

/// How many steps an actor does at most in a story that is told once for each of its allocations.
const STEPS_UNDER_FAULT: u64 = 8;

/// How many allocations of a story without a chosen fault are made to fail at most.
const RANDOM_FAULTS: u64 = 6;

/// How a story is laid out.
pub(crate) struct Layout {
    pub(crate) adapters: u8,
    /// How many programs use the driver's devices.
    pub(crate) clients: u64,
    /// How many steps each actor does at most.
    pub(crate) steps: u64,
    /// Allocations that fail.
    pub(crate) faults: Vec<u64>,
    /// Whether memory is guarded.
    pub(crate) guarded: bool,
    /// What decides the order of things, unless the system does.
    pub(crate) schedule: Option<Schedule>,
}

impl Layout {
    pub(crate) fn new(exercise: &Exercise, story: &Story, chance: &mut Chance) -> Self {
        let guarded = chance.one_in(2) || exercise.guarded;
        let processors = chance.pick(&[1, 2, 2, 3, 4]);
        let processors = exercise.processors.unwrap_or(processors);
        let schedule = schedule(exercise, story, processors);
        if let Some(fault) = story.fault {
            let steps = STEPS_UNDER_FAULT.min(exercise.steps);
            return Self { adapters: 1, clients: 1, steps, faults: vec![fault], guarded, schedule };
        }
        let faults = if chance.one_in(4) { chance.between(1..=RANDOM_FAULTS) } else { 0 };
        Self {
            adapters: chance.pick(&[1, 1, 2, 2, 3]),
            clients: chance.between(0..=3),
            steps: exercise.steps,
            faults: (0..faults).map(|_| chance.between(1..=400)).collect(),
            guarded,
            schedule,
        }
    }
}

fn schedule(exercise: &Exercise, story: &Story, processors: usize) -> Option<Schedule> {
    let strategy = exercise.interleaving.of(story.seed)?;
    let schedule = Schedule::seeded(story.seed).processors(processors).strategy(strategy);
    Some(match &story.switches {
        Some(switches) => schedule.with_switches(switches),
        None => schedule,
    })
}

//! A story as it is told: a driver's life from load to unload.

use std::sync::Arc;

use crate::driver::Driver;
use crate::exercise::chance::Chance;
use crate::exercise::control::{Cancellers, Client};
use crate::exercise::crew::{self, Actor, Bell, Role};
use crate::exercise::edges::Edges;
use crate::exercise::forge::Forge;
use crate::exercise::layout::Layout;
use crate::exercise::life::{self, Life};
use crate::exercise::outcome::{Finding, Outcome};
use crate::exercise::requests::{Announcer, Asker};
use crate::exercise::seat::Seat;
use crate::exercise::traffic::{Receiver, Sender};
use crate::exercise::{Exercise, Story};
use crate::image::LoadError;
use crate::lab::Lab;
use crate::rule::Rule;
use crate::schedule::{Schedule, Scope, record};

/// How many events are kept for a trace.
const TRACE: usize = 1 << 20;

/// A story as it is told.
struct Telling<'s> {
    exercise: &'s Exercise,
    story: &'s Story,
    layout: Layout,
    lab: Lab,
    driver: Driver,
}

/// Tells a story.
pub(crate) fn tell(exercise: &Exercise, story: &Story) -> Result<Outcome, LoadError> {
    let mut chance = Chance::new(story.seed);
    let layout = Layout::new(exercise, story, &mut chance);
    let mut builder = Lab::builder().guarded_memory(layout.guarded);
    for (name, value) in &exercise.parameters {
        builder = builder.parameter(name.clone(), value.clone());
    }
    if let Some(schedule) = &layout.schedule {
        builder = builder.schedule(schedule.clone());
    } else if exercise.trace {
        builder = builder.trace_capacity(TRACE);
    }
    let lab = builder.build();
    let driver = lab.load(&exercise.file)?;
    for &fault in &layout.faults {
        lab.fail_allocation(fault);
    }
    Ok(Telling { exercise, story, layout, lab, driver }.tell(&mut chance))
}

impl Telling<'_> {
    fn tell(&self, chance: &mut Chance) -> Outcome {
        let Self { lab, driver, .. } = self;
        let (stuck, verdict) = lab.run(|scope| {
            let stuck = match driver.start() {
                Ok(()) => self.live(scope, chance),
                Err(_) => Vec::new(),
            };
            lab.settle();
            (stuck, driver.unload())
        });
        let hangs = stuck.into_iter().map(|text| Finding::new(Finding::HANG, text));
        let mut outcome = Outcome {
            allocations: lab.allocation_attempts(),
            calls: lab.counters().calls,
            findings: hangs.chain(verdict.violations.iter().map(Finding::from)).collect(),
            ..Outcome::of(self.story)
        };
        if let Some(schedule) = &self.layout.schedule {
            self.add_schedule(&mut outcome, schedule, &verdict.rules());
        } else if self.exercise.trace {
            outcome.trace = lab.trace().iter().map(ToString::to_string).collect();
        }
        outcome
    }

    /// Adds what the schedule knows of a story.
    fn add_schedule(&self, outcome: &mut Outcome, schedule: &Schedule, broken: &[Rule]) {
        outcome.schedule = Some(schedule.to_string());
        if outcome.is_clean() && !self.exercise.trace {
            return;
        }
        let mut steps = schedule.steps();
        if let (Some(&rule), false) = (broken.first(), self.exercise.trace) {
            record::end_at(&mut steps, rule);
        }
        outcome.trace = steps.iter().map(ToString::to_string).collect();
        if !outcome.is_clean() {
            (outcome.acts, outcome.switches) = (schedule.acts(), schedule.switches());
        }
    }

    /// Lets all act on the driver, then checks that what runs still takes traffic; says who was
    /// stuck.
    fn live(&self, scope: &Scope<'_, '_>, chance: &mut Chance) -> Vec<String> {
        let bell = Arc::new(Bell::default());
        let seats: Vec<_> = (1..=self.layout.adapters)
            .map(|number| life::adapter(number, chance))
            .map(|config| Arc::new(Seat::new(&self.lab, &self.driver, &bell, config)))
            .collect();
        let roles = self.cast(&seats, chance);
        let tend = || seats.iter().for_each(|seat| seat.tend());
        let stuck = crew::act(scope, &self.lab, roles, &bell, tend);
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

    /// The actors of the story.
    fn cast(&self, seats: &[Arc<Seat>], chance: &mut Chance) -> Vec<Role> {
        let mut actors: Vec<Box<dyn Actor>> = Vec::new();
        for seat in seats {
            let seat = || Arc::clone(seat);
            actors.push(Box::new(Life { seat: seat(), fragile: !self.layout.faults.is_empty() }));
            actors.push(Box::new(Sender(seat())));
            if chance.one_in(3) {
                actors.push(Box::new(Sender(seat())));
            }
            actors.push(Box::new(Receiver(seat())));
            actors.push(Box::new(Edges(seat())));
            actors.push(Box::new(Asker(seat())));
            actors.push(Box::new(Announcer(seat())));
        }
        let mut devices = self.driver.devices();
        devices.extend(self.exercise.devices.iter().cloned());
        if !devices.is_empty() {
            let devices: Arc<[String]> = devices.into();
            let numbers =
                seats.iter().flat_map(|seat| [seat.config.luid, seat.config.if_index.into()]);
            let forge = Forge::new(self.exercise.codes.clone(), numbers.collect());
            let cancellers = Arc::new(Cancellers::default());
            for _ in 0..self.layout.clients {
                let (devices, cancellers) = (Arc::clone(&devices), Arc::clone(&cancellers));
                let client = Client::new(&self.driver, devices, cancellers, forge.clone());
                actors.push(Box::new(client));
            }
        }
        let role = |(number, actor)| Role {
            actor,
            chance: chance.fork(),
            steps: self.layout.steps,
            only: self.story.steps_of(number),
        };
        actors.into_iter().enumerate().map(role).collect()
    }
}

//! The driver's whole life in the lab, with every frame of a capture on two adapters.

use std::{path::Path, thread, time::Duration};

use framecastctl::{Adapter, Client, Reply, Status, Transport, capture::CapturedFrame};
use indicatif::{ProgressBar, ProgressStyle};
use ndis_lab::{AdapterConfig, Driver, File, Lab, NtStatus, RestartAttributes, Stack, Violation};
use protocol::{Direction, Request};

use super::batches::{Batches, Portion};

/// The name by which programs open the driver's control device.
const DEVICE: &str = r"\\.\Framecast";

/// Room for the drivers below a filter, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// In front of a frame: data backfill.
    pub(super) data: u32,
    /// In the context of a frame's list: context backfill.
    pub(super) context: u32,
}

impl Room {
    const NONE: Self = Self { data: 0, context: 0 };
}

/// What the drivers below do about room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Below {
    /// What they declare.
    pub(super) asks: Room,
    /// What they use.
    pub(super) uses: Room,
}

/// An adapter of the demo, and the drivers below the filter on it.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Tells it from other adapters of the lab.
    number: u8,
    /// Before the restart in the middle, and after it.
    pub(super) below: [Below; 2],
}

/// The adapters: on `a` the drivers below ask for what they use, on `b` only from the restart on.
pub(super) const PARTS: [Part; 2] = {
    let first = Room { data: 256, context: 64 };
    let second = Room { data: 512, context: 128 };
    [
        Part {
            name: "a",
            number: 1,
            below: [Below { asks: first, uses: first }, Below { asks: second, uses: second }],
        },
        Part {
            name: "b",
            number: 2,
            below: [Below { asks: Room::NONE, uses: first }, Below { asks: first, uses: first }],
        },
    ]
};

/// What happened.
pub(super) struct Outcome {
    /// On each of [`PARTS`].
    pub(super) passages: Vec<Passage>,
    /// Every breach of a rule, leaks among them.
    pub(super) violations: Vec<Violation>,
}

/// What happened on an adapter.
pub(super) struct Passage {
    /// Who it is.
    pub(super) part: &'static Part,
    /// Before the restart in the middle, and after it.
    pub(super) halves: [Half; 2],
    /// How often the driver made its pools anew.
    pub(super) rebuilds: u32,
    /// What became of each frame, as the driver says.
    pub(super) statuses: Vec<Status>,
    /// The frames that arrived on the wire.
    pub(super) wire: Vec<Vec<u8>>,
}

/// What happened on an adapter up to the restart, or from it on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Half {
    /// The room that the driver reported to leave.
    pub(super) left: Room,
    /// Allocations that NDIS made for the drivers below.
    pub(super) allocations: u64,
}

/// Why the journey could not be made to its end.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    /// The lab does not take the driver.
    #[error("the lab cannot load the driver")]
    Load(#[from] ndis_lab::LoadError),
    /// The driver refused something of its life.
    #[error("the driver failed to {step}: {status}")]
    Step {
        /// What it failed to do.
        step: String,
        /// How.
        status: NtStatus,
    },
    /// A request to the driver failed.
    #[error(transparent)]
    Request(#[from] framecastctl::Error),
    /// The driver does not list an adapter that it is attached to.
    #[error("the driver does not list adapter {0}")]
    Unlisted(&'static str),
}

/// Says at which step of the driver's life a status came.
fn step(step: impl Into<String>) -> impl FnOnce(NtStatus) -> JourneyError {
    let step = step.into();
    |status| JourneyError::Step { step, status }
}

/// Loads the driver, sends every frame on every adapter with a restart in the middle, unloads it.
pub(super) fn travel(image: &Path, frames: &[CapturedFrame]) -> Result<Outcome, JourneyError> {
    let lab = Lab::default();
    let driver = lab.load(image)?;
    driver.start().map_err(step("start"))?;
    let mut travellers = Vec::new();
    for part in &PARTS {
        travellers.push(Traveller::attach(&lab, &driver, part)?);
    }
    let client = Client::new(Patient(driver.open(DEVICE).map_err(step("open its device"))?));
    let progress = progress(frames.len() * PARTS.len());
    let middle = frames.len().div_ceil(2);
    for (half, range) in [0..middle, middle..frames.len()].into_iter().enumerate() {
        // In the first half there is nothing to pause yet.
        for traveller in &travellers {
            traveller.stack.pause();
        }
        for traveller in &mut travellers {
            traveller.restart(half)?;
            traveller.observe(half, &client)?;
        }
        for portion in Batches::new(frames, range) {
            for traveller in &mut travellers {
                traveller.inject(half, &client, &portion)?;
                progress.inc(portion.frames.len() as u64);
            }
        }
    }
    progress.finish_and_clear();
    for traveller in &mut travellers {
        traveller.stack.pause();
        traveller.stack.detach();
    }
    drop(client);
    let violations = driver.unload().violations;
    Ok(Outcome { passages: travellers.into_iter().map(Traveller::arrive).collect(), violations })
}

/// An adapter on its way through the demo.
struct Traveller {
    lab: Lab,
    stack: Stack,
    passage: Passage,
}

impl Traveller {
    fn attach(lab: &Lab, driver: &Driver, part: &'static Part) -> Result<Self, JourneyError> {
        let Room { data, context } = part.below[0].asks;
        let config = AdapterConfig::numbered(part.number).with_backfill(data, context);
        let stack = driver.attach(config).map_err(step(format!("attach to {}", part.name)))?;
        let passage = Passage {
            part,
            halves: [Half::default(); 2],
            rebuilds: 0,
            statuses: Vec::new(),
            wire: Vec::new(),
        };
        Ok(Self { lab: lab.clone(), stack, passage })
    }

    /// Restarts the adapter with what the drivers below ask for in this half, and use.
    fn restart(&mut self, half: usize) -> Result<(), JourneyError> {
        let Below { asks, uses } = self.passage.part.below[half];
        self.stack.use_room(uses.data, uses.context);
        let attributes = RestartAttributes::of(self.stack.config());
        let status = self.stack.restart_with(&attributes.backfill(asks.data, asks.context));
        status.map_err(step(format!("restart on {}", self.passage.part.name)))
    }

    /// Notes what the driver says of the adapter.
    fn observe(&mut self, half: usize, client: &Client<Patient>) -> Result<(), JourneyError> {
        let luid = self.stack.config().luid;
        let seen = client.adapters()?.into_iter().find(|adapter| adapter.luid == luid);
        let Some(Adapter { data_backfill, context_backfill, pool_rebuilds, .. }) = seen else {
            return Err(JourneyError::Unlisted(self.passage.part.name));
        };
        self.passage.halves[half].left = Room { data: data_backfill, context: context_backfill };
        self.passage.rebuilds = pool_rebuilds;
        Ok(())
    }

    /// Has the driver send some frames towards the network, and waits until they are gone.
    fn inject(
        &mut self,
        half: usize,
        client: &Client<Patient>,
        portion: &Portion,
    ) -> Result<(), JourneyError> {
        let before = self.lab.counters().ndis_allocations_for_retreat;
        let luid = self.stack.config().luid;
        let count = portion.frames.len();
        let statuses = match client.inject(luid, Direction::Send, &portion.batch) {
            Ok(injection) if injection.statuses.len() == count => injection.statuses,
            Ok(_) => return Err(framecastctl::Error::Malformed(Request::Inject).into()),
            // Refused as a whole: none of its frames left.
            Err(framecastctl::Error::Refused { status, .. }) => vec![status; count],
            Err(error) => return Err(error.into()),
        };
        self.passage.statuses.extend(statuses);
        // Nothing else runs in the lab: what NDIS allocated meanwhile, it did for this adapter.
        let after = self.lab.counters().ndis_allocations_for_retreat;
        self.passage.halves[half].allocations += after - before;
        Ok(())
    }

    fn arrive(mut self) -> Passage {
        let wire = self.stack.take_wire();
        self.passage.wire = wire.into_iter().map(|frame| frame.bytes).collect();
        self.passage
    }
}

/// The control device, for requests that must be done within a time.
struct Patient(File);

impl Transport for Patient {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        const TIMEOUT: Status = Status(0xC000_00B5_u32.cast_signed());
        const STEP: Duration = Duration::from_millis(1);
        let pending = self.0.control_pending(code, input, output_length);
        for _ in 0..10_000 {
            if let Some(result) = pending.result() {
                return Reply { status: Status(result.status.0), output: result.output };
            }
            thread::sleep(STEP);
        }
        pending.cancel();
        Reply { status: TIMEOUT, output: Vec::new() }
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(frames: usize) -> ProgressBar {
    let bar = ProgressBar::new(frames as u64);
    let style = ProgressStyle::with_template("Sending frames {wide_bar} {pos}/{len}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

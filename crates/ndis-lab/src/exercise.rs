//! A filter's whole life under chance: traffic, requests, events and faults that a seed decides.
//!
//! An [`Exercise`] tells stories. The seed of a story decides how many adapters there are, what
//! they are like, and what each of its actors does at each of its steps; the actors act on the
//! driver at the same time. Each is a list of steps drawn from a stream of chance of its own, so
//! that what one does never depends on how fast another is. An [`Interleaving`] says whether the
//! seed decides their order as well, so that the story replays exactly, or the system does.
//!
//! | file | actor | what it does |
//! |---|---|---|
//! | `life` | life | restarts on attributes of every kind, pauses, resets, power, removal, detaches |
//! | `traffic` | sender, receiver | lists of every form, alone and in batches; cancels |
//! | `edges` | edges | completes late, reordered, one by one, as failed; uses more or less room |
//! | `requests` | asker, announcer | OID requests and their cancellation; statuses and events |
//! | `control` | client | opens, asks, cancels, closes: hostile requests to the driver's devices |
//!
//! What the actors share: `seat` is an adapter's place, `crew` lets them act, `lists` makes lists,
//! `forge` makes the bytes of requests, `codes` finds control codes in an image, `chance` draws.
//! A `story` is what decides, `layout` what there is before anybody acts, `telling` the whole.
//!
//! ```no_run
//! use ndis_lab::exercise::Exercise;
//!
//! let exercise = Exercise::new("filter.sys").device(r"\\.\Filter").code(0x0012_E000, b"input");
//! for seed in 1..=100 {
//!     exercise.story(seed)?.expect_clean();
//! }
//! # Ok::<(), ndis_lab::LoadError>(())
//! ```

mod chance;
mod codes;
mod control;
mod crew;
mod edges;
mod forge;
mod interleaving;
mod layout;
mod life;
mod lists;
mod outcome;
mod requests;
mod seat;
mod story;
mod telling;
mod traffic;

use std::path::{Path, PathBuf};

pub use interleaving::{Interleaving, NoInterleaving};
pub use outcome::{Finding, Outcome};
pub use story::Story;

use crate::image::LoadError;
use crate::parameter::Parameter;

/// Stories to be told of a driver.
#[derive(Clone, Debug)]
pub struct Exercise {
    file: PathBuf,
    devices: Vec<String>,
    codes: Vec<(u32, Vec<u8>)>,
    steps: u64,
    interleaving: Interleaving,
    processors: Option<usize>,
    guarded: bool,
    parameters: Vec<(String, Parameter)>,
    trace: bool,
}

impl Exercise {
    /// Stories of the driver in a file.
    #[must_use]
    pub fn new(file: impl AsRef<Path>) -> Self {
        let file = file.as_ref().to_path_buf();
        let codes = codes::in_image(&file).into_iter().map(|code| (code, Vec::new())).collect();
        Self {
            file,
            devices: Vec::new(),
            codes,
            steps: 60,
            interleaving: Interleaving::default(),
            processors: None,
            guarded: false,
            parameters: Vec::new(),
            trace: false,
        }
    }

    /// Another device to open, beside those that the driver makes; `\\.\Name`.
    #[must_use]
    pub fn device(mut self, name: impl Into<String>) -> Self {
        self.devices.push(name.into());
        self
    }

    /// Another control code to send, beside those found in the driver, and an input that the
    /// driver may like: a start for mutations.
    #[must_use]
    pub fn code(mut self, code: u32, input: impl Into<Vec<u8>>) -> Self {
        self.codes.push((code, input.into()));
        self
    }

    /// How many steps each actor does at most; 60 unless chosen.
    #[must_use]
    pub fn steps(self, steps: u64) -> Self {
        Self { steps: steps.max(1), ..self }
    }

    /// What decides in which order actors act; [`Interleaving::Mixed`] unless chosen.
    #[must_use]
    pub fn interleaving(self, interleaving: Interleaving) -> Self {
        Self { interleaving, ..self }
    }

    /// How many virtual processors there are under a schedule; from one to four, as the seed has
    /// it, unless chosen.
    #[must_use]
    pub fn processors(self, processors: usize) -> Self {
        Self { processors: Some(processors.max(1)), ..self }
    }

    /// Guards memory in every story, not only in those whose seed says so.
    #[must_use]
    pub fn guarded(self, guarded: bool) -> Self {
        Self { guarded, ..self }
    }

    /// Gives the driver a value of its configuration, as [`crate::LabBuilder::parameter`] does.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: Parameter) -> Self {
        self.parameters.push((name.into(), value));
        self
    }

    /// Keeps every event of a story for [`Outcome::trace`].
    #[must_use]
    pub fn trace(self, trace: bool) -> Self {
        Self { trace, ..self }
    }

    /// The driver's file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Tells a story. Where a fault or a schedule decides more than the seed, [`Outcome::struck`]
    /// says whether there were so many allocations, and [`Outcome::switches`] which decisions came
    /// about.
    ///
    /// # Errors
    ///
    /// When the driver cannot be loaded.
    pub fn tell(&self, story: &Story) -> Result<Outcome, LoadError> {
        telling::tell(self, story)
    }

    /// Tells the story of a seed.
    ///
    /// # Errors
    ///
    /// When the driver cannot be loaded.
    pub fn story(&self, seed: u64) -> Result<Outcome, LoadError> {
        self.tell(&Story::of(seed))
    }

    /// Tells the story of a seed, shortened, with one allocation failing: the `fault`-th, from 1.
    ///
    /// # Errors
    ///
    /// When the driver cannot be loaded.
    pub fn story_with_fault(&self, seed: u64, fault: u64) -> Result<Outcome, LoadError> {
        self.tell(&Story::with_fault(seed, fault))
    }
}

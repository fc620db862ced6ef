//! A machine to run drivers on.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::abi::handlers::DriverEntry;
use crate::counters::Counters;
use crate::driver::Driver;
use crate::image::{Image, LoadError};
use crate::instructions::Instructions;
use crate::machine::{Machine, Options};
use crate::ndis::filter::FilterDriver;
use crate::ndis::module::PATIENCE;
use crate::parameter::Parameter;
use crate::rule::Rule;
use crate::schedule::Schedule;
use crate::step;
use crate::sync::{lock, write};
use crate::trace::Event;
use crate::user_event::UserEvent;
use crate::verdict::Verdict;
use crate::violation::Violation;

/// A machine to run drivers on.
///
/// A lab is independent of every other in the process, so tests run in parallel. Cloning it gives
/// another hold on the same machine. All of its methods may be called from any thread, at any
/// time, also while the driver runs.
#[derive(Clone, Debug)]
pub struct Lab {
    machine: Arc<Machine>,
}

/// Chooses what a [`Lab`] is like.
#[derive(Clone, Debug)]
pub struct LabBuilder {
    options: Options,
}

impl LabBuilder {
    /// The NDIS version that the lab claims; 6.84 unless chosen.
    #[must_use]
    pub fn ndis_version(mut self, major: u8, minor: u8) -> Self {
        self.options.ndis_version = (major, minor);
        self
    }

    /// How many events [`Lab::trace`] keeps; 4096 unless chosen.
    #[must_use]
    pub fn trace_capacity(mut self, events: usize) -> Self {
        self.options.trace_capacity = events;
        self
    }

    /// Prints on standard error what the driver prints with DbgPrint.
    #[must_use]
    pub fn print(mut self, print: bool) -> Self {
        self.options.print = print;
        self
    }

    /// How long NDIS waits for a filter to pause, and to finish with a list that it was given;
    /// ten seconds unless chosen.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.options.patience = patience;
        self
    }

    /// Gives drivers a value of their configuration: what NdisReadConfiguration finds, and the
    /// registry under the driver's own key and its `Parameters`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: Parameter) -> Self {
        self.options.parameters.push((name.into(), value));
        self
    }

    /// Guards memory: every block of pool memory, list, buffer and MDL ends at a closed page,
    /// what is freed is closed and kept, and lists and buffers are closed while the driver does
    /// not own them. A driver that touches any of it faults, and the report says what it touched
    /// and who freed it. Slower; off unless chosen.
    #[must_use]
    pub fn guarded_memory(mut self, guarded: bool) -> Self {
        self.options.guarded_memory = guarded;
        self
    }

    /// Puts what happens in [`Lab::run`] under a schedule, instead of leaving it to the system.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.options.schedule = Some(schedule);
        self
    }

    /// Builds the lab.
    #[must_use]
    pub fn build(self) -> Lab {
        Lab { machine: Arc::new(Machine::new(self.options)) }
    }
}

impl Default for LabBuilder {
    fn default() -> Self {
        Self {
            options: Options {
                ndis_version: (6, 84),
                trace_capacity: 4096,
                print: false,
                guarded_memory: false,
                parameters: Vec::new(),
                patience: PATIENCE,
                schedule: None,
            },
        }
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Lab {
    /// Begins to build a lab.
    #[must_use]
    pub fn builder() -> LabBuilder {
        LabBuilder::default()
    }

    pub(crate) fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// Loads a driver's image and binds its imports; nothing of it runs yet.
    ///
    /// The image's code will run in this process, with all of this process's rights: load only
    /// drivers that you would run.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not a driver for x86-64, or imports what the lab does not
    /// export; the error names every such import.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Driver, LoadError> {
        let image = Arc::new(Image::load(path.as_ref())?);
        crate::fault::install();
        write(&self.machine.images).push(Arc::clone(&image));
        let filter = FilterDriver::new(&self.machine, image.entry(), Some(&image));
        Ok(Driver::new(Arc::clone(&self.machine), filter))
    }

    /// A driver made of functions in this process, entered at `entry`.
    #[must_use]
    pub fn driver(&self, entry: DriverEntry) -> Driver {
        crate::fault::install();
        let filter = FilterDriver::new(&self.machine, entry, None);
        Driver::new(Arc::clone(&self.machine), filter)
    }

    /// Makes an event of a process, whose handle a request can give to the driver.
    #[must_use]
    pub fn event(&self) -> UserEvent {
        UserEvent::new(&self.machine)
    }

    /// Every breach so far.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        lock(&self.machine.violations).clone()
    }

    /// The breaches so far, as a verdict.
    pub fn verdict(&self) -> Verdict {
        Verdict { violations: self.violations() }
    }

    /// Takes the breaches so far out of the lab: tests that provoke one go on clean.
    #[must_use]
    pub fn take_violations(&self) -> Vec<Violation> {
        std::mem::take(&mut *lock(&self.machine.violations))
    }

    /// Every rule that was broken so far, those among them whose violations were taken.
    #[must_use]
    pub fn broken_rules(&self) -> BTreeSet<Rule> {
        lock(&self.machine.broken).clone()
    }

    /// What happened so far, in numbers.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.machine.tally.snapshot()
    }

    /// How often the driver's calls took memory from the system, rather than from a pool that
    /// recycles. In a steady state it does not grow.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.counters().system_allocations
    }

    /// How often the driver tried to allocate anything, recycled or not.
    #[must_use]
    pub fn allocation_attempts(&self) -> u64 {
        self.machine.faults.attempts()
    }

    /// Makes the `count`-th attempt to allocate from now fail; 1 is the next.
    pub fn fail_allocation(&self, count: u64) {
        self.machine.faults.fail(count);
    }

    /// Takes back every failure that [`Lab::fail_allocation`] asked for and that has not struck.
    pub fn clear_failures(&self) {
        self.machine.faults.clear();
    }

    /// The last events, oldest first.
    #[must_use]
    pub fn trace(&self) -> Vec<Event> {
        self.machine.trace.last(usize::MAX)
    }

    /// What the driver printed.
    #[must_use]
    pub fn printed(&self) -> Vec<String> {
        lock(&self.machine.printed).clone()
    }

    /// Counts the instructions of drivers' images that are executed while `work` runs and the lab
    /// settles, by executing them one at a time.
    ///
    /// The count is exact while the drivers run on one thread at a time: it says the same each
    /// time the same happens. It needs nothing of the machine but the trap flag, which every
    /// processor has; each instruction takes some microseconds, in a virtual machine twenty.
    /// Counts of several labs of a process wait for each other.
    pub fn count_instructions<R>(&self, work: impl FnOnce() -> R) -> (R, Instructions) {
        step::count(&self.machine, work)
    }

    /// Waits until nothing runs on the lab's own threads: deferred completions, procedures and
    /// work items are done. Timers that are not due are not waited for.
    pub fn settle(&self) {
        self.machine.settle();
    }
}

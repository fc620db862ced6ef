//! What a lab is made of inside: one machine with its processors, memory and drivers.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use crate::abi::Handle;
use crate::checks::time;
use crate::counters::Tally;
use crate::faults::Faults;
use crate::guest::Block;
use crate::image::Image;
use crate::io::IoState;
use crate::irql::Irql;
use crate::ke::mutex;
use crate::ledger::{Ledger, Remaining};
use crate::lock_order::LockOrder;
use crate::ndis::filter::FilterDriver;
use crate::ndis::lab_list::LabList;
use crate::ndis::module::Module;
use crate::ob::Objects;
use crate::parameter::Parameter;
use crate::processor::{self, Frame};
use crate::rule::Rule;
use crate::schedule::core::Task;
use crate::schedule::{Schedule, session};
use crate::sync::{lock, read};
use crate::timer::Periodic;
use crate::trace::{Trace, Way};
use crate::violation::{Location, Violation};
use crate::visits::Visits;
use crate::work::WorkQueue;

/// What can be chosen when a lab is built.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// NDIS version that the lab claims, major and minor.
    pub(crate) ndis_version: (u8, u8),
    /// How many events are kept.
    pub(crate) trace_capacity: usize,
    /// Print what the driver prints.
    pub(crate) print: bool,
    /// Put every block of pool memory in front of an unmapped page.
    pub(crate) guarded_memory: bool,
    /// What drivers find in their configuration.
    pub(crate) parameters: Vec<(String, Parameter)>,
    /// How long NDIS waits for a filter before it calls it stuck.
    pub(crate) patience: Duration,
    /// Decides the order of everything in a run.
    pub(crate) schedule: Option<Schedule>,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) options: Options,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    pub(crate) faults: Faults,
    pub(crate) violations: Mutex<Vec<Violation>>,
    /// Every rule that was broken, also where tests took the violations away.
    pub(crate) broken: Mutex<BTreeSet<Rule>>,
    pub(crate) images: RwLock<Vec<Arc<Image>>>,
    pub(crate) drivers: RwLock<HashMap<u32, Arc<FilterDriver>>>,
    pub(crate) modules: RwLock<HashMap<Handle, Arc<Module>>>,
    pub(crate) io: Mutex<IoState>,
    /// System threads, under a schedule: each runs by itself and is not waited for.
    pub(crate) threads: WorkQueue,
    pub(crate) objects: Mutex<Objects>,
    /// Whether a driver asked for the first byte of cancel identifiers.
    pub(crate) gave_cancel_id: AtomicBool,
    /// Open configurations, with what was read from them.
    pub(crate) configurations: Mutex<HashMap<Handle, Vec<Block>>>,
    /// What runs later at PASSIVE_LEVEL.
    pub(crate) work: WorkQueue,
    /// What runs later at DISPATCH_LEVEL.
    pub(crate) procedures: WorkQueue,
    /// Timers that fire again.
    pub(crate) periodic: Periodic,
    pub(crate) printed: Mutex<Vec<String>>,
    graveyard: Mutex<VecDeque<Arc<LabList>>>,
    made: Instant,
    next_handle: AtomicU64,
    next_driver: AtomicU32,
    pub(crate) lock_order: LockOrder,
    /// Calls into drivers that have not returned.
    pub(crate) visits: Visits,
    /// What a schedule's virtual time has come to.
    clock: AtomicU64,
}

/// How many violations are kept; more say nothing new.
const VIOLATIONS: usize = 1000;

/// How many lists of the lab outlive their completion.
const GRAVES: usize = 1024;

/// How many events a violation shows.
const EVENTS: usize = 16;

impl Machine {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            ledger: Mutex::default(),
            trace: Trace::new(options.trace_capacity),
            tally: Tally::default(),
            faults: Faults::default(),
            violations: Mutex::default(),
            broken: Mutex::default(),
            images: RwLock::default(),
            drivers: RwLock::default(),
            modules: RwLock::default(),
            io: Mutex::default(),
            threads: WorkQueue::default(),
            objects: Mutex::default(),
            gave_cancel_id: AtomicBool::new(false),
            configurations: Mutex::default(),
            work: WorkQueue::default(),
            procedures: WorkQueue::of_procedures(),
            periodic: Periodic::default(),
            printed: Mutex::default(),
            graveyard: Mutex::default(),
            made: Instant::now(),
            next_handle: AtomicU64::new(1),
            next_driver: AtomicU32::new(1),
            lock_order: LockOrder::default(),
            visits: Visits::default(),
            clock: AtomicU64::new(0),
            options,
        }
    }

    /// A handle that was never given before. It is no address: using it as one faults.
    pub(crate) fn new_handle(&self) -> Handle {
        const FIRST: u64 = 0xFFFF_A000_0000_0000;
        Handle(FIRST + self.next_handle.fetch_add(1, Ordering::Relaxed) * 16)
    }

    /// Memory for the driver: in guarded mode, such as can be closed to it.
    pub(crate) fn block(&self, size: usize) -> Block {
        if self.options.guarded_memory { Block::closable(size) } else { Block::zeroed(size) }
    }

    /// The number of a further driver.
    pub(crate) fn new_driver(&self) -> u32 {
        self.next_driver.fetch_add(1, Ordering::Relaxed)
    }

    /// The virtual time, in units of 100 nanoseconds, of a machine with a schedule.
    pub(crate) fn clock(&self) -> u64 {
        session::now().unwrap_or_else(|| self.clock.load(Ordering::Relaxed))
    }

    /// The time since the machine was made; virtual under a schedule.
    pub(crate) fn elapsed(&self) -> Duration {
        if self.options.schedule.is_none() {
            return self.made.elapsed();
        }
        Duration::from_nanos(self.clock().saturating_mul(100))
    }

    /// Notes what the virtual time has come to.
    pub(crate) fn set_clock(&self, clock: u64) {
        self.clock.store(clock, Ordering::Relaxed);
    }

    /// Takes a timer over that was not due when a run ended.
    pub(crate) fn put_back(&self, left: u64, task: Task) {
        let queue = if task.procedure { &self.procedures } else { &self.work };
        queue.push_after(task.key, Duration::from_nanos(left.saturating_mul(100)), task.job);
    }

    /// Waits until nothing is left to run later but timers that are not due.
    pub(crate) fn settle(&self) {
        // Work may queue procedures and procedures work; each is waited for twice.
        for _ in 0..2 {
            self.work.settle();
            self.procedures.settle();
        }
    }

    /// Keeps a list of the lab for a while after it came home, so that a driver that still uses it
    /// is told so rather than reading memory that is something else by now.
    pub(crate) fn bury(&self, list: Arc<LabList>) {
        let mut graveyard = lock(&self.graveyard);
        if graveyard.len() == GRAVES {
            graveyard.pop_front();
        }
        graveyard.push_back(list);
    }

    /// The filter module with this handle.
    pub(crate) fn module(&self, handle: Handle) -> Option<Arc<Module>> {
        read(&self.modules).get(&handle).cloned()
    }

    /// The place in a driver that an address is, if there is an address.
    pub(crate) fn locate(&self, address: u64) -> Option<Location> {
        if address == 0 {
            return None;
        }
        let images = read(&self.images);
        let image = images.iter().find(|image| image.contains(address));
        Some(Location { address, symbol: image.map(|image| image.describe(address)) })
    }

    /// A line about an object.
    pub(crate) fn describe(&self, item: Remaining) -> String {
        let Remaining { kind, address, site } = item;
        match self.locate(site) {
            Some(place) => format!("{kind} {address:#x}, allocated at {place}"),
            None => format!("{kind} {address:#x}"),
        }
    }

    /// Records a breach.
    pub(crate) fn violate(&self, rule: Rule, site: u64, message: String, objects: Vec<String>) {
        let violation = Violation {
            rule,
            message,
            location: self.locate(site),
            objects,
            events: self.trace.last(EVENTS),
        };
        session::note_violation(rule);
        lock(&self.broken).insert(rule);
        let mut violations = lock(&self.violations);
        if violations.len() < VIOLATIONS {
            violations.push(violation);
        }
    }

    /// Calls back into the driver on this thread and checks how it comes back.
    pub(crate) fn call_driver<R>(
        self: &Arc<Self>,
        frame: Frame,
        level: Irql,
        object: u64,
        callback: impl FnOnce() -> R,
    ) -> R {
        session::point();
        self.trace.record(Way::IntoDriver, frame.callback, object, None);
        let regions = mutex::enter();
        let begun = time::begin(self, frame.callback);
        let visit = self.visits.begin();
        let (result, left) = processor::enter(self, frame, level, callback);
        drop(visit);
        time::check(self, frame.callback, begun);
        let regions = mutex::leave(regions);
        if regions > 0 {
            let message = format!("{} returned in {regions} critical regions", frame.callback);
            self.violate(Rule::CriticalRegion, 0, message, Vec::new());
        }
        self.trace.record(Way::Return, frame.callback, object, None);
        for held in &left.locks {
            let message =
                format!("{} returned with spin lock {:#x} held", frame.callback, held.address);
            self.violate(Rule::SpinLock, held.site, message, Vec::new());
        }
        session::point();
        // A lock left held explains a raised IRQL: one breach, one violation.
        if let (Some((before, after)), true) = (left.irql, left.locks.is_empty()) {
            let message =
                format!("{} was entered at {before} and returned at {after}", frame.callback);
            self.violate(Rule::WrongIrql, 0, message, Vec::new());
        }
        result
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.work.stop();
        self.procedures.stop();
    }
}

//! Executes drivers' code one instruction at a time, and counts.
//!
//! While a count runs, the code of the images is closed: whoever enters it faults. The handler of
//! the fault opens it and sets the processor's trap flag, so that every instruction traps; when
//! control leaves the code again, the handler takes the flag back and closes it. Nothing else in
//! the lab knows of this: calls, returns, callbacks within calls are all found by where control is.
#![expect(unsafe_code, reason = "handles traps and changes the registers of what trapped")]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::image::Image;
use crate::instructions::Instructions;
use crate::machine::Machine;
use crate::sync::{lock, read};

/// The trap flag of EFLAGS.
const TRAP_FLAG: i64 = 0x100;

/// The imports whose third argument says how many bytes they copy.
const COPIES: [&str; 2] = ["memcpy", "memmove"];

/// The count that runs, if one does: the handler has no other way to it.
static RUNNING: AtomicPtr<Count> = AtomicPtr::new(ptr::null_mut());

/// One count at a time in this process.
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    static STEPS: Steps = const { Steps::none() };
}

/// The registers of what a signal interrupted.
pub(crate) type Registers = [i64; 23];

/// Where this thread is while it is stepped.
struct Steps {
    stepping: Cell<bool>,
    /// The instruction that is executed now.
    now: Cell<u64>,
}

impl Steps {
    const fn none() -> Self {
        Self { stepping: Cell::new(false), now: Cell::new(0) }
    }
}

/// An import, and how often it was called.
struct Import {
    address: u64,
    name: String,
    copies: bool,
    calls: AtomicU64,
}

/// An image, with a counter for each of its bytes.
struct Counted {
    image: Arc<Image>,
    executed: Vec<AtomicU64>,
    imports: Vec<Import>,
}

impl Counted {
    fn new(image: &Arc<Image>) -> Self {
        let executed = (0..image.size()).map(|_| AtomicU64::new(0)).collect();
        let import = |(address, name): (u64, &str)| Import {
            address,
            name: name.to_owned(),
            copies: COPIES.contains(&name),
            calls: AtomicU64::new(0),
        };
        let mut imports: Vec<_> = image.targets().map(import).collect();
        imports.sort_by_key(|import| import.address);
        Self { image: Arc::clone(image), executed, imports }
    }

    fn import(&self, address: u64) -> Option<&Import> {
        let found = self.imports.binary_search_by_key(&address, |import| import.address).ok()?;
        self.imports.get(found)
    }
}

/// A count that runs.
struct Count {
    images: Vec<Counted>,
    copied: AtomicU64,
}

/// Ends the count when it is dropped, however the work ended.
struct Ending(Box<Count>);

impl Drop for Ending {
    fn drop(&mut self) {
        RUNNING.store(ptr::null_mut(), Ordering::SeqCst);
        self.0.set_open(true);
    }
}

/// Counts what the drivers of a machine execute while `work` runs and the machine settles.
pub(crate) fn count<R>(machine: &Machine, work: impl FnOnce() -> R) -> (R, Instructions) {
    let _turn = lock(&TURN);
    let images = read(&machine.images).iter().map(Counted::new).collect();
    let ending = Ending(Box::new(Count { images, copied: AtomicU64::new(0) }));
    RUNNING.store(ptr::from_ref(&*ending.0).cast_mut(), Ordering::SeqCst);
    ending.0.set_open(false);
    let result = work();
    machine.settle();
    let instructions = ending.0.instructions();
    (result, instructions)
}

impl Count {
    fn set_open(&self, open: bool) {
        for counted in &self.images {
            counted.image.set_executable(open);
        }
    }

    fn at(&self, address: u64) -> Option<&Counted> {
        self.images.iter().find(|counted| counted.image.is_code(address))
    }

    fn instructions(&self) -> Instructions {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut all = Instructions { copied: load(&self.copied), ..Instructions::default() };
        for counted in &self.images {
            for import in counted.imports.iter().filter(|import| load(&import.calls) > 0) {
                *all.calls.entry(import.name.clone()).or_default() += load(&import.calls);
            }
            let executed = (0..).zip(counted.executed.iter().map(load));
            for (offset, count) in executed.filter(|&(_, count)| count > 0) {
                *all.executed.entry(offset).or_default() += count;
            }
        }
        all
    }

    /// Begins to step: control is about to enter an image.
    fn enter(&self, steps: &Steps, registers: &mut Registers) {
        self.set_open(true);
        steps.stepping.set(true);
        steps.now.set(value(registers, libc::REG_RIP));
        registers[place(libc::REG_EFL)] |= TRAP_FLAG;
    }

    /// Counts the instruction that was executed, and looks where control is now.
    fn step(&self, steps: &Steps, registers: &mut Registers) {
        let next = value(registers, libc::REG_RIP);
        let done = steps.now.replace(next);
        if next == done {
            // It repeats itself, and counts when it is through.
            return;
        }
        let Some(counted) = self.at(done) else { return };
        if let Some(counter) = counted.executed.get(counted.image.offset(done)) {
            add(counter, 1);
        }
        if self.at(next).is_some() {
            return;
        }
        if let Some(import) = counted.import(next) {
            add(&import.calls, 1);
            if import.copies {
                add(&self.copied, value(registers, libc::REG_R8));
            }
        }
        steps.stepping.set(false);
        registers[place(libc::REG_EFL)] &= !TRAP_FLAG;
        self.set_open(false);
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn place(register: i32) -> usize {
    usize::try_from(register).unwrap_or(0)
}

fn value(registers: &Registers, register: i32) -> u64 {
    registers[place(register)].cast_unsigned()
}

/// Deals with a signal if a count is the reason for it. Takes no lock and allocates nothing.
pub(crate) fn on_signal(signal: i32, info: &libc::siginfo_t, registers: &mut Registers) -> bool {
    // SAFETY: the count lives until it is taken out of there, after the drivers have settled.
    let Some(count) = (unsafe { RUNNING.load(Ordering::SeqCst).as_ref() }) else { return false };
    let instruction = value(registers, libc::REG_RIP);
    STEPS.with(|steps| match signal {
        libc::SIGTRAP if info.si_code == libc::TRAP_TRACE => {
            if steps.stepping.get() {
                count.step(steps, registers);
            } else {
                // A thread that was started by one that is stepped.
                registers[place(libc::REG_EFL)] &= !TRAP_FLAG;
            }
            true
        }
        libc::SIGSEGV => {
            // SAFETY: this signal has an address.
            let address = unsafe { info.si_addr() } as u64;
            let entered = address == instruction && count.at(instruction).is_some();
            if entered {
                count.enter(steps, registers);
            }
            entered
        }
        _ => false,
    })
}

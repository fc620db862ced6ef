//! What the lab does when a driver faults, or asks for the end: a bug-check report.
#![expect(unsafe_code, reason = "handles signals and reads the stack of a faulting driver")]

use std::ptr;
use std::sync::{Arc, Once};

use crate::guest::Guest;
use crate::machine::Machine;
use crate::processor;
use crate::step;
use crate::sync::read;

/// How many words of the stack are searched for return addresses.
const STACK_WORDS: u64 = 4096;

/// Handles the signals of faults, once for the process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
            // SAFETY: an all-zero sigaction is a valid value.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: the action is initialised; the handler has the signature that it says.
            unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        }
    });
}

/// What a fault was.
struct Fault {
    signal: i32,
    address: u64,
    instruction: u64,
    stack: u64,
}

extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo.
    let info = unsafe { &*info };
    // SAFETY: the signals handled here are those that have an address.
    let address = unsafe { info.si_addr() } as u64;
    // SAFETY: the kernel passes a valid ucontext.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    if step::on_signal(signal, info, registers) {
        return;
    }
    let register = |index: i32| usize::try_from(index).unwrap_or(0);
    let instruction = registers[register(libc::REG_RIP)].cast_unsigned();
    let stack = registers[register(libc::REG_RSP)].cast_unsigned();
    if processor::frame().is_none() {
        // Not while a driver runs: the process dies of it as it would without the lab.
        // SAFETY: the default action is always valid.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // Report on the faulting thread's own stack, outside the handler, where files may be read.
    let fault = Box::leak(Box::new(Fault { signal, address, instruction, stack }));
    registers[register(libc::REG_RDI)] = ptr::from_mut(fault) as i64;
    registers[register(libc::REG_RSP)] = ((stack - 4096) & !0xF).wrapping_sub(8).cast_signed();
    registers[register(libc::REG_RIP)] = report_fault as *const () as i64;
}

extern "C" fn report_fault(fault: &'static Fault) -> ! {
    let Some(machine) = processor::machine() else { std::process::abort() };
    let name = match fault.signal {
        libc::SIGSEGV => "access violation",
        libc::SIGBUS => "bus error",
        libc::SIGILL => "illegal instruction",
        libc::SIGFPE => "arithmetic fault",
        _ => "breakpoint",
    };
    eprintln!("\n*** the driver faulted: {name}");
    eprintln!("    address  {:#018x}", fault.address);
    eprintln!("    at       {}", place(&machine, fault.instruction));
    for line in crate::grave::describe(&machine, fault.address) {
        eprintln!("    object   {line}");
    }
    finish(&machine, fault.stack)
}

/// The end of the machine, as the driver asked for it.
pub(crate) fn bug_check(machine: &Arc<Machine>, code: u32, parameters: [u64; 4], site: u64) -> ! {
    let [a, b, c, d] = parameters;
    eprintln!("\n*** STOP {code:#010x} ({a:#x}, {b:#x}, {c:#x}, {d:#x})");
    eprintln!("    at       {}", place(machine, site));
    let stack = ptr::from_ref(&parameters) as u64;
    finish(machine, stack)
}

fn place(machine: &Machine, address: u64) -> String {
    machine.locate(address).map_or_else(|| format!("{address:#x}"), |place| place.to_string())
}

fn finish(machine: &Arc<Machine>, stack: u64) -> ! {
    if let Some(frame) = processor::frame() {
        eprintln!("    in       {} at {}", frame.callback, crate::irql::current());
    }
    for address in return_addresses(machine, stack) {
        eprintln!("    stack    {}", place(machine, address));
    }
    if let Some(replay) = crate::schedule::session::replay() {
        eprintln!("    replay   {replay}");
    }
    crate::schedule::session::write_last_words();
    for event in machine.trace.last(32) {
        eprintln!("    event    {event}");
    }
    std::process::exit(1)
}

/// Words on the stack that look like return addresses into an image.
fn return_addresses(machine: &Machine, stack: u64) -> Vec<u64> {
    const FRAMES: usize = 24;
    let images = read(&machine.images);
    let mut found = Vec::new();
    for index in 0..STACK_WORDS {
        if found.len() == FRAMES || (stack + index * 8) >= stack_end(stack) {
            break;
        }
        // SAFETY: between the stack pointer and the end of this thread's stack.
        let word = unsafe { Guest::<u64>::from_address(stack) }.index(index).read();
        if images.iter().any(|image| image.is_code(word)) {
            found.push(word);
        }
    }
    found
}

/// Where this thread's stack ends.
fn stack_end(fallback: u64) -> u64 {
    let mut start = ptr::null_mut();
    let mut size = 0;
    // SAFETY: an all-zero attribute object is filled by the call below before it is read.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: always valid.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: this thread lives; the object is ours.
    if unsafe { libc::pthread_getattr_np(thread, &raw mut attributes) } != 0 {
        return fallback;
    }
    // SAFETY: the object was filled by the call above.
    unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut size) };
    start as u64 + size as u64
}

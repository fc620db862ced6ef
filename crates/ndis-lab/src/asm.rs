//! Machine code that Rust has no words for: a function with a calling convention of its own, and
//! a thread that ends in the middle of a call.
#![expect(unsafe_code, reason = "is machine code")]

use std::arch::{asm, naked_asm};

use crate::exports::Export;

/// What this module exports; a thunk would change the registers that `__chkstk` keeps.
pub(crate) const EXPORTS: &[Export] =
    &[Export { name: "__chkstk", address: || __chkstk as *const () as u64, thunk: false }];

/// Touches every page that a function is about to take from the stack: `rax` says how many bytes,
/// and all registers but `r10` and `r11` stay as they are.
///
/// # Safety
///
/// Only for compilers to call.
#[unsafe(naked)]
pub unsafe extern "C" fn __chkstk() {
    naked_asm!(
        "push rcx",
        "push rax",
        "lea rcx, [rsp + 24]",
        "2:",
        "cmp rax, 0x1000",
        "jb 3f",
        "sub rcx, 0x1000",
        "test [rcx], rcx",
        "sub rax, 0x1000",
        "jmp 2b",
        "3:",
        "sub rcx, rax",
        "test [rcx], rcx",
        "pop rax",
        "pop rcx",
        "ret",
    )
}

/// Where [`run`] goes on when its thread is ended: a stack pointer and an address.
pub(crate) type Exit = [u64; 2];

/// Calls a routine of a driver, which returns or is ended by [`end`].
///
/// # Safety
///
/// `routine` is a `KSTART_ROUTINE`. What lies on the stack between this call and [`end`] needs no
/// destructor.
pub(crate) unsafe fn run(routine: u64, context: u64, exit: *mut Exit) {
    // SAFETY: a call by the driver's convention, with room for its four parameters. All registers
    // that either way back may change are saved here or named as lost.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "lea rax, [rip + 2f]",
            "mov [r12], rsp",
            "mov [r12 + 8], rax",
            "sub rsp, 32",
            "call r13",
            "add rsp, 32",
            "2:",
            "pop rbp",
            "pop rbx",
            inout("r12") exit => _,
            inout("r13") routine => _,
            in("rcx") context,
            out("r14") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
    }
}

/// Ends what [`run`] called on this thread.
///
/// # Safety
///
/// `exit` was filled by a [`run`] of this thread that has not returned.
pub(crate) unsafe fn end(exit: Exit) -> ! {
    // SAFETY: the stack pointer and the address belong together, and are those of a live frame.
    unsafe {
        asm!(
            "mov rsp, {stack}",
            "jmp {address}",
            stack = in(reg) exit[0],
            address = in(reg) exit[1],
            options(noreturn),
        );
    }
}

//! What the C runtime's start-up would bring, where the program was linked without a Windows SDK.
//!
//! Windows then enters at rustc's `main` itself, which needs no more of a C runtime than the table by
//! which Windows gives each thread its thread-local variables. Functions that compiled code calls
//! come from the runtime that is part of Windows, `ucrtbase.dll`.
#![expect(unsafe_code, reason = "these are names and sections that the linker goes by")]
#![allow(non_upper_case_globals, reason = "the linker knows these names")]

use std::ffi::c_int;

/// Says that floating point is used; nothing looks at its value.
#[unsafe(no_mangle)]
static _fltused: c_int = 0x9875;

/// IMAGE_TLS_DIRECTORY64
#[repr(C)]
struct TlsDirectory {
    start: *const u64,
    end: *const u64,
    index: *const u32,
    callbacks: *const usize,
    zero_fill: u32,
    characteristics: u32,
}

// SAFETY: Windows reads it before any thread of the program runs.
unsafe impl Sync for TlsDirectory {}

// The linker puts sections of one name in the order of what follows their dollar sign: the variables
// lie between the first two of these, and what Windows calls for each thread behind the third. The
// first two can be written, as the variables can: else they were sections apart.
#[unsafe(link_section = ".tls")]
static mut TLS_START: u64 = 0;
#[unsafe(link_section = ".tls$ZZZ")]
static mut TLS_END: u64 = 0;
#[unsafe(link_section = ".CRT$XLA")]
static BEFORE_CALLBACKS: usize = 0;
/// Ends the list of callbacks.
#[used]
#[unsafe(link_section = ".CRT$XLZ")]
static AFTER_CALLBACKS: usize = 0;

/// Which of its blocks of thread-local variables a thread finds the program's in; Windows writes it.
#[unsafe(no_mangle)]
static mut _tls_index: u32 = 0;

/// What the image's header names as its table of thread-local variables.
#[unsafe(no_mangle)]
static _tls_used: TlsDirectory = TlsDirectory {
    start: &raw const TLS_START,
    end: &raw const TLS_END,
    index: &raw const _tls_index,
    callbacks: (&raw const BEFORE_CALLBACKS).wrapping_add(1),
    zero_fill: 0,
    characteristics: 0,
};

/// `type_info`'s table of virtual functions: the standard library names it for panics that unwind,
/// which those of this program do not.
#[unsafe(export_name = "??_7type_info@@6B@")]
static TYPE_INFO: [usize; 2] = [0; 2];

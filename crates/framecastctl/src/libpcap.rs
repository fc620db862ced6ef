//! Capture filters, compiled by the libpcap that is installed.
//!
//! It is loaded when a filter is asked for: a program that was linked with it would not start
//! where it is missing. No crate compiles its language as it does; this is the thing itself.
#![expect(unsafe_code, reason = "libpcap is a C library")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint},
    ptr, slice,
    sync::OnceLock,
};

use libloading::Library;
use protocol::FilterInstruction;

use crate::FilterError;

/// What brings libpcap.
pub(crate) const PACKAGE: &str =
    if cfg!(windows) { "Npcap (it comes with Wireshark)" } else { "libpcap (Debian: libpcap0.8)" };

/// DLT_EN10MB
const ETHERNET: c_int = 1;

/// As many bytes as a frame can have: filters keep frames whole.
const SNAP_LENGTH: c_int = 262_144;

/// PCAP_NETMASK_UNKNOWN: `ip broadcast` cannot be compiled.
const NO_NETMASK: c_uint = c_uint::MAX;

/// `struct bpf_program`
#[repr(C)]
struct Program {
    length: c_uint,
    instructions: *mut FilterInstruction,
}

type Handle = *mut std::ffi::c_void;

/// The functions of libpcap that compile a filter, by their types in `pcap/pcap.h`.
struct Functions {
    open_dead: unsafe extern "C" fn(c_int, c_int) -> Handle,
    compile: unsafe extern "C" fn(Handle, *mut Program, *const c_char, c_int, c_uint) -> c_int,
    error: unsafe extern "C" fn(Handle) -> *const c_char,
    free: unsafe extern "C" fn(*mut Program),
    close: unsafe extern "C" fn(Handle),
}

/// Compiles an expression for Ethernet.
pub(crate) fn compile(expression: &str) -> Result<Vec<FilterInstruction>, FilterError> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    let functions = FUNCTIONS.get_or_init(load).as_ref().ok_or(FilterError::NoLibpcap)?;
    let wrong =
        |message: String| FilterError::Expression { expression: expression.to_owned(), message };
    let text = CString::new(expression).map_err(|_| wrong("it has a zero byte".to_owned()))?;
    // SAFETY: pcap_open_dead takes any numbers.
    let handle = unsafe { (functions.open_dead)(ETHERNET, SNAP_LENGTH) };
    if handle.is_null() {
        return Err(wrong("libpcap is short of memory".to_owned()));
    }
    let mut program = Program { length: 0, instructions: ptr::null_mut() };
    // SAFETY: the handle is open, the program is for libpcap to fill, the text ends with a zero.
    let compiled =
        unsafe { (functions.compile)(handle, &raw mut program, text.as_ptr(), 1, NO_NETMASK) };
    let result = if compiled == 0 && !program.instructions.is_null() {
        // SAFETY: pcap_compile left so many instructions there, which have bpf_insn's layout.
        let compiled =
            unsafe { slice::from_raw_parts(program.instructions, program.length as usize) };
        Ok(compiled.to_vec())
    } else {
        // SAFETY: the handle is open.
        let message = unsafe { (functions.error)(handle) };
        // SAFETY: pcap_geterr gives a text that lives as long as the handle.
        let message = unsafe { CStr::from_ptr(message) };
        Err(wrong(message.to_string_lossy().into_owned()))
    };
    if compiled == 0 {
        // SAFETY: pcap_compile filled the program, and nothing of it is used any more.
        unsafe { (functions.free)(&raw mut program) };
    }
    // SAFETY: the handle is open and not used any more.
    unsafe { (functions.close)(handle) };
    result
}

fn load() -> Option<Functions> {
    // It stays loaded: libpcap has no state that this program would want to be rid of.
    let library: &'static Library = Box::leak(Box::new(open()?));
    // SAFETY: the type is that of pcap.h.
    let open_dead = *unsafe { library.get(b"pcap_open_dead\0") }.ok()?;
    // SAFETY: as above.
    let compile = *unsafe { library.get(b"pcap_compile\0") }.ok()?;
    // SAFETY: as above.
    let error = *unsafe { library.get(b"pcap_geterr\0") }.ok()?;
    // SAFETY: as above.
    let free = *unsafe { library.get(b"pcap_freecode\0") }.ok()?;
    // SAFETY: as above.
    let close = *unsafe { library.get(b"pcap_close\0") }.ok()?;
    Some(Functions { open_dead, compile, error, free, close })
}

#[cfg(not(windows))]
fn open() -> Option<Library> {
    let names = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.A.dylib"];
    names.into_iter().find_map(|name| {
        // SAFETY: libpcap does nothing when it is loaded.
        unsafe { Library::new(name) }.ok()
    })
}

/// Npcap, by its full name: nothing that lies beside the program or along the PATH is loaded.
#[cfg(windows)]
fn open() -> Option<Library> {
    use libloading::os::windows::{LOAD_WITH_ALTERED_SEARCH_PATH, Library as WindowsLibrary};
    let folder = crate::device::system_folder()?;
    ["Npcap\\wpcap.dll", "wpcap.dll"].into_iter().find_map(|name| {
        let path = folder.join(name);
        // SAFETY: libpcap does nothing when it is loaded; its own imports lie beside it.
        let library =
            unsafe { WindowsLibrary::load_with_flags(path, LOAD_WITH_ALTERED_SEARCH_PATH) };
        library.ok().map(Library::from)
    })
}

//! One piece of machine code for each import: it notes where the driver's call returns to, then
//! jumps to the export.
//!
//! That gives a violation the driver's address, and later a single place through which every
//! call of the driver passes.
#![expect(unsafe_code, reason = "writes machine code and reads the thread pointer")]

use std::arch::asm;
use std::sync::OnceLock;

use crate::guest::PAGE;
use crate::processor;

/// Executable memory with the thunks of one image.
#[derive(Debug)]
pub(crate) struct Thunks {
    start: u64,
    size: usize,
    used: usize,
}

/// Bytes of one thunk, rounded up.
const THUNK: usize = 32;

/// Where [`processor`] keeps the return address, relative to the thread pointer.
static SITE_OFFSET: OnceLock<i32> = OnceLock::new();

fn site_offset() -> i32 {
    let thread_pointer: u64;
    // SAFETY: on x86-64 Linux, the word at fs:0 holds the thread pointer; it is only read.
    unsafe { asm!("mov {}, fs:0", out(reg) thread_pointer, options(nostack, readonly, pure)) };
    let distance = processor::site_address().wrapping_sub(thread_pointer).cast_signed();
    i32::try_from(distance).expect("thread-local storage lies near the thread pointer")
}

/// Makes sure that thunks find this thread's variable.
///
/// Static thread-local storage lies at the same distance from every thread's pointer; should a
/// build place it elsewhere, the first entry on a second thread stops the lab here.
pub(crate) fn prepare_thread() {
    let offset = site_offset();
    assert_eq!(*SITE_OFFSET.get_or_init(|| offset), offset, "thread-local storage moved");
}

impl Thunks {
    /// Room for some thunks.
    pub(crate) fn new(count: usize) -> Self {
        let size = (count.max(1) * THUNK).next_multiple_of(PAGE);
        // SAFETY: a fresh anonymous mapping touches no existing memory.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(start, libc::MAP_FAILED, "the lab is out of memory");
        Self { start: start as u64, size, used: 0 }
    }

    /// Adds a thunk in front of an export and returns its address.
    pub(crate) fn add(&mut self, export: u64) -> u64 {
        let offset = *SITE_OFFSET.get_or_init(site_offset);
        let mut code = Vec::with_capacity(THUNK);
        code.extend([0x48, 0x8B, 0x04, 0x24]); // mov rax, [rsp]
        code.extend([0x64, 0x48, 0x89, 0x04, 0x25]); // mov fs:[offset], rax
        code.extend(offset.to_le_bytes());
        code.extend([0x48, 0xB8]); // mov rax, export
        code.extend(export.to_le_bytes());
        code.extend([0xFF, 0xE0]); // jmp rax
        assert!(code.len() <= THUNK && (self.used + 1) * THUNK <= self.size, "no room for a thunk");
        let address = self.start + (self.used * THUNK) as u64;
        // SAFETY: the slot lies inside the mapping, which is writable until `seal`.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), address as *mut u8, code.len()) };
        self.used += 1;
        address
    }

    /// Makes the thunks executable and no longer writable.
    pub(crate) fn seal(&self) {
        // SAFETY: the mapping is this value's own.
        let refused = unsafe {
            libc::mprotect(self.start as *mut _, self.size, libc::PROT_READ | libc::PROT_EXEC)
        };
        assert_eq!(refused, 0, "the lab cannot make its thunks executable");
    }
}

impl Drop for Thunks {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own; the image that calls it is gone.
        unsafe { libc::munmap(self.start as *mut _, self.size) };
    }
}

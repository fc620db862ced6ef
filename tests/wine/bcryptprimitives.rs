//! Stands in for bcryptprimitives.dll, which Wine 8 does not have: the one function of it that
//! Rust's standard library imports, made of an older one.
#![no_std]

use core::panic::PanicInfo;

#[link(name = "advapi32.dll", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    /// RtlGenRandom, by the name that it is exported with.
    fn SystemFunction036(buffer: *mut u8, length: u32) -> u8;
}

/// Fills a buffer with random bytes.
///
/// # Safety
///
/// The buffer has so many bytes, which nobody else uses meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ProcessPrng(buffer: *mut u8, length: usize) -> i32 {
    let Ok(length) = u32::try_from(length) else { return 0 };
    // SAFETY: as above.
    i32::from(unsafe { SystemFunction036(buffer, length) } != 0)
}

/// Where Windows enters a library.
#[unsafe(no_mangle)]
pub extern "system" fn DllMain(_library: usize, _reason: u32, _reserved: usize) -> i32 {
    1
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

//! Framecast, an NDIS 6 lightweight filter driver: it copies and originates network frames on any
//! adapter.
//!
//! | module | what it is |
//! |---|---|
//! | [`entry`] | loading and unloading |
//! | [`filter`] | policy: what the driver does with an adapter |
//! | [`services`] | what programs use it for, over the control device |
//! | [`ndis`] | mechanism: NDIS as safe Rust, and the only unsafe code |
#![no_std]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic takes the machine down"
)]

extern crate alloc;
extern crate wdk_panic;

pub mod entry;
pub mod filter;
pub mod ndis;
pub mod services;

use wdk_alloc::WdkAllocator;

/// Nonpaged memory for everything that Rust allocates. No type here is aligned beyond the 16
/// bytes that the system's pool gives.
#[global_allocator]
static ALLOCATOR: WdkAllocator = WdkAllocator;

/// The driver's version: major, minor, patch.
pub const VERSION: [u16; 3] = [
    number(env!("CARGO_PKG_VERSION_MAJOR")),
    number(env!("CARGO_PKG_VERSION_MINOR")),
    number(env!("CARGO_PKG_VERSION_PATCH")),
];

/// Reads a decimal number at compile time.
const fn number(text: &str) -> u16 {
    match u16::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

//! `framecastctl`: what people and scripts do with the Framecast driver.

use std::process;

mod program;
#[cfg(without_windows_sdk)]
mod start;

fn main() {
    // Not by returning: who waits for Ctrl-C is a thread that would go on.
    process::exit(program::run())
}

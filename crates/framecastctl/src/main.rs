//! `framecastctl`: what people and scripts do with the Framecast driver.

use std::process::ExitCode;

mod program;

fn main() -> ExitCode {
    program::run()
}

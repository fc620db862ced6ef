//! What `cargo xtask` does, as a library, so that tests can build drivers in the same way.
//!
//! - [`workspace`]: where things are
//! - [`progress`]: runs a program and shows what it is doing
//! - [`setup`]: the tools a build needs, found or installed
//! - [`kit`]: cargo set up to build drivers off Windows
//! - [`vendor`]: the dependencies as files, wdk-build edited to run off Windows
//! - [`image`]: a linked image made independent of where it was linked
//! - [`inf`]: setup information files, checked
//! - [`driver`], [`mod@test`], [`lint`], [`demo`], [`exercise`], [`mutants`]: the commands

pub mod demo;
pub mod driver;
pub mod exercise;
pub mod image;
pub mod inf;
pub mod kit;
pub mod lint;
pub mod mutants;
pub mod progress;
pub mod setup;
pub mod test;
pub mod vendor;
pub mod workspace;

//! What `cargo xtask` does, as a library, so that tests can build drivers in the same way.
//!
//! - [`workspace`]: where things are
//! - [`progress`]: runs a program and shows what it is doing
//! - [`setup`]: the tools a build needs, found or installed
//! - [`kit`]: cargo set up to build drivers off Windows
//! - [`linker`]: the linker made to know no path of this machine
//! - [`tree`]: a copy of the workspace in another folder
//! - [`vendor`]: the dependencies as files, wdk-build edited to run off Windows
//! - [`filter`]: the filters that are not Framecast
//! - [`image`]: a linked image made independent of where it was linked
//! - [`header`]: the control interface as a header for C
//! - [`inf`]: setup information files, checked
//! - [`package`]: what is installed on Windows, made on any host
//! - [`symbols`]: names for places in a built driver
//! - [`ctl`]: framecastctl for Windows
//! - [`driver`], [`mod@test`], [`lint`], [`demo`], [`mod@bench`], [`exercise`], [`mutants`]: the commands

pub mod bench;
pub mod ctl;
pub mod demo;
pub mod driver;
pub mod exercise;
pub mod filter;
pub mod header;
pub mod image;
pub mod inf;
pub mod kit;
pub mod linker;
pub mod lint;
pub mod mutants;
pub mod package;
pub mod progress;
pub mod setup;
pub mod symbols;
pub mod test;
pub mod tree;
pub mod vendor;
pub mod workspace;

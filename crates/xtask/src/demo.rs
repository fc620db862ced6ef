//! `cargo xtask demo`: the driver at work in the lab.
//!
//! The driver lives its whole life there, on two adapters: every frame of a capture is injected on
//! both and compared with what arrives on the wire. See `demo/show.rs` for how.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace::Workspace;

// The lab runs drivers for x86-64, and is made for Linux.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod show;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use show::{CaptureError, Demo, Error, JourneyError};

/// What the demo is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// The capture whose frames are sent, pcap or pcapng [default: tests/data/mixed.pcap]
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// The folder that receives what arrived, and the report [default: target/demo]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Builds the driver and shows it at work.
///
/// # Errors
///
/// When the arguments are unusable, the driver does not build, or the demo does not end well.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let given = |path: &Option<PathBuf>, default: PathBuf| path.clone().unwrap_or(default);
    let pcap = given(&arguments.pcap, workspace.root().join("tests/data/mixed.pcap"));
    let out = given(&arguments.out, workspace.target().join("demo"));
    let demo = Demo::new(pcap, out)?;
    let image = crate::driver::build(workspace)?;
    Ok(demo.show(workspace, &image.driver, |text| print!("\n{text}"))?)
}

/// Says that there is no lab for this host.
///
/// # Errors
///
/// Always.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn run(_workspace: &Workspace, _arguments: &Arguments) -> Result<()> {
    anyhow::bail!("the demo runs the driver in ndis-lab, which needs Linux on x86-64")
}

/// The exit status for an error of any command: 2 where its arguments are at fault, else 1.
#[must_use]
pub fn exit_status(error: &anyhow::Error) -> u8 {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.exit_status();
    }
    let _ = error;
    1
}

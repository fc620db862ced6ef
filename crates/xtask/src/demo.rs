//! `cargo xtask demo`: the driver at work in the lab.
//!
//! 1. Build the driver.
//! 2. Start the lab with the built image between a network and a protocol.
//! 3. Send every frame of the capture through the driver: injected, mirrored and tapped.
//! 4. Write what came out at each edge as captures, and a summary of the counters, into the folder.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{driver, workspace::Workspace};

/// Sends the frames of the capture `pcap` through the driver and writes what comes out to `out`.
///
/// # Errors
///
/// When the driver does not build, or the lab finds fault with it.
pub fn run(workspace: &Workspace, pcap: &Path, out: &Path) -> Result<()> {
    let image = driver::build(workspace)?;
    bail!(
        "no lab yet to run {} in, with the frames of {}, to {}",
        workspace.shown(&image.driver),
        pcap.display(),
        out.display()
    );
}

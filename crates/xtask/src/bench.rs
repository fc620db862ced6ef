//! `cargo xtask bench`: what a frame costs, counted in instructions and measured in time, beside
//! the least that it could cost.
//!
//! Instructions are those of the driver's image, executed one at a time and counted
//! ([`Lab::count_instructions`](ndis_lab::Lab::count_instructions)): the same on every machine and
//! in every run. The floor is `tests/filters/floor`, a filter that does the calls of NDIS and the
//! copy of the frame alone, in the same lab and the same run.
//!
//! | file | what |
//! |---|---|
//! | `case` | what is measured: a service, with so many frames of such a length |
//! | `rig` | a driver on its adapters that does a case again and again: Framecast, or the floor |
//! | `cost` | what a case costs a driver |
//! | `time` | how long it takes |
//! | `report` | what is printed |

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod case;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod cost;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod report;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod rig;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod time;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use case::{Case, Service};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use cost::Cost;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use rig::{Floor, Framecast, Rig};

use anyhow::Result;

use crate::workspace::Workspace;

/// What is asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// Only count, and only what there is an aim for: 32 frames of 1514 bytes
    #[arg(long)]
    pub quick: bool,
    /// Print what was measured as JSON
    #[arg(long)]
    pub json: bool,
    /// Print which functions of the driver the instructions are in
    #[arg(long, conflicts_with = "json")]
    pub functions: bool,
}

/// Builds the driver, the floor and the lab as they are at their fastest, and measures.
///
/// # Errors
///
/// When something does not build, when a driver does not do what it is measured at, and when a
/// cost is above its aim.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    use crate::{driver, filter, progress};
    use std::os::unix::process::CommandExt as _;

    let framecast = workspace.target().join("driver/x64/framecast.sys");
    let folder = workspace.target().join("bench");
    if !cfg!(debug_assertions) {
        return report::run(&framecast, &folder.join("floor.sys"), arguments);
    }
    driver::build(workspace)?;
    filter::build(workspace, "floor", &folder)?;
    let optimised = ["--locked", "--profile", "bench", "--package", "xtask"];
    let mut command = workspace.cargo("build");
    progress::quiet("Building the lab for speed", command.args(optimised))?;
    let mut command = workspace.cargo("run");
    command.args(optimised).args(["--quiet", "--", "bench"]);
    command.args(arguments.quick.then_some("--quick"));
    command.args(arguments.json.then_some("--json"));
    command.args(arguments.functions.then_some("--functions"));
    // It does the rest, and its exit status is that of this command.
    Err(command.exec().into())
}

/// Says that there is no lab for this host.
///
/// # Errors
///
/// Always.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn run(_workspace: &Workspace, _arguments: &Arguments) -> Result<()> {
    anyhow::bail!("the driver is measured in ndis-lab, which needs Linux on x86-64")
}

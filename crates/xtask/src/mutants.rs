//! `cargo xtask mutants`: the driver with planted mistakes, one at a time, each of which the lab or
//! a story must report.
//!
//! A mutant is a patch in `tests/mutants` that says what the mistake is and which check is to
//! report it. One that no check reports shows where a story is missing, or a check too lenient.
//!
//! | file | what |
//! |---|---|
//! | `patch` | a mutant: what it says of itself, and how it changes the sources |
//! | `bench` | a copy of the workspace in which mutants are built |
//! | `stories` | tells the stories of a driver and gathers what failed |
//! | `selftest` | has `framecastctl selftest` look at a driver |
//! | `findings` | what is wrong with a driver |
//! | `report` | what is printed |

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod bench;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod findings;
mod patch;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod report;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod selftest;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stories;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use bench::Bench;
pub use patch::{Check, Mutant, Place};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use selftest::{Selftest, Verdict};

use anyhow::Result;

use crate::workspace::Workspace;

/// Which mutants are asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// Mutants by their number or the name of their patch [default: all]
    #[arg(value_name = "NAME", value_parser = find)]
    pub mutants: Vec<Mutant>,
    /// Tell the stories in guarded memory
    #[arg(long)]
    pub guarded: bool,
}

/// The mutant that an argument names.
fn find(name: &str) -> Result<Mutant, String> {
    Mutant::named(&Workspace::here(), name).map_err(|error| format!("{error:#}"))
}

/// Builds the mutants, and shows by which check each is caught.
///
/// # Errors
///
/// When the driver as it is does not pass its stories, when a mutant cannot be built, and when one
/// is not caught by the checks that its patch names.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    use self::{report::Report, stories::Stories};
    use std::{path::Path, sync::mpsc, thread};

    let mutants = match arguments.mutants.as_slice() {
        [] => Mutant::all(workspace)?,
        named => named.to_vec(),
    };
    let stories = Stories::build(workspace, arguments.guarded)?;
    for mutant in &mutants {
        stories.expect_known(mutant)?;
    }
    let selftest = Selftest::build(workspace)?;
    let bench = Bench::new(workspace)?;
    let mut report = Report::new(mutants.len());
    thread::scope(|scope| {
        // While the stories of one are told, the next is built.
        let (give, take) = mpsc::sync_channel(1);
        let (bench, mutants) = (&bench, &mutants);
        scope.spawn(move || {
            for mutant in [None].into_iter().chain(mutants.iter().map(Some)) {
                if give.send((mutant, bench.build(mutant))).is_err() {
                    break;
                }
            }
        });
        let look = |driver: &Path, mutant: Option<&Mutant>| {
            let findings = selftest.look(driver, mutant)?;
            stories.tell(driver, mutant, findings)
        };
        for (mutant, driver) in take {
            match (mutant, driver) {
                (None, driver) => report.control(&look(&driver?, None)?)?,
                (Some(mutant), Ok(driver)) => report.add(mutant, &look(&driver, Some(mutant))?),
                (Some(mutant), Err(error)) => report.add_unbuilt(mutant, &error),
            }
        }
        Ok::<_, anyhow::Error>(())
    })?;
    report.conclude(workspace)
}

/// Says that there is no lab for this host.
///
/// # Errors
///
/// Always.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn run(_workspace: &Workspace, _arguments: &Arguments) -> Result<()> {
    anyhow::bail!("mutants run in ndis-lab, which needs Linux on x86-64")
}

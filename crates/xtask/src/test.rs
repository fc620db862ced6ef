//! `cargo xtask test`: the built driver in the lab, and the tests of every host crate.

use anyhow::Result;

use crate::{driver, progress, workspace::Workspace};

/// Builds the driver, then runs `cargo test` for the host crates with `arguments` added.
///
/// # Errors
///
/// When the driver does not build or a test fails.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    driver::build(workspace)?;
    let mut command = workspace.cargo("test");
    command.args(["--locked", "--workspace"]);
    for driver in workspace.drivers()? {
        command.args(["--exclude", &driver]);
    }
    command.args(arguments);
    progress::shown("Testing the host crates", &mut command)
}

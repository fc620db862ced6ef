//! `cargo xtask test`: the built driver in the lab, and the tests of every host crate.

use anyhow::Result;

use crate::{driver, progress, setup, workspace::Workspace};

/// The programs that the tests look at captures and images with, and their packages.
const PROGRAMS: [(&str, &str); 3] =
    [("tshark", "tshark"), ("editcap", "wireshark-common"), ("exiftool", "libimage-exiftool-perl")];

/// Builds the driver, then runs `cargo test` for the host crates with `arguments` added.
///
/// # Errors
///
/// When a program is missing and cannot be installed, when the driver does not build, or when a test
/// fails.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    for (name, package) in PROGRAMS {
        setup::program(name, package)?;
    }
    driver::build(workspace)?;
    let mut command = workspace.cargo("test");
    command.args(["--locked", "--workspace"]);
    for driver in workspace.drivers()? {
        command.args(["--exclude", &driver]);
    }
    command.args(arguments);
    progress::shown("Testing the host crates", &mut command)
}

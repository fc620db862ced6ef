//! `cargo xtask test`: the built driver in the lab, and the tests of every host crate.

use anyhow::Result;

use crate::{ctl, driver, progress, setup, workspace::Workspace};

/// Commands that succeed where the programs are that the tests ask, and their packages.
const PROGRAMS: [(&[&str], &str); 14] = [
    (&["tshark", "--version"], "tshark"),
    (&["editcap", "--version"], "wireshark-common"),
    (&["tcpdump", "--version"], "tcpdump"),
    (&["exiftool", "-ver"], "libimage-exiftool-perl"),
    (&["osslsigncode", "--version"], "osslsigncode"),
    (&["/usr/bin/python3", "-c", "import scapy.layers.inet6"], "python3-scapy"),
    (&["c++", "--version"], "g++"),
    (&["clang++", "--version"], "clang"),
    (&["ip", "-V"], "iproute2"),
    (&["ethtool", "--version"], "ethtool"),
    (&["ping", "-V"], "iputils-ping"),
    (&["curl", "--version"], "curl"),
    (&["/usr/lib/wine/wine64", "--version"], "wine64"),
    (&["unshare", "--map-root-user", "--net", "true"], "util-linux"),
];

/// The files of stories that do not run the driver that they are told of.
pub(crate) const BESIDE: &[&str] = &[
    "any_filter",
    "demo",
    "header",
    "makefile",
    "mutants",
    "package",
    "plan",
    "selftest",
    "state",
    "ui",
    "vm",
];

/// The files of stories that choose the memory of their labs themselves.
const UNGUARDED: [&str; 2] = ["cost", "exercise"];

/// Builds the driver, then runs `cargo test` for the host crates with `arguments` added. Without
/// any, the stories are told a second time, in guarded memory: what the driver does not own is
/// closed to it.
///
/// # Errors
///
/// When a program is missing and cannot be installed, when the driver does not build, or when a test
/// fails.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    for (command, package) in PROGRAMS {
        setup::program(command, package)?;
    }
    driver::build(workspace)?;
    ctl::build_for_wine(workspace)?;
    let mut command = workspace.cargo("test");
    command.args(["--locked", "--workspace"]);
    for driver in workspace.drivers()? {
        command.args(["--exclude", &driver]);
    }
    command.args(arguments);
    progress::shown("Testing the host crates", &mut command)?;
    if !arguments.is_empty() {
        return Ok(());
    }
    let mut command = workspace.cargo("test");
    command.args(["--locked", "--package", "framecast-tests", "--test", "stories", "--"]);
    for topic in BESIDE.iter().chain(&UNGUARDED) {
        command.args(["--skip", &format!("{topic}::")]);
    }
    command.env("FRAMECAST_GUARDED", "1");
    progress::shown("Telling the stories in guarded memory", &mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_missing_is_named() {
        for (_, package) in PROGRAMS {
            let line = setup::wanting(&[package]);
            assert!(!line.starts_with("missing: ;"), "{package}: {line}");
        }
    }
}

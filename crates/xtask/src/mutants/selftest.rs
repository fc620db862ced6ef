use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Check, Mutant, findings::Findings, stories};
use crate::{progress, workspace::Workspace};

/// How long it may take.
const LIMIT: Duration = Duration::from_mins(1);

/// The adapters that it looks at the driver with, and the command.
const ARGUMENTS: [&str; 9] = [
    "--lab",
    "--adapter",
    "Uplink,backfill=256,context=64",
    "--adapter",
    "Span,mtu=9000",
    "selftest",
    "Uplink",
    "--target",
    "Span",
];

/// `framecastctl selftest`, against drivers in the lab.
#[derive(Debug)]
pub struct Selftest {
    program: PathBuf,
    /// The folder for what it prints.
    folder: PathBuf,
}

/// What it says of a driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The checks that failed, by name.
    pub failed: Vec<String>,
    /// How many passed.
    pub passed: usize,
    /// The exit status; `None` where it had to be ended.
    pub status: Option<i32>,
}

impl Selftest {
    /// Builds the program.
    ///
    /// # Errors
    ///
    /// When it does not build.
    pub fn build(workspace: &Workspace) -> Result<Self> {
        let mut command = workspace.cargo("build");
        command.args(["--locked", "--package", "framecastctl", "--bin", "framecastctl"]);
        let program = progress::executable(&mut command, "framecastctl")?;
        let folder = workspace.target().join("mutants/selftest");
        fs::create_dir_all(&folder).context("cannot make a folder for what the self-test says")?;
        Ok(Self { program, folder })
    }

    /// The command that looks at a driver and prints a table.
    #[must_use]
    pub fn command(&self, driver: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(ARGUMENTS).arg("--driver").arg(driver).stdin(Stdio::null());
        command
    }

    /// Looks at a driver.
    ///
    /// # Errors
    ///
    /// When it does not start, or says something else than what became of its checks.
    pub fn verdict(&self, driver: &Path) -> Result<Verdict> {
        let path = self.folder.join("printed.json");
        let output = File::create(&path).context("cannot keep what the self-test says")?;
        let mut command = self.command(driver);
        command.arg("--json").stdout(output).stderr(Stdio::null());
        let Some(status) = stories::run(&mut command, LIMIT)? else {
            return Ok(Verdict::default());
        };
        // A driver that brings its process down leaves it no time to say anything.
        let printed: Value = match serde_json::from_slice(&fs::read(&path)?) {
            Ok(printed) => printed,
            Err(_) => return Ok(Verdict { status: status.code(), ..Verdict::default() }),
        };
        let checks = printed["checks"].as_array().context("the self-test names no checks")?;
        let named = |result: &str| {
            let checks = checks.iter().filter(|check| check["result"] == result);
            let names = checks.filter_map(|check| check["check"].as_str());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let (failed, passed) = (named("FAILED"), named("passed").len());
        ensure!(passed + failed.len() == checks.len(), "not all checks were run: {printed}");
        Ok(Verdict { failed, passed, status: status.code() })
    }

    /// What it finds of the driver as it is, or of a mutant whose patch names one of its checks.
    pub(super) fn look(&self, driver: &Path, mutant: Option<&Mutant>) -> Result<Findings> {
        let is_one = |check: &Check| matches!(check, Check::Selftest(_));
        if mutant.is_some_and(|mutant| !mutant.checks().iter().any(is_one)) {
            return Ok(Findings::default());
        }
        let Verdict { failed, status, .. } = self.verdict(driver)?;
        ensure!(
            failed.is_empty() || status == Some(1),
            "the self-test ended with {status:?} though {failed:?} failed"
        );
        Ok(Findings { selftest: failed.into_iter().collect(), ..Findings::default() })
    }
}

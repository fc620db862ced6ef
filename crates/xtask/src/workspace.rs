//! Where things are in the repository.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::progress;

/// The repository.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

/// A release, as Cargo.toml names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Major, minor, patch.
    pub version: String,
    /// Year, month and day.
    pub date: String,
}

impl Workspace {
    /// The repository that the current folder is in, else the one that this program was built
    /// from. They differ where several copies share cargo's target folder.
    #[must_use]
    pub fn here() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        // crates/xtask is two folders down.
        let built_from = package.ancestors().nth(2).unwrap_or(package);
        let current = env::current_dir().unwrap_or_default();
        let is_root = |folder: &&Path| folder.join("crates/xtask/Cargo.toml").is_file();
        let root = current.ancestors().find(is_root).unwrap_or(built_from);
        Self { root: root.to_path_buf() }
    }

    /// The repository whose top folder this is.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// Its top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Everything that is built ends up below this folder.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The stand-in for a WDK, the vendored dependencies and the driver's own build folder.
    #[must_use]
    pub fn kit(&self) -> PathBuf {
        self.target().join("kit")
    }

    /// `path` as a reader wants to see it: from the top folder on.
    #[must_use]
    pub fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// The packages that are drivers: those that say so to wdk-build. They are built for Windows
    /// only.
    ///
    /// # Errors
    ///
    /// When cargo cannot read the workspace.
    pub fn drivers(&self) -> Result<Vec<String>> {
        let metadata = self.metadata()?;
        let packages = metadata["packages"].as_array().context("cargo names no packages")?;
        let drivers = packages.iter().filter(|package| package["metadata"]["wdk"].is_object());
        Ok(drivers.filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
    }

    /// The version and the date that Cargo.toml names: those of the image, the INF and the program.
    ///
    /// # Errors
    ///
    /// When cargo cannot read the workspace, or it names no date.
    pub fn release(&self) -> Result<Release> {
        let metadata = self.metadata()?;
        let packages = metadata["packages"].as_array().context("cargo names no packages")?;
        let driver = packages.iter().find(|package| package["name"] == "framecast");
        let version = driver.and_then(|driver| driver["version"].as_str());
        let date = metadata["metadata"]["release-date"].as_str();
        Ok(Release {
            version: version.context("there is no package framecast")?.to_owned(),
            date: date.context("Cargo.toml names no release-date")?.to_owned(),
        })
    }

    fn metadata(&self) -> Result<Value> {
        let mut command = self.cargo("metadata");
        command.args(["--locked", "--no-deps", "--format-version", "1"]);
        Ok(serde_json::from_str(&progress::output(&mut command)?)?)
    }

    /// The cargo that runs this program, to be run in the top folder.
    #[must_use]
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).arg(subcommand);
        command
    }
}

//! Builds the driver.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use wdk_kit::Architecture;

use crate::{
    image,
    kit::{Kit, TARGET},
    progress, setup,
    workspace::Workspace,
};

/// A built driver.
#[derive(Debug, Clone)]
pub struct Image {
    /// The driver.
    pub driver: PathBuf,
    /// Its symbols.
    pub symbols: PathBuf,
    /// The linker's map of it, where the linker leaves one.
    pub map: Option<PathBuf>,
}

/// The processor that an argument names: `x64` or `arm64`.
///
/// # Errors
///
/// Says which there are.
pub fn architecture(name: &str) -> Result<Architecture, String> {
    let known = Architecture::ALL.into_iter().find(|it| it.folder().eq_ignore_ascii_case(name));
    known.ok_or_else(|| "drivers are built for x64 and arm64".to_owned())
}

/// Finds or installs what a build needs. Where there is a WDK, that is all: nothing is done.
///
/// # Errors
///
/// Names what is missing when it cannot be installed.
pub fn setup(workspace: &Workspace) -> Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    Kit::prepare(workspace).map(drop)
}

/// Builds the driver for x64 and leaves it in `target/driver/x64`.
///
/// # Errors
///
/// When the tools cannot be set up, or the driver does not build.
pub fn build(workspace: &Workspace) -> Result<Image> {
    build_for(workspace, Architecture::X64)
}

/// Builds the driver for `architecture` and leaves it in `target/driver/x64` or `…/ARM64`.
///
/// # Errors
///
/// When the tools cannot be set up, or the driver does not build.
pub fn build_for(workspace: &Workspace, architecture: Architecture) -> Result<Image> {
    build_package_for(workspace, "framecast", architecture)
}

/// Builds the driver that is `package` and leaves it in `target/driver/x64`.
///
/// # Errors
///
/// When the tools cannot be set up, or the driver does not build.
pub fn build_package(workspace: &Workspace, package: &str) -> Result<Image> {
    build_package_for(workspace, package, Architecture::X64)
}

fn build_package_for(
    workspace: &Workspace,
    package: &str,
    architecture: Architecture,
) -> Result<Image> {
    let mut command = command_for(workspace, architecture, "build")?;
    command.args(["--release", "--package", package]);
    let what = format!("Building the driver {package} for {}", architecture.folder());
    progress::shown(&what, &mut command)?;

    let release = output(workspace, architecture).join("release");
    let folder = workspace.target().join("driver").join(architecture.folder());
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let built = package.replace('-', "_");
    let (driver, symbols) = linked(&release.join(format!("{built}.dll")))?;
    // The linker writes the map where it links; cargo does not carry it along.
    let map = match fs::read(release.join(format!("deps/{built}.map"))) {
        Ok(map) => Some(write(folder.join(format!("{built}.map")), &map)?),
        Err(_) => None,
    };
    // The image names its symbols as they were built.
    Ok(Image {
        driver: write(folder.join(format!("{built}.sys")), &driver)?,
        symbols: write(folder.join(format!("{built}.pdb")), &symbols)?,
        map,
    })
}

/// A linked image and the symbols beside it, named after the bytes of the image.
pub(crate) fn linked(path: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let (mut image, mut symbols) = (read(path)?, read(&path.with_extension("pdb"))?);
    if !cfg!(windows) {
        image::settle(&mut image, &mut symbols)?;
    }
    Ok((image, symbols))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Replaces a file as a whole, so that who reads it meanwhile sees the old or the new one.
pub(crate) fn write(path: PathBuf, bytes: &[u8]) -> Result<PathBuf> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)
        .and_then(|()| fs::rename(&new, &path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Checks that the driver compiles.
///
/// # Errors
///
/// When the tools cannot be set up, or the driver does not compile.
pub fn check(workspace: &Workspace) -> Result<()> {
    let mut command = command(workspace, "check")?;
    command.args(["--release", "--package", "framecast"]);
    progress::shown("Checking the driver", &mut command)
}

/// Runs cargo with `arguments` under the kit.
///
/// # Errors
///
/// When the tools cannot be set up, or the command fails.
pub fn cargo(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (subcommand, rest) = arguments.split_first().context("name a cargo command")?;
    let mut command = command(workspace, subcommand)?;
    command.args(rest);
    progress::shown(&format!("cargo {subcommand} for {TARGET}"), &mut command)
}

/// The cargo command that works on drivers for x64 on this host.
pub(crate) fn command(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    command_for(workspace, Architecture::X64, subcommand)
}

/// The cargo command that works on drivers on this host.
fn command_for(
    workspace: &Workspace,
    architecture: Architecture,
    subcommand: &str,
) -> Result<Command> {
    if cfg!(windows) {
        // The WDK is at hand: nothing of ours stands in between.
        let mut command = workspace.cargo(subcommand);
        command.args(["--locked", "--target", architecture.target()]);
        return Ok(command);
    }
    let kit = Kit::prepare(workspace)?;
    setup::target(&kit.tools().toolchain, architecture.target())?;
    Ok(kit.cargo_for(architecture, subcommand))
}

/// The folder that the results of [`command_for`] are below, by profile.
fn output(workspace: &Workspace, architecture: Architecture) -> PathBuf {
    if cfg!(windows) {
        workspace.target().join(architecture.target())
    } else {
        Kit::output_for(workspace, architecture)
    }
}

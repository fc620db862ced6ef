//! Builds the filters in `tests/filters`, which are not Framecast.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{kit::Kit, progress, workspace::Workspace};

/// Builds the filter `name` and leaves it in `folder`, with its symbols.
///
/// # Errors
///
/// When the tools cannot be set up, or the filter does not build.
pub fn build(workspace: &Workspace, name: &str, folder: &Path) -> Result<PathBuf> {
    let manifest = workspace.root().join("tests/filters").join(name).join("Cargo.toml");
    let kit = Kit::prepare(workspace)?;
    let mut cargo = kit.cargo("build");
    cargo.arg("--release").arg("--manifest-path").arg(manifest);
    progress::quiet(&format!("Building the filter {name}"), &mut cargo)?;
    let release = Kit::output(workspace).join("release");
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let driver = folder.join(name).with_extension("sys");
    for (built, copy) in [("dll", driver.clone()), ("pdb", driver.with_extension("pdb"))] {
        let built = release.join(name).with_extension(built);
        fs::copy(&built, &copy).with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Ok(driver)
}

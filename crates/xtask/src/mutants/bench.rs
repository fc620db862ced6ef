//! A copy of the workspace in which mutants are built.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Mutant, patch::SOURCES};
use crate::{
    kit::{Kit, TARGET},
    progress,
    tree::{self, shown, write},
    workspace::Workspace,
};

/// What the linker leaves, and what the lab wants it to be called.
const RESULTS: &[(&str, &str)] = &[
    ("framecast.dll", "framecast.sys"),
    ("framecast.pdb", "framecast.pdb"),
    ("deps/framecast.map", "framecast.map"),
];

/// A copy of the workspace, with folders for what is built there.
#[derive(Debug)]
pub struct Bench {
    kit: Kit,
    tree: PathBuf,
    build: PathBuf,
    drivers: PathBuf,
    /// The sources of the driver as they were when the copy was made, by their path.
    sources: BTreeMap<PathBuf, String>,
}

impl Bench {
    /// Copies the workspace to `target/mutants/tree`.
    ///
    /// # Errors
    ///
    /// When it cannot be copied, or the tools cannot be set up.
    pub fn new(workspace: &Workspace) -> Result<Self> {
        let kit = Kit::prepare(workspace)?;
        let folder = workspace.target().join("mutants");
        let tree = folder.join("tree");
        tree::copy(workspace, &tree)?;
        let mut sources = BTreeMap::new();
        for folder in SOURCES {
            read_sources(&tree, &tree.join(folder), &mut sources)?;
        }
        Ok(Self {
            kit,
            tree,
            build: folder.join("build"),
            drivers: folder.join("drivers"),
            sources,
        })
    }

    /// Builds a mutant, or the driver as it is; gives the driver.
    ///
    /// # Errors
    ///
    /// When the mutant does not apply, or does not build.
    pub fn build(&self, mutant: Option<&Mutant>) -> Result<PathBuf> {
        let name = mutant.map_or("unchanged", Mutant::name);
        let mut sources = self.sources.clone();
        if let Some(mutant) = mutant {
            let source = |path: &Path| {
                let text = self.sources.get(path);
                text.cloned().with_context(|| format!("there is no {}", path.display()))
            };
            for place in mutant.apply(source)? {
                sources.insert(place.path, place.text);
            }
        }
        for (path, text) in &sources {
            write(&self.tree.join(path), text.as_bytes())?;
        }
        progress::output(&mut self.command()).with_context(|| format!("{name} does not build"))?;
        let release = self.build.join(TARGET).join("release");
        let folder = self.drivers.join(name);
        for (built, called) in RESULTS {
            let path = release.join(built);
            let bytes = fs::read(&path).with_context(|| shown(&path))?;
            write(&folder.join(called), &bytes)?;
        }
        Ok(folder.join("framecast.sys"))
    }

    /// The kit's own command, but for where it works and builds.
    fn command(&self) -> Command {
        let usual = self.kit.cargo("build");
        let mut command = Command::new(usual.get_program());
        self.kit.environment(&mut command);
        let mut arguments = usual.get_args();
        while let Some(argument) = arguments.next() {
            command.arg(argument);
            if argument == "--target-dir" && arguments.next().is_some() {
                command.arg(&self.build);
            }
        }
        command.current_dir(&self.tree).args(["--release", "--package", "framecast", "--quiet"]);
        command
    }
}

/// Reads the files below `folder`, by their path from `tree` on.
fn read_sources(tree: &Path, folder: &Path, sources: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| shown(folder))? {
        let path = entry?.path();
        if path.is_dir() {
            read_sources(tree, &path, sources)?;
        } else {
            let text = fs::read_to_string(&path).with_context(|| shown(&path))?;
            sources.insert(path.strip_prefix(tree)?.to_path_buf(), text);
        }
    }
    Ok(())
}

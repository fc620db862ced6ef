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
    workspace::Workspace,
};

/// What the driver is built from; cargo wants the whole workspace to be there.
const NEEDED: &[&str] = &["Cargo.toml", "Cargo.lock", "build.rs", "src", "crates", "tests"];

/// What the linker leaves, and what the lab wants it to be called.
const RESULTS: &[(&str, &str)] = &[
    ("framecast.dll", "framecast.sys"),
    ("framecast.pdb", "framecast.pdb"),
    ("deps/framecast.map", "framecast.map"),
];

/// A copy of the workspace, with folders for what is built there.
#[derive(Debug)]
pub(super) struct Bench {
    kit: Kit,
    tree: PathBuf,
    build: PathBuf,
    drivers: PathBuf,
    /// The sources of the driver as they were when the copy was made, by their path.
    sources: BTreeMap<PathBuf, String>,
}

impl Bench {
    /// Copies the workspace to `target/mutants/tree`.
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
        let kit = Kit::prepare(workspace)?;
        let folder = workspace.target().join("mutants");
        let tree = folder.join("tree");
        for name in NEEDED {
            copy(&workspace.root().join(name), &tree.join(name))?;
        }
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
    pub(super) fn build(&self, mutant: Option<&Mutant>) -> Result<PathBuf> {
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

/// Makes the second the same as the first, a file or a folder. A file that is already right is left
/// alone, so that its time does not make anything build again.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        let bytes = fs::read(from).with_context(|| shown(from))?;
        return write(to, &bytes);
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(from).with_context(|| shown(from))? {
        names.push(entry?.file_name());
    }
    for name in &names {
        copy(&from.join(name), &to.join(name))?;
    }
    for entry in fs::read_dir(to).into_iter().flatten() {
        let entry = entry?;
        if !names.contains(&entry.file_name()) {
            remove(&entry.path()).with_context(|| shown(&entry.path()))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| shown(folder))?;
    }
    fs::write(path, bytes).with_context(|| shown(path))
}

fn shown(path: &Path) -> String {
    format!("cannot copy {}", path.display())
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

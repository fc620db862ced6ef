//! A copy of the workspace in another folder.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// What the driver and its package are made from; cargo wants the whole workspace to be there.
const NEEDED: &[&str] =
    &["Cargo.toml", "Cargo.lock", "LICENSE", "build.rs", "crates", "inf", "src", "tests"];

/// Makes `root` a copy of the workspace, or brings it up to date.
///
/// # Errors
///
/// When something cannot be read or written.
pub fn copy(workspace: &Workspace, root: &Path) -> Result<Workspace> {
    for name in NEEDED {
        copy_one(&workspace.root().join(name), &root.join(name))?;
    }
    Ok(Workspace::at(root))
}

/// Makes the second the same as the first, a file or a folder. A file that is already right is left
/// alone, so that its time does not make anything build again.
fn copy_one(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        let bytes = fs::read(from).with_context(|| shown(from))?;
        return write(to, &bytes);
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(from).with_context(|| shown(from))? {
        names.push(entry?.file_name());
    }
    for name in &names {
        copy_one(&from.join(name), &to.join(name))?;
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

/// Writes a file, and the folders above it; leaves it alone if it is right already.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| shown(folder))?;
    }
    fs::write(path, bytes).with_context(|| shown(path))
}

/// What went wrong with a file.
pub(crate) fn shown(path: &Path) -> String {
    format!("cannot copy {}", path.display())
}

//! Builds framecastctl for Windows.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use wdk_kit::Architecture;

use crate::{kit::Kit, progress, workspace::Workspace};

/// Builds the program for `architecture` and leaves it in `target/framecastctl/x64` or `…/ARM64`.
///
/// Off Windows there are no libraries of Windows to link with: the kit's import libraries take
/// their place, and `start.rs` of the program that of the C runtime's start-up, which has to stay visible to the
/// linker: hence a profile without optimization of the whole.
///
/// # Errors
///
/// When the tools cannot be set up, or the program does not build.
pub fn build(workspace: &Workspace, architecture: Architecture) -> Result<PathBuf> {
    let what = format!("Building framecastctl for {}", architecture.folder());
    let program = ["--profile", "program", "--package", "framecastctl", "--bin", "framecastctl"];
    let target = architecture.target();
    let output = if cfg!(windows) {
        let mut command = workspace.cargo("build");
        command.args(["--locked", "--target", target]).args(program);
        progress::shown(&what, &mut command)?;
        workspace.target().join(target)
    } else {
        let kit = Kit::prepare(workspace)?;
        let mut command = kit.cargo_for_programs(architecture, "rustc");
        let folder = kit.wdk().user_libraries(architecture);
        command
            .args(program)
            .args(["--", "--cfg", "without_windows_sdk"])
            .arg(format!("-Clink-arg=/LIBPATH:{}", folder.display()))
            .args(
                ["/ENTRY:main", "/SUBSYSTEM:CONSOLE", "/Brepro"]
                    .map(|it| format!("-Clink-arg={it}")),
            );
        progress::shown(&what, &mut command)?;
        Kit::output_for(workspace, architecture)
    };
    let built = output.join("program/framecastctl.exe");
    let folder = workspace.target().join("framecastctl").join(architecture.folder());
    let file = folder.join("framecastctl.exe");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(&built, &file))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

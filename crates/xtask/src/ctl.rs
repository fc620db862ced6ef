//! Builds framecastctl for Windows.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use wdk_kit::Architecture;

use crate::{driver, kit::Kit, progress, setup, workspace::Workspace};

/// The built program.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program.
    pub program: PathBuf,
    /// Its symbols.
    pub symbols: PathBuf,
}

impl Program {
    /// Where [`build`] leaves it for `architecture`.
    #[must_use]
    pub fn of(workspace: &Workspace, architecture: Architecture) -> Self {
        let folder = workspace.target().join("framecastctl").join(architecture.folder());
        let [program, symbols] =
            ["framecastctl.exe", "framecastctl.pdb"].map(|name| folder.join(name));
        Self { program, symbols }
    }
}

/// Builds the program for `architecture` and leaves it in `target/framecastctl/x64` or `…/ARM64`.
///
/// Off Windows there are no libraries of Windows to link with: the kit's import libraries take
/// their place, and `start.rs` of the program that of the C runtime's start-up, which has to stay visible to the
/// linker: hence a profile without optimization of the whole.
///
/// # Errors
///
/// When the tools cannot be set up, or the program does not build.
pub fn build(workspace: &Workspace, architecture: Architecture) -> Result<Program> {
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
        setup::target(&kit.tools().toolchain, target)?;
        let mut command = kit.cargo_for_programs(architecture, "rustc");
        let folder = kit.wdk().user_libraries(architecture);
        command
            .args(program)
            .args(["--", "--cfg", "without_windows_sdk"])
            .arg(format!("-Clink-arg=/LIBPATH:{}", folder.display()))
            .args(
                ["/ENTRY:main", "/SUBSYSTEM:CONSOLE", "/Brepro", "/PDBALTPATH:%_PDB%"]
                    .map(|it| format!("-Clink-arg={it}")),
            );
        progress::shown(&what, &mut command)?;
        Kit::output_for(workspace, architecture)
    };
    let (image, names) = driver::linked(&output.join("program/framecastctl.exe"))?;
    let Program { program, symbols } = Program::of(workspace, architecture);
    let folder = program.parent().unwrap_or(&program);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program = driver::write(program, &image)?;
    Ok(Program { program, symbols: driver::write(symbols, &names)? })
}

/// The cargo command that looks at the program as it is for Windows: `clippy` or `doc`.
///
/// # Errors
///
/// When the tools cannot be set up.
pub(crate) fn command(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    let mut command = if cfg!(windows) {
        let mut command = workspace.cargo(subcommand);
        command.arg("--locked");
        command
    } else {
        Kit::prepare(workspace)?.cargo_for_programs(Architecture::X64, subcommand)
    };
    command.args(["--profile", "program", "--package", "framecastctl"]);
    Ok(command)
}

/// Builds the program for Wine: `target/framecastctl/wine` then holds the one for x64, and beside it
/// a stand-in for the one library of Windows that it needs and that Wine 8 does not have.
///
/// # Errors
///
/// When the tools cannot be set up, or either does not build.
pub fn build_for_wine(workspace: &Workspace) -> Result<PathBuf> {
    let built = build(workspace, Architecture::X64)?;
    let kit = Kit::prepare(workspace)?;
    let folder = workspace.target().join("framecastctl/wine");
    let program = folder.join("framecastctl.exe");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(&built.program, &program))
        .with_context(|| format!("cannot write {}", program.display()))?;
    let mut command = Command::new(&kit.tools().toolchain.rustc);
    kit.environment(&mut command);
    command
        .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-Cpanic=abort"])
        .args(["--target", Architecture::X64.target()])
        .arg(format!("-Clinker={}", kit.linker().display()))
        .args(["/NODEFAULTLIB", "/ENTRY:DllMain", "/NOIMPLIB"].map(|it| format!("-Clink-arg={it}")))
        .arg("-o")
        .arg(folder.join("bcryptprimitives.dll"))
        .arg(workspace.root().join("tests/wine/bcryptprimitives.rs"));
    progress::quiet("Building what Wine lacks", &mut command)?;
    Ok(program)
}

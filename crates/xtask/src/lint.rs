//! `cargo xtask lint`: formatting, lints, documentation, where unsafe code is, and the INF.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{ctl, driver, inf, progress, setup, workspace::Workspace};

/// Runs every check, then says which found something.
///
/// # Errors
///
/// When a check finds something, or cannot be run.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::component(workspace, "fmt", "rustfmt")?;
    setup::component(workspace, "clippy", "clippy")?;
    let checks: [(&str, Result<()>); 8] = [
        ("formatting", formatting(workspace)),
        ("unsafe code outside src/ndis", unsafe_code(workspace)),
        ("the INF", inf::run(workspace, &inf::Arguments::default())),
        ("clippy for the host crates", host(workspace, "clippy")),
        ("clippy for the drivers", drivers(workspace, "clippy")),
        ("clippy for framecastctl on Windows", windows_program(workspace)),
        ("documentation of the host crates", host(workspace, "doc")),
        ("documentation of the drivers", drivers(workspace, "doc")),
    ];
    let mut failed = Vec::new();
    for (name, outcome) in checks {
        if let Err(error) = outcome {
            eprintln!("{name}: {error:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("not clean: {}", failed.join(", "));
    }
    eprintln!("Clean");
    Ok(())
}

fn formatting(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo("fmt");
    progress::shown("Checking the formatting", command.args(["--all", "--check"]))
}

/// Runs clippy or rustdoc over all but the drivers.
fn host(workspace: &Workspace, subcommand: &str) -> Result<()> {
    let mut command = workspace.cargo(subcommand);
    command.args(["--locked", "--workspace"]);
    for driver in workspace.drivers()? {
        command.args(["--exclude", &driver]);
    }
    let what = match subcommand {
        "clippy" => "Linting the host crates",
        _ => "Documenting the host crates",
    };
    progress::shown(what, strictly(subcommand, &mut command, &["--all-targets"]))
}

/// Runs clippy over framecastctl as it is for Windows.
fn windows_program(workspace: &Workspace) -> Result<()> {
    let mut command = ctl::command(workspace, "clippy")?;
    progress::shown("Linting framecastctl for Windows", strictly("clippy", &mut command, &[]))
}

/// Runs clippy or rustdoc over the drivers, for the target that they are built for.
fn drivers(workspace: &Workspace, subcommand: &str) -> Result<()> {
    let mut command = driver::command(workspace, subcommand)?;
    command.arg("--release");
    for driver in workspace.drivers()? {
        command.args(["--package", &driver]);
    }
    let what = match subcommand {
        "clippy" => "Linting the drivers",
        _ => "Documenting the drivers",
    };
    progress::shown(what, strictly(subcommand, &mut command, &[]))
}

/// Makes warnings errors, and takes the documentation of private items along.
fn strictly<'a>(
    subcommand: &str,
    command: &'a mut Command,
    clippy_arguments: &[&str],
) -> &'a mut Command {
    if subcommand == "clippy" {
        command.args(clippy_arguments).args(["--", "-D", "warnings"])
    } else {
        command.env("RUSTDOCFLAGS", "-D warnings").args(["--no-deps", "--document-private-items"])
    }
}

/// The driver's unsafe code is on one shelf, `src/ndis`.
fn unsafe_code(workspace: &Workspace) -> Result<()> {
    eprintln!("Checking where unsafe code is");
    let mut files = Vec::new();
    let shelf = workspace.root().join("src/ndis");
    rust_files(&workspace.root().join("src"), &shelf, &mut files)?;
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", workspace.shown(&file)))?;
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words(code).any(|word| word == "unsafe") {
                found.push(format!("{}:{}: {}", workspace.shown(&file), number + 1, line.trim()));
            }
        }
    }
    if !found.is_empty() {
        bail!("it belongs into src/ndis:\n{}", found.join("\n"));
    }
    Ok(())
}

/// The Rust files below `folder`, without those below `except`.
fn rust_files(folder: &Path, except: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && path != except {
            rust_files(&path, except, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character: char| !character.is_alphanumeric() && character != '_')
}

//! Runs programs and shows what they are doing.

use std::{
    io::{BufRead, BufReader, IsTerminal, Read},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Runs `command` quietly under a spinner named `what`; shows its output only when it fails.
///
/// # Errors
///
/// When the program is missing or reports a failure.
pub fn quiet(what: &str, command: &mut Command) -> Result<()> {
    let spinner = spinner(what);
    let result = follow(command, &spinner);
    spinner.finish_and_clear();
    let (success, output) = result.with_context(|| what.to_owned())?;
    if !success {
        bail!("{what} failed:\n{}", output.trim_end());
    }
    Ok(())
}

/// Runs `command` with its output in full view, announced as `what`.
///
/// # Errors
///
/// When the program is missing or reports a failure.
pub fn shown(what: &str, command: &mut Command) -> Result<()> {
    eprintln!("{what}");
    let status = command.status().with_context(|| not_started(command))?;
    ensure!(status.success(), "{what} failed ({status})");
    Ok(())
}

/// What `command` prints, when it succeeds.
///
/// # Errors
///
/// When the program is missing, reports a failure, or prints something else than text.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::piped()).output().with_context(|| not_started(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed:\n{}", command.get_program().display(), said.trim_end());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The program that a cargo command builds, which is the target of this name; cargo is shown.
///
/// # Errors
///
/// When it does not build, or there is no such program.
pub fn executable(command: &mut Command, name: &str) -> Result<PathBuf> {
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = command.output().with_context(|| not_started(command))?;
    ensure!(output.status.success(), "{name} does not build");
    let program = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == name;
        is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
    };
    let found = output.stdout.lines().map_while(Result::ok).find_map(|line| program(&line));
    found.with_context(|| format!("cargo names no program {name}"))
}

fn not_started(command: &Command) -> String {
    format!("cannot start {}; is it installed?", command.get_program().display())
}

/// A spinner on a terminal, a line of text elsewhere.
fn spinner(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        eprintln!("{what}");
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}") {
        spinner.set_style(style);
    }
    spinner.set_prefix(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Runs `command` with the last line it printed beside the spinner; gives all it printed.
fn follow(command: &mut Command, spinner: &ProgressBar) -> Result<(bool, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| not_started(command))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = thread::scope(|scope| {
        let errors = scope.spawn(|| stderr.map(|stream| read(stream, spinner)));
        let printed = stdout.map(|stream| read(stream, spinner));
        let errors = errors.join().ok().flatten();
        printed.unwrap_or_default() + &errors.unwrap_or_default()
    });
    Ok((child.wait()?.success(), output))
}

fn read(stream: impl Read, spinner: &ProgressBar) -> String {
    let mut all = String::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        spinner.set_message(line.trim().to_owned());
        all += &line;
        all.push('\n');
    }
    all
}

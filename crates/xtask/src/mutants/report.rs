//! What is printed about mutants.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Error, Result, bail};
use comfy_table::{Table, presets};

use super::{Check, Mutant, findings::Findings};
use crate::workspace::Workspace;

/// What became of each mutant, as it is found out.
#[derive(Debug)]
pub(super) struct Report {
    count: usize,
    start: Instant,
    /// Its name, what caught it, how many stories failed.
    rows: Vec<[String; 3]>,
    /// Those that are not caught as their patch says.
    survivors: Vec<String>,
    /// The mistakes, and every story that each makes fail.
    details: Vec<String>,
}

impl Report {
    pub(super) fn new(count: usize) -> Self {
        eprintln!("Building the driver as it is, then {count} mutants of it");
        Self {
            count,
            start: Instant::now(),
            rows: Vec::new(),
            survivors: Vec::new(),
            details: Vec::new(),
        }
    }

    /// Takes what was found of the driver as it is, which must be nothing.
    pub(super) fn control(&self, findings: &Findings) -> Result<()> {
        if !findings.are_none() {
            bail!("the driver as it is fails, so that mutants say nothing:\n{}", findings.told());
        }
        eprintln!("    the driver as it is passes{}", self.elapsed());
        Ok(())
    }

    /// Takes note of a mutant that cannot be built.
    pub(super) fn add_unbuilt(&mut self, mutant: &Mutant, error: &Error) {
        let (name, number) = (mutant.name(), self.rows.len() + 1);
        eprintln!("{number:>3}/{} {error:#}", self.count);
        self.survivors.push(format!("{name} (not built)"));
        self.rows.push([name.to_owned(), "not built".to_owned(), String::new()]);
    }

    /// Takes what was found of a mutant.
    pub(super) fn add(&mut self, mutant: &Mutant, findings: &Findings) {
        let caught_by = caught_by(mutant, findings);
        let missing = mutant.checks().iter().filter(|check| !findings.contain(check));
        let missing: Vec<_> = missing.map(ToString::to_string).collect();
        let verdict = if missing.is_empty() {
            format!("caught by {caught_by}")
        } else if findings.are_none() {
            "SURVIVED".to_owned()
        } else {
            format!("NOT CAUGHT BY {}, but by {caught_by}", missing.join(", "))
        };
        let (name, number) = (mutant.name(), self.rows.len() + 1);
        eprintln!("{number:>3}/{} {name}: {verdict}{}", self.count, self.elapsed());
        if !missing.is_empty() {
            self.survivors.push(format!("{name} ({})", missing.join(", ")));
        }
        let (mistake, told) = (mutant.mistake(), findings.told());
        self.details.push(format!("{name}: {verdict}\n    {mistake}\n{told}"));
        let failed = findings.stories.len().to_string();
        self.rows.push([name.to_owned(), caught_by, failed]);
    }

    /// Prints the table, and writes the details to a file.
    pub(super) fn conclude(self, workspace: &Workspace) -> Result<()> {
        let file = workspace.target().join("mutants/report.txt");
        fs::write(&file, self.details.join("\n"))
            .context("cannot write target/mutants/report.txt")?;
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(["mutant", "caught by", "stories that fail"]);
        table.add_rows(self.rows);
        println!("{table}\n{}", workspace.shown(&file));
        if !self.survivors.is_empty() {
            bail!(
                "{} of {} mutants are not caught by what their patch names: {}",
                self.survivors.len(),
                self.count,
                self.survivors.join("; ")
            );
        }
        println!("All {} mutants are caught{}", self.count, elapsed(self.start.elapsed()));
        Ok(())
    }

    fn elapsed(&self) -> String {
        elapsed(self.start.elapsed())
    }
}

fn elapsed(time: Duration) -> String {
    format!(" ({} s)", time.as_secs())
}

/// Rules first; a story only where no rule was broken: the one that the patch names, if it failed.
fn caught_by(mutant: &Mutant, findings: &Findings) -> String {
    let mut parts: Vec<_> = findings.rules.iter().cloned().collect();
    for check in [Check::BugCheck, Check::TimeOut] {
        if findings.contain(&check) {
            parts.push(check.to_string());
        }
    }
    if parts.is_empty() {
        let named = mutant.checks().iter().filter(|check| findings.contain(check));
        parts.extend(named.map(ToString::to_string));
    }
    if parts.is_empty() {
        parts.extend(findings.stories.keys().take(1).map(|name| format!("story {name}")));
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

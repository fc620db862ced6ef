//! How results are printed.

use std::{
    fmt::Display,
    io::{self, Write},
};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use super::failure::Failure;

/// Prints a result, as JSON or as text.
pub(super) fn result(
    json: bool,
    value: &impl Serialize,
    text: impl Display,
) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{text}")?;
    }
    Ok(())
}

/// Prints lines.
pub(super) fn lines(text: impl Display) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Says something beside what is printed, where somebody listens.
pub(super) fn aside(text: impl Display) {
    // There is nobody else to be told.
    let _said = writeln!(io::stderr(), "{text}");
}

/// Prints one JSON value on one line.
pub(super) fn line(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// A table with these columns.
pub(super) fn table<const N: usize>(columns: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(columns);
    table
}

/// A number with what it counts, in the plural where that is right.
pub(super) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// A LUID as requests and messages write it.
pub(super) fn luid(luid: u64) -> String {
    format!("{luid:#x}")
}

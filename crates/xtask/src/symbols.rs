//! Names for places in a built driver, from the symbols beside it.

use std::{fmt, fs::File, path::Path};

use anyhow::{Context as _, Result};
use pdb_addr2line::{Context, ContextPdbData, TypeFormatterFlags, pdb::PDB};

/// The symbols of a driver.
pub struct Symbols<'d> {
    context: Context<'d, 'static>,
}

impl fmt::Debug for Symbols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbols({} functions)", self.context.function_count())
    }
}

/// A function that an instruction is of: the one that it is in, or one that is inlined there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Frame {
    /// Its name.
    pub function: String,
    /// File and line.
    pub line: String,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.function, self.line)
    }
}

/// Reads the symbols beside the driver `image` and hands them to `work`.
///
/// # Errors
///
/// When there are none, or they cannot be read.
pub fn with_symbols<R>(image: &Path, work: impl FnOnce(&Symbols<'_>) -> R) -> Result<R> {
    let path = image.with_extension("pdb");
    let unreadable = || format!("cannot read {}", path.display());
    let pdb = PDB::open(File::open(&path).with_context(unreadable)?).with_context(unreadable)?;
    let data = ContextPdbData::try_from_pdb(pdb).with_context(unreadable)?;
    let names = TypeFormatterFlags::NAME_ONLY
        | TypeFormatterFlags::NO_ARGUMENTS
        | TypeFormatterFlags::NO_FUNCTION_RETURN;
    let context = data.make_context_with_formatter_flags(names);
    let context = context.with_context(unreadable)?;
    Ok(work(&Symbols { context }))
}

impl Symbols<'_> {
    /// The functions that the instruction at an offset in the loaded image is of, the innermost
    /// first; none where no symbol is.
    #[must_use]
    pub fn frames(&self, offset: u32) -> Vec<Frame> {
        let Ok(Some(found)) = self.context.find_frames(offset) else { return Vec::new() };
        let frame = |frame: &pdb_addr2line::Frame<'_>| Frame {
            function: frame.function.clone().unwrap_or_default(),
            line: match (&frame.file, frame.line) {
                (Some(file), Some(line)) => {
                    let file = file.replace('\\', "/");
                    // The kit calls the repository so.
                    let (_, file) = file.rsplit_once("framecast/").unwrap_or(("", &file));
                    format!("{file}:{line}")
                }
                _ => String::new(),
            },
        };
        found.frames.iter().map(frame).collect()
    }
}

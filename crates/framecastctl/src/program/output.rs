//! Files that are written, standard output among them.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// A file that is being written.
pub(super) type Output = BufWriter<Box<dyn Write>>;

/// Whether a path stands for standard output.
pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Begins a file.
pub(super) fn create(path: &Path) -> io::Result<Output> {
    let target: Box<dyn Write> =
        if is_standard(path) { Box::new(io::stdout()) } else { Box::new(File::create(path)?) };
    Ok(BufWriter::new(target))
}

use std::io::{self, BufWriter, ErrorKind, Write};

/// Prints to standard output. A reader that has seen enough and is gone is no error.
pub(crate) fn print(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Says why there is no result, where somebody listens.
pub(crate) fn complain(error: &dyn std::error::Error) {
    // There is nobody else to be told.
    let _said = writeln!(io::stderr(), "ndis-lab: {error}");
}

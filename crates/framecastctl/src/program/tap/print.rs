use std::{
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};

use framecastctl::{TapCounts, TappedFrame};
use serde_json::json;

use super::{Named, Sink};
use crate::program::{clock, failure::Failure};

/// Prints a line for each frame.
pub(super) struct Lines {
    named: Named,
    json: bool,
}

impl Lines {
    pub(super) const fn new(named: Named, json: bool) -> Self {
        Self { named, json }
    }

    fn text(&self, frame: &TappedFrame<&[u8]>) -> String {
        let way = if frame.is_received() { "in " } else { "out" };
        let ours = if frame.is_ours() { " originated here" } else { "" };
        format!(
            "{} {} {way} {}, {} bytes{ours}",
            clock::local(frame.time()).format("%H:%M:%S%.6f"),
            self.named.name(frame.adapter()),
            header(frame.bytes),
            frame.length(),
        )
    }

    fn value(&self, frame: &TappedFrame<&[u8]>) -> serde_json::Value {
        json!({
            "time": frame.time().as_secs_f64(),
            "adapter": self.named.name(frame.adapter()),
            "received": frame.is_received(),
            "ours": frame.is_ours(),
            "length": frame.length(),
            "lost": frame.lost(),
            "bytes": hex(frame.bytes, ""),
        })
    }
}

/// The link-layer header, as text.
fn header(bytes: &[u8]) -> String {
    match bytes {
        [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1, ..] => format!(
            "{} > {}, type 0x{t0:02x}{t1:02x}",
            hex(&[*s0, *s1, *s2, *s3, *s4, *s5], ":"),
            hex(&[*d0, *d1, *d2, *d3, *d4, *d5], ":"),
        ),
        short => hex(short, " "),
    }
}

fn hex(bytes: &[u8], between: &str) -> String {
    let mut text = String::new();
    for (place, byte) in bytes.iter().enumerate() {
        let before = if place == 0 { "" } else { between };
        // A String takes all that is written.
        let _written = write!(text, "{before}{byte:02x}");
    }
    text
}

impl Sink for Lines {
    fn write(&mut self, frame: &TappedFrame<&[u8]>) -> Result<(), Failure> {
        let line = if self.json { self.value(frame).to_string() } else { self.text(frame) };
        Ok(writeln!(io::stdout(), "{line}")?)
    }

    fn flush(&mut self, _elapsed: Duration) -> Result<(), Failure> {
        Ok(io::stdout().flush()?)
    }

    fn finish(&mut self, _counts: &TapCounts) -> Result<(), Failure> {
        Ok(io::stdout().flush()?)
    }
}

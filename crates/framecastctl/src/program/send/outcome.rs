use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use framecastctl::{Adapter, Status};
use serde::Serialize;
use serde_json::json;

use super::frames::Numbered;
use crate::program::{failure::Failure, show};

/// How many refused frames are listed as text.
const LISTED: usize = 10;

/// What became of the frames.
#[derive(Debug)]
pub(super) struct Outcome {
    adapter: String,
    start: Instant,
    took: Duration,
    sent: u64,
    bytes: u64,
    refused: Vec<Refusal>,
    /// The files, as they were named.
    files: Vec<String>,
}

/// A frame that did not leave, or did not arrive.
#[derive(Debug, Serialize)]
struct Refusal {
    file: String,
    /// Its place in the file, from 1.
    frame: usize,
    /// Which time the files were sent, from 1.
    pass: u64,
    /// The NTSTATUS.
    status: String,
    meaning: &'static str,
}

impl Outcome {
    pub(super) fn new(adapter: &Adapter, files: &[PathBuf]) -> Self {
        Self {
            adapter: adapter.name.clone(),
            start: Instant::now(),
            took: Duration::ZERO,
            sent: 0,
            bytes: 0,
            refused: Vec::new(),
            files: files.iter().map(|file| file.display().to_string()).collect(),
        }
    }

    /// Takes down what became of a frame.
    pub(super) fn add(&mut self, number: Numbered, status: Status) {
        if status.is_success() {
            self.sent += 1;
            self.bytes += number.bytes;
        } else {
            self.refuse(number, status);
        }
    }

    pub(super) fn refuse(&mut self, number: Numbered, status: Status) {
        self.refused.push(Refusal {
            file: self.files.get(number.file).cloned().unwrap_or_default(),
            frame: number.frame,
            pass: number.pass + 1,
            status: format!("{status:?}"),
            meaning: status.meaning(),
        });
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    pub(super) fn end(&mut self) {
        self.took = self.start.elapsed();
    }

    #[allow(clippy::cast_precision_loss, reason = "rates are read by people")]
    fn rates(&self) -> (f64, f64) {
        let seconds = self.took.as_secs_f64().max(1e-9);
        (self.sent as f64 / seconds, self.bytes as f64 * 8.0 / 1e6 / seconds)
    }

    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        let (pps, mbps) = self.rates();
        let value = json!({
            "adapter": self.adapter,
            "frames": self.sent,
            "bytes": self.bytes,
            "seconds": self.took.as_secs_f64(),
            "frames_per_second": pps,
            "megabits_per_second": mbps,
            "refused": self.refused,
        });
        show::result(json, &value, self)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pps, mbps) = self.rates();
        write!(
            f,
            "{} ({} bytes) sent on {} in {:.2} seconds: {pps:.0} frames/s, {mbps:.2} Mbit/s",
            show::count(self.sent, "frame"),
            self.bytes,
            self.adapter,
            self.took.as_secs_f64(),
        )?;
        let mut by_meaning = BTreeMap::new();
        for refusal in &self.refused {
            *by_meaning.entry((refusal.meaning, &refusal.status)).or_insert(0_u64) += 1;
        }
        for ((meaning, status), number) in by_meaning {
            write!(f, "\n{} refused: {meaning} ({status})", show::count(number, "frame"))?;
        }
        for refusal in self.refused.iter().take(LISTED) {
            let Refusal { file, frame, meaning, .. } = refusal;
            write!(f, "\n  frame {frame} of {file}: {meaning}")?;
        }
        if self.refused.len() > LISTED {
            write!(f, "\n  and {} more; --json lists them all", self.refused.len() - LISTED)?;
        }
        Ok(())
    }
}

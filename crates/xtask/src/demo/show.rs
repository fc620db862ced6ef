//! The demo with a driver that is built.
//!
//! | file | what |
//! |---|---|
//! | `batches` | cuts a capture into batches |
//! | `journey` | the driver's life in the lab, with the capture as its traffic |
//! | `report` | compares, and makes `report.json` |
//! | `text` | what is printed |

mod batches;
mod journey;
mod report;
mod text;

pub use framecastctl::capture::CaptureError;
pub use journey::JourneyError;

use std::{
    fs,
    io::BufWriter,
    iter,
    path::{Path, PathBuf},
    time::Duration,
};

use framecastctl::capture::{CaptureReader, CaptureWriter, CapturedFrame, Interface, WrittenFrame};
use sha2::{Digest, Sha256};

use self::{
    journey::Passage,
    report::{Report, taken},
    text::Text,
};
use crate::workspace::Workspace;

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The capture cannot be used.
    #[error("cannot use {}", .0.display())]
    Capture(PathBuf, #[source] CaptureError),
    /// The folder for the results cannot be made.
    #[error("cannot make the folder {}", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// The driver cannot be read.
    #[error("cannot read {}", .0.display())]
    Driver(PathBuf, #[source] std::io::Error),
    /// The driver's life ended early.
    #[error(transparent)]
    Journey(#[from] JourneyError),
    /// A result cannot be written.
    #[error("cannot write {}: {reason:#}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        reason: anyhow::Error,
    },
    /// The demo ran to its end, and not all was as it should be.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// The exit status that tells of it: 2 where the arguments are at fault, else 1.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Capture(..) | Self::Folder(..) => 2,
            _ => 1,
        }
    }
}

/// A demo with its arguments checked: a capture, and a folder for the results.
pub struct Demo {
    pcap: PathBuf,
    out: PathBuf,
    frames: Vec<CapturedFrame>,
}

impl Demo {
    /// Reads the capture `pcap` and makes the folder `out`.
    ///
    /// # Errors
    ///
    /// [`Error::Capture`], [`Error::Folder`].
    pub fn new(pcap: PathBuf, out: PathBuf) -> Result<Self, Error> {
        let frames = match CaptureReader::open(&pcap).and_then(CaptureReader::read_whole) {
            Ok(frames) => frames,
            Err(error) => return Err(Error::Capture(pcap, error)),
        };
        match fs::create_dir_all(&out) {
            Ok(()) => Ok(Self { pcap, out, frames }),
            Err(error) => Err(Error::Folder(out, error)),
        }
    }

    /// Runs the driver of the file `driver` in the lab, writes what came out into the folder, and
    /// hands the text about it to `print`.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::Failed`] after all was written and printed.
    pub fn show(
        &self,
        workspace: &Workspace,
        driver: &Path,
        print: impl FnOnce(&str),
    ) -> Result<(), Error> {
        let image = fs::read(driver).map_err(|error| Error::Driver(driver.to_owned(), error))?;
        let outcome = journey::travel(driver, &self.frames)?;
        let hash = format!("{:x}", Sha256::digest(image));
        let report = Report::new(hash, &self.frames, &outcome);
        for passage in &outcome.passages {
            self.write(&format!("{}.pcapng", passage.part.name), |path| {
                write_capture(path, passage.part.name, self.timed(passage))
            })?;
        }
        self.write("report.json", |path| {
            Ok(fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?)
        })?;
        let text = Text {
            report: &report,
            frames: self.frames.len(),
            driver: workspace.shown(driver),
            pcap: workspace.shown(&self.pcap),
            out: workspace.shown(&self.out),
        };
        print(&text.to_string());
        report.failure(self.frames.len()).map_or(Ok(()), |reason| Err(Error::Failed(reason)))
    }

    fn write(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> Result<(), Error> {
        let path = self.out.join(name);
        write(&path).map_err(|reason| Error::Write { path, reason })
    }

    /// The frames on a wire, which has no clock, with the times of those that were sent.
    fn timed<'p>(&self, passage: &'p Passage) -> impl Iterator<Item = (&'p [u8], Duration)> {
        let mut last = Duration::ZERO;
        let sent: Vec<_> = taken(passage, &self.frames).iter().map(|(_, it)| it.time).collect();
        let times = sent.into_iter().map(Some).chain(iter::repeat(None));
        passage.wire.iter().zip(times).map(move |(bytes, time)| {
            // A frame more than were sent arrives with the last of them.
            last = time.unwrap_or(last);
            (bytes.as_slice(), last)
        })
    }
}

/// Writes frames as a pcapng file of one interface.
fn write_capture<'f>(
    path: &Path,
    interface: &str,
    frames: impl IntoIterator<Item = (&'f [u8], Duration)>,
) -> anyhow::Result<()> {
    let mut writer = CaptureWriter::new(BufWriter::new(fs::File::create(path)?))?;
    let described = Interface { name: interface.to_owned(), ..Interface::default() };
    let interface = writer.add_interface(&described)?;
    for (bytes, time) in frames {
        let length = u32::try_from(bytes.len())?;
        writer.write(&WrittenFrame {
            interface,
            time,
            length,
            bytes,
            ..WrittenFrame::default()
        })?;
    }
    Ok(writer.flush()?)
}

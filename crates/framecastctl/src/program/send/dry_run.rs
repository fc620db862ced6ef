use std::{path::Path, time::Duration};

use framecastctl::capture::{CaptureError, CaptureWriter, Interface, WrittenFrame};
use serde_json::json;

use super::{Arguments, Direction, frames::Frames, pace::Pace};
use crate::program::{
    failure::Failure,
    interrupt,
    output::{self, Output},
    show,
};

/// What would be sent.
#[derive(Debug, Default)]
struct Total {
    frames: u64,
    bytes: u64,
    longest: u64,
    /// From the first frame to the last.
    took: Duration,
}

/// Does all that sending does, but for what needs a driver.
pub(in crate::program) fn dry_run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let frames = Frames::open(&arguments.files, arguments.repeat, arguments.cut)?;
    let total = match &arguments.write {
        Some(file) => {
            let mut copy = Copy::create(file, arguments)?;
            let total = go_through(frames, arguments, |due, frame| copy.write(due, frame));
            // Whatever happened, what was written is to be a whole file.
            copy.end().and(total)?
        }
        None => go_through(frames, arguments, |_, _| Ok(()))?,
    };
    total.tell(arguments, json)
}

/// Calls `take` with each frame and when it would leave, since the first was captured.
fn go_through(
    frames: Frames<'_>,
    arguments: &Arguments,
    mut take: impl FnMut(Duration, &[u8]) -> Result<(), Failure>,
) -> Result<Total, Failure> {
    let mut total = Total::default();
    let mut pace = Pace::new(arguments.pace);
    let mut start = None;
    for frame in frames {
        let (number, frame) = frame?;
        if interrupt::is_interrupted() {
            break;
        }
        let start = *start.get_or_insert(frame.time);
        let due = pace.due(frame.time, number.pass, frame.bytes.len());
        take(start.saturating_add(due), &frame.bytes)?;
        let length = frame.bytes.len() as u64;
        total.frames += 1;
        total.bytes += length;
        total.longest = total.longest.max(length);
        total.took = due;
    }
    Ok(total)
}

impl Total {
    fn tell(&self, arguments: &Arguments, json: bool) -> Result<(), Failure> {
        let Self { frames, bytes, longest, took } = self;
        let within =
            if took.is_zero() { String::new() } else { format!(" in {:.2} s", took.as_secs_f64()) };
        let text = format!(
            "{} ({bytes} bytes) would be sent{within}; the longest has {longest} bytes",
            show::count(*frames, "frame")
        );
        if arguments.write.as_deref().is_some_and(output::is_standard) {
            // Standard output has the frames.
            show::aside(text);
            return Ok(());
        }
        let value = json!({
            "frames": frames, "bytes": bytes, "longest": longest, "seconds": took.as_secs_f64(),
        });
        show::result(json, &value, text)
    }
}

/// A capture of what would be sent.
struct Copy<'f> {
    file: &'f Path,
    writer: CaptureWriter<Output>,
    interface: u32,
    received: bool,
}

impl<'f> Copy<'f> {
    fn create(file: &'f Path, arguments: &Arguments) -> Result<Self, Failure> {
        let wrong = |source| Failure::Capture { file: file.to_owned(), source };
        let target = output::create(file).map_err(|error| wrong(error.into()))?;
        let mut writer = CaptureWriter::new(target).map_err(wrong)?;
        let name = arguments.adapter.clone();
        let interface = Interface { name, ..Interface::default() };
        let interface = writer.add_interface(&interface).map_err(wrong)?;
        let received = arguments.direction == Direction::Receive;
        Ok(Self { file, writer, interface, received })
    }

    fn wrong(&self, source: CaptureError) -> Failure {
        Failure::Capture { file: self.file.to_owned(), source }
    }

    fn write(&mut self, time: Duration, bytes: &[u8]) -> Result<(), Failure> {
        let frame = WrittenFrame {
            interface: self.interface,
            time,
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes,
            received: Some(self.received),
            ..WrittenFrame::default()
        };
        self.writer.write(&frame).map_err(|source| self.wrong(source))
    }

    fn end(mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|source| self.wrong(source))
    }
}

//! `framecastctl tap`.

mod capture_file;
mod condition;
mod print;
mod recorder;

use std::{path::PathBuf, time::Instant};

use clap::ValueEnum;
use framecastctl::{Directions, Tap, TapCounts, TapOptions, Transport};
use indicatif::HumanBytes;
use protocol::limits;
use serde_json::json;

use super::{
    environment::Environment, failure::Failure, filter_arguments::FilterArguments, interrupt,
    output, progress::Progress, show,
};
use condition::Condition;
use recorder::Recorder;

pub(super) use capture_file::CaptureFile;
pub(super) use recorder::{Named, Sink};

/// Bytes of the driver's buffer, where nobody says.
pub(super) const BUFFER: u32 = 4 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The adapters; all, those that come later included, for none
    adapters: Vec<String>,
    /// The capture to write, pcapng; '-' for standard output. Without one, frames are printed
    #[arg(short = 'w', long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArguments,
    #[command(flatten)]
    selection: Selection,
    /// End after so many frames
    #[arg(short = 'c', long, value_name = "FRAMES", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End when this holds: duration:SECONDS, filesize:KILOBYTES, files:NUMBER or packets:FRAMES
    #[arg(short = 'a', long, value_name = "CONDITION")]
    autostop: Vec<Condition>,
    /// Begin another file when this holds: duration:SECONDS, filesize:KILOBYTES or packets:FRAMES;
    /// with files:NUMBER only the last so many are kept
    #[arg(short = 'b', long, value_name = "CONDITION", requires = "write")]
    ring_buffer: Vec<Condition>,
}

impl Arguments {
    /// Whether they can be meant, all together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let wrong = |message: &str| Err(Failure::Usage(message.to_owned()));
        let ring = &self.ring_buffer;
        let is_files = |condition: &Condition| matches!(condition, Condition::Files(_));
        if ring.is_empty() && self.autostop.iter().any(is_files) {
            return wrong("-a files: is for several files; say with -b when another begins");
        }
        if !ring.is_empty() && ring.iter().all(is_files) {
            return wrong("-b files: says how many are kept; say with -b when another begins");
        }
        if !ring.is_empty() && self.write.as_deref().is_some_and(output::is_standard) {
            return wrong("standard output is one file; leave -b out");
        }
        self.filter.filter().map(drop)
    }
}

/// Which frames are copied, and how much of them.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Selection {
    /// Copy frames of one direction only
    #[arg(long, value_enum)]
    pub(super) only: Option<Only>,
    /// Leave out what Framecast itself originates
    #[arg(long)]
    pub(super) without_ours: bool,
    /// Bytes to copy of each frame, at most
    #[arg(short = 's', long, value_name = "BYTES", default_value_t = 262_144,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) snaplen: u32,
    /// Bytes of the driver's buffer
    #[arg(long, value_name = "BYTES", default_value_t = BUFFER,
          value_parser = clap::value_parser!(u32)
              .range(i64::from(limits::TAP_BUFFER_LEAST)..=i64::from(limits::TAP_BUFFER_MOST)))]
    pub(super) buffer: u32,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Towards the network
    Sent,
    /// From the network
    Received,
}

impl Only {
    /// The directions of frames of this one only, or of both.
    pub(super) const fn directions(only: Option<Self>) -> Directions {
        match only {
            None => Directions::Both,
            Some(Self::Sent) => Directions::Sent,
            Some(Self::Received) => Directions::Received,
        }
    }
}

impl Selection {
    /// The options of a tap that copies this.
    pub(super) fn options(&self) -> TapOptions {
        TapOptions {
            directions: Only::directions(self.only),
            ours: !self.without_ours,
            snap_length: self.snaplen,
            buffer_bytes: self.buffer,
            wake_bytes: self.buffer / 8,
            ..TapOptions::default()
        }
    }
}

pub(super) fn run(
    arguments: &Arguments,
    environment: &mut Environment,
    json: bool,
) -> Result<(), Failure> {
    let mut options = arguments.selection.options();
    options.filter = arguments.filter.filter()?;
    let mut chosen = Vec::new();
    for name in &arguments.adapters {
        chosen.push(environment.adapter(name)?);
    }
    options.adapters = chosen.iter().map(|adapter| adapter.luid).collect();
    let described = if chosen.is_empty() { environment.client().adapters()? } else { chosen };

    // A handle has one tap; the commands that ask while it runs have a handle of their own.
    let client = environment.another_client()?;
    let to_output = arguments.write.as_deref().is_some_and(output::is_standard);
    let named = Named::new(described, arguments.filter.filter.clone(), options.snap_length);
    let mut sink: Box<dyn Sink> = match &arguments.write {
        Some(file) => Box::new(CaptureFile::create(file, &arguments.ring_buffer, named)?),
        None => Box::new(print::Lines::new(named, json)),
    };
    let mut tap = client.tap(&options)?;
    environment.begin_traffic()?;
    let mut recorder = Recorder::new(sink.as_mut(), arguments.count, &arguments.autostop);
    let outcome = record(&mut tap, &mut recorder, environment, arguments.write.is_some());
    let outcome = outcome.and_then(|()| Ok(tap.stop()?));
    // Whatever happened, what was captured is to be a whole file.
    let counts = outcome.as_ref().copied().unwrap_or_default();
    let (frames, bytes) = (recorder.frames(), recorder.bytes());
    sink.finish(&counts)?;
    outcome?;
    summary(frames, bytes, &counts, &sink.files(), to_output || arguments.write.is_none(), json)
}

/// Records until there is a reason to end.
fn record<T: Transport>(
    tap: &mut Tap<'_, T>,
    recorder: &mut Recorder<'_>,
    environment: &Environment,
    shown: bool,
) -> Result<(), Failure> {
    let progress = Progress::new(shown);
    let start = Instant::now();
    loop {
        // What came before the last frame of the lab's traffic is read after that came.
        let over = environment.traffic_is_over();
        let mut any = false;
        let frames = tap.read()?;
        for frame in frames {
            any = true;
            if recorder.add(&frame)? {
                progress.finish();
                return Ok(());
            }
        }
        let counts = tap.counts();
        recorder.flush(start.elapsed())?;
        let (frames, bytes) = (recorder.frames(), HumanBytes(recorder.bytes()));
        progress.show(format!("{frames} frames ({bytes}), {} lost", counts.lost()));
        let end = interrupt::is_interrupted() || (over && !any);
        if end || recorder.is_over(start.elapsed()) {
            progress.finish();
            return Ok(());
        }
    }
}

fn summary(
    frames: u64,
    bytes: u64,
    counts: &TapCounts,
    files: &[PathBuf],
    beside: bool,
    json: bool,
) -> Result<(), Failure> {
    let lost = counts.lost();
    let share = if lost == 0 { String::new() } else { " (the reader is too slow)".to_owned() };
    let text = format!(
        "{} ({bytes} bytes) captured, {} lost{share}, {} not wanted by the filter",
        show::count(frames, "frame"),
        lost,
        counts.filtered,
    );
    if beside {
        // Standard output has the frames.
        show::aside(text);
        return Ok(());
    }
    let value = json!({
        "frames": frames,
        "bytes": bytes,
        "filtered": counts.filtered,
        "lost": {"buffer_full": counts.buffer_full, "unreadable": counts.unreadable},
        "files": files,
    });
    show::result(json, &value, text)
}

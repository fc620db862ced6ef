//! `framecastctl send`.

mod frames;
mod outcome;
mod pace;

use std::{path::PathBuf, time::Instant};

use clap::ValueEnum;
use framecastctl::{Batch, Error, Injection};
use indicatif::HumanBytes;
use protocol::{Request, limits};
use serde_json::json;

use super::{
    environment::{AnyClient, Environment},
    failure::Failure,
    interrupt,
    progress::Progress,
    show,
};
use frames::{Frames, Numbered};
use outcome::Outcome;
use pace::Pace;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The adapter
    adapter: String,
    /// Captures of Ethernet frames, pcap or pcapng; '-' for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Which way the frames go: to the network, or to this host as if received
    #[arg(long, value_enum, default_value_t = Direction::Send)]
    direction: Direction,
    #[command(flatten)]
    pace: PaceArguments,
    /// How often to send it all; 0 for ever
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    repeat: u64,
    /// Frames that go with one request, at most
    #[arg(long, value_name = "FRAMES", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::BATCH_FRAMES)))]
    batch: u32,
    /// Frames that travel in one NET_BUFFER_LIST, towards the network
    #[arg(long, value_name = "FRAMES", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::LIST_FRAMES)))]
    list: u32,
    /// Frames of which the capture holds only the beginning
    #[arg(long, value_enum, default_value_t = Cut::Refuse)]
    cut: Cut,
    /// Read it all and send nothing, which needs no driver
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// When frames leave.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
struct PaceArguments {
    /// With the pauses that the capture has between them (the default)
    #[arg(long)]
    original: bool,
    /// So many frames a second
    #[arg(long, value_name = "FRAMES", value_parser = pace::rate)]
    pps: Option<f64>,
    /// So many millions of bits a second
    #[arg(long, value_name = "MEGABITS", value_parser = pace::rate)]
    mbps: Option<f64>,
    /// As fast as the driver takes them
    #[arg(long)]
    fast: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    Send,
    Receive,
}

impl Direction {
    const fn of_protocol(self) -> protocol::Direction {
        match self {
            Self::Send => protocol::Direction::Send,
            Self::Receive => protocol::Direction::Receive,
        }
    }
}

/// What to do with frames that the capture holds only the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Cut {
    /// End there with an error
    Refuse,
    /// Leave them out
    Skip,
    /// Send the beginning
    Send,
}

pub(super) fn run(
    arguments: &Arguments,
    environment: &mut Environment,
    json: bool,
) -> Result<(), Failure> {
    if arguments.list > 1 && arguments.direction == Direction::Receive {
        let message = "--list is for frames towards the network; leave it or --direction out";
        return Err(Failure::Usage(message.to_owned()));
    }
    let adapter = environment.adapter(&arguments.adapter)?;
    // Before anything leaves: a file that is no capture is known by its beginning.
    let frames = Frames::open(&arguments.files, arguments.repeat, arguments.cut)?;
    environment.begin_traffic()?;
    let mut sender = Sender {
        client: environment.client(),
        luid: adapter.luid,
        arguments,
        waiting: Vec::new(),
        batch: Batch::new(),
        outcome: Outcome::new(&adapter, &arguments.files),
        progress: Progress::new(true),
    };
    let sent = sender.send(frames);
    let Sender { mut outcome, progress, .. } = sender;
    progress.finish();
    outcome.end();
    outcome.print(json)?;
    sent?;
    if outcome.refused() > 0 { Err(Failure::Said) } else { Ok(()) }
}

/// Reads what would be sent, once.
pub(super) fn dry_run(arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let (mut frames, mut bytes, mut longest) = (0_u64, 0_u64, 0_u64);
    for frame in Frames::open(&arguments.files, 1, arguments.cut)? {
        let (_, frame) = frame?;
        let length = frame.bytes.len() as u64;
        frames += 1;
        bytes += length;
        longest = longest.max(length);
    }
    let text = format!(
        "{} ({bytes} bytes) would be sent; the longest has {longest} bytes",
        show::count(frames, "frame")
    );
    let value = json!({"frames": frames, "bytes": bytes, "longest": longest});
    show::result(json, &value, text)
}

/// Sends frames in batches.
struct Sender<'s> {
    client: &'s AnyClient,
    luid: u64,
    arguments: &'s Arguments,
    /// Where the frames of the batch come from, in its order.
    waiting: Vec<Numbered>,
    batch: Batch,
    outcome: Outcome,
    progress: Progress,
}

impl Sender<'_> {
    fn send(&mut self, frames: Frames<'_>) -> Result<(), Failure> {
        let PaceArguments { pps, mbps, fast, .. } = self.arguments.pace;
        let mut pace = Pace::new(pps, mbps, fast);
        for frame in frames {
            let (number, frame) = match frame {
                Ok(frame) => frame,
                Err(failure) => return self.flush().and(Err(failure)),
            };
            let due = pace.due(frame.time, number.pass, frame.bytes.len());
            if due > Instant::now() {
                self.flush()?;
                interrupt::sleep_until(due);
            }
            if interrupt::is_interrupted() {
                break;
            }
            self.add(number, &frame.bytes)?;
        }
        self.flush()
    }

    fn add(&mut self, number: Numbered, frame: &[u8]) -> Result<(), Failure> {
        if !self.push(frame) {
            self.flush()?;
            if !self.push(frame) {
                // Longer than any request may be: no adapter takes it.
                self.outcome.refuse(number, framecastctl::Status::INVALID_LENGTH);
                return Ok(());
            }
        }
        self.waiting.push(Numbered { bytes: frame.len() as u64, ..number });
        if self.batch.len() == self.arguments.batch { self.flush() } else { Ok(()) }
    }

    fn push(&mut self, frame: &[u8]) -> bool {
        let joins = !self.batch.len().is_multiple_of(self.arguments.list);
        let added = if joins { self.batch.join(frame) } else { self.batch.push(frame) };
        added.is_ok()
    }

    /// Sends the batch, and takes down what became of its frames.
    fn flush(&mut self) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let waiting = std::mem::take(&mut self.waiting);
        let direction = self.arguments.direction.of_protocol();
        let Injection { statuses } = self.client.inject(self.luid, direction, &batch)?;
        if statuses.len() != waiting.len() {
            return Err(Error::Malformed(Request::Inject).into());
        }
        for (number, status) in waiting.into_iter().zip(statuses) {
            self.outcome.add(number, status);
        }
        let (sent, refused) = (self.outcome.sent(), self.outcome.refused());
        let bytes = HumanBytes(self.outcome.bytes());
        self.progress.show(format!("{sent} frames sent ({bytes}), {refused} refused"));
        Ok(())
    }
}

//! `framecastctl send`.

mod dry_run;
mod frames;
mod outcome;
mod pace;

use std::{path::PathBuf, time::Instant};

use clap::ValueEnum;
use framecastctl::{Batch, Error, Injection};
use indicatif::HumanBytes;
use protocol::{Request, limits};

use super::{
    environment::{AnyClient, Environment},
    failure::Failure,
    interrupt,
    progress::Progress,
};
use frames::{Frames, Numbered};
use outcome::Outcome;
use pace::{Pace, PaceArguments};

pub(super) use dry_run::dry_run;

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
    /// Send nothing, which needs no driver; say what would be sent
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write what would be sent to this file, pcapng, with the times at which it would leave, as if
    /// the first frame left when it was captured; '-' for standard output
    #[arg(short = 'w', long, value_name = "FILE", requires = "dry_run")]
    write: Option<PathBuf>,
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

impl Arguments {
    /// Whether they can be meant, all together.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let wrong = |message: &str| Err(Failure::Usage(message.to_owned()));
        if self.list > 1 && self.direction == Direction::Receive {
            return wrong("--list is for frames towards the network; leave it or --direction out");
        }
        let from_input = self.files.iter().filter(|file| file.as_os_str() == "-").count();
        if from_input > 1 || (from_input == 1 && self.repeat != 1) {
            return wrong("standard input can be sent once only");
        }
        if self.dry_run && self.repeat == 0 {
            return wrong("--repeat 0 never ends; say how often, for a dry run");
        }
        Ok(())
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
        let (mut pace, start) = (Pace::new(self.arguments.pace), Instant::now());
        for frame in frames {
            let (number, frame) = match frame {
                Ok(frame) => frame,
                Err(failure) => return self.flush().and(Err(failure)),
            };
            let due = start + pace.due(frame.time, number.pass, frame.bytes.len());
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

//! What comes from the ends of the adapters' stacks, and where what arrives there goes.

use std::{
    borrow::Cow,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use ndis_lab::{Frame, Lab, NblSpec, Stack};
use tun_rs::VirtioNetHdr;

use super::{AdapterSpec, EndSpec, LabError, Timing, offload, port::Port};
use crate::capture::{CaptureReader, CaptureWriter, CapturedFrame, Interface, WrittenFrame};

/// How many frames of a capture come in one chain.
const CHAIN: usize = 32;

/// Bytes that Linux hands over in one piece, at most: a packet of IP, and what is in front of it.
const LONGEST: usize = (1 << 16) + 64;

/// How often a thread looks whether there is something to do.
const STEP: Duration = Duration::from_micros(300);

/// An end of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Wire,
    Above,
}

impl Side {
    fn bring<L: Into<NblSpec>>(self, stack: &Stack, frames: Vec<L>) {
        match self {
            Self::Wire => stack.indicate_from_below(frames, false),
            Self::Above => stack.send_from_above(frames),
        }
    }

    fn take(self, stack: &Stack) -> Vec<Frame> {
        match self {
            Self::Wire => stack.take_wire(),
            Self::Above => stack.take_received_above(),
        }
    }
}

/// All traffic of a host.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    shared: Arc<Shared>,
    ports: Ports,
    /// Threads that bring frames.
    sources: Vec<Work>,
    /// Threads that take them away.
    sinks: Vec<Work>,
    /// Whether frames may come for ever.
    endless: bool,
}

type Work = JoinHandle<Result<(), LabError>>;

#[derive(Default)]
struct Ports(Vec<Arc<Port>>);

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ports", self.0.len())
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// No more frames are to be brought.
    stopping: AtomicBool,
    /// No more frames will arrive.
    drained: AtomicBool,
    /// Captures that are not at their end.
    captures: AtomicUsize,
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

impl Traffic {
    /// Opens all that is named, then lets frames come and go.
    pub(super) fn begin(stacks: &[Stack], specs: &[AdapterSpec]) -> Result<Self, LabError> {
        let mut traffic = Self::default();
        let mut ends = Vec::new();
        for (stack, spec) in stacks.iter().zip(specs) {
            for (side, end) in [(Side::Wire, &spec.wire), (Side::Above, &spec.above)] {
                ends.push(End::open(stack, side, end, spec)?);
            }
        }
        for end in &ends {
            traffic.endless |= end.port.is_some();
            traffic.ports.0.extend(end.port.clone());
            traffic.shared.captures.fetch_add(usize::from(end.source.is_some()), Ordering::Relaxed);
        }
        for end in ends {
            traffic.start(end);
        }
        Ok(traffic)
    }

    fn start(&mut self, end: End) {
        let End { stack, side, source, sink, port, timing } = end;
        if let Some((path, reader)) = source {
            let (stack, shared) = (stack.clone(), Arc::clone(&self.shared));
            self.sources.push(thread::spawn(move || {
                let played = play(&stack, side, reader, timing, &shared);
                shared.captures.fetch_sub(1, Ordering::Release);
                played.map_err(|source| LabError::Capture { file: path, source })
            }));
        }
        if let Some(port) = &port {
            let (stack, port) = (stack.clone(), Arc::clone(port));
            self.sources.push(thread::spawn(move || listen(&stack, side, &port)));
        }
        let shared = Arc::clone(&self.shared);
        self.sinks.push(thread::spawn(move || drain(&stack, side, sink, port.as_deref(), &shared)));
    }

    pub(super) fn is_begun(&self) -> bool {
        !self.sinks.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        let captures = self.shared.captures.load(Ordering::Acquire);
        !self.sources.is_empty() && !self.endless && captures == 0
    }

    /// Stops what comes, and waits until all of it is where it goes.
    pub(super) fn end(self, lab: &Lab) -> Result<(), LabError> {
        self.shared.stopping.store(true, Ordering::Release);
        for port in &self.ports.0 {
            port.end();
        }
        let sources = join(self.sources);
        lab.settle();
        self.shared.drained.store(true, Ordering::Release);
        let sinks = join(self.sinks);
        sources.and(sinks)
    }
}

/// Waits for threads; the first error that one ended with.
fn join(threads: Vec<Work>) -> Result<(), LabError> {
    let mut result = Ok(());
    for thread in threads {
        // A thread that panicked has said so.
        let ended = thread.join().unwrap_or(Ok(()));
        result = result.and(ended);
    }
    result
}

/// An end with all that it needs open.
struct End {
    stack: Stack,
    side: Side,
    source: Option<(PathBuf, CaptureReader<std::io::BufReader<File>>)>,
    sink: Option<Sink>,
    port: Option<Arc<Port>>,
    timing: Timing,
}

impl End {
    fn open(
        stack: &Stack,
        side: Side,
        spec: &EndSpec,
        adapter: &AdapterSpec,
    ) -> Result<Self, LabError> {
        let config = stack.config();
        let source = match &spec.from {
            Some(file) => {
                let reader = CaptureReader::open(file);
                let wrong = |source| LabError::Capture { file: file.clone(), source };
                Some((file.clone(), reader.map_err(wrong)?))
            }
            None => None,
        };
        let sink = match &spec.to {
            Some(file) => Some(Sink::create(file, stack)?),
            None => None,
        };
        // A host above has the adapter's address; what is on the wire has one of its own.
        let mut mac = config.mac;
        if side == Side::Wire {
            mac[3] ^= 0x80;
        }
        let port = match &spec.tap {
            Some(tap) => Some(Port::open(tap, mac, config.mtu, adapter.offloads)?),
            None => None,
        };
        Ok(Self { stack: stack.clone(), side, source, sink, port, timing: adapter.timing })
    }
}

/// A capture that takes frames.
struct Sink {
    file: PathBuf,
    writer: CaptureWriter<BufWriter<File>>,
    interface: u32,
}

impl Sink {
    fn create(file: &Path, stack: &Stack) -> Result<Self, LabError> {
        let wrong = |source| LabError::Capture { file: file.to_owned(), source };
        let target = File::create(file).map_err(|error| wrong(error.into()))?;
        let mut writer = CaptureWriter::new(BufWriter::new(target)).map_err(wrong)?;
        let config = stack.config();
        let interface = Interface {
            name: config.name.clone(),
            description: Some(config.friendly_name.clone()),
            mac_address: Some(config.mac),
            ..Interface::default()
        };
        let interface = writer.add_interface(&interface).map_err(wrong)?;
        Ok(Self { file: file.to_owned(), writer, interface })
    }

    fn write(&mut self, frames: &[Frame], received: bool) -> Result<(), LabError> {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for frame in frames {
            let written = WrittenFrame {
                interface: self.interface,
                time,
                length: u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX),
                bytes: &frame.bytes,
                received: Some(received),
                ..WrittenFrame::default()
            };
            self.writer.write(&written).map_err(|source| self.wrong(source))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), LabError> {
        self.writer.flush().map_err(|source| self.wrong(source))
    }

    fn wrong(&self, source: crate::capture::CaptureError) -> LabError {
        LabError::Capture { file: self.file.clone(), source }
    }
}

/// Brings the frames of a capture.
fn play(
    stack: &Stack,
    side: Side,
    reader: impl Iterator<Item = Result<CapturedFrame, crate::capture::CaptureError>>,
    timing: Timing,
    shared: &Shared,
) -> Result<(), crate::capture::CaptureError> {
    let mut chain = Vec::new();
    let mut start = None;
    for frame in reader {
        if shared.is_stopping() {
            return Ok(());
        }
        let frame = frame?;
        if timing == Timing::Original {
            let (began, first) = *start.get_or_insert((Instant::now(), frame.time));
            let due = began + frame.time.saturating_sub(first);
            while Instant::now() < due && !shared.is_stopping() {
                thread::sleep(due.duration_since(Instant::now()).min(Duration::from_millis(50)));
            }
        }
        chain.push(frame.bytes);
        if chain.len() == CHAIN || timing == Timing::Original {
            side.bring(stack, std::mem::take(&mut chain));
        }
    }
    if !chain.is_empty() {
        side.bring(stack, chain);
    }
    Ok(())
}

/// Brings what the system sends on a TAP device.
fn listen(stack: &Stack, side: Side, port: &Port) -> Result<(), LabError> {
    let mut buffer = vec![0; LONGEST];
    while let Some((header, bytes)) = port.receive(&mut buffer)? {
        match side {
            Side::Above => side.bring(stack, vec![offload::sent(header, bytes)]),
            Side::Wire => {
                let mut frames = Vec::new();
                offload::on_the_wire(header, bytes, |frame| frames.push(frame));
                side.bring(stack, frames);
            }
        }
    }
    Ok(())
}

/// Takes away what arrives at an end, until nothing more will.
fn drain(
    stack: &Stack,
    side: Side,
    mut sink: Option<Sink>,
    port: Option<&Port>,
    shared: &Shared,
) -> Result<(), LabError> {
    loop {
        let last = shared.drained.load(Ordering::Acquire);
        let frames = side.take(stack);
        if let Some(sink) = &mut sink {
            sink.write(&frames, side == Side::Above)?;
        }
        if let Some(port) = port {
            for frame in &frames {
                let (header, bytes) = match side {
                    Side::Wire => offload::handed_on(frame),
                    Side::Above => (VirtioNetHdr::default(), Cow::Borrowed(&*frame.bytes)),
                };
                port.send(header, &bytes)?;
            }
        }
        if last {
            return sink.map_or(Ok(()), Sink::finish);
        }
        if frames.is_empty() {
            thread::sleep(STEP);
        }
    }
}

use std::time::{Duration, Instant};

use framecastctl::{Adapter, Batch, Directions, Reply, Status, TapOptions, TappedFrame, Transport};
use protocol::{CountersReply, Direction, Request};

use super::frames;
use crate::program::{
    environment::{AnyClient, Environment},
    failure::Failure,
};

/// How long what was sent may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// What checks work with.
pub(super) struct Bench<'e> {
    environment: &'e mut Environment,
    adapter: Adapter,
    target: Option<Adapter>,
    /// Has the tap.
    watcher: AnyClient,
}

type Frames = Vec<TappedFrame<Vec<u8>>>;

impl<'e> Bench<'e> {
    pub(super) fn new(
        environment: &'e mut Environment,
        adapter: Adapter,
        target: Option<Adapter>,
    ) -> Result<Self, Failure> {
        let watcher = environment.another_client()?;
        Ok(Self { environment, adapter, target, watcher })
    }

    pub(super) const fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    pub(super) const fn target(&self) -> Option<&Adapter> {
        self.target.as_ref()
    }

    pub(super) fn client(&self) -> &AnyClient {
        self.environment.client()
    }

    pub(super) const fn watcher(&self) -> &AnyClient {
        &self.watcher
    }

    /// A client with a handle of its own.
    pub(super) fn another_client(&self) -> Result<AnyClient, String> {
        self.environment.another_client().map_err(|failure| failure.to_string())
    }

    /// The lab, if there is one.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(super) const fn host(&self) -> Option<&framecastctl::lab::Host> {
        self.environment.host()
    }

    /// What the driver says of the adapter now.
    pub(super) fn adapter_now(&self) -> Result<Adapter, String> {
        let adapters = self.client().adapters().map_err(text)?;
        let same = adapters.into_iter().find(|adapter| adapter.luid == self.adapter.luid);
        same.ok_or_else(|| "the driver does not list it any more".to_owned())
    }

    pub(super) fn counters(&self) -> Result<CountersReply, String> {
        self.client().counters(Some(self.adapter.luid)).map_err(text)
    }

    /// Makes a request as it is.
    pub(super) fn raw(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        self.client().transport().control(code, input, output_length)
    }

    /// Injects frames, in lists of `list`; gives a status for each.
    pub(super) fn inject(
        &self,
        direction: Direction,
        frames: &[Vec<u8>],
        list: usize,
    ) -> Result<Vec<Status>, String> {
        let mut statuses = Vec::new();
        let mut batch = Batch::new();
        for frame in frames {
            let add = |batch: &mut Batch| {
                let joins = !(batch.len() as usize).is_multiple_of(list);
                if joins { batch.join(frame) } else { batch.push(frame) }
            };
            if add(&mut batch).is_err() {
                statuses.extend(self.inject_batch(direction, &batch)?);
                batch = Batch::new();
                add(&mut batch).map_err(text)?;
            }
        }
        statuses.extend(self.inject_batch(direction, &batch)?);
        Ok(statuses)
    }

    fn inject_batch(&self, direction: Direction, batch: &Batch) -> Result<Vec<Status>, String> {
        let injection = self.client().inject(self.adapter.luid, direction, batch);
        let statuses = injection.map_err(text)?.statuses;
        if statuses.len() == batch.len() as usize {
            Ok(statuses)
        } else {
            Err(format!("{} statuses for {} frames", statuses.len(), batch.len()))
        }
    }

    /// Injects frames, each of which has to be done, and gives what a tap saw of them.
    pub(super) fn inject_seen(
        &self,
        direction: Direction,
        frames: &[Vec<u8>],
        list: usize,
    ) -> Result<Frames, String> {
        self.watch(TapOptions::default(), frames.len(), || {
            let statuses = self.inject(direction, frames, list)?;
            match statuses.iter().zip(frames).find(|(status, _)| !status.is_success()) {
                Some((status, frame)) => Err(format!("a frame of {} bytes: {status}", frame.len())),
                None => Ok(()),
            }
        })
    }

    /// Does something while a tap watches the adapter for frames of the selftest; waits for so
    /// many of them.
    pub(super) fn watch(
        &self,
        options: TapOptions,
        count: usize,
        action: impl FnOnce() -> Result<(), String>,
    ) -> Result<Frames, String> {
        let options = TapOptions { adapters: vec![self.adapter.luid], ..options };
        let mut tap = self.watcher.tap(&options).map_err(text)?;
        action()?;
        let (mut seen, start) = (Vec::new(), Instant::now());
        // Once more than needed: nothing may follow.
        loop {
            let before = seen.len();
            let frames = tap.read().map_err(text)?.filter(|frame| frames::is_ours(frame.bytes));
            seen.extend(frames.map(TappedFrame::to_owned));
            let quiet = seen.len() == before;
            if (seen.len() >= count && quiet) || start.elapsed() > PATIENCE {
                break;
            }
        }
        tap.stop().map_err(text)?;
        Ok(seen)
    }

    /// Sends frames with [`Bench::inject_seen`] and demands that the tap saw just them, as sent.
    pub(super) fn round_trip(
        &self,
        direction: Direction,
        frames: &[Vec<u8>],
        list: usize,
    ) -> Result<(), String> {
        let seen = self.inject_seen(direction, frames, list)?;
        if seen.len() != frames.len() {
            return Err(format!("{} of {} frames were seen", seen.len(), frames.len()));
        }
        for (seen, sent) in seen.iter().zip(frames) {
            if seen.bytes != *sent {
                return Err(format!("a frame of {} bytes came changed or late", sent.len()));
            }
            if !seen.is_ours() || seen.is_received() != (direction == Direction::Receive) {
                return Err("the tap has its direction or its origin wrong".to_owned());
            }
        }
        Ok(())
    }
}

/// Frames of one direction that Framecast did not originate.
pub(super) fn of_others(directions: Directions) -> TapOptions {
    TapOptions { directions, ours: false, ..TapOptions::default() }
}

/// An error as a detail of a table.
pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The control code of a request.
pub(super) const fn code(request: Request) -> u32 {
    request.code()
}

//! Drivers on their adapters, ready to do a case again and again.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use framecastctl::{Batch, Client, Directions, MirrorOptions, TapOptions};
use ndis_lab::{AdapterConfig, Driver, File, Lab, NtStatus, Stack};
use protocol::{Direction, Request, RequestHeader, TapBatch, TapRecord, TapReply};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{Case, Service};

/// A driver on its adapters that does a case.
pub trait Rig: Sync {
    /// The lab that it is in.
    fn lab(&self) -> &Lab;

    /// What it does.
    fn case(&self) -> Case;

    /// Makes ready to do it, as one of the processors that it was made for.
    ///
    /// # Errors
    ///
    /// When the driver has not done what it was to do before.
    fn prepare(&self, _processor: usize) -> Result<()> {
        Ok(())
    }

    /// Does it once, as one of the processors that it was made for.
    ///
    /// # Errors
    ///
    /// When the driver does not do it.
    fn act(&self, processor: usize) -> Result<()>;
}

/// A driver, and the adapters that a case is done on.
struct Stage {
    lab: Lab,
    driver: Driver,
    /// For each processor one, or for mirrors two, of which the second is the target.
    adapters: Vec<Stack>,
    case: Case,
    /// The frames of each processor.
    frames: Vec<Mutex<Vec<Vec<u8>>>>,
}

impl Stage {
    fn new(driver: &Path, case: Case, processors: u8) -> Result<Self> {
        // What is counted takes its time, and much of it on a machine that has other things to do.
        let lab = Lab::builder().patience(Duration::from_hours(1)).build();
        let driver = lab.load(driver)?;
        driver.start().context("the driver does not start")?;
        let adapters = if case.service == Service::Mirror { processors * 2 } else { processors };
        let adapters = (1..=adapters).map(|number| attach(&driver, number, case.length));
        let adapters = adapters.collect::<Result<_>>()?;
        let frames = (0..processors).map(|_| Mutex::new(frames(case))).collect();
        Ok(Self { lab, driver, adapters, case, frames })
    }

    /// The adapter that a processor uses.
    fn adapter(&self, processor: usize) -> &Stack {
        let own = if self.case.service == Service::Mirror { processor * 2 } else { processor };
        &self.adapters[own]
    }

    /// Makes the frames of a processor unlike those before: a mirror takes the same frame again and
    /// again for one that comes back to it.
    fn renew(&self, processor: usize) {
        let mut frames = self.frames[processor].lock().unwrap_or_else(PoisonError::into_inner);
        for number in frames.iter_mut().filter_map(|frame| frame[NUMBER].first_chunk_mut()) {
            *number = (u64::from_le_bytes(*number) + self.case.batch as u64).to_le_bytes();
        }
    }

    /// Lets lists of others pass.
    fn pass(&self, processor: usize) {
        let frames = self.frames[processor].lock().unwrap_or_else(PoisonError::into_inner);
        let adapter = self.adapter(processor);
        if self.case.service == Service::PassUp {
            adapter.indicate_from_below(&*frames, false);
        } else {
            adapter.send_from_above(&*frames);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let verdict = self.driver.unload();
        if !std::thread::panicking() {
            verdict.expect_clean();
        }
    }
}

/// Puts a driver on an adapter that takes frames of a length, as adapters are: with jumbo frames
/// only where they are needed.
fn attach(driver: &Driver, number: u8, length: usize) -> Result<Stack> {
    let mtu = if length > 1514 { 9000 } else { 1500 };
    let config = AdapterConfig { mtu, ..AdapterConfig::numbered(number) };
    let stack = driver.attach(config.with_backfill(256, 64))?;
    stack.start()?;
    stack.set_capture(false);
    Ok(stack)
}

/// Where a frame bears its number: behind the Ethernet header.
const NUMBER: std::ops::Range<usize> = 14..22;

/// The frames of a case, of an EtherType for experiments, each with a number.
fn frames(case: Case) -> Vec<Vec<u8>> {
    let address = AdapterConfig::default().mac;
    let header = [&address[..], &address, &[0x88, 0xB5]].concat();
    let frame = |number: u64| {
        let mut frame = header.clone();
        frame.resize(case.length, 0x5A);
        frame[NUMBER].copy_from_slice(&number.to_le_bytes());
        frame
    };
    (0..case.batch as u64).map(frame).collect()
}

/// Framecast.
pub struct Framecast {
    /// For each processor the handles that it uses: one, or one for each tap.
    clients: Vec<Vec<Client<File>>>,
    /// As many requests as take the frames of the case: one, but for the longest.
    batches: Vec<Batch>,
    // Last: the handles are closed before the driver is unloaded.
    stage: Stage,
}

impl Framecast {
    /// Framecast, from its file.
    ///
    /// # Errors
    ///
    /// When it does not load, or start, or attach, or refuses what the case needs.
    pub fn new(driver: &Path, case: Case, processors: u8) -> Result<Self> {
        let stage = Stage::new(driver, case, processors)?;
        let open = |_| Ok(Client::new(stage.driver.open(r"\\.\Framecast")?));
        let handles = |_| (0..case.taps.max(1)).map(open).collect::<Result<_>>();
        let clients = (0..processors).map(handles).collect::<Result<_>>()?;
        let batches = batches(&frames(case))?;
        let rig = Self { clients, batches, stage };
        for (processor, clients) in rig.clients.iter().enumerate() {
            for client in clients {
                rig.set_up(processor, client)?;
            }
        }
        Ok(rig)
    }

    /// Makes the tap or the mirror of the case.
    fn set_up(&self, processor: usize, client: &Client<File>) -> Result<()> {
        let luid = self.stage.adapter(processor).config().luid;
        match self.stage.case.service {
            Service::Tap | Service::ReadTap => {
                let options = TapOptions {
                    adapters: vec![luid],
                    directions: Directions::Sent,
                    timeout: Some(Duration::ZERO),
                    ..TapOptions::default()
                };
                let (code, room) = (Request::TapStart.code(), size_of::<TapReply>());
                let status = client.transport().control(code, &options.request(), room).status;
                ensure!(status.is_success(), "there is no tap: {status}");
            }
            Service::Mirror => {
                let target = self.stage.adapters[processor * 2 + 1].config().luid;
                client.add_mirror(&MirrorOptions::new(luid, target))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn inject(&self, processor: usize, direction: Direction) -> Result<()> {
        for batch in &self.batches {
            let luid = self.stage.adapter(processor).config().luid;
            let injection = self.clients[processor][0].inject(luid, direction, batch)?;
            ensure!(injection.done() == batch.len() as usize, "frames were not taken");
        }
        Ok(())
    }

    /// Reads all that a tap has copied, in as few reads as take it; how many frames.
    fn read_all(&self, client: &Client<File>) -> Result<usize> {
        let mut frames = 0;
        while frames < self.stage.case.batch {
            match self.read(client)? {
                0 => break,
                more => frames += more,
            }
        }
        Ok(frames)
    }

    /// Reads once; how many frames.
    fn read(&self, client: &Client<File>) -> Result<usize> {
        let Case { batch, length, .. } = self.stage.case;
        let record = (size_of::<TapRecord>() + length).next_multiple_of(8);
        let room = size_of::<TapBatch>() + batch * record;
        let header = RequestHeader::default();
        let read = client.transport().control(Request::TapRead.code(), header.as_bytes(), room);
        ensure!(read.status.is_success(), "the tap is not read: {}", read.status);
        let read = TapBatch::read_from_prefix(&read.output).map(|(batch, _)| batch);
        let Ok(TapBatch { records, dropped, .. }) = read else { bail!("the answer is too short") };
        ensure!(dropped == [0; _], "the tap lost frames: {dropped:?}");
        Ok(records as usize)
    }
}

/// Frames in as few requests as take them.
fn batches(frames: &[Vec<u8>]) -> Result<Vec<Batch>> {
    let mut batches = vec![Batch::new()];
    for frame in frames {
        let full = batches.last_mut().is_none_or(|batch| batch.push(frame).is_err());
        if full {
            let mut batch = Batch::new();
            batch.push(frame)?;
            batches.push(batch);
        }
    }
    Ok(batches)
}

impl Rig for Framecast {
    fn lab(&self) -> &Lab {
        &self.stage.lab
    }

    fn case(&self) -> Case {
        self.stage.case
    }

    fn prepare(&self, processor: usize) -> Result<()> {
        match self.stage.case.service {
            Service::Tap => {
                for client in &self.clients[processor] {
                    let frames = self.read_all(client)?;
                    let all = self.stage.case.batch;
                    // None, before the first time.
                    ensure!(frames == all || frames == 0, "the tap copied {frames} of {all}");
                }
            }
            Service::ReadTap => self.stage.pass(processor),
            Service::Mirror => self.stage.renew(processor),
            _ => {}
        }
        Ok(())
    }

    fn act(&self, processor: usize) -> Result<()> {
        match self.stage.case.service {
            Service::PassDown | Service::PassUp | Service::Tap | Service::Mirror => {
                self.stage.pass(processor);
            }
            Service::Send => self.inject(processor, Direction::Send)?,
            Service::Receive => self.inject(processor, Direction::Receive)?,
            Service::ReadTap => {
                let frames = self.read_all(&self.clients[processor][0])?;
                ensure!(frames == self.stage.case.batch, "{frames} frames were read");
            }
        }
        Ok(())
    }
}

/// The floor: see `tests/filters/floor`.
pub struct Floor {
    stage: Stage,
    /// The frames as it takes them.
    frames: Vec<u8>,
}

impl Floor {
    /// The floor, from its file.
    ///
    /// # Errors
    ///
    /// When it does not load, or start, or attach.
    pub fn new(driver: &Path, case: Case, processors: u8) -> Result<Self> {
        let stage = Stage::new(driver, case, processors)?;
        let mut bytes = Vec::new();
        for frame in frames(case) {
            bytes.extend(frame.len().to_le_bytes());
            bytes.extend(frame);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        let floor = Self { stage, frames: bytes };
        for processor in 0..usize::from(processors) {
            match case.service {
                // As many bytes as there are taps.
                Service::Tap => floor.tell(processor, 1, &vec![0; case.taps]),
                Service::Mirror => floor.tell(processor, 2, &[]),
                _ => {}
            }
        }
        Ok(floor)
    }

    /// Tells it something, as its documentation says.
    fn tell(&self, processor: usize, code: i32, bytes: &[u8]) {
        self.stage.adapter(processor).status_indication(NtStatus(code), bytes);
    }
}

impl Rig for Floor {
    fn lab(&self) -> &Lab {
        &self.stage.lab
    }

    fn case(&self) -> Case {
        self.stage.case
    }

    fn act(&self, processor: usize) -> Result<()> {
        match self.stage.case.service {
            Service::PassDown | Service::PassUp | Service::Tap | Service::Mirror => {
                self.stage.pass(processor);
            }
            Service::Send => self.tell(processor, 3, &self.frames),
            Service::Receive => self.tell(processor, 4, &self.frames),
            Service::ReadTap => bail!("there is no floor for this"),
        }
        Ok(())
    }
}

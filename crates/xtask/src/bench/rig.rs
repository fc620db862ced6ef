//! Drivers on their adapters, ready to do a case again and again.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use framecastctl::{Batch, Client};
use ndis_lab::{AdapterConfig, Driver, File, Lab, NtStatus, Stack};
use protocol::Direction;

use super::{Case, Service};

/// A driver on its adapters that does a case.
pub trait Rig: Sync {
    /// The lab that it is in.
    fn lab(&self) -> &Lab;

    /// Does it once, as one of the processors that it was made for.
    ///
    /// # Errors
    ///
    /// When the driver does not do it.
    fn act(&self, processor: usize) -> Result<()>;

    /// With how many frames.
    fn frames(&self) -> usize;
}

/// A driver, and the adapters that a case is done on: one for each processor.
struct Stage {
    lab: Lab,
    driver: Driver,
    adapters: Vec<Stack>,
    case: Case,
    /// The frames that pass.
    frames: Vec<Vec<u8>>,
}

impl Stage {
    fn new(driver: &Path, case: Case, processors: u8) -> Result<Self> {
        let lab = Lab::default();
        let driver = lab.load(driver)?;
        driver.start().context("the driver does not start")?;
        let adapters = (1..=processors).map(|number| attach(&driver, number));
        let adapters = adapters.collect::<Result<_>>()?;
        Ok(Self { lab, driver, adapters, case, frames: vec![frame(case.length); case.batch] })
    }

    /// Lets lists of others pass.
    fn pass(&self, processor: usize) {
        let adapter = &self.adapters[processor];
        if self.case.service == Service::PassUp {
            adapter.indicate_from_below(&self.frames, false);
        } else {
            adapter.send_from_above(&self.frames);
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

/// Puts a driver on an adapter that takes every frame that is measured.
fn attach(driver: &Driver, number: u8) -> Result<Stack> {
    let config = AdapterConfig { mtu: 9000, ..AdapterConfig::numbered(number) };
    let stack = driver.attach(config.with_backfill(256, 64))?;
    stack.start()?;
    stack.set_capture(false);
    Ok(stack)
}

/// A frame from the adapter to itself, of an EtherType for experiments.
fn frame(length: usize) -> Vec<u8> {
    let address = AdapterConfig::default().mac;
    let mut frame = [&address[..], &address, &[0x88, 0xB5]].concat();
    frame.resize(length, 0x5A);
    frame
}

/// Framecast.
pub struct Framecast {
    /// A handle for each processor.
    clients: Vec<Client<File>>,
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
    /// When it does not load, or start, or attach.
    pub fn new(driver: &Path, case: Case, processors: u8) -> Result<Self> {
        let stage = Stage::new(driver, case, processors)?;
        let open = |_| Ok(Client::new(stage.driver.open(r"\\.\Framecast")?));
        let clients = (0..processors).map(open).collect::<Result<_>>()?;
        let mut batches = vec![Batch::new()];
        for frame in &stage.frames {
            let full = batches.last_mut().is_none_or(|batch| batch.push(frame).is_err());
            if full {
                let mut batch = Batch::new();
                batch.push(frame)?;
                batches.push(batch);
            }
        }
        Ok(Self { clients, batches, stage })
    }

    fn inject(&self, processor: usize, direction: Direction) -> Result<()> {
        for batch in &self.batches {
            let luid = self.stage.adapters[processor].config().luid;
            let injection = self.clients[processor].inject(luid, direction, batch)?;
            ensure!(injection.done() == batch.len() as usize, "frames were not taken");
        }
        Ok(())
    }
}

impl Rig for Framecast {
    fn lab(&self) -> &Lab {
        &self.stage.lab
    }

    fn act(&self, processor: usize) -> Result<()> {
        match self.stage.case.service {
            Service::PassDown | Service::PassUp => {
                self.stage.pass(processor);
                Ok(())
            }
            Service::Send => self.inject(processor, Direction::Send),
            Service::Receive => self.inject(processor, Direction::Receive),
        }
    }

    fn frames(&self) -> usize {
        self.stage.frames.len()
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
        let mut frames = Vec::new();
        for frame in &stage.frames {
            frames.extend(frame.len().to_le_bytes());
            frames.extend(frame);
            frames.resize(frames.len().next_multiple_of(8), 0);
        }
        Ok(Self { stage, frames })
    }

    /// Tells it something, as its documentation says.
    fn tell(&self, processor: usize, code: i32) {
        self.stage.adapters[processor].status_indication(NtStatus(code), &self.frames);
    }
}

impl Rig for Floor {
    fn lab(&self) -> &Lab {
        &self.stage.lab
    }

    fn act(&self, processor: usize) -> Result<()> {
        match self.stage.case.service {
            Service::PassDown | Service::PassUp => self.stage.pass(processor),
            Service::Send => self.tell(processor, 3),
            Service::Receive => self.tell(processor, 4),
        }
        Ok(())
    }

    fn frames(&self) -> usize {
        self.stage.frames.len()
    }
}

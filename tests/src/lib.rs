//! What every story needs: the built driver on a stage, adapters, a client, frames.

pub mod copying;
pub mod packets;

use framecastctl::{Batch, Client, Injection};
use ndis_lab::{
    AdapterConfig, Driver, File, Frame, Lab, LabBuilder, PendingControl, RestartAttributes, Stack,
};
use protocol::{Direction, Request};
use std::{env, path::PathBuf};

/// The name by which programs open the control device.
pub const DEVICE: &str = r"\\.\Framecast";

/// The driver that ships: what `cargo xtask build` left.
#[must_use]
pub fn driver_file() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/driver/x64/framecast.sys");
    env::var_os("FRAMECAST_SYS").map_or_else(|| PathBuf::from(built), PathBuf::from)
}

/// Begins to build the lab of a story: with `FRAMECAST_GUARDED=1` in the environment, memory in it is
/// guarded.
#[must_use]
pub fn lab() -> LabBuilder {
    Lab::builder().guarded_memory(env::var_os(GUARDED).is_some_and(|guarded| guarded == "1"))
}

/// The variable that has stories told in guarded memory.
pub const GUARDED: &str = "FRAMECAST_GUARDED";

/// A lab with the driver in it.
pub struct Stage {
    /// The lab.
    pub lab: Lab,
    /// The driver.
    pub driver: Driver,
}

impl Stage {
    /// A lab with the driver loaded, but not started.
    ///
    /// # Panics
    ///
    /// If there is no driver: `cargo xtask build` makes it.
    #[must_use]
    #[track_caller]
    pub fn unstarted() -> Self {
        Self::in_lab(lab().build())
    }

    /// A lab that remembers this many events, with the driver started.
    ///
    /// # Panics
    ///
    /// If there is no driver, or it does not start.
    #[must_use]
    #[track_caller]
    pub fn remembering(events: usize) -> Self {
        let stage = Self::in_lab(lab().trace_capacity(events).build());
        stage.driver.start().expect("the driver starts");
        stage
    }

    /// The driver loaded in a lab, but not started.
    ///
    /// # Panics
    ///
    /// If there is no driver: `cargo xtask build` makes it.
    #[must_use]
    #[track_caller]
    pub fn in_lab(lab: Lab) -> Self {
        let file = driver_file();
        let driver = match lab.load(&file) {
            Ok(driver) => driver,
            Err(error) => panic!("{}: {error}; cargo xtask build makes it", file.display()),
        };
        Self { lab, driver }
    }

    /// A lab with the driver started.
    ///
    /// # Panics
    ///
    /// If the driver does not start.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let stage = Self::unstarted();
        stage.driver.start().expect("the driver starts");
        stage
    }

    /// An adapter that the driver is attached to, running.
    ///
    /// # Panics
    ///
    /// If the driver does not attach or start.
    #[must_use]
    #[track_caller]
    pub fn adapter(&self, config: AdapterConfig) -> Stack {
        let stack = self.driver.attach(config).expect("the driver attaches");
        stack.start().expect("the module starts");
        stack
    }

    /// A client with a handle of its own.
    ///
    /// # Panics
    ///
    /// If the device does not open.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> Client<File> {
        Client::new(self.driver.open(DEVICE).expect("the device opens"))
    }

    /// Adapters that hold what is sent on them: enough for as many requests as may be under way on a
    /// handle.
    #[must_use]
    pub fn holding_adapters(&self) -> Vec<Stack> {
        let adapters = (1..=5).map(|number| self.adapter(AdapterConfig::numbered(number)));
        adapters.inspect(Stack::hold_sends).collect()
    }

    /// Unloads the driver, which must have kept every rule and left nothing behind.
    #[track_caller]
    pub fn end(self) {
        self.driver.unload().expect_clean();
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

/// The adapter of most stories: 256 bytes of data backfill, 64 of context.
#[must_use]
pub fn roomy() -> AdapterConfig {
    AdapterConfig::numbered(1).with_backfill(256, 64)
}

/// The adapter that copies leave by: it asks for room of its own.
#[must_use]
pub fn second() -> AdapterConfig {
    AdapterConfig::numbered(2).with_backfill(128, 32)
}

/// What `config` says of itself at a restart, to be changed.
#[must_use]
pub fn attributes(config: &AdapterConfig) -> RestartAttributes {
    RestartAttributes::of(config)
}

/// A frame of `length` bytes, unlike others of another `number`: from the adapter of
/// documentation, of an `EtherType` for experiments.
#[must_use]
pub fn frame(number: usize, length: usize) -> Vec<u8> {
    let header = [2, 0, 0x5E, 0x10, 0, 2, 2, 0, 0x5E, 0x10, 0, 1, 0x88, 0xB5];
    let payload = (0..).map(|at: usize| (at * 7 + number * 13).to_le_bytes()[0]);
    header.into_iter().chain(payload).take(length).collect()
}

/// Frames of `length` bytes, each unlike the others.
#[must_use]
pub fn frames(count: usize, length: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| frame(number, length)).collect()
}

/// The bytes of frames as they left at one end of a stack.
#[must_use]
pub fn bytes_of(frames: &[Frame]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.bytes.clone()).collect()
}

/// A frame with an 802.1Q tag, of `length` bytes together.
#[must_use]
pub fn tagged_frame(number: usize, length: usize) -> Vec<u8> {
    let mut frame = frame(number, length - 4);
    frame.splice(12..12, [0x81, 0x00, 0x00, 0x64]);
    frame
}

/// Frames in a batch, each with a list of its own.
///
/// # Panics
///
/// If they do not fit a batch.
#[must_use]
#[track_caller]
pub fn batch<F: AsRef<[u8]>>(frames: impl IntoIterator<Item = F>) -> Batch {
    let mut batch = Batch::new();
    for frame in frames {
        batch.push(frame.as_ref()).expect("the frames fit a batch");
    }
    batch
}

/// Frames in a batch, in lists of `list` frames.
///
/// # Panics
///
/// If they do not fit a batch.
#[must_use]
#[track_caller]
pub fn joined_batch<F: AsRef<[u8]>>(frames: impl IntoIterator<Item = F>, list: usize) -> Batch {
    let mut batch = Batch::new();
    for (number, frame) in frames.into_iter().enumerate() {
        let frame = frame.as_ref();
        let added = if number % list == 0 { batch.push(frame) } else { batch.join(frame) };
        added.expect("the frames fit a batch");
    }
    batch
}

/// Injects without waiting for the answer.
pub fn inject_pending(
    client: &Client<File>,
    luid: u64,
    direction: Direction,
    batch: &Batch,
) -> PendingControl {
    client.transport().control_pending(
        Request::Inject.code(),
        &batch.request(luid, direction),
        Injection::output_length(batch.len()),
    )
}

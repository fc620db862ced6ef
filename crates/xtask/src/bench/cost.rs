//! What a case costs a driver.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use ndis_lab::{Counters, Instructions};
use serde::Serialize;

use super::{Case, Rig};

/// What a call of the kernel or of NDIS is charged, in instructions, and of how many bytes a copy
/// moves one.
///
/// The lab's calls are not the kernel's: they check more than they do, and would hide what the
/// driver itself costs. A hundred is less than NDIS takes to allocate a list, and more than the
/// kernel takes to acquire a spin lock that nobody holds.
pub(super) const CALL: u64 = 100;
const MOVED: u64 = 16;

/// How often a case is done before it is measured: pools grow, and code and data get near.
const WARM_UPS: usize = 3;

/// What a case costs a driver, once for all of its frames.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// Frames.
    pub frames: u64,
    /// Instructions of the driver's image.
    pub instructions: u64,
    /// Calls of the kernel and of NDIS, by name.
    pub calls: BTreeMap<String, u64>,
    /// Bytes that the driver had the kernel copy.
    pub bytes_copied: u64,
    /// Memory taken from the system.
    pub allocations: u64,
    /// Instructions by their offset in the image.
    #[serde(skip)]
    pub by_offset: BTreeMap<u32, u64>,
}

impl Cost {
    /// Counts what a rig executes for its case in a steady state.
    ///
    /// # Errors
    ///
    /// When the driver does not do it: as many frames as the case has pass, or are originated.
    pub fn count(rig: &dyn Rig) -> Result<Self> {
        for _ in 0..WARM_UPS {
            rig.prepare(0)?;
            rig.act(0)?;
        }
        rig.prepare(0)?;
        let before = rig.lab().counters();
        let (result, instructions) = rig.lab().count_instructions(|| rig.act(0));
        result?;
        let after = rig.lab().counters();
        let Case { service, batch, .. } = rig.case();
        let (done, expected) = (moved(&after) - moved(&before), batch as u64 * service.moves());
        ensure!(done == expected, "{service}: {done} lists went on their way, not {expected}");
        let allocations = after.system_allocations - before.system_allocations;
        Ok(Self::new(batch, &instructions, allocations))
    }

    fn new(frames: usize, instructions: &Instructions, allocations: u64) -> Self {
        Self {
            frames: frames as u64,
            instructions: instructions.count(),
            calls: instructions.calls().clone(),
            bytes_copied: instructions.bytes_copied(),
            allocations,
            by_offset: instructions.by_offset().clone(),
        }
    }

    /// Calls of the kernel and of NDIS.
    #[must_use]
    pub fn call_count(&self) -> u64 {
        self.calls.values().sum()
    }

    /// All of it in instructions: the image's own, each call at [`CALL`], and the bytes copied.
    #[must_use]
    pub fn charged(&self) -> u64 {
        self.instructions + self.call_count() * CALL + self.bytes_copied / MOVED
    }

    /// How many times the cost of another this is.
    #[must_use]
    pub fn ratio(&self, floor: &Self) -> f64 {
        self.per_frame(self.charged()) / floor.per_frame(floor.charged())
    }

    /// A number of the whole case, for one frame.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^52")]
    pub fn per_frame(&self, number: u64) -> f64 {
        number as f64 / self.frames as f64
    }
}

/// Lists that the filter passed on or originated.
fn moved(counters: &Counters) -> u64 {
    counters.forwarded_sends
        + counters.forwarded_receives
        + counters.originated_sends
        + counters.originated_receives
}

//! How long a case takes.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::Rig;

/// How long a case is timed, in so many parts of which the fastest counts.
const TIMED: Duration = Duration::from_millis(200);
const PARTS: u32 = 10;

/// Nanoseconds that a frame takes in the lab, with all that the lab checks, while so many
/// processors of a rig do its case at the same time.
///
/// # Errors
///
/// When the driver does not do it.
pub(super) fn nanoseconds(rig: &dyn Rig, processors: usize) -> Result<f64> {
    let once = act(rig, 0, 1)?.max(Duration::from_nanos(1));
    let turns = u32::try_from((TIMED / PARTS).as_nanos() / once.as_nanos())?.max(1);
    let mut fastest = Duration::MAX;
    for _ in 0..PARTS {
        fastest = fastest.min(act_together(rig, processors, turns)?);
    }
    let frames = f64::from(turns) * f64::from(u32::try_from(rig.case().batch * processors)?);
    Ok(fastest.as_secs_f64() * 1e9 / frames)
}

/// How long the slowest of the processors takes.
fn act_together(rig: &dyn Rig, processors: usize, turns: u32) -> Result<Duration> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..processors)
            .map(|processor| scope.spawn(move || act(rig, processor, turns)))
            .collect();
        let mut slowest = act(rig, 0, turns)?;
        for other in others {
            let Ok(took) = other.join() else { bail!("a processor stopped") };
            slowest = slowest.max(took?);
        }
        Ok(slowest)
    })
}

/// How long one processor takes, without what it prepares.
fn act(rig: &dyn Rig, processor: usize, turns: u32) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for _ in 0..turns {
        rig.prepare(processor)?;
        let start = Instant::now();
        rig.act(processor)?;
        took += start.elapsed();
    }
    Ok(took)
}

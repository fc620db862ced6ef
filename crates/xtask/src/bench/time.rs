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
    let start = Instant::now();
    rig.act(0)?;
    let once = start.elapsed().max(Duration::from_nanos(1));
    let turns = u32::try_from((TIMED / PARTS).as_nanos() / once.as_nanos())?.max(1);
    let mut fastest = Duration::MAX;
    for _ in 0..PARTS {
        let start = Instant::now();
        thread::scope(|scope| {
            let act = |processor| move || (0..turns).try_for_each(|_| rig.act(processor));
            let others: Vec<_> = (1..processors).map(|number| scope.spawn(act(number))).collect();
            let mut result = act(0)();
            for other in others {
                result = result.and(other.join().unwrap_or_else(|_| bail!("a processor stopped")));
            }
            result
        })?;
        fastest = fastest.min(start.elapsed());
    }
    let frames = f64::from(turns) * f64::from(u32::try_from(rig.frames() * processors)?);
    Ok(fastest.as_secs_f64() * 1e9 / frames)
}

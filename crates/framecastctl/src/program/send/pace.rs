use std::time::Duration;

/// When frames leave.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct PaceArguments {
    /// With the pauses that the capture has between them (the default)
    #[arg(long)]
    original: bool,
    /// So many frames a second
    #[arg(long, value_name = "FRAMES", value_parser = rate)]
    pps: Option<f64>,
    /// So many millions of bits a second
    #[arg(long, value_name = "MEGABITS", value_parser = rate)]
    mbps: Option<f64>,
    /// As fast as the driver takes them
    #[arg(long)]
    fast: bool,
}

/// Tells when each frame leaves.
#[derive(Debug)]
pub(super) struct Pace {
    kind: Kind,
    frames: u64,
    bytes: u64,
    /// The pass of the frame before, and where its capture's time began.
    pass: Option<(u64, Duration)>,
    /// When the frame before was due.
    last: Duration,
    /// When the pass began.
    base: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// As in the capture.
    Original,
    /// Frames a second.
    Frames(f64),
    /// Bits a second.
    Bits(f64),
    Fast,
}

/// Reads a rate.
fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    if rate.is_finite() && rate > 0.0 {
        Ok(rate)
    } else {
        Err("it has to be more than nothing".to_owned())
    }
}

impl Pace {
    pub(super) fn new(arguments: PaceArguments) -> Self {
        let PaceArguments { pps, mbps, fast, original: _ } = arguments;
        let kind = match (pps, mbps) {
            (Some(rate), _) => Kind::Frames(rate),
            (_, Some(rate)) => Kind::Bits(rate * 1e6),
            _ if fast => Kind::Fast,
            _ => Kind::Original,
        };
        Self { kind, frames: 0, bytes: 0, pass: None, last: Duration::ZERO, base: Duration::ZERO }
    }

    /// When the next frame is due, since the start: one of so many bytes that was captured at `time`.
    pub(super) fn due(&mut self, time: Duration, pass: u64, bytes: usize) -> Duration {
        let after = self.after(time, pass);
        self.frames += 1;
        self.bytes += bytes as u64;
        self.last = after;
        after
    }

    fn after(&mut self, time: Duration, pass: u64) -> Duration {
        // Rates are far from where an f64 is no longer exact to the nanosecond.
        #[allow(clippy::cast_precision_loss, reason = "as above")]
        let per = |count: u64, rate: f64| {
            Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(Duration::MAX)
        };
        match self.kind {
            Kind::Fast => Duration::ZERO,
            Kind::Frames(rate) => per(self.frames, rate),
            Kind::Bits(rate) => per(self.bytes * 8, rate),
            Kind::Original => {
                let first = match self.pass {
                    Some((same, first)) if same == pass => first,
                    _ => {
                        // Each pass begins where the one before ended.
                        self.base = self.last;
                        self.pass = Some((pass, time));
                        time
                    }
                };
                // A capture whose frames are out of order in time does not go back in it.
                self.last.max(self.base + time.saturating_sub(first))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When frames of 125 bytes that were captured at these milliseconds leave, in milliseconds.
    fn dues(mut pace: Pace, frames: &[(u64, u64)]) -> Vec<u128> {
        let due = |&(time, pass): &(u64, u64)| {
            pace.due(Duration::from_millis(time), pass, 125).as_millis()
        };
        frames.iter().map(due).collect()
    }

    fn pace(pps: Option<f64>, mbps: Option<f64>, fast: bool) -> Pace {
        Pace::new(PaceArguments { original: false, pps, mbps, fast })
    }

    #[test]
    fn frames_keep_the_distance_that_they_had() {
        let frames = [(1000, 0), (1010, 0), (1005, 0), (1040, 0), (1000, 1), (1010, 1)];
        assert_eq!(dues(pace(None, None, false), &frames), [0, 10, 10, 40, 40, 50]);
    }

    #[test]
    fn rates_are_of_frames_or_of_bits() {
        let frames = [(0, 0); 4];
        assert_eq!(dues(pace(Some(100.0), None, false), &frames), [0, 10, 20, 30]);
        assert_eq!(dues(pace(None, Some(0.01), false), &frames), [0, 100, 200, 300]);
        assert_eq!(dues(pace(None, None, true), &frames), [0, 0, 0, 0]);
    }

    #[test]
    fn a_rate_is_more_than_nothing() {
        for text in ["0", "-1", "inf", "nan", "x", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(rate("0.5"), Ok(0.5));
    }
}

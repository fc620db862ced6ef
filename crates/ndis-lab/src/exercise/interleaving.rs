//! What decides in which order the actors of a story act.

use std::fmt;
use std::str::FromStr;

use crate::schedule::Strategy;

/// What decides in which order the actors of a story act.
///
/// It is written as `mixed`, `free`, `random`, `pct` or, with a depth, `pct5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interleaving {
    /// Each in turn: every third seed runs free, the others under either strategy.
    #[default]
    Mixed,
    /// The system: actors are ordinary threads, which also meet between two calls of the driver.
    Free,
    /// The seed: each call of the driver is a scheduling point, and the story replays exactly.
    Scheduled(Strategy),
}

/// How often a running thread falls under PCT, unless chosen.
const DEPTH: u32 = 3;

impl Interleaving {
    /// What decides the story of a seed: a strategy, or the system.
    pub(crate) fn of(self, seed: u64) -> Option<Strategy> {
        match (self, seed % 3) {
            (Self::Scheduled(strategy), _) => Some(strategy),
            (Self::Free, _) | (Self::Mixed, 0) => None,
            (Self::Mixed, 1) => Some(Strategy::RandomWalk),
            (Self::Mixed, _) => Some(Strategy::Pct { depth: DEPTH }),
        }
    }
}

impl fmt::Display for Interleaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mixed => f.write_str("mixed"),
            Self::Free => f.write_str("free"),
            Self::Scheduled(Strategy::RandomWalk) => f.write_str("random"),
            Self::Scheduled(Strategy::Pct { depth }) => write!(f, "pct{depth}"),
        }
    }
}

/// What is no [`Interleaving`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of mixed, free, random, pct and, with a depth, pct5")]
pub struct NoInterleaving(String);

impl FromStr for Interleaving {
    type Err = NoInterleaving;

    fn from_str(text: &str) -> Result<Self, NoInterleaving> {
        let depth = |text: &str| match text.strip_prefix("pct")? {
            "" => Some(DEPTH),
            digits => digits.parse().ok(),
        };
        match text {
            "mixed" => Ok(Self::Mixed),
            "free" => Ok(Self::Free),
            "random" => Ok(Self::Scheduled(Strategy::RandomWalk)),
            other => depth(other)
                .map(|depth| Self::Scheduled(Strategy::Pct { depth }))
                .ok_or_else(|| NoInterleaving(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Interleaving;
    use crate::schedule::Strategy;

    #[test]
    fn every_interleaving_is_read_as_it_is_written() {
        for text in ["mixed", "free", "random", "pct3", "pct12"] {
            let read: Interleaving = text.parse().expect("an interleaving");
            assert_eq!(read.to_string(), text);
        }
        assert_eq!("pct".parse(), "pct3".parse::<Interleaving>());
        for text in ["", "walk", "pct-1", "pctx"] {
            assert!(text.parse::<Interleaving>().is_err(), "{text}");
        }
    }

    #[test]
    fn mixed_seeds_take_every_way_in_turn() {
        let ways: Vec<_> = (1..=3).map(|seed| Interleaving::Mixed.of(seed)).collect();
        let pct = Strategy::Pct { depth: 3 };
        assert_eq!(ways, [Some(Strategy::RandomWalk), Some(pct), None]);
    }
}

use super::bench::Bench;

/// Something that the driver should do.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Says why it failed as its error.
    pub(super) run: fn(&mut Bench<'_>) -> Result<Outcome, String>,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With what was seen.
    Passed(String),
    /// With what was seen instead.
    Failed(String),
    /// With what it would take.
    NotRun(String),
}

impl Outcome {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "FAILED",
            Self::NotRun(_) => "not run",
        }
    }

    pub(super) fn detail(&self) -> &str {
        match self {
            Self::Passed(detail) | Self::Failed(detail) | Self::NotRun(detail) => detail,
        }
    }
}

/// Fails a check with a message where something does not hold.
macro_rules! demand {
    ($holds:expr, $($message:tt)*) => {
        if !$holds {
            return Err(format!($($message)*));
        }
    };
}
pub(super) use demand;

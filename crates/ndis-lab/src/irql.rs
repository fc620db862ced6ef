//! The interrupt request level of a virtual processor.

use std::cell::Cell;
use std::fmt;

use crate::guest::Plain;

/// An interrupt request level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Irql(pub u8);

impl Irql {
    /// Ordinary threads.
    pub const PASSIVE: Self = Self(0);
    /// Asynchronous procedure calls are held off.
    pub const APC: Self = Self(1);
    /// The scheduler is held off: spin locks, deferred procedure calls.
    pub const DISPATCH: Self = Self(2);
    /// Any level: the limit of calls that have none.
    pub const HIGH: Self = Self(15);
}

impl fmt::Display for Irql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PASSIVE => f.write_str("PASSIVE_LEVEL"),
            Self::APC => f.write_str("APC_LEVEL"),
            Self::DISPATCH => f.write_str("DISPATCH_LEVEL"),
            Self(level) => write!(f, "IRQL {level}"),
        }
    }
}

#[expect(unsafe_code, reason = "marks a plain integer")]
// SAFETY: one integer.
unsafe impl Plain for Irql {}

thread_local! {
    static CURRENT: Cell<Irql> = const { Cell::new(Irql::PASSIVE) };
}

/// The level of this thread, which is a virtual processor.
pub(crate) fn current() -> Irql {
    CURRENT.get()
}

/// Sets the level of this thread and returns the one before.
pub(crate) fn replace(level: Irql) -> Irql {
    CURRENT.replace(level)
}

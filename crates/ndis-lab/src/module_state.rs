//! The states of a filter module.

use std::fmt;

/// Where a filter module is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModuleState {
    /// FilterAttach runs. Entered from nothing.
    Attaching,
    /// Attached, not passing data. Entered from Attaching, Pausing, Restarting.
    Paused,
    /// FilterRestart has begun and not completed. Entered from Paused.
    Restarting,
    /// Passing data. Entered from Restarting.
    Running,
    /// FilterPause has begun and not completed. Entered from Running.
    Pausing,
    /// Gone. Entered from Paused and from Attaching.
    Detached,
}

impl fmt::Display for ModuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

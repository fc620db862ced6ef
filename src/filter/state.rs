//! The states of a filter module, as NDIS has them.

/// The state of a filter module. A module that is detached is no more.
///
/// ```text
///             attached            restart              restarted
/// Attaching ──────────► Paused ──────────► Restarting ──────────► Running
///                         ▲  ▲                 │                     │
///                         │  └─────────────────┘                     │ pause
///                         │        failed                            ▼
///                         └───────────────────────────────────── Pausing
///                                       paused
/// ```
///
/// Follows "Module States of a Filter Driver" and "Filter Module States and Operations".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In FilterAttach. The first state.
    Attaching,
    /// Nothing passes. Entered from `Attaching`, `Restarting` and `Pausing`.
    Paused,
    /// In FilterRestart. Entered from `Paused`.
    Restarting,
    /// Everything passes, and frames can be originated. Entered from `Restarting`.
    Running,
    /// Waits for what is under way. Entered from `Running`.
    Pausing,
}

/// What makes a module change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// FilterAttach succeeds.
    Attached,
    /// NDIS calls FilterRestart.
    Restart,
    /// FilterRestart succeeds.
    Restarted,
    /// FilterRestart fails.
    RestartFailed,
    /// NDIS calls FilterPause.
    Pause,
    /// Nothing is under way any more.
    Drained,
}

impl State {
    /// The state after `event`, if the event is possible in this one.
    #[must_use]
    pub const fn on(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Attaching, Event::Attached)
            | (Self::Restarting, Event::RestartFailed)
            | (Self::Pausing, Event::Drained) => Some(Self::Paused),
            (Self::Paused, Event::Restart) => Some(Self::Restarting),
            (Self::Restarting, Event::Restarted) => Some(Self::Running),
            (Self::Running, Event::Pause) => Some(Self::Pausing),
            _ => None,
        }
    }
}

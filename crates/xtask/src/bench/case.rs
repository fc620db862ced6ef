//! What is measured.

use std::fmt;

use serde::{Serialize, Serializer};

/// What the drivers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Lists from above go down, and their completions up.
    PassDown,
    /// Lists from below go up, and come back down.
    PassUp,
    /// Frames are sent to the network.
    Send,
    /// Frames are indicated to the protocols.
    Receive,
    /// Sends that pass are copied for taps.
    Tap,
    /// A program reads what its tap has copied.
    ReadTap,
    /// Sends that pass are copied and sent on another adapter.
    Mirror,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 7] = [
        Self::PassDown,
        Self::PassUp,
        Self::Send,
        Self::Receive,
        Self::Tap,
        Self::ReadTap,
        Self::Mirror,
    ];

    /// Whether it costs as much for any number of frames of any length.
    #[must_use]
    pub const fn only_passes(self) -> bool {
        matches!(self, Self::PassDown | Self::PassUp)
    }

    /// Whether there is a floor for it: the program that reads a tap has copied its frames already.
    #[must_use]
    pub const fn has_floor(self) -> bool {
        !matches!(self, Self::ReadTap)
    }

    /// Whether taps are there for it.
    const fn taps(self) -> bool {
        matches!(self, Self::Tap | Self::ReadTap)
    }

    /// How often a list of the case is passed on or originated.
    pub(super) const fn moves(self) -> u64 {
        match self {
            Self::PassDown | Self::PassUp | Self::Send | Self::Receive | Self::Tap => 1,
            Self::ReadTap => 0,
            Self::Mirror => 2,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PassDown => "idle, sends",
            Self::PassUp => "idle, receives",
            Self::Send => "inject to the network",
            Self::Receive => "inject to the protocols",
            Self::Tap => "tap",
            Self::ReadTap => "tap, when it is read",
            Self::Mirror => "mirror",
        })
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One case: a service, with frames of one length in one chain or one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Case {
    /// What is done.
    pub service: Service,
    /// With how many frames at once.
    pub batch: usize,
    /// Bytes of each frame, from the Ethernet header on, without frame check sequence.
    pub length: usize,
    /// For how many taps it is copied.
    pub taps: usize,
}

/// Frames at once.
const BATCHES: [usize; 3] = [1, 32, 256];

/// Bytes of a frame.
const LENGTHS: [usize; 3] = [60, 1514, 9014];

/// Taps beyond one, at 32 frames of 1514 bytes.
const TAPS: [usize; 3] = [2, 4, 8];

impl Case {
    /// The case that the aims are about: 32 frames of 1514 bytes.
    #[must_use]
    pub const fn usual(service: Service) -> Self {
        Self { service, batch: 32, length: 1514, taps: service.taps() as usize }
    }

    /// Whether this is the case that the aims are about.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::usual(self.service)
    }

    /// Every case of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |service: Service| {
            // What only passes is not looked at: its length does not matter.
            let lengths = if service.only_passes() { &LENGTHS[1..2] } else { &LENGTHS };
            BATCHES.into_iter().flat_map(move |batch| {
                let usual = Self::usual(service);
                lengths.iter().map(move |&length| Self { batch, length, ..usual })
            })
        };
        let more = TAPS.map(|taps| Self { taps, ..Self::usual(Service::Tap) });
        // A mirror has buffers for some dozens of the longest frames at once, and waits for none.
        let fits =
            |case: &Self| case.service != Service::Mirror || case.batch * case.length < 1 << 20;
        Service::ALL.into_iter().flat_map(of).filter(fits).chain(more)
    }
}

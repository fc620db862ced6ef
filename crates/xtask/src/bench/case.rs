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
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::PassDown, Self::PassUp, Self::Send, Self::Receive];

    /// Whether it costs as much for any number of frames of any length.
    #[must_use]
    pub const fn only_passes(self) -> bool {
        matches!(self, Self::PassDown | Self::PassUp)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PassDown => "idle, sends",
            Self::PassUp => "idle, receives",
            Self::Send => "inject to the network",
            Self::Receive => "inject to the protocols",
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
}

/// Frames at once.
const BATCHES: [usize; 3] = [1, 32, 256];

/// Bytes of a frame.
const LENGTHS: [usize; 3] = [60, 1514, 9014];

impl Case {
    /// The case that the aims are about: 32 frames of 1514 bytes.
    #[must_use]
    pub const fn usual(service: Service) -> Self {
        Self { service, batch: 32, length: 1514 }
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
                lengths.iter().map(move |&length| Self { service, batch, length })
            })
        };
        Service::ALL.into_iter().flat_map(of)
    }
}

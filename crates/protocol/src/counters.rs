use crate::RequestHeader;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What the driver counts.
///
/// A frame that was accepted for injection ends in exactly one of `Sent`, `Indicated` and the
/// reasons that start with `Refused` or `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Injected frames that the drivers below completed with success.
    Sent,
    /// Injected frames that the drivers above returned.
    Indicated,
    /// Bytes of the frames under `Sent` and `Indicated`.
    Bytes,
    /// Frames shorter than a link-layer header or longer than the adapter takes.
    RefusedLength,
    /// Frames that found the adapter not running, or that its pause overtook.
    RefusedPaused,
    /// Frames for which NDIS had no memory.
    RefusedResources,
    /// Frames whose request was cancelled before they left.
    RefusedCancelled,
    /// Frames that the drivers below completed with another status than success.
    FailedBelow,
    /// Requests that were malformed, for no adapter, or beyond a limit.
    BadRequests,
    /// Passing sends that were completed because the module was not running.
    SendsRejectedPaused,
    /// Passing receives that were returned because the module was not running.
    ReceivesRejectedPaused,
    /// Frames of this adapter that were copied to taps: once for each tap.
    Tapped,
    /// Frames of this adapter that a tap could not copy.
    TapDropped,
    /// Copies for mirrors that the drivers below this adapter sent.
    MirrorSent,
    /// Frames that a mirror did not send: on the adapter whose frames they are, or, where the
    /// drivers below failed them, on the one that was to send them.
    MirrorDropped,
    /// Mirrors that were refused because their frames would have come back.
    MirrorLoopsRefused,
}

/// How many counters there are.
pub const COUNTERS: usize = Reason::ALL.len();

impl Reason {
    /// Every reason, in the order of [`CountersReply::values`].
    pub const ALL: [Self; 16] = [
        Self::Sent,
        Self::Indicated,
        Self::Bytes,
        Self::RefusedLength,
        Self::RefusedPaused,
        Self::RefusedResources,
        Self::RefusedCancelled,
        Self::FailedBelow,
        Self::BadRequests,
        Self::SendsRejectedPaused,
        Self::ReceivesRejectedPaused,
        Self::Tapped,
        Self::TapDropped,
        Self::MirrorSent,
        Self::MirrorDropped,
        Self::MirrorLoopsRefused,
    ];

    /// The place of this counter in [`CountersReply::values`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The input of [`Request::Counters`](crate::Request::Counters).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct CountersRequest {
    /// Version.
    pub header: RequestHeader,
    /// The adapter; zero for the sum over the driver's life, adapters that are gone included.
    pub luid: u64,
}

/// The answer to [`Request::Counters`](crate::Request::Counters).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable,
)]
#[repr(C)]
pub struct CountersReply {
    /// One value for each [`Reason`], in the order of [`Reason::ALL`].
    pub values: [u64; COUNTERS],
}

impl CountersReply {
    /// The value of one counter.
    #[must_use]
    pub fn get(&self, reason: Reason) -> u64 {
        self.values.get(reason.index()).copied().unwrap_or_default()
    }
}

use thiserror::Error;

/// Why a frame cannot be told as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum WireError {
    /// It is longer than the target takes, and not a TCP segment that was left to be cut.
    #[error("the frame is longer than the target takes")]
    TooLong,
    /// It was left to be cut and is longer than the target takes, but its headers do not say how:
    /// they are malformed, longer than [`HEADER_LIMIT`](crate::HEADER_LIMIT), or of other protocols.
    #[error("the frame was to be segmented, and its headers are not what that needs")]
    Malformed,
    /// [`Source::read`](crate::Source::read) could not reach its bytes.
    #[error("the bytes of the frame cannot be read")]
    Unreadable,
}

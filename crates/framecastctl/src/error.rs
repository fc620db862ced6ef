use crate::Status;
use protocol::Request;

/// Why a request to the driver failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The driver refused it.
    #[error("{request:?} failed: {status}")]
    Refused {
        /// What was asked.
        request: Request,
        /// What the driver said.
        status: Status,
    },
    /// The answer is not what the protocol says.
    #[error("the driver's answer to {0:?} is malformed; are driver and program of one version?")]
    Malformed(Request),
}

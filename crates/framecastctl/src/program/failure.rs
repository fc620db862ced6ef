use std::{io, path::PathBuf};

use framecastctl::{Error, FilterError, SelectError, capture::CaptureError};

/// Why the program did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It did all of it, and has said what was not well.
    #[error("")]
    Said,
    /// Arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A capture cannot be read or written.
    #[error("{}: {source}", file.display())]
    Capture { file: PathBuf, source: CaptureError },
    /// Another file cannot be.
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    /// What was to be printed cannot be.
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Request(#[from] Error),
    /// There is no driver here.
    #[cfg(not(windows))]
    #[error(
        "there is no Framecast driver on this system; with --lab the driver runs in ndis-lab, on \
         x86-64 Linux"
    )]
    NoDevice,
    /// There is no lab here.
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    #[error("ndis-lab runs on x86-64 Linux; leave --lab out to use the driver that is installed")]
    NoLab,
    #[cfg(windows)]
    #[error(transparent)]
    Open(#[from] framecastctl::OpenError),
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[error(transparent)]
    Lab(#[from] framecastctl::lab::LabError),
}

impl Failure {
    /// What is to be said about it, if it has not been.
    pub(super) fn message(&self) -> Option<String> {
        match self {
            Self::Said => None,
            other => Some(other.to_string()),
        }
    }

    /// Whether the reader of what was to be written is gone.
    pub(super) fn is_broken_pipe(&self) -> bool {
        let kind = match self {
            Self::Capture { source: CaptureError::Io(error), .. }
            | Self::Output(error)
            | Self::File { source: error, .. } => error.kind(),
            _ => return false,
        };
        kind == io::ErrorKind::BrokenPipe
    }

    pub(super) fn exit_status(&self) -> i32 {
        match self {
            Self::Said => 1,
            Self::Usage(_)
            | Self::Select(_)
            | Self::Filter(_)
            | Self::Capture { .. }
            | Self::File { .. }
            | Self::Output(_) => 2,
            Self::Request(_) => 4,
            #[cfg(not(windows))]
            Self::NoDevice => 3,
            #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
            Self::NoLab => 2,
            #[cfg(windows)]
            Self::Open(_) => 3,
            #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
            Self::Lab(error) => match error {
                framecastctl::lab::LabError::Rules(_) => 1,
                framecastctl::lab::LabError::NoDriver(_)
                | framecastctl::lab::LabError::Load(_)
                | framecastctl::lab::LabError::Step { .. } => 3,
                _ => 2,
            },
        }
    }
}

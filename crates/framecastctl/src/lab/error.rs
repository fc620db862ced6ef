use std::{io, path::PathBuf};

use ndis_lab::{NtStatus, Verdict};

use crate::capture::CaptureError;

/// Why an adapter is not described so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A part of the description is no pair.
    #[error("'{0}' has to be KEY=VALUE")]
    NotAPair(String),
    /// There is no such key.
    #[error("adapters have no '{0}'; they have {known}", known = super::adapter_spec::KEYS.join(", "))]
    UnknownKey(String),
    /// A value is not what its key takes.
    #[error("'{value}' is no {key}; {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
}

/// Why the lab did not do it.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The driver is not there.
    #[error("there is no driver {}; 'cargo xtask build' makes it, or name one with --driver", .0.display())]
    NoDriver(PathBuf),
    /// The lab cannot load the driver.
    #[error(transparent)]
    Load(#[from] ndis_lab::LoadError),
    /// The driver refused something of its life.
    #[error("the driver failed to {step}: {status}")]
    Step {
        /// What it failed to do.
        step: String,
        /// How.
        status: NtStatus,
    },
    /// A configuration is not one.
    #[error("{}: {message}", file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A capture that an end is fed from or written to cannot be used.
    #[error("{}: {source}", file.display())]
    Capture {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: CaptureError,
    },
    /// A TAP device cannot be made or used.
    #[error("the TAP device '{name}': {source}; it takes root, or a user namespace of one's own")]
    Tap {
        /// The device, and its network namespace.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// The driver broke rules, or left something behind.
    #[error("the driver broke rules\n{0}")]
    Rules(Box<Verdict>),
}

impl LabError {
    /// Says at which step of the driver's life a status came.
    pub(crate) fn at(step: impl Into<String>) -> impl FnOnce(NtStatus) -> Self {
        let step = step.into();
        |status| Self::Step { step, status }
    }
}

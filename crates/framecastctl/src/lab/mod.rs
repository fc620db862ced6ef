//! The driver at work in ndis-lab, on x86-64 Linux: adapters, the networks below them and the host
//! above them.
//!
//! A [`Host`] runs the built driver, byte for byte the one that is installed on Windows, on the
//! adapters that [`AdapterSpec`]s describe. Their two ends, the wire and the host's protocols, are
//! fed from capture files, written to capture files, or connected to TAP devices; see
//! [`EndSpec`].

mod adapter_spec;
mod config;
mod device;
mod driver_file;
mod end_spec;
mod error;
mod host;
mod offload;
mod port;
mod traffic;

pub use adapter_spec::AdapterSpec;
pub use config::Config;
pub use device::Device;
pub use driver_file::driver_file;
pub use end_spec::{EndSpec, Hardware, TapSpec, Timing};
pub use error::{LabError, SpecError};
pub use host::Host;

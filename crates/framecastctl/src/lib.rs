//! Talks to the Framecast driver: which adapters it serves, what it counted, frames for it to
//! originate, frames that it copies for a program, and adapters that it mirrors.
//!
//! A [`Client`] makes the requests of [`protocol`] over a [`Transport`]: the driver's control
//! device, wherever it is. On Windows that is `Device`, the device of the driver that is
//! installed. On x86-64 Linux it is a file in ndis-lab, where the same driver runs; [`lab`] sets
//! that up, and the examples of this documentation run there.
//!
//! ```
//! use framecastctl::{Batch, Client, lab};
//! use protocol::Direction;
//!
//! let lab = lab::Host::of_one_adapter()?;
//! let client = Client::new(lab.open()?); // On Windows: Client::new(Device::open()?)
//!
//! let adapters = client.adapters()?;
//! let adapter = framecastctl::select(&adapters, "lab 1")?;
//!
//! let mut batch = Batch::new();
//! batch.push(&[0xFF; 60])?;
//! batch.push(&[0xFF; 9000])?; // longer than the adapter takes
//! let injection = client.inject(adapter.luid, Direction::Send, &batch)?;
//!
//! assert_eq!(injection.done(), 1);
//! assert!(!injection.statuses[1].is_success());
//! # drop(client);
//! # lab.end()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapter;
mod batch;
pub mod capture;
mod client;
#[cfg(windows)]
mod device;
mod directions;
mod error;
mod filter;
mod injection;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod lab;
mod libpcap;
mod mirror;
mod mirror_options;
mod selector;
mod status;
mod tap;
mod tap_counts;
mod tap_options;
mod tapped_frame;
mod transport;

pub use adapter::Adapter;
pub use batch::{Batch, Full};
pub use client::Client;
#[cfg(windows)]
pub use device::{Device, OpenError};
pub use directions::Directions;
pub use error::Error;
pub use filter::{Filter, FilterError};
pub use injection::Injection;
pub use mirror::Mirror;
pub use mirror_options::MirrorOptions;
pub use selector::{SelectError, select};
pub use status::Status;
pub use tap::Tap;
pub use tap_counts::TapCounts;
pub use tap_options::TapOptions;
pub use tapped_frame::TappedFrame;
pub use transport::{Reply, Transport};

//! Talks to the Framecast driver: which adapters it serves, what it counted, and frames for it to
//! originate.
//!
//! A [`Client`] makes the requests of [`protocol`] over a [`Transport`]: the driver's control
//! device, wherever it is. Off Windows that is a file in ndis-lab, where the same driver runs.

mod adapter;
mod batch;
mod client;
mod error;
mod transport;

pub use adapter::Adapter;
pub use batch::{Batch, Full};
pub use client::{Client, Injection};
pub use error::Error;
pub use transport::{Reply, Status, Transport};

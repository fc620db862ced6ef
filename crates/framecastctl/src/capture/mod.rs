//! Captures of Ethernet frames: read as pcap or pcapng, written as pcapng.

mod error;
mod interface;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::CaptureError;
pub use interface::Interface;
pub use reader::{CaptureReader, CapturedFrame, FRAME_LIMIT};
pub use writer::{CaptureWriter, InterfaceCounts, WrittenFrame};

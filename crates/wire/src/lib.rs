//! What a frame looks like on the wire, given what the drivers left to the hardware.
//!
//! A driver that sees a frame on its way does not see what the network sees: the 802.1Q tag travels
//! beside the frame, checksums are still to be computed, and one frame of 64 KB stands for forty
//! that the adapter will cut from it, or has coalesced. [`Transmission`] takes the frame as it is,
//! with its [`Offloads`], and gives the frames as they are on the wire, each a [`WireFrame`]: some
//! patched bytes of header, then a range of the original that nobody has to copy twice.
//!
//! ```
//! use wire::{Offloads, Source, Tag, Transmission, Workspace};
//!
//! let frame = [0_u8; 60];
//! let offloads = Offloads { tag: Some(Tag(5)), ..Offloads::default() };
//! let mut workspace = Workspace::new();
//! let mut transmission = Transmission::new(&frame[..], offloads, 1514, None, &mut workspace)?;
//! while let Some(on_the_wire) = transmission.next_frame()? {
//!     assert_eq!(on_the_wire.header()[12..], [0x81, 0x00, 0x00, 0x05]);
//!     assert_eq!(on_the_wire.payload(), 12..60);
//!     assert_eq!(on_the_wire.len(), 64);
//! }
//! # Ok::<(), wire::WireError>(())
//! ```
//!
//! Nothing here allocates, and nothing here can panic: a driver runs it on whatever bytes there are.
//! Headers are found with [etherparse], whose slices only ever look at bytes; fields are then patched
//! where they stand, so that every bit which is not ours to change stays as it was.
#![no_std]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic takes the machine down"
)]

mod changes;
mod checksum;
mod draft;
mod error;
mod filter;
mod frame;
mod header;
mod link;
mod network;
mod offloads;
mod segments;
mod source;
mod tag;
mod transmission;
mod transport;
mod workspace;

pub use changes::Changes;
pub use error::WireError;
pub use filter::{CaptureFilter, FilterError, INSTRUCTION_LIMIT, Instruction, SCRATCH_WORDS};
pub use frame::WireFrame;
pub use header::HEADER_LIMIT;
pub use offloads::{Checksums, Offloads, Segmentation};
pub use source::Source;
pub use tag::Tag;
pub use transmission::Transmission;
pub use workspace::Workspace;

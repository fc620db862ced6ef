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
//! Headers are found with [etherparse], whose slices check a length once and then only look; fields
//! are patched where they stand, so that every bit which is not ours to change stays as it was.
//!
//! # What is known
//!
//! Ethernet with any number of tags (802.1Q, 802.1ad, 0x9100), IPv4 with options, IPv6 with extension
//! headers and what they say about the last destination, TCP with options, UDP. All else is on the
//! wire as it is, or [`Changes::INCOMPLETE`] where something was left to be done: 802.3 frames with
//! LLC and SNAP, packets in tunnels, the authentication header (it covers what is behind it, so that
//! nobody can leave that to others), home addresses of Mobile IPv6 in checksums.
//!
//! # What is a reconstruction
//!
//! Of a coalesced receive, the number of segments is known and where they ended is not:
//!
//! | | |
//! |---|---|
//! | payload of each segment | as much as the target takes, if that makes as many segments as there were; else the same for all; never more than the target takes |
//! | sequence numbers, lengths, checksums | right for these segments |
//! | IPv4 identification | that of the first, which is known, then one more for each |
//! | acknowledgement, window, timestamps, hop limit | in all what the coalesced frame has: those of the last segment, and the smallest limit |
//! | PSH, FIN | in the last segment; CWR and ECE in all, as in all there were |
//! | pure acknowledgements that were coalesced | not there |
//!
//! Such segments are marked [`Changes::RESEGMENTED`].
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
mod sum;
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

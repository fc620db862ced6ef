//! The control interface of Framecast: what travels between a client and `\\.\Framecast`.
//!
//! Every request is one device control, [`METHOD_BUFFERED`](Request), with a
//! [`RequestHeader`] at the start of its input. Integers are little-endian, every structure has
//! the same layout for 32-bit and 64-bit callers, and nothing holds a pointer.
//!
//! | request | input | output |
//! |---|---|---|
//! | [`Request::Version`] | [`RequestHeader`] | [`VersionReply`] |
//! | [`Request::Adapters`] | [`RequestHeader`] | [`AdaptersReply`], then as many [`AdapterRecord`]s as fit |
//! | [`Request::Counters`] | [`CountersRequest`] | [`CountersReply`] |
//! | [`Request::Inject`] | [`InjectRequest`], then for each frame a [`FrameHeader`], its bytes, and bytes that do not matter up to a multiple of [`FRAME_ALIGNMENT`] | [`InjectReply`], then one `i32` status for each frame |
//! | [`Request::TapStart`] | [`TapRequest`], then its LUIDs, then its [`FilterInstruction`]s | [`TapReply`] |
//! | [`Request::TapRead`] | [`RequestHeader`] | [`TapBatch`], then for each frame a [`TapRecord`], its bytes, and padding up to a multiple of [`RECORD_ALIGNMENT`] |
//! | [`Request::TapStop`] | [`RequestHeader`] | [`TapBatch`] |
//! | [`Request::MirrorAdd`] | [`MirrorRequest`], then its [`FilterInstruction`]s | [`MirrorReply`] |
//! | [`Request::MirrorRemove`] | [`MirrorRemoveRequest`] | nothing |
//! | [`Request::Mirrors`] | [`RequestHeader`] | [`MirrorsReply`], then as many [`MirrorRecord`]s as fit |
//!
//! | status | when |
//! |---|---|
//! | `STATUS_SUCCESS` | the reply is complete; [`Request::Inject`]: each frame has its own status |
//! | `STATUS_INVALID_DEVICE_REQUEST` | no request has this control code |
//! | `STATUS_INVALID_PARAMETER` | the input is shorter than it says, or says what cannot be |
//! | `STATUS_REVISION_MISMATCH` | the header names another [`PROTOCOL_VERSION`] |
//! | `STATUS_BUFFER_TOO_SMALL` | the output cannot hold the fixed part of the reply, or one status for each frame |
//! | `STATUS_NOT_FOUND` | no adapter has this LUID, no mirror this number; the handle has no tap |
//! | `STATUS_DEVICE_BUSY` | the handle has a tap already; a read of its tap waits already |
//! | `STATUS_TOO_MANY_LINKS` | the mirror's frames would come back to its source |
//! | `STATUS_QUOTA_EXCEEDED` | [`limits::PENDING_REQUESTS`] requests wait on this adapter, or [`limits::HANDLE_REQUESTS`] on this handle; there are [`limits::TAPS`] taps, or [`limits::MIRRORS`] mirrors |
//! | `STATUS_INSUFFICIENT_RESOURCES` | the system has no memory for the request |
//! | `STATUS_CANCELLED` | the request was cancelled, or its handle was closed, before it was done; frames that had left are on their way, the others are not sent |
#![no_std]

mod adapters;
mod counters;
mod inject;
pub mod limits;
mod mirror;
mod request;
mod tap;
mod version;

pub use adapters::{AdapterRecord, AdapterState, AdaptersReply, NAME_UNITS};
pub use counters::{COUNTERS, CountersReply, CountersRequest, Reason};
pub use inject::{
    Direction, FRAME_ALIGNMENT, Frame, FrameHeader, Frames, InjectReply, InjectRequest,
    JOINS_PREVIOUS, MalformedBatch, Position,
};
pub use mirror::{
    MIRROR_DROPS, MirrorDrop, MirrorRecord, MirrorRemoveRequest, MirrorReply, MirrorRequest,
    MirrorsReply, mirror_state,
};
pub use request::{PROTOCOL_VERSION, Request, RequestHeader};
pub use tap::{
    FilterInstruction, MalformedRecords, RECORD_ALIGNMENT, TAP_DROPS, TapBatch, TapDrop, TapRecord,
    TapReply, TapRequest, TappedFrame, TappedFrames, copies, record,
};
pub use version::VersionReply;

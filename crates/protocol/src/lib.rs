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
//!
//! | status | when |
//! |---|---|
//! | `STATUS_SUCCESS` | the reply is complete; [`Request::Inject`]: each frame has its own status |
//! | `STATUS_INVALID_DEVICE_REQUEST` | no request has this control code |
//! | `STATUS_INVALID_PARAMETER` | the input is shorter than it says, or says what cannot be |
//! | `STATUS_REVISION_MISMATCH` | the header names another [`PROTOCOL_VERSION`] |
//! | `STATUS_BUFFER_TOO_SMALL` | the output cannot hold the fixed part of the reply, or one status for each frame |
//! | `STATUS_NOT_FOUND` | no adapter has this LUID |
//! | `STATUS_QUOTA_EXCEEDED` | [`limits::PENDING_REQUESTS`] requests wait on this adapter, or [`limits::HANDLE_REQUESTS`] on this handle |
//! | `STATUS_INSUFFICIENT_RESOURCES` | the system has no memory for the request |
//! | `STATUS_CANCELLED` | the request was cancelled, or its handle was closed, before it was done; frames that had left are on their way, the others are not sent |
#![no_std]

mod adapters;
mod counters;
mod inject;
pub mod limits;
mod request;
mod version;

pub use adapters::{AdapterRecord, AdapterState, AdaptersReply, NAME_UNITS};
pub use counters::{COUNTERS, CountersReply, CountersRequest, Reason};
pub use inject::{
    Direction, FRAME_ALIGNMENT, Frame, FrameHeader, Frames, InjectReply, InjectRequest,
    JOINS_PREVIOUS, MalformedBatch, Position,
};
pub use request::{PROTOCOL_VERSION, Request, RequestHeader};
pub use version::VersionReply;

//! What the driver takes at most: a limit on everything that a client can make it hold.

/// Bytes of input that one request may bring.
pub const REQUEST_BYTES: usize = 1 << 20;

/// Frames that one [`Request::Inject`](crate::Request::Inject) may bring.
pub const BATCH_FRAMES: u32 = 4096;

/// Injections that may wait for frame buffers on one adapter at a time.
pub const PENDING_REQUESTS: usize = 64;

/// Requests that may be under way on one handle at a time.
pub const HANDLE_REQUESTS: usize = 256;

/// Frames that may join into one NET_BUFFER_LIST.
pub const LIST_FRAMES: u32 = 64;

/// Adapters that the driver serves.
pub const ADAPTERS: usize = 128;

/// Taps that there may be at a time.
pub const TAPS: usize = 32;

/// Bytes of the smallest buffer that a tap may have: the longest frame fits in its half, so that
/// it always fits somewhere.
pub const TAP_BUFFER_LEAST: u32 = 256 << 10;

/// Bytes of the largest buffer that a tap may have.
pub const TAP_BUFFER_MOST: u32 = 16 << 20;

/// Mirrors that there may be at a time.
pub const MIRRORS: usize = 64;

/// Instructions that a capture filter may have.
pub const FILTER_INSTRUCTIONS: usize = 4096;

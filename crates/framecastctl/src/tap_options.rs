use std::time::Duration;

use crate::{Directions, Filter};
use protocol::{RequestHeader, TapRequest, copies};
use zerocopy::IntoBytes;

/// What a tap copies, and how.
///
/// ```
/// use framecastctl::{Directions, TapOptions};
/// use std::time::Duration;
///
/// let options = TapOptions {
///     adapters: vec![0x6000001000000],
///     snap_length: 96,
///     timeout: Some(Duration::from_millis(50)),
///     ..TapOptions::default()
/// };
/// assert_eq!(options.directions, Directions::Both);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapOptions {
    /// LUIDs of adapters; none for every adapter, those that come later included.
    pub adapters: Vec<u64>,
    /// Which way the frames go that are copied.
    pub directions: Directions,
    /// Whether frames of these directions that Framecast itself originates are copied, too.
    pub ours: bool,
    /// Bytes to copy of each frame at most.
    pub snap_length: u32,
    /// Bytes of the buffer that frames wait in until they are read.
    pub buffer_bytes: u32,
    /// A read is answered as soon as so many bytes wait: at most half of the buffer.
    pub wake_bytes: u32,
    /// A read is answered after this time in any case; `None` for never.
    pub timeout: Option<Duration>,
    /// Which frames are copied.
    pub filter: Filter,
}

impl Default for TapOptions {
    fn default() -> Self {
        Self {
            adapters: Vec::new(),
            directions: Directions::Both,
            ours: true,
            snap_length: 262_144,
            buffer_bytes: 4 << 20,
            wake_bytes: 256 << 10,
            timeout: Some(Duration::from_millis(100)),
            filter: Filter::default(),
        }
    }
}

impl TapOptions {
    /// The input of the request.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let timeout = self.timeout.map(|timeout| timeout.as_millis());
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let head = TapRequest {
            header: RequestHeader::default(),
            flags: self.directions.flags() | flag(self.ours, copies::OURS),
            snap_length: self.snap_length,
            buffer_bytes: self.buffer_bytes,
            wake_bytes: self.wake_bytes,
            timeout_milliseconds: timeout
                .map_or(u32::MAX, |timeout| u32::try_from(timeout).unwrap_or(u32::MAX - 1)),
            adapters: count(self.adapters.len()),
            instructions: count(self.filter.instructions().len()),
            reserved: 0,
        };
        let (luids, filter) = (self.adapters.as_bytes(), self.filter.instructions().as_bytes());
        [head.as_bytes(), luids, filter].concat()
    }
}

/// A flag where it is wanted, else none.
pub(crate) const fn flag(wanted: bool, flag: u32) -> u32 {
    if wanted { flag } else { 0 }
}

use crate::{Directions, Filter, tap_options::flag};
use protocol::{MirrorRequest, RequestHeader, copies};
use zerocopy::IntoBytes;

/// What a mirror copies, and how.
///
/// ```
/// use framecastctl::{Client, MirrorOptions, lab};
///
/// let lab = lab::Host::of_two_adapters()?;
/// let client = Client::new(lab.open()?);
/// let adapters = client.adapters()?;
///
/// let id = client.add_mirror(&MirrorOptions::new(adapters[0].luid, adapters[1].luid))?;
/// assert_eq!(client.mirrors()?[0].id, id);
/// client.remove_mirror(id)?;
/// # drop(client);
/// # lab.end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorOptions {
    /// LUID of the adapter whose frames are copied.
    pub source: u64,
    /// LUID of the adapter that sends the copies.
    pub target: u64,
    /// Which way the frames go that are copied.
    pub directions: Directions,
    /// Whether the mirror stays when its client is gone.
    pub persistent: bool,
    /// The tag control information of a tag that its frames bear, in front of any other.
    pub tag: Option<u16>,
    /// Bytes to copy of each frame at most; at least 14.
    pub snap_length: u32,
    /// Which frames are copied.
    pub filter: Filter,
}

impl MirrorOptions {
    /// A mirror of whole frames of both directions, which ends with its client.
    #[must_use]
    pub fn new(source: u64, target: u64) -> Self {
        Self {
            source,
            target,
            directions: Directions::Both,
            persistent: false,
            tag: None,
            snap_length: u32::MAX,
            filter: Filter::default(),
        }
    }

    /// The input of the request.
    #[must_use]
    pub fn request(&self) -> Vec<u8> {
        let instructions = self.filter.instructions();
        let head = MirrorRequest {
            header: RequestHeader::default(),
            source: self.source,
            target: self.target,
            flags: self.directions.flags()
                | flag(self.persistent, copies::PERSISTENT)
                | flag(self.tag.is_some(), copies::TAGGED),
            snap_length: self.snap_length,
            tag: self.tag.unwrap_or_default(),
            reserved: 0,
            instructions: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        };
        [head.as_bytes(), instructions.as_bytes()].concat()
    }
}

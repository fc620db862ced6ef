use crate::{header::Header, segments::Segments};

/// Room in which a frame's headers are patched.
///
/// One serves any number of frames, one after the other: it is too large to be made anew for each.
#[derive(Debug)]
pub struct Workspace {
    /// The header of the frame that is sent next, or was sent last.
    pub(crate) header: Header,
    /// What is left of a frame that is cut.
    pub(crate) segments: Option<Segments>,
}

impl Workspace {
    /// Room with nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self { header: Header::new(), segments: None }
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

use crate::{Error, Status, client::records};
use protocol::{InjectReply, Request};
use zerocopy::FromBytes;

/// What became of the frames of a batch: a status for each, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The statuses.
    pub statuses: Vec<Status>,
}

impl Injection {
    /// How many frames the drivers took.
    #[must_use]
    pub fn done(&self) -> usize {
        self.statuses.iter().filter(|status| status.is_success()).count()
    }

    /// Bytes of the output that answers a batch of this many frames.
    #[must_use]
    pub const fn output_length(frames: u32) -> usize {
        size_of::<InjectReply>() + frames as usize * size_of::<i32>()
    }

    /// Reads an output.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`].
    pub fn from_output(output: &[u8]) -> Result<Self, Error> {
        let malformed = Error::Malformed(Request::Inject);
        let (reply, rest) = InjectReply::read_from_prefix(output).map_err(|_| malformed)?;
        let statuses: Vec<Status> = records(rest).ok_or(malformed)?.map(Status).collect();
        if statuses.len() == reply.frames as usize { Ok(Self { statuses }) } else { Err(malformed) }
    }
}

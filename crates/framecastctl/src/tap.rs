use std::{collections::VecDeque, iter, time::Duration};

use crate::{Client, Error, Status, TapCounts, TapOptions, TappedFrame, Transport};
use protocol::{Request, RequestHeader, TapBatch, TapReply, TappedFrames};
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of frames that one read takes at most.
const READ_BYTES: usize = 1 << 20;

/// A tap: the driver copies frames of adapters for its client, until it is stopped or dropped.
///
/// [`Tap::read`] gives the frames of a read without copying them again; [`Tap::frames`] gives
/// frames one by one, for as long as the tap is there.
///
/// ```
/// use framecastctl::{Batch, Client, TapOptions, lab};
/// use protocol::Direction;
///
/// let lab = lab::Host::of_one_adapter()?;
/// let client = Client::new(lab.open()?);
/// let luid = client.adapters()?[0].luid;
///
/// let mut tap = client.tap(&TapOptions::default())?;
/// let mut batch = Batch::new();
/// batch.push(&[0xFF; 60])?;
/// client.inject(luid, Direction::Send, &batch)?;
///
/// let frame = tap.frames().next().expect("a tap has frames until it ends")?;
/// assert_eq!(frame.bytes, [0xFF; 60]);
/// assert!(frame.is_ours() && !frame.is_received());
///
/// let counts = tap.stop()?;
/// assert_eq!((counts.copied, counts.lost()), (1, 0));
/// # drop(client);
/// # lab.end()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tap<'c, T: Transport> {
    client: &'c Client<T>,
    reply: TapReply,
    output: Vec<u8>,
    counts: TapCounts,
    stopped: bool,
}

impl<'c, T: Transport> Tap<'c, T> {
    pub(crate) fn start(client: &'c Client<T>, options: &TapOptions) -> Result<Self, Error> {
        let request = Request::TapStart;
        let output = client.control(request, &options.request(), size_of::<TapReply>())?;
        let reply = TapReply::read_from_bytes(&output).map_err(|_| Error::Malformed(request))?;
        let counts = TapCounts::default();
        Ok(Self { client, reply, output: Vec::new(), counts, stopped: false })
    }

    /// Adapters that were tapped when the tap began.
    #[must_use]
    pub const fn adapters(&self) -> u32 {
        self.reply.adapters
    }

    /// Bytes of the driver's buffer.
    #[must_use]
    pub const fn buffer_bytes(&self) -> u32 {
        self.reply.buffer_bytes
    }

    /// What timestamps are multiples of.
    #[must_use]
    pub const fn resolution(&self) -> Duration {
        Duration::from_nanos(self.reply.timestamp_nanoseconds as u64)
    }

    /// What the driver had counted when it answered the last read.
    #[must_use]
    pub const fn counts(&self) -> TapCounts {
        self.counts
    }

    /// Waits for frames, at most for the time that the options say; there may be none.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::is_cancelled`] where [`Client::cancel`] ended it.
    pub fn read(&mut self) -> Result<impl Iterator<Item = TappedFrame<&[u8]>>, Error> {
        let length = size_of::<TapBatch>() + READ_BYTES;
        let input = RequestHeader::default();
        self.output = self.client.control(Request::TapRead, input.as_bytes(), length)?;
        let (counts, records) = read_batch(&self.output, Request::TapRead)?;
        self.counts = counts;
        Ok(TappedFrames::new(records).filter_map(Result::ok).map(TappedFrame::new))
    }

    /// The frames, one by one, for as long as the tap is there: it waits for those to come.
    ///
    /// Ends when [`Client::cancel`] ends the tap, and after an error.
    pub fn frames(&mut self) -> impl Iterator<Item = Result<TappedFrame<Vec<u8>>, Error>> {
        let mut waiting = VecDeque::new();
        let mut over = false;
        iter::from_fn(move || {
            while waiting.is_empty() && !over {
                match self.read() {
                    Ok(frames) => waiting.extend(frames.map(TappedFrame::to_owned)),
                    Err(error) => {
                        over = true;
                        return (!error.is_cancelled()).then_some(Err(error));
                    }
                }
            }
            waiting.pop_front().map(Ok)
        })
    }

    /// Ends the tap; what was not read is lost.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn stop(mut self) -> Result<TapCounts, Error> {
        self.stopped = true;
        let output = self.client.control(
            Request::TapStop,
            RequestHeader::default().as_bytes(),
            size_of::<TapBatch>(),
        )?;
        read_batch(&output, Request::TapStop).map(|(counts, _)| counts)
    }
}

impl<T: Transport> Drop for Tap<'_, T> {
    fn drop(&mut self) {
        if !self.stopped {
            let input = RequestHeader::default();
            // Nobody is left to be told: the tap ends with its handle in any case.
            let _ended =
                self.client.control(Request::TapStop, input.as_bytes(), size_of::<TapBatch>());
        }
    }
}

/// The counters of an answer, and its records, which are all well-formed.
fn read_batch(output: &[u8], request: Request) -> Result<(TapCounts, &[u8]), Error> {
    let malformed = Error::Malformed(request);
    let (batch, records) = TapBatch::read_from_prefix(output).map_err(|_| malformed)?;
    let mut count = 0_u32;
    for frame in TappedFrames::new(records) {
        frame.map_err(|_| malformed)?;
        count += 1;
    }
    if count != batch.records || records.len() != batch.bytes as usize {
        return Err(malformed);
    }
    Ok((TapCounts::from(&batch), records))
}

impl Error {
    /// Whether the request was cancelled.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Refused { status: Status(bits), .. } if *bits == Status::CANCELLED.0)
    }
}

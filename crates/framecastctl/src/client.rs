use crate::{Adapter, Batch, Error, Status, Transport};
use protocol::{
    AdapterRecord, AdaptersReply, CountersReply, CountersRequest, Direction, InjectReply, Request,
    RequestHeader, VersionReply,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Makes requests of the driver.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
}

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

impl<T: Transport> Client<T> {
    /// A client of the driver behind `transport`.
    pub const fn new(transport: T) -> Self {
        Self { transport }
    }

    /// The way to the driver.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// Which driver answers.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn version(&self) -> Result<VersionReply, Error> {
        self.ask(Request::Version, &RequestHeader::default())
    }

    /// The adapters that the driver is bound to.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn adapters(&self) -> Result<Vec<Adapter>, Error> {
        let mut room = 16_usize;
        loop {
            let length = size_of::<AdaptersReply>() + room * size_of::<AdapterRecord>();
            let request = Request::Adapters;
            let output = self.control(request, RequestHeader::default().as_bytes(), length)?;
            let malformed = Error::Malformed(request);
            let (reply, rest) = AdaptersReply::read_from_prefix(&output).map_err(|_| malformed)?;
            if reply.record_size as usize != size_of::<AdapterRecord>() {
                return Err(malformed);
            }
            if reply.total > reply.returned && reply.returned as usize == room {
                room = reply.total as usize * 2;
                continue;
            }
            let records = records::<AdapterRecord>(rest).ok_or(malformed)?;
            return Ok(records.map(|record| Adapter::from(&record)).collect());
        }
    }

    /// What happened on one adapter; with no LUID, on all since the driver was loaded.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn counters(&self, luid: Option<u64>) -> Result<CountersReply, Error> {
        let luid = luid.unwrap_or_default();
        self.ask(Request::Counters, &CountersRequest { header: RequestHeader::default(), luid })
    }

    /// Originates a batch of frames and waits until the last is done.
    ///
    /// # Errors
    ///
    /// [`Error`]; a frame that the adapter does not take is no error, but has its status.
    pub fn inject(
        &self,
        luid: u64,
        direction: Direction,
        batch: &Batch,
    ) -> Result<Injection, Error> {
        let length = Injection::output_length(batch.len());
        let output = self.control(Request::Inject, &batch.request(luid, direction), length)?;
        Injection::from_output(&output)
    }

    fn ask<R: FromBytes>(
        &self,
        request: Request,
        input: &(impl IntoBytes + Immutable + KnownLayout),
    ) -> Result<R, Error> {
        let output = self.control(request, input.as_bytes(), size_of::<R>())?;
        R::read_from_bytes(&output).map_err(|_| Error::Malformed(request))
    }

    fn control(&self, request: Request, input: &[u8], length: usize) -> Result<Vec<u8>, Error> {
        let reply = self.transport.control(request.code(), input, length);
        if reply.status.is_success() {
            Ok(reply.output)
        } else {
            Err(Error::Refused { request, status: reply.status })
        }
    }
}

/// Reads bytes that are records and nothing else.
fn records<R: FromBytes>(bytes: &[u8]) -> Option<impl Iterator<Item = R>> {
    let records = bytes.chunks_exact(size_of::<R>());
    records
        .remainder()
        .is_empty()
        .then(|| records.filter_map(|record| R::read_from_bytes(record).ok()))
}

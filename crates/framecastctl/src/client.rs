use crate::{Adapter, Batch, Error, Injection, Mirror, MirrorOptions, Tap, TapOptions, Transport};
use protocol::{
    AdapterRecord, AdaptersReply, CountersReply, CountersRequest, Direction, MirrorRecord,
    MirrorRemoveRequest, MirrorReply, MirrorsReply, Request, RequestHeader, VersionReply,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Makes requests of the driver.
///
/// A client is one handle of the control device: its taps and its mirrors that do not persist end
/// with it.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
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
        let records = self.list::<AdapterRecord>(Request::Adapters, |output| {
            let (reply, rest) = AdaptersReply::read_from_prefix(output).ok()?;
            Some((Listing::of(reply.total, reply.returned, reply.record_size), rest))
        })?;
        Ok(records.iter().map(Adapter::from).collect())
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

    /// Begins to copy frames; see [`Tap`]. A client has one tap at a time.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn tap(&self, options: &TapOptions) -> Result<Tap<'_, T>, Error> {
        Tap::start(self, options)
    }

    /// Begins to send copies of one adapter's frames on another; gives the mirror's number.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn add_mirror(&self, options: &MirrorOptions) -> Result<u64, Error> {
        let request = Request::MirrorAdd;
        let output = self.control(request, &options.request(), size_of::<MirrorReply>())?;
        let reply = MirrorReply::read_from_bytes(&output);
        reply.map(|reply| reply.id).map_err(|_| Error::Malformed(request))
    }

    /// Ends a mirror, whoever added it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn remove_mirror(&self, id: u64) -> Result<(), Error> {
        let request = MirrorRemoveRequest { header: RequestHeader::default(), id };
        self.control(Request::MirrorRemove, request.as_bytes(), 0).map(drop)
    }

    /// The mirrors that there are, whoever added them.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn mirrors(&self) -> Result<Vec<Mirror>, Error> {
        let records = self.list::<MirrorRecord>(Request::Mirrors, |output| {
            let (reply, rest) = MirrorsReply::read_from_prefix(output).ok()?;
            Some((Listing::of(reply.total, reply.returned, reply.record_size), rest))
        })?;
        Ok(records.iter().map(Mirror::from).collect())
    }

    /// Asks for this client's requests under way to end early: a [`Tap`] that waits in another
    /// thread ends.
    pub fn cancel(&self) {
        self.transport.cancel();
    }

    /// Asks for a list until there is room for all of it.
    fn list<R: FromBytes>(
        &self,
        request: Request,
        head: impl Fn(&[u8]) -> Option<(Listing, &[u8])>,
    ) -> Result<Vec<R>, Error> {
        /// What stands before the records of either list.
        const HEAD: usize = 16;
        let malformed = Error::Malformed(request);
        let mut room = 16_usize;
        loop {
            let length = HEAD + room * size_of::<R>();
            let output = self.control(request, RequestHeader::default().as_bytes(), length)?;
            let (listing, rest) = head(&output).ok_or(malformed)?;
            if listing.record_size != size_of::<R>() {
                return Err(malformed);
            }
            if listing.total > listing.returned && listing.returned == room {
                room = listing.total * 2;
                continue;
            }
            return Ok(records::<R>(rest).ok_or(malformed)?.collect());
        }
    }

    fn ask<R: FromBytes>(
        &self,
        request: Request,
        input: &(impl IntoBytes + Immutable + KnownLayout),
    ) -> Result<R, Error> {
        let output = self.control(request, input.as_bytes(), size_of::<R>())?;
        R::read_from_bytes(&output).map_err(|_| Error::Malformed(request))
    }

    pub(crate) fn control(
        &self,
        request: Request,
        input: &[u8],
        length: usize,
    ) -> Result<Vec<u8>, Error> {
        let reply = self.transport.control(request.code(), input, length);
        if reply.status.is_success() {
            Ok(reply.output)
        } else {
            Err(Error::Refused { request, status: reply.status })
        }
    }
}

/// What a list says of itself.
struct Listing {
    total: usize,
    returned: usize,
    record_size: usize,
}

impl Listing {
    const fn of(total: u32, returned: u32, record_size: u32) -> Self {
        Self {
            total: total as usize,
            returned: returned as usize,
            record_size: record_size as usize,
        }
    }
}

/// Reads bytes that are records and nothing else.
pub(crate) fn records<R: FromBytes>(bytes: &[u8]) -> Option<impl Iterator<Item = R>> {
    let records = bytes.chunks_exact(size_of::<R>());
    records
        .remainder()
        .is_empty()
        .then(|| records.filter_map(|record| R::read_from_bytes(record).ok()))
}

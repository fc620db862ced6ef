//! The control device: reads requests, refuses bad ones, and gives the rest to their service.

use super::{client::Client, inject, mirror, tap, ticket::Ticket};
use crate::{
    filter::{Framecast, module::FilterModule, state::State},
    ndis::{
        ControlRequest, Device, Dispatched, Error, FrameBuffers, NDIS_VERSION, Pools, Result,
        Status,
    },
};
use protocol::{
    AdapterRecord, AdapterState, AdaptersReply, CountersReply, CountersRequest, InjectReply,
    MirrorReply, MirrorsReply, PROTOCOL_VERSION, Reason, Request, RequestHeader, TapBatch,
    TapReply, VersionReply,
};
use zerocopy::{FromBytes, IntoBytes};

impl Device for Framecast {
    type Handle = Client;

    fn open(&self) -> Result<Client> {
        Ok(Client::new())
    }

    fn close(&self, client: &Client) {
        client.close(self);
    }

    fn control<'r>(&self, client: &Client, request: ControlRequest<'r>) -> Dispatched<'r> {
        match check(&request) {
            Ok(Request::Version) => request.reply(version),
            Ok(Request::Adapters) => request.reply(|output| self.list(output)),
            Ok(Request::Counters) => self.counters(request),
            Ok(Request::Inject) => inject::inject(self, client, request),
            Ok(Request::TapStart) => tap::start(self, client, request),
            Ok(Request::TapRead) => tap::read(self, client, request),
            Ok(Request::TapStop) => tap::stop(self, client, request),
            Ok(Request::MirrorAdd) => mirror::add(self, client, request),
            Ok(Request::MirrorRemove) => mirror::remove(self, request),
            Ok(Request::Mirrors) => mirror::list(self, client, request),
            Err(status) => self.refuse(request, status),
        }
    }
}

impl Framecast {
    /// Refuses a request and counts it as bad.
    pub(super) fn refuse<'r>(&self, request: ControlRequest<'r>, status: Status) -> Dispatched<'r> {
        self.adapters.count(Reason::BadRequests, 1);
        request.refuse(status)
    }

    /// Refuses a request; what the system has no memory for is no fault of its own.
    pub(super) fn refuse_for<'r>(
        &self,
        request: ControlRequest<'r>,
        error: Error,
    ) -> Dispatched<'r> {
        match error {
            Error::Resources => request.refuse(error.into()),
            error => self.refuse(request, error.into()),
        }
    }

    fn counters<'r>(&self, request: ControlRequest<'r>) -> Dispatched<'r> {
        let Some((CountersRequest { luid, .. }, rest)) = read::<CountersRequest>(request.input())
        else {
            return self.refuse(request, Status::INVALID_PARAMETER);
        };
        if !rest.is_empty() {
            return self.refuse(request, Status::INVALID_PARAMETER);
        }
        let counters = if luid == 0 {
            self.adapters.counters()
        } else if let Some(module) = self.adapters.find(luid) {
            let mut counters = CountersReply::default();
            module.counters.add_to(&mut counters);
            counters
        } else {
            return self.refuse(request, Status::NOT_FOUND);
        };
        request.reply(|output| write(output, 0, &counters))
    }

    fn list(&self, output: &mut [u8]) -> Result<usize> {
        let mut end = size_of::<AdaptersReply>();
        let mut returned = 0_u32;
        let modules = self.adapters.all();
        for module in &modules {
            let Ok(next) = write(output, end, &record(module)) else { break };
            end = next;
            returned = returned.saturating_add(1);
        }
        let total = u32::try_from(modules.len()).unwrap_or(u32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "a record is some hundred bytes")]
        let record_size = size_of::<AdapterRecord>() as u32;
        write(output, 0, &AdaptersReply { total, returned, record_size, reserved: 0 })?;
        Ok(end)
    }
}

pub(super) const TOO_SMALL: Error = Error::Other(Status::BUFFER_TOO_SMALL);

/// Which request it is, if its header is right and the fixed part of its answer has room.
fn check(request: &ControlRequest<'_>) -> Result<Request, Status> {
    let kind = Request::from_code(request.code()).ok_or(Status::INVALID_DEVICE_REQUEST)?;
    let input = request.input();
    if input.len() > protocol::limits::REQUEST_BYTES {
        return Err(Status::INVALID_PARAMETER);
    }
    let (header, rest) = read::<RequestHeader>(input).ok_or(Status::INVALID_PARAMETER)?;
    if header.version != PROTOCOL_VERSION {
        return Err(Status::REVISION_MISMATCH);
    }
    // Whether something follows the header, and the fixed part of the answer.
    let (has_more, least) = match kind {
        Request::Version => (false, size_of::<VersionReply>()),
        Request::Adapters => (false, size_of::<AdaptersReply>()),
        Request::Counters => (true, size_of::<CountersReply>()),
        Request::Inject => (true, size_of::<InjectReply>()),
        Request::TapStart => (true, size_of::<TapReply>()),
        Request::TapRead | Request::TapStop => (false, size_of::<TapBatch>()),
        Request::MirrorAdd => (true, size_of::<MirrorReply>()),
        Request::MirrorRemove => (true, 0),
        Request::Mirrors => (false, size_of::<MirrorsReply>()),
    };
    if header.reserved != 0 || (!has_more && !rest.is_empty()) {
        return Err(Status::INVALID_PARAMETER);
    }
    if request.output_length() < least { Err(Status::BUFFER_TOO_SMALL) } else { Ok(kind) }
}

/// Reads a structure from the start of an input.
pub(super) fn read<T: FromBytes>(input: &[u8]) -> Option<(T, &[u8])> {
    T::read_from_prefix(input).ok()
}

/// Writes a structure into an output, and gives the offset behind it.
pub(super) fn write<T: IntoBytes + zerocopy::Immutable>(
    output: &mut [u8],
    offset: usize,
    value: &T,
) -> Result<usize> {
    let end = offset.checked_add(size_of::<T>()).ok_or(TOO_SMALL)?;
    let place = output.get_mut(offset..end).ok_or(TOO_SMALL)?;
    value.write_to(place).map_err(|_| TOO_SMALL)?;
    Ok(end)
}

fn version(output: &mut [u8]) -> Result<usize> {
    let reply =
        VersionReply { protocol: PROTOCOL_VERSION, driver: crate::VERSION, ndis: NDIS_VERSION };
    write(output, 0, &reply)
}

fn record(module: &FilterModule) -> AdapterRecord {
    let adapter = &module.adapter;
    let plan = module.plan();
    let running = module.origin.enter();
    let buffers = running.as_ref().and_then(|it| it.pools()).map(Pools::buffers);
    AdapterRecord {
        luid: adapter.luid,
        if_index: adapter.if_index,
        media: adapter.medium.cast_unsigned(),
        mtu: plan.map_or(0, |plan| plan.max_frame.saturating_sub(crate::filter::plan::HEADER)),
        max_frame: plan.map_or(0, |plan| plan.max_frame),
        state: state(module.state()).number(),
        data_backfill: plan.map_or(0, |plan| plan.data_backfill),
        context_backfill: plan.map_or(0, |plan| plan.context_backfill.into()),
        frame_buffers: plan.map_or(0, |plan| plan.buffers),
        frame_buffers_free: buffers.map_or(0, FrameBuffers::free),
        pool_rebuilds: module.origin.rebuilds(),
        pools: plan.map_or(0, |_| Pools::<Ticket>::COUNT),
        mac_address_length: adapter.mac_address.length,
        mac_address: adapter.mac_address.bytes,
        guid_units: adapter.guid.length,
        name_units: adapter.name.length,
        reserved: 0,
        guid: adapter.guid.units,
        name: adapter.name.units,
    }
}

/// As clients see it: a module that attaches is not running yet.
const fn state(state: State) -> AdapterState {
    match state {
        State::Attaching | State::Paused => AdapterState::Paused,
        State::Restarting => AdapterState::Restarting,
        State::Running => AdapterState::Running,
        State::Pausing => AdapterState::Pausing,
    }
}

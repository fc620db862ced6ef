//! Requests that no well-meaning client makes.

use framecastctl::{MirrorOptions, Status, TapOptions};
use protocol::{
    CountersRequest, FrameHeader, InjectRequest, JOINS_PREVIOUS, MirrorRemoveRequest, Request,
    RequestHeader, limits,
};
use zerocopy::IntoBytes;

use super::{
    bench::{Bench, code},
    check::{Outcome, demand},
};

type Result = std::result::Result<Outcome, String>;

/// A request, and how it is to be refused.
struct Hostile {
    what: &'static str,
    code: u32,
    input: Vec<u8>,
    output_length: usize,
    status: Status,
}

/// Bytes of output that are enough for any of them.
const ENOUGH: usize = 1 << 16;

/// A LUID of no adapter.
const NOBODY: u64 = 0xFFFF_FFFF_FFFF_FF00;

pub(super) fn requests(bench: &mut Bench<'_>) -> Result {
    let luid = bench.adapter().luid;
    let hostile = [general(), injections(luid), taps(luid), mirrors(luid)].concat();
    for request in &hostile {
        let Hostile { what, code, input, output_length, status } = request;
        let reply = bench.raw(*code, input, *output_length);
        demand!(reply.status == *status, "{what}: {} instead of {status}", reply.status);
        demand!(reply.output.is_empty(), "{what}: it came with an output");
    }
    // Whoever is asked such things still serves.
    bench.client().version().map_err(|error| error.to_string())?;
    Ok(Outcome::Passed(format!("{} requests, each with its status", hostile.len())))
}

impl Clone for Hostile {
    fn clone(&self) -> Self {
        Self { input: self.input.clone(), ..*self }
    }
}

fn hostile(what: &'static str, request: Request, input: Vec<u8>, status: Status) -> Hostile {
    Hostile { what, code: code(request), input, output_length: ENOUGH, status }
}

fn general() -> Vec<Hostile> {
    let header = RequestHeader::default();
    let other = RequestHeader { version: 0xFFFF, ..header };
    let nobody = CountersRequest { header, luid: NOBODY };
    let version = header.as_bytes().to_vec();
    let unknown = protocol::Request::Version.code() | 0x7FF << 2;
    vec![
        Hostile {
            what: "a control code of nothing",
            code: unknown,
            input: version.clone(),
            output_length: ENOUGH,
            status: Status::INVALID_DEVICE_REQUEST,
        },
        Hostile {
            what: "no room for the answer",
            code: code(Request::Version),
            input: version,
            output_length: 0,
            status: Status::BUFFER_TOO_SMALL,
        },
        hostile("no header", Request::Version, Vec::new(), Status::INVALID_PARAMETER),
        hostile("half a header", Request::Version, vec![1; 7], Status::INVALID_PARAMETER),
        hostile(
            "another version",
            Request::Adapters,
            other.as_bytes().to_vec(),
            Status::REVISION_MISMATCH,
        ),
        hostile(
            "counters of nobody",
            Request::Counters,
            nobody.as_bytes().to_vec(),
            Status::NOT_FOUND,
        ),
    ]
}

fn injections(luid: u64) -> Vec<Hostile> {
    let header = RequestHeader::default();
    let inject = |luid, direction, frames, rest: &[u8]| {
        let head = InjectRequest { header, luid, direction, frames };
        [head.as_bytes(), rest].concat()
    };
    let frame = |length, flags| [FrameHeader { length, flags }.as_bytes(), &[0; 64]].concat();
    let wrong = |what, input| hostile(what, Request::Inject, input, Status::INVALID_PARAMETER);
    vec![
        wrong("no frames", inject(luid, 0, 0, &[])),
        wrong("more frames than there are", inject(luid, 0, 2, &frame(64, 0))),
        wrong(
            "bytes behind the last frame",
            inject(luid, 0, 1, &[frame(64, 0), vec![0; 8]].concat()),
        ),
        wrong("a frame longer than the request", inject(luid, 0, 1, &frame(65, 0))),
        wrong("a frame as long as a number can say", inject(luid, 0, 1, &frame(u32::MAX, 0))),
        wrong("a flag of nothing", inject(luid, 0, 1, &frame(64, 2))),
        wrong("a first frame that joins", inject(luid, 0, 1, &frame(64, JOINS_PREVIOUS))),
        wrong("a direction of nothing", inject(luid, 2, 1, &frame(64, 0))),
        wrong("too many frames", inject(luid, 0, limits::BATCH_FRAMES + 1, &frame(64, 0))),
        hostile(
            "frames for nobody",
            Request::Inject,
            inject(NOBODY, 0, 1, &frame(64, 0)),
            Status::NOT_FOUND,
        ),
        Hostile {
            output_length: 8,
            status: Status::BUFFER_TOO_SMALL,
            ..wrong("no room for the statuses", inject(luid, 0, 1, &frame(64, 0)))
        },
    ]
}

fn taps(luid: u64) -> Vec<Hostile> {
    let header = RequestHeader::default().as_bytes().to_vec();
    let good = TapOptions { adapters: vec![luid], ..TapOptions::default() };
    let changed = |at: usize, value: u32| {
        let mut input = good.request();
        if let Some(field) = input.get_mut(at..at + 4) {
            field.copy_from_slice(&value.to_le_bytes());
        }
        input
    };
    let wrong = |what, input| hostile(what, Request::TapStart, input, Status::INVALID_PARAMETER);
    let nobody = TapOptions { adapters: vec![NOBODY], ..TapOptions::default() };
    let mut endless = good.request();
    // One instruction: a jump beyond the end.
    endless.extend([0x05, 0, 0, 0, 9, 0, 0, 0]);
    if let Some(count) = endless.get_mut(32..36) {
        count.copy_from_slice(&1_u32.to_le_bytes());
    }
    vec![
        hostile("a read without a tap", Request::TapRead, header.clone(), Status::NOT_FOUND),
        hostile("a stop without a tap", Request::TapStop, header, Status::NOT_FOUND),
        wrong("a tap of no direction", changed(8, 0)),
        wrong("a tap with flags of nothing", changed(8, 0x8000_0003)),
        wrong("a tap of no bytes", changed(12, 0)),
        wrong("a buffer that is too small", changed(16, limits::TAP_BUFFER_LEAST - 1)),
        wrong("a buffer that is too large", changed(16, limits::TAP_BUFFER_MOST + 1)),
        wrong("a wake that never comes", changed(20, u32::MAX)),
        wrong("more adapters than there are bytes", changed(28, 2)),
        wrong("more instructions than there are bytes", changed(32, 1)),
        wrong("a filter that leaves itself", endless),
        hostile("a tap of nobody", Request::TapStart, nobody.request(), Status::NOT_FOUND),
    ]
}

fn mirrors(luid: u64) -> Vec<Hostile> {
    let remove = MirrorRemoveRequest { header: RequestHeader::default(), id: u64::MAX };
    let short = MirrorOptions { snap_length: 13, ..MirrorOptions::new(luid, luid) };
    vec![
        hostile(
            "a mirror of nothing",
            Request::MirrorRemove,
            remove.as_bytes().to_vec(),
            Status::NOT_FOUND,
        ),
        hostile(
            "a mirror of headers cut",
            Request::MirrorAdd,
            short.request(),
            Status::INVALID_PARAMETER,
        ),
        hostile(
            "a mirror onto nobody",
            Request::MirrorAdd,
            MirrorOptions::new(luid, NOBODY).request(),
            Status::NOT_FOUND,
        ),
    ]
}

//! Taps and mirrors, asked for by their requests.

use framecastctl::{Client, Transport};
use ndis_lab::{ControlResult, File, NtStatus, PendingControl};
use protocol::{
    FilterInstruction, MirrorRecord, MirrorRemoveRequest, MirrorReply, MirrorRequest, MirrorsReply,
    Request, RequestHeader, TapBatch, TapRecord, TapReply, TapRequest, TappedFrames, copies,
};
use zerocopy::{FromBytes, IntoBytes};

/// Bytes of output that a read of a tap has room for.
pub const READ_BYTES: usize = 1 << 20;

/// A tap that sees both directions whole, answers reads at once, and has the smallest buffer.
#[must_use]
pub fn tap_all() -> TapRequest {
    TapRequest {
        header: RequestHeader::default(),
        flags: copies::SENT | copies::RECEIVED,
        snap_length: u32::MAX,
        buffer_bytes: protocol::limits::TAP_BUFFER_LEAST,
        wake_bytes: 1,
        timeout_milliseconds: 0,
        ..TapRequest::default()
    }
}

/// The input of a request for a tap.
///
/// # Panics
///
/// If there are more than 32 bits count.
#[must_use]
pub fn tap_input(request: TapRequest, luids: &[u64], filter: &[FilterInstruction]) -> Vec<u8> {
    let adapters = u32::try_from(luids.len()).expect("a few adapters");
    let instructions = u32::try_from(filter.len()).expect("a few instructions");
    let request = TapRequest { adapters, instructions, ..request };
    [request.as_bytes(), luids.as_bytes(), filter.as_bytes()].concat()
}

/// Starts a tap.
///
/// # Errors
///
/// What the driver says.
pub fn start_tap(
    client: &Client<File>,
    request: TapRequest,
    luids: &[u64],
    filter: &[FilterInstruction],
) -> Result<TapReply, NtStatus> {
    let input = tap_input(request, luids, filter);
    let result =
        client.transport().control(Request::TapStart.code(), &input, size_of::<TapReply>());
    output(&result)
}

/// Reads the fixed part of an answer.
fn output<T: FromBytes>(result: &ControlResult) -> Result<T, NtStatus> {
    if !result.status.is_success() {
        return Err(result.status);
    }
    Ok(T::read_from_bytes(&result.output).expect("the whole answer"))
}

/// What a read of a tap brought.
#[derive(Debug)]
pub struct Read {
    /// What the tap has counted.
    pub batch: TapBatch,
    /// The frames.
    pub frames: Vec<(TapRecord, Vec<u8>)>,
}

impl Read {
    /// Takes an answer apart.
    ///
    /// # Panics
    ///
    /// If the answer is not what it says.
    #[must_use]
    #[track_caller]
    pub fn of(output: &[u8]) -> Self {
        let (batch, records) = TapBatch::read_from_prefix(output).expect("a batch");
        assert_eq!(batch.bytes as usize, records.len());
        let frames: Vec<_> = TappedFrames::new(records)
            .map(|frame| frame.expect("a whole record"))
            .map(|frame| (frame.record, frame.bytes.to_vec()))
            .collect();
        assert_eq!(batch.records as usize, frames.len());
        Self { batch, frames }
    }

    /// The bytes of the frames.
    #[must_use]
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.frames.iter().map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// Reads a tap.
///
/// # Panics
///
/// If the driver refuses.
#[must_use]
#[track_caller]
pub fn read_tap(client: &Client<File>) -> Read {
    let result = try_read_tap(client, READ_BYTES);
    Read::of(&result.expect("the read is answered"))
}

/// Reads a tap into so much room.
///
/// # Errors
///
/// What the driver says.
pub fn try_read_tap(client: &Client<File>, room: usize) -> Result<Vec<u8>, NtStatus> {
    let header = RequestHeader::default();
    let result = client.transport().control(Request::TapRead.code(), header.as_bytes(), room);
    if result.status.is_success() { Ok(result.output) } else { Err(result.status) }
}

/// Reads a tap without waiting for the answer.
pub fn read_tap_pending(client: &Client<File>) -> PendingControl {
    let header = RequestHeader::default();
    client.transport().control_pending(Request::TapRead.code(), header.as_bytes(), READ_BYTES)
}

/// Ends a tap.
///
/// # Errors
///
/// What the driver says.
pub fn stop_tap(client: &Client<File>) -> Result<TapBatch, NtStatus> {
    let header = RequestHeader::default();
    let code = Request::TapStop.code();
    output(&client.transport().control(code, header.as_bytes(), size_of::<TapBatch>()))
}

/// A mirror of both directions, whole.
#[must_use]
pub fn mirror_all(source: u64, target: u64) -> MirrorRequest {
    MirrorRequest {
        header: RequestHeader::default(),
        source,
        target,
        flags: copies::SENT | copies::RECEIVED,
        snap_length: u32::MAX,
        ..MirrorRequest::default()
    }
}

/// Adds a mirror; its number.
///
/// # Errors
///
/// What the driver says.
///
/// # Panics
///
/// If there are more instructions than 32 bits count.
pub fn add_mirror(
    client: &Client<File>,
    request: MirrorRequest,
    filter: &[FilterInstruction],
) -> Result<u64, NtStatus> {
    let instructions = u32::try_from(filter.len()).expect("a few instructions");
    let request = MirrorRequest { instructions, ..request };
    let input = [request.as_bytes(), filter.as_bytes()].concat();
    let code = Request::MirrorAdd.code();
    let reply: MirrorReply =
        output(&client.transport().control(code, &input, size_of::<MirrorReply>()))?;
    Ok(reply.id)
}

/// Removes a mirror.
///
/// # Errors
///
/// What the driver says.
pub fn remove_mirror(client: &Client<File>, id: u64) -> Result<(), NtStatus> {
    let request = MirrorRemoveRequest { header: RequestHeader::default(), id };
    let code = Request::MirrorRemove.code();
    let result = client.transport().control(code, request.as_bytes(), 0);
    if result.status.is_success() { Ok(()) } else { Err(result.status) }
}

/// The mirrors that there are.
///
/// # Panics
///
/// If the answer is not what it says.
#[must_use]
#[track_caller]
pub fn mirrors(client: &Client<File>) -> Vec<MirrorRecord> {
    let room = size_of::<MirrorsReply>() + 64 * size_of::<MirrorRecord>();
    let header = RequestHeader::default();
    let result =
        Transport::control(client.transport(), Request::Mirrors.code(), header.as_bytes(), room);
    assert!(result.status.is_success(), "{}", result.status);
    let (reply, rest) = MirrorsReply::read_from_prefix(&result.output).expect("a reply");
    assert_eq!(reply.record_size as usize, size_of::<MirrorRecord>());
    assert_eq!(reply.returned, reply.total);
    let records = rest.chunks_exact(size_of::<MirrorRecord>());
    assert!(records.remainder().is_empty());
    let read = |bytes| MirrorRecord::read_from_bytes(bytes).expect("a record");
    let records: Vec<_> = records.map(read).collect();
    assert_eq!(records.len(), reply.total as usize);
    records
}

/// What a mirror has done so far.
///
/// # Panics
///
/// If there is no such mirror.
#[must_use]
pub fn mirror_record(client: &Client<File>, id: u64) -> MirrorRecord {
    let record = mirrors(client).into_iter().find(|record| record.id == id);
    record.expect("the mirror is there")
}

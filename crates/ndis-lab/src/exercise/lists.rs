//! Lists of every form that drivers above and below a filter may send and indicate.

use crate::abi::nbl::{NBL_FLAGS_IS_IPV4, information};
use crate::exercise::chance::Chance;
use crate::frame::{NbSpec, NblSpec};

/// The bytes of an Ethernet header.
const HEADER: usize = 14;

/// `NDIS_NBL_FLAGS_*`
mod flags {
    pub(super) const READ_ONLY_BELOW: u32 = 0x1;
    pub(super) const READ_ONLY_ABOVE: u32 = 0x2;
    pub(super) const SPLIT_AT_HEADERS: u32 = 0x100;
    pub(super) const IS_UDP: u32 = 0x1000;
    pub(super) const IS_LOOPBACK: u32 = 0x8000;
}

/// How the lists of a call are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// The largest payload of a frame.
    pub(crate) mtu: u32,
    /// Whether they come from below: one frame a list, perhaps larger than the MTU.
    pub(crate) receive: bool,
}

/// The lists of a call: mostly few, sometimes many.
pub(crate) fn chain(chance: &mut Chance, form: Form) -> Vec<NblSpec> {
    let count = match chance.between(0..=9) {
        0..=3 => 1,
        4..=8 => chance.size(2..=6),
        _ => chance.size(7..=40),
    };
    (0..count).map(|_| list(chance, form)).collect()
}

/// A list.
fn list(chance: &mut Chance, form: Form) -> NblSpec {
    let frames = if form.receive || !chance.one_in(4) { 1 } else { chance.size(2..=8) };
    let split_at_headers = form.receive && chance.one_in(6);
    let buffers = (0..frames).map(|_| buffer(chance, form, split_at_headers));
    let mut list = NblSpec::many(buffers.collect::<Vec<_>>());
    let mut nbl_flags = match chance.between(0..=5) {
        0 => NBL_FLAGS_IS_IPV4,
        1 => NBL_FLAGS_IS_IPV4 | flags::IS_UDP,
        _ => 0,
    };
    if split_at_headers {
        nbl_flags |= flags::SPLIT_AT_HEADERS;
    }
    if chance.one_in(5) {
        nbl_flags |= if form.receive { flags::READ_ONLY_ABOVE } else { flags::READ_ONLY_BELOW };
    }
    if form.receive && chance.one_in(10) {
        nbl_flags |= flags::IS_LOOPBACK;
    }
    list = list.flags(nbl_flags);
    for (index, odds) in [
        (information::CHECKSUM, 4),
        (information::IEEE_8021Q, 5),
        (information::HASH_VALUE, 6),
        (information::FRAME_TYPE, 6),
        (information::MEDIA_SPECIFIC, 12),
    ] {
        if chance.one_in(odds) {
            list = list.information(index, chance.word().into());
        }
    }
    if !form.receive && chance.one_in(4) {
        list = list.information(information::CANCEL_ID, chance.between(1..=CANCEL_IDS));
    }
    list
}

/// Sends carry cancel identifiers from 1 to this one.
pub(crate) const CANCEL_IDS: u64 = 3;

/// A frame in its MDLs.
fn buffer(chance: &mut Chance, form: Form, split_at_headers: bool) -> NbSpec {
    let largest = form.mtu as usize + HEADER;
    let length = match chance.between(0..=19) {
        0 => chance.size(1..=HEADER - 1),
        1..=5 => HEADER + chance.size(0..=50),
        6..=9 => largest,
        // Segments that hardware put together come in frames larger than any on the wire.
        10 if form.receive => largest + chance.size(1..=3 * largest),
        _ => chance.size(HEADER..=largest),
    };
    let bytes = frame(chance, length);
    let mut buffer = NbSpec::new(bytes);
    if split_at_headers {
        buffer = buffer.split([length.min(HEADER + 40)]);
    } else if chance.one_in(2) {
        let mut splits = Vec::new();
        for _ in 0..chance.size(1..=5) {
            splits.push(if chance.one_in(3) { 0 } else { chance.size(1..=length) });
        }
        buffer = buffer.split(splits);
    }
    if chance.one_in(2) {
        buffer = buffer.room(chance.size(0..=300), chance.size(0..=64));
    }
    buffer
}

/// A frame of a kind that is seen on networks, or of no kind at all.
fn frame(chance: &mut Chance, length: usize) -> Vec<u8> {
    let mut frame = vec![0xFF; 6];
    frame.extend([0x02, 0, 0x5E, 0x10, 0]);
    frame.extend(chance.bytes(1));
    match chance.between(0..=5) {
        0 => frame.extend([0x81, 0x00, 0x00, 0x64, 0x88, 0xB5]),
        1 => frame.extend([0x86, 0xDD, 0x60, 0, 0, 0]),
        2..=3 => {
            let total = u16::try_from(length.saturating_sub(HEADER)).unwrap_or(u16::MAX);
            let protocol = chance.pick(&[6, 17, 1]);
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend(total.to_be_bytes());
            frame.extend([0, 1, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        }
        _ => frame.extend(chance.bytes(2)),
    }
    let fill = chance.bytes(16);
    let rest = length.saturating_sub(frame.len());
    frame.extend(fill.into_iter().cycle().take(rest));
    frame.truncate(length);
    frame
}

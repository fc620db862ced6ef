//! How the bytes of a request travel: through a buffer of the system, described by an MDL, or as
//! the user's own memory.

use crate::abi::io::{DO_BUFFERED_IO, DO_DIRECT_IO, Irp, StackLocation, major};
use crate::guest::{Block, Guest};
use crate::mdl;

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// METHOD_BUFFERED, DO_BUFFERED_IO: both ways through one buffer of the system.
    Buffered,
    /// METHOD_IN_DIRECT: input through the system's buffer; an MDL for bytes that the driver reads.
    InDirect,
    /// METHOD_OUT_DIRECT: input through the system's buffer; an MDL for the output.
    OutDirect,
    /// METHOD_NEITHER: the user's addresses.
    Neither,
    /// A read or a write with DO_DIRECT_IO: an MDL.
    Direct,
    /// A read or a write with neither flag: the user's address.
    User,
}

impl Transfer {
    /// How a request for a device with these flags travels.
    pub(crate) fn of(function: u8, code: u32, flags: u32) -> Self {
        match (function, code & 3) {
            (major::DEVICE_CONTROL, 1) => Self::InDirect,
            (major::DEVICE_CONTROL, 2) => Self::OutDirect,
            (major::DEVICE_CONTROL, 3) => Self::Neither,
            (major::READ | major::WRITE, _) if flags & DO_DIRECT_IO != 0 => Self::Direct,
            (major::READ | major::WRITE, _) if flags & DO_BUFFERED_IO == 0 => Self::User,
            _ => Self::Buffered,
        }
    }
}

/// The memory of a request's bytes.
#[derive(Debug)]
pub(crate) struct Buffers {
    transfer: Transfer,
    /// The system's buffer; the user's input for [`Transfer::Neither`].
    input: Option<Block>,
    /// The user's output, or what an MDL describes.
    output: Option<Block>,
    mdl: Option<Block>,
}

impl Buffers {
    /// Lays the bytes out; `output` is how many the caller has room for.
    pub(crate) fn new(transfer: Transfer, given: &[u8], output: usize) -> Self {
        let make = |bytes: &[u8], size: usize| {
            (size > 0).then(|| {
                let block = Block::guarded(size);
                // What the caller did not give is what was there before.
                block.guest::<u8>().fill(0xCD, size);
                block.guest::<u8>().write_bytes(bytes);
                block
            })
        };
        let (input, output) = match transfer {
            Transfer::Buffered => (make(given, given.len().max(output)), None),
            // The bytes that a driver reads through the MDL are a part of the input for callers
            // of the lab, who give one: what they gave, as far as there is room.
            Transfer::InDirect => {
                (make(given, given.len()), make(&given[..given.len().min(output)], output))
            }
            Transfer::OutDirect | Transfer::Neither => {
                (make(given, given.len()), make(&[], output))
            }
            Transfer::Direct | Transfer::User => (None, make(given, given.len().max(output))),
        };
        let described =
            matches!(transfer, Transfer::InDirect | Transfer::OutDirect | Transfer::Direct);
        // Locked, but not mapped: the driver has to ask for the system's address.
        let mdl = output.as_ref().filter(|_| described);
        let mdl = mdl.map(|data| mdl::unmapped(Block::guarded, data));
        Self { transfer, input, output, mdl }
    }

    /// Writes the addresses into a request.
    pub(crate) fn describe(&self, irp: Guest<Irp>, location: Guest<StackLocation>) {
        let address = |block: &Option<Block>| block.as_ref().map_or(Guest::NULL, Block::guest);
        irp.set(Irp::MDL_ADDRESS, self.mdl.as_ref().map_or(Guest::NULL, Block::guest));
        match self.transfer {
            Transfer::Neither => {
                location.set(StackLocation::TYPE_3_INPUT_BUFFER, address(&self.input));
                irp.set(Irp::USER_BUFFER, address(&self.output));
            }
            Transfer::User => irp.set(Irp::USER_BUFFER, address(&self.output)),
            _ => irp.set(Irp::SYSTEM_BUFFER, address(&self.input)),
        }
    }

    /// Where the driver left what the caller gets.
    pub(crate) fn output(&self) -> Option<Guest<u8>> {
        let block = match self.transfer {
            Transfer::Buffered => &self.input,
            _ => &self.output,
        };
        block.as_ref().map(Block::guest)
    }

    /// Start and end of each buffer that is the user's own.
    pub(crate) fn user_ranges(&self) -> Vec<(u64, u64)> {
        let own = match self.transfer {
            Transfer::Neither => [self.input.as_ref(), self.output.as_ref()],
            Transfer::User => [None, self.output.as_ref()],
            _ => [None, None],
        };
        own.into_iter()
            .flatten()
            .map(|block| {
                let start = block.guest::<u8>().address();
                (start, start + block.size() as u64)
            })
            .collect()
    }
}

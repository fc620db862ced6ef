//! Which frames a tap or a mirror wants, and how much of them.

use crate::ndis::{Error, Result, Status, try_slice};
use alloc::boxed::Box;
use protocol::{FilterInstruction, limits};
use wire::{CaptureFilter, Instruction, Source};
use zerocopy::FromBytes;

/// A snap length, and a capture filter if there is one.
pub struct Selection {
    /// At least one.
    snap_length: u32,
    filter: Option<Filter>,
}

type Filter = CaptureFilter<Box<[Instruction]>>;

impl Selection {
    /// Reads `count` instructions, which must be all that there is in `bytes`, and checks them.
    ///
    /// # Errors
    ///
    /// - [`Status::INVALID_PARAMETER`]: there are fewer, more, or too many, or the filter is none
    ///   that is safe to run.
    /// - [`Error::Resources`].
    pub fn read(snap_length: u32, count: u32, bytes: &[u8]) -> Result<Self> {
        const INVALID: Error = Error::Other(Status::INVALID_PARAMETER);
        let count = usize::try_from(count).map_err(|_| INVALID)?;
        let size = count.checked_mul(size_of::<FilterInstruction>());
        if count > limits::FILTER_INSTRUCTIONS || size != Some(bytes.len()) {
            return Err(INVALID);
        }
        if count == 0 {
            return Ok(Self { snap_length, filter: None });
        }
        let mut rest = bytes;
        let instructions = try_slice(count, |_| {
            let (instruction, after) =
                FilterInstruction::read_from_prefix(rest).map_err(|_| INVALID)?;
            rest = after;
            Ok(Instruction {
                code: instruction.code,
                jt: instruction.jump_true,
                jf: instruction.jump_false,
                k: instruction.operand,
            })
        })?;
        let filter = CaptureFilter::new(instructions).map_err(|_| INVALID)?;
        Ok(Self { snap_length, filter: Some(filter) })
    }

    /// How many bytes of a frame are wanted; `None` for none of it.
    #[inline]
    pub fn of<S: Source>(&self, frame: &S) -> Option<u32> {
        let wanted = match &self.filter {
            None => self.snap_length,
            Some(filter) => run(filter, frame).min(self.snap_length),
        };
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        (wanted > 0).then_some(length.min(wanted))
    }

    /// Bytes wanted of each frame at most.
    #[must_use]
    pub const fn snap_length(&self) -> u32 {
        self.snap_length
    }

    /// Instructions of the filter.
    #[must_use]
    pub fn instructions(&self) -> u32 {
        let count = self.filter.as_ref().map_or(0, |filter| filter.instructions().len());
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// Out of line, so that who has no filter saves no registers for it.
#[inline(never)]
fn run<S: Source>(filter: &Filter, frame: &S) -> u32 {
    filter.run(frame)
}

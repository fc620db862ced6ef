//! Which frames a tap or a mirror wants, and how much of them.

use crate::ndis::{Error, Result, Status, try_slice};
use alloc::boxed::Box;
use protocol::{FilterInstruction, limits};
use wire::{CaptureFilter, Instruction, Source, WireError};
use zerocopy::FromBytes;

/// A snap length, and a capture filter if there is one.
///
/// # Invariants
///
/// `least` is at least one, and not more than `snap_length`.
pub struct Selection {
    /// Bytes that are wanted of each frame that is wanted.
    least: u32,
    snap_length: u32,
    filter: Option<Filter>,
}

type Filter = CaptureFilter<Box<[Instruction]>>;

impl Selection {
    /// Reads `count` instructions, which must be all that there is in `bytes`, and checks them and
    /// the snap length.
    ///
    /// # Errors
    ///
    /// - [`Status::INVALID_PARAMETER`]: the snap length is not even `least`, or zero; there are
    ///   fewer instructions, more, or too many, or the filter is none that is safe to run.
    /// - [`Error::Resources`].
    pub fn read(least: u32, snap_length: u32, count: u32, bytes: &[u8]) -> Result<Self> {
        const INVALID: Error = Error::Other(Status::INVALID_PARAMETER);
        if snap_length < least.max(1) {
            return Err(INVALID);
        }
        let count = usize::try_from(count).map_err(|_| INVALID)?;
        let size = count.checked_mul(size_of::<FilterInstruction>());
        if count > limits::FILTER_INSTRUCTIONS || size != Some(bytes.len()) {
            return Err(INVALID);
        }
        if count == 0 {
            return Ok(Self { least, snap_length, filter: None });
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
        Ok(Self { least, snap_length, filter: Some(filter) })
    }

    /// How many bytes of a frame are wanted; `None` for none of it.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`] where the filter looks at bytes that cannot be read.
    #[inline]
    pub fn of<S: Source>(&self, frame: &S) -> Result<Option<u32>, WireError> {
        let wanted = match &self.filter {
            None => self.snap_length,
            Some(filter) => match self.filtered(filter, frame)? {
                0 => return Ok(None),
                wanted => wanted,
            },
        };
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        Ok(Some(length.min(wanted)))
    }

    /// Out of line, so that who has no filter saves no registers for it.
    #[inline(never)]
    fn filtered<S: Source>(&self, filter: &Filter, frame: &S) -> Result<u32, WireError> {
        Ok(match filter.run(frame)? {
            0 => 0,
            wanted => wanted.max(self.least).min(self.snap_length),
        })
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

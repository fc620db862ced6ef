use thiserror::Error;

use super::{INSTRUCTION_LIMIT, SCRATCH_WORDS};

/// What is wrong with a capture filter. `at` is the index of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum FilterError {
    /// There is no instruction.
    #[error("the filter has no instructions")]
    Empty,
    /// There are more than [`INSTRUCTION_LIMIT`] instructions.
    #[error("the filter has more than {INSTRUCTION_LIMIT} instructions")]
    TooLong,
    /// The code stands for nothing.
    #[error("instruction {at}: no operation has this code")]
    UnknownCode {
        /// Where.
        at: usize,
    },
    /// It leads behind the last instruction.
    #[error("instruction {at}: the jump leads behind the end")]
    JumpTooFar {
        /// Where.
        at: usize,
    },
    /// It leads backwards, and the filter might never end: so does what tcpdump makes of `protochain`.
    #[error("instruction {at}: the jump leads backwards (protochain needs that)")]
    JumpBack {
        /// Where.
        at: usize,
    },
    /// It names a word of scratch memory that is not there.
    #[error("instruction {at}: the scratch memory has {SCRATCH_WORDS} words")]
    NoSuchWord {
        /// Where.
        at: usize,
    },
    /// It divides by the constant zero.
    #[error("instruction {at}: division by zero")]
    DivisionByZero {
        /// Where.
        at: usize,
    },
    /// It shifts by the 32 bits that there are, or more.
    #[error("instruction {at}: a shift by 32 bits or more")]
    ShiftTooFar {
        /// Where.
        at: usize,
    },
    /// It reads what Linux knows of a packet beside its bytes, which is not known here.
    #[error("instruction {at}: an offset that only Linux has a meaning for")]
    Extension {
        /// Where.
        at: usize,
    },
    /// The last instruction is not a return.
    #[error("the filter does not end with a return")]
    NoReturn,
}

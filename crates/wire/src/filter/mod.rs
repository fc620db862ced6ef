//! Capture filters: the classic Berkeley packet filter, as libpcap compiles it.

mod error;
mod instruction;
mod operation;
mod packet;

pub use error::FilterError;
pub use instruction::Instruction;

use crate::{Source, WireError};
use operation::{Arithmetic, Operand, Operation, Test, Value};
use packet::Packet;

/// Most instructions of a filter.
pub const INSTRUCTION_LIMIT: usize = 4096;

/// Words of scratch memory.
pub const SCRATCH_WORDS: usize = 16;

/// Offsets from here on stand for what Linux knows of a packet beside its bytes.
const EXTENSIONS: u32 = 0xFFFF_F000;

/// A capture filter that is sound: whatever the frame, it ends, and after at most as many steps as
/// it has instructions.
///
/// It looks at Ethernet frames, so it is to be compiled for `DLT_EN10MB`. `I` holds the instructions:
/// a slice, or what owns one.
///
/// ```
/// use wire::{CaptureFilter, Instruction};
///
/// // tcpdump -dd arp
/// let arp = [
///     Instruction { code: 0x28, jt: 0, jf: 0, k: 0x0000000c },
///     Instruction { code: 0x15, jt: 0, jf: 1, k: 0x00000806 },
///     Instruction { code: 0x6, jt: 0, jf: 0, k: 0x00040000 },
///     Instruction { code: 0x6, jt: 0, jf: 0, k: 0x00000000 },
/// ];
/// let filter = CaptureFilter::new(&arp[..])?;
/// let mut frame = [0; 60];
/// assert_eq!(filter.run(&frame[..]), Ok(0));
/// frame[12..14].copy_from_slice(&[0x08, 0x06]);
/// assert_eq!(filter.run(&frame[..]), Ok(0x0004_0000));
/// # Ok::<(), wire::FilterError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CaptureFilter<I> {
    instructions: I,
}

impl<I: AsRef<[Instruction]>> CaptureFilter<I> {
    /// Checks `instructions`: at least one, at most [`INSTRUCTION_LIMIT`], every code known, every
    /// jump within the filter (they only lead forwards), every word of scratch memory there, no
    /// division by the constant zero, no shift by 32 bits or more, and a return at the end.
    ///
    /// # Errors
    ///
    /// The first [`FilterError`] found.
    pub fn new(instructions: I) -> Result<Self, FilterError> {
        let all = instructions.as_ref();
        if all.len() > INSTRUCTION_LIMIT {
            return Err(FilterError::TooLong);
        }
        for (at, instruction) in all.iter().enumerate() {
            check(*instruction, at, all.len())?;
        }
        match all.last().map(|last| Operation::decode(last.code)) {
            None => Err(FilterError::Empty),
            Some(Some(Operation::Return | Operation::ReturnAccumulator)) => {
                Ok(Self { instructions })
            }
            Some(_) => Err(FilterError::NoReturn),
        }
    }

    /// The instructions.
    pub fn instructions(&self) -> &[Instruction] {
        self.instructions.as_ref()
    }

    /// Looks at a frame, and says how many of its first bytes to keep: zero for a frame that is not
    /// wanted, and there may be fewer in the frame.
    ///
    /// A filter that looks behind the end of the frame, or divides by zero, does not want it.
    ///
    /// # Errors
    ///
    /// [`WireError::Unreadable`] where it looks at bytes that cannot be read.
    pub fn run<S: Source + ?Sized>(&self, frame: &S) -> Result<u32, WireError> {
        let mut state = State { accumulator: 0, index: 0, scratch: [0; SCRATCH_WORDS] };
        let packet = Packet::new(frame);
        let mut rest = self.instructions.as_ref().iter();
        while let Some(instruction) = rest.next() {
            match state.step(*instruction, &packet) {
                Some(Step::On(0)) => {}
                Some(Step::On(skipped)) => {
                    if rest.nth(skipped.saturating_sub(1)).is_none() {
                        return Ok(0);
                    }
                }
                Some(Step::Keep(bytes)) => return Ok(bytes),
                None if packet.is_unreadable() => return Err(WireError::Unreadable),
                None => return Ok(0),
            }
        }
        Ok(0)
    }
}

/// What one instruction, alone, can have wrong.
fn check(instruction: Instruction, at: usize, len: usize) -> Result<(), FilterError> {
    let Instruction { code, jt, jf, k } = instruction;
    let behind = len.saturating_sub(at).saturating_sub(1);
    let leads_out = |skipped: u32| usize::try_from(skipped).map_or(true, |skip| skip >= behind);
    let no_word = usize::try_from(k).map_or(true, |word| word >= SCRATCH_WORDS);
    let operation = Operation::decode(code).ok_or(FilterError::UnknownCode { at })?;
    let wrong = match operation {
        Operation::Load(Value::Scratch)
        | Operation::LoadIndex(Value::Scratch)
        | Operation::Store
        | Operation::StoreIndex => no_word.then_some(FilterError::NoSuchWord { at }),
        Operation::Load(Value::Absolute(_) | Value::Indexed(_))
        | Operation::LoadIndex(Value::HeaderLength) => {
            (k >= EXTENSIONS).then_some(FilterError::Extension { at })
        }
        Operation::Compute(Arithmetic::Divide | Arithmetic::Modulo, Operand::Constant) => {
            (k == 0).then_some(FilterError::DivisionByZero { at })
        }
        Operation::Compute(Arithmetic::ShiftLeft | Arithmetic::ShiftRight, Operand::Constant) => {
            (k >= u32::BITS).then_some(FilterError::ShiftTooFar { at })
        }
        // A distance is a number with a sign.
        Operation::Jump if k > i32::MAX.unsigned_abs() => Some(FilterError::JumpBack { at }),
        Operation::Jump => leads_out(k).then_some(FilterError::JumpTooFar { at }),
        Operation::Branch(..) => {
            let furthest = u32::from(jt.max(jf));
            leads_out(furthest).then_some(FilterError::JumpTooFar { at })
        }
        _ => None,
    };
    wrong.map_or(Ok(()), Err)
}

/// The registers.
struct State {
    accumulator: u32,
    index: u32,
    scratch: [u32; SCRATCH_WORDS],
}

/// How it goes on.
enum Step {
    /// With the instruction behind so many.
    On(usize),
    /// Not at all: so many bytes are kept.
    Keep(u32),
}

impl State {
    /// Does what one instruction says; none where the frame ends before, or for a division by zero.
    #[inline]
    fn step<S: Source + ?Sized>(
        &mut self,
        instruction: Instruction,
        packet: &Packet<'_, S>,
    ) -> Option<Step> {
        let Instruction { code, jt, jf, k } = instruction;
        match Operation::decode(code)? {
            Operation::Load(value) => self.accumulator = self.value(value, k, packet)?,
            Operation::LoadIndex(value) => self.index = self.value(value, k, packet)?,
            Operation::Store => *self.word(k)? = self.accumulator,
            Operation::StoreIndex => *self.word(k)? = self.index,
            Operation::Compute(arithmetic, operand) => {
                let operand = self.operand(operand, k);
                self.accumulator = compute(arithmetic, self.accumulator, operand)?;
            }
            Operation::Negate => self.accumulator = self.accumulator.wrapping_neg(),
            Operation::Jump => return usize::try_from(k).ok().map(Step::On),
            Operation::Branch(test, operand) => {
                let holds = holds(test, self.accumulator, self.operand(operand, k));
                return Some(Step::On(usize::from(if holds { jt } else { jf })));
            }
            Operation::Return => return Some(Step::Keep(k)),
            Operation::ReturnAccumulator => return Some(Step::Keep(self.accumulator)),
            Operation::CopyToIndex => self.index = self.accumulator,
            Operation::CopyFromIndex => self.accumulator = self.index,
        }
        Some(Step::On(0))
    }

    #[inline]
    fn value<S: Source + ?Sized>(
        &mut self,
        value: Value,
        k: u32,
        packet: &Packet<'_, S>,
    ) -> Option<u32> {
        match value {
            Value::Constant => Some(k),
            Value::Scratch => self.word(k).copied(),
            Value::Length => Some(packet.len()),
            Value::Absolute(width) => packet.load(k, width),
            Value::Indexed(width) => packet.load(self.index.checked_add(k)?, width),
            Value::HeaderLength => packet.header_length(k),
        }
    }

    fn word(&mut self, k: u32) -> Option<&mut u32> {
        self.scratch.get_mut(usize::try_from(k).ok()?)
    }

    const fn operand(&self, operand: Operand, k: u32) -> u32 {
        match operand {
            Operand::Constant => k,
            Operand::Index => self.index,
        }
    }
}

const fn compute(arithmetic: Arithmetic, left: u32, right: u32) -> Option<u32> {
    Some(match arithmetic {
        Arithmetic::Add => left.wrapping_add(right),
        Arithmetic::Subtract => left.wrapping_sub(right),
        Arithmetic::Multiply => left.wrapping_mul(right),
        Arithmetic::Divide => return left.checked_div(right),
        Arithmetic::Modulo => return left.checked_rem(right),
        Arithmetic::Or => left | right,
        Arithmetic::And => left & right,
        Arithmetic::ExclusiveOr => left ^ right,
        Arithmetic::ShiftLeft if right < u32::BITS => left.wrapping_shl(right),
        Arithmetic::ShiftRight if right < u32::BITS => left.wrapping_shr(right),
        // All bits are shifted out.
        Arithmetic::ShiftLeft | Arithmetic::ShiftRight => 0,
    })
}

const fn holds(test: Test, left: u32, right: u32) -> bool {
    match test {
        Test::Equal => left == right,
        Test::Greater => left > right,
        Test::GreaterOrEqual => left >= right,
        Test::AnyBit => left & right != 0,
    }
}

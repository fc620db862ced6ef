/// What an instruction does to the accumulator, the index register, the scratch memory and the
/// counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// The accumulator becomes this.
    Load(Value),
    /// The index register becomes this.
    LoadIndex(Value),
    /// A word of the scratch memory becomes the accumulator.
    Store,
    /// A word of the scratch memory becomes the index register.
    StoreIndex,
    /// The accumulator becomes the result of it and the operand.
    Compute(Arithmetic, Operand),
    /// The accumulator becomes its two's complement.
    Negate,
    /// So many instructions are skipped.
    Jump,
    /// Instructions are skipped, by the outcome of a test of the accumulator.
    Branch(Test, Operand),
    /// It ends with so many bytes to keep.
    Return,
    /// It ends with as many bytes to keep as the accumulator says.
    ReturnAccumulator,
    /// The index register becomes the accumulator.
    CopyToIndex,
    /// The accumulator becomes the index register.
    CopyFromIndex,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The instruction's operand.
    Constant,
    /// A word of the scratch memory.
    Scratch,
    /// The frame's length.
    Length,
    /// The frame, so many bytes from its start.
    Absolute(Width),
    /// The frame, so many bytes behind the index register.
    Indexed(Width),
    /// Four times the low half of a byte of the frame: the length of an IPv4 header.
    HeaderLength,
}

/// How many bytes of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Word,
    Half,
    Byte,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Or,
    And,
    ExclusiveOr,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// The second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Constant,
    Index,
}

impl Operation {
    /// What `code` stands for; none where it stands for nothing.
    ///
    /// The three low bits are the class, the others depend on it; a bit that means nothing is an
    /// error.
    #[expect(clippy::inline_always, reason = "it runs at each step, and halves its cost")]
    #[inline(always)]
    pub(super) const fn decode(code: u16) -> Option<Self> {
        let operand = if code & 0x08 == 0 { Operand::Constant } else { Operand::Index };
        Some(match code {
            0x00 => Self::Load(Value::Constant),
            0x20 => Self::Load(Value::Absolute(Width::Word)),
            0x28 => Self::Load(Value::Absolute(Width::Half)),
            0x30 => Self::Load(Value::Absolute(Width::Byte)),
            0x40 => Self::Load(Value::Indexed(Width::Word)),
            0x48 => Self::Load(Value::Indexed(Width::Half)),
            0x50 => Self::Load(Value::Indexed(Width::Byte)),
            0x60 => Self::Load(Value::Scratch),
            0x80 => Self::Load(Value::Length),
            0x01 => Self::LoadIndex(Value::Constant),
            0x61 => Self::LoadIndex(Value::Scratch),
            0x81 => Self::LoadIndex(Value::Length),
            0xB1 => Self::LoadIndex(Value::HeaderLength),
            0x02 => Self::Store,
            0x03 => Self::StoreIndex,
            0x04 | 0x0C => Self::Compute(Arithmetic::Add, operand),
            0x14 | 0x1C => Self::Compute(Arithmetic::Subtract, operand),
            0x24 | 0x2C => Self::Compute(Arithmetic::Multiply, operand),
            0x34 | 0x3C => Self::Compute(Arithmetic::Divide, operand),
            0x44 | 0x4C => Self::Compute(Arithmetic::Or, operand),
            0x54 | 0x5C => Self::Compute(Arithmetic::And, operand),
            0x64 | 0x6C => Self::Compute(Arithmetic::ShiftLeft, operand),
            0x74 | 0x7C => Self::Compute(Arithmetic::ShiftRight, operand),
            0x84 => Self::Negate,
            0x94 | 0x9C => Self::Compute(Arithmetic::Modulo, operand),
            0xA4 | 0xAC => Self::Compute(Arithmetic::ExclusiveOr, operand),
            0x05 => Self::Jump,
            0x15 | 0x1D => Self::Branch(Test::Equal, operand),
            0x25 | 0x2D => Self::Branch(Test::Greater, operand),
            0x35 | 0x3D => Self::Branch(Test::GreaterOrEqual, operand),
            0x45 | 0x4D => Self::Branch(Test::AnyBit, operand),
            0x06 => Self::Return,
            0x16 => Self::ReturnAccumulator,
            0x07 => Self::CopyToIndex,
            0x87 => Self::CopyFromIndex,
            _ => return None,
        })
    }
}

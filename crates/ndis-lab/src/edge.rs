//! What the drivers at the two ends of a stack do with what reaches them.

/// When a driver at an end of the stack gives lists back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// Before the call that brought them returns.
    #[default]
    Inline,
    /// Soon, on another thread, at DISPATCH_LEVEL.
    Deferred,
    /// When the test releases them.
    Held,
}

/// In which order held lists are given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// As they came, in one chain.
    #[default]
    Forward,
    /// The last one first, in one chain.
    Reverse,
    /// As they came, each in a call of its own.
    OneByOne,
}

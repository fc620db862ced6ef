use super::operation::Width;
use crate::Source;
use core::cell::Cell;

/// Bytes that are read at once: most filters look at nothing behind them.
const WINDOW: usize = 96;

/// The frame that a filter looks at.
pub(super) struct Packet<'f, S: ?Sized> {
    frame: &'f S,
    /// The frame's first bytes.
    window: [u8; WINDOW],
    /// How many of them there are.
    filled: usize,
    /// Whether bytes of the frame were looked at that cannot be read.
    is_unreadable: Cell<bool>,
}

impl<'f, S: Source + ?Sized> Packet<'f, S> {
    pub(super) fn new(frame: &'f S) -> Self {
        let mut window = [0; WINDOW];
        let filled = frame.len().min(WINDOW);
        let read = window.get_mut(..filled).is_some_and(|into| frame.read(0, into));
        let filled = if read { filled } else { 0 };
        Self { frame, window, filled, is_unreadable: Cell::new(false) }
    }

    /// Whether bytes of the frame were looked at that cannot be read.
    pub(super) const fn is_unreadable(&self) -> bool {
        self.is_unreadable.get()
    }

    /// Bytes of the frame.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.frame.len()).unwrap_or(u32::MAX)
    }

    /// The number at `offset`; none where the frame ends before.
    pub(super) fn load(&self, offset: u32, width: Width) -> Option<u32> {
        match width {
            Width::Word => self.bytes(offset).map(u32::from_be_bytes),
            Width::Half => self.bytes(offset).map(|bytes| u16::from_be_bytes(bytes).into()),
            Width::Byte => self.bytes(offset).map(|bytes| u8::from_be_bytes(bytes).into()),
        }
    }

    /// The length of the IPv4 header at `offset`, in bytes.
    pub(super) fn header_length(&self, offset: u32) -> Option<u32> {
        let [byte] = self.bytes(offset)?;
        Some(u32::from(byte & 0xF) << 2)
    }

    #[inline]
    fn bytes<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let offset = usize::try_from(offset).ok()?;
        let window = self.window.get(..self.filled)?;
        if let Some(bytes) = window.get(offset..).and_then(<[u8]>::first_chunk) {
            return Some(*bytes);
        }
        let end = offset.checked_add(N)?;
        let mut bytes = [0; N];
        if end > self.frame.len() {
            return None;
        }
        let is_read = self.frame.read(offset, &mut bytes);
        self.is_unreadable.set(!is_read);
        is_read.then_some(bytes)
    }
}

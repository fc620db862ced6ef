//! A buffer of records that any processor fills without a lock, and one reader at a time empties.
//!
//! ```text
//!            head                         tail
//!   │ ······· │ record │ record │ reserved │ ······ │      one reader          many writers
//!               ▲ committed: its first word is its size
//!                                  ▲ not committed yet: its first word is zero
//! ```
//!
//! A record lies in one piece: where the end of the buffer is too near, padding goes first. What
//! the reader has taken is cleared, so that whatever is reserved next starts as zeros.
#![expect(unsafe_code, reason = "lends out pieces of one block")]

use super::{memory::Block, status::Result};
use core::{
    marker::PhantomData,
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
};

/// What records are aligned to, in bytes.
const ALIGNMENT: usize = 8;

/// Bytes of a record's first word.
const WORD: usize = size_of::<u32>();

/// In the first word of a record: it is padding, to be passed over.
const PADDING: u32 = 1 << 31;

/// Bytes of the largest buffer: no size of a record reaches the bit of [`PADDING`].
const MOST: usize = 1 << 30;

/// A buffer of records.
///
/// # Invariants
///
/// - `capacity` is a power of two, at most [`MOST`], and the size of `block`.
/// - The bytes from `head` to `tail`, modulo `capacity`, are records, each of whose first word is
///   its size, once it is committed, or zero. All others are zero.
/// - A record that is not committed is its writer's alone; one that is, is the reader's.
pub struct Ring {
    block: Block,
    capacity: usize,
    head: AtomicUsize,
    tail: AtomicUsize,
    reading: AtomicBool,
}

impl Ring {
    /// A buffer of at least `bytes` bytes, rounded up to a power of two, and of no more than a
    /// gigabyte.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub fn try_new(bytes: u32) -> Result<Self> {
        let capacity = (bytes as usize).clamp(ALIGNMENT, MOST).next_power_of_two();
        Ok(Self {
            block: Block::new(capacity)?,
            capacity,
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            reading: AtomicBool::new(false),
        })
    }

    /// Bytes of the buffer.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        u32::try_from(self.capacity).unwrap_or(u32::MAX)
    }

    /// Bytes that are reserved or wait to be read.
    ///
    /// # IRQL
    ///
    /// Any.
    pub fn used(&self) -> usize {
        // The head first: it never passes the tail.
        let head = self.head.load(Ordering::Acquire);
        self.tail.load(Ordering::Acquire).saturating_sub(head)
    }

    /// How far into the block a position lies.
    const fn offset(&self, position: usize) -> usize {
        position & self.capacity.wrapping_sub(1)
    }

    /// Where a position lies in the block.
    const fn place(&self, position: usize) -> NonNull<u8> {
        // SAFETY: within the block, modulo its size.
        unsafe { self.block.start().add(self.offset(position)) }
    }

    /// Reserves a record of `bytes` bytes behind its first word; `None` where there is no room.
    ///
    /// # IRQL
    ///
    /// Any.
    #[inline]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation<'_>> {
        let size = bytes.saturating_add(WORD).saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1);
        if size > self.capacity {
            return None;
        }
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let mut offset = self.offset(tail);
            // What is left of the block, if the record does not fit there.
            let left = self.capacity.wrapping_sub(offset);
            let padding = if size > left { left } else { 0 };
            // Positions count bytes since the start: in 64 bits they do not wrap.
            let end = tail.wrapping_add(padding).wrapping_add(size);
            // Acquire: pairs with the reader's Release, so that what it cleared is seen cleared.
            let head = self.head.load(Ordering::Acquire);
            // A head in front of the end is newer than the tail, and looks as if all were full.
            if end.wrapping_sub(head) > self.capacity {
                let now = self.tail.load(Ordering::Relaxed);
                if now == tail {
                    return None;
                }
                tail = now;
                continue;
            }
            match self.tail.compare_exchange_weak(tail, end, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    if padding > 0 {
                        self.pass_over(tail, padding);
                        offset = 0;
                    }
                    // SAFETY: within the block.
                    let start = unsafe { self.block.start().add(offset) };
                    // INVARIANT: from `tail` to `end` the bytes are this writer's alone.
                    return Some(Reservation { start, bytes, size, _ring: PhantomData });
                }
                Err(now) => tail = now,
            }
        }
    }

    /// Fills what is left of the block with padding, which its writer has reserved.
    #[cold]
    fn pass_over(&self, tail: usize, padding: usize) {
        let padding = u32::try_from(padding).unwrap_or_default();
        // SAFETY: what is reserved starts there, as a record of its own.
        let word = unsafe { first_word(self.place(tail)) };
        word.store(padding | PADDING, Ordering::Release);
    }

    /// Begins to read, if nobody else does.
    ///
    /// # IRQL
    ///
    /// Any.
    pub fn read(&self) -> Option<Reader<'_>> {
        let busy = self.reading.swap(true, Ordering::Acquire);
        (!busy).then_some(Reader { ring: self, _alone: PhantomData })
    }
}

/// The first word of a record.
///
/// # Safety
///
/// `start` is the start of a record in a ring that lives for `'r`.
const unsafe fn first_word<'r>(start: NonNull<u8>) -> &'r AtomicU32 {
    // SAFETY: a record is aligned, and lies in the ring's block. A first word is only ever accessed
    // atomically while its record is between commit and clearing.
    unsafe { AtomicU32::from_ptr(start.cast::<u32>().as_ptr()) }
}

/// `bytes` bytes behind the first word of a record.
///
/// # Safety
///
/// `start` is the start of a record of so many bytes in a ring that lives for `'r`; the caller alone
/// has it.
const unsafe fn behind_first_word<'r>(start: NonNull<u8>, bytes: usize) -> &'r mut [u8] {
    // SAFETY: a record has a first word.
    let start = unsafe { start.add(WORD) };
    // SAFETY: a record lies in one piece of the block, which is initialised; nobody else has
    // these bytes by the caller's promise.
    unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), bytes) }
}

/// A record that is being written; dropped without a commit, it is passed over.
///
/// # Invariants
///
/// The `size` bytes at `start` are a record of a ring, which is not committed, and of which the
/// writer asked for `bytes` behind the first word.
pub struct Reservation<'r> {
    start: NonNull<u8>,
    bytes: usize,
    size: usize,
    _ring: PhantomData<&'r Ring>,
}

impl Reservation<'_> {
    /// The bytes that were asked for: zeros at first.
    #[inline]
    pub const fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: a record that is not committed is its writer's, by the invariants.
        unsafe { behind_first_word(self.start, self.bytes) }
    }

    /// Lets the reader have it.
    #[inline]
    pub fn commit(self) {
        self.finish(0);
        core::mem::forget(self);
    }

    fn finish(&self, flag: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "a buffer has no more than `MOST`")]
        let size = self.size as u32;
        // SAFETY: the start of a record, by the invariants.
        let word = unsafe { first_word(self.start) };
        // Release: the reader sees the record whole.
        word.store(size | flag, Ordering::Release);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.finish(PADDING);
    }
}

/// The right to read, which one has at a time.
pub struct Reader<'r> {
    ring: &'r Ring,
    _alone: PhantomData<*mut ()>,
}

impl Reader<'_> {
    /// Takes the next record, if one is committed and `take` wants it: it is lent the record's
    /// bytes behind the first word.
    ///
    /// Whether one was taken.
    pub fn next(&mut self, mut take: impl FnMut(u32, &[u8]) -> bool) -> bool {
        loop {
            let head = self.ring.head.load(Ordering::Relaxed);
            if head == self.ring.tail.load(Ordering::Acquire) {
                return false;
            }
            let start = self.ring.place(head);
            // SAFETY: a record starts at the head, which is not the tail.
            let word = unsafe { first_word(start) };
            // Acquire: pairs with the commit.
            let first = word.load(Ordering::Acquire);
            let size = first & !PADDING;
            if size == 0 {
                return false;
            }
            let padding = first & PADDING != 0;
            // SAFETY: a committed record is the reader's, by the ring's invariants.
            let bytes = unsafe { behind_first_word(start, (size as usize).saturating_sub(WORD)) };
            if !padding && !take(size, bytes) {
                return false;
            }
            bytes.fill(0);
            word.store(0, Ordering::Relaxed);
            // Release: writers find the bytes cleared.
            self.ring.head.store(head.saturating_add(size as usize), Ordering::Release);
            if !padding {
                return true;
            }
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.ring.reading.store(false, Ordering::Release);
    }
}

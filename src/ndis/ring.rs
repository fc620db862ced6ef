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
pub const RING_ALIGNMENT: u32 = 8;

/// Bytes of a record's first word.
const WORD: u32 = 4;

/// In the first word of a record: it is padding, to be passed over.
const PADDING: u32 = 1 << 31;

/// A buffer of records.
///
/// # Invariants
///
/// - `capacity` is a power of two, and the size of `block`.
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
    /// A buffer of at least `bytes` bytes, rounded up to a power of two.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub fn try_new(bytes: u32) -> Result<Self> {
        let capacity = bytes.max(RING_ALIGNMENT).next_power_of_two();
        Ok(Self {
            block: Block::new(capacity as usize)?,
            capacity: capacity as usize,
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

    /// Where position `position` lies in the block.
    const fn place(&self, position: usize) -> usize {
        position & self.capacity.wrapping_sub(1)
    }

    /// The first word of a record.
    ///
    /// # Safety
    ///
    /// `position` is a multiple of the alignment.
    unsafe fn word(&self, position: usize) -> &AtomicU32 {
        // SAFETY: within the block, modulo its size.
        let place = unsafe { self.block.start().add(self.place(position)) };
        // SAFETY: aligned by the caller's promise; lives as long as the block. A first word is
        // only ever accessed atomically while its record is between commit and clearing.
        unsafe { AtomicU32::from_ptr(place.cast::<u32>().as_ptr()) }
    }

    /// Reserves a record of `size` bytes, which is a multiple of [`RING_ALIGNMENT`] and not zero;
    /// `None` where there is no room.
    ///
    /// # IRQL
    ///
    /// Any.
    pub fn reserve(&self, size: u32) -> Option<Reservation<'_>> {
        if size == 0 || !size.is_multiple_of(RING_ALIGNMENT) || size >= PADDING {
            return None;
        }
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            // What is left of the block, if the record does not fit there.
            let left = self.capacity.saturating_sub(self.place(tail));
            let padding = if size as usize > left { left } else { 0 };
            let end = tail.checked_add(padding)?.checked_add(size as usize)?;
            // Acquire: pairs with the reader's Release, so that what it cleared is seen cleared.
            let head = self.head.load(Ordering::Acquire);
            if end.saturating_sub(head) > self.capacity {
                let now = self.tail.load(Ordering::Relaxed);
                if now == tail {
                    return None;
                }
                tail = now;
                continue;
            }
            match self.tail.compare_exchange_weak(tail, end, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    if let Ok(padding @ 1..) = u32::try_from(padding) {
                        // SAFETY: positions are sums of multiples of the alignment.
                        let word = unsafe { self.word(tail) };
                        word.store(padding | PADDING, Ordering::Release);
                    }
                    let position = tail.saturating_add(padding);
                    // INVARIANT: from `tail` to `end` the bytes are this writer's alone.
                    return Some(Reservation { ring: self, position, size });
                }
                Err(now) => tail = now,
            }
        }
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

    /// `size` bytes from `position` on.
    ///
    /// # Safety
    ///
    /// The bytes are one record, of which the caller alone has these.
    #[expect(clippy::mut_from_ref, reason = "the record's one owner asks")]
    unsafe fn bytes(&self, position: usize, size: u32) -> &mut [u8] {
        // SAFETY: within the block, modulo its size.
        let start: NonNull<u8> = unsafe { self.block.start().add(self.place(position)) };
        // SAFETY: a record lies in one piece of the block, which is initialised; nobody else has
        // these bytes by the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), size as usize) }
    }
}

/// A record that is being written; dropped without a commit, it is passed over.
///
/// # Invariants
///
/// The `size` bytes at `position` are a record that is not committed.
pub struct Reservation<'r> {
    ring: &'r Ring,
    position: usize,
    size: u32,
}

impl Reservation<'_> {
    /// The record behind its first word, which is for its size: zeros at first.
    pub fn bytes(&mut self) -> &mut [u8] {
        let position = self.position.saturating_add(WORD as usize);
        // SAFETY: a record that is not committed is its writer's, by the invariants.
        unsafe { self.ring.bytes(position, self.size.saturating_sub(WORD)) }
    }

    /// Lets the reader have it.
    pub fn commit(self) {
        self.finish(self.size);
        core::mem::forget(self);
    }

    fn finish(&self, word: u32) {
        // SAFETY: a reservation's position is a multiple of the alignment.
        let place = unsafe { self.ring.word(self.position) };
        // Release: the reader sees the record whole.
        place.store(word, Ordering::Release);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.finish(self.size | PADDING);
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
            // SAFETY: positions are sums of multiples of the alignment.
            let word = unsafe { self.ring.word(head) };
            // Acquire: pairs with the commit.
            let first = word.load(Ordering::Acquire);
            let size = first & !PADDING;
            if size == 0 {
                return false;
            }
            let padding = first & PADDING != 0;
            let behind = head.saturating_add(WORD as usize);
            // SAFETY: a committed record is the reader's, by the ring's invariants.
            let bytes = unsafe { self.ring.bytes(behind, size.saturating_sub(WORD)) };
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

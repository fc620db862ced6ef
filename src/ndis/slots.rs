//! The slots of frame buffers, and the list of those that are free, which no lock guards.
#![expect(unsafe_code, reason = "lends out raw memory")]

use super::{
    mdl::Mdl,
    status::{Error, Result},
};
use alloc::boxed::Box;
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// A slot by its number plus one, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    pub(super) const NONE: Self = Self(0);

    /// The slot with this number.
    pub(super) const fn to(number: u32) -> Self {
        Self(number.wrapping_add(1))
    }
}

/// One buffer.
///
/// # Invariants
///
/// `data` is the start of `size` bytes that are initialised and that nobody else touches, and
/// `mdl` describes exactly these.
pub(super) struct Slot {
    pub(super) mdl: Mdl,
    data: NonNull<u8>,
    size: u32,
    /// What follows in the free list, or in a frame.
    next: AtomicU32,
}

// SAFETY: the bytes go along with the slot.
unsafe impl Send for Slot {}
// SAFETY: a shared slot gives its bytes only to its one owner, by `Slot::bytes`.
unsafe impl Sync for Slot {}

impl Slot {
    /// # Safety
    ///
    /// From `data` on, `size` initialised bytes are this slot's alone and outlive it; `mdl`
    /// describes exactly these.
    pub(super) const unsafe fn new(mdl: Mdl, data: NonNull<u8>, size: u32) -> Self {
        Self { mdl, data, size, next: AtomicU32::new(0) }
    }

    pub(super) fn next(&self) -> Link {
        Link(self.next.load(Ordering::Relaxed))
    }

    pub(super) fn set_next(&self, next: Link) {
        self.next.store(next.0, Ordering::Relaxed);
    }

    /// `length` bytes from `offset` on; `None` where they do not lie within the slot.
    ///
    /// # Safety
    ///
    /// The slot is the caller's alone, and lends its bytes once at a time.
    #[expect(clippy::mut_from_ref, reason = "the caller is the slot's one owner")]
    pub(super) unsafe fn bytes(&self, offset: u32, length: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(length)?;
        if end > usize::try_from(self.size).ok()? {
            return None;
        }
        // SAFETY: within the slot, as just checked.
        let start = unsafe { self.data.add(start) };
        // SAFETY: initialised by the type's invariant, and borrowed once by the caller's promise.
        Some(unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) })
    }
}

/// All slots of a module, and which of them are free.
///
/// The head is a link and a generation, which every change raises: who takes slots on the strength
/// of an old head finds it changed, even where the same slot is first again.
///
/// # Invariants
///
/// From the head on, the links lead over slots that nobody owns.
pub(super) struct Slots {
    all: Box<[Slot]>,
    head: AtomicU64,
    count: AtomicU32,
}

/// A run of slots that belong together, linked from the first to the last.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) first: Link,
    pub(super) last: Link,
    pub(super) slots: u32,
}

const fn link_of(head: u64) -> Link {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is the link")]
    Link(head as u32)
}

const fn head_after(head: u64, link: Link) -> u64 {
    (head >> 32).wrapping_add(1) << 32 | link.0 as u64
}

impl Slots {
    /// All slots, free.
    pub(super) fn new(slots: Box<[Slot]>) -> Self {
        let mut head = Link::NONE;
        let mut count = 0_u32;
        for slot in &slots {
            slot.set_next(head);
            head = Link::to(count);
            count = count.saturating_add(1);
        }
        Self { all: slots, head: AtomicU64::new(head.0.into()), count: AtomicU32::new(count) }
    }

    /// The slot that a link leads to.
    pub(super) fn get(&self, link: Link) -> Option<&Slot> {
        self.all.get(usize::try_from(link.0).ok()?.checked_sub(1)?)
    }

    /// Slots that nobody owns.
    pub(super) fn free(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes `count` slots, at least one; they are the caller's alone.
    ///
    /// # IRQL
    ///
    /// Any.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]: too few are free.
    pub(super) fn take(&self, count: u32) -> Result<Run> {
        // Acquire: pairs with the Release that put the slots back, so that their links are seen.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let Some((run, rest)) = self.run_from(link_of(head), count) else {
                let now = self.head.load(Ordering::Acquire);
                if now == head {
                    return Err(Error::Exhausted);
                }
                head = now;
                continue;
            };
            let after = head_after(head, rest);
            // INVARIANT: the head has not changed, so the links were those of free slots, and from
            // now on nobody else finds these.
            match self.head.compare_exchange_weak(head, after, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => {
                    self.count.fetch_sub(count, Ordering::Relaxed);
                    if let Some(last) = self.get(run.last) {
                        last.set_next(Link::NONE);
                    }
                    return Ok(run);
                }
                Err(now) => head = now,
            }
        }
    }

    /// Follows `count` links from `first` on, and gives what comes after.
    fn run_from(&self, first: Link, count: u32) -> Option<(Run, Link)> {
        let mut last = first;
        let mut next = self.get(first)?.next();
        for _ in 1..count {
            last = next;
            next = self.get(last)?.next();
        }
        Some((Run { first, last, slots: count }, next))
    }

    /// Puts slots back that [`Slots::take`] gave.
    ///
    /// # IRQL
    ///
    /// Any.
    pub(super) fn put_back(&self, run: Run) {
        let Some(last) = self.get(run.last) else { return };
        // Before they are found: the count is never below what is found.
        self.count.fetch_add(run.slots, Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            last.set_next(link_of(head));
            let after = head_after(head, run.first);
            // Release: whoever takes them sees their links, and that their bytes are done with.
            match self.head.compare_exchange_weak(head, after, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

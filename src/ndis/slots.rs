//! The slots of frame buffers, and the list of those that are free, which no lock guards.
#![expect(unsafe_code, reason = "lends out raw memory")]

use super::{
    mdl::Mdl,
    status::{Error, Result},
};
use alloc::boxed::Box;
use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
};

/// A slot by its number plus one, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link(u32);

impl Link {
    const NONE: Self = Self(0);
}

/// One buffer.
///
/// # Invariants
///
/// - `data` is the start of `size` bytes that are initialised, and nobody's but the slot's owner's;
///   `mdl` describes exactly these.
/// - `next` is null, or a slot of the same [`Slots`].
pub(super) struct Slot {
    pub(super) mdl: Mdl,
    data: NonNull<u8>,
    size: u32,
    /// What leads to this slot.
    link: Link,
    /// What follows in the free list, or in a run.
    next: AtomicPtr<Slot>,
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
        Self { mdl, data, size, link: Link::NONE, next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The slot that follows, where one does.
    pub(super) fn next(&self) -> Option<&Self> {
        // SAFETY: by the type's invariant one of the same slots, which live as long as this one.
        unsafe { self.next.load(Ordering::Relaxed).as_ref() }
    }

    /// # Safety
    ///
    /// `next` is of the same [`Slots`].
    pub(super) unsafe fn set_next(&self, next: Option<&Self>) {
        let next = next.map_or(ptr::null_mut(), |next| ptr::from_ref(next).cast_mut());
        // INVARIANT: the caller's promise.
        self.next.store(next, Ordering::Relaxed);
    }

    /// `length` bytes from `offset` on; `None` where they do not lie within the slot.
    ///
    /// # Safety
    ///
    /// For as long as the result is used, the slot is the caller's alone, and lends these bytes to
    /// nobody else.
    #[expect(clippy::mut_from_ref, reason = "the caller is the slot's one owner")]
    pub(super) unsafe fn bytes(&self, offset: u32, length: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(length)?;
        if end > usize::try_from(self.size).ok()? {
            return None;
        }
        // SAFETY: within the slot, as just checked.
        let start = unsafe { self.data.add(start) };
        // SAFETY: within the slot, initialised by the type's invariant, and borrowed once by the
        // caller's promise.
        Some(unsafe { core::slice::from_raw_parts_mut(start.as_ptr(), length) })
    }
}

/// All slots of a module, and which of them are free.
///
/// The head is a link and a generation, which every change raises: who takes slots on the strength
/// of an old head finds it changed, even where the same slot is first again. The generation comes
/// round after four thousand million changes, which nobody looks on at between two instructions.
///
/// # Invariants
///
/// - `all` came from a box, and nobody but this frees it.
/// - From the head on, the links lead over slots that nobody owns.
pub(super) struct Slots {
    /// No box, which would move, and claim the slots for itself that links lead to.
    all: NonNull<[Slot]>,
    head: AtomicU64,
    count: AtomicU32,
}

// SAFETY: the slots go along.
unsafe impl Send for Slots {}
// SAFETY: what is shared gives out shared slots.
unsafe impl Sync for Slots {}

/// A run of slots that belong together, linked from the first to the last.
#[derive(Clone, Copy)]
pub(super) struct Run<'s> {
    pub(super) first: &'s Slot,
    pub(super) last: &'s Slot,
    pub(super) slots: u32,
}

impl<'s> Run<'s> {
    /// A run of one slot.
    pub(super) const fn of(slot: &'s Slot) -> Self {
        Self { first: slot, last: slot, slots: 1 }
    }
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
    pub(super) fn new(mut slots: Box<[Slot]>) -> Self {
        let mut number = 0_u32;
        for slot in &mut slots {
            number = number.saturating_add(1);
            slot.link = Link(number);
        }
        // INVARIANT: from a box; no slot is owned, and the links lead over all of them.
        let all = NonNull::from(Box::leak(slots));
        let slots =
            Self { all, head: AtomicU64::new(number.into()), count: AtomicU32::new(number) };
        let mut before: Option<&Slot> = None;
        for slot in slots.all() {
            // SAFETY: the one before is of these slots.
            unsafe { slot.set_next(before) };
            before = Some(slot);
        }
        slots
    }

    const fn all(&self) -> &[Slot] {
        // SAFETY: there by the type's invariant, and only ever shared.
        unsafe { self.all.as_ref() }
    }

    /// The slot that a link leads to.
    fn get(&self, link: Link) -> Option<&Slot> {
        self.all().get((link.0 as usize).checked_sub(1)?)
    }

    /// How many slots nobody owns.
    pub(super) fn free(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes as many slots as there are, but at least `least`, which is one or more, and at most
    /// `most`; they are the caller's alone.
    ///
    /// # IRQL
    ///
    /// Any.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]: too few are free.
    pub(super) fn take(&self, least: u32, most: u32) -> Result<Run<'_>> {
        // Acquire: pairs with the Release that put the slots back, so that their links are seen.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let found = self.run_from(link_of(head), most);
            let Some((run, rest)) = found.filter(|(run, _)| run.slots >= least) else {
                let now = self.head.load(Ordering::Acquire);
                if now == head {
                    return Err(Error::Exhausted);
                }
                head = now;
                continue;
            };
            let after = head_after(head, rest.map_or(Link::NONE, |rest| rest.link));
            // INVARIANT: the head has not changed, so the links were those of free slots, and from
            // now on nobody else finds these.
            match self.head.compare_exchange_weak(head, after, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => {
                    self.count.fetch_sub(run.slots, Ordering::Relaxed);
                    return Ok(run);
                }
                Err(now) => head = now,
            }
        }
    }

    /// Follows links from `first` on, over `most` slots or as many as there are, and gives what
    /// comes after.
    fn run_from(&self, first: Link, most: u32) -> Option<(Run<'_>, Option<&Slot>)> {
        let first = self.get(first)?;
        let (mut last, mut slots, mut next) = (first, 1_u32, first.next());
        while slots < most
            && let Some(slot) = next
        {
            (last, next) = (slot, slot.next());
            slots = slots.wrapping_add(1);
        }
        Some((Run { first, last, slots }, next))
    }

    /// Puts slots back that [`Slots::take`] gave.
    ///
    /// # IRQL
    ///
    /// Any.
    ///
    /// # Safety
    ///
    /// They are of these slots, and the caller's alone until now.
    pub(super) unsafe fn put_back(&self, run: Run<'_>) {
        let Run { first, last, slots } = run;
        // SAFETY: the caller's promise.
        unsafe { self.put_in_front(first, last, slots) };
    }

    /// As [`Slots::put_back`]; out of line, with what stays in registers, so that it takes none from
    /// who makes frame after frame.
    ///
    /// # Safety
    ///
    /// As for [`Slots::put_back`].
    #[inline(never)]
    unsafe fn put_in_front(&self, first: &Slot, last: &Slot, slots: u32) {
        // Before they are found: the count is never below what is found.
        self.count.fetch_add(slots, Ordering::Relaxed);
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: links lead to these slots.
            unsafe { last.set_next(self.get(link_of(head))) };
            let after = head_after(head, first.link);
            // Release: whoever takes them sees their links, and that their bytes are done with.
            match self.head.compare_exchange_weak(head, after, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: from a box by the type's invariant, at the end of its one owner.
        drop(unsafe { Box::from_raw(self.all.as_ptr()) });
    }
}

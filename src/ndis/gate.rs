//! A value that may be used while its gate is open, and replaced while nobody is inside.
//!
//! The check whether the gate is open and the count of those inside are one atomic step, so that
//! nobody can slip in behind a gate that has just been closed.
#![expect(unsafe_code, reason = "hands out a value that only the gate's word protects")]

use super::status::{Error, Progress, Result};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem,
    sync::atomic::{AtomicUsize, Ordering, fence},
};

/// The gate lets in.
const OPEN: usize = 1;
/// Someone replaces the value: the gate is closed and nobody is inside.
const REPLACING: usize = 2;
/// One user inside.
const ONE: usize = 4;

/// What a gate does when the last user has left after it was closed.
pub(super) trait Drained {
    /// Runs once, on the processor of the last user.
    fn drained(self);
}

/// A gate around a `T`, which runs a `D` when it is closed and the last user has left.
///
/// # Invariants
///
/// - `word` is the number of users times [`ONE`], plus [`OPEN`] or [`REPLACING`] or neither.
/// - `value` is read only by users, and written only under [`REPLACING`], with no user.
/// - `value` is full while the gate is open or has users.
/// - `drained` is written only by the one [`Closing`], and read only by the user who is the last; the
///   gate opens again only after that.
pub(super) struct Gate<T, D> {
    word: AtomicUsize,
    value: UnsafeCell<Option<T>>,
    drained: UnsafeCell<Option<D>>,
}

// SAFETY: users share the value (`Sync`); it and the completion may end on any processor (`Send`).
unsafe impl<T: Send + Sync, D: Send> Sync for Gate<T, D> {}
// SAFETY: as for `Sync`.
unsafe impl<T: Send + Sync, D: Send> Send for Gate<T, D> {}

impl<T, D: Drained> Gate<T, D> {
    /// A closed gate with nothing behind it.
    #[must_use]
    pub(super) const fn closed() -> Self {
        Self {
            word: AtomicUsize::new(0),
            value: UnsafeCell::new(None),
            drained: UnsafeCell::new(None),
        }
    }

    /// Enters, if the gate is open.
    ///
    /// # IRQL
    ///
    /// Any.
    pub(super) fn enter(&self) -> Option<Pass<'_, T, D>> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & OPEN == 0 {
                return None;
            }
            // A count of users cannot reach the end of the word: memory would, first.
            let inside = word.wrapping_add(ONE);
            // Acquire: pairs with the Release that opened the gate on a new value.
            match self.word.compare_exchange_weak(
                word,
                inside,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                // INVARIANT: one more user, who found the gate open.
                Ok(_) => return Some(Pass { gate: self, _stays: PhantomData }),
                Err(now) => word = now,
            }
        }
    }

    /// Whether the gate lets in now.
    pub(super) fn is_open(&self) -> bool {
        // Relaxed: who only asks does not look at the value.
        self.word.load(Ordering::Relaxed) & OPEN != 0
    }

    /// Whether someone is inside.
    pub(super) fn is_occupied(&self) -> bool {
        self.word.load(Ordering::Acquire) >= ONE
    }

    /// Lets `replace` change the value while nobody is inside, and opens the gate on success; after
    /// a [`Gate::close`], when it is known to be drained.
    ///
    /// # IRQL
    ///
    /// That of `replace`.
    ///
    /// # Errors
    ///
    /// - [`Error::BadState`]: the gate is open, someone is inside, or `replace` left nothing.
    /// - What `replace` says; the gate stays closed, on whatever `replace` left.
    pub(super) fn open(&self, replace: impl FnOnce(&mut Option<T>) -> Result) -> Result {
        self.replace(
            |value| {
                let result = replace(value);
                if result.is_ok() && value.is_none() { Err(Error::BadState) } else { result }
            },
            OPEN,
        )
    }

    /// Takes the value away while nobody is inside, and leaves the gate closed.
    ///
    /// # Errors
    ///
    /// [`Error::BadState`]: the gate is open, or someone is inside.
    pub(super) fn take(&self) -> Result<Option<T>> {
        let mut taken = None;
        self.replace(
            |value| {
                taken = value.take();
                Ok(())
            },
            0,
        )?;
        Ok(taken)
    }

    fn replace(&self, change: impl FnOnce(&mut Option<T>) -> Result, then: usize) -> Result {
        // Acquire: pairs with the Release of the last user to leave.
        self.word
            .compare_exchange(0, REPLACING, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| Error::BadState)?;
        // SAFETY: by the type's invariant nobody else touches the value under `REPLACING`.
        let result = change(unsafe { &mut *self.value.get() });
        // Release: users see the value whole.
        // INVARIANT: the gate opens only on a full value.
        self.word.store(if result.is_ok() { then } else { 0 }, Ordering::Release);
        result
    }

    /// Closes an open gate: from now on nobody gets in.
    pub(super) fn close(&self) -> Option<Closing<'_, T, D>> {
        // OPEN gives way to one user, the `Closing`: ONE - OPEN more, in one step.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & OPEN == 0 {
                return None;
            }
            let closed = (word & !OPEN).wrapping_add(ONE);
            match self.word.compare_exchange_weak(
                word,
                closed,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Closing { gate: self }),
                Err(now) => word = now,
            }
        }
    }

    /// Adds `count` users for things that are about to leave the driver.
    fn lend(&self, count: usize) {
        // Relaxed: the caller is a user already, so the count cannot reach zero meanwhile.
        self.word.fetch_add(count.wrapping_mul(ONE), Ordering::Relaxed);
    }

    /// Whether these `count` users were the last behind a closed gate.
    fn leave(&self, count: usize) -> bool {
        let users = count.wrapping_mul(ONE);
        // Release: what these users did with the value comes before its replacement.
        let last = self.word.fetch_sub(users, Ordering::Release) == users;
        if last {
            // Acquire: what the other users did with the value comes before its replacement.
            fence(Ordering::Acquire);
        }
        last
    }

    /// Ends `count` users; runs the completion if they were the last behind a closed gate.
    fn leave_and_complete(&self, count: usize) {
        if self.leave(count) {
            // SAFETY: the last user of a closed gate reads the completion alone, before there can be
            // another `Closing`.
            let drained = unsafe { &mut *self.drained.get() }.take();
            // `self` may be gone as soon as the completion runs.
            if let Some(drained) = drained {
                drained.drained();
            }
        }
    }

    /// The value, for someone who is inside.
    ///
    /// # Safety
    ///
    /// A user exists for as long as the result is used.
    unsafe fn value(&self) -> Option<&T> {
        // SAFETY: nobody writes the value while there is a user.
        unsafe { &*self.value.get() }.as_ref()
    }

    /// What was lent and comes back now.
    ///
    /// # Safety
    ///
    /// `count` users were lent by [`Pass::lend`] and have not come back.
    pub(super) unsafe fn homecoming(&self, count: usize) -> Loan<'_, T, D> {
        Loan { gate: self, count }
    }
}

/// The right to be inside; leaves when dropped.
///
/// Stays on its processor: it is meant for the length of a call.
#[must_use = "one leaves as soon as the pass is dropped"]
pub(super) struct Pass<'g, T, D: Drained> {
    gate: &'g Gate<T, D>,
    _stays: PhantomData<*mut ()>,
}

impl<T, D: Drained> Pass<'_, T, D> {
    /// Counts `count` things as users until they come home.
    pub(super) fn lend(&self, count: usize) {
        self.gate.lend(count);
    }

    /// The value.
    pub(super) fn value(&self) -> Option<&T> {
        // SAFETY: this pass is a user and lives as long as the result.
        unsafe { self.gate.value() }
    }
}

impl<T, D: Drained> Drop for Pass<'_, T, D> {
    fn drop(&mut self) {
        self.gate.leave_and_complete(1);
    }
}

/// Lent users on their way home; they leave when this is dropped.
pub(super) struct Loan<'g, T, D: Drained> {
    gate: &'g Gate<T, D>,
    count: usize,
}

impl<T, D: Drained> Loan<'_, T, D> {
    pub(super) fn value(&self) -> Option<&T> {
        // SAFETY: a loan of at least one is a user and lives as long as the result.
        (self.count > 0).then(|| unsafe { self.gate.value() }).flatten()
    }
}

impl<T, D: Drained> Drop for Loan<'_, T, D> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.gate.leave_and_complete(self.count);
        }
    }
}

/// A gate that has been closed and waits for its users to leave.
///
/// # Invariants
///
/// Counts as one user.
#[must_use = "a closing gate counts as a user until it is drained"]
pub(super) struct Closing<'g, T, D: Drained> {
    gate: &'g Gate<T, D>,
}

impl<T, D: Drained> Closing<'_, T, D> {
    /// Waits for nobody: either all have left, or the last to leave runs `drained`.
    pub(super) fn drain(self, drained: D) -> Progress {
        let gate = self.gate;
        mem::forget(self);
        // SAFETY: this is the one `Closing`, and while it counts as a user nobody is the last.
        unsafe { *gate.drained.get() = Some(drained) };
        if gate.leave(1) {
            // SAFETY: the last user of a closed gate reads the completion alone, before there can be
            // another `Closing`.
            drop(unsafe { &mut *gate.drained.get() }.take());
            return Progress::Done;
        }
        Progress::Pending
    }
}

impl<T, D: Drained> Drop for Closing<'_, T, D> {
    fn drop(&mut self) {
        self.gate.leave_and_complete(1);
    }
}

impl<T, D> Drop for Gate<T, D> {
    fn drop(&mut self) {
        // Someone is inside, which only a list that never came home can be: better lost than freed
        // under it.
        if *self.word.get_mut() >= ONE {
            mem::forget(self.value.get_mut().take());
        }
    }
}

//! A value that is read on every processor without a lock, and replaced by one thread at a time.
//!
//! There are two sides. Readers count themselves in at the side that is current; who replaces
//! the value fills the other side, makes it current, and waits for the readers of the old one.
//! Nothing is allocated but for the sides themselves, so a replacement cannot fail.
#![expect(unsafe_code, reason = "reads a value that only the count of its readers protects")]

use super::{
    calls::{Call, Calls},
    dispatch_level::at_dispatch_level,
    memory::Shared,
    passive_lock::PassiveLock,
    status::Result,
};
use core::{
    cell::UnsafeCell,
    ops::Deref,
    sync::atomic::{AtomicU8, Ordering},
};

/// Which of the two sides is current.
const NONE: u8 = 0;
const LEFT: u8 = 1;
const RIGHT: u8 = 2;

/// One of the two sides, and who reads it.
struct Side<T> {
    value: UnsafeCell<Option<T>>,
    readers: Calls,
}

// SAFETY: readers share the value (`Sync`); it may end on any processor (`Send`).
unsafe impl<T: Send + Sync> Sync for Side<T> {}
// SAFETY: the value goes along.
unsafe impl<T: Send> Send for Side<T> {}

impl<T> Side<T> {
    fn try_new() -> Result<Shared<Self>> {
        Shared::try_new(Self { value: UnsafeCell::new(None), readers: Calls::try_new()? })
    }
}

/// A value that many read and few replace; nothing at first.
///
/// # Invariants
///
/// - A side's value is written only under `replacing`, while the side is not current
///   and nobody is counted in who found it so.
/// - A side that is current is full.
pub struct Published<T> {
    current: AtomicU8,
    replacing: PassiveLock<()>,
    left: Shared<Side<T>>,
    right: Shared<Side<T>>,
}

impl<T> Published<T> {
    /// Nothing to read.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub fn try_new() -> Result<Self> {
        Ok(Self {
            current: AtomicU8::new(NONE),
            replacing: PassiveLock::new(()),
            left: Side::try_new()?,
            right: Side::try_new()?,
        })
    }

    /// Lets `look` look at the value, if there is one; one load where there is none.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`; `DISPATCH_LEVEL` within, so that whoever replaces the value waits for
    /// no thread that is suspended.
    #[inline]
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        // Relaxed: whoever sees an old nothing came before the replacement.
        if self.current.load(Ordering::Relaxed) == NONE {
            return None;
        }
        at_dispatch_level(|| self.read().map(|value| look(&value)))
    }

    fn read(&self) -> Option<Reading<'_, T>> {
        // Relaxed: whoever sees an old nothing came before the replacement.
        let mut current = self.current.load(Ordering::Relaxed);
        loop {
            let side = self.side(current)?;
            let call = side.readers.begin();
            // Counted in first, then looked again: in one total order with `replace`, either it
            // waits for this reader, or the reader sees that it came too late.
            let now = self.current.load(Ordering::SeqCst);
            if now == current {
                // SAFETY: the side is current, so it is full and not written to until this
                // reader has left, by the type's invariant.
                let value = unsafe { &*side.value.get() }.as_ref()?;
                return Some(Reading { value, _call: call });
            }
            current = now;
        }
    }

    /// Whether there is no value: one load.
    ///
    /// # IRQL
    ///
    /// Any.
    pub fn is_none(&self) -> bool {
        // Relaxed: as in `read`.
        self.current.load(Ordering::Relaxed) == NONE
    }

    fn side(&self, which: u8) -> Option<&Side<T>> {
        match which {
            LEFT => Some(&self.left),
            RIGHT => Some(&self.right),
            _ => None,
        }
    }

    /// Puts a new value, which `fill` fills where it is to be, in the place of the old one, or
    /// nothing; drops the old one when its last reader has left.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`: it waits for calls that read, and for others that replace it.
    pub fn replace(&self, fill: Option<impl FnOnce(&mut T)>)
    where
        T: Default,
    {
        let alone = self.replacing.lock();
        let old = self.current.load(Ordering::SeqCst);
        let next = match (&fill, old) {
            (None, _) => NONE,
            (Some(_), LEFT) => RIGHT,
            (Some(_), _) => LEFT,
        };
        if let (Some(side), Some(fill)) = (self.side(next), fill) {
            // SAFETY: the side is not current, and the replacement that made it so has waited
            // for its readers; nobody else replaces, for the lock is held.
            let value = unsafe { &mut *side.value.get() };
            fill(value.get_or_insert_default());
        }
        self.current.store(next, Ordering::SeqCst);
        if let Some(side) = self.side(old) {
            side.readers.wait_for_all();
            // SAFETY: not current any more, and its last reader has left.
            let gone = unsafe { &mut *side.value.get() }.take();
            drop(gone);
        }
        drop(alone);
    }
}

/// A published value while it is read; whoever replaces it waits for this to end.
struct Reading<'p, T> {
    value: &'p T,
    _call: Call<'p>,
}

impl<T> Deref for Reading<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

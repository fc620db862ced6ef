use super::{kernel_event::KernelEvent, status::Result};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Someone waits for the last call to end.
const WAITING: usize = 1;
/// One call.
const ONE: usize = 2;

/// Counts calls that are under way, so that one thread can wait for them: a few instructions and a
/// call into NDIS each, never for lists to come home.
pub(super) struct Calls {
    word: AtomicUsize,
    ended: KernelEvent,
}

impl Calls {
    /// No calls.
    ///
    /// # Errors
    ///
    /// [`Error::Resources`](super::Error::Resources).
    pub(super) fn try_new() -> Result<Self> {
        Ok(Self { word: AtomicUsize::new(0), ended: KernelEvent::try_new()? })
    }

    /// Begins a call.
    ///
    /// # IRQL
    ///
    /// Any.
    pub(super) fn begin(&self) -> Call<'_> {
        // One total order with `wait_for_all`: either it sees the call, or the call finds what was
        // done before it.
        self.word.fetch_add(ONE, Ordering::SeqCst);
        Call { calls: self }
    }

    /// Waits until no call is under way; for one thread at a time.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`, outside any call.
    pub(super) fn wait_for_all(&self) {
        self.word.fetch_or(WAITING, Ordering::SeqCst);
        while self.word.load(Ordering::SeqCst) >= ONE {
            self.ended.wait();
        }
        self.word.fetch_and(!WAITING, Ordering::SeqCst);
    }
}

/// A call that is under way; it ends when dropped.
pub(super) struct Call<'c> {
    calls: &'c Calls,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.calls.word.fetch_sub(ONE, Ordering::SeqCst) == ONE | WAITING {
            self.calls.ended.set();
        }
    }
}

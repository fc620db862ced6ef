//! Where this driver's own frames lie, so that they are known again whoever brings them.
//!
//! Every frame that a mirror sees is asked about, so the answer takes the same few instructions for
//! any number of adapters, unless it may be yes; then the places are looked through:
//!
//! ```text
//! address ─ its granule's last digits ─► SETTLERS: a place in ALL ─► start, size
//!             nobody lives there: the place of no bytes
//!             several do: that of all bytes
//! ```

use core::{
    ops::RangeInclusive,
    sync::atomic::{AtomicU8, AtomicUsize, Ordering},
};

/// How many places there are: for a territory of each adapter, and more while pools are made anew.
const PLACES: usize = 256;

/// The place of no bytes.
const NOBODY: u8 = 0;

/// The place of all bytes.
const ANYBODY: u8 = 1;

/// The first place for a territory.
const FIRST: usize = 2;

/// Binary digits of an address within its granule: a page, which blocks of at least a page have to
/// themselves.
///
/// Follows ExAllocatePool2.
const GRANULE: u32 = 12;

/// Granules that are told apart, by the last digits of their numbers.
const GRANULES: usize = 16 * 1024;

struct Bounds {
    start: AtomicUsize,
    size: AtomicUsize,
}

impl Bounds {
    const fn new(size: usize) -> Self {
        Self { start: AtomicUsize::new(0), size: AtomicUsize::new(size) }
    }

    fn contains(&self, address: usize) -> bool {
        let size = self.size.load(Ordering::Acquire);
        address.wrapping_sub(self.start.load(Ordering::Acquire)) < size
    }
}

/// The last place that has been taken so far.
static LAST: AtomicU8 = AtomicU8::new(ANYBODY);

static ALL: [Bounds; PLACES] = {
    let mut all = [const { Bounds::new(0) }; PLACES];
    let [_nobody, anybody, ..] = &mut all;
    *anybody = Bounds::new(usize::MAX);
    all
};

/// Whose territory lies in a granule with these last digits.
static SETTLERS: [AtomicU8; GRANULES] = [const { AtomicU8::new(NOBODY) }; GRANULES];

/// Memory that holds frames of this driver's own, until this is dropped.
pub(super) struct Territory {
    place: u8,
    bounds: &'static Bounds,
}

impl Territory {
    /// Marks the `size` bytes from the address `start` on, which is not zero; `None` where there are
    /// too many.
    pub(super) fn new(start: usize, size: usize) -> Option<Self> {
        let is_free = |bounds: &Bounds| {
            let taken =
                bounds.start.compare_exchange(0, start, Ordering::AcqRel, Ordering::Relaxed);
            taken.is_ok()
        };
        let mut places = (0..=u8::MAX).zip(&ALL).skip(FIRST);
        let (place, bounds) = places.find(|(_, bounds)| is_free(bounds))?;
        bounds.size.store(size, Ordering::Release);
        LAST.fetch_max(place, Ordering::AcqRel);
        for settler in settlers(start, size) {
            let change =
                settler.compare_exchange(NOBODY, place, Ordering::AcqRel, Ordering::Relaxed);
            if change.is_err() {
                settler.store(ANYBODY, Ordering::Release);
            }
        }
        Some(Self { place, bounds })
    }

    /// Whether an address lies in some territory.
    ///
    /// Right for memory that lives while this is asked: its territory came before, and stays.
    #[inline]
    pub(super) fn holds(address: usize) -> bool {
        let place = settler(address >> GRANULE).load(Ordering::Acquire);
        let bounds = ALL.get(usize::from(place));
        bounds.is_some_and(|bounds| bounds.contains(address)) && is_in_any(address)
    }
}

/// Whether some territory contains an address: where several lie in one granule, none may.
#[cold]
#[inline(never)]
fn is_in_any(address: usize) -> bool {
    let last = usize::from(LAST.load(Ordering::Acquire));
    ALL.iter().take(last.saturating_add(1)).skip(FIRST).any(|bounds| bounds.contains(address))
}

impl Drop for Territory {
    fn drop(&mut self) {
        let Bounds { start, size } = self.bounds;
        for settler in settlers(start.load(Ordering::Relaxed), size.load(Ordering::Relaxed)) {
            // Where there were several, there may be one left: nobody counts them.
            _ = settler.compare_exchange(self.place, NOBODY, Ordering::AcqRel, Ordering::Relaxed);
        }
        // The size first: a place without a start may be another's.
        size.store(0, Ordering::Release);
        start.store(0, Ordering::Release);
    }
}

/// Who has the granules that these bytes lie in.
fn settlers(start: usize, size: usize) -> impl Iterator<Item = &'static AtomicU8> {
    let last = start.saturating_add(size.saturating_sub(1));
    let granules: RangeInclusive<usize> = start >> GRANULE..=last >> GRANULE;
    granules.map(settler)
}

fn settler(granule: usize) -> &'static AtomicU8 {
    let [first, ..] = &SETTLERS;
    SETTLERS.get(granule % GRANULES).unwrap_or(first)
}

//! Copies that come back to their mirror by the network, where nothing else tells what they are.
//!
//! The same bytes again and again are either a copy that goes round, or a source that repeats
//! itself. Which of them, the mirror finds out by not copying for a while: a copy that goes round
//! ends then; a source goes on, and is copied again.

use core::sync::atomic::{AtomicU64, Ordering};
use wire::Source;

/// How often one and the same frame is copied within a second before it is held back, and how
/// often it has to come all the same to be copied again.
pub const ROUNDS: u8 = 64;

/// The count of a frame that came again although it was not copied: its source repeats itself.
const REPEATED: u8 = 2 * ROUNDS + 1;

/// Bytes of a frame that tell it from others: the headers, with the numbers that change from
/// packet to packet.
const HEAD: usize = 96;

/// Frames that are remembered at a time.
const PLACES: usize = 64;

/// The bits of a place that are of the sum.
const SUM: u64 = !0xFF_FFFF;

/// What a mirror remembers of the frames that it saw: how often in this second, by their sums.
///
/// One word a place, so that no lock is needed: 40 bits of the sum, 16 of the second, 8 of the
/// count. Two frames in one place forget each other, which costs a loop some rounds more.
pub struct Echoes {
    /// So that nobody can make a frame that is taken for another.
    seeds: [u64; 2],
    places: [AtomicU64; PLACES],
}

/// A second, by the last 16 bits of its number, where they stand in a place.
#[derive(Clone, Copy)]
pub struct Second(u64);

impl Second {
    /// The second of a time in 100-nanosecond intervals.
    #[must_use]
    pub const fn of(time: u64) -> Self {
        Self(((time / 10_000_000) & 0xFFFF) << 8)
    }

    /// How many seconds ago that was which stands in a place.
    const fn since(self, place: u64) -> u64 {
        (self.0.wrapping_sub(place & !0xFF) >> 8) & 0xFFFF
    }
}

impl Echoes {
    /// Nothing is remembered.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seeds: [seed, seed.rotate_left(32)], places: [const { AtomicU64::new(0) }; PLACES] }
    }

    /// A sum over the head of a frame and its length; unlike frames have unlike sums, but for
    /// chance. `copied` are the frame's first bytes, as many as have been read already.
    #[inline]
    pub fn sum_of<S: Source>(&self, frame: &S, copied: &[u8]) -> u64 {
        let length = u64::try_from(frame.len()).unwrap_or_default();
        match copied.first_chunk() {
            Some(head) => self.sum(length, head),
            None => self.sum_of_unread(frame, length),
        }
    }

    /// As [`Self::sum_of`], for a frame that is shorter than its head, or copied no further.
    #[inline(never)]
    fn sum_of_unread<S: Source>(&self, frame: &S, length: u64) -> u64 {
        let mut head = [0_u8; HEAD];
        let known = head.get_mut(..frame.len().min(HEAD)).is_some_and(|head| frame.read(0, head));
        self.sum(length | u64::from(!known) << 63, &head)
    }

    fn sum(&self, start: u64, head: &[u8; HEAD]) -> u64 {
        let (words, _) = head.as_chunks();
        let (pairs, _) = words.as_chunks();
        let [first, each] = self.seeds;
        pairs.iter().fold(start ^ first, |sum, [one, other]| {
            let one = sum ^ u64::from_le_bytes(*one);
            let (low, high) = one.carrying_mul(each ^ u64::from_le_bytes(*other), 0);
            low ^ high
        })
    }

    /// Remembers a frame with this sum that is seen in this second; whether it may be a copy that
    /// has come back.
    #[inline]
    pub fn is_echo(&self, sum: u64, second: Second) -> bool {
        let index = usize::try_from(sum >> 58).unwrap_or_default();
        let Some(place) = self.places.get(index) else { return false };
        // Relaxed: a count that is off by a few is as good.
        let known = place.load(Ordering::Relaxed);
        if (known ^ sum) & SUM == 0 {
            return comes_again(place, known, second);
        }
        place.store((sum & SUM) | second.0 | 1, Ordering::Relaxed);
        false
    }
}

/// As [`Echoes::is_echo`], of a frame that its place knows.
#[cold]
fn comes_again(place: &AtomicU64, known: u64, second: Second) -> bool {
    let [count, ..] = known.to_le_bytes();
    let count = match second.since(known) {
        0 => count.saturating_add(1).min(REPEATED),
        1 if count == REPEATED => REPEATED,
        _ => 1,
    };
    place.store((known & SUM) | second.0 | u64::from(count), Ordering::Relaxed);
    count > ROUNDS && count < REPEATED
}

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

/// What a mirror remembers of the frames that it saw: how often in this second, by their sums.
///
/// One word a place, so that no lock is needed: 40 bits of the sum, 16 of the second, 8 of the
/// count. Two frames in one place forget each other, which costs a loop some rounds more.
pub struct Echoes {
    /// So that nobody can make a frame that is taken for another.
    seed: u64,
    places: [AtomicU64; PLACES],
}

impl Echoes {
    /// Nothing is remembered.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, places: [const { AtomicU64::new(0) }; PLACES] }
    }

    /// Remembers a frame that is seen at `time`, in 100-nanosecond intervals; whether it may be a
    /// copy that has come back.
    #[inline]
    pub fn is_echo<S: Source>(&self, frame: &S, time: u64) -> bool {
        const SECOND: u64 = 10_000_000;
        const SUM: u64 = !0xFF_FFFF;
        let sum = sum_of(frame, self.seed);
        let index = usize::try_from(sum >> 58).unwrap_or_default();
        let Some(place) = self.places.get(index) else { return false };
        let second = time.checked_div(SECOND).unwrap_or_default() & 0xFFFF;
        // Relaxed: a count that is off by a few is as good.
        let known = place.load(Ordering::Relaxed);
        let [count, ..] = known.to_le_bytes();
        let age = second.wrapping_sub(known >> 8) & 0xFFFF;
        let count = match (known & SUM == sum & SUM, age) {
            (true, 0) => count.saturating_add(1).min(REPEATED),
            (true, 1) if count == REPEATED => REPEATED,
            _ => 1,
        };
        place.store((sum & SUM) | second << 8 | u64::from(count), Ordering::Relaxed);
        count > ROUNDS && count < REPEATED
    }
}

/// A sum over the head of a frame and its length; unlike frames have unlike sums, but for chance.
fn sum_of<S: Source>(frame: &S, seed: u64) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut head = [0_u8; HEAD];
    let length = frame.len();
    let known = head.get_mut(..length.min(HEAD)).is_some_and(|head| frame.read(0, head));
    let (words, _) = head.as_chunks::<8>();
    let start = u64::try_from(length).unwrap_or_default() | u64::from(known) << 63;
    words.iter().fold((start ^ seed).wrapping_mul(FACTOR), |sum, word| {
        (sum ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(29)
    })
}

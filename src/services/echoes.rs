//! Copies that come back to their mirror by the network, where nothing else tells what they are.
//!
//! The same bytes again and again are either a copy that goes round, or a source that repeats
//! itself. Which of them, the mirror finds out by not copying for a while: a copy that goes round
//! ends then; a source goes on, and is copied again.
//!
//! ```text
//! a frame ─► its key, of the bytes that change from packet to packet ─► not seen: copied
//!              │ seen lately
//!              └─► its sum, of all its headers ─► how often in this second
//! ```

use crate::ndis::system_time;
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

/// Where a frame's key starts: behind the Ethernet header.
const KEY_START: usize = 14;

/// Bytes of a frame's key, with the identification of IPv4 and the sequence numbers of TCP over IPv4
/// and IPv6.
const KEY: usize = 56;

/// What a key is multiplied with: odd, so that unlike words stay unlike.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Frames that are remembered at a time: a power of two.
const PLACES: usize = 64;

/// The bits of a place that are of the sum.
const SUM: u64 = !0xFF_FFFF;

/// What a mirror remembers of the frames that it saw.
///
/// One word a place, so that no lock is needed. Two frames in one place forget each other, which
/// costs a loop some rounds more.
pub struct Echoes {
    /// So that nobody can make a frame that is taken for another.
    seeds: [u64; 2],
    /// Keys of frames that were here lately.
    keys: [AtomicU64; PLACES],
    /// How often a frame came within a second: 40 bits of its sum, 16 of the second, 8 of the count.
    places: [AtomicU64; PLACES],
}

/// A second, by the last 16 bits of its number, where they stand in a place.
#[derive(Clone, Copy)]
struct Second(u64);

impl Second {
    /// The second of a time in 100-nanosecond intervals.
    const fn of(time: u64) -> Self {
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
        Self {
            seeds: [seed, seed.rotate_left(32)],
            keys: [const { AtomicU64::new(0) }; PLACES],
            places: [const { AtomicU64::new(0) }; PLACES],
        }
    }

    /// Remembers a frame of `length` bytes by its key; whether one with the same key was here
    /// lately. `copied` are its first bytes, as many as were wanted of it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for each frame, a score of instructions")]
    pub fn may_know(&self, length: usize, copied: &[u8]) -> bool {
        let front = copied.first_chunk::<{ KEY_START + KEY }>();
        match front.and_then(|front| front.last_chunk::<KEY>()) {
            Some(key) => self.may_know_key(key_of(length, key.as_chunks().0)),
            None => self.may_know_short(length, copied),
        }
    }

    /// As [`Self::may_know`], where less than all bytes of the key were copied.
    #[inline(never)]
    fn may_know_short(&self, length: usize, copied: &[u8]) -> bool {
        let (words, _) = copied.get(KEY_START..).unwrap_or_default().as_chunks();
        let last = copied.last_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        self.may_know_key(key_of(length, words).wrapping_add(last))
    }

    #[inline]
    fn may_know_key(&self, key: u64) -> bool {
        let Some(known) = self.keys.get(index_of(key)) else { return true };
        // Relaxed: to know one frame too few for a moment is as good.
        if known.load(Ordering::Relaxed) == key {
            return true;
        }
        known.store(key, Ordering::Relaxed);
        false
    }

    /// Whether a frame that may be known may be a copy that has come back.
    #[cold]
    pub fn is_echo<S: Source>(&self, frame: &S) -> bool {
        let second = Second::of(system_time());
        let sum = self.sum_of(frame);
        let Some(place) = self.places.get(index_of(sum)) else { return false };
        // Relaxed: a count that is off by a few is as good.
        let known = place.load(Ordering::Relaxed);
        let [count, ..] = known.to_le_bytes();
        let count = match second.since(known) {
            // It has been copied once: when it left its key.
            _ if (known ^ sum) & SUM != 0 => 2,
            0 => count.saturating_add(1).min(REPEATED),
            1 if count == REPEATED => REPEATED,
            _ => 1,
        };
        place.store((sum & SUM) | second.0 | u64::from(count), Ordering::Relaxed);
        count > ROUNDS && count < REPEATED
    }

    /// A sum over the head of a frame and its length; unlike frames have unlike sums, but for
    /// chance.
    fn sum_of<S: Source>(&self, frame: &S) -> u64 {
        let length = frame.len() as u64;
        let mut head = [0_u8; HEAD];
        let is_read = head.get_mut(..frame.len().min(HEAD)).is_some_and(|head| frame.read(0, head));
        let (words, _) = head.as_chunks();
        let (pairs, _) = words.as_chunks();
        let [first, each] = self.seeds;
        let start = length | u64::from(!is_read) << 63;
        pairs.iter().fold(start ^ first, |sum, [one, other]| {
            let one = sum ^ u64::from_le_bytes(*one);
            let (low, high) = one.carrying_mul(each ^ u64::from_le_bytes(*other), 0);
            low ^ high
        })
    }
}

/// A key of a frame's length and words of it.
#[inline]
fn key_of(length: usize, words: &[[u8; 8]]) -> u64 {
    words
        .iter()
        .fold(length as u64, |key, word| (key ^ u64::from_le_bytes(*word)).wrapping_mul(SPREAD))
}

/// The place of a key or a sum: its first bits, as many as tell places apart.
fn index_of(number: u64) -> usize {
    const OTHERS: u32 = u64::BITS - PLACES.ilog2();
    usize::try_from(number >> OTHERS).unwrap_or_default()
}

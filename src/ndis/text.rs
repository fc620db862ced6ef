#![expect(unsafe_code, reason = "shares a UNICODE_STRING")]

use super::sys::UNICODE_STRING;

/// A constant counted string, as the kernel wants it.
///
/// # Invariants
///
/// `raw.Buffer` points to `raw.Length` bytes that live forever.
pub struct CountedString {
    raw: UNICODE_STRING,
}

// SAFETY: the string is constant and lives forever.
unsafe impl Send for CountedString {}
// SAFETY: the string is constant and lives forever.
unsafe impl Sync for CountedString {}

impl CountedString {
    /// Wraps UTF-16 units.
    ///
    /// # Panics
    ///
    /// At compile time, which is when this is meant to be called: more than 32,767 units.
    #[must_use]
    pub const fn new(units: &'static [u16]) -> Self {
        assert!(units.len() < 32_768, "a counted string has at most 32,767 units");
        #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
        let length = size_of_val(units) as u16;
        // INVARIANT: the units are static. The kernel only reads them.
        Self {
            raw: UNICODE_STRING {
                Length: length,
                MaximumLength: length,
                Buffer: units.as_ptr().cast_mut(),
            },
        }
    }

    pub(super) const fn as_raw(&self) -> *const UNICODE_STRING {
        &raw const self.raw
    }

    /// The string's head, for a structure that holds it by value.
    pub(super) const fn head(&self) -> UNICODE_STRING {
        UNICODE_STRING {
            Length: self.raw.Length,
            MaximumLength: self.raw.MaximumLength,
            Buffer: self.raw.Buffer,
        }
    }
}

/// The UTF-16 units of an ASCII literal, as a static slice.
#[macro_export]
macro_rules! utf16 {
    ($text:literal) => {{
        const UNITS: [u16; $text.len()] = $crate::ndis::widen($text.as_bytes());
        UNITS.as_slice()
    }};
}

/// Widens ASCII to UTF-16.
///
/// # Panics
///
/// At compile time, which is when this is meant to be called: text that is not ASCII.
#[must_use]
pub const fn widen<const N: usize>(ascii: &[u8]) -> [u16; N] {
    let mut units = [0; N];
    let (mut places, mut left) = (units.as_mut_slice(), ascii);
    while let ([place, others @ ..], [first, rest @ ..]) = (places, left) {
        assert!(first.is_ascii(), "names of devices are ASCII");
        *place = *first as u16;
        (places, left) = (others, rest);
    }
    units
}

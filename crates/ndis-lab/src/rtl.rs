//! The run-time library: strings and memory.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::kernel::UnicodeString;
use crate::exports::exports;
use crate::guest::{Block, Guest};
use crate::status::NtStatus;

exports![
    RtlInitUnicodeString,
    RtlInitString,
    RtlEqualString,
    RtlCopyUnicodeString,
    RtlCompareUnicodeString,
    RtlEqualUnicodeString,
    RtlAppendUnicodeToString,
    RtlCompareMemory,
    RtlGetVersion,
];

/// A UNICODE_STRING of the lab.
#[derive(Debug)]
pub(crate) struct Text {
    string: Block,
    _units: Block,
}

impl Text {
    /// A string with room for a terminating zero, which is not counted.
    pub(crate) fn new(text: &str) -> Self {
        let units: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let block = Block::zeroed(units.len());
        block.guest::<u8>().write_bytes(&units);
        let string = Block::zeroed(UnicodeString::SIZE);
        set(string.guest(), block.guest(), units.len() - 2, units.len());
        Self { string, _units: block }
    }

    /// The string.
    pub(crate) fn string(&self) -> Guest<UnicodeString> {
        self.string.guest()
    }
}

fn set(string: Guest<UnicodeString>, buffer: Guest<u16>, length: usize, maximum: usize) {
    string.set(UnicodeString::LENGTH, u16::try_from(length).unwrap_or(u16::MAX - 1));
    string.set(UnicodeString::MAXIMUM_LENGTH, u16::try_from(maximum).unwrap_or(u16::MAX));
    string.set(UnicodeString::BUFFER, buffer);
}

/// The text of a UNICODE_STRING; empty for null.
pub(crate) fn text(string: Guest<UnicodeString>) -> String {
    if string.is_null() {
        return String::new();
    }
    String::from_utf16_lossy(&units(string))
}

fn units(string: Guest<UnicodeString>) -> Vec<u16> {
    let count = u64::from(string.get(UnicodeString::LENGTH) / 2);
    let buffer = string.get(UnicodeString::BUFFER);
    (0..count).map(|index| buffer.index(index).read()).collect()
}

/// Units of a string that a zero ends.
fn terminated(source: Guest<u16>) -> Vec<u16> {
    const LONGEST: u64 = 0x7FFE;
    if source.is_null() {
        return Vec::new();
    }
    (0..LONGEST).map(|index| source.index(index).read()).take_while(|&unit| unit != 0).collect()
}

/// Describes a string that a zero ends.
pub extern "win64" fn RtlInitUnicodeString(string: Guest<UnicodeString>, source: Guest<u16>) {
    let length = terminated(source).len() * 2;
    let maximum = if source.is_null() { 0 } else { length + 2 };
    set(string, source, length, maximum);
}

/// Describes a string of bytes that a zero ends; the structure is that of wide strings.
pub extern "win64" fn RtlInitString(string: Guest<UnicodeString>, source: Guest<u8>) {
    const LONGEST: u64 = 0xFFFE;
    let ended = |&index: &u64| source.index(index).read() == 0;
    let length = source.non_null().map_or(0, |_| (0..LONGEST).find(ended).unwrap_or(LONGEST));
    let length = usize::try_from(length).unwrap_or(0);
    let maximum = if source.is_null() { 0 } else { length + 1 };
    string.set(UnicodeString::LENGTH, u16::try_from(length).unwrap_or(u16::MAX));
    string.set(UnicodeString::MAXIMUM_LENGTH, u16::try_from(maximum).unwrap_or(u16::MAX));
    string.set(UnicodeString::BUFFER, source.cast());
}

/// Whether strings of bytes are equal.
pub extern "win64" fn RtlEqualString(
    left: Guest<UnicodeString>,
    right: Guest<UnicodeString>,
    ignore_case: u8,
) -> u8 {
    let bytes = |string: Guest<UnicodeString>| {
        let bytes: Guest<u8> = string.get(UnicodeString::BUFFER).cast();
        bytes.read_bytes(string.get(UnicodeString::LENGTH).into())
    };
    let (left, right) = (bytes(left), bytes(right));
    u8::from(left == right || (ignore_case != 0 && left.eq_ignore_ascii_case(&right)))
}

/// Copies a string as far as there is room.
pub extern "win64" fn RtlCopyUnicodeString(
    destination: Guest<UnicodeString>,
    source: Guest<UnicodeString>,
) {
    let room = destination.get(UnicodeString::MAXIMUM_LENGTH);
    let length = source.non_null().map_or(0, |source| source.get(UnicodeString::LENGTH)).min(room);
    if length > 0 {
        let to = destination.get(UnicodeString::BUFFER).cast::<u8>();
        to.copy_from(source.get(UnicodeString::BUFFER).cast(), length.into());
    }
    destination.set(UnicodeString::LENGTH, length);
}

/// Compares strings: negative, zero or positive.
pub extern "win64" fn RtlCompareUnicodeString(
    left: Guest<UnicodeString>,
    right: Guest<UnicodeString>,
    ignore_case: u8,
) -> i32 {
    let fold = |string| {
        let text = text(string);
        if ignore_case != 0 { text.to_uppercase() } else { text }
    };
    fold(left).cmp(&fold(right)) as i32
}

/// Whether strings are equal.
pub extern "win64" fn RtlEqualUnicodeString(
    left: Guest<UnicodeString>,
    right: Guest<UnicodeString>,
    ignore_case: u8,
) -> u8 {
    u8::from(RtlCompareUnicodeString(left, right, ignore_case) == 0)
}

/// Appends a string that a zero ends.
pub extern "win64" fn RtlAppendUnicodeToString(
    destination: Guest<UnicodeString>,
    source: Guest<u16>,
) -> NtStatus {
    let added = terminated(source);
    let length = destination.get(UnicodeString::LENGTH);
    let grown = usize::from(length) + added.len() * 2;
    if grown > usize::from(destination.get(UnicodeString::MAXIMUM_LENGTH)) {
        return NtStatus::BUFFER_TOO_SMALL;
    }
    let to = destination.get(UnicodeString::BUFFER).index(u64::from(length / 2));
    to.cast::<u8>().copy_from(source.cast(), added.len() * 2);
    destination.set(UnicodeString::LENGTH, u16::try_from(grown).unwrap_or(length));
    NtStatus::SUCCESS
}

/// How many bytes are equal from the start.
pub extern "win64" fn RtlCompareMemory(left: Guest<u8>, right: Guest<u8>, count: usize) -> usize {
    let (left, right) = (left.read_bytes(count), right.read_bytes(count));
    left.iter().zip(&right).take_while(|(left, right)| left == right).count()
}

/// The version of the system: Windows 10, version 2004.
pub extern "win64" fn RtlGetVersion(information: Guest<u32>) -> NtStatus {
    const BUILD: u32 = 19041;
    for (index, value) in [(1, 10), (2, 0), (3, BUILD), (4, 2)] {
        information.index(index).write(value);
    }
    NtStatus::SUCCESS
}

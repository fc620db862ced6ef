//! What a driver prints, and its last words.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use crate::abi::kernel::UnicodeString;
use crate::call::Call;
use crate::exports::exports;
use crate::fault;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::rtl;
use crate::status::NtStatus;
use crate::sync::lock;

exports![DbgPrint, DbgPrintEx, DbgBreakPoint, KeBugCheckEx];

/// A parameter of a variadic call: an integer or an address.
type Argument = u64;

/// Prints.
#[expect(clippy::many_single_char_names, reason = "nothing is known of variadic arguments")]
pub extern "win64" fn DbgPrint(
    format: Guest<u8>,
    a: Argument,
    b: Argument,
    c: Argument,
    d: Argument,
    e: Argument,
    f: Argument,
    g: Argument,
    h: Argument,
) -> NtStatus {
    print(&Call::enter("DbgPrint", Irql::HIGH, 0), format, &[a, b, c, d, e, f, g, h])
}

/// Prints for a component at a level.
#[expect(clippy::many_single_char_names, reason = "nothing is known of variadic arguments")]
pub extern "win64" fn DbgPrintEx(
    _component: u32,
    _level: u32,
    format: Guest<u8>,
    a: Argument,
    b: Argument,
    c: Argument,
    d: Argument,
    e: Argument,
    f: Argument,
    g: Argument,
    h: Argument,
) -> NtStatus {
    print(&Call::enter("DbgPrintEx", Irql::HIGH, 0), format, &[a, b, c, d, e, f, g, h])
}

fn print(call: &Call, format: Guest<u8>, arguments: &[Argument]) -> NtStatus {
    let text = expand(&c_string(format), arguments);
    if call.machine.options.print {
        eprint!("{text}");
    }
    lock(&call.machine.printed).push(text);
    NtStatus::SUCCESS
}

fn c_string(at: Guest<u8>) -> String {
    const LONGEST: u64 = 4096;
    if at.is_null() {
        return "(null)".to_owned();
    }
    let bytes: Vec<u8> =
        (0..LONGEST).map(|index| at.index(index).read()).take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Puts arguments into a format: `%s %c %d %i %u %x %X %p %wZ %S`, with any width and length.
fn expand(format: &str, arguments: &[Argument]) -> String {
    let mut text = String::new();
    let mut arguments = arguments.iter().copied();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut modifiers = String::new();
        let mut conversion = None;
        for next in characters.by_ref() {
            let is_length =
                matches!(next, 'l' | 'h' | 'w' | 'I' | 'z' | '-' | '+' | '#' | '.' | '*');
            if next.is_ascii_digit() || is_length {
                modifiers.push(next);
            } else {
                conversion = Some(next);
                break;
            }
        }
        if conversion == Some('%') {
            text.push('%');
            continue;
        }
        let Some(conversion) = conversion else { break };
        text.push_str(&convert(conversion, &modifiers, arguments.next().unwrap_or(0)));
    }
    text
}

fn convert(conversion: char, modifiers: &str, value: Argument) -> String {
    let long = modifiers.contains("ll") || modifiers.contains("I64") || modifiers.contains('z');
    let number = if long { value } else { value & 0xFFFF_FFFF };
    // The value is an address that the driver printed; a wild one faults as it would in a kernel.
    let pointer = Guest::<u8>::NULL.byte_add(value);
    match conversion {
        's' => c_string(pointer),
        'Z' => rtl::text(pointer.cast::<UnicodeString>()),
        'c' => char::from(value.to_le_bytes()[0]).to_string(),
        'd' | 'i' if long => value.cast_signed().to_string(),
        'd' | 'i' => i32::from_le_bytes([
            value.to_le_bytes()[0],
            value.to_le_bytes()[1],
            value.to_le_bytes()[2],
            value.to_le_bytes()[3],
        ])
        .to_string(),
        'u' => number.to_string(),
        'x' => format!("{number:x}"),
        'X' => format!("{number:X}"),
        'p' => format!("{value:#018x}"),
        other => format!("%{modifiers}{other}"),
    }
}

/// A break into a debugger, which nobody has here: noted.
pub extern "win64" fn DbgBreakPoint() {
    let call = Call::enter("DbgBreakPoint", Irql::HIGH, 0);
    lock(&call.machine.printed).push("break point".to_owned());
}

/// The end of the machine.
pub extern "win64" fn KeBugCheckEx(code: u32, a: u64, b: u64, c: u64, d: u64) -> ! {
    let call = Call::enter("KeBugCheckEx", Irql::HIGH, code.into());
    fault::bug_check(&call.machine, code, [a, b, c, d], call.site)
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn formats_hold_numbers_and_characters() {
        assert_eq!(expand("%d %u %x|%c%%", &[u64::MAX, 7, 255, 65]), "-1 7 ff|A%");
        assert_eq!(expand("%08lx %llu", &[0x1_0000_0001, u64::MAX]), "1 18446744073709551615");
    }
}

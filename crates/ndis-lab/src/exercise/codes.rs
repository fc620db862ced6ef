//! Control codes that a driver knows, found in its image.

use std::collections::BTreeSet;
use std::path::Path;

use object::{Object, ObjectSection, SectionKind};

/// Device types that drivers of the network use: FILE_DEVICE_NETWORK, FILE_DEVICE_PHYSICAL_NETCARD,
/// FILE_DEVICE_UNKNOWN.
const DEVICE_TYPES: [u32; 3] = [0x12, 0x17, 0x22];

/// Functions below this one are Microsoft's.
const FIRST_OWN_FUNCTION: u32 = 0x800;

/// How many are kept; more of them are likely no codes.
const LIMIT: usize = 64;

/// Numbers in a driver's code that have the form of control codes. A switch over codes may hold
/// differences of codes only, so this finds some, not all.
pub(crate) fn in_image(file: &Path) -> Vec<u32> {
    let Ok(bytes) = std::fs::read(file) else { return Vec::new() };
    let Ok(image) = object::File::parse(bytes.as_slice()) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for section in image.sections().filter(|section| section.kind() == SectionKind::Text) {
        let code = section.data().unwrap_or_default();
        let words = code.windows(4).filter_map(|window| window.first_chunk().copied());
        found.extend(words.map(u32::from_le_bytes).filter(|&word| is_code(word)));
    }
    found.into_iter().take(LIMIT).collect()
}

/// Whether a number has the form of a driver's own control code.
fn is_code(word: u32) -> bool {
    DEVICE_TYPES.contains(&(word >> 16)) && word >> 2 & 0xFFF >= FIRST_OWN_FUNCTION
}

#[cfg(test)]
mod tests {
    use super::is_code;

    #[test]
    fn codes_are_told_from_other_numbers() {
        assert!(is_code(0x0012_E000));
        assert!(is_code(0x0022_2004));
        assert!(!is_code(0x0012_0000), "a function of Microsoft's");
        assert!(!is_code(0x0044_E000), "another type of device");
    }
}

//! Makes a linked image independent of where it was linked, and signs it.
//!
//! The linker names an image and its symbols after a hash of the symbols, and those hold the paths
//! of every object. Here the image is named after its own bytes, and its symbols with it.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// Entries of the debug directory, and what they are called in it.
const DEBUG_ENTRY: usize = 28;
const CODE_VIEW: u32 = 2;
const SIGNATURE: &[u8] = b"RSDS";
const IDENTIFIER: usize = 16;

/// Where the fields are that the linker fills from its hash, and that of the signature.
struct Fields {
    times: Vec<usize>,
    identifier: usize,
    checksum: usize,
    signature: usize,
}

/// Names `image` and its `symbols` after the bytes of `image`.
///
/// # Errors
///
/// When they are no PE image with a reference to symbols, and those symbols.
pub fn settle(image: &mut [u8], symbols: &mut [u8]) -> Result<()> {
    let fields = fields(image).context("the linked image is not as expected")?;
    let old = bytes(image, fields.identifier, IDENTIFIER)?.to_vec();
    let places: Vec<_> = symbols
        .windows(IDENTIFIER)
        .enumerate()
        .filter_map(|(place, window)| (window == old).then_some(place))
        .collect();
    ensure!(places.len() == 1, "the symbols name the image {} times, not once", places.len());

    for &time in &fields.times {
        put(image, time, &[0; 4])?;
    }
    put(image, fields.identifier, &[0; IDENTIFIER])?;
    put(image, fields.checksum, &[0; 4])?;
    let name = Sha256::digest(&*image);
    for &time in &fields.times {
        put(image, time, bytes(&name, 0, 4)?)?;
    }
    put(image, fields.identifier, bytes(&name, 0, IDENTIFIER)?)?;
    put(symbols, places[0], bytes(&name, 0, IDENTIFIER)?)?;
    let checksum = checksum(image)?;
    put(image, fields.checksum, &checksum.to_le_bytes())
}

/// Where the signature of an image may start, in bytes.
pub const CERTIFICATE_ALIGNMENT: usize = 8;

/// Appends a signature to an image that has none.
///
/// # Errors
///
/// When it is no image, is signed already, or does not end where a signature may start.
pub fn append_signature(image: &mut Vec<u8>, signature: &[u8]) -> Result<()> {
    /// WIN_CERT_REVISION_2_0 and WIN_CERT_TYPE_PKCS_SIGNED_DATA.
    const REVISION: [u8; 2] = 0x200_u16.to_le_bytes();
    const SIGNED_DATA: [u8; 2] = 2_u16.to_le_bytes();
    let fields = fields(image).context("the image is not as expected")?;
    ensure!(bytes(image, fields.signature, 8)? == [0; 8], "the image is signed already");
    let start = image.len();
    ensure!(start.is_multiple_of(CERTIFICATE_ALIGNMENT), "the image ends at {start:#x}");
    let length = (8 + signature.len()).next_multiple_of(CERTIFICATE_ALIGNMENT);
    let (place, length) = (u32::try_from(start)?.to_le_bytes(), u32::try_from(length)?);
    image.extend(length.to_le_bytes());
    image.extend([REVISION, SIGNED_DATA].concat());
    image.extend(signature);
    image.resize(start + usize::try_from(length)?, 0);
    put(image, fields.signature, &place)?;
    put(image, fields.signature + 4, &length.to_le_bytes())?;
    put(image, fields.checksum, &[0; 4])?;
    let checksum = checksum(image)?;
    put(image, fields.checksum, &checksum.to_le_bytes())
}

fn fields(image: &[u8]) -> Result<Fields> {
    ensure!(bytes(image, 0, 2)? == b"MZ", "no MZ at its start");
    let header = word(image, 0x3c)?;
    ensure!(bytes(image, header, 4)? == b"PE\0\0", "no PE header");
    let optional = header + 24;
    ensure!(bytes(image, optional, 2)? == [0x0b, 0x02], "not a 64-bit image");
    let sections = optional + usize::from(half(image, header + 20)?);
    let count = usize::from(half(image, header + 6)?);

    // The debug directory is the seventh.
    let (address, size) = (word(image, optional + 160)?, word(image, optional + 164)?);
    let directory = offset(image, sections, count, address)?;
    let mut times = vec![header + 8];
    let mut identifier = None;
    for entry in (directory..directory + size).step_by(DEBUG_ENTRY) {
        times.push(entry + 4);
        if word(image, entry + 12)? == CODE_VIEW as usize {
            let data = word(image, entry + 24)?;
            ensure!(bytes(image, data, 4)? == SIGNATURE, "its symbols are of an unknown kind");
            identifier = Some(data + SIGNATURE.len());
        }
    }
    let identifier = identifier.context("it has no symbols")?;
    // The signature's directory is the fifth.
    Ok(Fields { times, identifier, checksum: optional + 64, signature: optional + 144 })
}

/// The place in the file of what is at `address` once loaded.
fn offset(image: &[u8], sections: usize, count: usize, address: usize) -> Result<usize> {
    for number in 0..count {
        let section = sections + number * 40;
        let (size, start) = (word(image, section + 16)?, word(image, section + 12)?);
        if (start..start + size).contains(&address) {
            return Ok(word(image, section + 20)? + address - start);
        }
    }
    anyhow::bail!("no section holds its debug directory")
}

/// The sum that the loader checks: of 16-bit words with the carry added in, and the length.
fn checksum(image: &[u8]) -> Result<u32> {
    let mut sum = 0u32;
    for pair in image.chunks(2) {
        let high = pair.get(1).copied().unwrap_or_default();
        sum += u32::from(u16::from_le_bytes([pair[0], high]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    Ok(sum + u32::try_from(image.len()).context("the image is too long")?)
}

fn bytes(data: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    data.get(at..at + length).with_context(|| format!("it ends before {at:#x}"))
}

fn half(data: &[u8], at: usize) -> Result<u16> {
    Ok(u16::from_le_bytes(bytes(data, at, 2)?.try_into()?))
}

fn word(data: &[u8], at: usize) -> Result<usize> {
    Ok(usize::try_from(u32::from_le_bytes(bytes(data, at, 4)?.try_into()?))?)
}

fn put(data: &mut [u8], at: usize, new: &[u8]) -> Result<()> {
    data.get_mut(at..at + new.len())
        .with_context(|| format!("it ends before {at:#x}"))?
        .copy_from_slice(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small image with one section and a debug directory, as a linker that hashed to `hash`
    /// leaves it.
    fn image(hash: u8, code: u8) -> Vec<u8> {
        let mut image = vec![0; 0x400];
        let mut set = |at: usize, new: &[u8]| image[at..at + new.len()].copy_from_slice(new);
        set(0, b"MZ");
        set(0x3c, &[0x40]);
        set(0x40, b"PE\0\0");
        set(0x46, &[1]); // sections
        set(0x48, &[hash; 4]); // time
        set(0x54, &[0xf0]); // size of the optional header
        set(0x58, &[0x0b, 0x02]);
        set(0x98, &[hash; 4]); // checksum
        set(0xf8, &[0x00, 0x10, 0, 0, 28]); // debug directory at 0x1000
        set(0x148 + 12, &[0x00, 0x10]); // section at 0x1000
        set(0x148 + 16, &[0x00, 0x02]); // of 0x200 bytes
        set(0x148 + 20, &[0x00, 0x02]); // from 0x200 in the file
        set(0x204, &[hash; 4]);
        set(0x20c, &[2]);
        set(0x218, &[0x00, 0x03]);
        set(0x300, b"RSDS");
        set(0x304, &[hash; 16]);
        set(0x350, &[code]);
        image
    }

    fn symbols(hash: u8) -> Vec<u8> {
        [b"path".as_slice(), &[hash; 16], b"symbols"].concat()
    }

    #[test]
    fn the_hash_of_the_symbols_leaves_no_trace() -> Result<()> {
        let (mut one, mut other) = (image(1, 7), image(2, 7));
        let (mut one_symbols, mut other_symbols) = (symbols(1), symbols(2));
        settle(&mut one, &mut one_symbols)?;
        settle(&mut other, &mut other_symbols)?;
        assert_eq!(one, other);
        assert_eq!(one_symbols, other_symbols);
        assert_eq!(one[0x304..0x314], one_symbols[4..20]);
        Ok(())
    }

    #[test]
    fn other_code_has_another_name() -> Result<()> {
        let (mut one, mut other) = (image(1, 7), image(1, 8));
        settle(&mut one, &mut symbols(1))?;
        settle(&mut other, &mut symbols(1))?;
        assert_ne!(one[0x304..0x314], other[0x304..0x314]);
        Ok(())
    }

    #[test]
    fn symbols_of_another_image_are_refused() {
        assert!(settle(&mut image(1, 7), &mut symbols(2)).is_err());
        assert!(settle(&mut b"MZ".to_vec(), &mut symbols(1)).is_err());
    }
}

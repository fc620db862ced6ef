//! The tree of blocks that a version resource is: each a length, the length of a value, a key, the
//! value and further blocks.
//!
//! Follows "VS_VERSIONINFO structure".

use crate::Error;

/// What blocks and values are aligned to, in bytes.
const ALIGNMENT: usize = 4;

/// A block: String, StringTable, Var and the like differ in their keys only.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) children: Vec<Self>,
}

/// What a block holds.
#[derive(Debug)]
pub(crate) enum Value {
    Binary(Vec<u8>),
    Text(String),
}

impl Block {
    /// A block of blocks.
    pub(crate) fn group(key: &str, children: Vec<Self>) -> Self {
        Self { key: key.to_owned(), value: Value::Text(String::new()), children }
    }

    /// A block of text.
    pub(crate) fn text(key: &str, text: &str) -> Self {
        Self { key: key.to_owned(), value: Value::Text(text.to_owned()), children: Vec::new() }
    }

    /// A block of bytes.
    pub(crate) fn binary(key: &str, value: Vec<u8>) -> Self {
        Self { key: key.to_owned(), value: Value::Binary(value), children: Vec::new() }
    }

    /// The block as it lies in the image.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Error> {
        // Text is measured in UTF-16 units, its end included; bytes in bytes.
        let (value, length, is_text) = match &self.value {
            Value::Binary(bytes) => (bytes.clone(), bytes.len(), false),
            Value::Text(text) if text.is_empty() => (Vec::new(), 0, true),
            Value::Text(text) => {
                let bytes = utf16(text);
                let units = bytes.len() / 2;
                (bytes, units, true)
            }
        };
        let mut block = [[0, 0], short(length)?, short(usize::from(is_text))?].concat();
        block.extend(utf16(&self.key));
        align(&mut block);
        block.extend(value);
        for child in &self.children {
            align(&mut block);
            block.extend(child.bytes()?);
        }
        let length = short(block.len())?;
        block.splice(..2, length);
        Ok(block)
    }
}

/// A text as Windows holds it, with its end.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn short(length: usize) -> Result<[u8; 2], Error> {
    u16::try_from(length).map(u16::to_le_bytes).map_err(|_| Error::TooLong(length))
}

fn align(block: &mut Vec<u8>) {
    block.resize(block.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_its_lengths_its_key_and_its_value() -> Result<(), Error> {
        let block = Block::text("ab", "c").bytes()?;
        assert_eq!(block, *b"\x10\0\x02\0\x01\0a\0b\0\0\0c\0\0\0");
        Ok(())
    }

    #[test]
    fn blocks_within_are_aligned_and_counted() -> Result<(), Error> {
        let inner = || vec![Block::binary("a", vec![7]), Block::binary("b", vec![8])];
        let block = Block::group("key", inner()).bytes()?;
        let of = |key: &[u8], value: u8| [&[13, 0, 1, 0, 0, 0], key, &[0, 0, 0, 0, value]].concat();
        let children = [of(b"a\0", 7).as_slice(), &[0; 3], &of(b"b\0", 8)].concat();
        let head = b"\x2d\0\0\0\x01\0k\0e\0y\0\0\0\0\0";
        assert_eq!(block, [head.as_slice(), &children].concat());
        assert_eq!(block.len(), 0x2d);
        Ok(())
    }

    #[test]
    fn a_text_beyond_16_bits_is_refused() {
        let block = Block::text("key", &"x".repeat(40_000));
        assert!(matches!(block.bytes(), Err(Error::TooLong(_))));
    }
}

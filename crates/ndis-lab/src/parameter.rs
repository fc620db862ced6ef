//! What a driver finds in its configuration.

use std::fmt;
use std::str::FromStr;

/// A value of a driver's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parameter {
    /// A number: `REG_DWORD`.
    Number(u32),
    /// A text: `REG_SZ`.
    Text(String),
    /// Texts: `REG_MULTI_SZ`.
    Texts(Vec<String>),
    /// Bytes: `REG_BINARY`.
    Bytes(Vec<u8>),
}

impl Parameter {
    /// The registry's number for the kind of value.
    pub(crate) fn kind(&self) -> u32 {
        match self {
            Self::Text(_) => 1,
            Self::Bytes(_) => 3,
            Self::Number(_) => 4,
            Self::Texts(_) => 7,
        }
    }

    /// The value as the registry keeps it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let units = |text: &str| -> Vec<u8> {
            text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
        };
        match self {
            Self::Number(number) => number.to_le_bytes().to_vec(),
            Self::Text(text) => units(text),
            Self::Texts(texts) => texts.iter().flat_map(|text| units(text)).chain([0, 0]).collect(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Texts(texts) => f.write_str(&texts.join(",")),
            Self::Bytes(bytes) => write!(f, "{bytes:02x?}"),
        }
    }
}

impl FromStr for Parameter {
    type Err = std::convert::Infallible;

    /// A number if it looks like one, decimal or after `0x`, else a text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => text.parse(),
        };
        Ok(number.map_or_else(|_| Self::Text(text.to_owned()), Self::Number))
    }
}

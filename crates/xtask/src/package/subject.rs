//! What is hashed for a signature, and how the hash is written down.
//!
//! Follows "Windows Authenticode Portable Executable Signature Format".

use anyhow::Result;
use authenticode::{
    DigestInfo, SPC_INDIRECT_DATA_OBJID, SpcAttributeTypeAndOptionalValue, SpcIndirectDataContent,
    authenticode_digest,
};
use der::{
    Any, Sequence, Tag, TagNumber,
    asn1::{BitString, OctetString},
    oid::ObjectIdentifier,
};
use object_of_authenticode::read::pe::PeFile64;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// SPC_INDIRECT_DATA_OBJID: a hash, and of what.
pub(super) const INDIRECT_DATA: ObjectIdentifier = SPC_INDIRECT_DATA_OBJID;

const PE_IMAGE_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");
const CAB_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.25");

/// A file that is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An image, but for its checksum and its signature.
    Image,
    /// Any other file, as a whole.
    Flat,
}

/// How it is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// What Windows falls back to for drivers that Microsoft has not signed.
    Sha1,
    /// What Windows looks for first.
    Sha256,
}

impl Algorithm {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Sha1, Self::Sha256];

    /// As certificates name it.
    pub(super) fn identifier(self) -> AlgorithmIdentifierOwned {
        let oid = match self {
            Self::Sha1 => ObjectIdentifier::new_unwrap("1.3.14.3.2.26"),
            Self::Sha256 => ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
        };
        AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) }
    }
}

impl Subject {
    /// The hash of a file.
    ///
    /// # Errors
    ///
    /// When it is to be an image and is none.
    pub fn hash(self, bytes: &[u8], algorithm: Algorithm) -> Result<Vec<u8>> {
        match algorithm {
            Algorithm::Sha1 => self.hash_with(bytes, Sha1::new()),
            Algorithm::Sha256 => self.hash_with(bytes, Sha256::new()),
        }
    }

    fn hash_with(
        self,
        bytes: &[u8],
        mut digest: impl Digest + sha2::digest::Update,
    ) -> Result<Vec<u8>> {
        match self {
            Self::Image => authenticode_digest(&PeFile64::parse(bytes)?, &mut digest)?,
            Self::Flat => Digest::update(&mut digest, bytes),
        }
        Ok(digest.finalize().to_vec())
    }

    /// SPC_INDIRECT_DATA_CONTENT: the hash, and of what.
    ///
    /// # Errors
    ///
    /// When the file cannot be hashed.
    pub(super) fn indirect_data(
        self,
        hash: &[u8],
        algorithm: Algorithm,
    ) -> Result<SpcIndirectDataContent> {
        let (value_type, value) = match self {
            Self::Image => {
                // The flags that signing tools have always set; nobody looks at them.
                let flags = BitString::new(5, [0xA0])?;
                (PE_IMAGE_DATA, Any::encode_from(&PeImageData { flags, file: link()? })?)
            }
            Self::Flat => (CAB_DATA, link()?),
        };
        Ok(SpcIndirectDataContent {
            data: SpcAttributeTypeAndOptionalValue { value_type, value },
            message_digest: DigestInfo {
                digest_algorithm: algorithm.identifier(),
                digest: OctetString::new(hash)?,
            },
        })
    }

    /// The subject interface package that hashes such files on Windows.
    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::Image => "{C689AAB8-8E78-11D0-8C47-00C04FC295EE}",
            Self::Flat => "{DE351A42-8E59-11D0-8C47-00C04FC295EE}",
        }
    }
}

/// SPC_PE_IMAGE_DATA.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
struct PeImageData {
    flags: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", constructed = "true")]
    file: Any,
}

/// SPC_LINK to a file, which must be there and names none.
fn link() -> Result<Any> {
    let name: Vec<_> = "<<<Obsolete>>>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let tag = |number, constructed| Tag::ContextSpecific { number, constructed };
    let text = Any::new(tag(TagNumber::N0, false), name)?;
    let file = der::Encode::to_der(&text)?;
    Ok(Any::new(tag(TagNumber::N2, true), file)?)
}

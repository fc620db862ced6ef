//! The catalog of a driver package: the hashes of its files, and what the package is for.
//!
//! A catalog is a certificate trust list ("Certificate Trust List Overview") whose subjects are
//! files. What inf2cat writes into it is documented nowhere; this is its layout as tools that read
//! and write catalogs know it: version 1, members under the hexadecimal form of their hashes, `File`
//! and `OSAttr` for each, `OS` and `HWID1` … for the whole. Each file is a member under both of
//! its hashes: Windows looks for SHA-256, and falls back to SHA-1 for packages that Microsoft has
//! not signed.

use anyhow::{Context, Result};
use cms::signed_data::EncapsulatedContentInfo;
use der::{
    Any, DateTime, Encode, Sequence,
    asn1::{BmpString, OctetString, SetOfVec, UtcTime},
    oid::ObjectIdentifier,
};
use sha2::{Digest, Sha256};
use wdk_kit::Architecture;
use x509_cert::{attr::Attribute, ext::Extension, spki::AlgorithmIdentifierOwned};

use super::{
    Algorithm, Subject, TestCertificate, hexadecimal,
    signature::{self, attribute},
    subject::INDIRECT_DATA,
};

const TRUST_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.1");
const CATALOG_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.1");
const CATALOG_MEMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.2");
const NAME_VALUE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.1");
const MEMBER_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.2");

/// CRYPTCAT_ATTR_AUTHENTICATED, _DATAASCII and _NAMEASCII: signed, and plain text.
const PLAIN: u32 = 0x1001_0001;
/// The version of CAT_MEMBERINFO.
const MEMBER_VERSION: u32 = 0x200;
/// Windows 10 and later, as members name it.
const WINDOWS_10: &str = "2:10.0";

/// The files of a package, and what it is for.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Of the release: year, month and day.
    pub date: String,
    /// The processor that the driver runs on.
    pub architecture: Architecture,
    /// What the INF calls the component.
    pub hardware_ids: Vec<String>,
    /// The files.
    pub members: Vec<Member>,
}

/// A file of a package.
#[derive(Debug, Clone)]
pub struct Member {
    name: String,
    subject: Subject,
    /// By algorithm.
    hashes: [(Algorithm, Vec<u8>); 2],
}

impl Member {
    /// A file and its bytes.
    ///
    /// # Errors
    ///
    /// When it is to be an image and is none.
    pub fn new(name: &str, subject: Subject, bytes: &[u8]) -> Result<Self> {
        let hash = |algorithm| subject.hash(bytes, algorithm).map(|hash| (algorithm, hash));
        let [one, other] = Algorithm::ALL;
        // Names in catalogs are lower case.
        Ok(Self { name: name.to_ascii_lowercase(), subject, hashes: [hash(one)?, hash(other)?] })
    }

    /// Its entry under one of its hashes.
    fn entry(&self, algorithm: Algorithm, hash: &[u8]) -> Result<Entry> {
        let info = MemberInfo {
            interface: BmpString::from_utf8(self.subject.interface())?,
            version: MEMBER_VERSION,
        };
        let data = self.subject.indirect_data(hash, algorithm)?;
        let attributes = vec![
            attribute(NAME_VALUE, &NameValue::new("File", &self.name)?)?,
            attribute(NAME_VALUE, &NameValue::new("OSAttr", WINDOWS_10)?)?,
            attribute(MEMBER_INFO, &info)?,
            attribute(INDIRECT_DATA, &data)?,
        ];
        Ok(Entry {
            tag: utf16(&hexadecimal(hash).to_ascii_uppercase())?,
            attributes: SetOfVec::try_from(attributes)?,
        })
    }
}

impl Catalog {
    /// The catalog with a signature.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded or signed.
    pub fn signed(&self, certificate: &TestCertificate) -> Result<Vec<u8>> {
        signature::signed(&self.content()?, certificate)
    }

    /// The catalog as inf2cat leaves it, for others to sign.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded.
    pub fn unsigned(&self) -> Result<Vec<u8>> {
        signature::unsigned(&self.content()?)
    }

    fn content(&self) -> Result<EncapsulatedContentInfo> {
        let list = Any::encode_from(&self.list()?)?;
        Ok(EncapsulatedContentInfo { econtent_type: TRUST_LIST, econtent: Some(list) })
    }

    fn list(&self) -> Result<TrustList> {
        let mut entries = Vec::new();
        // The list is called after what is in it, so that the same files give the same catalog.
        let mut name = Sha256::new();
        for member in &self.members {
            for (algorithm, hash) in &member.hashes {
                entries.push(member.entry(*algorithm, hash)?);
                name.update(hash);
            }
        }
        entries.sort_by(|one, other| one.tag.as_bytes().cmp(other.tag.as_bytes()));
        let system = match self.architecture {
            Architecture::X64 => "_v100_X64",
            Architecture::Arm64 => "_v100_ARM64",
        };
        let mut attributes = vec![extension("OS", system)?];
        for (number, id) in self.hardware_ids.iter().enumerate() {
            let name = format!("HWID{}", number + 1);
            attributes.push(extension(&name, &id.to_ascii_lowercase())?);
        }
        Ok(TrustList {
            usage: vec![CATALOG_LIST],
            identifier: OctetString::new(&name.finalize()[..16])?,
            updated: UtcTime::from_date_time(date(&self.date)?)?,
            algorithm: AlgorithmIdentifierOwned {
                oid: CATALOG_MEMBER,
                parameters: Some(Any::null()),
            },
            entries,
            attributes,
        })
    }
}

/// CertificateTrustList, as far as catalogs use it.
#[derive(Debug, Clone, Sequence)]
struct TrustList {
    usage: Vec<ObjectIdentifier>,
    identifier: OctetString,
    updated: UtcTime,
    algorithm: AlgorithmIdentifierOwned,
    entries: Vec<Entry>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", constructed = "true")]
    attributes: Vec<Extension>,
}

/// TrustedSubject: a member under one of its hashes.
#[derive(Debug, Clone, Sequence)]
struct Entry {
    tag: OctetString,
    attributes: SetOfVec<Attribute>,
}

/// CAT_NAMEVALUE.
#[derive(Debug, Clone, Sequence)]
struct NameValue {
    name: BmpString,
    flags: u32,
    value: OctetString,
}

impl NameValue {
    fn new(name: &str, value: &str) -> Result<Self> {
        Ok(Self { name: BmpString::from_utf8(name)?, flags: PLAIN, value: utf16(value)? })
    }
}

/// CAT_MEMBERINFO.
#[derive(Debug, Clone, Sequence)]
struct MemberInfo {
    interface: BmpString,
    version: u32,
}

fn extension(name: &str, value: &str) -> Result<Extension> {
    let value = NameValue::new(name, value)?.to_der()?;
    Ok(Extension { extn_id: NAME_VALUE, critical: false, extn_value: OctetString::new(value)? })
}

/// A text as Windows holds it, with its end.
fn utf16(text: &str) -> Result<OctetString> {
    let bytes: Vec<_> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    Ok(OctetString::new(bytes)?)
}

fn date(text: &str) -> Result<DateTime> {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        anyhow::bail!("the release date {text:?} is not year-month-day");
    };
    let date = DateTime::new(year.parse()?, month.parse()?, day.parse()?, 0, 0, 0);
    date.with_context(|| format!("there is no day {text}"))
}

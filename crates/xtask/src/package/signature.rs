//! Signatures as Windows wants them: PKCS #7 in its first version, in a catalog or in an image.
//!
//! Follows "Windows Authenticode Portable Executable Signature Format".

use anyhow::{Context, Result};
use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{
        EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier, SignerInfo,
    },
};
use der::{
    Any, Encode, EncodeValue, Tag, Tagged,
    asn1::{OctetString, SetOfVec},
    oid::{
        ObjectIdentifier,
        db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA},
    },
};
use rsa::signature::{SignatureEncoding, Signer};
use sha2::{Digest, Sha256};
use x509_cert::{attr::Attribute, spki::DynSignatureAlgorithmIdentifier};

use super::{Algorithm, Subject, TestCertificate, subject::INDIRECT_DATA};
use crate::image;

/// What is signed and by whom, both left empty; signing tools always write them.
const OPUS_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.12");
const STATEMENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.11");
const INDIVIDUAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.21");

/// An image with its signature.
///
/// # Errors
///
/// When it is no image, or cannot be signed.
pub fn sign_image(image: &[u8], certificate: &TestCertificate) -> Result<Vec<u8>> {
    let mut signed = image.to_vec();
    // What follows an image begins at a multiple of eight, and the hash counts what lies between.
    signed.resize(signed.len().next_multiple_of(image::CERTIFICATE_ALIGNMENT), 0);
    let hash = Subject::Image.hash(&signed, Algorithm::Sha256)?;
    let data = Subject::Image.indirect_data(&hash, Algorithm::Sha256)?;
    let content = EncapsulatedContentInfo {
        econtent_type: INDIRECT_DATA,
        econtent: Some(Any::encode_from(&data)?),
    };
    let signature = self::signed(&content, certificate)?;
    image::append_signature(&mut signed, &signature)?;
    Ok(signed)
}

/// Some content with a signature.
pub(super) fn signed(
    content: &EncapsulatedContentInfo,
    certificate: &TestCertificate,
) -> Result<Vec<u8>> {
    let info = signer_info(content, certificate)?;
    let certificate = CertificateChoices::Certificate(certificate.certificate().clone());
    encoded(&SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![info.digest_alg.clone()])?,
        encap_content_info: content.clone(),
        certificates: Some(SetOfVec::try_from(vec![certificate])?.into()),
        crls: None,
        signer_infos: SetOfVec::try_from(vec![info])?.into(),
    })
}

/// Some content with room for a signature.
pub(super) fn unsigned(content: &EncapsulatedContentInfo) -> Result<Vec<u8>> {
    encoded(&SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::new(),
        encap_content_info: content.clone(),
        certificates: None,
        crls: None,
        signer_infos: SetOfVec::new().into(),
    })
}

fn signer_info(
    content: &EncapsulatedContentInfo,
    certificate: &TestCertificate,
) -> Result<SignerInfo> {
    // The bytes within the content, without its own tag and length.
    let bytes = content.econtent.as_ref().map(Any::value).context("nothing is to be signed")?;
    let digest = OctetString::new(Sha256::digest(bytes).as_slice())?;
    let opus_info = Any::new(Tag::Sequence, [])?;
    let attributes = vec![
        attribute(ID_CONTENT_TYPE, &content.econtent_type)?,
        attribute(ID_MESSAGE_DIGEST, &digest)?,
        attribute(OPUS_INFO, &opus_info)?,
        attribute(STATEMENT_TYPE, &vec![INDIVIDUAL])?,
    ];
    let attributes = SignedAttributes::try_from(attributes)?;
    let signer = certificate.signer();
    let signature = signer.try_sign(&attributes.to_der()?)?;
    let subject = &certificate.certificate().tbs_certificate;
    Ok(SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: subject.issuer.clone(),
            serial_number: subject.serial_number.clone(),
        }),
        digest_alg: Algorithm::Sha256.identifier(),
        signed_attrs: Some(attributes),
        signature_algorithm: signer.signature_algorithm_identifier()?,
        signature: OctetString::new(signature.to_bytes())?,
        unsigned_attrs: None,
    })
}

fn encoded(data: &SignedData) -> Result<Vec<u8>> {
    let info = ContentInfo { content_type: ID_SIGNED_DATA, content: Any::encode_from(data)? };
    Ok(info.to_der()?)
}

/// An attribute with one value.
pub(super) fn attribute(
    oid: ObjectIdentifier,
    value: &(impl EncodeValue + Tagged),
) -> Result<Attribute> {
    let values = SetOfVec::try_from(vec![Any::encode_from(value)?])?;
    Ok(Attribute { oid, values })
}

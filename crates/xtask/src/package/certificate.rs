//! The certificate that packages are signed with for testing.
//!
//! It is made when there is none, and kept below `target`, so that a test machine has to trust it
//! once and not for each package. It is worth nothing elsewhere: nobody vouches for it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use der::{Decode, Encode, EncodePem, pem::LineEnding};
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey},
    rand_core::OsRng,
    signature::Keypair,
};
use sha2::{Digest, Sha256};
use x509_cert::{
    Certificate,
    builder::{Builder, CertificateBuilder, Profile},
    ext::pkix::ExtendedKeyUsage,
    name::Name,
    serial_number::SerialNumber,
    spki::SubjectPublicKeyInfoOwned,
    time::Validity,
};

use crate::workspace::Workspace;

/// What kernels check at most.
const KEY_BITS: usize = 2048;
/// For how long it is good: ten years.
const LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);
const NAME: &str = "CN=Framecast test certificate";
const CODE_SIGNING: der::oid::ObjectIdentifier = der::oid::db::rfc5280::ID_KP_CODE_SIGNING;

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct TestCertificate {
    certificate: Certificate,
    key: RsaPrivateKey,
}

impl TestCertificate {
    /// The one that this workspace signs with, made if there is none or it is no longer good.
    ///
    /// # Errors
    ///
    /// When it can neither be read nor made.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target().join("certificate");
        if let Some(known) = Self::read(&folder).filter(Self::is_good) {
            return Ok(known);
        }
        eprintln!("Making a certificate for testing");
        let made = Self::new()?;
        made.keep(&folder).with_context(|| format!("cannot write below {}", folder.display()))?;
        Ok(made)
    }

    /// A new one.
    ///
    /// # Errors
    ///
    /// When the system has no randomness for it.
    pub fn new() -> Result<Self> {
        let key = RsaPrivateKey::new(&mut OsRng, KEY_BITS)?;
        let signer = SigningKey::<Sha256>::new(key.clone());
        let public = signer.verifying_key().to_public_key_der()?;
        let name: Name = NAME.parse()?;
        let mut builder = CertificateBuilder::new(
            // It vouches for itself.
            Profile::Leaf {
                issuer: name.clone(),
                enable_key_agreement: false,
                enable_key_encipherment: false,
            },
            SerialNumber::new(&Sha256::digest(&public)[..8])?,
            Validity::from_now(LIFETIME)?,
            name,
            SubjectPublicKeyInfoOwned::from_der(public.as_bytes())?,
            &signer,
        )?;
        builder.add_extension(&ExtendedKeyUsage(vec![CODE_SIGNING]))?;
        let certificate = builder.build::<rsa::pkcs1v15::Signature>()?;
        Ok(Self { certificate, key })
    }

    /// The certificate as Windows imports it.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded.
    pub fn der(&self) -> Result<Vec<u8>> {
        Ok(self.certificate.to_der()?)
    }

    /// The certificate as other tools read it.
    ///
    /// # Errors
    ///
    /// When it cannot be encoded.
    pub fn pem(&self) -> Result<String> {
        Ok(self.certificate.to_pem(LineEnding::LF)?)
    }

    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(super) fn signer(&self) -> SigningKey<Sha256> {
        SigningKey::new(self.key.clone())
    }

    fn read(folder: &Path) -> Option<Self> {
        let [certificate, key] = files(folder);
        let certificate = Certificate::from_der(&fs::read(certificate).ok()?).ok()?;
        let key = RsaPrivateKey::from_pkcs8_pem(&fs::read_to_string(key).ok()?).ok()?;
        Some(Self { certificate, key })
    }

    fn is_good(&self) -> bool {
        let validity = &self.certificate.tbs_certificate.validity;
        let now = SystemTime::now();
        (validity.not_before.to_system_time()..validity.not_after.to_system_time()).contains(&now)
    }

    fn keep(&self, folder: &Path) -> Result<()> {
        let [certificate, key] = files(folder);
        fs::create_dir_all(folder)?;
        // Two commands at once keep one or the other, whole.
        let pem = self.key.to_pkcs8_pem(LineEnding::LF)?;
        fs::write(&key, pem.as_bytes())?;
        fs::write(certificate, self.der()?)?;
        Ok(())
    }
}

fn files(folder: &Path) -> [PathBuf; 2] {
    [folder.join("framecast-test.cer"), folder.join("framecast-test.key")]
}

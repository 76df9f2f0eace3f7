//! [`SignatureEnvelope`]: a signature as it is stored, and [`VerifiedEnvelope`]: what it proves.

use super::attributes::{Algorithm, AttributesError, SignedAttributes};
use super::chain::{self, NotationChainError};
use super::distinguished_name::{DistinguishedName, NameError};
use super::parts::{EnvelopeError, MAX_LEN, Parts};
use super::payload::{PayloadError, TargetArtifact};
use super::{COSE_MEDIA_TYPE, JWS_MEDIA_TYPE, cose, jws};
use crate::digest::{Digest, DigestMismatch, HashAlgorithm};
use crate::key::{SignatureAlgorithm, Signed};
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::certificate::Certificate;
use crate::x509::chain::MAX_PATH_LEN;

/// A signature of the Notary Project, parsed. It proves nothing yet.
#[derive(Clone)]
pub struct SignatureEnvelope {
    parts: Parts,
    certificates: Vec<Certificate>,
    is_jws: bool,
}

/// What an envelope proves: that the holder of the first certificate's key signed the payload and the attributes, and that the certificates
/// keep to the specification. Whether anybody trusts their root, and whether they are valid and not revoked, is the policy's matter.
#[derive(Clone, Debug)]
pub struct VerifiedEnvelope {
    artifact: TargetArtifact,
    attributes: SignedAttributes,
    certificates: Vec<Certificate>,
    signature: Vec<u8>,
    timestamp: Option<Vec<u8>>,
}

impl SignatureEnvelope {
    /// Reads an envelope of this media type.
    ///
    /// # Errors
    /// If it is of another type, or malformed.
    pub fn from_bytes(media_type: &str, bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_LEN {
            return Err(EnvelopeError::TooLong { found: bytes.len() });
        }
        let parts = match media_type {
            JWS_MEDIA_TYPE => jws::read(bytes)?,
            COSE_MEDIA_TYPE => cose::read(bytes)?,
            other => return Err(EnvelopeError::MediaType { found: other.to_owned() }),
        };
        if parts.certificates.is_empty() {
            return Err(EnvelopeError::NoCertificates);
        }
        if parts.certificates.len() > MAX_PATH_LEN {
            return Err(NotationChainError::Length { found: parts.certificates.len() }.into());
        }
        let read = |(index, der): (usize, &Vec<u8>)| {
            Certificate::from_der(der).map_err(|source| EnvelopeError::Certificate { index, source })
        };
        let certificates = parts.certificates.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { parts, certificates, is_jws: media_type == JWS_MEDIA_TYPE })
    }

    /// Verifies its signature, and those of its certificates, by this back end.
    #[must_use]
    pub fn with_back_end(mut self, back_end: &'static dyn SignatureAlgorithm) -> Self {
        self.certificates = self.certificates.into_iter().map(|one| one.with_back_end(back_end)).collect();
        self
    }

    /// The certificates that it brings, leaf first. Anyone can write them.
    #[must_use]
    pub fn unverified_certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// What it is about, as it says itself.
    ///
    /// # Errors
    /// If what is signed is malformed.
    pub fn unverified_artifact(&self) -> Result<TargetArtifact, PayloadError> {
        TargetArtifact::from_payload(&self.parts.payload)
    }

    /// The software that made it, as it says itself: nobody signs that.
    #[must_use]
    pub fn unverified_agent(&self) -> Option<&str> {
        self.parts.agent.as_deref()
    }

    /// Proves that the holder of the first certificate's key signed it, and that it is as the specification requires.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify(self) -> Result<VerifiedEnvelope, EnvelopeError> {
        let Self { parts, certificates, is_jws } = self;
        let Some(leaf) = certificates.first() else { return Err(EnvelopeError::NoCertificates) };
        let key = leaf.public_key();
        let algorithm = Algorithm::of_key(key.algorithm())?;
        let number = algorithm.cose.to_string();
        let named = if is_jws { algorithm.jws } else { number.as_str() };
        if parts.algorithm != named {
            return Err(AttributesError::Algorithm {
                found: format!("`{}`", parts.algorithm.chars().take(64).collect::<String>()),
                expected: algorithm.jws,
                key: key.algorithm(),
            }
            .into());
        }
        key.verify(algorithm.scheme, Signed::Message(&parts.signed), &parts.signature)?;
        let attributes = parts.attributes.check()?;
        let artifact = TargetArtifact::from_payload(&parts.payload)?;
        chain::check(&certificates)?;
        let (signature, timestamp) = (parts.signature, parts.timestamp);
        Ok(VerifiedEnvelope { artifact, attributes, certificates, signature, timestamp })
    }
}

impl core::fmt::Debug for SignatureEnvelope {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SignatureEnvelope").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}

impl VerifiedEnvelope {
    /// What was signed.
    #[must_use]
    pub fn artifact(&self) -> &TargetArtifact {
        &self.artifact
    }

    /// What was signed beside it.
    #[must_use]
    pub fn attributes(&self) -> &SignedAttributes {
        &self.attributes
    }

    /// The certificates, leaf first and root last. Whether the root is trusted is not known yet.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The SHA-256 digests of the certificates, leaf first: what a manifest with the signature says of it in an annotation.
    #[must_use]
    pub fn thumbprints(&self) -> Vec<Digest> {
        self.certificates.iter().map(Certificate::fingerprint).collect()
    }

    /// Whose certificate it is, as trust policies name it.
    ///
    /// # Errors
    /// If the certificate's subject cannot be compared with names in policies.
    pub fn identity(&self) -> Result<DistinguishedName, NameError> {
        self.certificates.first().map_or(Err(NameError::Malformed), DistinguishedName::of_subject)
    }

    /// Proves that it is for this blob, and for this media type if one is given. The digest uses the hash of the signer's key.
    ///
    /// # Errors
    /// If digest, size or media type differ.
    pub fn check_blob(&self, content: &[u8], media_type: Option<&str>) -> Result<(), PayloadError> {
        let key = self.certificates.first().map(|leaf| leaf.public_key().algorithm());
        let algorithm = key.and_then(|key| Algorithm::of_key(key).ok());
        let hash = algorithm.and_then(|algorithm| algorithm.scheme.hash()).unwrap_or(HashAlgorithm::Sha256);
        let found = Digest::of(hash, content);
        if self.artifact.digest != found {
            let expected = self.artifact.digest.clone();
            return Err(PayloadError::Digest(DigestMismatch { found, expected }));
        }
        self.artifact.check(content, media_type.unwrap_or(&self.artifact.media_type))
    }

    /// The signature's own bytes, which a timestamp is over.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The timestamp that stands beside the signature, not verified.
    #[must_use]
    pub fn unverified_timestamp(&self) -> Option<&[u8]> {
        self.timestamp.as_deref()
    }

    /// A certificate that is not valid at a time, and when it is; `None` if all are.
    #[must_use]
    pub fn not_valid_at(&self, time: UnixTime) -> Option<(&Certificate, TimeWindow)> {
        let outside = self.certificates.iter().find(|one| !one.validity().contains(time));
        outside.map(|one| (one, one.validity()))
    }
}

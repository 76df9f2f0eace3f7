//! [`Bundle`]: a signature with everything that is needed to verify it offline
//! ([sigstore_bundle.proto](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto)).

mod wire;
mod write;

use core::fmt;

use thiserror::Error;

use crate::digest::{Digest, HashAlgorithm};
use crate::log::{InclusionClaim, LogEntry};
use crate::statement::dsse::{Envelope, EnvelopeError};
use crate::text::json::{Document, JsonError};
use crate::text::time::UnixTime;
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::MAX_PATH_LEN;

/// The media type of what is written.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// As long as the largest attestation that cosign reads, in base64.
const MAX_LEN: usize = 192 << 20;
/// sigstore-go reads as many.
const MAX_LOG_ENTRIES: usize = 32;
/// Likewise.
const MAX_TIMESTAMPS: usize = 32;
/// A tree has at most 2^64 leaves.
const MAX_PROOF_HASHES: usize = 64;

/// The versions of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundleVersion {
    /// v0.1: a log entry has a promise, and may have a proof.
    V0_1,
    /// v0.2: a log entry has a proof.
    V0_2,
    /// v0.3: likewise, and a certificate comes alone.
    V0_3,
}

impl BundleVersion {
    const MEDIA_TYPES: [(&'static str, Self); 4] = [
        ("application/vnd.dev.sigstore.bundle+json;version=0.1", Self::V0_1),
        ("application/vnd.dev.sigstore.bundle+json;version=0.2", Self::V0_2),
        ("application/vnd.dev.sigstore.bundle+json;version=0.3", Self::V0_3),
        (MEDIA_TYPE, Self::V0_3),
    ];

    /// The version that a media type names.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        Self::MEDIA_TYPES.iter().find(|(name, _)| *name == media_type).map(|&(_, version)| version)
    }
}

impl fmt::Display for BundleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1 => "v0.1",
            Self::V0_2 => "v0.2",
            Self::V0_3 => "v0.3",
        })
    }
}

/// A bundle, parsed. It proves nothing: [`Verifier::verify`](crate::Verifier::verify) does.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub(crate) version: BundleVersion,
    pub(crate) content: Content,
    pub(crate) material: Material,
    pub(crate) log_entries: Vec<LogEntry>,
    pub(crate) timestamps: Vec<Timestamp>,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An artifact that is elsewhere.
    Message {
        /// Its digest, by the bundle: a hint, not signed.
        unverified_digest: Option<Digest>,
        /// The signature over the artifact.
        signature: Vec<u8>,
    },
    /// A payload inside.
    Envelope(Envelope),
}

impl Content {
    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        match self {
            Self::Message { signature, .. } => signature,
            Self::Envelope(envelope) => envelope.signature(),
        }
    }
}

/// With what the signature is to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// A certificate, and others that may help to find its authority.
    Certificate {
        /// The signer's.
        leaf: Box<Certificate>,
        /// Hints from a stranger.
        unverified_intermediates: Vec<Certificate>,
    },
    /// A key that the verifier must have.
    Key {
        /// Which key, by the signer; may be empty.
        unverified_hint: String,
    },
}

/// A timestamp token, and what it must be over.
#[derive(Clone, Debug)]
pub(crate) struct Timestamp {
    pub(crate) token: Vec<u8>,
    /// `None`: the signature.
    pub(crate) over: Option<Vec<u8>>,
}

/// The text is not a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It is too long.
    #[error("bundle has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not JSON, or of another shape.
    #[error("bundle is malformed")]
    Json(#[from] JsonError),
    /// Its media type is unknown.
    #[error("bundle has the media type `{found}`, expected one of v0.1 to v0.3")]
    MediaType {
        /// What was found.
        found: String,
    },
    /// A value is absent.
    #[error("`{path}` is absent")]
    Absent {
        /// Which value.
        path: String,
    },
    /// Of several alternatives none is there, or more than one.
    #[error("found {found} of {alternatives}, expected exactly one")]
    OneOf {
        /// How many are there.
        found: usize,
        /// The alternatives.
        alternatives: &'static str,
    },
    /// A value is not what it should be.
    #[error("`{path}` is `{found}`, expected {expected}")]
    Value {
        /// Which value.
        path: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A list is too long.
    #[error("`{path}` has {found} entries, expected at most {expected}")]
    TooMany {
        /// Which list.
        path: &'static str,
        /// How many.
        found: usize,
        /// How many are read.
        expected: usize,
    },
    /// A certificate cannot be used.
    #[error("`{path}` is not a usable certificate")]
    Certificate {
        /// Which.
        path: String,
        /// Why not.
        source: CertificateError,
    },
    /// The envelope cannot be used.
    #[error("`dsseEnvelope` is not usable")]
    Envelope(#[from] EnvelopeError),
    /// Something is there that this version of the format does not allow.
    #[error("`{path}` is not allowed in a bundle {version}")]
    NotInVersion {
        /// What is there.
        path: &'static str,
        /// The version.
        version: BundleVersion,
    },
    /// A log entry lacks what this version of the format requires.
    #[error("log entry {index} has no {missing}, which a bundle {version} must have")]
    LogEntry {
        /// Which entry.
        index: usize,
        /// What it lacks.
        missing: &'static str,
        /// The version.
        version: BundleVersion,
    },
    /// Two entries are one and the same.
    #[error("log entry {index} is there twice")]
    DuplicateLogEntry {
        /// The later one.
        index: usize,
    },
    /// The certificates contain an authority's own, which only a trust root may bring.
    #[error("{certificate} in the bundle is self-signed; anchors come from the trust root alone")]
    SelfSigned {
        /// Which.
        certificate: String,
    },
}

impl LogEntry {
    /// Reads a `TransparencyLogEntry` in its JSON form, as Rekor v2 answers with one.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_LEN {
            return Err(BundleError::TooLong { found: bytes.len() });
        }
        Document::new(bytes)?
            .read::<wire::TransparencyLogEntry<'_>>()?
            .into_entry(BundleVersion::V0_3, format_args!("entry"))
    }
}

impl Bundle {
    /// Reads a bundle v0.1 to v0.3 in its JSON form.
    ///
    /// Fields that the format does not know are skipped, as its specification wants; keys that are there twice,
    /// two alternatives at once, and everything malformed are errors.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_LEN {
            return Err(BundleError::TooLong { found: bytes.len() });
        }
        Document::new(bytes)?.read::<wire::Bundle<'_>>()?.into_bundle()
    }

    /// A bundle v0.3 of what a signer made: a signature, what verifies it, and who saw it. `timestamps` are of authorities, over the
    /// signature, each a TimeStampResp.
    #[must_use]
    pub fn new(
        content: Content,
        material: Material,
        log_entries: Vec<LogEntry>,
        timestamps: Vec<Vec<u8>>,
    ) -> Self {
        let timestamps = timestamps.into_iter().map(|token| Timestamp { token, over: None }).collect();
        Self { version: BundleVersion::V0_3, content, material, log_entries, timestamps }
    }

    /// The bundle as JSON, in version 0.3. Intermediate certificates are not in it: that version has a place for the signer's alone.
    #[must_use]
    pub fn to_json(&self) -> String {
        write::write(self).to_string()
    }

    /// A bundle of parts that came separately, as cosign 1 and 2 attach them to images.
    pub(crate) fn from_parts(
        content: Content,
        material: Material,
        log_entries: Vec<LogEntry>,
        timestamps: Vec<Timestamp>,
    ) -> Self {
        Self { version: BundleVersion::V0_1, content, material, log_entries, timestamps }
    }

    /// The version of the format.
    #[must_use]
    pub fn version(&self) -> BundleVersion {
        self.version
    }

    /// What is signed, by the bundle.
    #[must_use]
    pub fn unverified_content(&self) -> &Content {
        &self.content
    }

    /// With what it is to be verified, by the bundle.
    #[must_use]
    pub fn unverified_material(&self) -> &Material {
        &self.material
    }

    /// The timestamps that it claims, each a TimeStampResp or a TimeStampToken.
    pub fn unverified_timestamps(&self) -> impl Iterator<Item = &[u8]> {
        self.timestamps.iter().map(|one| one.token.as_slice())
    }

    /// The log entries that it claims.
    #[must_use]
    pub fn unverified_log_entries(&self) -> &[LogEntry] {
        &self.log_entries
    }
}

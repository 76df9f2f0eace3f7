//! [`VerifiedBundle`]: what was proven. Only the verifier, one module up, can make any of it.

use core::fmt;

use serde::{Serialize, Serializer};

use crate::digest::Digest;
use crate::key::SignatureScheme;
use crate::log::VerifiedLogEntry;
use crate::sct::VerifiedSct;
use crate::statement::Statement;
use crate::text::time::UnixTime;
use crate::x509::identity::Identity;

/// A bundle that was verified: who signed what, when, and who witnessed it.
///
/// It proves that the signer signed this content; not that the content is good. Its JSON form is stable.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedBundle {
    pub(super) signer: VerifiedSigner,
    pub(super) scheme: VerifiedScheme,
    pub(super) content: VerifiedContent,
    pub(super) times: Vec<VerifiedTime>,
    pub(super) log_entries: Vec<VerifiedLogEntry>,
    pub(super) certificate_timestamps: Vec<VerifiedSct>,
}

/// The signer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum VerifiedSigner {
    /// An identity that a certificate authority certified.
    Identity(Identity),
    /// The holder of the key with this SHA-256 of its SubjectPublicKeyInfo.
    Key(Digest),
}

impl fmt::Display for VerifiedSigner {
    /// Two signatures of one signer have the same text; signers are counted by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(identity) => identity.fmt(f),
            Self::Key(fingerprint) => write!(f, "key {fingerprint}"),
        }
    }
}

/// By which scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VerifiedScheme(pub(super) SignatureScheme);

impl Serialize for VerifiedScheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What was signed.
#[derive(Clone, Debug)]
pub(super) enum VerifiedContent {
    Artifact(Digest),
    Statement(Attested<Statement>),
}

impl Serialize for VerifiedContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        enum Form<'a> {
            Artifact(&'a Digest),
            #[serde(rename_all = "camelCase")]
            Statement {
                predicate_type: &'a str,
                subjects: Vec<&'a [Digest]>,
            },
        }
        match self {
            Self::Artifact(digest) => Form::Artifact(digest).serialize(serializer),
            Self::Statement(Attested(statement)) => Form::Statement {
                predicate_type: statement.predicate_type(),
                subjects: statement.subjects().iter().map(|one| one.digests()).collect(),
            }
            .serialize(serializer),
        }
    }
}

/// Something that was read out of bytes which a [`VerifiedSigner`] signed.
#[derive(Clone, Debug)]
pub struct Attested<T>(pub(super) T);

impl<T> core::ops::Deref for Attested<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A time at which the signature existed, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedTime {
    pub(super) time: UnixTime,
    pub(super) accuracy_millis: i64,
    pub(super) source: TimeSource,
    pub(super) operator: String,
}

/// Who says when a signature existed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum TimeSource {
    /// A timestamp authority, by its URI.
    TimestampAuthority(String),
    /// A transparency log's promise, by the log's base URL.
    TransparencyLog(String),
    /// The caller, who accepts certificates at the current time.
    Caller,
}

impl core::fmt::Display for TimeSource {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TimestampAuthority(uri) => write!(f, "timestamp authority `{uri}`"),
            Self::TransparencyLog(url) => write!(f, "transparency log `{url}`"),
            Self::Caller => f.write_str("the caller"),
        }
    }
}

impl VerifiedTime {
    pub(super) fn by_caller(now: UnixTime) -> Self {
        Self { time: now, accuracy_millis: 0, source: TimeSource::Caller, operator: String::new() }
    }

    /// When.
    #[must_use]
    pub fn time(&self) -> UnixTime {
        self.time
    }

    /// By how many milliseconds that may be off, by the source's own account.
    #[must_use]
    pub fn accuracy_millis(&self) -> i64 {
        self.accuracy_millis
    }

    /// Who says so.
    #[must_use]
    pub fn source(&self) -> &TimeSource {
        &self.source
    }

    /// Who runs the source, by the trust root; thresholds count operators.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.operator
    }
}

impl VerifiedBundle {
    /// The signer.
    #[must_use]
    pub fn signer(&self) -> &VerifiedSigner {
        &self.signer
    }

    /// By which scheme.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme.0
    }

    /// The statement that was signed; `None` where the artifact itself was.
    #[must_use]
    pub fn statement(&self) -> Option<&Attested<Statement>> {
        match &self.content {
            VerifiedContent::Statement(statement) => Some(statement),
            VerifiedContent::Artifact(_) => None,
        }
    }

    /// When it was signed, by everyone who says so.
    ///
    /// It may be empty where a key signed: then no time is proved, and of the logs that have the signature it is known
    /// only that their windows of trust have begun, not that they were open when it was made.
    #[must_use]
    pub fn times(&self) -> &[VerifiedTime] {
        &self.times
    }

    /// In which logs the signature is.
    #[must_use]
    pub fn log_entries(&self) -> &[VerifiedLogEntry] {
        &self.log_entries
    }

    /// Which logs vouch for the certificate.
    #[must_use]
    pub fn certificate_timestamps(&self) -> &[VerifiedSct] {
        &self.certificate_timestamps
    }
}

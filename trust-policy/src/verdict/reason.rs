//! [`ReasonCode`]: what kind of reason a denial has; [`Mismatch`]: what was found, and what is required.

use core::fmt;

use serde::{Deserialize, Serialize};

/// What kind of reason a denial has, for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ReasonCode {
    /// There is no signature or attestation of the kind that is wanted.
    NotFound,
    /// Something could not be fetched, so that it is not known what is there.
    NotFetched,
    /// Something is not what its digest says.
    Tampered,
    /// Something could not be read.
    Malformed,
    /// It is about another image.
    OtherImage,
    /// It was not signed with the key.
    WrongKey,
    /// It was signed by another identity.
    WrongIdentity,
    /// It lacks a required annotation.
    WrongAnnotation,
    /// It does not say what it must.
    Condition,
    /// It names a vulnerability that is forbidden.
    Vulnerable,
    /// It is older than it may be.
    TooOld,
    /// It is a scan report, and older than it may be.
    ScanTooOld,
    /// It stands on another base image than it may.
    OtherBase,
    /// Whether a rule applies to the resource, or what it requires, cannot be determined.
    Unresolved,
    /// It is in no trusted transparency log.
    NotInLog,
    /// A timestamp, log entry or certificate of it does not verify.
    NotTrusted,
    /// A certificate of it is revoked.
    Revoked,
    /// The policy itself names a signer whose signatures cannot be verified.
    UnusablePolicy,
    /// Fewer signers signed than must.
    TooFewSigners,
    /// The resource does not name a digest.
    NoDigest,
    /// The resource does not have the form that is required.
    Form,
}

/// What was found, and what is required: data for programs, and the place where its text is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mismatch {
    /// What was found, as it stands in the image, the document or the resource; `None` if nothing was, or if it has no name, as
    /// the key that made a signature has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What is required: any one of these, in words.
    pub expected: Vec<String>,
}

impl Mismatch {
    pub(crate) fn new<T: ToString>(
        found: Option<impl Into<String>>,
        expected: impl IntoIterator<Item = T>,
    ) -> Self {
        let expected = expected.into_iter().map(|one| one.to_string()).collect();
        Self { found: found.map(Into::into), expected }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "found `{found}`")?,
            None => f.write_str("found nothing")?,
        }
        write!(f, ", expected {}", self.expected.join(" or "))
    }
}

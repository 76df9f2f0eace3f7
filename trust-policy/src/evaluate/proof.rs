//! What an artifact must prove, and by what; what it proves, or [`ArtifactError`]: why it does not.

use thiserror::Error;
use trust_core::cosign::CosignError;
use trust_core::notation::{Checked, EnvelopeError, PayloadError};
use trust_core::revocation::{RevocationAnswers, RevocationMemory, RevocationQuery};
use trust_core::{BundleError, Digest, IdentityError, LogError, Reasons, UnixTime, VerifyError};

use crate::evaluate::notation_checks;
use crate::evidence::Evidence;
use crate::policy::policy_set::PolicySet;
use crate::trust::Trust;
use crate::verdict::reason::{Mismatch, ReasonCode};
use crate::verdict::{Explanation, VerifiedSignature};

/// What a signature must be about.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) image: &'a Digest,
    /// Its index or manifest, where it is known.
    pub(crate) manifest: Option<&'a str>,
}

/// By what is judged.
#[derive(Clone, Copy)]
pub(crate) struct Judging<'a> {
    pub(crate) policies: &'a PolicySet,
    pub(crate) answers: &'a Answers<'a>,
    pub(crate) trust: &'a Trust,
    pub(crate) now: UnixTime,
}

/// The evidence about revocation, with the result for each certificate: checked once for all signatures.
pub(crate) struct Answers<'a> {
    evidence: &'a Evidence,
    memory: RevocationMemory,
}

impl<'a> Answers<'a> {
    pub(crate) fn of(evidence: &'a Evidence) -> Self {
        Self { evidence, memory: RevocationMemory::default() }
    }
}

impl RevocationAnswers for Answers<'_> {
    fn answer(&self, query: &RevocationQuery) -> Option<Result<&[u8], String>> {
        self.evidence.answer(query)
    }

    fn memory(&self) -> Option<&RevocationMemory> {
        Some(&self.memory)
    }
}

/// What an artifact proves.
pub(crate) struct Proof {
    /// Who signed.
    pub(crate) signer: String,
    /// When it was signed at the latest, if that is vouched for.
    pub(crate) time: Option<UnixTime>,
    pub(crate) signature: VerifiedSignature,
    /// The checks, one by one, of a signature that has several.
    pub(crate) checks: Vec<Explanation>,
}

/// Why an artifact is not the signature or attestation that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// It is something else.
    #[error("layer of type `{found}` is neither a signature nor an attestation")]
    MediaType {
        /// What it is said to be.
        found: String,
    },
    /// What cosign 1 and 2 store is malformed.
    #[error("signature cannot be read")]
    Cosign(#[from] CosignError),
    /// The bundle is malformed.
    #[error("bundle cannot be read")]
    Bundle(#[from] BundleError),
    /// It was made for another image.
    #[error("signature is for the image `{found}`, expected `{expected}`")]
    OtherImage {
        /// Which.
        found: Digest,
        /// Which one it should be for.
        expected: Digest,
    },
    /// A key of the policy is none.
    #[error("the policy's key cannot be used")]
    UnusableKey(#[from] trust_core::KeyError),
    /// A signer of the policy is of a kind that is not verified.
    #[error("{signer} cannot be verified here")]
    Unsupported {
        /// Which.
        signer: String,
    },
    /// An annotation that the policy requires is missing, or has another value.
    #[error("signature has {} as annotation `{name}`, expected `{expected}`", found.as_ref().map_or("nothing".to_owned(), |found| format!("`{found}`")))]
    Annotation {
        /// Its name.
        name: String,
        /// Its value.
        found: Option<String>,
        /// The value that is required.
        expected: String,
    },
    /// It was made under another name of the image.
    #[error("signature names the image {}, expected {expected}", named(found))]
    Name {
        /// The names that it has.
        found: Vec<String>,
        /// Patterns of which one must match.
        expected: String,
    },
    /// It does not verify.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// It is a signature of another kind than the signer makes.
    #[error("it is a signature of {found}, expected one of {expected}")]
    OtherKind {
        /// Whose kind it is.
        found: &'static str,
        /// Whose it should be.
        expected: &'static str,
    },
    /// The envelope of a signature of the Notary Project is malformed.
    #[error("envelope cannot be read")]
    Envelope(#[from] EnvelopeError),
    /// Such a signature fails a check that the policy enforces.
    #[error("{}", failed(checks))]
    Notation {
        /// All checks, in order.
        checks: Vec<Checked>,
    },
    /// Such a signature is for another manifest.
    #[error("signature is not for the image")]
    Payload(#[from] PayloadError),
    /// The manifest that such a signature must describe is missing.
    #[error(
        "the manifest of the image `{image}` is missing from the evidence, and the signature must describe it"
    )]
    NoManifest {
        /// Which image.
        image: Digest,
    },
}

impl ArtifactError {
    pub(crate) fn code(&self) -> ReasonCode {
        match self {
            Self::MediaType { .. } | Self::Cosign(_) | Self::Bundle(_) | Self::Envelope(_) => {
                ReasonCode::Malformed
            }
            Self::OtherImage { .. } | Self::Name { .. } | Self::Payload(_) => ReasonCode::OtherImage,
            Self::NoManifest { .. } => ReasonCode::NotFetched,
            Self::OtherKind { .. } => ReasonCode::NotFound,
            Self::Notation { checks } => notation_checks::code(checks),
            Self::UnusableKey(_) | Self::Unsupported { .. } => ReasonCode::UnusablePolicy,
            Self::Annotation { .. } => ReasonCode::WrongAnnotation,
            Self::Verify(error) => match error {
                VerifyError::Subject { .. } | VerifyError::MessageDigest { .. } => ReasonCode::OtherImage,
                VerifyError::Signature { .. } | VerifyError::Material { .. } => ReasonCode::WrongKey,
                VerifyError::Identity(_) => ReasonCode::WrongIdentity,
                VerifyError::TooFewLogEntries { .. }
                | VerifyError::LogEntry { source: LogError::UnknownLog { .. }, .. } => ReasonCode::NotInLog,
                VerifyError::Statement(_) | VerifyError::PayloadType { .. } => ReasonCode::Malformed,
                _ => ReasonCode::NotTrusted,
            },
        }
    }

    /// The checks, one by one.
    pub(crate) fn checks(&self) -> Vec<Explanation> {
        match self {
            Self::Notation { checks } => notation_checks::explained(checks, None),
            _ => Vec::new(),
        }
    }

    /// What was found and what is required, where the two were compared.
    pub(crate) fn mismatch(&self) -> Option<Mismatch> {
        let digests = |found: &Digest, expected: &Digest| {
            Mismatch::new(Some(found.to_string()), [format!("`{expected}`")])
        };
        Some(match self {
            Self::OtherImage { found, expected }
            | Self::Verify(VerifyError::MessageDigest { found, expected }) => digests(found, expected),
            Self::Annotation { found, expected, .. } => {
                Mismatch::new(found.as_deref(), [format!("`{expected}`")])
            }
            Self::Name { found, expected } => Mismatch::new(found.first().map(String::as_str), [expected]),
            Self::Verify(VerifyError::Signature { signer, .. }) => Mismatch::new(None::<String>, [signer]),
            Self::Verify(VerifyError::Identity(IdentityError::Mismatch { found, expected, .. })) => {
                Mismatch::new(Some(found.to_string()), [expected])
            }
            _ => return None,
        })
    }
}

fn named(names: &[String]) -> String {
    if names.is_empty() { "by no name".to_owned() } else { format!("`{}`", names.join("`, `")) }
}

/// The first check that fails, and why.
fn failed(checks: &[Checked]) -> String {
    let failing = notation_checks::enforced(checks).next();
    failing.map_or_else(
        || "the policy looks at no signature".to_owned(),
        |(check, problem)| format!("fails the check `{check}`: {}", Reasons(problem)),
    )
}

//! [`ReasonCode`]: what kind of reason a denial has.

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
    /// It was signed by somebody else.
    WrongIdentity,
    /// It has not the annotations that are wanted.
    WrongAnnotation,
    /// It does not say what it must.
    Condition,
    /// Whether a rule is about the resource, or what it demands, cannot be determined.
    Unresolved,
    /// It is in no trusted transparency log.
    NotInLog,
    /// A timestamp, log entry or certificate of it does not verify.
    NotTrusted,
    /// The policy itself names a signer whose signatures cannot be verified.
    UnusablePolicy,
    /// Fewer signers signed than must.
    TooFewSigners,
    /// The resource does not name a digest.
    NoDigest,
    /// The resource does not have the form that is demanded.
    Form,
}

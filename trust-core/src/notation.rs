//! Signatures of the Notary Project, as notation makes them
//! ([signature specification](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md)).
//!
//! A [`SignatureEnvelope`] is what anyone can write; a [`VerifiedEnvelope`] is what only [`SignatureEnvelope::verify`] can make. It proves that
//! the holder of the first certificate's key signed the payload and the attributes, and that the certificates are a chain as the
//! specification wants it. It does not prove that anybody trusts that chain.
//!
//! | file | holds |
//! |---|---|
//! | `payload` | [`TargetArtifact`]: what is signed |
//! | `attributes` | [`SignedAttributes`]: what is signed beside it |
//! | `chain` | the rules for certificates |
//! | `distinguished_name` | [`DistinguishedName`]: whose certificate it is |
//! | `trust_store` | [`TrustStore`]: the roots that a policy names |
//! | `trust_policy`, `blob_trust_policy` | [`TrustPolicy`], [`BlobTrustPolicy`]: which signatures are required |
//! | `parts`, `jws`, `cose` | what envelopes have, and their two forms |
//! | `envelope` | [`SignatureEnvelope`], [`VerifiedEnvelope`] |
//! | `draft` | [`EnvelopeDraft`]: an envelope before it is signed |
//! | `verification` | [`Verification`]: what a policy says of a signature, check by check |

mod payload;

mod attributes;

mod chain;

mod distinguished_name;

mod trust_store;

mod trust_policy;

mod blob_trust_policy;

mod parts;

mod cose;
mod jws;

mod envelope;

mod draft;

mod verification;

pub use self::attributes::{AttributesError, SignedAttributes, SigningScheme};
pub use self::blob_trust_policy::BlobTrustPolicy;
pub use self::chain::{NotationChainError, Rule};
pub use self::distinguished_name::{DistinguishedName, NameError};
pub use self::draft::{EnvelopeDraft, EnvelopeForm};
pub use self::envelope::{SignatureEnvelope, VerifiedEnvelope};
pub use self::parts::EnvelopeError;
pub use self::payload::{PayloadError, TargetArtifact};
pub use self::trust_policy::{Action, Actions, Check, TrustPolicy, TrustPolicyError, TrustStatement};
pub use self::trust_store::{StoreKind, TrustStore, TrustStoreError};
pub use self::verification::{CheckError, Checked, TrustStores, Verification};

/// The media type of envelopes in the form of [JWS](https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-jws.md).
pub const JWS_MEDIA_TYPE: &str = "application/jose+json";
/// The media type of envelopes in the form of [COSE](https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-cose.md).
pub const COSE_MEDIA_TYPE: &str = "application/cose";
/// The media type of the configuration of a manifest that holds a signature.
pub const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.cncf.notary.signature";
/// The media type of what is signed.
pub const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

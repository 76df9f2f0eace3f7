//! Verifies signatures on software: Sigstore bundles, cosign's image signatures, and everything beneath them.
//!
//! A [`Bundle`] is what anybody can write; a [`VerifiedBundle`] is what only [`Verifier::verify`] can make. There is
//! no I/O, no clock and no global state: the trust root, the time and the log verifier are arguments.
//!
//! ```
//! use trust_core::{Digest, ImageRef, PinnedImage, TrustRoot};
//!
//! let image: ImageRef = "ghcr.io/org/app:v1".parse()?;
//! let pinned = PinnedImage::new(image, Digest::sha256(b"the manifest"))?;
//! assert!(pinned.to_string().starts_with("ghcr.io/org/app:v1@sha256:"));
//! assert_eq!(TrustRoot::public_good().certificate_authorities().len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each file is about one noun, and imports only from files above it in this list:
//!
//! | file | holds | follows |
//! |---|---|---|
//! | `encoding`, `json`, `pem`, `time`, `pattern`, `reasons` | texts, strictly read; errors, wholly shown | RFC 4648, RFC 8259, RFC 7468, RFC 3339 |
//! | `digest`, `reference` | [`Digest`]; [`ImageRef`] and [`PinnedImage`] | OCI image and distribution specifications |
//! | `asn1`, `key` | [`PublicKey`], [`SignatureScheme`] | X.690, RFC 5480, RFC 8017, RFC 8032 |
//! | `certificate`, `chain`, `authority`, `identity` | [`Certificate`], [`verify_path`], [`Identity`] and [`IdentityPolicy`] | RFC 5280, Fulcio's specification |
//! | `tuf`, `root` | [`TufRepository`]; [`TrustRoot`] | The Update Framework; sigstore_trustroot.proto |
//! | `sct` | [`verify_scts`] | RFC 6962 |
//! | `cms`, `timestamp` | [`verify_timestamp`] | RFC 5652, RFC 3161, RFC 5816 |
//! | `dsse`, `statement` | [`Envelope`], [`Statement`] | DSSE, in-toto |
//! | `log` | [`TransparencyLog`], the joint to `trust-rekor` | sigstore_rekor.proto |
//! | `bundle`, `cosign` | [`Bundle`]; image signatures of cosign 1 and 2 | sigstore_bundle.proto, cosign's specifications |
//! | `verify` | [`Verifier`] | Sigstore's client specification |

pub mod encoding;
pub mod json;
pub mod pem;
mod reasons;
mod time;

mod digest;
mod pattern;
mod reference;

mod asn1;
mod key;

mod certificate;
mod chain;

mod authority;
mod identity;

mod root;
mod tuf;

mod sct;

mod cms;
mod timestamp;

mod dsse;
mod statement;

mod log;

mod bundle;
pub mod cosign;

mod verify;

pub use authority::Authority;
pub use bundle::{Bundle, BundleError, BundleVersion, Content, Material};
pub use certificate::{Certificate, CertificateError};
pub use chain::{ChainError, Constraint, MAX_PATH_LEN, Usage, verify_path};
pub use cms::CmsError;
pub use digest::{Digest, DigestError, DigestMismatch, HashAlgorithm, Hasher};
pub use dsse::{Envelope, EnvelopeError};
pub use identity::{
    CertificateIdentity, EmptyIdentityPolicy, FulcioExtension, Identity, IdentityError, IdentityPolicy,
    Subject, SubjectKind,
};
#[cfg(feature = "aws-lc")]
pub use key::AwsLc;
pub use key::{
    KeyAlgorithm, KeyError, PublicKey, PureRust, Remembering, SignatureAlgorithm, SignatureError,
    SignatureScheme, Signed, Tables, USES_BEFORE_TABLE,
};
pub use log::{
    ClaimedContent, ClaimedSigner, InclusionClaim, LogClaim, LogEntry, LogError, TransparencyLog,
    VerifiedLogEntry,
};
pub use pattern::{AnchoredRegex, Pattern, PatternError};
pub use reasons::Reasons;
pub use reference::{ImageRef, ImageRefError, PinError, PinnedImage, canonical_registry, is_registry};
pub use root::{LogKey, RootError, SkippedEntry, TrustRoot};
pub use sct::{SctError, SctProblem, VerifiedSct, verify_scts};
pub use statement::{PAYLOAD_TYPE, Statement, StatementError, StatementSubject};
pub use time::{TimeError, TimeWindow, UnixTime};
pub use timestamp::{TimestampError, VerifiedTimestamp, verify_timestamp};
pub use tuf::{TufError, TufRepository, VerifiedTargets};
#[cfg(feature = "rayon")]
pub use verify::Question;
pub use verify::{
    Attested, ManagedKey, SignerPolicy, TimeSource, VerifiedBundle, VerifiedCache, VerifiedSigner,
    VerifiedTime, Verifier, VerifyError, VerifyJsonError,
};

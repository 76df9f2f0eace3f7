//! Verifies signatures on software: Sigstore bundles, cosign's image signatures, and everything beneath them.
//!
//! A [`Bundle`] is what anyone can write; a [`VerifiedBundle`] is what only [`Verifier::verify`] can make. There is
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
//! Each file is about one noun, a folder about one stage; a file imports only from those before it in this list:
//!
//! | room | holds | follows |
//! |---|---|---|
//! | `text` | encodings, JSON, PEM, times, patterns, [`Reasons`] | RFC 4648, RFC 8259, RFC 7468, RFC 3339 |
//! | `digest`, `image_ref` | [`Digest`]; [`ImageRef`] and [`PinnedImage`] | OCI image and distribution specifications |
//! | `asn1`, `key` | [`PublicKey`], [`SignatureScheme`], [`SignatureAlgorithm`] | X.690, RFC 5480, RFC 8017, RFC 8032 |
//! | `x509` | [`Certificate`], [`verify_path`], [`Authority`], [`Identity`] and [`IdentityPolicy`] | RFC 5280, Fulcio's specification |
//! | [`revocation`] | whether certificates are revoked | RFC 5280, RFC 6960 |
//! | `root` | [`TrustRoot`], [`LogKey`], [`TufUpdate`] | sigstore_trustroot.proto, The Update Framework |
//! | `sct` | [`verify_scts`] | RFC 6962 |
//! | `timestamp` | [`verify_timestamp`] | RFC 3161, RFC 5816, RFC 5652 |
//! | `statement` | [`Envelope`], [`Statement`] | DSSE, in-toto |
//! | `log` | [`TransparencyLog`], which `trust-rekor` implements | sigstore_rekor.proto |
//! | `bundle`, `cosign` | [`Bundle`]; image signatures of cosign 1 and 2 | sigstore_bundle.proto, cosign's specifications |
//! | [`notation`] | signatures of the Notary Project | its signature specification, RFC 7515, RFC 9052 |
//! | `service` | [`SigningConfig`]; requests to Fulcio | Fulcio's API, sigstore_trustroot.proto |
//! | `verify` | [`Verifier`] | Sigstore's client specification |

mod text;

mod digest;
mod image_ref;

mod asn1;
mod key;

mod x509;

pub mod revocation;

mod root;

mod sct;

mod timestamp;

mod statement;

mod log;

mod bundle;
pub mod cosign;

pub mod notation;

mod service;

mod verify;

pub use bundle::{Bundle, BundleError, BundleVersion, Content, Material};
pub use digest::{Digest, DigestError, DigestMismatch, HashAlgorithm, Hasher};
pub use image_ref::{ImageRef, ImageRefError, PinError, PinnedImage};
#[cfg(feature = "aws-lc")]
pub use key::AwsLc;
pub use key::{
    KeyAlgorithm, KeyError, PublicKey, PureRust, Remembering, SignatureAlgorithm, SignatureError,
    SignatureScheme, Signed, Tables,
};
pub use log::{
    ClaimedContent, ClaimedSigner, InclusionClaim, LogClaim, LogEntry, LogError, TransparencyLog,
    VerifiedLogEntry,
};
pub use root::tuf::{TufAccepted, TufError, TufFetch, TufFiles, TufTarget, TufUpdate};
pub use root::{LogKey, RootError, SkippedEntry, TrustRoot};
pub use sct::{SctError, SctProblem, VerifiedSct, verify_scts};
pub use service::fulcio::{FulcioError, certificate_chain, certificate_request};
pub use service::signing_config::{Selector, Service, SigningConfig, SigningConfigError};
pub use statement::dsse::{Envelope, EnvelopeError, pre_authentication_encoding};
pub use statement::{PAYLOAD_TYPE, Statement, StatementError, StatementSubject};
pub use text::json::JsonError;
pub use text::pattern::{AnchoredRegex, Pattern, PatternError};
pub use text::pem::PemError;
pub use text::reasons::Reasons;
pub use text::time::{TimeError, TimeWindow, UnixTime};
pub use timestamp::cms::CmsError;
pub use timestamp::{TimestampError, VerifiedTimestamp, timestamp_request, verify_timestamp};
#[cfg(feature = "rayon")]
pub use verify::Question;
pub use verify::{
    Attested, ManagedKey, SignerPolicy, TimeSource, VerifiedBundle, VerifiedCache, VerifiedSigner,
    VerifiedTime, Verifier, VerifyError, VerifyJsonError,
};
pub use x509::authority::Authority;
pub use x509::certificate::{Certificate, CertificateError};
pub use x509::chain::{ChainError, Constraint, Usage, verify_path};
pub use x509::identity::{
    CertificateIdentity, EmptyIdentityPolicy, FulcioExtension, Identity, IdentityError, IdentityPolicy,
    Subject, SubjectKind,
};

/// What the crates of this workspace share. It is not part of the API: it changes in any version.
#[doc(hidden)]
pub mod internal {
    pub use crate::image_ref::{canonical_registry, is_registry};
    pub use crate::text::{encoding, json, pem};
    pub use crate::x509::chain::MAX_PATH_LEN;
}

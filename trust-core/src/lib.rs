//! x
#![allow(missing_docs)]

mod asn1;
mod bundle;
mod certificate;
mod chain;
mod cms;
pub mod cosign;
mod digest;
mod dsse;
pub mod encoding;
mod identity;
pub mod json;
mod key;
mod log;
mod pattern;
pub mod pem;
mod reference;
mod root;
mod sct;
mod statement;
mod time;
mod timestamp;
mod verify;

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
pub use key::{KeyAlgorithm, KeyError, PublicKey, SignatureError, SignatureScheme, Signed};
pub use log::{
    ClaimedContent, ClaimedSigner, InclusionClaim, LogClaim, LogEntry, LogError, TransparencyLog,
    VerifiedLogEntry,
};
pub use pattern::{AnchoredRegex, Pattern, PatternError};
pub use reference::{ImageRef, ImageRefError, PinError, PinnedImage};
pub use root::{Authority, LogKey, RootError, SkippedEntry, TrustRoot};
pub use sct::{SctError, SctProblem, VerifiedSct};
pub use statement::{PAYLOAD_TYPE, Statement, StatementError, StatementSubject};
pub use time::{TimeError, TimeWindow, UnixTime};
pub use timestamp::TimestampError;
pub use verify::{
    Attested, ManagedKey, SignerPolicy, TimeSource, VerifiedBundle, VerifiedSigner, VerifiedTime, Verifier,
    VerifyError,
};

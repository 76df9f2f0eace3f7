//! [`VerifyError`]: which check failed.

use thiserror::Error;

use super::verified::TimeSource;
use crate::digest::Digest;
use crate::key::SignatureError;
use crate::log::LogError;
use crate::sct::SctError;
use crate::statement::{PAYLOAD_TYPE, StatementError};
use crate::text::reasons::Reasons;
use crate::text::time::{TimeWindow, UnixTime};
use crate::timestamp::TimestampError;
use crate::x509::chain::ChainError;
use crate::x509::identity::IdentityError;

/// A bundle does not prove what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It was signed with a certificate where a key was expected, or the other way round.
    #[error("bundle was signed with {found}, expected {expected}")]
    Material {
        /// With what it was signed.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The two hints which key signed contradict each other.
    #[error("bundle hints at the key `{hint}`, but its envelope at `{key_id}`")]
    KeyHint {
        /// `verificationMaterial.publicKey.hint`.
        hint: String,
        /// `keyid` of the envelope.
        key_id: String,
    },
    /// The signature is not over this content by this signer.
    #[error("signature is not by {signer}")]
    Signature {
        /// With what.
        signer: String,
        /// Why not.
        source: SignatureError,
    },
    /// The bundle's own note of the artifact's digest is wrong.
    #[error("bundle is for an artifact with digest `{found}`, expected `{expected}`")]
    MessageDigest {
        /// By the bundle.
        found: Digest,
        /// The artifact's.
        expected: Digest,
    },
    /// The envelope holds something else than an in-toto statement.
    #[error("envelope has the payload type `{found}`, expected `{PAYLOAD_TYPE}`")]
    PayloadType {
        /// What was found.
        found: String,
    },
    /// The statement is malformed.
    #[error("the signed statement cannot be used")]
    Statement(#[from] StatementError),
    /// The statement is about something else.
    #[error("the signed statement is for {found}, expected `{expected}`")]
    Subject {
        /// What it is about.
        found: String,
        /// The artifact.
        expected: Digest,
    },
    /// A timestamp cannot be relied upon.
    #[error("timestamp {index} does not verify")]
    Timestamp {
        /// Which.
        index: usize,
        /// Why not.
        source: TimestampError,
    },
    /// A log entry is wrong.
    #[error("log entry {index} does not verify")]
    LogEntry {
        /// Which.
        index: usize,
        /// Why not.
        source: LogError,
    },
    /// Too few transparency logs have the signature.
    #[error(
        "found the signature in {found} trusted transparency logs, expected {expected}{}",
        unknown(problems)
    )]
    TooFewLogEntries {
        /// In how many it is.
        found: usize,
        /// In how many it must be.
        expected: usize,
        /// Why further entries do not count.
        problems: Vec<LogError>,
    },
    /// No trusted authority says when the signature was made.
    #[error(
        "found no signed time, expected a timestamp of a trusted authority or a log's promise{}",
        unknown(problems)
    )]
    NoTime {
        /// Why timestamps that are there do not count.
        problems: Vec<TimestampError>,
    },
    /// Too few operators say when the signature was made.
    #[error(
        "found signed times by {found} operators of {witnesses}, expected {expected}{}",
        unknown(problems)
    )]
    TooFewTimes {
        /// Of what.
        witnesses: &'static str,
        /// By how many there are times.
        found: usize,
        /// By how many there must be.
        expected: usize,
        /// Why further timestamps do not count.
        problems: Vec<TimestampError>,
    },
    /// A signed time lies in the future.
    #[error("{witness} says the signature was made at {time}, but it is {now}")]
    Future {
        /// Who says so.
        witness: TimeSource,
        /// When.
        time: UnixTime,
        /// The caller's time.
        now: UnixTime,
    },
    /// The trust root has no certificate authority.
    #[error("the trust root has no certificate authority")]
    NoAuthority,
    /// The certificate was not issued by a trusted authority.
    #[error("the signer's certificate is not trusted")]
    Chain(#[from] ChainError),
    /// The authority was not trusted when the signature was made.
    #[error("the certificate authority `{authority}` is trusted {window}, expected to cover {time}")]
    AuthorityWindow {
        /// The authority.
        authority: String,
        /// When it is trusted.
        window: TimeWindow,
        /// When the signature was made.
        time: UnixTime,
    },
    /// The certificate is not known to be in a transparency log.
    #[error("the signer's certificate is not transparent")]
    Sct(#[from] SctError),
    /// The key's signatures do not count at that time.
    #[error("the key is valid {window}, expected to cover {time}")]
    KeyWindow {
        /// When they do.
        window: TimeWindow,
        /// When the signature was made.
        time: UnixTime,
    },
    /// Another identity signed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Why something that is there does not count, with the reason below it.
fn unknown<E: core::error::Error>(problems: &[E]) -> String {
    problems.iter().map(|problem| format!("; {}", Reasons(problem))).collect()
}

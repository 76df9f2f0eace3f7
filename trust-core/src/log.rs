//! The extension point for transparency logs: what a bundle says about its log entries, and what a log verifier makes of it.
//!
//! [`TransparencyLog`] is implemented by the crate `trust-rekor`. A verifier hands it an entry together with
//! the claim that the entry must be about, so that neither is checked without the other.

use serde::Serialize;
use thiserror::Error;

use crate::key::{PublicKey, SignatureScheme, Signed};
use crate::root::LogKey;
use crate::statement::dsse::Envelope;
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::certificate::Certificate;

/// A log entry as a bundle claims it (`TransparencyLogEntry` of sigstore_rekor.proto). It proves nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry {
    /// Identifier of the log.
    pub log_id: Vec<u8>,
    /// Index in the whole log, across shards.
    pub log_index: u64,
    /// Kind of the entry, by the bundle.
    pub kind: String,
    /// Version of the kind, by the bundle.
    pub version: String,
    /// When the log says it took the entry in. Only a verified promise vouches for it.
    pub integrated_time: Option<UnixTime>,
    /// The log's promise to include the entry (SignedEntryTimestamp).
    pub promise: Option<Vec<u8>>,
    /// The proof that it did.
    pub proof: Option<InclusionClaim>,
    /// The entry, in the canonical form that was hashed into the log.
    pub body: Vec<u8>,
}

impl LogEntry {
    /// An entry of Rekor v1 as cosign 1 and 2 attach it to images: with a promise, without a proof.
    #[must_use]
    pub fn with_promise(
        log_id: Vec<u8>,
        log_index: u64,
        integrated_time: UnixTime,
        body: Vec<u8>,
        promise: Vec<u8>,
    ) -> Self {
        Self {
            log_id,
            log_index,
            kind: String::new(),
            version: String::new(),
            integrated_time: Some(integrated_time),
            promise: Some(promise),
            proof: None,
            body,
        }
    }
}

impl LogEntry {
    /// Adds what a bundle must have beside a promise: the kind of the entry, and the proof that it is in the log.
    #[must_use]
    pub fn with_proof(
        mut self,
        kind: impl Into<String>,
        version: impl Into<String>,
        proof: InclusionClaim,
    ) -> Self {
        (self.kind, self.version, self.proof) = (kind.into(), version.into(), Some(proof));
        self
    }
}

/// A proof of inclusion as a bundle claims it.
///
/// Tree size and root hash are absent on purpose: only the signed checkpoint says what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InclusionClaim {
    /// Index of the leaf in the tree that the checkpoint is about.
    pub log_index: u64,
    /// The audit path, leaf to root.
    pub hashes: Vec<[u8; 32]>,
    /// The checkpoint, a signed note.
    pub checkpoint: String,
}

impl InclusionClaim {
    /// A claim of its parts.
    #[must_use]
    pub fn new(log_index: u64, hashes: Vec<[u8; 32]>, checkpoint: String) -> Self {
        Self { log_index, hashes, checkpoint }
    }
}

/// What an entry must be about to count: this signature, by this signer, over this content.
#[derive(Clone, Copy, Debug)]
pub struct LogClaim<'a> {
    /// The signature.
    pub signature: &'a [u8],
    /// By which scheme it verifies.
    pub scheme: SignatureScheme,
    /// With what it verifies.
    pub signer: ClaimedSigner<'a>,
    /// What it is over.
    pub content: ClaimedContent<'a>,
}

/// With what a signature verifies.
#[derive(Clone, Copy, Debug)]
pub enum ClaimedSigner<'a> {
    /// A certificate.
    Certificate(&'a Certificate),
    /// A key.
    Key(&'a PublicKey),
}

impl<'a> ClaimedSigner<'a> {
    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &'a PublicKey {
        match self {
            Self::Certificate(certificate) => certificate.public_key(),
            Self::Key(key) => key,
        }
    }
}

/// What a signature is over.
#[derive(Clone, Copy, Debug)]
pub enum ClaimedContent<'a> {
    /// An artifact, or its digest.
    Artifact(Signed<'a>),
    /// An envelope's type and payload.
    Envelope(&'a Envelope),
}

/// Verifies that entries are in trusted logs.
pub trait TransparencyLog: core::fmt::Debug + Send + Sync {
    /// Proves that `entry` is in one of `logs` and is about `claim`.
    ///
    /// # Errors
    /// If it is not, or if that cannot be known.
    fn verify_entry(
        &self,
        entry: &LogEntry,
        claim: &LogClaim<'_>,
        logs: &[LogKey],
    ) -> Result<VerifiedLogEntry, LogError>;
}

/// An entry that is in a trusted log, and about the claim.
///
/// It proves that the log's operator signed a tree head, or a promise, that covers the entry; not that the
/// operator shows everybody the same tree: that is what witnesses and monitors are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedLogEntry {
    log: String,
    operator: String,
    log_index: u64,
    kind: String,
    integrated_time: Option<UnixTime>,
    included: bool,
    witnesses: Vec<String>,
    #[serde(skip)]
    trusted_for: TimeWindow,
}

impl VerifiedLogEntry {
    /// An assertion by a log verifier, which vouches that it checked entry and claim, and that the log has the entry under this
    /// index: what the bundle says of the index is a stranger's word.
    #[must_use]
    pub fn assertion(
        log: &LogKey,
        entry: &LogEntry,
        log_index: u64,
        kind: String,
        integrated_time: Option<UnixTime>,
    ) -> Self {
        Self {
            log: log.base_url.clone(),
            operator: log.operator.clone(),
            log_index,
            kind,
            integrated_time,
            included: entry.proof.is_some(),
            witnesses: Vec::new(),
            trusted_for: log.valid_for,
        }
    }

    /// The further assertion that a quorum of witnesses saw the tree head that covers the entry.
    #[must_use]
    pub fn witnessed_by(mut self, witnesses: Vec<String>) -> Self {
        self.witnesses = witnesses;
        self
    }

    /// Base URL of the log.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Who runs the log.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// Index of the entry in the whole log.
    #[must_use]
    pub fn log_index(&self) -> u64 {
        self.log_index
    }

    /// Kind and version of the entry, such as `hashedrekord/0.0.1`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// When the log took it in, where its signed promise says so.
    #[must_use]
    pub fn integrated_time(&self) -> Option<UnixTime> {
        self.integrated_time
    }

    /// When the log's key is trusted.
    #[must_use]
    pub fn trusted_for(&self) -> TimeWindow {
        self.trusted_for
    }

    /// The witnesses that saw the tree head; empty if none were required.
    #[must_use]
    pub fn witnesses(&self) -> &[String] {
        &self.witnesses
    }

    /// Whether it was proven to be in the tree; otherwise the log only promised to include it.
    #[must_use]
    pub fn is_included(&self) -> bool {
        self.included
    }
}

/// An entry does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LogError {
    /// The trust root does not know the log.
    #[error("log `{log_id}` is not in the trust root")]
    UnknownLog {
        /// Its identifier in hexadecimal.
        log_id: String,
    },
    /// The log's key was not trusted when the entry was taken in.
    #[error("log `{log}` is trusted {window}, expected to cover {time}")]
    Window {
        /// The log.
        log: String,
        /// When its key is trusted.
        window: TimeWindow,
        /// When it was used.
        time: UnixTime,
    },
    /// The entry's kind or version is not one that binds a signature.
    #[error("entry is of kind `{kind}/{version}`, expected {expected}")]
    Kind {
        /// The kind.
        kind: String,
        /// The version.
        version: String,
        /// Which are supported here.
        expected: &'static str,
    },
    /// The bundle calls the entry something else than the entry does.
    #[error("bundle says the entry is `{declared}`, but it is `{found}`")]
    KindVersion {
        /// By the bundle.
        declared: String,
        /// By the entry.
        found: String,
    },
    /// The entry's body is malformed.
    #[error("entry body is malformed: {problem}")]
    Body {
        /// What was found and expected.
        problem: String,
    },
    /// The entry is about another signature.
    #[error("entry has another {field} than the bundle")]
    Mismatch {
        /// What differs.
        field: &'static str,
    },
    /// Neither promise nor proof: nothing says that the entry is in the log.
    #[error("entry has neither a promise nor a proof of inclusion")]
    Unproven,
    /// The promise does not verify.
    #[error("the log's promise (signed entry timestamp) does not verify")]
    Promise,
    /// There is a promise, but it cannot be checked.
    #[error("entry has a promise, but no integrated time")]
    NoIntegratedTime,
    /// The checkpoint is malformed, or not signed by the log.
    #[error("checkpoint cannot be used: {problem}")]
    Checkpoint {
        /// What was found and expected.
        problem: String,
    },
    /// No quorum of witnesses saw the checkpoint.
    #[error("checkpoint is not witnessed: {problem}")]
    Unwitnessed {
        /// What was found and expected.
        problem: String,
    },
    /// The proof does not lead to the checkpoint's root.
    #[error("proof of inclusion does not hold: {problem}")]
    Inclusion {
        /// What was found and expected.
        problem: String,
    },
}

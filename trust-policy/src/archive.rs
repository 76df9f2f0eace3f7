//! [`Archive`]: everything that verdicts were made of, to be judged again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use trust_core::json::{self, JsonError};
use trust_core::{RootError, TrustRoot, UnixTime};

use crate::evaluate::evaluate;
use crate::evidence::Evidence;
use crate::model::PolicySet;
use crate::reader::PolicyError;
use crate::request::Request;
use crate::verdict::Verdict;

/// Everything that some verdicts were made of. Judging it again gives the same verdicts, byte for byte, by the same
/// version of this crate; another version says what it would decide today.
///
/// It proves nothing about where it comes from: keep it where nobody can change it, or sign it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Archive {
    /// When it was judged.
    pub now: UnixTime,
    /// The policies, as they were written.
    pub policies: Vec<String>,
    /// Whether what no policy is about was allowed.
    #[serde(default)]
    pub allows_uncovered: bool,
    /// The trust root, as JSON.
    pub trust_root: Value,
    /// What was judged.
    pub judged: Vec<ArchivedRequest>,
}

/// A request, and what was fetched to judge it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedRequest {
    /// The request.
    pub request: Request,
    /// What was fetched.
    pub evidence: Evidence,
}

/// An archive cannot be judged.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It is not JSON, repeats a key, or has another shape.
    #[error("archive is malformed")]
    Json(#[from] JsonError),
    /// A policy in it cannot be read.
    #[error("policy {index} of the archive: {source}")]
    Policy {
        /// Which, counted from 0.
        index: usize,
        /// Why not.
        source: PolicyError,
    },
    /// The trust root in it cannot be read.
    #[error("trust root of the archive cannot be read")]
    Root(#[from] RootError),
}

impl Archive {
    /// An archive in which nothing is judged yet.
    ///
    /// # Errors
    /// If the trust root is not JSON.
    pub fn new(policies: Vec<String>, trust_root: &str, now: UnixTime) -> Result<Self, ArchiveError> {
        let trust_root = json::from_slice(trust_root.as_bytes())?;
        Ok(Self { now, policies, allows_uncovered: false, trust_root, judged: Vec::new() })
    }

    /// Reads an archive.
    ///
    /// # Errors
    /// If it is not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArchiveError> {
        Ok(json::from_slice(bytes)?)
    }

    /// Judges everything in it, in order.
    ///
    /// # Errors
    /// If a policy or the trust root cannot be read.
    pub fn judge(&self) -> Result<Vec<Verdict>, ArchiveError> {
        let mut policies = PolicySet::default();
        for (index, text) in self.policies.iter().enumerate() {
            let read = PolicySet::from_yaml(text).map_err(|source| ArchiveError::Policy { index, source })?;
            policies.extend(read);
        }
        if self.allows_uncovered {
            policies = policies.allowing_what_no_policy_is_about();
        }
        let root = TrustRoot::from_json(self.trust_root.to_string().as_bytes())?;
        let judge = |one: &ArchivedRequest| evaluate(&policies, &one.request, &one.evidence, &root, self.now);
        Ok(self.judged.iter().map(judge).collect())
    }
}

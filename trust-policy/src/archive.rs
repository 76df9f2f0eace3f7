//! [`Archive`]: what was judged, and what came of it, to be judged again.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use trust_core::internal::json::{self, JsonError};
use trust_core::{Digest, RootError, TrustRoot, UnixTime};
use trust_rekor::WitnessPolicyError;

use crate::evaluate::evaluate;
use crate::evidence::Evidence;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::request::Request;
use crate::language::reader::PolicyError;
use crate::policy::policy_set::{PolicySet, Uncovered};
use crate::trust::{Trust, TrustOptions};
use crate::verdict::Verdict;

/// Everything that some verdicts were made of, and the verdicts. Judging it [again](Self::replay) gives the same verdicts, byte
/// for byte, by the same version of this crate; where it does not, the replay says so.
///
/// It proves nothing about where it comes from. Its digests show that a part was changed without the others, not who
/// changed them all: keep it where no one can change it, or sign it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Archive {
    /// The version of this crate by which it was judged.
    pub version: String,
    /// When it was judged.
    pub now: UnixTime,
    /// The policies, as they were written.
    pub policies: Vec<String>,
    /// What became of workloads with an image that no image rule judges.
    #[serde(default)]
    pub uncovered: Uncovered,
    /// Uncovered images that were allowed, as patterns of repositories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_images: Vec<String>,
    /// Whether violations that an update leaves as they were were denied, too.
    #[serde(default)]
    pub blocks_unchanged: bool,
    /// The trust root, as JSON.
    pub trust_root: Value,
    /// What was required of every signature.
    pub trust_options: TrustOptions,
    /// The digests of policies and trust root when it was judged.
    pub digests: ArchiveDigests,
    /// What was judged.
    pub judged: Vec<ArchivedRequest>,
}

/// SHA-256 of the parts that all verdicts of an archive share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ArchiveDigests {
    /// Of the policies, and of what becomes of uncovered images and of what an update leaves unchanged.
    pub policies: Digest,
    /// Of the trust root, and of what was required of every signature.
    pub trust: Digest,
}

/// A request, what was fetched to judge it, and the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ArchivedRequest {
    /// The request.
    pub request: Request,
    /// What was fetched.
    pub evidence: Evidence,
    /// SHA-256 of the request and of what was fetched.
    pub digest: Digest,
    /// What came of it.
    pub verdict: Verdict,
}

/// An archive that was judged again.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Replay {
    /// The verdicts of today, in order.
    pub verdicts: Vec<Verdict>,
    /// What is not as it was.
    pub differences: Vec<Difference>,
}

/// Something that is not as it was when an archive was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// It was judged by another version of this crate.
    Version {
        /// By which.
        found: String,
    },
    /// A part of the archive is not what its digest says: it was changed afterwards.
    Changed {
        /// Which.
        part: String,
    },
    /// A verdict is another one.
    Verdict {
        /// Which, counted from 0.
        index: usize,
        /// What it was.
        before: String,
        /// What it is.
        after: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { found } => {
                write!(f, "judged by version {found}, replayed by {}", env!("CARGO_PKG_VERSION"))
            }
            Self::Changed { part } => write!(f, "{part} changed since the archive was made"),
            Self::Verdict { index, before, after } if before == after => {
                write!(f, "verdict {index}, {before}: other reasons")
            }
            Self::Verdict { index, before, after } => write!(f, "verdict {index}: was {before}, is {after}"),
        }
    }
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
    /// What it requires of witnesses cannot be read.
    #[error("witnesses of the archive cannot be read")]
    Witnesses(#[from] WitnessPolicyError),
    /// A pattern of allowed images in it cannot be read.
    #[error("`{found}` is not a pattern of images")]
    Pattern {
        /// What was found.
        found: String,
    },
}

impl Archive {
    /// An archive in which nothing is judged yet.
    ///
    /// # Errors
    /// If the trust root is not JSON.
    pub fn new(policies: Vec<String>, trust_root: &str, now: UnixTime) -> Result<Self, ArchiveError> {
        let trust_root: Value = json::from_slice(trust_root.as_bytes())?;
        let nothing = Digest::sha256(b"");
        let mut archive = Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            policies,
            uncovered: Uncovered::default(),
            allowed_images: Vec::new(),
            blocks_unchanged: false,
            trust_root,
            trust_options: TrustOptions::default(),
            digests: ArchiveDigests { policies: nothing.clone(), trust: nothing },
            judged: Vec::new(),
        };
        archive.digests = archive.digests_now();
        Ok(archive)
    }

    /// Says what became of workloads with an image that no image rule judges, but for those that these patterns select.
    #[must_use]
    pub fn with_uncovered(mut self, uncovered: Uncovered, allowed_images: Vec<String>) -> Self {
        (self.uncovered, self.allowed_images) = (uncovered, allowed_images);
        self.digests = self.digests_now();
        self
    }

    /// Says that violations that an update leaves as they were were denied, too
    /// ([`PolicySet::blocking_unchanged`]).
    #[must_use]
    pub fn blocking_unchanged(mut self) -> Self {
        self.blocks_unchanged = true;
        self.digests = self.digests_now();
        self
    }

    /// Says what was required of every signature. Log entries are verified by the rules of Rekor: a
    /// [`Trust::with_log`] is code, which no archive holds.
    #[must_use]
    pub fn with_trust_options(mut self, options: TrustOptions) -> Self {
        self.trust_options = options;
        self.digests = self.digests_now();
        self
    }

    /// Reads an archive.
    ///
    /// # Errors
    /// If it is not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArchiveError> {
        Ok(json::from_slice(bytes)?)
    }

    /// Judges requests and keeps them with what came of them.
    ///
    /// # Errors
    /// If a policy or the trust root cannot be read.
    pub fn judge(
        &mut self,
        requests: impl IntoIterator<Item = (Request, Evidence)>,
    ) -> Result<(), ArchiveError> {
        let (policies, trust) = (self.policy_set(&self.policies)?, self.trust()?);
        for (request, evidence) in requests {
            let verdict = evaluate(&policies, &request, &evidence, &trust, self.now);
            let digest = digest_of(&(&request, &evidence));
            self.judged.push(ArchivedRequest { request, evidence, digest, verdict });
        }
        Ok(())
    }

    /// Judges everything in it again, and says what is not as it was.
    ///
    /// # Errors
    /// If a policy or the trust root cannot be read.
    pub fn replay(&self) -> Result<Replay, ArchiveError> {
        let mut differences = Vec::new();
        if self.version != env!("CARGO_PKG_VERSION") {
            differences.push(Difference::Version { found: self.version.clone() });
        }
        let now = self.digests_now();
        for (part, is_same) in [
            ("policies", now.policies == self.digests.policies),
            ("trust root or options", now.trust == self.digests.trust),
        ] {
            if !is_same {
                differences.push(Difference::Changed { part: part.to_owned() });
            }
        }
        for (index, one) in self.judged.iter().enumerate() {
            if digest_of(&(&one.request, &one.evidence)) != one.digest {
                differences.push(Difference::Changed { part: format!("request or evidence {index}") });
            }
        }
        let replay = self.replay_by(&self.policies)?;
        differences.extend(replay.differences);
        Ok(Replay { verdicts: replay.verdicts, differences })
    }

    /// What would have come of it by other policies.
    ///
    /// # Errors
    /// If a policy or the trust root cannot be read.
    pub fn replay_by(&self, policies: &[String]) -> Result<Replay, ArchiveError> {
        let (policies, trust) = (self.policy_set(policies)?, self.trust()?);
        let judge =
            |one: &ArchivedRequest| evaluate(&policies, &one.request, &one.evidence, &trust, self.now);
        let verdicts: Vec<Verdict> = self.judged.iter().map(judge).collect();
        let pairs = self.judged.iter().map(|one| &one.verdict).zip(&verdicts).enumerate();
        let differences = pairs
            .filter(|(_, (before, after))| before != after)
            .map(|(index, (before, after))| Difference::Verdict {
                index,
                before: format!("{} {}", before.decision, before.resource),
                after: format!("{} {}", after.decision, after.resource),
            })
            .collect();
        Ok(Replay { verdicts, differences })
    }

    fn policy_set(&self, texts: &[String]) -> Result<PolicySet, ArchiveError> {
        let mut policies = PolicySet::default().with_uncovered(self.uncovered);
        for (index, text) in texts.iter().enumerate() {
            let read = PolicySet::from_yaml(text).map_err(|source| ArchiveError::Policy { index, source })?;
            policies.extend(read);
        }
        let pattern = |text: &String| {
            ReferencePattern::by_segment(text).map_err(|_| ArchiveError::Pattern { found: text.clone() })
        };
        let allowed: Vec<_> = self.allowed_images.iter().map(pattern).collect::<Result<_, _>>()?;
        let policies = policies.allowing_images(allowed);
        Ok(if self.blocks_unchanged { policies.blocking_unchanged() } else { policies })
    }

    fn trust(&self) -> Result<Trust, ArchiveError> {
        let root = TrustRoot::from_json(self.trust_root.to_string().as_bytes())?;
        Ok(Trust::with_options(root, self.trust_options.clone())?)
    }

    fn digests_now(&self) -> ArchiveDigests {
        ArchiveDigests {
            policies: digest_of(&(
                &self.policies,
                self.uncovered,
                &self.allowed_images,
                self.blocks_unchanged,
            )),
            trust: digest_of(&(&self.trust_root, &self.trust_options)),
        }
    }
}

/// SHA-256 of a value's JSON.
fn digest_of(value: &impl Serialize) -> Digest {
    Digest::sha256(serde_json::to_string(value).unwrap_or_default().as_bytes())
}

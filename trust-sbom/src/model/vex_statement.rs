//! [`VexStatement`]: an author says whether a product is affected by a vulnerability.

use core::fmt;

use std::sync::Arc;

use serde::Serialize;
use trust_core::UnixTime;

use crate::answer::Answer;
use crate::model::component::Hash;
use crate::package::vers::Vers;

/// A statement, by the author of the document. It proves nothing; who may speak for a product is the caller's to say:
/// see [`ScanReport::suppress`](crate::ScanReport::suppress).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VexStatement {
    /// The vulnerability's names: its identifier first, then its aliases.
    pub vulnerability: Arc<[String]>,
    /// What it is about. No product matches no finding.
    pub products: Vec<Arc<VexProduct>>,
    /// What is said.
    pub status: VexStatus,
    /// Why the product is not affected, by one of the words of the format.
    pub justification: Option<Arc<str>>,
    /// Why it is not affected, in words.
    pub impact: Option<Arc<str>>,
    /// What to do, in words.
    pub action: Option<Arc<str>>,
    /// When it was said.
    pub timestamp: Option<UnixTime>,
}

/// What a statement is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct VexProduct {
    /// Its names: IRIs, package URLs, CPEs, references into an SBOM.
    pub identifiers: Vec<String>,
    /// Hashes of it.
    pub hashes: Vec<Hash>,
    /// The statement is about these versions of it alone, or about all if there are none: versions, or VERS ranges.
    pub versions: Vec<String>,
    /// The statement is not about these versions.
    pub other_versions: Vec<String>,
    /// The statement is about these parts of it alone; about all of it if there are none.
    pub subcomponents: Vec<Arc<VexProduct>>,
}

impl VexProduct {
    /// Whether the statement is about this version, for certain.
    pub(crate) fn has_version(&self, version: Option<&str>) -> bool {
        let holds = |text: &String| match (version, text.parse::<Vers>()) {
            (None, _) => Answer::Unknown("no version".to_owned()),
            (Some(version), Ok(range)) => range.contains(version),
            (Some(_), Err(_)) if text.starts_with("vers:") => Answer::Unknown("no range".to_owned()),
            (Some(version), Err(_)) => (text == version).into(),
        };
        (self.versions.is_empty() || self.versions.iter().any(|one| holds(one) == Answer::Yes))
            && self.other_versions.iter().all(|one| holds(one) == Answer::No)
    }
}

/// Whether a product is affected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VexStatus {
    /// It is not.
    NotAffected,
    /// It is.
    Affected,
    /// This version mends it.
    Fixed,
    /// It is not known yet.
    #[default]
    UnderInvestigation,
    /// Another word, as written. It says nothing that is understood here.
    Other(String),
}

impl VexStatus {
    /// How bad news it is: of two statements made at the same time the worse one counts.
    pub(crate) fn gravity(&self) -> u8 {
        match self {
            Self::NotAffected => 0,
            Self::Fixed => 1,
            Self::Other(_) => 2,
            Self::UnderInvestigation => 3,
            Self::Affected => 4,
        }
    }

    /// Whether a finding that it answers no longer counts.
    #[must_use]
    pub fn suppresses(&self) -> bool {
        matches!(self, Self::NotAffected | Self::Fixed)
    }
}

impl fmt::Display for VexStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAffected => "not affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under investigation",
            Self::Other(word) => word,
        })
    }
}

/// The statement that answers a finding, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VexDecision {
    /// Who says so, as the caller named them.
    pub author: String,
    /// What is said.
    pub status: VexStatus,
    /// Why, in one line.
    pub reason: Arc<str>,
    /// The product by which it was found to be about the finding.
    pub product: String,
}

impl fmt::Display for VexDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says {} of {}: {}", self.author, self.status, self.product, self.reason)
    }
}

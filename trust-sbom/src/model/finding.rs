//! [`Finding`]: a vulnerability that a scanner or an author says a component has.

use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use trust_core::UnixTime;

use crate::lenient::Number;
use crate::model::vex_statement::VexDecision;

/// A vulnerability of a component, as a scanner or an author says. It may be wrong both ways, and it stays visible
/// when a VEX statement answers it: see [`suppressed`](Self::suppressed).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Finding {
    /// The vulnerability, by the name that the source uses first.
    pub id: Arc<str>,
    /// Its other names. Findings of one vulnerability share what is said of it.
    pub aliases: Arc<[String]>,
    /// Advisories that speak of it, and may speak of other vulnerabilities too.
    pub advisories: Arc<[String]>,
    /// What has it.
    pub component: Arc<Affected>,
    /// Every rating of the source, in its order.
    pub ratings: Arc<[Rating]>,
    /// The severity that counts, by the source's own choice: the one that it states for the finding as a whole, else
    /// the highest of its ratings.
    pub severity: Severity,
    /// Whether there is a version without it.
    pub fix: FixState,
    /// Weaknesses, by number ([CWE](https://cwe.mitre.org/)).
    pub cwes: Arc<[u32]>,
    /// Probability that it is exploited within 30 days ([EPSS](https://www.first.org/epss/)).
    pub epss: Option<Epss>,
    /// It is known to be exploited ([CISA KEV](https://www.cisa.gov/known-exploited-vulnerabilities-catalog)).
    pub is_known_exploited: bool,
    /// When it was published.
    pub published: Option<UnixTime>,
    /// When its description was last changed.
    pub modified: Option<UnixTime>,
    /// Where it is described.
    pub urls: Arc<[String]>,
    /// Why it does not count, if a VEX statement or the scanner says so.
    pub suppressed: Option<Suppression>,
}

impl Finding {
    /// Its name and its other names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        core::iter::once(&*self.id).chain(self.aliases.iter().map(String::as_str))
    }

    /// The [CVE](https://www.cve.org/) names among them, each once, in capitals. Who names several, as some advisories do, speaks
    /// of several vulnerabilities.
    pub(crate) fn cves(&self) -> BTreeSet<String> {
        self.names().map(str::to_ascii_uppercase).filter(|name| is_cve(name)).collect()
    }
}

/// Whether it is a CVE's name, in any case.
pub(crate) fn is_cve(name: &str) -> bool {
    name.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CVE-"))
}

/// What has a vulnerability. All of it is as the source writes it, and may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Affected {
    /// Name of the package; empty if the source does not say.
    pub name: String,
    /// Its installed version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// Its reference in the SBOM that was scanned.
    pub reference: Option<String>,
    /// Path of the file that holds it.
    pub path: Option<String>,
    /// The layer that brought it, a digest.
    pub layer: Option<String>,
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.purl, self.name.as_str(), &self.version) {
            (Some(purl), ..) => f.write_str(purl),
            (None, "", _) => f.write_str("?"),
            (None, name, Some(version)) => write!(f, "{name}@{version}"),
            (None, name, None) => f.write_str(name),
        }
    }
}

/// How bad a vulnerability is. Unknown is a value of its own, outside the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The source does not say.
    #[default]
    Unknown,
    /// None: score 0.
    None,
    /// Negligible, or informational.
    Negligible,
    /// Low: score 0.1 to 3.9.
    Low,
    /// Medium, or moderate: score 4.0 to 6.9.
    Medium,
    /// High, or important: score 7.0 to 8.9.
    High,
    /// Critical: score 9.0 to 10.0.
    Critical,
}

impl Severity {
    /// The severity of this name, in any case, as scanners and distributions write it; [`Unknown`](Self::Unknown) if it
    /// is no such name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" => Self::Low,
            "negligible" | "info" | "informational" | "unimportant" => Self::Negligible,
            "none" => Self::None,
            _ => Self::Unknown,
        }
    }

    /// The severity of a base score, 0 to 10
    /// ([CVSS 3.1, section 5](https://www.first.org/cvss/v3.1/specification-document#Qualitative-Severity-Rating-Scale)).
    #[must_use]
    pub fn from_score(score: f64) -> Self {
        match score {
            0.0 => Self::None,
            score if (0.0..4.0).contains(&score) => Self::Low,
            score if (4.0..7.0).contains(&score) => Self::Medium,
            score if (7.0..9.0).contains(&score) => Self::High,
            score if (9.0..=10.0).contains(&score) => Self::Critical,
            _ => Self::Unknown,
        }
    }

    /// Its place in the order, `None` if it is unknown.
    #[must_use]
    pub fn rank(self) -> Option<u8> {
        Some(match self {
            Self::Unknown => return None,
            Self::None => 0,
            Self::Negligible => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
            Self::Critical => 5,
        })
    }

    /// The higher one; a known one is higher than an unknown one.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One rating of a vulnerability.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rating {
    /// Who rates: `nvd`, `ghsa`, a distribution.
    pub source: Option<String>,
    /// How, such as `CVSSv31`.
    pub method: Option<String>,
    /// The score, 0 to 10.
    pub score: Option<f64>,
    /// What stands in place of such a score, as it is written: a word, or a number on another scale.
    pub other_score: Option<String>,
    /// The vector.
    pub vector: Option<String>,
    /// The severity: as stated, else of the score, else of the vector.
    pub severity: Severity,
}

impl Rating {
    /// A rating whose severity and score, where they are not stated, are those of the vector.
    pub(crate) fn new(severity: Option<&str>, score: Option<Number>, vector: Option<String>) -> Self {
        let (score, other_score) = match score {
            Some(Number::Is(score)) if (0.0..=10.0).contains(&score) => (Some(score), None),
            Some(Number::Is(score)) => (None, Some(score.to_string())),
            Some(Number::Not(text)) => (None, Some(text)),
            None => (None, None),
        };
        let score = score.or_else(|| vector.as_deref().and_then(cvss_score));
        let stated = severity.map_or(Severity::Unknown, Severity::from_name);
        let severity = match (stated, score) {
            (Severity::Unknown, Some(score)) => Severity::from_score(score),
            _ => stated,
        };
        Self { score, other_score, vector, severity, ..Self::default() }
    }

    pub(crate) fn by(mut self, source: impl Into<Option<String>>, method: impl Into<Option<String>>) -> Self {
        self.source = source.into();
        self.method = method.into();
        self
    }
}

/// Score of a CVSS vector, 2.0 (with or without its prefix) to 4.0.
fn cvss_score(vector: &str) -> Option<f64> {
    let vector = vector.trim().trim_start_matches('(').trim_end_matches(')');
    let parsed: cvss::Cvss = vector.parse().ok()?;
    Some(parsed.score()).filter(|score| (0.0..=10.0).contains(score))
}

/// The highest of the ratings.
pub(crate) fn highest(ratings: &[Rating]) -> Severity {
    ratings.iter().fold(Severity::Unknown, |highest, rating| highest.max(rating.severity))
}

/// Whether there is a version of the package without the vulnerability.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum FixState {
    /// The source does not say.
    #[default]
    Unknown,
    /// There is; these versions, one of each maintained branch, or constraints as the source writes them.
    Available(Vec<String>),
    /// There is none yet.
    NotFixed,
    /// There will be none.
    WontFix,
    /// It is put off.
    Deferred,
    /// The package is no longer maintained.
    EndOfLife,
    /// It is being looked into.
    UnderInvestigation,
    /// Another word, as written.
    Other(String),
}

impl FixState {
    /// Whether a version with the fix is known. `None`: the source does not say.
    #[must_use]
    pub fn is_available(&self) -> Option<bool> {
        match self {
            Self::Available(_) => Some(true),
            Self::Unknown | Self::UnderInvestigation | Self::Other(_) => None,
            Self::NotFixed | Self::WontFix | Self::Deferred | Self::EndOfLife => Some(false),
        }
    }
}

impl fmt::Display for FixState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("fix unknown"),
            Self::Available(versions) if versions.is_empty() => f.write_str("fixed"),
            Self::Available(versions) => write!(f, "fixed in {}", versions.join(", ")),
            Self::NotFixed => f.write_str("not fixed"),
            Self::WontFix => f.write_str("will not be fixed"),
            Self::Deferred => f.write_str("fix deferred"),
            Self::EndOfLife => f.write_str("end of life"),
            Self::UnderInvestigation => f.write_str("under investigation"),
            Self::Other(word) => f.write_str(word),
        }
    }
}

/// How likely a vulnerability is to be exploited.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Epss {
    /// Probability, 0 to 1.
    pub probability: f64,
    /// Share of vulnerabilities that are less likely, 0 to 1.
    pub percentile: Option<f64>,
    /// The day on which this was so, as written.
    pub date: Option<String>,
}

impl Epss {
    /// `None` unless both are within 0 to 1.
    pub(crate) fn new(probability: f64, percentile: Option<f64>, date: Option<String>) -> Option<Self> {
        let is_share = |value: &f64| (0.0..=1.0).contains(value);
        (is_share(&probability) && percentile.as_ref().is_none_or(is_share)).then_some(Self {
            probability,
            percentile,
            date,
        })
    }
}

/// Why a finding does not count.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Suppression {
    /// The scanner left it out, by its own rules or by a document that it was given.
    /// The operator of the scanner decided this; no signature covers it.
    Scanner(String),
    /// A VEX statement that the caller asked for.
    Vex(VexDecision),
}

impl fmt::Display for Suppression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scanner(reason) => write!(f, "left out by the scanner: {reason}"),
            Self::Vex(decision) => decision.fmt(f),
        }
    }
}

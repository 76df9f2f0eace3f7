//! [`ScanReport`]: what a vulnerability scanner found, whatever scanner it was.
//!
//! | file | holds |
//! |---|---|
//! | `trivy`, `grype`, `sarif`, `osv` | one scanner's format each |
//! | `in_toto` | the predicates that carry reports: in-toto's and cosign's |

mod grype;
mod in_toto;
pub(crate) mod osv;
mod sarif;
mod trivy;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;
use serde::de::IgnoredAny;
use thiserror::Error;
use trust_core::UnixTime;
use trust_core::internal::json::{self, JsonError};

use crate::answer::Answer;
use crate::lenient::without_marks;
use crate::model::component::Tool;
use crate::model::finding::{Epss, Finding, Severity, is_cve};
use crate::model::sbom::Sbom;
use crate::read::draft;
use crate::read::error::SbomError;
use crate::read::limits::Limits;

/// What a scanner found in a piece of software, at a time, with a database. It proves nothing by itself, least of all
/// that there is nothing else: see [`has`](Self::has).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ScanReport {
    /// Its format.
    pub format: ReportFormat,
    /// What made it.
    pub scanner: Option<Tool>,
    /// When the scanner's database was built.
    pub database_time: Option<UnixTime>,
    /// When the scan was over.
    pub finished: Option<UnixTime>,
    /// What was scanned, by the scanner's names: a reference, digests.
    pub subjects: Vec<String>,
    /// Whether the report shows that vulnerabilities were looked for in something.
    pub scanned: Answer,
    /// In how many packages, if it lists them.
    pub packages: Option<usize>,
    /// What was found. Findings that the scanner left out are here too, as suppressed.
    pub findings: Vec<Finding>,
}

/// The formats of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ReportFormat {
    /// [Trivy](https://trivy.dev/latest/docs/configuration/reporting/#json), schema 2.
    Trivy,
    /// [Grype](https://github.com/anchore/grype).
    Grype,
    /// [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
    Sarif,
    /// A report of [osv-scanner](https://google.github.io/osv-scanner/output/).
    OsvScanner,
    /// The `vulnerabilities` of a [CycloneDX](https://cyclonedx.org/docs/1.6/json/#vulnerabilities) document.
    CycloneDx,
    /// The predicate [vulns](https://github.com/in-toto/attestation/blob/main/spec/predicates/vuln.md), 0.1 and 0.2.
    InTotoVulns,
    /// None of these: a program made it ([`ScanReport::new`]).
    Own,
}

/// The text is not a report that is read here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It is too long.
    #[error("report has {found} bytes, expected at most {expected}")]
    TooLong {
        /// Its length.
        found: usize,
        /// How many are read.
        expected: u64,
    },
    /// There is too much of something.
    #[error("report has {found} {what}, expected at most {expected}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are read.
        expected: usize,
    },
    /// It is not JSON, repeats a key, or has another shape.
    #[error("report is malformed")]
    Json(#[from] JsonError),
    /// It is an SBOM that is not read.
    #[error("report is an SBOM that cannot be read")]
    Sbom(#[from] SbomError),
    /// A field has another value than it may have.
    #[error("report has the {field} `{found}`, expected {expected}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What was found.
        found: String,
        /// What is read.
        expected: &'static str,
    },
    /// It looks like several formats.
    #[error("report looks like {0} and like {1}, expected one of them")]
    TwoFormats(&'static str, &'static str),
    /// It is an advisory, which says what may be affected and not what was found: see [`Advisory`](crate::Advisory).
    #[error("report is an OSV advisory, which says what may be affected: nothing was scanned")]
    Advisory,
    /// It looks like none.
    #[error("report looks like none of Trivy, Grype, SARIF, osv-scanner, CycloneDX and in-toto vulns")]
    UnknownFormat,
}

type Reader = fn(&json::Document<'_>, &Limits) -> Result<ScanReport, ReportError>;
/// The keys by which a report is known, and the format's name and reader.
const READERS: [(&[&str], &str, Reader); 7] = [
    (&["SchemaVersion"], "Trivy", trivy::read),
    (&["matches", "descriptor"], "Grype", grype::read),
    (&["runs"], "SARIF", sarif::read),
    (&["id", "modified"], "OSV", |_, _| Err(ReportError::Advisory)),
    (&["results"], "osv-scanner", osv::read_scanner),
    (&["scanner"], "in-toto vulns", in_toto::read),
    (&["bomFormat"], "CycloneDX", read_cyclonedx),
];

impl ScanReport {
    /// Reads a report of any format that is known here. What it is must be said by its content, exactly once.
    ///
    /// # Errors
    /// If it is malformed, too large, or of no format that is read here.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, ReportError> {
        if bytes.len() as u64 > limits.len {
            return Err(ReportError::TooLong { found: bytes.len(), expected: limits.len });
        }
        let document = json::Document::new(without_marks(bytes))?;
        read(&document, limits)
    }

    /// A report that a program makes: of a format of its own. `scanned` says whether vulnerabilities were looked for in
    /// something; without that no finding is not "no".
    #[must_use]
    pub fn new(scanned: Answer, findings: Vec<Finding>) -> Self {
        Self { scanned, findings, ..Self::of(ReportFormat::Own) }
    }

    /// A report without findings yet.
    fn of(format: ReportFormat) -> Self {
        Self {
            format,
            scanner: None,
            database_time: None,
            finished: None,
            subjects: Vec::new(),
            scanned: Answer::Unknown(
                "the report does not show that vulnerabilities were looked for".to_owned(),
            ),
            packages: None,
            findings: Vec::new(),
        }
    }

    /// Whether it has a finding that a rule forbids. No finding is "no" only if the report shows that something was
    /// scanned; a finding of which the rule's fields are unknown makes the answer unknown.
    #[must_use]
    pub fn has(&self, rule: &FindingRule) -> Answer {
        let mut unknown = None;
        for finding in &self.findings {
            match rule.forbids(finding) {
                Answer::Yes => return Answer::Yes,
                Answer::Unknown(reason) => {
                    unknown.get_or_insert(reason);
                }
                Answer::No => {}
            }
        }
        match (unknown, &self.scanned) {
            (Some(reason), _) => Answer::Unknown(reason),
            (None, Answer::Yes) => Answer::No,
            (None, Answer::No) => Answer::Unknown("the report says that nothing was scanned".to_owned()),
            (None, Answer::Unknown(reason)) => Answer::Unknown(reason.clone()),
        }
    }

    /// The time that says how fresh it is: of the database if it says so, else of the end of the scan. The time at
    /// which an attestation was signed is not one.
    #[must_use]
    pub fn as_of(&self) -> Option<UnixTime> {
        self.database_time.or(self.finished)
    }
}

/// Which findings are forbidden: those that meet every condition that is set.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FindingRule {
    /// The severity is one of these; any if there are none. [`Severity::Unknown`] can be one of them.
    pub severities: Vec<Severity>,
    /// A version without the vulnerability is known.
    pub fixed_only: bool,
    /// It is known to be exploited.
    pub exploited_only: bool,
    /// It is exploited with at least this probability, 0 to 1.
    pub min_epss: Option<f64>,
    /// Findings that do not count because a VEX statement or the scanner says so are forbidden too.
    pub with_suppressed: bool,
}

impl FindingRule {
    /// Forbids findings of these severities.
    #[must_use]
    pub fn of_severities(severities: &[Severity]) -> Self {
        Self { severities: severities.to_vec(), ..Self::default() }
    }

    /// Only of which a version without the vulnerability is known.
    #[must_use]
    pub fn with_fix(self) -> Self {
        Self { fixed_only: true, ..self }
    }

    /// Also those that do not count because a VEX statement or the scanner says so.
    #[must_use]
    pub fn and_suppressed(self) -> Self {
        Self { with_suppressed: true, ..self }
    }

    /// Whether it forbids a finding.
    #[must_use]
    pub fn forbids(&self, finding: &Finding) -> Answer {
        if finding.suppressed.is_some() && !self.with_suppressed {
            return Answer::No;
        }
        let unknown = |what: &str| {
            Some(Answer::Unknown(format!("the {what} of {} in {} is unknown", finding.id, finding.component)))
        };
        let severity = match finding.severity {
            _ if self.severities.is_empty() => None,
            severity if self.severities.contains(&severity) => None,
            Severity::Unknown => unknown("severity"),
            _ => return Answer::No,
        };
        let fix = match finding.fix.is_available() {
            Some(false) if self.fixed_only => return Answer::No,
            None if self.fixed_only => unknown("fix"),
            _ => None,
        };
        // That no exploit is recorded is what the list says of most; there is no third value.
        if self.exploited_only && !finding.is_known_exploited {
            return Answer::No;
        }
        let epss = match (self.min_epss, &finding.epss) {
            (Some(least), Some(epss)) if epss.probability < least => return Answer::No,
            (Some(_), None) => unknown("probability of exploitation"),
            _ => None,
        };
        severity.or(fix).or(epss).unwrap_or(Answer::Yes)
    }
}

/// Joins findings that are the same vulnerability, by all of their names, of the same component. Two CVEs are two, whatever other name
/// they share; one that names several CVEs joins those of its own name only. The first one's own name is kept; ratings, names and
/// addresses of all are kept; the highest severity that is known counts, and a fix that one of them knows. A joined finding is
/// suppressed only if all were.
#[must_use]
pub fn join_findings(findings: Vec<Finding>) -> Vec<Finding> {
    let mut names = Names::default();
    for finding in findings.iter().filter(|finding| finding.cves().len() < 2) {
        for alias in finding.aliases.iter() {
            names.join(&finding.id, alias);
        }
    }
    let mut joined: Vec<Vec<Finding>> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for finding in findings {
        let key = (names.class(&finding.id), finding.component.to_string());
        let place = *places.entry(key).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(same) => same.push(finding),
            None => joined.push(vec![finding]),
        }
    }
    joined.into_iter().filter_map(merged).collect()
}

/// One finding out of several of the same.
fn merged(same: Vec<Finding>) -> Option<Finding> {
    if same.len() < 2 {
        return same.into_iter().next();
    }
    let texts = |of: fn(&Finding) -> &Arc<[String]>| -> Vec<&String> {
        let lists: Vec<&Arc<[String]>> = same.iter().map(of).collect();
        // What is shared is looked at once.
        let mut seen = HashSet::new();
        let distinct =
            lists.into_iter().filter(|list| seen.insert(Arc::as_ptr(list))).flat_map(|list| list.iter());
        let mut kept = HashSet::new();
        distinct.filter(|text| kept.insert(*text)).collect()
    };
    let mut first = same.first()?.clone();
    let mut aliases = BTreeSet::from_iter(same.iter().map(|one| one.id.to_string()));
    aliases.extend(texts(|one| &one.aliases).into_iter().cloned());
    aliases.remove(&*first.id);
    first.aliases = aliases.into_iter().collect();
    first.advisories = texts(|one| &one.advisories).into_iter().cloned().collect();
    first.urls = texts(|one| &one.urls).into_iter().cloned().collect();
    first.ratings = same.iter().flat_map(|one| one.ratings.iter()).cloned().collect();
    first.severity = same.iter().map(|one| one.severity).fold(Severity::Unknown, Severity::max);
    // There is none only if all say so.
    let is_unknown = |one: &&Finding| one.fix.is_available().is_none();
    let known = same.iter().find(|one| one.fix.is_available() == Some(true));
    first.fix = known.or_else(|| same.iter().find(is_unknown)).map_or(first.fix, |one| one.fix.clone());
    // Of everything the worst counts.
    let probability = |one: &Epss| one.probability;
    let worst = same.iter().filter_map(|one| one.epss.as_ref());
    first.epss = worst.max_by(|a, b| probability(a).total_cmp(&probability(b))).cloned();
    first.is_known_exploited = same.iter().any(|one| one.is_known_exploited);
    if same.iter().any(|one| one.suppressed.is_none()) {
        first.suppressed = None;
    }
    Some(first)
}

/// Names that mean the same vulnerability, as a forest.
#[derive(Default)]
struct Names {
    parents: BTreeMap<String, String>,
    /// The CVE that a class means, by the name that stands for it.
    cves: HashMap<String, String>,
}

impl Names {
    /// The name that stands for all that mean the same.
    fn class(&mut self, name: &str) -> String {
        if is_cve(name) && !self.parents.contains_key(name) {
            self.cves.entry(name.to_owned()).or_insert_with(|| name.to_ascii_uppercase());
        }
        let mut root = name.to_owned();
        while let Some(parent) = self.parents.get(&root) {
            root.clone_from(parent);
        }
        // Paths stay short, or long chains of aliases would cost their square.
        let mut at = name.to_owned();
        while at != root {
            match self.parents.insert(at, root.clone()) {
                Some(next) => at = next,
                None => break,
            }
        }
        root
    }

    /// Says that two names mean the same, unless they mean different CVEs already.
    fn join(&mut self, one: &str, other: &str) {
        let (one, other) = (self.class(one), self.class(other));
        let cve = |names: &Self, class: &str| names.cves.get(class).cloned();
        match (cve(self, &one), cve(self, &other)) {
            _ if one == other => return,
            (Some(first), Some(second)) if first != second => return,
            (None, Some(second)) => drop(self.cves.insert(one.clone(), second)),
            _ => {}
        }
        self.parents.insert(other, one);
    }
}

/// Reads a report that is known to be unique JSON.
fn read(document: &json::Document<'_>, limits: &Limits) -> Result<ScanReport, ReportError> {
    let keys: BTreeMap<String, IgnoredAny> = document.read()?;
    let has = |wanted: &&[&str]| wanted.iter().all(|key| keys.contains_key(*key));
    let mut fitting = READERS.iter().filter(|(wanted, ..)| has(wanted));
    let report = match (fitting.next(), fitting.next()) {
        (Some((_, one, _)), Some((_, other, _))) => return Err(ReportError::TwoFormats(one, other)),
        (Some((_, _, read)), None) => read(document, limits)?,
        (None, _) => return Err(ReportError::UnknownFormat),
    };
    let found = report.findings.len();
    if found > limits.findings {
        return Err(ReportError::TooMany { what: "findings", found, expected: limits.findings });
    }
    Ok(report)
}

fn read_cyclonedx(document: &json::Document<'_>, limits: &Limits) -> Result<ScanReport, ReportError> {
    let (sbom, _) = Sbom::read(document.text().as_bytes(), limits)?;
    Ok(ScanReport::from(&sbom))
}

impl From<&Sbom> for ScanReport {
    /// The vulnerabilities that an SBOM lists itself. That it lists parts shows that something was looked
    /// at, but not that vulnerabilities were looked for, unless there are some.
    fn from(sbom: &Sbom) -> Self {
        let mut report = Self::of(ReportFormat::CycloneDx);
        let header = sbom.header();
        // Which of several tools looked for vulnerabilities, it does not say.
        report.scanner = header.tools.first().filter(|_| header.tools.len() == 1).cloned();
        report.packages = Some(sbom.components().len());
        report.finished = header.created;
        report.findings = sbom.findings().to_vec();
        let roots = sbom.roots().iter().filter_map(|id| sbom.component(*id));
        report.subjects =
            roots.flat_map(|root| root.purls.iter().cloned().chain([root.name.clone()])).collect();
        if !report.findings.is_empty() {
            report.scanned = Answer::Yes;
        }
        report
    }
}

/// A time, as scanners write it; the year 1 means none.
pub(crate) fn time(text: Option<&String>) -> Option<UnixTime> {
    text.filter(|text| !text.starts_with("0001-")).and_then(|text| draft::time(text))
}

/// Numbers of `CWE-…`.
fn cwes<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<u32> {
    names.into_iter().filter_map(|name| name.strip_prefix("CWE-")?.parse().ok()).collect()
}

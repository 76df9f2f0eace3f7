//! [`Vex`]: documents that say whether products are affected; and [`ScanReport::suppress`], the only way in which they
//! change anything.
//!
//! | file | holds |
//! |---|---|
//! | `openvex`, `csaf` | one format each; CycloneDX and SPDX 3 are read as SBOMs |

mod csaf;
mod openvex;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde::de::IgnoredAny;
use thiserror::Error;
use trust_core::internal::json::{self, JsonError};
use trust_core::{Digest, UnixTime};

use crate::lenient::without_marks;
use crate::model::finding::{Affected, Finding, Suppression, is_cve};
use crate::model::sbom::{Format, Sbom};
use crate::model::vex_statement::{VexDecision, VexProduct, VexStatement};
use crate::package::purl::Purl;
use crate::read::error::SbomError;
use crate::read::limits::Limits;
use crate::report::ScanReport;

/// A document of statements. Reading it changes nothing: see [`ScanReport::suppress`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Vex {
    /// Its format.
    pub format: VexFormat,
    /// Its identifier.
    pub id: Option<String>,
    /// Who wrote it, by its own words. Who signed it is another question.
    pub author: Option<String>,
    /// When it was written, or last changed.
    pub timestamp: Option<UnixTime>,
    /// What it says.
    pub statements: Vec<VexStatement>,
}

impl Vex {
    /// Statements that a program makes: of a format of its own.
    #[must_use]
    pub fn new(statements: Vec<VexStatement>) -> Self {
        Self { format: VexFormat::Own, id: None, author: None, timestamp: None, statements }
    }
}

/// The formats of VEX documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum VexFormat {
    /// [OpenVEX](https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md), 0.0.1 and 0.2.0.
    OpenVex,
    /// [CSAF](https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html) 2.0 and 2.1, of this category. Only documents
    /// of the category `csaf_vex` make statements that count.
    Csaf(String),
    /// [CycloneDX](https://cyclonedx.org/docs/1.6/json/#vulnerabilities_items_analysis).
    CycloneDx,
    /// [SPDX 3](https://spdx.github.io/spdx-spec/v3.0.1/model/Security/Security/).
    Spdx3,
    /// None of these: a program made it ([`Vex::new`]).
    Own,
}

impl VexFormat {
    fn is_vex(&self) -> bool {
        match self {
            Self::Csaf(category) => category == "csaf_vex",
            _ => true,
        }
    }
}

/// The text is not a VEX document that is read here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VexError {
    /// It is too long.
    #[error("VEX document has {found} bytes, expected at most {expected}")]
    TooLong {
        /// Its length.
        found: usize,
        /// How many are read.
        expected: u64,
    },
    /// There is too much of something.
    #[error("VEX document has {found} {what}, expected at most {expected}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are read.
        expected: usize,
    },
    /// It is not JSON, repeats a key, or has another shape.
    #[error("VEX document is malformed")]
    Json(#[from] JsonError),
    /// It is an SBOM that is not read.
    #[error("VEX document is an SBOM that cannot be read")]
    Sbom(#[from] SbomError),
    /// It is of another version.
    #[error("VEX document is {format} `{found}`, expected {expected}")]
    Version {
        /// The format.
        format: &'static str,
        /// What was found.
        found: String,
        /// Which versions are read.
        expected: &'static str,
    },
    /// It looks like no format, or like several.
    #[error("VEX document looks like {found}, expected exactly one of OpenVEX, CSAF, CycloneDX and SPDX 3")]
    Format {
        /// What it looks like.
        found: String,
    },
}

/// The keys by which each format is known.
const MARKERS: [(&[&str], &str); 4] = [
    (&["@context", "statements"], "OpenVEX"),
    (&["document"], "CSAF"),
    (&["bomFormat"], "CycloneDX"),
    (&["@context", "@graph"], "SPDX 3"),
];

impl Vex {
    /// Reads a document of any format that is known here. What it is must be said by its content, exactly once.
    ///
    /// # Errors
    /// If it is malformed, too large, or of no format and version that is read here.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, VexError> {
        if bytes.len() as u64 > limits.len {
            return Err(VexError::TooLong { found: bytes.len(), expected: limits.len });
        }
        let document = json::Document::new(without_marks(bytes))?;
        let keys: BTreeMap<String, IgnoredAny> = document.read()?;
        let has = |wanted: &&[&str]| wanted.iter().all(|key| keys.contains_key(*key));
        let found: Vec<&str> = MARKERS.iter().filter(|(keys, _)| has(keys)).map(|(_, name)| *name).collect();
        let vex = match found.as_slice() {
            ["OpenVEX"] => openvex::read(&document)?,
            ["CSAF"] => csaf::read(&document)?,
            ["CycloneDX" | "SPDX 3"] => Self::from(&Sbom::read(document.text().as_bytes(), limits)?.0),
            [] => return Err(VexError::Format { found: "none".to_owned() }),
            several => return Err(VexError::Format { found: several.join(" and ") }),
        };
        let products = vex.statements.iter().map(|one| one.products.len()).sum();
        for (what, found, expected) in
            [("statements", vex.statements.len(), limits.findings), ("products", products, limits.products)]
        {
            if found > expected {
                return Err(VexError::TooMany { what, found, expected });
            }
        }
        Ok(vex)
    }
}

impl From<&Sbom> for Vex {
    /// The statements that an SBOM makes itself.
    fn from(sbom: &Sbom) -> Self {
        let header = sbom.header();
        Self {
            format: if sbom.format() == Format::CycloneDx { VexFormat::CycloneDx } else { VexFormat::Spdx3 },
            id: header.id.clone(),
            author: header.authors.iter().chain(&header.supplier).find_map(|agent| agent.name.clone()),
            timestamp: header.created,
            statements: sbom.statements().to_vec(),
        }
    }
}

/// A document whose statements count, because the caller says so.
#[derive(Clone, Copy, Debug)]
pub struct VexSource<'a> {
    /// The document.
    pub vex: &'a Vex,
    /// Who answers for it: the signer, in words.
    pub author: &'a str,
    /// How its products must name what was scanned.
    pub matching: VexMatching,
}

/// How a statement's product must name what was scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VexMatching {
    /// By its digest. A statement about `pkg:oci/app` without one, or about a package wherever it is, does not count.
    #[default]
    Digest,
    /// By its digest or its name; or the statement names the vulnerable package itself.
    Identifier,
}

/// What was scanned.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VexSubject {
    /// Its digests: of the manifest, of the index.
    pub digests: Vec<Digest>,
    /// Its names: a reference, package URLs.
    pub names: Vec<String>,
    /// Its version, such as the tag of the reference: a product that is named with versions must have this one.
    pub version: Option<String>,
}

impl VexSubject {
    /// A subject with these digests.
    #[must_use]
    pub fn of_digests(digests: impl IntoIterator<Item = Digest>) -> Self {
        Self { digests: digests.into_iter().collect(), ..Self::default() }
    }
}

impl ScanReport {
    /// Lets statements answer findings. A finding stops counting if the latest statement about it says that it does not
    /// affect the subject, or that it is fixed there; of statements of the same time, or without one, the worst counts. It stays in the
    /// report, with the statement as its [`suppressed`](Finding::suppressed).
    ///
    /// Only the documents that are passed are heard, so pass those whose attestations were verified, and whose signers
    /// may speak for this subject. How many findings stopped counting is returned.
    pub fn suppress(&mut self, sources: &[VexSource<'_>], subject: &VexSubject) -> usize {
        let mut heard = Heard::new(sources, subject);
        let mut count = 0;
        for finding in self.findings.iter_mut().filter(|finding| finding.suppressed.is_none()) {
            finding.suppressed = heard.decide(finding).map(Suppression::Vex);
            count += usize::from(finding.suppressed.is_some());
        }
        count
    }
}

/// A statement that was heard and answers no finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnmatchedStatement {
    /// Who answers for its document.
    pub author: String,
    /// The vulnerability that it names, and that was found.
    pub vulnerability: String,
    /// Why it does not count.
    pub reason: String,
}

impl ScanReport {
    /// The statements on vulnerabilities that were found, but about other products than what was scanned.
    #[must_use]
    pub fn unmatched(&self, sources: &[VexSource<'_>], subject: &VexSubject) -> Vec<UnmatchedStatement> {
        let mut unmatched = Vec::new();
        for source in sources {
            for statement in &source.vex.statements {
                let mut about =
                    self.findings.iter().filter(|finding| applies_to(statement, finding)).peekable();
                let Some(finding) = about.peek() else { continue };
                let vulnerability = finding.id.to_string();
                let reason = if !source.vex.format.is_vex() {
                    "its document is not a VEX document".to_owned()
                } else if about.any(|finding| {
                    statement.products.iter().any(|one| covers(one, finding, subject, source.matching))
                }) {
                    continue;
                } else {
                    let products = statement.products.iter().filter_map(|one| one.identifiers.first());
                    let products: Vec<&str> = products.take(3).map(String::as_str).collect();
                    let digests: Vec<String> = subject.digests.iter().map(ToString::to_string).collect();
                    format!("names `{}`, expected `{}`", products.join("`, `"), digests.join("`, `"))
                };
                let author = source.author.to_owned();
                unmatched.push(UnmatchedStatement { author, vulnerability, reason });
            }
        }
        unmatched
    }
}

/// Why something is not affected, by the words that OpenVEX and CSAF have in common
/// ([CISA](https://www.cisa.gov/sites/default/files/publications/VEX_Status_Justification_Jun22.pdf)).
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "inline_mitigations_already_exist",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_not_present",
];

/// Whether the author says why something is not affected: by one of those words, or in words of their own.
fn is_grounded(justification: Option<&str>, words: Option<&str>) -> bool {
    justification.is_some_and(|word| JUSTIFICATIONS.contains(&word))
        || words.is_some_and(|words| !words.trim().is_empty())
}

/// Whether a statement is about the vulnerability of a finding, by any of its names.
fn applies_to(statement: &VexStatement, finding: &Finding) -> bool {
    let names = &statement.vulnerability;
    finding.names().any(|name| names.iter().any(|other| other.eq_ignore_ascii_case(name)))
}

/// What is heard, by the vulnerabilities that it is about.
struct Heard<'a> {
    subject: &'a VexSubject,
    /// By the names of vulnerabilities, in lower case.
    by_name: HashMap<String, Vec<(&'a VexSource<'a>, &'a VexStatement)>>,
    /// The reasons that statements give, each put together once.
    reasons: HashMap<*const VexStatement, Arc<str>>,
}

impl<'a> Heard<'a> {
    fn new(sources: &'a [VexSource<'a>], subject: &'a VexSubject) -> Self {
        let mut by_name: HashMap<String, Vec<_>> = HashMap::new();
        for source in sources.iter().filter(|source| source.vex.format.is_vex()) {
            for statement in &source.vex.statements {
                let names = statement.vulnerability.iter().map(|name| name.to_ascii_lowercase());
                for name in names.collect::<BTreeSet<_>>() {
                    by_name.entry(name).or_default().push((source, statement));
                }
            }
        }
        Self { subject, by_name, reasons: HashMap::new() }
    }

    /// The decision on a finding; `None` if it counts. Of several CVEs that it names each must be answered.
    fn decide(&mut self, finding: &Finding) -> Option<VexDecision> {
        let names = finding.names().map(str::to_ascii_lowercase).collect::<BTreeSet<_>>();
        let mut heard: Vec<Statement<'_>> = Vec::new();
        for (source, statement) in names.iter().filter_map(|name| self.by_name.get(name)).flatten() {
            let mut products = statement.products.iter();
            let product = products.find(|product| covers(product, finding, self.subject, source.matching));
            heard.extend(product.map(|product| Statement { source, statement, product }));
        }
        let cves = finding.cves();
        let answer = if cves.len() < 2 {
            latest(heard)
        } else {
            let of = |cve: &String| latest(heard.iter().copied().filter(|one| one.applies_to(cve)).collect());
            let answers: Option<Vec<Statement<'_>>> = cves.iter().map(of).collect();
            answers?.into_iter().max_by_key(|one| one.statement.status.gravity())
        };
        let Statement { source, statement, product } = answer?;
        if !statement.status.suppresses() {
            return None;
        }
        let reason = self.reasons.entry(core::ptr::from_ref(statement)).or_insert_with(|| {
            let reasons = [&statement.justification, &statement.impact, &statement.action];
            let reasons: Vec<&str> = reasons.into_iter().flatten().map(|reason| &**reason).collect();
            if reasons.is_empty() { "no reason given".into() } else { reasons.join("; ").into() }
        });
        Some(VexDecision {
            author: source.author.to_owned(),
            status: statement.status.clone(),
            reason: reason.clone(),
            product: product.identifiers.first().cloned().unwrap_or_else(|| "its digest".to_owned()),
        })
    }
}

/// A statement that is heard, and the product by which it is about a finding.
#[derive(Clone, Copy)]
struct Statement<'a> {
    source: &'a VexSource<'a>,
    statement: &'a VexStatement,
    product: &'a VexProduct,
}

impl Statement<'_> {
    /// Whether it is about this CVE, of several: it names that one, or none.
    fn applies_to(&self, cve: &str) -> bool {
        let mut cves = self.statement.vulnerability.iter().filter(|name| is_cve(name)).peekable();
        cves.peek().is_none() || cves.any(|name| name.eq_ignore_ascii_case(cve))
    }
}

/// The one that counts: the latest, of the same time the worst. One without a date may be the latest.
fn latest(mut heard: Vec<Statement<'_>>) -> Option<Statement<'_>> {
    let latest = heard.iter().filter_map(|one| one.statement.timestamp).max();
    heard.retain(|one| one.statement.timestamp.is_none() || one.statement.timestamp == latest);
    heard.into_iter().max_by_key(|one| one.statement.status.gravity())
}

/// Whether a statement about a product is one about a finding in the subject.
fn covers(product: &VexProduct, finding: &Finding, subject: &VexSubject, matching: VexMatching) -> bool {
    let by_name = matching == VexMatching::Identifier;
    let is_named = |one: &String| subject.names.iter().any(|name| names(one, name));
    let is_subject = has_digest(product, subject)
        || by_name
            && product.identifiers.iter().any(is_named)
            && product.has_version(subject.version.as_deref());
    if is_subject {
        let parts = &product.subcomponents;
        return parts.is_empty() || parts.iter().any(|part| is_of(part, &finding.component));
    }
    by_name && product.subcomponents.is_empty() && is_of(product, &finding.component)
}

/// Whether a product is named by a digest of the subject: as a hash, or as the version of a package URL.
fn has_digest(product: &VexProduct, subject: &VexSubject) -> bool {
    let mut digests = subject.digests.iter();
    digests.any(|digest| {
        let (algorithm, hex, text) = (digest.algorithm().name(), digest.to_hex(), digest.to_string());
        product.hashes.iter().any(|hash| hash.algorithm == algorithm && hash.value == hex)
            || product.identifiers.iter().any(|one| {
                // `repository@sha256:…`, as images are named, or the digest alone.
                one.rsplit('@').next() == Some(text.as_str()) && !one.starts_with("pkg:")
                    || one.parse::<Purl>().is_ok_and(|purl| purl.version() == Some(text.as_str()))
            })
    })
}

/// Whether a product, or a part of one, is the component that has the vulnerability.
fn is_of(product: &VexProduct, component: &Affected) -> bool {
    let is = |one: &String| {
        // A reference of one document means nothing in another one, unless it is a name for everybody.
        component.reference.as_ref() == Some(one) && (one.starts_with("urn:") || one.contains("://"))
            || component.purl.as_ref().is_some_and(|purl| names(one, purl))
    };
    product.identifiers.iter().any(is) && product.has_version(component.version.as_deref())
}

/// Whether one name means what another one does: equal, or a package URL that says nothing else. A version or a
/// qualifier that it leaves out may be any.
fn names(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Ok(one), Ok(other)) = (one.parse::<Purl>(), other.parse::<Purl>()) else { return false };
    one.package_type() == other.package_type()
        && one.namespace() == other.namespace()
        && one.name() == other.name()
        && one.version().is_none_or(|version| other.version() == Some(version))
        && one.qualifiers().all(|(key, value)| other.qualifier(key) == Some(value))
}

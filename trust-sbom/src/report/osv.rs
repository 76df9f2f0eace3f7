//! The reports of [osv-scanner](https://google.github.io/osv-scanner/output/), which hold advisories of
//! [OSV](https://ossf.github.io/osv-schema/).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use trust_core::internal::json::Document;

use super::{ReportError, ReportFormat, ScanReport, cwes, time};
use crate::answer::Answer;
use crate::lenient::nullable;
use crate::model::component::Tool;
use crate::model::finding::{Affected, Finding, FixState, Rating, Severity, highest};
use crate::read::limits::Limits;

#[derive(Deserialize)]
pub(crate) struct Advisory {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) aliases: Vec<String>,
    pub(crate) withdrawn: Option<String>,
    pub(crate) modified: Option<String>,
    published: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<WireSeverity>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) affected: Vec<AffectedPackage>,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<Reference>,
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Reference {
    url: Option<String>,
}

#[derive(Deserialize)]
struct WireSeverity {
    #[serde(rename = "type")]
    kind: Option<String>,
    score: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AffectedPackage {
    pub(crate) package: Option<Package>,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<WireSeverity>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) ranges: Vec<Range>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) versions: Vec<String>,
    ecosystem_specific: Option<Value>,
}

#[derive(Default, Deserialize)]
pub(crate) struct Package {
    pub(crate) ecosystem: Option<String>,
    pub(crate) name: Option<String>,
    version: Option<String>,
    pub(crate) purl: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Range {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) events: Vec<Event>,
}

#[derive(Deserialize)]
pub(crate) struct Event {
    pub(crate) introduced: Option<String>,
    pub(crate) fixed: Option<String>,
    pub(crate) last_affected: Option<String>,
}

impl Advisory {
    /// The finding, as far as the advisory goes, for one of its packages.
    fn to_model(&self, packages: &[&AffectedPackage]) -> Finding {
        let specific = packages.iter().flat_map(|package| &package.severity);
        let ratings: Vec<Rating> = specific
            .chain(&self.severity)
            .map(|one| {
                // A CVSS vector; distributions write their word.
                let is_vector = one.kind.as_deref().is_some_and(|kind| kind.starts_with("CVSS"));
                let word = one.score.as_deref().filter(|_| !is_vector);
                Rating::new(word, None, one.score.clone().filter(|_| is_vector)).by(None, one.kind.clone())
            })
            .collect();
        let word = |value: Option<&Value>| value?.get("severity")?.as_str().map(Severity::from_name);
        let stated = packages
            .iter()
            .find_map(|package| word(package.ecosystem_specific.as_ref()))
            .or_else(|| word(self.database_specific.as_ref()))
            .unwrap_or_default();
        let events = packages.iter().flat_map(|package| &package.ranges).flat_map(|range| &range.events);
        let fixed: Vec<String> = events.clone().filter_map(|event| event.fixed.clone()).collect();
        // A later version is not affected, if there is one: that is not said.
        let ends = events.clone().any(|event| event.last_affected.is_some());
        let cwe_names = self.database_specific.as_ref().and_then(|value| value.get("cwe_ids")?.as_array());
        let cwe_names: Vec<String> =
            cwe_names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        Finding {
            id: self.id.as_str().into(),
            aliases: self.aliases.as_slice().into(),
            severity: if stated == Severity::Unknown { highest(&ratings) } else { stated },
            ratings: ratings.into(),
            fix: match packages.is_empty() {
                true => FixState::Unknown,
                false if fixed.is_empty() && ends => FixState::Unknown,
                false if fixed.is_empty() => FixState::NotFixed,
                false => FixState::Available(fixed),
            },
            cwes: cwes(&cwe_names).into(),
            published: time(self.published.as_ref()),
            modified: time(self.modified.as_ref()),
            urls: self.references.iter().filter_map(|one| one.url.clone()).collect(),
            ..Finding::default()
        }
    }
}

#[derive(Deserialize)]
struct Report {
    results: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    source: Option<Path>,
    #[serde(default, deserialize_with = "nullable")]
    packages: Vec<Scanned>,
}

#[derive(Deserialize)]
struct Path {
    path: Option<String>,
}

#[derive(Deserialize)]
struct Scanned {
    package: Package,
    #[serde(default, deserialize_with = "nullable")]
    vulnerabilities: Vec<Advisory>,
    #[serde(default, deserialize_with = "nullable")]
    groups: Vec<Group>,
}

/// Advisories that are the same vulnerability.
#[derive(Deserialize)]
struct Group {
    #[serde(default, deserialize_with = "nullable")]
    ids: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    aliases: Vec<String>,
    max_severity: Option<String>,
}

pub(super) fn read_scanner(document: &Document<'_>, _: &Limits) -> Result<ScanReport, ReportError> {
    let wire: Report = document.read()?;
    let mut report = ScanReport::of(ReportFormat::OsvScanner);
    report.scanner = Some(Tool { vendor: None, name: "osv-scanner".to_owned(), version: None });
    for source in wire.results {
        let path = source.source.and_then(|source| source.path);
        report.subjects.extend(path.clone());
        for scanned in source.packages {
            report.scanned = Answer::Yes;
            let name = scanned.package.name.clone().unwrap_or_default();
            for advisory in &scanned.vulnerabilities {
                let is_of_package = |one: &&AffectedPackage| {
                    one.package.as_ref().is_some_and(|package| {
                        package.name == scanned.package.name
                            && (scanned.package.ecosystem.is_none()
                                || package.ecosystem == scanned.package.ecosystem)
                    })
                };
                // An advisory has an entry for each line of versions.
                let packages: Vec<&AffectedPackage> =
                    advisory.affected.iter().filter(is_of_package).collect();
                let mut finding = advisory.to_model(&packages);
                let group =
                    scanned.groups.iter().find(|group| group.ids.iter().any(|id| **id == *finding.id));
                if let Some(group) = group {
                    let others =
                        group.ids.iter().chain(&group.aliases).filter(|alias| ***alias != *finding.id);
                    let others: BTreeSet<&String> = others.chain(finding.aliases.iter()).collect();
                    finding.aliases = others.into_iter().cloned().collect();
                    let score = group.max_severity.as_deref().and_then(|score| score.parse().ok());
                    if finding.severity == Severity::Unknown
                        && let Some(score) = score
                    {
                        finding.severity = Severity::from_score(score);
                    }
                }
                finding.component = Arc::new(Affected {
                    name: name.clone(),
                    version: scanned.package.version.clone(),
                    purl: scanned.package.purl.clone(),
                    path: path.clone(),
                    ..Affected::default()
                });
                report.findings.push(finding);
            }
        }
    }
    Ok(report)
}

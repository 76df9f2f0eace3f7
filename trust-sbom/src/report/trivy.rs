//! [Trivy](https://trivy.dev/latest/docs/configuration/reporting/#json), schema 2. Misconfigurations, secrets and
//! licenses are not vulnerabilities, and not read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use trust_core::internal::json::{Document, JsonError, Objects};

use super::{ReportError, ReportFormat, ScanReport, cwes, time};
use crate::answer::Answer;
use crate::lenient::{Number, nullable};
use crate::model::component::Tool;
use crate::model::finding::{Affected, Finding, FixState, Rating, Severity, Suppression};
use crate::read::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u64,
    artifact_name: Option<String>,
    created_at: Option<String>,
    trivy: Option<Version>,
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "nullable")]
    results: Vec<ScanResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "ImageID")]
    image_id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    repo_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScanResult {
    target: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    packages: Vec<serde::de::IgnoredAny>,
    /// Trivy leaves it out where it finds none, and where it does not look.
    vulnerabilities: Option<Vec<Vulnerability>>,
    #[serde(default, deserialize_with = "nullable")]
    experimental_modified_findings: Vec<Modified>,
}

/// A finding that Trivy left out, by VEX or by an ignore file.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modified {
    #[serde(rename = "Type")]
    kind: Option<String>,
    status: Option<String>,
    statement: Option<String>,
    source: Option<String>,
    finding: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs", default, deserialize_with = "nullable")]
    vendor_ids: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pkg_name: String,
    pkg_path: Option<String>,
    pkg_identifier: Option<Identifier>,
    installed_version: Option<String>,
    fixed_version: Option<String>,
    status: Option<String>,
    layer: Option<Layer>,
    severity: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    vendor_severity: BTreeMap<String, u8>,
    #[serde(rename = "CVSS", default, deserialize_with = "nullable")]
    cvss: BTreeMap<String, Cvss>,
    #[serde(rename = "CweIDs", default, deserialize_with = "nullable")]
    cwe_ids: Vec<String>,
    #[serde(rename = "PrimaryURL")]
    primary_url: Option<String>,
    published_date: Option<String>,
    last_modified_date: Option<String>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(rename = "PURL")]
    purl: Option<String>,
    #[serde(rename = "BOMRef")]
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    digest: Option<String>,
    #[serde(rename = "DiffID")]
    diff_id: Option<String>,
}

#[derive(Deserialize)]
struct Cvss {
    #[serde(rename = "V2Vector")]
    v2_vector: Option<String>,
    #[serde(rename = "V2Score")]
    v2_score: Option<Number>,
    #[serde(rename = "V3Vector")]
    v3_vector: Option<String>,
    #[serde(rename = "V3Score")]
    v3_score: Option<Number>,
    #[serde(rename = "V40Vector")]
    v40_vector: Option<String>,
    #[serde(rename = "V40Score")]
    v40_score: Option<Number>,
}

/// In the order of Trivy's numbers.
const SEVERITIES: [&str; 5] = ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"];

pub(super) fn read(document: &Document<'_>, _: &Limits) -> Result<ScanReport, ReportError> {
    let wire: Report = document.read()?;
    if wire.schema_version != 2 {
        return Err(ReportError::Value {
            field: "SchemaVersion",
            found: wire.schema_version.to_string(),
            expected: "2",
        });
    }
    let mut report = ScanReport::of(ReportFormat::Trivy);
    let version = wire.trivy.and_then(|trivy| trivy.version);
    report.scanner = Some(Tool { vendor: None, name: "trivy".to_owned(), version });
    report.finished = time(wire.created_at.as_ref());
    report.subjects.extend(wire.artifact_name);
    if let Some(metadata) = wire.metadata {
        report.subjects.extend(metadata.repo_digests.into_iter().chain(metadata.image_id));
    }
    let packages: usize = wire.results.iter().map(|result| result.packages.len()).sum();
    report.packages = (packages > 0).then_some(packages);
    for result in wire.results {
        let target = result.target.as_deref();
        if let Some(vulnerabilities) = result.vulnerabilities {
            report.scanned = Answer::Yes;
            report.findings.extend(vulnerabilities.into_iter().map(|one| one.into_model(target)));
        }
        for modified in result.experimental_modified_findings {
            if modified.kind.as_deref() != Some("vulnerability") {
                continue;
            }
            let Objects(finding): Objects<Vulnerability> =
                serde_json::from_value(modified.finding.unwrap_or_default()).map_err(JsonError::from)?;
            report.scanned = Answer::Yes;
            let words = [modified.status, modified.statement, modified.source];
            let reason: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
            report.findings.push(Finding {
                suppressed: Some(Suppression::Scanner(reason.join(", "))),
                ..finding.into_model(target)
            });
        }
    }
    Ok(report)
}

impl Vulnerability {
    fn into_model(self, target: Option<&str>) -> Finding {
        let mut ratings = Vec::new();
        for (source, cvss) in self.cvss {
            let versions = [
                ("CVSSv4", cvss.v40_score, cvss.v40_vector),
                ("CVSSv3", cvss.v3_score, cvss.v3_vector),
                ("CVSSv2", cvss.v2_score, cvss.v2_vector),
            ];
            for (method, score, vector) in versions {
                if score.is_some() || vector.is_some() {
                    ratings.push(Rating::new(None, score, vector).by(source.clone(), method.to_owned()));
                }
            }
        }
        for (source, severity) in self.vendor_severity {
            let severity = SEVERITIES.get(usize::from(severity)).copied();
            ratings.push(Rating::new(severity, None, None).by(source, None));
        }
        let fixed = self.fixed_version.unwrap_or_default();
        let fixed: Vec<String> =
            fixed.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let fix = match self.status.as_deref() {
            _ if !fixed.is_empty() => FixState::Available(fixed),
            Some("affected" | "not_affected") => FixState::NotFixed,
            Some("will_not_fix") => FixState::WontFix,
            Some("fix_deferred") => FixState::Deferred,
            Some("end_of_life") => FixState::EndOfLife,
            Some("under_investigation") => FixState::UnderInvestigation,
            Some("fixed") => FixState::Available(Vec::new()),
            Some("unknown" | "") | None => FixState::Unknown,
            Some(other) => FixState::Other(other.to_owned()),
        };
        let (purl, reference) = self.pkg_identifier.map_or((None, None), |one| (one.purl, one.reference));
        // GitHub's advisories are about one vulnerability each, vendors' about several.
        let (aliases, advisories): (Vec<_>, Vec<_>) =
            self.vendor_ids.into_iter().partition(|id| id.starts_with("GHSA-"));
        Finding {
            id: self.id.into(),
            aliases: aliases.into(),
            advisories: advisories.into(),
            component: Arc::new(Affected {
                name: self.pkg_name,
                version: self.installed_version,
                purl,
                reference,
                path: self.pkg_path.or_else(|| target.map(str::to_owned)),
                layer: self.layer.and_then(|layer| layer.digest.or(layer.diff_id)),
            }),
            severity: self.severity.as_deref().map_or(Severity::Unknown, Severity::from_name),
            ratings: ratings.into(),
            fix,
            cwes: cwes(&self.cwe_ids).into(),
            published: time(self.published_date.as_ref()),
            modified: time(self.last_modified_date.as_ref()),
            urls: self.primary_url.into_iter().collect(),
            ..Finding::default()
        }
    }
}

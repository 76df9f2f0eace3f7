//! Reports as predicates of attestations: in-toto's
//! [vulns](https://github.com/in-toto/attestation/blob/main/spec/predicates/vuln.md), 0.1 and 0.2, and
//! [cosign's](https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md), which holds the
//! scanner's own report.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use trust_core::internal::json::{Document, Objects};

use super::{ReportError, ReportFormat, ScanReport, time};
use crate::answer::Answer;
use crate::lenient::{Number, nullable};
use crate::model::component::Tool;
use crate::model::finding::{Finding, Rating, highest};
use crate::read::limits::Limits;

#[derive(Deserialize)]
struct Predicate<'a> {
    #[serde(borrow)]
    scanner: Scanner<'a>,
    /// Older reports of cosign have it here.
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(default, deserialize_with = "nullable")]
    uri: String,
    version: Option<String>,
    db: Option<Database>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Database {
    last_update: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    scan_finished_on: Option<String>,
}

/// 0.1 wraps what 0.2 writes plainly.
#[derive(Deserialize)]
struct Item {
    vulnerability: Option<Vulnerability>,
    #[serde(flatten)]
    plain: Objects<Vulnerability>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<WireSeverity>,
}

#[derive(Deserialize)]
struct WireSeverity {
    method: Option<String>,
    score: Option<Number>,
}

pub(super) fn read(document: &Document<'_>, limits: &Limits) -> Result<ScanReport, ReportError> {
    let predicate: Predicate<'_> = document.read()?;
    let scanner = predicate.scanner;
    let missing = || ReportError::Value {
        field: "scanner.result",
        found: "nothing".to_owned(),
        expected: "a list of vulnerabilities, or a scanner's report",
    };
    let result = scanner.result.or(predicate.result).ok_or_else(missing)?.get();
    let inner = Document::new(result.as_bytes())?;
    let mut report = match result.trim_start().as_bytes().first() {
        Some(b'[') => read_items(inner.read()?)?,
        // A scanner's report, which may not hold a predicate again.
        Some(b'{') if inner.read::<Nested>()?.scanner.is_none() => super::read(&inner, limits)?,
        _ => return Err(missing()),
    };
    let finished = predicate.metadata.as_ref().and_then(|metadata| metadata.scan_finished_on.as_ref());
    report.finished = time(finished).or(report.finished);
    let database = scanner.db.as_ref().and_then(|database| database.last_update.as_ref());
    report.database_time = time(database).or(report.database_time);
    // A scanner that names its database of vulnerabilities has looked for some in the packages that it lists.
    if report.database_time.is_some() && report.packages.is_some_and(|count| count > 0) {
        report.scanned = Answer::Yes;
    }
    if report.scanner.is_none() && !scanner.uri.is_empty() {
        report.scanner = Some(Tool { vendor: None, name: scanner.uri, version: scanner.version });
    }
    // An empty list of a scanner that says when it was done is what it found.
    if report.format == ReportFormat::InTotoVulns && report.scanner.is_some() && report.finished.is_some() {
        report.scanned = Answer::Yes;
    }
    Ok(report)
}

#[derive(Deserialize)]
struct Nested {
    scanner: Option<serde::de::IgnoredAny>,
}

/// Neither version names the package or a fix.
fn read_items(items: Vec<Item>) -> Result<ScanReport, ReportError> {
    let mut report = ScanReport::of(ReportFormat::InTotoVulns);
    for item in items {
        let vulnerability = item.vulnerability.unwrap_or(item.plain.0);
        let Some(id) = vulnerability.id else {
            return Err(ReportError::Value {
                field: "scanner.result.id",
                found: "nothing".to_owned(),
                expected: "the name of a vulnerability",
            });
        };
        let ratings: Arc<[Rating]> = vulnerability
            .severity
            .into_iter()
            .map(|one| {
                let word = one.score.as_ref().and_then(Number::other).map(str::to_owned);
                Rating::new(word.as_deref(), one.score, None).by(None, one.method)
            })
            .collect();
        let severity = highest(&ratings);
        report.findings.push(Finding { id: id.into(), ratings, severity, ..Finding::default() });
    }
    Ok(report)
}

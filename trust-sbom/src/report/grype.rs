//! [Grype](https://github.com/anchore/grype/tree/main/schema/grype).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use trust_core::internal::json::Document;

use super::{ReportError, ReportFormat, ScanReport, cwes, time};
use crate::answer::Answer;
use crate::lenient::{Number, nullable};
use crate::model::component::Tool;
use crate::model::finding::{Affected, Epss, Finding, FixState, Rating, Severity, Suppression};
use crate::read::limits::Limits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(default, deserialize_with = "nullable")]
    matches: Vec<Match>,
    #[serde(default, deserialize_with = "nullable")]
    ignored_matches: Vec<Match>,
    source: Option<Source>,
    descriptor: Descriptor,
}

#[derive(Deserialize)]
struct Source {
    target: Option<Value>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: Option<String>,
    version: Option<String>,
    timestamp: Option<String>,
    /// `{built}`, and since 0.88 `{status: {built}}`.
    db: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerability: Vulnerability,
    #[serde(default, deserialize_with = "nullable")]
    related_vulnerabilities: Vec<Related>,
    artifact: Artifact,
    #[serde(default, deserialize_with = "nullable")]
    applied_ignore_rules: Vec<Value>,
}

#[derive(Deserialize)]
struct Related {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    id: String,
    data_source: Option<String>,
    namespace: Option<String>,
    severity: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    cvss: Vec<Cvss>,
    fix: Option<Fix>,
    #[serde(default, deserialize_with = "nullable")]
    epss: Vec<WireEpss>,
    #[serde(default, deserialize_with = "nullable")]
    known_exploited: Vec<serde::de::IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    cwes: Vec<Cwe>,
}

#[derive(Deserialize)]
struct Cwe {
    cwe: Option<String>,
}

#[derive(Deserialize)]
struct Cvss {
    source: Option<String>,
    version: Option<String>,
    vector: Option<String>,
    metrics: Option<Metrics>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    base_score: Option<Number>,
}

#[derive(Deserialize)]
struct Fix {
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    state: String,
}

#[derive(Deserialize)]
struct WireEpss {
    epss: Option<Number>,
    percentile: Option<Number>,
    date: Option<String>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    version: Option<String>,
    purl: Option<String>,
    id: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    locations: Vec<Location>,
}

#[derive(Deserialize)]
struct Location {
    path: Option<String>,
    #[serde(rename = "layerID")]
    layer: Option<String>,
}

pub(super) fn read(document: &Document<'_>, _: &Limits) -> Result<ScanReport, ReportError> {
    let wire: Report = document.read()?;
    let mut report = ScanReport::of(ReportFormat::Grype);
    let descriptor = wire.descriptor;
    report.scanner = descriptor.name.map(|name| Tool { vendor: None, name, version: descriptor.version });
    report.finished = time(descriptor.timestamp.as_ref());
    let built = descriptor.db.as_ref().and_then(|db| db.pointer("/status/built").or_else(|| db.get("built")));
    report.database_time = time(built.and_then(Value::as_str).map(str::to_owned).as_ref());
    let target = wire.source.and_then(|source| source.target);
    match &target {
        Some(Value::String(path)) => report.subjects.push(path.clone()),
        Some(Value::Object(image)) => {
            let names = ["userInput", "manifestDigest", "imageID"];
            let names = names.iter().filter_map(|name| image.get(*name)?.as_str());
            report.subjects.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
        }
        _ => {}
    }
    // It names what it scanned, and counts nothing; a scan without a database finds nothing either.
    let has_database = built.is_some();
    if !wire.matches.is_empty() || (!report.subjects.is_empty() && has_database) {
        report.scanned = Answer::Yes;
    }
    report.findings = wire.matches.into_iter().map(Match::into_model).collect();
    for one in wire.ignored_matches {
        let rules: Vec<String> = one.applied_ignore_rules.iter().map(Value::to_string).collect();
        report
            .findings
            .push(Finding { suppressed: Some(Suppression::Scanner(rules.join(", "))), ..one.into_model() });
    }
    Ok(report)
}

impl Match {
    fn into_model(self) -> Finding {
        let vulnerability = self.vulnerability;
        let ratings = vulnerability.cvss.into_iter().map(|one| {
            let score = one.metrics.and_then(|metrics| metrics.base_score);
            let method = one.version.map(|version| format!("CVSSv{version}"));
            Rating::new(None, score, one.vector)
                .by(one.source.or_else(|| vulnerability.namespace.clone()), method)
        });
        let fix = match vulnerability.fix {
            Some(fix) => match fix.state.as_str() {
                "fixed" => FixState::Available(fix.versions),
                "not-fixed" => FixState::NotFixed,
                "wont-fix" => FixState::WontFix,
                "unknown" | "" => FixState::Unknown,
                other => FixState::Other(other.to_owned()),
            },
            None => FixState::Unknown,
        };
        let location = self.artifact.locations.into_iter().next();
        let (path, layer) = location.map_or((None, None), |one| (one.path, one.layer));
        let epss = vulnerability
            .epss
            .into_iter()
            .find_map(|one| Epss::new(one.epss?.value()?, one.percentile.and_then(Number::value), one.date));
        let cwe_names: Vec<String> = vulnerability.cwes.into_iter().filter_map(|one| one.cwe).collect();
        Finding {
            aliases: self
                .related_vulnerabilities
                .into_iter()
                .map(|one| one.id)
                .filter(|id| *id != vulnerability.id)
                .collect(),
            id: vulnerability.id.into(),
            component: Arc::new(Affected {
                name: self.artifact.name,
                version: self.artifact.version,
                purl: self.artifact.purl.filter(|purl| !purl.is_empty()),
                reference: self.artifact.id,
                path,
                layer,
            }),
            ratings: ratings.collect(),
            severity: vulnerability.severity.as_deref().map_or(Severity::Unknown, Severity::from_name),
            fix,
            cwes: cwes(&cwe_names).into(),
            epss,
            is_known_exploited: !vulnerability.known_exploited.is_empty(),
            urls: vulnerability.data_source.into_iter().filter(|url| !url.is_empty()).collect(),
            ..Finding::default()
        }
    }
}

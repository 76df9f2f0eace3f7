//! [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html), as scanners of images write it.
//! It has no field for a package or a fix: what Trivy and Grype put into their texts is read, the rest is unknown.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use trust_core::internal::json::Document;

use super::{ReportError, ReportFormat, ScanReport, cwes, time};
use crate::answer::Answer;
use crate::lenient::{Number, nullable};
use crate::model::component::Tool;
use crate::model::finding::{Affected, Finding, FixState, Rating, Severity, Suppression};
use crate::read::limits::Limits;

#[derive(Deserialize)]
struct Log {
    version: Option<String>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    tool: Scanner,
    /// Absent or `null`, no analysis was made; empty, it found nothing (SARIF 2.1.0, section 3.14.23).
    results: Option<Vec<WireResult>>,
    #[serde(default, deserialize_with = "nullable")]
    invocations: Vec<Invocation>,
    #[serde(default, deserialize_with = "nullable")]
    properties: HashMap<String, Value>,
}

impl Run {
    /// Whether it looked for vulnerabilities to the end.
    fn has_looked(&self) -> Answer {
        let has_ended = self.invocations.iter().all(|one| one.execution_successful);
        match &self.results {
            None => Answer::Unknown("a run of the report has no results".to_owned()),
            Some(_) if !has_ended => Answer::Unknown("a run of the report did not succeed".to_owned()),
            Some(results) if results.is_empty() && self.invocations.is_empty() => Answer::Unknown(
                "a run of the report has no results, and does not say that it succeeded".to_owned(),
            ),
            Some(_) => Answer::Yes,
        }
    }
}

#[derive(Deserialize)]
struct Scanner {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    name: String,
    version: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    help_uri: Option<String>,
    help: Option<Message>,
    #[serde(default, deserialize_with = "nullable")]
    properties: HashMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    #[serde(default, deserialize_with = "nullable")]
    execution_successful: bool,
    end_time_utc: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    message: Option<Message>,
    #[serde(default, deserialize_with = "nullable")]
    locations: Vec<Value>,
    #[serde(default, deserialize_with = "nullable")]
    suppressions: Vec<WireSuppression>,
    kind: Option<String>,
    baseline_state: Option<String>,
}

impl WireResult {
    /// Whether it says that something was found: not that a rule was kept, or that what was there once is gone.
    fn is_finding(&self) -> bool {
        !matches!(self.kind.as_deref(), Some("pass" | "notApplicable"))
            && self.baseline_state.as_deref() != Some("absent")
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(default, deserialize_with = "nullable")]
    text: String,
}

#[derive(Deserialize)]
struct WireSuppression {
    kind: Option<String>,
    justification: Option<String>,
    status: Option<String>,
}

pub(super) fn read(document: &Document<'_>, _: &Limits) -> Result<ScanReport, ReportError> {
    let log: Log = document.read()?;
    if log.version.as_deref().is_some_and(|version| version != "2.1.0") {
        let found = log.version.unwrap_or_default();
        return Err(ReportError::Value { field: "version", found, expected: "2.1.0" });
    }
    let mut report = ScanReport::of(ReportFormat::Sarif);
    report.scanned = match log.runs.is_empty() {
        true => Answer::Unknown("the report has no runs".to_owned()),
        false => Answer::all(log.runs.iter().map(Run::has_looked)),
    };
    for run in log.runs {
        let driver = run.tool.driver;
        let facts: Vec<RuleFacts> = driver.rules.iter().map(RuleFacts::of).collect();
        let rules: HashMap<&str, &RuleFacts> =
            driver.rules.iter().zip(&facts).map(|(rule, facts)| (rule.id.as_str(), facts)).collect();
        let none = RuleFacts::default();
        let ended = run.invocations.iter().filter(|one| one.execution_successful);
        for invocation in ended {
            report.finished = report.finished.max(time(invocation.end_time_utc.as_ref()));
        }
        let names = ["imageName", "repoDigests", "imageID"];
        for value in names.iter().filter_map(|name| run.properties.get(*name)) {
            match value {
                Value::String(name) => report.subjects.push(name.clone()),
                Value::Array(all) => {
                    report.subjects.extend(all.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
        for result in run.results.iter().flatten().filter(|result| result.is_finding()) {
            // -1 says that there is none.
            let index = result.rule_index.and_then(|index| usize::try_from(index).ok());
            // An index may be one of rules that stand elsewhere: the name decides (section 3.52.4).
            let is_its = |rule: &&RuleFacts| {
                let own = result.rule_id.as_deref();
                own.is_none_or(|own| {
                    own.strip_prefix(&*rule.id).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
            };
            let by_index = index.and_then(|index| facts.get(index)).filter(is_its);
            let rule = by_index.or_else(|| rules.get(result.rule_id.as_deref()?).copied());
            report.findings.push(result.to_model(rule.unwrap_or(&none)));
        }
        report.scanner.get_or_insert(Tool { vendor: None, name: driver.name, version: driver.version });
    }
    Ok(report)
}

/// The lines of a text that say something of a package.
const LINES: [&str; 5] =
    ["Package: ", "Installed Version: ", "Version: ", "Fixed Version: ", "Fix Version: "];

fn line<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

/// What a rule says of all of its results, read once.
#[derive(Default)]
struct RuleFacts {
    id: Arc<str>,
    severity: Severity,
    ratings: Arc<[Rating]>,
    cwes: Arc<[u32]>,
    urls: Arc<[String]>,
    /// The lines of its help.
    lines: HashMap<&'static str, String>,
}

impl RuleFacts {
    fn of(rule: &Rule) -> Self {
        let property = |name: &str| rule.properties.get(name);
        let score = property("security-severity").or_else(|| property("cvssv3_baseScore"));
        let score = score.map(Number::from);
        let vector = property("cvssv3_vector").and_then(Value::as_str).map(str::to_owned);
        let tags = property("tags").and_then(Value::as_array).into_iter().flatten();
        let tags: Vec<String> = tags.filter_map(Value::as_str).map(str::to_owned).collect();
        let tagged = tags.iter().map(|tag| Severity::from_name(tag)).fold(Severity::Unknown, Severity::max);
        let mut ratings = Vec::new();
        if score.is_some() || vector.is_some() {
            ratings.push(Rating::new(None, score, vector));
        }
        let rated = ratings.first().map_or(Severity::Unknown, |rating| rating.severity);
        let help = rule.help.as_ref().map_or("", |help| help.text.as_str());
        let lines = LINES.into_iter().filter_map(|name| Some((name, line(help, name)?.to_owned())));
        Self {
            id: rule.id.as_str().into(),
            severity: if rated == Severity::Unknown { tagged } else { rated },
            ratings: ratings.into(),
            cwes: cwes(&tags).into(),
            urls: rule.help_uri.iter().cloned().collect(),
            lines: lines.collect(),
        }
    }
}

impl WireResult {
    fn to_model(&self, rule: &RuleFacts) -> Finding {
        let id: Arc<str> = self.rule_id.as_deref().map_or_else(|| rule.id.clone(), Arc::from);
        let text = self.message.as_ref().map_or("", |message| message.text.as_str());
        let said = |name: &str| {
            let found = line(text, name).or_else(|| rule.lines.get(name).map(String::as_str));
            found.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let (name, version) = (said("Package: "), said("Installed Version: ").or_else(|| said("Version: ")));
        // An absent line in Trivy's text says that no fix is known; any other text says nothing.
        let fix = match said("Fixed Version: ").or_else(|| said("Fix Version: ")) {
            Some(fixed) => FixState::Available(fixed.split(',').map(|one| one.trim().to_owned()).collect()),
            None if text.contains("\nFixed Version:") => FixState::NotFixed,
            None => FixState::Unknown,
        };
        let path =
            self.locations.first().and_then(|one| one.pointer("/physicalLocation/artifactLocation/uri"));
        // Grype's rules are called by the vulnerability and the package.
        let id = match (&name, id.strip_suffix(&format!("-{}", name.as_deref().unwrap_or_default()))) {
            (Some(_), Some(vulnerability)) => vulnerability.into(),
            _ => id,
        };
        // Unless all are accepted it still counts (SARIF 2.1.0, section 3.27.23).
        let is_suppressed = !self.suppressions.is_empty()
            && self.suppressions.iter().all(|one| matches!(one.status.as_deref(), None | Some("accepted")));
        let reasons = self.suppressions.iter();
        let reasons: Vec<String> = reasons
            .map(|one| one.justification.clone().or_else(|| one.kind.clone()).unwrap_or_default())
            .collect();
        Finding {
            id,
            component: Arc::new(Affected {
                name: name.unwrap_or_default(),
                version,
                path: path.and_then(Value::as_str).map(str::to_owned),
                ..Affected::default()
            }),
            severity: rule.severity,
            ratings: rule.ratings.clone(),
            fix,
            cwes: rule.cwes.clone(),
            urls: rule.urls.clone(),
            suppressed: is_suppressed.then(|| Suppression::Scanner(reasons.join(", "))),
            ..Finding::default()
        }
    }
}

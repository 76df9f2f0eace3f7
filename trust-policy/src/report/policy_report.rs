//! Verdicts, and what is wrong with what runs, as reports: `PolicyReport` of wgpolicyk8s.io/v1alpha2
//! ([schema](https://github.com/kubernetes-sigs/wg-policy-prototypes/tree/master/policy-report)) and `Report` of openreports.io/v1alpha1
//! ([schema](https://openreports.io)). One row for each image and check.

use serde_json::{Map, Value, json};
use trust_core::{Digest, UnixTime};
use trust_sbom::Severity;

use crate::drift::finding::{Finding, FindingKind, FindingState};
use crate::drift::record::WorkloadRecord;
use crate::kubernetes::resource::ResourceId;
use crate::policy::mode::Mode;
use crate::verdict::plain::Plain;
use crate::verdict::reason::ReasonCode;
use crate::verdict::{Explanation, Outcome, RuleVerdict, Verdict};

/// Which report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportKind {
    /// `PolicyReport`, or `ClusterPolicyReport` for what has no namespace.
    PolicyReport,
    /// `Report`, or `ClusterReport`.
    OpenReport,
}

/// What reports call us.
const SOURCE: &str = "trust";
/// Kubernetes keeps reports in a database of small values.
const MAX_MESSAGE: usize = 1024;
/// Characters of a resource's kind and name in the name of its report.
const MAX_NAME: usize = 40;
/// So that a report is smaller than what the API server takes; the summary counts all.
const MAX_ROWS: usize = 500;

impl Verdict {
    /// The verdict as a report on its resource.
    #[must_use]
    pub fn to_report(&self, kind: ReportKind, time: UnixTime) -> Value {
        let rows = self.rules.iter().flat_map(|rule| rows(rule, &self.resource, time)).collect();
        report(kind, &self.resource, rows)
    }
}

impl WorkloadRecord {
    /// What runs of a workload and what is wrong with it, as a report on it: a row for each finding that is open, and for each image
    /// and rule that holds. Times are of the findings, so it is the same as long as nothing changes.
    #[must_use]
    pub fn to_report(&self, kind: ReportKind) -> Value {
        let is_open = |one: &&Finding| one.state == FindingState::Open;
        let mut rows: Vec<Value> = self.findings.iter().filter(is_open).map(finding_row).collect();
        for image in &self.images {
            rows.extend(image.passed.iter().map(|rule| {
                let (policy, rule) = rule.rsplit_once('/').unwrap_or((rule, ""));
                let properties = properties([
                    ("container", json!(image.container)),
                    ("image", json!(image.image)),
                    ("digest", json!(image.digest)),
                    ("signer", json!(image.signers.first())),
                ]);
                json!({
                    "source": SOURCE,
                    "policy": policy,
                    "rule": rule,
                    "result": "pass",
                    "scored": true,
                    "message": format!("runs {}", image.running),
                    "properties": properties,
                    "resources": [reference(&self.workload)],
                })
            }));
        }
        report(kind, &self.workload, rows)
    }
}

fn finding_row(finding: &Finding) -> Value {
    let about = &finding.about;
    let result = match (finding.kind, about.mode) {
        (FindingKind::Unknown, _) => "error",
        (_, Some(Mode::Audit | Mode::Warn)) => "warn",
        _ => "fail",
    };
    let severity = match finding.severity() {
        severity @ (Severity::Critical | Severity::High | Severity::Medium | Severity::Low) => {
            severity.name()
        }
        _ => "info",
    };
    let properties = properties([
        ("finding", json!(finding.id.to_hex())),
        ("action", json!(finding.kind.action())),
        ("container", json!(about.container)),
        ("image", json!(about.image)),
        ("digest", json!(about.digest)),
        ("code", json!(about.code)),
    ]);
    json!({
        "source": SOURCE,
        "policy": about.policy.as_deref().unwrap_or("drift"),
        "rule": about.rule.clone().unwrap_or_else(|| finding.kind.to_string()),
        "category": finding.kind.to_string(),
        "severity": severity,
        "result": result,
        "scored": true,
        "timestamp": timestamp(finding.changed),
        "message": shortened(&Plain(&about.message).to_string()),
        "properties": properties,
        "resources": [reference(&finding.workload)],
    })
}

/// Properties of a row: those that have a value.
fn properties<const N: usize>(all: [(&str, Value); N]) -> Map<String, Value> {
    let present = all.into_iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn shortened(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

fn timestamp(time: UnixTime) -> Value {
    json!({"seconds": time.as_millis().div_euclid(1000), "nanos": 0})
}

/// A name that Kubernetes takes, and that no other resource's report has: what people recognize, and a hash of the whole.
fn report_name(resource: &ResourceId) -> String {
    let text = format!("{}-{}", resource.kind, resource.name).to_lowercase();
    let is_plain = |one: &char| one.is_ascii_lowercase() || one.is_ascii_digit() || *one == '-';
    let text: String = text.chars().filter(is_plain).take(MAX_NAME).collect();
    let hash = Digest::sha256(format!("{} {resource}", resource.api_version).as_bytes()).to_hex();
    format!("{SOURCE}-{}-{}", text.trim_matches('-'), hash.chars().take(10).collect::<String>())
}

fn report(kind: ReportKind, resource: &ResourceId, mut rows: Vec<Value>) -> Value {
    let count = |result: &str| rows.iter().filter(|row| row["result"] == result).count();
    let summary: Map<String, Value> = ["pass", "fail", "warn", "error", "skip"]
        .into_iter()
        .map(|result| (result.to_owned(), json!(count(result))))
        .collect();
    // What fails comes first where not all has room.
    if rows.len() > MAX_ROWS {
        rows.sort_by_key(|row| row["result"] == "pass" || row["result"] == "skip");
        rows.truncate(MAX_ROWS);
    }
    let namespace = &resource.namespace;
    let (api_version, name) = match (kind, namespace.is_empty()) {
        (ReportKind::PolicyReport, false) => ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
        (ReportKind::PolicyReport, true) => ("wgpolicyk8s.io/v1alpha2", "ClusterPolicyReport"),
        (ReportKind::OpenReport, false) => ("openreports.io/v1alpha1", "Report"),
        (ReportKind::OpenReport, true) => ("openreports.io/v1alpha1", "ClusterReport"),
    };
    let mut metadata = json!({"name": report_name(resource)});
    if let (Value::Object(fields), false) = (&mut metadata, namespace.is_empty()) {
        fields.insert("namespace".to_owned(), json!(namespace));
    }
    let mut report = json!({
        "apiVersion": api_version,
        "kind": name,
        "metadata": metadata,
        "scope": reference(resource),
        "summary": summary,
        "results": rows,
    });
    if let (Value::Object(fields), ReportKind::OpenReport) = (&mut report, kind) {
        fields.insert("source".to_owned(), json!(SOURCE));
    }
    report
}

fn rows(rule: &RuleVerdict, resource: &ResourceId, time: UnixTime) -> Vec<Value> {
    let row = |result: &str, message: String, explanation: Option<&Explanation>| {
        let image = explanation.and_then(|one| one.image.as_deref());
        let exception = explanation.and_then(|one| one.exception.as_deref());
        let properties = properties([
            ("mode", json!(rule.mode.to_string())),
            ("container", json!(image.map(|image| &image.container))),
            ("image", json!(image.map(|image| &image.image))),
            ("digest", json!(image.and_then(|image| image.digest.as_ref()))),
            ("code", json!(explanation.and_then(|one| one.code))),
            ("exception", json!(exception.map(|one| one.reason.as_ref().unwrap_or(&one.name)))),
            ("owner", json!(exception.and_then(|one| one.owner.as_ref()))),
            ("expires", json!(exception.and_then(|one| one.expires))),
        ]);
        json!({
            "source": SOURCE,
            "policy": rule.policy,
            "rule": rule.rule,
            "result": result,
            "scored": true,
            "timestamp": timestamp(time),
            "message": shortened(&message),
            "properties": properties,
            "resources": [reference(resource)],
        })
    };
    if rule.explanations.is_empty() {
        return vec![row("skip", "no image matches".to_owned(), None)];
    }
    let explained = |one: &Explanation| {
        let message = format!("{}: {}{}", Plain(&one.check), Plain(&one.message), reasons(one));
        row(result(rule.mode, one), message, Some(one))
    };
    rule.explanations.iter().map(explained).collect()
}

fn result(mode: Mode, explanation: &Explanation) -> &'static str {
    let is_unknown = matches!(explanation.code, Some(ReasonCode::NotFetched | ReasonCode::Unresolved));
    match explanation.outcome {
        Outcome::Pass => "pass",
        Outcome::Skip => "skip",
        Outcome::Fail if is_unknown => "error",
        Outcome::Fail if mode == Mode::Warn => "warn",
        Outcome::Fail => "fail",
    }
}

/// The reasons below a violation.
fn reasons(explanation: &Explanation) -> String {
    let causes = explanation.because.iter().filter(|one| one.fails());
    causes.map(|one| format!("; {}: {}{}", Plain(&one.check), Plain(&one.message), reasons(one))).collect()
}

fn reference(resource: &ResourceId) -> Value {
    json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
    })
}

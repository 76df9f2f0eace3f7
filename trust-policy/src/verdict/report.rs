//! Verdicts as reports: `PolicyReport` of wgpolicyk8s.io/v1alpha2
//! ([schema](https://github.com/kubernetes-sigs/wg-policy-prototypes/tree/master/policy-report)) and `Report` of openreports.io/v1alpha1
//! ([schema](https://openreports.io)). One row for each image and check.

use serde_json::{Map, Value, json};
use trust_core::UnixTime;

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

impl Verdict {
    /// The verdict as a report on its resource.
    #[must_use]
    pub fn to_report(&self, kind: ReportKind, time: UnixTime) -> Value {
        let rows: Vec<Value> = self.rules.iter().flat_map(|rule| rows(rule, &self.resource, time)).collect();
        let count = |result: &str| rows.iter().filter(|row| row["result"] == result).count();
        let summary: Map<String, Value> = ["pass", "fail", "warn", "error", "skip"]
            .into_iter()
            .map(|result| (result.to_owned(), json!(count(result))))
            .collect();
        let namespace = &self.resource.namespace;
        let (api_version, name) = match (kind, namespace.is_empty()) {
            (ReportKind::PolicyReport, false) => ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
            (ReportKind::PolicyReport, true) => ("wgpolicyk8s.io/v1alpha2", "ClusterPolicyReport"),
            (ReportKind::OpenReport, false) => ("openreports.io/v1alpha1", "Report"),
            (ReportKind::OpenReport, true) => ("openreports.io/v1alpha1", "ClusterReport"),
        };
        let report_name = format!("{SOURCE}-{}-{}", self.resource.kind, self.resource.name).to_lowercase();
        let mut metadata = json!({"name": report_name.replace('*', "generated")});
        if let (Value::Object(fields), false) = (&mut metadata, namespace.is_empty()) {
            fields.insert("namespace".to_owned(), json!(namespace));
        }
        let mut report = json!({
            "apiVersion": api_version,
            "kind": name,
            "metadata": metadata,
            "scope": reference(&self.resource),
            "summary": summary,
            "results": rows,
        });
        if let (Value::Object(fields), ReportKind::OpenReport) = (&mut report, kind) {
            fields.insert("source".to_owned(), json!(SOURCE));
        }
        report
    }
}

fn rows(rule: &RuleVerdict, resource: &ResourceId, time: UnixTime) -> Vec<Value> {
    let row = |result: &str, message: String, explanation: Option<&Explanation>| {
        let mut properties = Map::new();
        properties.insert("mode".to_owned(), json!(rule.mode.to_string()));
        if let Some(image) = explanation.and_then(|one| one.image.as_ref()) {
            properties.insert("container".to_owned(), json!(image.container));
            properties.insert("image".to_owned(), json!(image.image));
            properties
                .extend(image.digest.iter().map(|digest| ("digest".to_owned(), json!(digest.to_string()))));
        }
        properties.extend(explanation.and_then(|one| one.code).map(|code| ("code".to_owned(), json!(code))));
        json!({
            "source": SOURCE,
            "policy": rule.policy,
            "rule": rule.rule,
            "result": result,
            "scored": true,
            "timestamp": {"seconds": time.as_millis().div_euclid(1000), "nanos": 0},
            "message": message.chars().take(MAX_MESSAGE).collect::<String>(),
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

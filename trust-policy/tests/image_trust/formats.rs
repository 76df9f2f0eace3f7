//! Documents in formats of an embedder's own.

use serde_json::{Value, json};
use trust_policy::{PolicySet, ReasonCode};
use trust_sbom::{
    Answer, Component, DocumentFormat, Finding, Formats, Limits, Predicate, PredicateError, PredicateKind,
    SbomBuilder, ScanReport, Severity,
};
use trust_testkit::judge::{allowed, denied};

use crate::{IMAGE, judge_by, policy};
use trust_testkit::artifacts::attestation;

/// Package URLs, a vulnerable one, or something else: formats that nobody else has.
#[derive(Debug)]
struct Acme;

impl DocumentFormat for Acme {
    fn name(&self) -> &str {
        "Acme's"
    }

    fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind> {
        match predicate_type {
            "https://acme.example/packages" => Some(PredicateKind::Sbom),
            "https://acme.example/scan" => Some(PredicateKind::ScanReport),
            _ => None,
        }
    }

    fn read(&self, _: &str, predicate: &[u8], limits: &Limits) -> Result<Predicate, PredicateError> {
        let wrong = |problem: &dyn std::fmt::Display| PredicateError::of_format(self.name(), problem);
        let value: Value = serde_json::from_slice(predicate).map_err(|error| wrong(&error))?;
        if let Some(findings) = value["findings"].as_array() {
            let finding = |id: &Value| {
                let mut finding = Finding::default();
                (finding.id, finding.severity) = (id.as_str().unwrap_or("?").into(), Severity::Critical);
                finding
            };
            let report = ScanReport::new(Answer::Yes, findings.iter().map(finding).collect());
            return Ok(Predicate::ScanReport(Box::new(report)));
        }
        let purls = value["purls"].as_array().ok_or_else(|| wrong(&"expected `purls`"))?;
        let mut builder = SbomBuilder::new(limits);
        for purl in purls {
            let mut component = Component::default();
            purl.as_str().unwrap_or_default().clone_into(&mut component.name);
            component.purls.push(component.name.clone());
            builder.add(component)?;
        }
        let (sbom, diagnostics) = builder.finish();
        Ok(Predicate::Sbom(Box::new(sbom), diagnostics))
    }
}

#[test]
fn documents_are_read_in_formats_of_an_embedders_own() {
    let require = "{sbom: {from: [release], deny: [{purl: 'pkg:npm/lodash', versions: 'vers:npm/<4.17.21'}]}, \
                   vulnerabilities: {from: [release], severities: [critical]}}";
    let policies = PolicySet::from_yaml(&policy(require)).unwrap();
    let attested = |packages: &Value, scan: &Value| {
        vec![
            attestation(1, "https://acme.example/packages", packages),
            attestation(1, "https://acme.example/scan", scan),
        ]
    };
    let judge = |packages: &Value, scan: &Value| {
        let policies = policies.clone().with_formats(Formats::default().with(Acme));
        judge_by(&policies, attested(packages, scan), IMAGE)
    };
    let lodash = |version: &str| json!({"purls": [format!("pkg:npm/lodash@{version}")]});
    let clean = json!({"findings": []});
    allowed(&judge(&lodash("4.17.21"), &clean));
    denied(&judge(&lodash("4.17.20"), &clean), ReasonCode::Condition, "lodash");
    denied(
        &judge(&lodash("4.17.21"), &json!({"findings": ["CVE-2026-1"]})),
        ReasonCode::Vulnerable,
        "CVE-2026-1",
    );
    denied(&judge(&json!({}), &clean), ReasonCode::Malformed, "predicate is not Acme's: expected `purls`");
    // What is of another kind than its type says is refused, whatever the reader makes of it.
    denied(&judge(&clean, &clean), ReasonCode::Malformed, "found scan report, expected SBOM");
    // Without the format nobody knows what these are.
    let without = judge_by(&policies, attested(&lodash("4.17.21"), &clean), IMAGE);
    denied(&without, ReasonCode::NotFound, "found no SBOM of the image");
}

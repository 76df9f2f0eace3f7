//! What scanners found, joined, and what VEX says about it.

use std::fmt::Write as _;

use serde_json::json;
use trust_core::Reasons;
use trust_sbom::{
    Answer, Finding, FindingRule, Limits, ScanReport, Vex, VexMatching, VexSource, VexSubject, join_findings,
};

use crate::arguments::Findings;
use crate::input::{looks_like, read_bytes};
use crate::{Outcome, status_of};

pub(crate) fn findings(arguments: &Findings) -> Result<Outcome, String> {
    let rule = rule(arguments);
    let limits = Limits::default();
    let mut documents = Vec::new();
    for file in &arguments.vex {
        let vex =
            Vex::read(&read_bytes(file)?, &limits).map_err(|error| format!("{file}: {}", Reasons(&error)))?;
        documents.push((file, vex));
    }
    let (matching, subject) = match &arguments.digest {
        Some(digest) => (VexMatching::Digest, VexSubject::of_digests([digest.clone()])),
        None => (VexMatching::Identifier, VexSubject::default()),
    };
    let sources: Vec<VexSource<'_>> =
        documents.iter().map(|(file, vex)| VexSource { vex, author: file, matching }).collect();
    let mut all: Vec<Finding> = Vec::new();
    let mut scanned = Answer::Yes;
    let mut reports: Vec<ScanReport> = Vec::new();
    for file in &arguments.reports {
        let bytes = read_bytes(file)?;
        let mut report = ScanReport::read(&bytes, &limits)
            .map_err(|error| format!("{file}: {}{}", Reasons(&error), looks_like(&bytes)))?;
        // Before they are joined, as policies do it: what one report knows under another name is not answered for it.
        report.suppress(&sources, &subject);
        all.append(&mut report.findings);
        if report.scanned != Answer::Yes {
            scanned = report.scanned.clone();
        }
        reports.push(report);
    }
    let Some(mut report) = reports.pop() else { return Err("findings needs a report".to_owned()) };
    report.findings = join_findings(all);
    report.scanned = scanned;
    let mut text = String::new();
    report.findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity.rank()));
    for finding in &report.findings {
        let _ =
            write!(text, "{:<10} {} in {}: {}", finding.severity, finding.id, finding.component, finding.fix);
        if let Some(reason) = &finding.suppressed {
            let _ = write!(text, "  [{reason}]");
        }
        text.push('\n');
    }
    let answer = rule.map(|rule| report.has(&rule));
    if let Some(answer) = &answer {
        let _ = writeln!(text, "forbidden findings: {answer}");
    }
    let status = answer.as_ref().map_or(0, |answer| status_of(answer, 1, 0));
    let json = json!({"findings": report.findings, "forbidden": answer});
    Ok(Outcome { text, json, status })
}

/// Which findings are forbidden; `None` if nothing is said about it.
fn rule(arguments: &Findings) -> Option<FindingRule> {
    let rule = FindingRule::of_severities(&arguments.fail_on);
    let rule = if arguments.fixed_only { rule.with_fix() } else { rule };
    (!arguments.fail_on.is_empty()).then_some(rule)
}

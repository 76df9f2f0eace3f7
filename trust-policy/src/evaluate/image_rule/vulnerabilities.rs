//! What is asked of scan reports, and of the VEX documents that answer them.

use trust_core::{PinnedImage, Statement, UnixTime};
use trust_sbom::{
    Answer, Finding, FixState, Predicate, PredicateKind, ReportFormat, ScanReport, Vex, VexMatching,
    VexSource, VexSubject, join_findings,
};

use super::asked::{Asked, is_same_predicate};
use super::{must_not, needs_several, some, unreadable};
use crate::evaluate::age::is_young;
use crate::evaluate::signers::{Kind, Must};
use crate::policy::image_rule::VulnerabilityRequirement;
use crate::verdict::reason::ReasonCode;
use crate::verdict::{Explanation, FoundVulnerability};

impl Asked<'_, '_> {
    pub(super) fn vulnerabilities(&self, requirement: &VulnerabilityRequirement) -> Explanation {
        let (signed, documents) = self.documents(PredicateKind::ScanReport, &requirement.attestors);
        if !signed.holds() {
            return Explanation::all(&requirement.path, vec![signed]);
        }
        // A newer report may be among what cannot be read.
        let mut causes = vec![signed];
        causes.extend(self.unknown_of(&requirement.attestors));
        let mut reports: Vec<(String, ScanReport)> = Vec::new();
        for document in documents {
            match document.content {
                Ok(Predicate::ScanReport(report)) => match report.as_of() {
                    Some(time) if time > self.now => {
                        let message = format!(
                            "is of {time}, which is after {}: what it knows cannot be determined",
                            self.now
                        );
                        causes.push(Explanation::fail("scan report", ReasonCode::Unresolved, message));
                    }
                    _ => reports.push((document.signer, *report)),
                },
                other => causes.push(unreadable("scan report", &other)),
            }
        }
        let of_each = needs_several(&requirement.attestors);
        let reports = latest(reports, of_each);
        let vex = self.vex(requirement, &mut causes);
        let subject = vex_subject(&self.image);
        for (signer, mut report) in reports {
            let name = report.scanner.as_ref().map_or("a scanner", |tool| tool.name.as_str()).to_owned();
            let check = format!("report of {name} by {signer}");
            let mut checks = Vec::new();
            if let Some(max_age) = requirement.max_age {
                let unknown = "the report does not say as of when it knows";
                checks.push(is_young(report.as_of(), max_age, self.now, unknown, ReasonCode::ScanTooOld));
            }
            let sources: Vec<_> = vex
                .iter()
                .map(|(vex, author, matching)| VexSource { vex, author, matching: *matching })
                .collect();
            let ignored = report.unmatched(&sources, &subject).into_iter();
            let ignored = ignored.map(|one| {
                Explanation::skip(
                    format!("VEX by {} on {}", one.author, one.vulnerability),
                    format!("is ignored: {}", one.reason),
                )
            });
            let ignored = ignored.collect();
            report.suppress(&sources, &subject);
            checks.push(findings(requirement, report, ignored));
            causes.push(Explanation::all(&check, checks));
        }
        Explanation::all(&requirement.path, causes)
    }

    /// The statements that may be heard: those of documents that enough signers signed, each of them. What cannot be read is
    /// not heard, and said.
    fn vex(
        &self,
        requirement: &VulnerabilityRequirement,
        causes: &mut Vec<Explanation>,
    ) -> Vec<(Vex, String, VexMatching)> {
        let Some(vex) = &requirement.vex else { return Vec::new() };
        let (signed, documents) = self.documents(PredicateKind::Vex, &vex.attestors);
        let mut heard = Vec::new();
        if !signed.holds() {
            return heard;
        }
        for document in documents {
            let check = format!("VEX document by {}", document.signer);
            if needs_several(&vex.attestors) {
                let is_same = |other: &Statement, _: Option<UnixTime>| match is_same_predicate(
                    &document.statement,
                    other,
                ) {
                    true => vec![Explanation::pass("document", "is the same")],
                    false => vec![Explanation::fail("document", ReasonCode::Condition, "is another one")],
                };
                let signed = self.signed(
                    Kind::Documents(PredicateKind::Vex).that_must(Must::Satisfy(&is_same)),
                    &vex.attestors,
                );
                if !signed.explanation.holds() {
                    let message = format!("is ignored: {}", signed.explanation.message);
                    causes.push(Explanation::skip(check, message));
                    continue;
                }
            }
            match document.content {
                Ok(Predicate::Vex(mut content)) => {
                    // What is of the future is never the latest.
                    for statement in &mut content.statements {
                        statement.timestamp = statement.timestamp.filter(|time| *time <= self.now);
                    }
                    heard.push((*content, document.signer, vex.matching));
                }
                other => {
                    let message = format!("is ignored: {}", unreadable(&check, &other).message);
                    causes.push(Explanation::skip(check, message));
                }
            }
        }
        heard
    }
}

/// The reports but for those of which the same scanner made a later one; where several signers are needed, of the same
/// signer. Without a date of its knowledge, which report is later is unknown.
fn latest(reports: Vec<(String, ScanReport)>, of_each_signer: bool) -> Vec<(String, ScanReport)> {
    let is_superseded = |(signer, report): &(String, ScanReport)| {
        reports.iter().any(|(other_signer, other)| {
            scanner_of(report).is_some()
                && scanner_of(report) == scanner_of(other)
                && (!of_each_signer || signer == other_signer)
                && report.as_of().zip(other.as_of()).is_some_and(|(own, later)| own < later)
        })
    };
    let superseded: Vec<bool> = reports.iter().map(is_superseded).collect();
    reports
        .into_iter()
        .zip(superseded)
        .filter(|(_, is_superseded)| !is_superseded)
        .map(|(one, _)| one)
        .collect()
}

/// The scanner of a report. One that is not named is unknown: its reports are never taken for one another's.
fn scanner_of(report: &ScanReport) -> Option<(ReportFormat, &str)> {
    report
        .scanner
        .as_ref()
        .map(|tool| (report.format, tool.name.as_str()))
        .filter(|(_, name)| !name.is_empty())
}

/// The image, by its digest and by the names that VEX documents give it.
fn vex_subject(image: &PinnedImage) -> VexSubject {
    let mut subject = VexSubject::of_digests([image.digest().clone()]);
    let reference = image.reference();
    let name = reference.repository().rsplit('/').next().unwrap_or_default();
    let tag = reference.tag().map_or_else(String::new, |tag| format!("&tag={tag}"));
    subject.version = reference.tag().map(str::to_owned);
    subject.names = vec![
        reference.written().to_owned(),
        reference.name(),
        format!("pkg:oci/{name}@{}?repository_url={}{tag}", image.digest(), reference.name()),
    ];
    subject
}

fn findings(
    requirement: &VulnerabilityRequirement,
    mut report: ScanReport,
    ignored: Vec<Explanation>,
) -> Explanation {
    report.findings = join_findings(core::mem::take(&mut report.findings));
    // What does not count is said, with who says so and why.
    let suppressed = report.findings.iter().filter_map(|one| {
        let reason = one.suppressed.as_ref()?;
        let check = format!("{} ({}) in {}", one.id, one.severity.name(), one.component);
        Some(Explanation::skip(check, format!("does not count: {reason}")))
    });
    let mut notes: Vec<Explanation> = suppressed.collect();
    notes.extend(ignored);
    let forbidden: Vec<&Finding> =
        report.findings.iter().filter(|one| requirement.rule.forbids(one) == Answer::Yes).collect();
    let found: Vec<_> = forbidden.iter().map(|one| found(one)).collect();
    let named = forbidden
        .iter()
        .zip(&found)
        .map(|(finding, one)| format!("{} ({}) in {}, {}", one.id, one.severity, one.package, finding.fix));
    let named = some(named.collect());
    let explanation = match report.has(&requirement.rule) {
        Answer::Yes => {
            let message = format!("found {named}");
            let vulnerable = Explanation::fail("vulnerabilities", ReasonCode::Vulnerable, message);
            Explanation { vulnerabilities: found, ..vulnerable }
        }
        Answer::No => {
            Explanation::pass("vulnerabilities", format!("no forbidden finding: {}", looked_at(&report)))
        }
        answer => must_not("vulnerabilities", &answer, "forbidden finding"),
    };
    explanation.because(notes)
}

fn found(finding: &Finding) -> FoundVulnerability {
    let package = || {
        let version = finding.component.version.as_deref().unwrap_or_default();
        format!("{} {version}", finding.component.name)
    };
    FoundVulnerability {
        id: finding.id.to_string(),
        severity: finding.severity.name().to_owned(),
        package: finding.component.purl.clone().unwrap_or_else(package),
        fixed_in: match &finding.fix {
            FixState::Available(versions) => versions.clone(),
            _ => Vec::new(),
        },
    }
}

/// What a report looked at, and by which knowledge.
fn looked_at(report: &ScanReport) -> String {
    let count = report.findings.len();
    let packages = report.packages.map_or_else(String::new, |packages| format!(" in {packages} packages"));
    let database = match report.database_time {
        Some(time) => format!("database of {time}"),
        None => "database not stated".to_owned(),
    };
    format!("{count} {}{packages}, {database}", if count == 1 { "finding" } else { "findings" })
}

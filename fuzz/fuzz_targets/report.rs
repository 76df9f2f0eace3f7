//! A scan report that is read answers, and joining its findings twice is joining them once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_fuzz::within;
use trust_sbom::{Answer, FindingRule, Limits, ScanReport, Severity, join_findings};

fuzz_target!(|bytes: &[u8]| {
    let Ok(report) = within(32, bytes, |bytes| ScanReport::read(bytes, &Limits::default())) else { return };
    let any = report.has(&FindingRule::default());
    assert_eq!(any == Answer::Yes, report.findings.iter().any(|finding| finding.suppressed.is_none()));
    // No finding is clean only where something was scanned.
    assert!(any != Answer::No || report.scanned == Answer::Yes);
    let critical = report.has(&FindingRule::of_severities(&[Severity::Critical]).with_fix());
    assert!(critical != Answer::Yes || any == Answer::Yes);
    let joined = join_findings(report.findings.clone());
    assert!(joined.len() <= report.findings.len());
    assert_eq!(join_findings(joined.clone()), joined);
});

//! A VEX document that is read suppresses nothing but what it names: a finding without a name that it uses counts on.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_fuzz::within;
use trust_sbom::{Limits, ScanReport, Vex, VexMatching, VexSource, VexSubject};

static REPORT: LazyLock<ScanReport> = LazyLock::new(|| {
    let text = br#"{"SchemaVersion": 2, "ArtifactName": "a", "Metadata": {"OS": {"Family": "alpine", "Name": "3"}},
      "Results": [{"Target": "t", "Class": "os-pkgs", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-2023-1255", "PkgName": "libssl3", "InstalledVersion": "3.0.8-r3", "Severity": "HIGH",
         "PkgIdentifier": {"PURL": "pkg:apk/alpine/libssl3@3.0.8-r3"}},
        {"VulnerabilityID": "TEMP-0000000-ABCDEF", "PkgName": "b", "InstalledVersion": "1", "Severity": "LOW"}]}]}"#;
    ScanReport::read(text, &Limits::default()).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(vex) = within(32, bytes, |bytes| Vex::read(bytes, &Limits::default())) else { return };
    for matching in [VexMatching::Digest, VexMatching::Identifier] {
        let mut report = REPORT.clone();
        let source = VexSource { vex: &vex, author: "fuzzer", matching };
        let count = report.suppress(&[source], &VexSubject::default());
        assert_eq!(count, report.findings.iter().filter(|finding| finding.suppressed.is_some()).count());
        // By digest, and no digest is known of what was scanned.
        assert!(count == 0 || matching == VexMatching::Identifier);
        assert!(report.findings.iter().filter(|finding| finding.suppressed.is_some()).all(|finding| {
            vex.statements
                .iter()
                .flat_map(|one| one.vulnerability.iter())
                .any(|name| finding.names().any(|other| other.eq_ignore_ascii_case(name)))
        }));
    }
});

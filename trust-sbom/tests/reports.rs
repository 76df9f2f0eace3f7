//! What scanners found, what VEX documents say about it, and attestations that carry either.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use trust_core::{Digest, Reasons};
use trust_sbom::{
    Answer, FindingRule, FixState, Limits, Predicate, PredicateError, ReportFormat, Sbom, ScanReport,
    Severity, Suppression, Vex, VexMatching, VexSource, VexStatus, VexSubject, join_findings,
};

fn scan(text: &str) -> ScanReport {
    ScanReport::read(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("{}", Reasons(&error)))
}

fn vex(text: &str) -> Vex {
    Vex::read(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{}", Reasons(&error)))
}

fn predicate(kind: &str, text: &str) -> Result<Predicate, PredicateError> {
    Predicate::read(kind, text.as_bytes(), &Limits::default())
}

/// One vulnerability of bash, as Trivy writes it.
fn trivy(fields: &str) -> ScanReport {
    scan(&format!(
        r#"{{"SchemaVersion": 2, "ArtifactName": "app", "CreatedAt": "2026-01-31T12:00:00Z", "Results": [
            {{"Class": "os-pkgs", "Target": "debian", "Vulnerabilities": [{{"VulnerabilityID": "CVE-2026-1",
              "PkgName": "bash", "InstalledVersion": "5.2", "PkgIdentifier": {{"PURL": "pkg:deb/debian/bash@5.2?arch=amd64"}}
              {fields}}}]}}]}}"#
    ))
}

#[test]
fn a_critical_finding_with_a_known_fix_is_found_and_what_is_unknown_is_said() {
    let rule = FindingRule::of_severities(&[Severity::Critical, Severity::High]).with_fix();
    let answer = |fields: &str| trivy(fields).has(&rule);
    assert_eq!(answer(r#", "Severity": "CRITICAL", "FixedVersion": "5.2.1""#), Answer::Yes);
    assert_eq!(answer(r#", "Severity": "MEDIUM", "FixedVersion": "5.2.1""#), Answer::No);
    assert_eq!(answer(r#", "Severity": "CRITICAL", "Status": "will_not_fix""#), Answer::No);
    assert_eq!(answer(r#", "Severity": "UNKNOWN", "Status": "affected""#), Answer::No);
    for unknown in [r#", "Severity": "UNKNOWN", "FixedVersion": "5.2.1""#, r#", "Severity": "CRITICAL""#] {
        assert!(matches!(answer(unknown), Answer::Unknown(_)), "{unknown}");
    }
    let unknown = FindingRule::of_severities(&[Severity::Unknown]);
    assert_eq!(trivy(r#", "Severity": "UNKNOWN""#).has(&unknown), Answer::Yes);
}

#[test]
fn clean_needs_something_that_was_scanned() {
    let rule = FindingRule::of_severities(&[Severity::Critical]);
    for (text, is_clean) in [
        (r#"{"SchemaVersion": 2, "ArtifactName": "app"}"#, false),
        (r#"{"SchemaVersion": 2, "Results": [{"Class": "config", "Target": "Dockerfile"}]}"#, false),
        (r#"{"SchemaVersion": 2, "Results": [{"Class": "os-pkgs", "Target": "debian 12"}]}"#, false),
        (
            r#"{"SchemaVersion": 2, "Results": [{"Class": "os-pkgs", "Target": "debian 12", "Vulnerabilities": []}]}"#,
            true,
        ),
        (
            r#"{"matches": [], "descriptor": {"name": "grype"}, "source": {"target": {"userInput": "app"}}}"#,
            false,
        ),
        (
            r#"{"matches": [], "descriptor": {"name": "grype", "db": {"status": {"built": "2026-01-01T00:00:00Z"}}},
                "source": {"target": {"userInput": "app"}}}"#,
            true,
        ),
        (r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": []}]}"#, false),
        (
            r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [],
                "invocations": [{"executionSuccessful": true}]}]}"#,
            true,
        ),
        // Every run must have looked, to the end.
        (
            r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}},
                {"tool": {"driver": {"name": "y"}}, "results": [], "invocations": [{"executionSuccessful": true}]}]}"#,
            false,
        ),
        (
            r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"ruleId": "a", "message":
                {"text": ""}}], "invocations": [{"executionSuccessful": true}, {"executionSuccessful": false}]}]}"#,
            false,
        ),
        (r#"{"version": "2.1.0", "runs": []}"#, false),
        // A database, and no packages that were looked up in it.
        (
            r#"{"scanner": {"uri": "x", "db": {"lastUpdate": "2026-01-01T00:00:00Z"}, "result": {"SchemaVersion": 2,
                "Results": [{"Class": "os-pkgs", "Target": "debian 12", "Packages": []}]}}, "metadata": {}}"#,
            false,
        ),
        (r#"{"scanner": {"uri": "x", "result": []}, "metadata": {}}"#, false),
        (
            r#"{"scanner": {"uri": "x", "result": []}, "metadata": {"scanFinishedOn": "2026-01-01T00:00:00Z"}}"#,
            true,
        ),
        (r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "a"}]}"#, false),
        (r#"{"results": []}"#, false),
    ] {
        let answer = scan(text).has(&rule);
        assert_eq!(answer == Answer::No, is_clean, "{text}: {answer}");
        assert!(is_clean || matches!(answer, Answer::Unknown(_)), "{text}: {answer}");
    }
}

#[test]
fn grype_tells_of_fixes_exploits_and_what_it_left_out() {
    let report = scan(
        r#"{"matches": [{"vulnerability": {"id": "GHSA-1", "severity": "High", "fix": {"versions": ["2"], "state": "fixed"},
              "epss": [{"epss": 0.9, "percentile": 0.99, "date": "2026-01-01"}], "knownExploited": [{"cve": "CVE-2026-1"}]},
              "relatedVulnerabilities": [{"id": "CVE-2026-1"}],
              "artifact": {"name": "a", "version": "1", "purl": "pkg:npm/a@1", "locations": [{"path": "/a", "layerID": "sha256:00"}]}}],
            "ignoredMatches": [{"vulnerability": {"id": "CVE-2", "severity": "Critical"}, "artifact": {"name": "b"},
              "appliedIgnoreRules": [{"vulnerability": "CVE-2"}]}],
            "descriptor": {"name": "grype", "version": "1", "db": {"built": "2026-01-01T00:00:00Z"}}}"#,
    );
    let first = &report.findings[0];
    assert_eq!((first.severity, &first.fix), (Severity::High, &FixState::Available(vec!["2".to_owned()])));
    assert!(first.is_known_exploited && first.names().any(|name| name == "CVE-2026-1"));
    assert_eq!(report.as_of(), "2026-01-01T00:00:00Z".parse().ok());
    let rule = |change: fn(&mut FindingRule)| {
        let mut rule = FindingRule::default();
        change(&mut rule);
        report.has(&rule)
    };
    assert_eq!(rule(|rule| rule.min_epss = Some(0.5)), Answer::Yes);
    assert_eq!(rule(|rule| rule.min_epss = Some(0.95)), Answer::No);
    assert_eq!(rule(|rule| rule.exploited_only = true), Answer::Yes);
    // What Grype left out does not count, and stays visible.
    assert!(matches!(&report.findings[1].suppressed, Some(Suppression::Scanner(_))));
    assert_eq!(rule(|rule| rule.severities = vec![Severity::Critical]), Answer::No);
    assert_eq!(
        rule(|rule| {
            rule.severities = vec![Severity::Critical];
            rule.with_suppressed = true;
        }),
        Answer::Yes
    );
}

#[test]
fn findings_of_several_scanners_are_joined_by_all_of_their_names() {
    let osv = scan(
        r#"{"results": [{"packages": [{"package": {"name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2?arch=amd64"},
            "vulnerabilities": [{"id": "DSA-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-1"],
              "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}]}]}]}"#,
    );
    assert_eq!((osv.format, osv.findings[0].severity), (ReportFormat::OsvScanner, Severity::Critical));
    let findings: Vec<_> = trivy(r#", "Severity": "LOW""#).findings.into_iter().chain(osv.findings).collect();
    let joined = join_findings(findings);
    assert_eq!(joined.len(), 1);
    assert_eq!(joined[0].names().collect::<Vec<_>>(), ["CVE-2026-1", "DSA-1"]);
    assert_eq!(joined[0].severity, Severity::Critical);
}

#[test]
fn a_score_that_is_none_is_kept_as_it_is_written_and_the_rest_is_read() {
    let rating = |report: &ScanReport| {
        let rating = &report.findings[0].ratings[0];
        (rating.score, rating.other_score.clone(), report.findings[0].severity)
    };
    let unknown = |severity| (None, Some("unknown".to_owned()), severity);
    let report = trivy(r#", "Severity": "HIGH", "CVSS": {"nvd": {"V3Score": "unknown"}}"#);
    assert_eq!(rating(&report), unknown(Severity::High));
    let grype = r#"{"descriptor": {"name": "grype"}, "source": {"type": "image"}, "matches": [{"vulnerability":
        {"id": "CVE-2026-1", "severity": "High", "cvss": [{"metrics": {"baseScore": "unknown"}}],
         "epss": [{"epss": "?"}]}, "artifact": {"name": "bash", "version": "5.2"}}]}"#;
    assert_eq!(rating(&scan(grype)), unknown(Severity::High));
    assert_eq!(scan(grype).findings[0].epss, None);
    let cyclonedx = |score: &str| {
        format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [], "vulnerabilities": [
                {{"id": "CVE-2026-1", "ratings": [{{"score": {score}, "severity": "high"}}]}}]}}"#
        )
    };
    assert_eq!(rating(&scan(&cyclonedx(r#""unknown""#))), unknown(Severity::High));
    assert_eq!(rating(&scan(&cyclonedx(r#""7.5""#))), (Some(7.5), None, Severity::High));
    assert_eq!(rating(&scan(&cyclonedx("75"))), (None, Some("75".to_owned()), Severity::High));
    // Written, a number is a score again; a word is lost, and said to be.
    let written = |score: &str| {
        let (sbom, _) = Sbom::read(cyclonedx(score).as_bytes(), &Limits::default()).unwrap();
        let written = sbom.to_cyclonedx();
        (rating(&scan(&written.json)).1, written.lost)
    };
    assert_eq!(written("75"), (Some("75".to_owned()), vec![]));
    let (score, lost) = written(r#""unknown""#);
    assert_eq!(score, None);
    assert!(lost.len() == 1 && lost[0].starts_with("ratings of CVE-2026-1: "), "{lost:?}");
    let (_, diagnostics) = Sbom::read(cyclonedx("{}").as_bytes(), &Limits::default()).unwrap();
    let at: Vec<_> = diagnostics.kept().iter().map(|one| one.at.as_str()).collect();
    assert_eq!(at, ["vulnerabilities.ratings.score"]);
}

#[test]
fn byte_order_marks_are_passed_over_and_other_encodings_are_named() {
    let text = r#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": []}"#;
    let read = |bytes: &[u8]| Sbom::read(bytes, &Limits::default());
    let count = |marks: usize| {
        let bytes = [b"\xEF\xBB\xBF".repeat(marks), text.as_bytes().to_vec()].concat();
        read(&bytes).unwrap().1.count()
    };
    assert_eq!([count(0), count(1), count(2)], [0, 0, 1]);
    let wide = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<_>>();
    for (bytes, name) in [
        (wide(u16::to_le_bytes), "UTF-16"),
        (wide(u16::to_be_bytes), "UTF-16"),
        ([vec![0xFF, 0xFE], wide(u16::to_le_bytes)].concat(), "UTF-16"),
        (vec![0x1F, 0x8B, 8, 0], "gzip"),
    ] {
        let problem = read(&bytes).unwrap_err().to_string();
        assert!(problem.starts_with(&format!("document is {name}, expected")), "{problem}");
    }
}

#[test]
fn a_list_of_vulnerabilities_must_be_there_even_if_it_is_empty() {
    let absent = ScanReport::read(br#"{"scanner": {"uri": "x"}, "metadata": {}}"#, &Limits::default());
    assert!(absent.unwrap_err().to_string().contains("scanner.result"));
    let v1 = scan(
        r#"{"scanner": {"result": [{"vulnerability": {"id": "CVE-1", "severity": [{"method": "nvd", "score": "9.8"}]}}]}}"#,
    );
    let v2 =
        scan(r#"{"scanner": {"result": [{"id": "CVE-1", "severity": [{"method": "nvd", "score": 9.8}]}]}}"#);
    assert_eq!(v1.findings, v2.findings);
    assert_eq!(v1.findings[0].severity, Severity::Critical);
    let rule = FindingRule::of_severities(&[Severity::Critical]).with_fix();
    assert!(matches!(v1.has(&rule), Answer::Unknown(_)));
    let nested = r#"{"scanner": {"result": {"scanner": {"result": {"scanner": {"result": []}}}}}}"#;
    assert!(ScanReport::read(nested.as_bytes(), &Limits::default()).is_err());
}

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An OpenVEX document with one statement about CVE-2026-1.
fn openvex(products: &str, status: &str, timestamp: &str) -> Vex {
    vex(&format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a", "timestamp": "2026-01-01T00:00:00Z",
            "statements": [{{"vulnerability": {{"name": "CVE-2026-1"}}, "products": [{products}], "status": "{status}",
              "justification": "vulnerable_code_not_present", "timestamp": "{timestamp}"}}]}}"#
    ))
}

fn image(part: &str) -> String {
    format!(r#"{{"@id": "pkg:oci/app@{}"{part}}}"#, DIGEST.replace(':', "%3A"))
}

fn count(documents: &[&Vex], matching: VexMatching) -> usize {
    let mut report = trivy(r#", "Severity": "CRITICAL", "FixedVersion": "5.2.1""#);
    let digest: Digest = DIGEST.parse().unwrap();
    let mut subject = VexSubject::of_digests([digest]);
    subject.names.push(format!("pkg:oci/app@{}", DIGEST.replace(':', "%3A")));
    let sources: Vec<VexSource<'_>> =
        documents.iter().map(|vex| VexSource { vex, author: "the vendor", matching }).collect();
    let count = report.suppress(&sources, &subject);
    // Whatever is said, the finding stays.
    assert_eq!(report.findings.len(), 1);
    let rule = FindingRule::of_severities(&[Severity::Critical]);
    assert_eq!(report.has(&rule), Answer::from(count == 0));
    assert_eq!(report.has(&rule.and_suppressed()), Answer::Yes);
    count
}

#[test]
fn a_statement_suppresses_only_what_it_is_about() {
    let said = "2026-01-02T00:00:00Z";
    let bash = r#", "subcomponents": [{"@id": "pkg:deb/debian/bash"}]"#;
    let zsh = r#", "subcomponents": [{"@id": "pkg:deb/debian/zsh"}]"#;
    let by_digest =
        |products: &str, status: &str| count(&[&openvex(products, status, said)], VexMatching::Digest);
    assert_eq!(by_digest(&image(""), "not_affected"), 1);
    assert_eq!(by_digest(&image(bash), "fixed"), 1);
    assert_eq!(by_digest(&image(zsh), "not_affected"), 0);
    assert_eq!(by_digest(&image(""), "affected"), 0);
    assert_eq!(by_digest(&image(""), "under_investigation"), 0);
    assert_eq!(by_digest(&image(""), "forgotten"), 0);
    // By digest, a statement about every image of a name, or about a package anywhere, does not count.
    for product in [r#"{"@id": "pkg:oci/app"}"#, r#"{"@id": "pkg:deb/debian/bash@5.2"}"#] {
        assert_eq!(by_digest(product, "not_affected"), 0, "{product}");
        let by_name = count(&[&openvex(product, "not_affected", said)], VexMatching::Identifier);
        assert_eq!(by_name, 1, "{product}");
    }
    let hashed = format!(r#"{{"@id": "x", "hashes": {{"sha-256": "{}"}}}}"#, &DIGEST[7..]);
    assert_eq!(by_digest(&hashed, "not_affected"), 1);
    let other = format!(r#"{{"@id": "pkg:oci/app@sha256%3A{}"}}"#, "0".repeat(64));
    assert_eq!(count(&[&openvex(&other, "not_affected", said)], VexMatching::Identifier), 0);
    let other_version = r#"{"@id": "pkg:deb/debian/bash@5.1"}"#;
    assert_eq!(count(&[&openvex(other_version, "not_affected", said)], VexMatching::Identifier), 0);
    assert_eq!(count(&[], VexMatching::Identifier), 0);
}

#[test]
fn the_latest_statement_counts_and_of_the_same_time_the_worst() {
    let of = |status: &str, timestamp: &str| openvex(&image(""), status, timestamp);
    let (early, late) = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
    let digest = VexMatching::Digest;
    assert_eq!(count(&[&of("affected", early), &of("not_affected", late)], digest), 1);
    assert_eq!(count(&[&of("affected", late), &of("not_affected", early)], digest), 0);
    assert_eq!(count(&[&of("not_affected", early), &of("affected", early)], digest), 0);
    // One without a date may be the latest.
    let mut undated = of("affected", early);
    undated.statements[0].timestamp = None;
    assert_eq!(count(&[&undated, &of("not_affected", late)], digest), 0);
}

#[test]
fn an_advisory_with_several_cves_is_answered_only_when_all_are() {
    let grype = |id: &str, related: &[&str]| {
        let related: Vec<String> = related.iter().map(|id| format!(r#"{{"id": "{id}"}}"#)).collect();
        scan(&format!(
            r#"{{"descriptor": {{"name": "grype"}}, "source": {{"type": "image"}}, "matches": [{{
                "vulnerability": {{"id": "{id}", "severity": "High"}}, "relatedVulnerabilities": [{}],
                "artifact": {{"name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2"}}}}]}}"#,
            related.join(",")
        ))
    };
    let statement = |name: &str, status: &str| {
        format!(
            r#"{{"vulnerability": {{"name": "{name}"}}, "products": [{}], "status": "{status}",
                "justification": "vulnerable_code_not_present", "timestamp": "2026-01-02T00:00:00Z"}}"#,
            image("")
        )
    };
    let answered = |names: &[(&str, &str)]| {
        let statements: Vec<String> = names.iter().map(|(name, status)| statement(name, status)).collect();
        let vex = vex(&format!(
            r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a", "statements": [{}]}}"#,
            statements.join(",")
        ));
        let mut report = grype("GHSA-aaaa-bbbb-cccc", &["CVE-2026-1", "cve-2026-2"]);
        let source = VexSource { vex: &vex, author: "the vendor", matching: VexMatching::Digest };
        report.suppress(&[source], &VexSubject::of_digests([DIGEST.parse().unwrap()])) == 1
    };
    let no = "not_affected";
    assert!(!answered(&[("CVE-2026-1", no)]));
    assert!(!answered(&[("CVE-2026-1", no), ("CVE-2026-2", "affected")]));
    assert!(answered(&[("CVE-2026-1", no), ("CVE-2026-2", "fixed")]));
    assert!(answered(&[("GHSA-aaaa-bbbb-cccc", no)]));
    assert!(!answered(&[("GHSA-aaaa-bbbb-cccc", no), ("CVE-2026-2", "affected")]));

    // Nor does it make the two one.
    let findings = ["CVE-2026-1", "CVE-2026-2"].map(|id| grype(id, &[]).findings).concat();
    let both = grype("GHSA-aaaa-bbbb-cccc", &["CVE-2026-1", "CVE-2026-2"]).findings;
    assert_eq!(join_findings([findings, both].concat()).len(), 3);
    // Nor does an advisory that each names.
    let shared = ["CVE-2026-1", "CVE-2026-2"].map(|id| grype(id, &["RHSA-2026:9"]).findings).concat();
    let again = grype("RHSA-2026:9", &["CVE-2026-1"]).findings;
    let joined = join_findings([shared, again].concat());
    let names: Vec<&str> = joined.iter().map(|one| &*one.id).collect();
    assert_eq!(names, ["CVE-2026-1", "CVE-2026-2"]);
}

#[test]
fn structs_are_objects_where_a_format_is_read_in_two_ways() {
    let read = |text: &str| ScanReport::read(text.as_bytes(), &Limits::default()).is_ok();
    let item = |item: &str| {
        format!(
            r#"{{"scanner": {{"uri": "x", "result": [{item}]}}, "metadata": {{"scanFinishedOn": "2026-01-01T00:00:00Z"}}}}"#
        )
    };
    assert!(read(&item(r#"{"id": "CVE-1", "severity": [{"method": "nvd", "score": "9.8"}]}"#)));
    assert!(!read(&item(r#"{"id": "CVE-1", "severity": [["nvd", "9.8"]]}"#)));
    assert!(!read(&item(r#"{"vulnerability": {"id": "CVE-1", "severity": [["nvd", "9.8"]]}}"#)));
    let bom = |tools: &str| {
        let text = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {{"tools": {tools}}}, "components": []}}"#
        );
        Sbom::read(text.as_bytes(), &Limits::default()).is_ok()
    };
    assert!(bom(r#"[{"vendor": "a", "name": "scan"}]"#) && bom(r#"{"components": [{"name": "scan"}]}"#));
    assert!(!bom(r#"[["a", null, "scan"]]"#) && !bom(r#"{"components": [["a", null, "scan"]]}"#));
}

#[test]
fn not_affected_without_a_reason_says_nothing() {
    let text = format!(
        r#"{{"@context": "https://openvex.dev/ns", "statements": [{{"vulnerability": "CVE-2026-1",
            "products": ["pkg:oci/app@{}"], "status": "not_affected"}}]}}"#,
        DIGEST.replace(':', "%3A")
    );
    let document = vex(&text);
    assert!(matches!(document.statements[0].status, VexStatus::Other(_)));
    assert_eq!(count(&[&document], VexMatching::Digest), 0);
    // Nor do an empty reason and an invented word.
    for (reason, counts) in [
        (r#""justification": """#, 0),
        (r#""justification": "because""#, 0),
        (r#""impact_statement": " ""#, 0),
        (r#""impact_statement": "It is not built in.""#, 1),
        (r#""justification": "because", "impact_statement": "It is not built in.""#, 1),
        (r#""justification": "component_not_present""#, 1),
    ] {
        let reasoned =
            text.replace(r#""status": "not_affected""#, &format!(r#""status": "not_affected", {reason}"#));
        assert_eq!(count(&[&vex(&reasoned)], VexMatching::Digest), counts, "{reason}");
    }
    let csaf_label = |label: &str| {
        let mut document = csaf("csaf_vex");
        assert_eq!(document.statements[0].status, VexStatus::NotAffected);
        document = vex(&csaf_text("csaf_vex").replace("component_not_present", label));
        document.statements[0].status.clone()
    };
    assert!(matches!(csaf_label("because"), VexStatus::Other(_)));
    assert_eq!(csaf_label("inline_mitigations_already_exist"), VexStatus::NotAffected);
    for context in ["https://openvex.dev/nsx", "https://openvex.dev/ns/v9.9.9"] {
        let text = text.replace("https://openvex.dev/ns", context);
        assert!(Vex::read(text.as_bytes(), &Limits::default()).is_err(), "{context}");
    }
}

/// A CSAF document of this category that says that bash in the image is not affected.
fn csaf(category: &str) -> Vex {
    vex(&csaf_text(category))
}

fn csaf_text(category: &str) -> String {
    format!(
        r#"{{"document": {{"category": "{category}", "csaf_version": "2.0", "publisher": {{"name": "Vendor"}},
              "tracking": {{"id": "V-1", "current_release_date": "2026-01-02T00:00:00Z"}}}},
            "product_tree": {{
              "branches": [{{"branches": [{{"product": {{"product_id": "BASH",
                 "product_identification_helper": {{"purl": "pkg:deb/debian/bash"}}}}}}]}}],
              "full_product_names": [{{"product_id": "APP", "product_identification_helper":
                 {{"hashes": [{{"file_hashes": [{{"algorithm": "sha256", "value": "{}"}}]}}]}}}}],
              "relationships": [{{"category": "default_component_of", "product_reference": "BASH",
                 "relates_to_product_reference": "APP", "full_product_name": {{"product_id": "APP:BASH"}}}}]}},
            "vulnerabilities": [{{"cve": "CVE-2026-1", "product_status": {{"known_not_affected": ["APP:BASH"]}},
              "flags": [{{"label": "component_not_present", "product_ids": ["APP:BASH"]}}]}}]}}"#,
        &DIGEST[7..]
    )
}

#[test]
fn csaf_speaks_only_as_vex() {
    assert_eq!(count(&[&csaf("csaf_vex")], VexMatching::Digest), 1);
    for category in ["Csaf_VeX", "csaf_security_advisory"] {
        assert_eq!(count(&[&csaf(category)], VexMatching::Digest), 0, "{category}");
    }
    let mut report = trivy(r#", "Severity": "CRITICAL""#);
    let document = csaf("csaf_vex");
    let source = VexSource { vex: &document, author: "the vendor", matching: VexMatching::Digest };
    report.suppress(&[source], &VexSubject::of_digests([DIGEST.parse().unwrap()]));
    assert_eq!(
        report.findings[0].suppressed.as_ref().unwrap().to_string(),
        "the vendor says not affected of APP: component_not_present"
    );
}

#[test]
fn a_statement_by_name_is_about_the_versions_that_it_names() {
    let text = |versions: &str| {
        format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{{"bom-ref": "b", "type": "container", "name":
                 "app", "purl": "pkg:oci/app"}}], "vulnerabilities": [{{"id": "CVE-2026-1", "analysis": {{"state":
                 "false_positive", "detail": "No."}}, "affects": [{{"ref": "b"{versions}}}]}}]}}"#
        )
    };
    let suppressed = |versions: &str, tag: Option<&str>| {
        let (mut report, document) = (trivy(r#", "Severity": "CRITICAL""#), vex(&text(versions)));
        let mut subject = VexSubject::of_digests([DIGEST.parse().unwrap()]);
        subject.names.push("pkg:oci/app".to_owned());
        subject.version = tag.map(str::to_owned);
        let matching = VexMatching::Identifier;
        report.suppress(&[VexSource { vex: &document, author: "a", matching }], &subject)
    };
    let only = r#", "versions": [{"version": "v1", "status": "unaffected"}]"#;
    assert_eq!([suppressed("", None), suppressed("", Some("v2"))], [1, 1]);
    assert_eq!(
        [suppressed(only, Some("v1")), suppressed(only, Some("v2")), suppressed(only, None)],
        [1, 0, 0]
    );
}

#[test]
fn bills_of_materials_speak_as_vex() {
    let cyclonedx = vex(
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"bom-ref": "b", "name": "bash", "purl": "pkg:deb/debian/bash@5.2"}],
            "vulnerabilities": [{"id": "CVE-2026-1", "analysis": {"state": "false_positive", "detail": "No."}, "affects": [{"ref": "b"}]}]}"#,
    );
    assert_eq!(count(&[&cyclonedx], VexMatching::Identifier), 1);
    assert_eq!(count(&[&cyclonedx], VexMatching::Digest), 0);
    let spdx = vex(r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
            {"type": "software_Package", "spdxId": "b", "name": "bash", "software_packageUrl": "pkg:deb/debian/bash@5.2"},
            {"type": "security_Vulnerability", "spdxId": "v", "externalIdentifier":
               [{"type": "ExternalIdentifier", "externalIdentifierType": "cve", "identifier": "CVE-2026-1"}]},
            {"type": "security_VexNotAffectedVulnAssessmentRelationship", "spdxId": "r", "from": "v", "to": ["b"],
             "relationshipType": "doesNotAffect", "security_impactStatement": "No."}]}"#);
    assert_eq!(count(&[&spdx], VexMatching::Identifier), 1);
}

#[test]
fn every_spelling_of_a_predicate_is_read() {
    let spdx = r#"{"spdxVersion": "SPDX-2.3", "packages": [{"name": "a"}]}"#;
    let cyclonedx = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "a"}]}"#;
    let tag_value = serde_json::Value::from("SPDXVersion: SPDX-2.3\nPackageName: a\n").to_string();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let wrapped = |text: &str| format!(r#"{{"Data": {text}, "Timestamp": "2022-04-07T19:22:25Z"}}"#);
    let spdx_type = "https://spdx.dev/Document";
    for (kind, text) in [
        (spdx_type, spdx.to_owned()),
        (spdx_type, quoted(spdx)),
        (spdx_type, tag_value.clone()),
        (spdx_type, wrapped(&tag_value)),
        (spdx_type, wrapped(spdx)),
        ("https://spdx.dev/Document/v2.3", spdx.to_owned()),
        ("https://cyclonedx.org/bom", cyclonedx.to_owned()),
        ("https://cyclonedx.org/bom/v1.6", quoted(cyclonedx)),
        ("https://cyclonedx.org/schema", wrapped(&quoted(cyclonedx))),
    ] {
        let Ok(Predicate::Sbom(sbom, _)) = predicate(kind, &text) else { panic!("{kind}: {text}") };
        assert_eq!(sbom.components()[0].name, "a");
    }
    let scan = r#"{"scanner": {"uri": "trivy", "version": "1", "db": {"lastUpdate": "2026-01-01T00:00:00Z"},
        "result": {"SchemaVersion": 2, "Results": []}}, "metadata": {"scanFinishedOn": "2026-01-02T00:00:00Z"}}"#;
    for kind in ["https://cosign.sigstore.dev/attestation/vuln/v1", "cosign.sigstore.dev/attestation/vuln/v1"]
    {
        let Ok(Predicate::ScanReport(report)) = predicate(kind, scan) else { panic!("{kind}") };
        assert_eq!(report.format, ReportFormat::Trivy);
        assert_eq!(report.as_of(), "2026-01-01T00:00:00Z".parse().ok());
    }
    let statements = r#"{"@context": "https://openvex.dev/ns", "statements": []}"#;
    assert!(matches!(predicate("https://openvex.dev/ns", statements), Ok(Predicate::Vex(_))));
    assert!(matches!(predicate("https://openvex.dev/ns/v0.2.0", statements), Ok(Predicate::Vex(_))));
}

#[test]
fn a_predicate_must_be_what_its_type_says() {
    let cyclonedx = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}"#;
    assert!(matches!(predicate("https://spdx.dev/Document", cyclonedx), Err(PredicateError::Format { .. })));
    assert!(predicate("https://slsa.dev/provenance/v1", cyclonedx).is_err());
    assert!(predicate("https://cyclonedx.org/bom", "null").is_err());
    for other in [
        "https://openvex.dev/nsx",
        "https://spdx.dev/Document/v2.3x",
        "https://spdx.dev/Documents",
        "",
        "https://slsa.dev/provenance/v2",
        "https://cosign.sigstore.dev/attestation/v1",
        "https://cyclonedx.org/bom/v",
    ] {
        assert_eq!(predicate(other, cyclonedx), Ok(Predicate::Other), "{other}");
    }
}

#[test]
fn provenance_of_every_version_says_builder_sources_and_times() {
    let v1 = r#"{"buildDefinition": {"buildType": "t", "externalParameters": {"ref": "main"},
          "resolvedDependencies": [{"uri": "git+https://example.org/a", "digest": {"gitCommit": "00"}}]},
        "runDetails": {"builder": {"id": "b"}, "metadata": {"invocationId": "i", "startedOn": "2026-01-01T00:00:00Z"}}}"#;
    let v02 = r#"{"builder": {"id": "b"}, "buildType": "t",
        "invocation": {"configSource": {"uri": "git+https://example.org/a", "digest": {"sha1": "00"}}},
        "metadata": {"buildInvocationID": "i", "buildStartedOn": "2026-01-01T00:00:00Z"},
        "materials": [{"uri": "git+https://example.org/a", "digest": {"gitCommit": "00"}}]}"#;
    let v01 = r#"{"builder": {"id": "b"}, "recipe": {"type": "t"},
        "metadata": {"buildInvocationId": "i", "buildStartedOn": "2026-01-01T00:00:00Z"},
        "materials": [{"uri": "git+https://example.org/a", "digest": {"gitCommit": "00"}}]}"#;
    for (kind, text) in [("v1", v1), ("v0.2", v02), ("v0.1", v01)] {
        let read = predicate(&format!("https://slsa.dev/provenance/{kind}"), text).unwrap();
        let Predicate::Provenance(provenance) = read else { panic!("{kind}") };
        assert_eq!((provenance.builder.as_str(), provenance.build_type.as_str()), ("b", "t"), "{kind}");
        assert_eq!(provenance.dependencies[0].uri, "git+https://example.org/a", "{kind}");
        assert_eq!(provenance.invocation.as_deref(), Some("i"), "{kind}");
        assert_eq!(provenance.started, "2026-01-01T00:00:00Z".parse().ok(), "{kind}");
    }
    let summary = |result: &str| {
        let text = format!(
            r#"{{"verifier": {{"id": "v"}}, "resourceUri": "r", "policy": {{"uri": "p"}}, "verificationResult": "{result}",
                "verifiedLevels": ["SLSA_BUILD_LEVEL_3"]}}"#
        );
        match predicate("https://slsa.dev/verification_summary/v1", &text) {
            Ok(Predicate::VerificationSummary(summary)) => summary,
            other => panic!("{other:?}"),
        }
    };
    assert!(summary("PASSED").has_passed);
    assert!(!summary("FAILED").has_passed && !summary("passed").has_passed);
}

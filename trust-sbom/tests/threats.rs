//! Documents that somebody made to mislead or to break their reader.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::io::Read;

use trust_core::Reasons;
use trust_sbom::{
    Answer, DiagnosticKind, Diagnostics, License, LicensePolicy, Limits, PackagePattern, Profile,
    ReportError, Sbom, SbomError, ScanReport, Severity, Strictness, Vex,
};

fn read(text: impl AsRef<[u8]>) -> Result<(Sbom, Diagnostics), SbomError> {
    Sbom::read(text.as_ref(), &Limits::default())
}

fn problem(text: impl AsRef<[u8]>) -> String {
    Reasons(&read(text).unwrap_err()).to_string()
}

fn cyclonedx(rest: &str) -> String {
    format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", {rest}}}"#)
}

fn xml(inner: &str) -> String {
    format!(r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6">{inner}</bom>"#)
}

#[test]
fn json_that_nests_too_deep_is_refused() {
    for count in [1_000, 1_000_000] {
        let deep = cyclonedx(&format!(
            r#""components": {}1{}"#,
            r#"[{"name":"a","components":"#.repeat(count),
            "}]".repeat(count)
        ));
        assert!(problem(deep).contains("recursion limit exceeded"));
        // What is not read is passed over without depth; by the specification it is refused.
        let unread = cyclonedx(&format!(r#""x": {}{}"#, "[".repeat(count), "]".repeat(count)));
        assert!(read(&unread).is_ok());
        assert!(Sbom::read_strictly(unread.as_bytes(), &Limits::default(), Strictness::Spec).is_err());
    }
}

#[test]
fn nested_components_are_read_to_fifty_levels() {
    let nest = |count| {
        let text = cyclonedx(&format!(
            r#""components": {}[{{"name":"log4j"}}]{}"#,
            r#"[{"name":"a","components":"#.repeat(count),
            "}]".repeat(count)
        ));
        read(text)
    };
    let (sbom, _) = nest(50).unwrap();
    assert_eq!(sbom.components().len(), 51);
    assert_eq!(sbom.components()[50].name, "log4j");
}

#[test]
fn xml_that_nests_too_deep_is_refused_and_costs_no_stack() {
    for count in [200, 100_000] {
        let deep = xml(&format!("<components>{}", "<component><components>".repeat(count)));
        assert!(problem(deep).contains("more than 128 elements in one another"));
        let foreign = xml(&format!("<x:y xmlns:x='urn:x'>{}", "<x:y>".repeat(count)));
        let problem = problem(foreign);
        assert!(problem.contains("more than 128 elements in one another"), "{problem}");
    }
}

#[test]
fn a_document_type_is_refused_before_its_entities_mean_anything() {
    for declared in [
        r#"<!DOCTYPE bom SYSTEM "file:///etc/passwd">"#,
        r#"<!DOCTYPE bom [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>"#,
        "<!DOCTYPE bom>",
    ] {
        let text =
            format!(r#"<?xml version="1.0"?>{declared}<bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>"#);
        assert!(problem(text).contains("found a document type, expected none"), "{declared}");
    }
    let named = xml("<components><component type='library'><name>&lol;</name></component></components>");
    assert!(problem(named).contains("found the entity `lol`, expected one of XML's own"));
    let own = xml("<components><component type='library'><name>a&amp;&#98;</name></component></components>");
    assert_eq!(read(own).unwrap().0.components()[0].name, "a&b");
}

#[test]
fn xml_that_repeats_an_element_cannot_hide_the_first_one() {
    let twice = xml(
        "<components><component type='library'><name>log4j</name><name>harmless</name></component></components>",
    );
    assert!(problem(twice).contains("found the element `name` again, expected it once"));
    for broken in ["<components>", "<components></component>", "</bom><bom>", "</bom>text"] {
        assert!(read(xml(broken)).is_err(), "{broken}");
    }
    // A second list of components adds to the first.
    let lists = xml(
        "<components><component><name>a</name></component></components><components><component><name>b</name></component></components>",
    );
    assert_eq!(read(lists).unwrap().0.components().len(), 2);
}

#[test]
fn a_component_cannot_hide_behind_a_repeated_key() {
    for rest in [
        r#""components": [{"name": "log4j"}], "components": []"#,
        r#""components": [{"name": "log4j", "name": "harmless"}]"#,
        r#""components": [{"name": "a", "purl": "pkg:npm/log4j", "purl": "pkg:npm/a"}]"#,
        r#""metadata": {"component": {"name": "a"}, "component": {"name": "b"}}"#,
        r#""components": [], "\u0063omponents": [{"name": "a"}]"#,
    ] {
        let problem = problem(cyclonedx(rest));
        assert!(problem.contains("repeated") || problem.contains("duplicate field"), "{rest}: {problem}");
    }
    // What is not read can mislead nobody; by the specification it is refused too.
    let unread = cyclonedx(r#""x-note": {"a": 1, "a": 2}"#);
    assert!(read(&unread).is_ok());
    let strict = Sbom::read_strictly(unread.as_bytes(), &Limits::default(), Strictness::Spec).unwrap_err();
    assert!(Reasons(&strict).to_string().contains("the key `a` is repeated"));
    let spdx3 = r#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
        {"type": "software_Package", "spdxId": "a", "name": "log4j", "name": "harmless"}]}"#;
    assert!(problem(spdx3).contains("the key `name` is repeated"), "{}", problem(spdx3));
    let yaml = "spdxVersion: SPDX-2.3\npackages: [{name: log4j}]\npackages: []\n";
    assert!(read(yaml).is_err());
}

#[test]
fn nothing_of_tag_value_is_dropped_in_silence() {
    let head = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n";
    let Err(SbomError::Line { line: 3, problem }) =
        read(format!("{head}this is not a tag\nPackageName: hidden\n"))
    else {
        panic!("accepted");
    };
    assert_eq!(problem, "found `this is not a tag`, expected `Tag: value`");
    let open =
        format!("{head}PackageName: a\nPackageCopyrightText: <text>never closed\nPackageName: hidden\n");
    assert!(problem_of_line(&open).contains("expected `</text>` before the end"));
    for text in ["", "hello world", "PackageName: a\n"] {
        assert_eq!(read(text).unwrap_err(), SbomError::UnknownFormat, "{text}");
    }
    let odd = format!(
        "{head}PackageName: a\nUnknownTag: x\nPackageChecksum: SHA999: 00\nRelationship: SPDXRef-a EATS SPDXRef-b\n"
    );
    assert_eq!(read(odd).unwrap().0.components().len(), 1);
}

fn problem_of_line(text: &str) -> String {
    let SbomError::Line { problem, .. } = read(text).unwrap_err() else { panic!("another error") };
    problem
}

#[test]
fn a_license_of_many_parentheses_is_bounded_before_any_parser_sees_it() {
    for count in [33, 8_000, 1_000_000] {
        let license = format!("{}MIT{}", "(".repeat(count), ")".repeat(count));
        let text = cyclonedx(&format!(
            r#""components": [{{"name": "a", "licenses": [{{"expression": "{license}"}}]}}]"#
        ));
        let (sbom, diagnostics) = read(text).unwrap();
        assert!(matches!(sbom.components()[0].licenses[0].license, License::Name(_)));
        assert!(matches!(diagnostics.kept()[0].kind, DiagnosticKind::UnknownLicense(_)));
    }
    let many = vec!["(MIT OR Apache-2.0)"; 300].join(" AND ");
    let policy = LicensePolicy::new().allowing(["MIT"]).unwrap();
    assert_eq!(policy.allows(&License::Expression(many.into())), Answer::Yes);
}

#[test]
fn two_formats_at_once_are_none() {
    let both = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "spdxVersion": "SPDX-2.3"}"#;
    assert_eq!(read(both).unwrap_err(), SbomError::TwoFormats("bomFormat", "spdxVersion"));
    let three = r#"{"@graph": [], "spdxVersion": "SPDX-2.3"}"#;
    assert_eq!(read(three).unwrap_err(), SbomError::TwoFormats("spdxVersion", "@graph"));
    assert_eq!(
        read("SPDXVersion: SPDX-2.3\nspdxVersion: SPDX-2.3\n").unwrap_err(),
        SbomError::TwoFormats("SPDXVersion", "spdxVersion")
    );
    let report = br#"{"SchemaVersion": 2, "runs": []}"#;
    assert!(matches!(ScanReport::read(report, &Limits::default()), Err(ReportError::TwoFormats(..))));
    let vex = br#"{"@context": "https://openvex.dev/ns", "statements": [], "document": {}}"#;
    assert!(Vex::read(vex, &Limits::default()).is_err());
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert_eq!(read(b"\xFF\xFE{\0}\0").unwrap_err(), SbomError::Unsupported { found: "UTF-16" });
    assert!(read(cyclonedx(r#""components": [{"name": "\ud800"}]"#)).is_err());
    assert!(read([cyclonedx(r#""components": [{"name": ""#).as_bytes(), b"\xFF\"}]}"].concat()).is_err());
    let misleading = cyclonedx(r#""components": [{"name": "log\u202e4j"}, {"name": "a\u0000"}]"#);
    let (_, diagnostics) = read(misleading).unwrap();
    let found: Vec<_> = diagnostics
        .kept()
        .iter()
        .filter(|one| matches!(one.kind, DiagnosticKind::MisleadingText(_)))
        .collect();
    assert_eq!(found.len(), 2);
}

#[test]
fn what_follows_the_document_is_refused() {
    assert!(problem(format!("{} {{}}", cyclonedx(r#""components": []"#))).contains("trailing characters"));
    assert!(problem(format!("{}<x/>", xml(""))).contains("found a second root element"));
}

#[test]
fn numbers_out_of_their_range_are_no_numbers() {
    let rated = |score: &str| {
        let text = cyclonedx(&format!(
            r#""vulnerabilities": [{{"id": "CVE-1", "ratings": [{{"score": {score}, "method": "CVSSv31"}}]}}]"#
        ));
        read(text)
    };
    for score in ["1e32", "-1", "10.1"] {
        let (sbom, _) = rated(score).unwrap();
        assert_eq!(sbom.findings()[0].severity, Severity::Unknown, "{score}");
        assert_eq!(sbom.findings()[0].ratings[0].score, None, "{score}");
    }
    assert!(rated("1e999").is_err());
    assert!(read(cyclonedx(r#""version": 99999999999999999999999"#)).is_err());
}

#[test]
fn circles_repetitions_and_dangling_references_are_diagnosed_and_harm_nobody() {
    let text = cyclonedx(
        r#""metadata": {"component": {"bom-ref": "a", "name": "a"}},
           "components": [{"bom-ref": "b", "name": "b", "purl": "pkg:npm/b@1"}, {"bom-ref": "b", "name": "c", "purl": "pkg:npm/c@1"}],
           "dependencies": [{"ref": "a", "dependsOn": ["b", "a", "gone"]}, {"ref": "b", "dependsOn": ["a", "b"]}]"#,
    );
    let (sbom, diagnostics) = read(text).unwrap();
    assert_eq!(sbom.components().len(), 3);
    let has = |kind| diagnostics.kept().iter().any(|one| one.kind == kind);
    assert!(has(DiagnosticKind::RepeatedReference) && has(DiagnosticKind::DanglingReference));
    let pattern = PackagePattern::Purl(Box::new("pkg:npm/b".parse().unwrap()));
    let exposure = sbom.exposure(&pattern, &"vers:npm/*".parse().unwrap());
    assert_eq!(exposure.answer, Answer::Yes);
    assert_eq!(exposure.exposed[0].path.as_ref().unwrap().last.len(), 1);
}

#[test]
fn a_package_url_of_something_else_is_noticed() {
    let (_, diagnostics) = read(cyclonedx(
        r#""components": [{"name": "harmless", "version": "1", "purl": "pkg:npm/log4js@1"},
                          {"name": "a", "version": "2", "purl": "pkg:npm/a@1"},
                          {"group": "@b", "name": "a", "version": "1", "purl": "pkg:npm/%40b/a@1"}]"#,
    ))
    .unwrap();
    let found = diagnostics.kept().iter().filter(|one| matches!(one.kind, DiagnosticKind::PurlMismatch(_)));
    assert_eq!(found.count(), 2);
}

#[test]
fn a_document_that_lists_nothing_keeps_to_no_profile_and_answers_nothing() {
    let (sbom, _) = read(cyclonedx(r#""components": []"#)).unwrap();
    for profile in [&Profile::NTIA, &Profile::CISA, &Profile::BSI] {
        let conformance = profile.check(&sbom);
        assert!(matches!(conformance.conforms, Answer::Unknown(_)));
        assert!(conformance.score.abs() < f64::EPSILON);
    }
    let pattern = PackagePattern::Purl(Box::new("pkg:npm/a".parse().unwrap()));
    assert!(matches!(sbom.exposure(&pattern, &"vers:npm/*".parse().unwrap()).answer, Answer::Unknown(_)));
}

#[test]
fn every_limit_is_kept() {
    let default = Limits::default;
    let fails = |limits: Limits, rest: &str, expected: &str| {
        let error = Sbom::read(cyclonedx(rest).as_bytes(), &limits).unwrap_err();
        assert!(Reasons(&error).to_string().contains(expected), "{error}");
    };
    let two = r#""components": [{"name": "aaaa", "bom-ref": "a"}, {"name": "b"}]"#;
    let mut limits = default();
    limits.len = 20;
    fails(limits, two, "more than 20 bytes");
    let mut limits = default();
    limits.components = 1;
    fails(limits, two, "more than 1 components");
    let mut limits = default();
    limits.text = 3;
    fails(limits, two, "4 bytes, expected at most 3");
    let mut limits = default();
    limits.relationships = 1;
    fails(limits, r#""dependencies": [{"ref": "a", "dependsOn": ["b", "c"]}]"#, "more than 1 relationships");
    let mut limits = default();
    limits.per_component = 1;
    let properties = r#""components": [{"name": "a", "properties": [{"name": "x"}, {"name": "y"}]}]"#;
    fails(limits, properties, "`a` has more than 1 properties");
    let mut limits = default();
    limits.findings = 1;
    let affects = r#""vulnerabilities": [{"id": "CVE-1", "affects": [{"ref": "a"}, {"ref": "b"}]}]"#;
    fails(limits, affects, "more than 1 findings");
    let mut limits = default();
    limits.diagnostics = 1;
    let (_, diagnostics) = Sbom::read(cyclonedx(r#""components": [{}, {}]"#).as_bytes(), &limits).unwrap();
    assert_eq!((diagnostics.kept().len(), diagnostics.count()), (1, 2));
}

#[test]
fn a_reader_that_never_ends_or_fails_is_an_error() {
    let mut limits = Limits::default();
    limits.len = 1 << 20;
    let endless = std::io::repeat(b' ');
    assert_eq!(Sbom::read(endless, &limits).unwrap_err(), SbomError::TooLong { expected: 1 << 20 });
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the cable is out"))
        }
    }
    let half = br#"{"bomFormat": "#.chain(Broken);
    let expected = SbomError::Read { problem: "the cable is out".to_owned() };
    assert_eq!(Sbom::read(half, &limits).unwrap_err(), expected);
}

#[test]
fn a_value_from_the_future_does_not_lose_the_component() {
    let (sbom, diagnostics) = read(cyclonedx(
        r#""components": [{"name": "a", "type": "hologram", "scope": "sometimes", "newField": {"x": [1]},
             "hashes": [{"alg": "SHA-9", "content": "00"}], "licenses": [{"license": {"id": "MIT-9"}}],
             "externalReferences": [{"type": "telepathy", "url": "x:y"}]}],
           "compositions": [{"aggregate": "mostly"}],
           "vulnerabilities": [{"id": "CVE-1", "ratings": [{"severity": "apocalyptic", "method": "CVSSv9", "score": 11}],
                "analysis": {"state": "forgotten"}, "affects": [{"ref": "a"}]}]"#,
    ))
    .unwrap();
    let component = &sbom.components()[0];
    assert_eq!((component.kind.name(), component.hashes[0].algorithm.as_str()), ("hologram", "sha9"));
    assert_eq!(component.licenses[0].license.text(), "MIT-9");
    assert_eq!(sbom.findings()[0].severity, Severity::Unknown);
    assert!(!sbom.statements()[0].status.suppresses());
    assert!(diagnostics.count() >= 3);
    let (spdx, _) = read(
        r#"{"spdxVersion": "SPDX-2.3", "packages": [{"name": "a", "primaryPackagePurpose": "HOLOGRAM", "newField": 1,
             "checksums": [{"algorithm": "SHA9", "checksumValue": "00"}], "externalRefs": [{"referenceCategory": "NEW",
             "referenceType": "new", "referenceLocator": "x"}]}],
            "relationships": [{"spdxElementId": "a", "relationshipType": "EATS", "relatedSpdxElement": "b"}]}"#,
    )
    .unwrap();
    assert_eq!(spdx.components()[0].kind.name(), "HOLOGRAM");
    let (spdx3, _) = read(
        r#"{"@context": "https://spdx.org/rdf/3.0.9/spdx-context.jsonld", "@graph": [
            {"type": "software_Package", "spdxId": "a", "name": "a", "software_primaryPurpose": "hologram"},
            {"type": "future_Thing", "spdxId": "b"},
            {"type": "Relationship", "from": "a", "to": ["b"], "relationshipType": "eats"}]}"#,
    )
    .unwrap();
    assert_eq!((spdx3.components().len(), spdx3.relationships().len()), (1, 1));
    assert_eq!(
        read(r#"{"bomFormat": "CycloneDX", "specVersion": "2.0"}"#).unwrap_err().to_string(),
        "document is CycloneDX `2.0`, expected 1.0 to 1.7"
    );
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC*", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = read(text.as_bytes());
        let _ = read(&bytes);
        let _ = ScanReport::read(&bytes, &Limits::default());
        let _ = Vex::read(text.as_bytes(), &Limits::default());
    }
}

//! The program `sbom`, run as a user runs it, on documents that syft wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::program::{run, stderr, stdout};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/documents").join(name);
    path.to_str().unwrap().to_owned()
}

fn sbom(arguments: &[&str]) -> Output {
    run("sbom", arguments, "")
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn both_formats_hold_the_same_packages() {
    let expected = "pkg:npm/lodash@4.17.20\npkg:npm/minimist@1.2.5\npkg:npm/shop@1.0.0\n";
    for name in ["shop.cdx.json", "shop.spdx"] {
        let output = sbom(&["packages", &document(name)]);
        assert_eq!((status(&output), stdout(&output).as_str()), (0, expected), "{name}");
    }
    let text = fs::read_to_string(document("shop.spdx")).unwrap();
    assert_eq!(stdout(&run("sbom", &["packages", "-"], &text)), expected);
}

#[test]
fn what_is_packed_by_gzip_is_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&fs::read(document("shop.cdx.json")).unwrap()).unwrap();
    let file = std::env::temp_dir().join(format!("shop-{}.cdx.json.gz", std::process::id()));
    fs::write(&file, packed.finish().unwrap()).unwrap();
    let of = |file: &str| stdout(&sbom(&["packages", file]));
    assert_eq!(of(file.to_str().unwrap()), of(&document("shop.cdx.json")));
    fs::remove_file(file).unwrap();
}

#[test]
fn a_document_is_shown_in_words_and_as_json() {
    let output = sbom(&["show", &document("shop.cdx.json")]);
    assert!(stdout(&output).starts_with("format         CycloneDX 1.6 in JSON\n"), "{}", stdout(&output));
    let output = sbom(&["show", &document("shop.spdx"), "--strict", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&shown["version"], &shown["componentsWithPurl"]), (&"2.3".into(), &3.into()));
}

#[test]
fn an_affected_package_is_yes_no_or_unknown() {
    let ask = |purl: &str, range: &str| {
        let output = sbom(&["affected", &document("shop.cdx.json"), "--purl", purl, "--range", range]);
        (status(&output), stdout(&output).lines().next().unwrap().to_owned())
    };
    assert_eq!(ask("pkg:npm/lodash", "vers:npm/<4.17.21"), (1, "yes".to_owned()));
    assert_eq!(ask("pkg:npm/lodash", "vers:npm/>=4.17.21"), (0, "no".to_owned()));
    assert_eq!(ask("pkg:npm/left-pad", "vers:npm/*"), (0, "no".to_owned()));
    let (code, answer) = ask("pkg:npm/lodash", "vers:unheard/<5");
    assert!(code == 3 && answer.starts_with("unknown: "), "{answer}");
}

#[test]
fn advisories_and_reports_are_asked_against_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let advisory = |fixed: &str, rest: &str| {
        format!(
            r#"{{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "affected": [{{"package": {{"ecosystem": "npm", "name":
                "lodash"}}, "ranges": [{{"type": "SEMVER", "events": [{{"introduced": "0"}}, {{"fixed": "{fixed}"}}]}}]}}]{rest}}}"#
        )
    };
    let (bad, mended) =
        (write("bad.json", &advisory("4.17.21", "")), write("mended.json", &advisory("4.17.20", "")));
    let withdrawn = write("withdrawn.json", &advisory("4.17.21", r#", "withdrawn": "2026-02-01T00:00:00Z""#));
    let shop = document("shop.cdx.json");
    let affected = |rest: &[&str]| sbom(&[&["affected", shop.as_str()][..], rest].concat());
    let found = affected(&["--advisory", &bad, "--advisory", &mended]);
    assert_eq!(status(&found), 1);
    assert_eq!(stdout(&found), "GHSA-1: yes\n  pkg:npm/lodash@4.17.20\nGHSA-1: no\n");
    assert_eq!(status(&affected(&["--advisory", &mended, "--advisory", &withdrawn])), 0);
    // An advisory is no report of a scan.
    let refused = sbom(&["findings", &bad]);
    assert!(
        status(&refused) == 2 && stderr(&refused).contains("nothing was scanned"),
        "{}",
        stderr(&refused)
    );

    let report = |package: &str| {
        write(
            "trivy.json",
            &format!(
                r#"{{"SchemaVersion": 2, "Results": [{{"Class": "lang-pkgs", "Target": "a", "Vulnerabilities": [
                    {{"VulnerabilityID": "CVE-2021-23337", "PkgName": "x", "InstalledVersion": "1", "PkgIdentifier": {{"PURL":
                     "{package}"}}, "Severity": "HIGH"}}]}}]}}"#
            ),
        )
    };
    let with = |id: &str, package: &str| status(&affected(&["--id", id, "--report", &report(package)]));
    assert_eq!(with("cve-2021-23337", "pkg:npm/lodash@4.17.20"), 1);
    assert_eq!(with("CVE-2021-23337", "pkg:npm/other@1"), 3);
    assert_eq!(with("CVE-2000-1", "pkg:npm/lodash@4.17.20"), 0);
    for wrong in [&["--id", "CVE-1"][..], &[], &["--advisory", &bad, "--purl", "pkg:npm/a"]] {
        assert_eq!(status(&affected(wrong)), 2, "{wrong:?}");
    }
    assert_eq!(stdout(&sbom(&["licenses", &shop])), "     3 MIT\n     1 none stated\n");
}

#[test]
fn what_an_attestation_says_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statement.json");
    let show = |text: &str| {
        fs::write(&path, text).unwrap();
        sbom(&["show", path.to_str().unwrap()])
    };
    let statement = |kind: &str, predicate: &str| {
        format!(
            r#"{{"_type": "https://in-toto.io/Statement/v1", "predicateType": "{kind}", "subject": [{{"name": "app", "digest":
                {{"sha256": "{}"}}}}], "predicate": {predicate}}}"#,
            "0".repeat(64)
        )
    };
    let bill =
        statement("https://cyclonedx.org/bom", &fs::read_to_string(document("shop.cdx.json")).unwrap());
    let text = stdout(&show(&bill));
    for line in [
        "attestation    in-toto statement, whose signature is not verified here",
        "format         CycloneDX 1.6 in JSON",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let payload =
        trust_core::internal::encoding::to_base64(statement("https://other.example/v1", "{}").as_bytes());
    let envelope = format!(
        r#"{{"payloadType": "application/vnd.in-toto+json", "payload": "{payload}", "signatures": [{{"sig": "AA=="}}]}}"#
    );
    let bundle = format!(
        r#"{{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": {envelope}}}"#
    );
    for (text, wrapping) in [(&envelope, "DSSE envelope"), (&bundle, "Sigstore bundle")] {
        let shown = stdout(&show(text));
        assert!(
            shown.contains(wrapping) && shown.contains("content        of a type that is not read here"),
            "{shown}"
        );
    }
    // Other commands read the SBOM within, and name what else they were given.
    let with = |text: &str, command: &str| {
        fs::write(&path, text).unwrap();
        sbom(&[command, path.to_str().unwrap()])
    };
    let github = format!(r#"{{"sbom": {}}}"#, fs::read_to_string(document("shop.cdx.json")).unwrap());
    for text in [&bill, &github] {
        assert!(stdout(&with(text, "packages")).contains("pkg:npm/lodash@4.17.20"));
        assert_eq!(status(&with(text, "licenses")), 0);
    }
    for (text, what) in [(envelope.as_str(), "it is an attestation"), ("{}", "")] {
        let output = with(text, "licenses");
        assert!(status(&output) == 2 && stderr(&output).contains(what), "{}", stderr(&output));
    }
    fs::write(&path, [0xff, 0xfe, b'{', 0]).unwrap();
    assert!(stderr(&sbom(&["packages", path.to_str().unwrap()])).contains("it is UTF-16, expected UTF-8"));
}

#[test]
fn a_profile_names_what_is_missing() {
    let output = sbom(&["check", &document("shop.cdx.json"), "--profile", "ntia"]);
    assert_eq!(status(&output), 1);
    assert!(stdout(&output).contains("-- supplier"), "{}", stdout(&output));
    assert_eq!(status(&sbom(&["check", &document("shop.cdx.json"), "--profile", "none"])), 2);
}

#[test]
fn a_converted_document_holds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (name, to) in [("shop.cdx.json", "spdx"), ("shop.spdx", "cyclonedx"), ("shop.spdx", "spdx")] {
        let converted = sbom(&["convert", &document(name), "--to", to]);
        assert_eq!(status(&converted), 0, "{}", stderr(&converted));
        let path = folder.path().join("converted.json");
        fs::write(&path, &converted.stdout).unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(status(&sbom(&["show", path, "--strict"])), 0, "{name} to {to}");
        let packages = |file: &str| stdout(&sbom(&["packages", file]));
        assert_eq!(packages(path), packages(&document(name)), "{name} to {to}");
    }
    let own = document("shop.cdx.json");
    assert_eq!(status(&sbom(&["diff", &own, &own])), 0);
    let changed = fs::read_to_string(&own).unwrap().replace("4.17.20", "4.17.21");
    let path = folder.path().join("changed.json");
    fs::write(&path, changed).unwrap();
    let output = sbom(&["diff", &own, path.to_str().unwrap()]);
    assert_eq!(status(&output), 1);
    assert_eq!(stdout(&output), "~ pkg:npm/lodash@4.17.20 -> pkg:npm/lodash@4.17.21 (upgraded)\n");
}

#[test]
fn findings_are_joined_and_answered_by_the_documents_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let report = write(
        "trivy.json",
        r#"{"SchemaVersion": 2, "Results": [{"Class": "lang-pkgs", "Target": "package-lock.json", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-2021-23337", "PkgName": "lodash", "InstalledVersion": "4.17.20",
             "PkgIdentifier": {"PURL": "pkg:npm/lodash@4.17.20"}, "FixedVersion": "4.17.21", "Severity": "HIGH"}]}]}"#,
    );
    let vex = write(
        "vex.json",
        r#"{"@context": "https://openvex.dev/ns/v0.2.0", "author": "shop", "timestamp": "2026-01-01T00:00:00Z",
            "statements": [{"vulnerability": {"name": "CVE-2021-23337"}, "products": [{"@id": "pkg:npm/lodash@4.17.20"}],
              "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}]}"#,
    );
    let gate = ["--fail-on", "critical,high", "--fixed-only"];
    let run = |rest: &[&str]| sbom(&[["findings", report.as_str()].as_slice(), &gate, rest].concat());
    let found = run(&[]);
    assert_eq!(status(&found), 1);
    assert!(
        stdout(&found).contains("high       CVE-2021-23337 in pkg:npm/lodash@4.17.20: fixed in 4.17.21\n")
    );
    let answered = run(&["--vex", &vex]);
    assert_eq!(status(&answered), 0, "{}", stdout(&answered));
    assert!(stdout(&answered).contains("vulnerable_code_not_in_execute_path"));
    // By digest, a statement about the package wherever it is does not count.
    let digest = format!("sha256:{}", "0".repeat(64));
    assert_eq!(status(&run(&["--vex", &vex, "--digest", &digest])), 1);
    let nothing = write("nothing.json", r#"{"SchemaVersion": 2}"#);
    assert_eq!(status(&sbom(&["findings", &nothing, "--fail-on", "critical"])), 3);
}

#[test]
fn bad_input_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.json");
    fs::write(&path, "{\"bomFormat\": \"CycloneDX\",\n \"components\": 1}").unwrap();
    let output = sbom(&["show", path.to_str().unwrap()]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("line 2, column 16"), "{}", stderr(&output));
    for arguments in [&["show"][..], &["show", "/does/not/exist"], &["eat"], &["show", "--purl", "a"], &[]] {
        let output = sbom(arguments);
        assert!(status(&output) == 2 && stderr(&output).starts_with("sbom: "), "{arguments:?}");
    }
}

//! Verdicts in the forms that other programs and people read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::{Value, json};
use trust_core::{Digest, Statement, UnixTime};
use trust_policy::{Page, PolicySet, ReportKind, Trust, Verdict, to_sarif};
use trust_sbom::{Limits, Predicate};
use trust_testkit::artifacts::{attestation, digest, pem, signature};
use trust_testkit::judge::{image_with, judge, pod, request};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const IMAGE: &str = "ghcr.io/acme/app:v1";

/// A policy that requires a signature by the key of seed 1.
fn policies(mode: &str) -> PolicySet {
    let policies = PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  mode: {mode}\n  images: ['ghcr.io/acme/**']\n  \
         signers: {{release: {{publicKey: \"{}\", transparencyLog: false}}}}\n  require: {{signatures: {{from: [release]}}}}\n",
        pem(1)
    ));
    policies.unwrap()
}

/// The verdict on a Pod whose image the key of this seed signed, by that policy.
fn verdict(image: &str, seed: u8, mode: &str) -> Verdict {
    let mut object = pod(image);
    object["metadata"]["namespace"] = "shop".into();
    let found = image_with(vec![signature(seed, &digest(), &json!({}))]);
    judge(&policies(mode), &request(object), &found, &Trust::keys_only(), NOW)
}

#[test]
fn a_problem_says_what_the_tree_says_without_the_tree() {
    assert_eq!(verdict(IMAGE, 1, "Enforce").problems(), []);
    let problems = verdict(IMAGE, 2, "Enforce").problems();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    let found = (problem.container.as_deref(), problem.image.as_deref(), problem.digest.as_ref());
    assert_eq!(found, (Some("c"), Some(IMAGE), Some(&digest())));
    assert_eq!(json!(problem.code), json!("wrongKey"));
    assert!(problem.message.contains("signature is not by"), "{}", problem.message);
    assert!(!problem.message.contains('\n'));
}

const VULNS: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// A scan that is too old and a vulnerability that it found are two problems, which different people mend.
#[test]
fn what_is_mended_apart_is_a_problem_of_its_own() {
    let policies = PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers: {{scanner: {{publicKey: \"{}\", transparencyLog: false}}}}\n  \
         require: {{vulnerabilities: {{from: [scanner], severities: [critical], maxAge: 1h}}}}\n",
        pem(1)
    ));
    let old = "2026-10-01T00:00:00Z";
    let scan = json!({"invocation": {}, "scanner": {"uri": "trivy", "version": "0.60", "db": {"lastUpdate": old}, "result": {
        "SchemaVersion": 2, "ArtifactName": "a", "Trivy": {"Version": "0.60"}, "Metadata": {"OS": {"Family": "alpine", "Name": "3"}},
        "Results": [{"Target": "t", "Class": "os-pkgs", "Vulnerabilities": [{"VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3",
            "InstalledVersion": "3.0.8-r3", "FixedVersion": "3.0.9-r0", "Status": "fixed", "Severity": "CRITICAL",
            "PkgIdentifier": {"PURL": "pkg:apk/alpine/libssl3@3.0.8-r3"}}]}]}},
        "metadata": {"scanStartedOn": old, "scanFinishedOn": old}});
    let found = image_with(vec![attestation(1, VULNS, &scan)]);
    let problems =
        judge(&policies.unwrap(), &request(pod(IMAGE)), &found, &Trust::keys_only(), NOW).problems();
    let codes: Vec<_> = problems.iter().map(|one| json!(one.code)).collect();
    assert_eq!(codes, ["scanTooOld", "vulnerable"]);
    assert_eq!(problems[0].vulnerabilities, []);
    let vulnerable = &problems[1].vulnerabilities[0];
    assert_eq!((vulnerable.id.as_str(), vulnerable.severity.as_str()), ("CVE-2026-1", "critical"));
    assert_eq!(vulnerable.fixed_in, ["3.0.9-r0"]);
}

#[test]
fn sarif_has_a_result_for_each_problem() {
    let verdicts = [verdict(IMAGE, 1, "Enforce"), verdict(IMAGE, 2, "Enforce"), verdict(IMAGE, 2, "Audit")];
    let sarif = to_sarif(&verdicts, Some("pods.yaml"));
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let levels: Vec<_> = results.iter().map(|one| one["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["error", "note"]);
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], "p/require");
    let place = &results[0]["locations"][0];
    assert_eq!(place["logicalLocations"][0]["fullyQualifiedName"], "shop/Pod/web/c");
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "pods.yaml");
    // The same problem has the same fingerprint, and another image another one.
    let fingerprint =
        |sarif: &Value, at: usize| sarif["runs"][0]["results"][at]["partialFingerprints"].clone();
    assert_eq!(fingerprint(&sarif, 0), fingerprint(&to_sarif(&[verdict(IMAGE, 2, "Enforce")], None), 0));
    let uncovered = to_sarif(&[verdict("docker.io/library/nginx", 1, "Enforce")], None);
    let place = &uncovered["runs"][0]["results"][0]["locations"][0]["logicalLocations"][0];
    assert_eq!(place["fullyQualifiedName"], "shop/Pod/web/c", "a container has one name");
    assert_eq!(uncovered["runs"][0]["results"][0]["ruleId"], "uncovered");
    assert_ne!(fingerprint(&sarif, 0), fingerprint(&uncovered, 0));
}

#[test]
fn a_summary_is_read_back_as_it_was_written() {
    let policies = Digest::sha256(b"policies");
    for (seed, result) in [(1, "PASSED"), (2, "FAILED")] {
        let summaries = verdict(IMAGE, seed, "Audit").to_summaries("https://ci.example/", &policies, NOW);
        let [summary] = &summaries[..] else { panic!("{summaries:?}") };
        assert_eq!(summary["predicate"]["verificationResult"], result);
        let levels = if result == "PASSED" { json!([]) } else { json!(["FAILED"]) };
        assert_eq!(summary["predicate"]["verifiedLevels"], levels);
        let statement = Statement::from_json(summary.to_string().as_bytes()).unwrap();
        let Predicate::VerificationSummary(read) = Predicate::of(&statement, &Limits::default()).unwrap()
        else {
            panic!("{summary}")
        };
        assert_eq!((read.verifier.as_str(), read.has_passed), ("https://ci.example/", result == "PASSED"));
        assert_eq!(read.resource, format!("oci://ghcr.io/acme/app@{}", digest()));
    }
}

/// A rule of which it is not known whether it applies may be about the image: it has not passed.
#[test]
fn an_image_that_a_rule_could_not_judge_has_not_passed() {
    let rule = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: q}\nspec:\n  validationFailureAction: Audit\n  rules:\n  \
        - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    preconditions: {all: [{key: \"{{ request.object.absent }}\", \
        operator: Equals, value: a}]}\n    validate: {pattern: {spec: {hostNetwork: false}}}\n";
    let mut policies = policies("Audit");
    policies.extend(PolicySet::from_yaml(rule).unwrap());
    let found = image_with(vec![signature(1, &digest(), &json!({}))]);
    let verdict = judge(&policies, &request(pod(IMAGE)), &found, &Trust::keys_only(), NOW);
    let summaries = verdict.to_summaries("https://ci.example/", &Digest::sha256(b"policies"), NOW);
    assert_eq!(summaries[0]["predicate"]["verificationResult"], "FAILED", "{verdict}");
}

#[test]
fn a_report_that_is_full_has_what_fails() {
    let rules: String = (0..600)
        .map(|index| {
            let image = if index == 599 { "other/*" } else { "ghcr.io/*" };
            format!(
                "  - name: r{index}\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    \
                validate: {{pattern: {{spec: {{containers: [{{image: \"{image}\"}}]}}}}}}\n"
            )
        })
        .collect();
    let policy = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: q}}\nspec:\n  rules:\n{rules}"
    );
    let policies = PolicySet::from_yaml(&policy).unwrap();
    let report = judge(&policies, &request(pod(IMAGE)), &image_with(vec![]), &Trust::keys_only(), NOW)
        .to_report(ReportKind::PolicyReport, NOW);
    assert_eq!((report["results"].as_array().unwrap().len(), &report["summary"]["pass"]), (500, &json!(599)));
    assert_eq!(
        (&report["results"][0]["rule"], &report["results"][0]["result"]),
        (&json!("r599"), &json!("fail"))
    );
}

#[test]
fn whatever_an_image_says_is_text_in_a_page() {
    let hostile = "ghcr.io/acme/<script>alert(1)</script>\"'&\u{202e}";
    let page =
        Page::of_verdicts(&[verdict(hostile, 1, "Enforce"), verdict(IMAGE, 2, "Audit")], NOW).to_string();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}"), "{page}");
    assert_eq!((page.matches("<script").count(), page.matches("</style").count()), (1, 1));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" src="), "{page}");
    assert!(page.contains("<span class=\"reported\">1 reported</span>"), "{page}");
    assert!(page.contains("data-namespace=\"shop\" data-policy=\"p\" data-outcome=\"reported\""), "{page}");
    let rows = page.lines().filter(|line| line.starts_with("<tr data-")).count();
    assert_eq!(rows, page.matches("</td></tr>").count());
    let sarif =
        to_sarif(&[verdict("evil.example/{0}[a](https://evil.example)", 1, "Enforce")], Some("a b/c%.yaml"));
    let result = &sarif["runs"][0]["results"][0];
    let text = result["message"]["text"].as_str().unwrap();
    assert!(text.contains("{{0}}\\[a\\](https://evil.example)"), "{text}");
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a%20b/c%25.yaml");
}

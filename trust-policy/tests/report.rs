//! Verdicts in the forms that other programs and people read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::{Value, json};
use trust_core::{Digest, Statement, UnixTime};
use trust_policy::{Page, PolicySet, Trust, Verdict, to_sarif};
use trust_sbom::{Limits, Predicate};
use trust_testkit::artifacts::{digest, pem, signature};
use trust_testkit::judge::{image_with, judge, pod, request};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const IMAGE: &str = "ghcr.io/acme/app:v1";

/// The verdict on a Pod whose image the key of this seed signed, by a policy that requires that of seed 1.
fn verdict(image: &str, seed: u8, mode: &str) -> Verdict {
    let policies = PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1alpha1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  mode: {mode}\n  images: ['ghcr.io/acme/**']\n  \
         signers: {{release: {{publicKey: \"{}\", transparencyLog: false}}}}\n  require: {{signatures: {{from: [release]}}}}\n",
        pem(1)
    ));
    let mut object = pod(image);
    object["metadata"]["namespace"] = "shop".into();
    let found = image_with(vec![signature(seed, &digest(), &json!({}))]);
    judge(&policies.unwrap(), &request(object), &found, &Trust::keys_only(), NOW)
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

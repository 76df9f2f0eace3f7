//! Images that are not judged until a time, and those that must be judged by some policy.

use serde_json::json;
use trust_policy::{Outcome, PolicySet, ReasonCode, ReportKind, Uncovered};
use trust_testkit::artifacts::{digest, signature};
use trust_testkit::judge::{allowed, denied, pod, request};

use crate::{IMAGE, NOW, judge_by, policy};

const REQUIRE: &str = "{signatures: {from: [release]}}";

/// The policy with these fields more.
fn with(more: &str) -> String {
    policy(REQUIRE).replace("  signers:", &format!("  {more}\n  signers:"))
}

#[test]
fn an_exception_is_for_images_and_ends() {
    let exception = |which: &str, expires: &str| {
        with(&format!(
            "exceptions: [{{{which}, reason: waits for CVE-1, owner: team-web, expires: '{expires}'}}]"
        ))
    };
    let judge = |text: &str| judge_by(&PolicySet::from_yaml(text).unwrap(), vec![], IMAGE);
    let by_name = "images: ['ghcr.io/acme/app']";
    let verdict = judge(&exception(by_name, "2026-12-01"));
    allowed(&verdict);
    assert!(verdict.images.is_empty() && verdict.patch.is_empty(), "nothing was verified: {verdict}");
    assert_eq!(verdict.rules[0].outcome, Outcome::Skip);
    let found = &verdict.rules[0].explanations[0];
    let granted = found.exception.as_deref().unwrap();
    assert_eq!((granted.name.as_str(), granted.owner.as_deref()), ("spec.exceptions[0]", Some("team-web")));
    assert_eq!(granted.reason.as_deref(), Some("waits for CVE-1"));
    assert_eq!(
        (granted.expires, found.until),
        (Some("2026-12-01T00:00:00Z".parse().unwrap()), granted.expires)
    );
    let report = verdict.to_report(ReportKind::PolicyReport, NOW);
    assert_eq!(report["summary"]["skip"], 1, "{report}");
    let row = &report["results"][0];
    assert_eq!(
        (
            &row["result"],
            &row["properties"]["exception"],
            &row["properties"]["owner"],
            &row["properties"]["expires"]
        ),
        (&json!("skip"), &json!("waits for CVE-1"), &json!("team-web"), &json!("2026-12-01T00:00:00Z")),
    );
    // What is excepted by digest is pinned to it; where a rule pins nothing, a tag is not excepted so.
    let by_digest = exception(&format!("digests: ['{}']", digest()), "2026-12-01");
    let verdict = judge(&by_digest);
    allowed(&verdict);
    assert_eq!(verdict.patch[0].value, format!("{IMAGE}@{}", digest()));
    let unpinned = by_digest.replace("  signers:", "  pinDigest: false\n  signers:");
    denied(&judge(&unpinned), ReasonCode::NotFound, "found no signature");
    let named = judge_by(
        &PolicySet::from_yaml(&unpinned).unwrap(),
        vec![],
        &format!("ghcr.io/acme/app@{}", digest()),
    );
    allowed(&named);
    // What cannot be read is excepted by no name.
    let text = exception("images: ['**']", "2026-12-01");
    let unreadable = judge_by(&PolicySet::from_yaml(&text).unwrap(), vec![], "ghcr.io/acme/app@sha256:zz");
    denied(&unreadable, ReasonCode::Malformed, "");
    for other in [
        "images: ['ghcr.io/acme/other']",
        "digests: ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']",
    ] {
        denied(&judge(&exception(other, "2026-12-01")), ReasonCode::NotFound, "found no signature");
    }
    let ended = judge(&exception(by_name, "2026-11-18T00:00:00Z"));
    denied(&ended, ReasonCode::NotFound, "ended at 2026-11-18T00:00:00Z: waits for CVE-1 (team-web)");
    for (wrong, expected) in [
        (exception("reason: again", "2026-12-01"), "reason"),
        (exception("images: []", "2026-12-01"), "expected at least one element"),
        (
            exception(by_name, "soon"),
            "`spec.exceptions[0].expires` is `soon`, expected a date such as `2027-01-31`",
        ),
        (
            exception(by_name, "2026-12-01").replace("owner: team-web", "owner: ' '"),
            "owner` is ` `, expected text that is not empty",
        ),
        (
            exception(by_name, "2026-12-01").replace("owner: team-web, ", ""),
            "`spec.exceptions[0].owner` is absent",
        ),
        (
            exception(by_name, "2026-12-01").replace(by_name, "reason: x").replacen("reason: x, ", "", 1),
            "at least one of `images` and `digests`",
        ),
    ] {
        let found = PolicySet::from_yaml(&wrong).unwrap_err().to_string();
        assert!(found.contains(expected), "{wrong}: {found}");
    }
}

#[test]
fn an_image_that_no_policy_judges_is_denied_where_every_one_must_be() {
    let judge = |text: &str, second: &str| {
        let mut object = pod(IMAGE);
        let containers = object["spec"]["containers"].as_array_mut().unwrap();
        containers.push(json!({"name": "second", "image": second}));
        let policies = PolicySet::from_yaml(text).unwrap().with_uncovered(Uncovered::Allow);
        let artifacts = vec![signature(1, &digest(), &json!({}))];
        let found = trust_testkit::judge::image_with(artifacts);
        trust_testkit::judge::judge(
            &policies,
            &request(object),
            &found,
            &trust_policy::Trust::keys_only(),
            NOW,
        )
    };
    let (every, plain) = (with("everyImage: judged"), with("mode: Enforce"));
    allowed(&judge(&plain, "docker.io/library/redis"));
    allowed(&judge(&every, "ghcr.io/acme/second"));
    let verdict = judge(&every, "docker.io/library/redis");
    assert_eq!(verdict.decision, trust_policy::Decision::Deny, "{verdict}");
    assert!(verdict.to_string().contains("found no rule about images that judges it"), "{verdict}");
    // Another policy that judges the image is enough, whatever its place.
    let redis = policy("{registries: ['docker.io/library/*']}")
        .replace("ghcr.io/acme/**", "docker.io/**")
        .replace("name: p", "name: redis");
    allowed(&judge(&format!("{every}---\n{redis}"), "docker.io/library/redis"));
    allowed(&judge(&format!("{redis}---\n{every}"), "docker.io/library/redis"));
    // One that only reports judges it all the same.
    let reporting =
        redis.replace("spec:", "spec:\n  mode: Audit").replace("docker.io/library/*", "quay.io/*");
    allowed(&judge(&format!("{every}---\n{reporting}"), "docker.io/library/redis"));
    let audited = judge(&with("everyImage: judged\n  mode: Audit"), "docker.io/library/redis");
    allowed(&audited);
    assert_eq!(audited.rules[0].outcome, Outcome::Fail, "{audited}");
    let wrong = PolicySet::from_yaml(&with("everyImage: seen")).unwrap_err().to_string();
    assert!(wrong.contains("`spec.everyImage` is `seen`, expected `judged`"), "{wrong}");
}

//! The four policies that published articles print, as they print them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use trust_core::{Digest, TrustRoot};
use trust_policy::{
    Decision, Evidence, Mode, PolicySet, Request, Requirement, Resource, Signer, Trust, Uncovered, Verdict,
    evaluate,
};
use trust_testkit::judge::{self, image_with};

/// The text of a policy; `None` where there are no vectors.
fn published(name: &str) -> Option<String> {
    let file = trust_testkit::vectors::vectors(&format!("policy/seeds/{name}"))?;
    Some(std::fs::read_to_string(file).unwrap())
}

/// A pod with one container, and maybe another list of containers.
fn pod(image: &str, more: &str) -> Request {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers: [{{name: c, image: '{image}'}}]\n{more}"
    );
    Resource::from_yaml(&text).unwrap().remove(0).into()
}

/// Judges with every image there, and no signature on any of them.
fn judge(policies: &PolicySet, request: &Request) -> Verdict {
    let (trust, now) = (Trust::new(TrustRoot::public_good()), "2026-11-22T00:00:00Z".parse().unwrap());
    judge::judge(policies, request, &image_with(vec![]), &trust, now)
}

#[test]
fn require_signed_images_is_about_its_own_organization() {
    let Some(text) = published("ch27-0-require-signed-images.yaml") else { return };
    let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
    let Requirement::Images { rules, .. } = &policies.policies()[0].rules[0].requirement else {
        panic!("images")
    };
    let rule = &rules[0];
    assert!(rule.pins_digest && rule.needs_digest && rule.mode.default == Mode::Enforce);
    assert_eq!(rule.signatures[0].count(), None);
    assert!(rule.signatures[0].attestors()[0].needs_log_entry);
    assert_eq!(
        rule.signatures[0].attestors()[0].signer.to_string(),
        "`https://github.com/myorg/*` (issuer `https://token.actions.githubusercontent.com`)"
    );
    assert_eq!(judge(&policies, &pod("ghcr.io/myorg/a:1", "")).decision, Decision::Deny);
    assert_eq!(judge(&policies, &pod("ghcr.io/other/a:1", "")).decision, Decision::Allow);
}

#[test]
fn restrict_registries_demands_init_containers_as_written() {
    let Some(text) = published("ch27-1-restrict-registries.yaml") else { return };
    let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
    let lint = policies.policies()[0].lints[0].to_string();
    assert!(lint.contains("did you mean `=(initContainers)`?"), "{lint}");

    let without = judge(&policies, &pod("ghcr.io/myorg/a", ""));
    assert_eq!(without.decision, Decision::Deny);
    let text = without.to_string();
    assert!(text.contains("/spec/initContainers: found nothing, expected a list"), "{text}");
    assert!(text.contains("Images must come from approved registries."), "{text}");

    let init = |image: &str| format!("  initContainers: [{{name: i, image: '{image}'}}]\n");
    let digest = Digest::sha256(b"");
    for (image, other, decision) in [
        ("ghcr.io/myorg/a:1", "registry.internal.company.com/b:1", Decision::Allow),
        (&format!("ghcr.io/myorg/a@{digest}"), "ghcr.io/myorg/b", Decision::Allow),
        ("ghcr.io/myorg/a", "docker.io/b", Decision::Deny),
        ("docker.io/a", "ghcr.io/myorg/b", Decision::Deny),
        ("ghcr.io/myorg.evil/a", "ghcr.io/myorg/b", Decision::Deny),
    ] {
        let verdict = judge(&policies, &pod(image, &init(other)));
        assert_eq!(verdict.decision, decision, "{verdict}");
    }
    // As written, ephemeral containers are not looked at.
    let more = init("ghcr.io/myorg/b") + "  ephemeralContainers: [{name: e, image: docker.io/evil}]\n";
    assert_eq!(judge(&policies, &pod("ghcr.io/myorg/a", &more)).decision, Decision::Allow);
    let cron_job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec: {jobTemplate: {spec: {template: {spec: \
        {containers: [{image: docker.io/a}], initContainers: []}}}}}\n";
    let verdict = judge(&policies, &Resource::from_yaml(cron_job).unwrap().remove(0).into());
    let place = "/spec/jobTemplate/spec/template/spec/containers/0/image: found `docker.io/a`";
    assert!(verdict.decision == Decision::Deny && verdict.to_string().contains(place), "{verdict}");
    // Controllers are judged by their template.
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: \
        {containers: [{image: docker.io/a}], initContainers: []}}}\n";
    let verdict = judge(&policies, &Resource::from_yaml(deployment).unwrap().remove(0).into());
    let place = "/spec/template/spec/containers/0/image: found `docker.io/a`";
    assert!(verdict.decision == Decision::Deny && verdict.to_string().contains(place), "{verdict}");
}

#[test]
fn check_image_matches_short_names_and_needs_the_log() {
    let Some(text) = published("zero-trust-check-image.yaml") else { return };
    let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
    let Requirement::Images { rules, .. } = &policies.policies()[0].rules[0].requirement else {
        panic!("images")
    };
    let [set] = &rules[0].signatures[..] else { panic!("one set") };
    assert!(matches!(&set.attestors()[0].signer, Signer::Key(_)));
    assert!(set.attestors()[0].needs_log_entry && rules[0].mode.default == Mode::Enforce);
    assert_eq!(judge(&policies, &pod("gkovan/quarkus-base-image:1.0", "")).decision, Decision::Deny);
    assert_eq!(judge(&policies, &pod("docker.io/gkovan/a", "")).decision, Decision::Deny);
    assert_eq!(judge(&policies, &pod("quay.io/gkovan/a", "")).decision, Decision::Allow);
}

#[test]
fn verify_image_signature_names_its_placeholder_key() {
    let Some(text) = published("control-plane-verify-image-signature.yaml") else { return };
    let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
    for image in ["gcr.io/a/b:1", "eu.gcr.io/a/b:1", "us-docker.pkg.dev/a/b:1", "evil.com/x.gcr.io/y"] {
        let verdict = judge(&policies, &pod(image, ""));
        let text = verdict.to_string();
        assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
        let reason = ".attestors[0].entries[0].keys: the policy's key cannot be used: found no PEM block with a \
                      public key: found `...your public key...` between BEGIN and END, expected base64";
        assert!(text.contains(reason), "{text}");
    }
    // Also where nothing could be fetched.
    let (trust, now) = (Trust::keys_only(), "2026-11-22T00:00:00Z".parse().unwrap());
    let verdict = evaluate(&policies, &pod("gcr.io/a/b:1", ""), &Evidence::default(), &trust, now);
    assert!(verdict.to_string().contains(".attestors[0].entries[0].keys: the policy's key"), "{verdict}");
    assert_eq!(judge(&policies, &pod("ghcr.io/a/b:1", "")).decision, Decision::Allow);
    let lints: Vec<_> = policies.policies()[0].lints.iter().map(ToString::to_string).collect();
    assert!(lints.iter().any(|lint| lint.contains("`evil.example/x.gcr.io/*`")), "{lints:?}");
}

#[test]
fn a_requirement_that_names_nobody_verifies_nothing() {
    let text = "{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: a}, spec: {validationFailureAction: \
        Enforce, rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, verifyImages: [{imageReferences: ['*']}]}]}}";
    let verdict = judge(&PolicySet::from_yaml(text).unwrap(), &pod("ghcr.io/a/b:1", ""));
    assert_eq!(
        (verdict.decision, verdict.patch.len(), verdict.images.len()),
        (Decision::Allow, 1, 0),
        "{verdict}"
    );
}

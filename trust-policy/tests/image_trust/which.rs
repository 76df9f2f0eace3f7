//! Of which of several attestations something must hold, and when they were signed.

use serde_json::{Value, json};
use trust_core::{Digest, TrustRoot, UnixTime};
use trust_policy::{Artifact, ImageEvidence, PolicySet, ReasonCode, Trust, Verdict, evaluate};
use trust_testkit::artifacts::attestation;
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};
use trust_testkit::sigstore::world::{ARTIFACT, Content, World};
use trust_testkit::sigstore::{extension, tlv};

use crate::{CYCLONEDX, IMAGE, judge, log4j, sbom};

const NOW: UnixTime = UnixTime::from_seconds(1_780_315_500); // 2026-06-01T12:05:00Z

#[test]
fn an_expression_is_about_what_is_attested() {
    let judge = |rest: &str, values: &[i64]| {
        let require = format!("{{attestations: [{{type: t, from: [release], {rest}}}]}}");
        let attested = values.iter().map(|value| attestation(1, "t", &json!({"score": value})));
        judge(&require, attested.collect())
    };
    let expression = "expression: predicateType == 't' && predicate.score >= 7";
    allowed(&judge(expression, &[7, 9]));
    denied(&judge(expression, &[9, 6]), ReasonCode::Condition, "does not hold");
    allowed(&judge(&format!("which: any, {expression}"), &[6, 9]));
    denied(&judge(&format!("which: any, {expression}"), &[6]), ReasonCode::Condition, "does not hold");
    denied(&judge(expression, &[]), ReasonCode::NotFound, "found no attestation of type `t`");
    // What a key alone signs is at no time, so which of two is the last is unknown; the same twice is one.
    allowed(&judge(&format!("which: latest, {expression}"), &[9]));
    allowed(&judge(&format!("which: latest, {expression}"), &[9, 9]));
    let unknown = judge(&format!("which: latest, {expression}"), &[9, 8]);
    denied(&unknown, ReasonCode::Unresolved, "cannot determine which attestation is the latest");
    let absent = judge("expression: predicate.other == 1", &[9]);
    denied(&absent, ReasonCode::Unresolved, "cannot be determined");
    for (wrong, expected) in [
        ("which: all", "expected no `which` without an `expression`"),
        ("which: some, expression: 'true'", "`which` is `some`"),
        ("expression: object.kind == 'Pod'", "name `object` is not known"),
        ("expression: 'verifyImageSignatures(predicate, [])'", "verifyImageSignatures"),
    ] {
        let text = crate::policy(&format!("{{attestations: [{{type: t, from: [release], {wrong}}}]}}"));
        let found = PolicySet::from_yaml(&text).unwrap_err().to_string();
        assert!(found.contains(expected.trim_start_matches("`which` is ")), "{wrong}: {found}");
    }
}

#[test]
fn all_or_any_of_several_documents() {
    let require = |which: &str| {
        format!("{{provenance: {{from: [release], which: {which}, builders: ['https://ci.example/*']}}}}")
    };
    let provenance = |builder: &str| {
        let predicate = json!({"buildDefinition": {"buildType": "t", "externalParameters": {}}, "runDetails": {"builder": {"id": builder}}});
        attestation(1, "https://slsa.dev/provenance/v1", &predicate)
    };
    let both = || vec![provenance("https://ci.example/1"), provenance("https://laptop.example")];
    allowed(&judge(&require("any"), both()));
    denied(&judge(&require("all"), both()), ReasonCode::Condition, "found `https://laptop.example`");
    allowed(&judge(&require("all"), vec![provenance("https://ci.example/1")]));
    let sboms = || {
        vec![
            attestation(1, CYCLONEDX, &sbom(&log4j("2.17.1"))),
            attestation(1, CYCLONEDX, &sbom(&log4j("2.14.1"))),
        ]
    };
    let deny = "deny: [{name: log4j-core, versions: 'vers:maven/<2.15.0'}]";
    allowed(&judge(&format!("{{sbom: {{from: [release], which: any, {deny}}}}}"), sboms()));
    let all = judge(&format!("{{sbom: {{from: [release], {deny}}}}}"), sboms());
    denied(&all, ReasonCode::Condition, "denied package");
}

/// An attestation by an identity, signed and timestamped at a time, and the root that vouches for it.
fn by_identity(predicate: &Value, time: &'static str) -> (Artifact, TrustRoot) {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "ghcr.io/acme/app", "digest": {"sha256": Digest::sha256(ARTIFACT).to_hex()}}],
        "predicateType": "t",
        "predicate": predicate,
    });
    let mut world = World::new();
    world.content = Content::Payload(Box::leak(statement.to_string().into_boxed_str()));
    world.stamps[0].time = time;
    let utf8 = |text: &str| tlv(0x0c, text.as_bytes());
    world.leaf_extensions = vec![
        extension("1.3.6.1.4.1.57264.1.9", false, &utf8("https://github.com/acme/workflows/release.yml@v1")),
        extension("1.3.6.1.4.1.57264.1.12", false, &utf8("https://github.com/acme/app")),
    ];
    let (bundle, root) = world.make();
    let artifact = Artifact {
        location: format!("attested at {time}"),
        media_type: "application/vnd.dev.sigstore.bundle.v0.3+json".to_owned(),
        annotations: std::collections::BTreeMap::new(),
        content: bundle.to_string().into_bytes().into(),
    };
    (artifact, TrustRoot::from_json(root.to_string().as_bytes()).unwrap())
}

fn judge_identity(signer: &str, require: &str, attested: &[(i64, &'static str)]) -> Verdict {
    let text = format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers:\n    ci: {{issuer: 'https://token.actions.githubusercontent.com', subject: 'https://github.com/org/app/*'{signer}}}\n  \
         require: {require}\n"
    );
    let policies = PolicySet::from_yaml(&text).unwrap();
    let (artifacts, roots): (Vec<_>, Vec<_>) =
        attested.iter().map(|(score, time)| by_identity(&json!({"score": score}), time)).unzip();
    let image = ImageEvidence { artifacts, ..image_at(&Digest::sha256(ARTIFACT)) };
    let trust = Trust::new(roots.into_iter().next().unwrap());
    evaluate(&policies, &request(pod(IMAGE)), &evidence([(IMAGE, image)], []), &trust, NOW)
}

#[test]
fn the_latest_is_by_the_time_that_is_vouched_for() {
    let require = "{attestations: [{type: t, from: [ci], which: latest, expression: predicate.score >= 7}]}";
    let (first, second) = ("20260601120000Z", "20260601120100Z");
    allowed(&judge_identity("", require, &[(6, first), (9, second)]));
    allowed(&judge_identity("", require, &[(9, second), (6, first)]));
    denied(&judge_identity("", require, &[(9, first), (6, second)]), ReasonCode::Condition, "does not hold");
    // Of two at the same time, both.
    denied(&judge_identity("", require, &[(9, first), (6, first)]), ReasonCode::Condition, "does not hold");
    // What is said again is as late as its latest, in whatever order it is found.
    let third = "20260601120200Z";
    for (scores, decides) in
        [([(6, first), (6, third), (9, second)], 6), ([(9, first), (9, third), (6, second)], 9)]
    {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let verdict = judge_identity("", require, &order.map(|index: usize| scores[index]));
            match decides {
                9 => allowed(&verdict),
                _ => denied(&verdict, ReasonCode::Condition, "does not hold"),
            }
        }
    }
    let young = "{attestations: [{type: t, from: [ci], maxAge: 4m30s}]}";
    allowed(&judge_identity("", young, &[(1, second)]));
    denied(
        &judge_identity("", young, &[(1, first)]),
        ReasonCode::TooOld,
        "expected 2026-06-01T12:00:30Z or later",
    );
    // One must be both.
    let both = "{attestations: [{type: t, from: [ci], maxAge: 4m30s, which: any, expression: predicate.score >= 7}]}";
    allowed(&judge_identity("", both, &[(6, first), (9, second)]));
    denied(&judge_identity("", both, &[(9, first), (6, second)]), ReasonCode::TooOld, "");
}

#[test]
fn a_certificate_must_say_what_built_what() {
    let require = "{attestations: [{type: t, from: [ci]}]}";
    let judge = |extensions: &str| {
        judge_identity(&format!(", extensions: {{{extensions}}}"), require, &[(1, "20260601120000Z")])
    };
    allowed(&judge(
        "buildSignerUri: 'https://github.com/acme/workflows/*', sourceRepositoryUri: 'https://github.com/acme/app'",
    ));
    let other = judge("sourceRepositoryUri: 'https://github.com/acme/other'");
    denied(&other, ReasonCode::WrongIdentity, "SourceRepositoryUri `https://github.com/acme/app`");
    denied(&judge("runnerEnvironment: github-hosted"), ReasonCode::WrongIdentity, "RunnerEnvironment");
    for (signer, expected) in [
        ("{issuer: i, subject: s, extensions: {}}", "expected at least one extension"),
        (
            "{issuer: i, subject: s, extensions: {sourceRepositoryUrl: x}}",
            "did you mean `sourceRepositoryUri`?",
        ),
        ("{publicKey: x, extensions: {issuer: x}}", "expected `extensions` only beside `subject`"),
    ] {
        let text = crate::policy("{registries: [a]}")
            .replace("signers:\n", &format!("signers:\n    ci: {signer}\n"));
        let found = PolicySet::from_yaml(&text).unwrap_err().to_string();
        assert!(found.contains(expected), "{signer}: {found}");
    }
}

#[test]
fn a_signature_names_the_image() {
    let judge = |pattern: &str| {
        let artifacts =
            vec![trust_testkit::artifacts::signature(1, &trust_testkit::artifacts::digest(), &json!({}))];
        judge(&format!("{{signatures: {{from: [release], signedNames: ['{pattern}']}}}}"), artifacts)
    };
    allowed(&judge("ghcr.io/acme/*"));
    let other = judge("ghcr.io/other/app");
    denied(
        &other,
        ReasonCode::OtherImage,
        "signature names the image `ghcr.io/acme/app`, expected `ghcr.io/other/app`",
    );
}

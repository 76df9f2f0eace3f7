//! policy-controller's `ClusterImagePolicy`: its own documents and globs, and what its authorities decide.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod trust_roots;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::{Digest, PublicKey, UnixTime};
use trust_policy::{
    Artifact, AttestationRequirement, Attestor, AttestorSet, Decision, Evidence, FailureKind, FetchFailure,
    ImageAuthority, ImageRule, Policy, PolicySet, ReasonCode, ReferencePattern, Requirement, Signer, Trust,
    Verdict, Vouching, evaluate,
};
use trust_testkit::artifacts::{attestation, digest, pem, signature};
use trust_testkit::judge::{self, allowed, denied, image_with, pod, request};
use trust_testkit::vectors::vectors;

/// Documents that are valid there and refused here, by a part of the file's name, and the reason.
const LEDGER: [(&str, &str); 4] = [
    ("cip-policy-from-url", "`spec.policy.remote` is not implemented"),
    ("cip-keyless-with-attestations-rego", "policy.type` is not implemented"),
    // Refused there too, unless a flag says otherwise.
    ("empty-authorities_authorities-absent", "at least one authority"),
    ("empty-authorities_authorities-present", "at least one element"),
];

#[test]
fn documents_load_or_stand_in_the_ledger() {
    let Some(folder) = vectors("policy/cluster-image-policy") else { return };
    let (mut loaded, mut wrong) = (BTreeMap::<_, usize>::new(), Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for document in text.split("\n---").filter(|one| one.lines().any(|line| line.starts_with("kind:"))) {
            let read = PolicySet::from_yaml(document);
            let is_invalid = name.contains("_invalid_");
            let what = format!("invalid: {is_invalid}, loads: {}", read.is_ok());
            *loaded.entry(what).or_default() += 1;
            let known = LEDGER.iter().find(|(part, _)| name.contains(part));
            match (read, known) {
                (Ok(_), _) if is_invalid => wrong.push(format!("{name}: loads, and is invalid")),
                (Err(_), _) if is_invalid => {}
                (Ok(_), Some(_)) => wrong.push(format!("{name}: stands in the ledger, but loads")),
                (Err(error), None) => wrong.push(format!("{name}: {error}")),
                (Err(error), Some((_, reason))) if !error.to_string().contains(reason) => {
                    wrong.push(format!("{name}: {error}"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{loaded:?}: {wrong:#?}");
    println!("{loaded:?}");
}

#[test]
fn globs_match_as_there() {
    let Some(file) = vectors("policy/cip-glob.json") else { return };
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for row in &rows {
        let (glob, image) = (row["glob"].as_str().unwrap(), row["image"].as_str().unwrap());
        let found = match ReferencePattern::sigstore(glob) {
            Ok(pattern) => pattern.matches(image).ok(),
            Err(_) => None,
        };
        let expected = (row["error"] == false).then(|| row["match"] == true);
        if found != expected {
            wrong.push(format!("{glob} {image}: {found:?}, expected {expected:?}"));
        }
    }
    assert!(rows.len() >= 30 && wrong.is_empty(), "of {}: {wrong:#?}", rows.len());
}

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const CUSTOM: &str = "https://cosign.sigstore.dev/attestation/v1";

/// A policy about the image with these authorities, in which `KEY1` to `KEY3` stand for keys.
fn policy(authorities: &str) -> String {
    let header = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\n";
    let mut text =
        format!("{header}spec: {{images: [{{glob: 'ghcr.io/acme/**'}}], authorities: {authorities}}}\n");
    for seed in 1..=3 {
        text = text.replace(&format!("KEY{seed}"), &format!("\"{}\"", pem(seed)));
    }
    text
}

fn judge_by(policies: &str, object: Value, artifacts: Vec<Artifact>) -> Verdict {
    let policies = PolicySet::from_yaml(policies).unwrap();
    judge::judge(&policies, &request(object), &image_with(artifacts), &Trust::keys_only(), NOW)
}

fn judged(authorities: &str, artifacts: Vec<Artifact>) -> Verdict {
    judge_by(&policy(authorities), pod(IMAGE), artifacts)
}

fn signed(seed: u8) -> Artifact {
    signature(seed, &digest(), &json!({}))
}

fn attested(seed: u8, kind: &str) -> Artifact {
    attestation(seed, kind, &json!({"Data": "x", "Timestamp": "2026-11-01T00:00:00Z"}))
}

#[test]
fn one_authority_is_enough() {
    let one = "[{key: {data: KEY1}}]";
    allowed(&judged(one, vec![signed(1)]));
    denied(&judged(one, vec![signed(2)]), ReasonCode::WrongKey, "none of 1 vouches for the image");
    denied(&judged(one, vec![]), ReasonCode::NotFound, "authority-0");
    denied(
        &judged(one, vec![signature(1, &Digest::sha256(b"other"), &json!({}))]),
        ReasonCode::OtherImage,
        "",
    );

    let two = "[{name: build, key: {data: KEY1}}, {name: release, key: {data: KEY2}}]";
    let verdict = judged(two, vec![signed(2)]);
    allowed(&verdict);
    assert!(verdict.to_string().contains("release") && !verdict.to_string().contains("`build`"), "{verdict}");
    denied(&judged(two, vec![signed(3)]), ReasonCode::TooFewSigners, "none of 2 vouches for the image");
    // Several keys in one authority: a signature by any of them.
    let keys = policy(one).replace(&pem(1), &format!("{}{}", pem(1), pem(2)));
    allowed(&judge_by(&keys, pod(IMAGE), vec![signed(2)]));
}

#[test]
fn what_is_static_needs_no_signature() {
    allowed(&judged("[{static: {action: pass}}]", vec![]));
    let fail = "[{static: {action: fail, message: not on my watch}}]";
    denied(&judged(fail, vec![signed(1)]), ReasonCode::Condition, "not on my watch");
    allowed(&judged("[{static: {action: fail}}, {key: {data: KEY1}}]", vec![signed(1)]));
}

#[test]
fn all_policies_that_match_must_be_satisfied() {
    let both = |second: &str| format!("{}---\n{}", policy("[{key: {data: KEY1}}]"), policy(second));
    let artifacts = || vec![signed(1)];
    allowed(&judge_by(&both("[{static: {action: pass}}]"), pod(IMAGE), artifacts()));
    let verdict = judge_by(&both("[{key: {data: KEY2}}]"), pod(IMAGE), artifacts());
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    // Where none matches, the image is not covered.
    let verdict = judge_by(&policy("[{static: {action: pass}}]"), pod("ghcr.io/other/app:v1"), artifacts());
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
}

#[test]
fn attestations_of_an_authority_are_all_needed_and_signatures_are_not() {
    let authorities = "[{key: {data: KEY1}, attestations: [{name: a, predicateType: custom}, {name: b, predicateType: vuln}]}]";
    allowed(&judged(authorities, vec![attested(1, CUSTOM), attested(1, VULN)]));
    for artifacts in
        [vec![attested(1, CUSTOM)], vec![attested(1, CUSTOM), attested(2, VULN)], vec![signed(1)], vec![]]
    {
        let verdict = judged(authorities, artifacts);
        assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    }
    // Each of several keys must have signed it.
    let one = "[{key: {data: KEY1}, attestations: [{name: a, predicateType: custom}]}]";
    let keys = policy(one).replace(&pem(1), &format!("{}{}", pem(1), pem(2)));
    allowed(&judge_by(&keys, pod(IMAGE), vec![attested(1, CUSTOM), attested(2, CUSTOM)]));
    denied(&judge_by(&keys, pod(IMAGE), vec![attested(1, CUSTOM)]), ReasonCode::TooFewSigners, "1 of 2");
}

#[test]
fn a_log_is_asked_where_the_policy_names_one() {
    let logged = "[{key: {data: KEY1}, ctlog: {url: 'https://rekor.sigstore.dev'}}]";
    denied(&judged(logged, vec![signed(1)]), ReasonCode::NotInLog, "log");
    allowed(&judged("[{key: {data: KEY1}, ctlog: {}}]", vec![signed(1)]));
    // What is not looked up here vouches for nothing, and says so.
    for authority in [
        "[{key: {kms: 'hashivault://release'}}]",
        "[{keyless: {ca-cert: {secretRef: {name: a}}, identities: [{issuer: a, subject: b}]}}]",
    ] {
        let policies = PolicySet::from_yaml(&policy(authority)).unwrap();
        assert_eq!(policies.policies()[0].lints.len(), 1, "{authority}");
        denied(&judged(authority, vec![signed(1)]), ReasonCode::UnusablePolicy, "not verified here yet");
    }
}

#[test]
fn what_cannot_be_fetched_denies_unless_another_authority_vouches() {
    let policies = PolicySet::from_yaml(&policy("[{key: {data: KEY1}}, {key: {data: KEY2}}]")).unwrap();
    let judged = |artifacts| {
        let mut found = image_with(artifacts);
        found.failures.push(FetchFailure {
            location: "referrers".to_owned(),
            kind: FailureKind::Unavailable,
            problem: "503".to_owned(),
        });
        judge::judge(&policies, &request(pod(IMAGE)), &found, &Trust::keys_only(), NOW)
    };
    allowed(&judged(vec![signed(2)]));
    let verdict = judged(vec![signed(3)]);
    assert!(verdict.decision == Decision::Deny && verdict.to_string().contains("503"), "{verdict}");
}

#[test]
fn mode_match_and_digest() {
    let warn = policy("[{key: {data: KEY1}}]").replace("spec: {", "spec: {mode: warn, ");
    let verdict = judge_by(&warn, pod(IMAGE), vec![signed(2)]);
    assert!(verdict.decision == Decision::Allow && verdict.to_string().contains("Warn"), "{verdict}");

    let verdict = judged("[{key: {data: KEY1}}]", vec![signed(1)]);
    assert_eq!(verdict.patch.len(), 1, "the digest is pinned: {verdict}");

    let matching = |text: &str| {
        policy("[{key: {data: KEY1}}]").replace("spec: {", &format!("spec: {{match: [{text}], "))
    };
    let of_deployments = matching("{group: apps, version: v1, resource: deployments}");
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
        "selector": {}, "template": pod(IMAGE)}});
    let verdict = judge_by(&of_deployments, deployment, vec![signed(2)]);
    denied(&verdict, ReasonCode::WrongKey, "authority-0");
    // A Pod is not meant, so its image is not covered.
    let verdict = judge_by(&of_deployments, pod(IMAGE), vec![signed(1)]);
    assert!(
        verdict.decision == Decision::Deny && verdict.rules.iter().all(|rule| rule.explanations.is_empty()),
        "{verdict}"
    );
    let labelled = matching("{version: v1, resource: pods, selector: {matchLabels: {env: prod}}}");
    let mut prod = pod(IMAGE);
    prod["metadata"]["labels"] = json!({"env": "prod"});
    denied(&judge_by(&labelled, prod, vec![]), ReasonCode::NotFound, "authority-0");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let refused = |authorities: &str, problem: &str| {
        let error = PolicySet::from_yaml(&policy(authorities)).unwrap_err().to_string();
        assert!(error.contains(problem), "{authorities}: {error}");
    };
    refused("[{}]", "`spec.authorities[0]` is");
    refused("[{key: {data: KEY1}, static: {action: pass}}]", "exactly one of `key`, `keyless` and `static`");
    refused(
        "[{static: {action: maybe}}]",
        "`spec.authorities[0].static.action` is `maybe`, expected `pass` or `fail`",
    );
    refused("[{static: {action: pass}, ctlog: {}}]", "expected no such field beside `static`");
    refused("[{key: {data: nothing}}]", "expected public keys in PEM");
    refused("[{key: {kms: 'awskms:///alias/a'}}]", "awskms://");
    refused("[{keyless: {url: 'https://f'}}]", "`spec.authorities[0].keyless.identities` is absent");
    refused("[{keyless: {identities: [{issuer: a}]}}]", "`subject` or `subjectRegExp`");
    refused(
        "[{keyless: {identities: [{issuer: a, subject: b, subjectRegExp: c}]}}]",
        "either this or `subject`",
    );
    refused(
        "[{key: {data: KEY1}, attestations: [{name: a, predicateType: wishes}]}]",
        "a type such as `vuln`",
    );
    refused("[{key: {data: KEY1}, source: [{oci: 'a:b:c'}]}]", "expected a repository");
    refused("[{key: {data: KEY1}, sources: []}]", "did you mean `source`?");
}

#[test]
fn one_attestation_must_be_what_its_policy_says() {
    let authorities = |cue: &str| {
        let cue = cue.replace('\n', "\\n").replace('"', "\\\"");
        format!(
            "[{{key: {{data: KEY1}}, attestations: [{{name: a, predicateType: custom, policy: {{type: cue, data: \"{cue}\"}}}}]}}]"
        )
    };
    let data = authorities(
        "predicateType: \"https://cosign.sigstore.dev/attestation/v1\"\npredicate: Data: \"x\"\n",
    );
    let other = || attestation(1, CUSTOM, &json!({"Data": "y"}));
    allowed(&judged(&data, vec![attested(1, CUSTOM)]));
    // Another one does not harm, unlike in Kyverno's policies.
    allowed(&judged(&data, vec![other(), attested(1, CUSTOM)]));
    denied(
        &judged(&data, vec![other()]),
        ReasonCode::Condition,
        "predicate.Data: found `\"y\"`, expected \"x\"",
    );
    denied(&judged(&data, vec![attested(2, CUSTOM)]), ReasonCode::WrongKey, "");

    let until = |time: &str| {
        authorities(&format!(
            "import \"time\"\nbefore: time.Parse(time.RFC3339, \"{time}\")\npredicate: {{\n  Timestamp: <before\n}}\n"
        ))
    };
    allowed(&judged(&until("2049-10-09T17:10:27Z"), vec![attested(1, CUSTOM)]));
    let verdict = judged(&until("2022-04-15T17:10:27Z"), vec![attested(1, CUSTOM)]);
    denied(&verdict, ReasonCode::Condition, "a time before 2022-04-15T17:10:27");
    let verdict = judged(&until("2049-10-09T17:10:27Z"), vec![other()]);
    denied(&verdict, ReasonCode::Condition, "predicate.Timestamp: found nothing");

    let refused = |policy: &str, problem: &str| {
        let text = policy_with(policy);
        let error = PolicySet::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains(problem), "{policy}: {error}");
    };
    refused(
        "{type: cue, data: 'predicate: string'}",
        "attestations[0].policy.data` has an expression that is not read: line 1: found `string`",
    );
    refused("{type: cue}", "expected `data`");
    refused("{type: rego, data: 'package sigstore'}", "policy.type` is not implemented");
    refused("{type: cue, configMapRef: {name: a}}", "policy.configMapRef` is not implemented");
    refused("{type: cue, fetchConfigFile: true, data: 'predicate: 1'}", "unknown field");
}

fn policy_with(policy: &str) -> String {
    self::policy(&format!(
        "[{{key: {{data: KEY1}}, attestations: [{{name: a, predicateType: custom, policy: {policy}}}]}}]"
    ))
}

#[test]
fn identities_need_a_log_unless_the_policy_says_that_there_is_none() {
    let needs_log = |ctlog: &str| {
        let identity = "keyless: {url: 'https://fulcio.sigstore.dev', identities: [{issuer: a, subject: b}]}";
        let policies = PolicySet::from_yaml(&policy(&format!("[{{{identity}{ctlog}}}]"))).unwrap();
        let Requirement::Images { rules, .. } = &policies.policies()[0].rules[0].requirement else {
            panic!()
        };
        let Vouching::Signature(set) = &rules[0].authorities[0].vouching else { panic!() };
        set.attestors()[0].needs_log_entry
    };
    assert!(needs_log("") && needs_log(", ctlog: {url: 'https://rekor.sigstore.dev'}"));
    assert!(!needs_log(", ctlog: {}"));
}

#[test]
fn authorities_of_the_model_that_ask_nothing_vouch_for_nothing() {
    let judged = |vouching: Vouching| {
        let mut rule = ImageRule::new(vec![ReferencePattern::sigstore("ghcr.io/acme/**").unwrap()]);
        rule.authorities = vec![ImageAuthority::new("a", vouching)];
        let policies = PolicySet::new(vec![Policy::about_images("p", rule)]);
        let found = image_with(vec![attested(1, CUSTOM)]);
        judge::judge(&policies, &request(pod(IMAGE)), &found, &Trust::keys_only(), NOW)
    };
    let key = |seed| {
        let pem = pem(seed).replace("\\n", "\n");
        let mut key = Attestor::new(Signer::Key(Box::new(PublicKey::from_pem(&pem).unwrap())));
        key.needs_log_entry = false;
        AttestorSet::new(vec![key]).unwrap()
    };
    let requirement = || AttestationRequirement::new(CUSTOM, key(1));
    allowed(&judged(Vouching::Attestations(vec![requirement()])));
    denied(&judged(Vouching::Attestations(vec![])), ReasonCode::UnusablePolicy, "names no attestation");
    let mut by_none = requirement();
    by_none.attestors.clear();
    denied(&judged(Vouching::Attestations(vec![by_none])), ReasonCode::UnusablePolicy, "names no signers");
    // No time of its signature is vouched for, so it is not known to be young.
    let mut young = requirement();
    young.max_age = Some(3_600_000);
    let verdict = judged(Vouching::Attestations(vec![young]));
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
}

#[test]
fn a_match_that_matches_nothing_is_refused() {
    for text in [
        "{resource: pods}",
        "{group: apps, version: v1, resource: pods}",
        "{group: '*', version: '*', resource: deployments}",
        "{version: v1, resource: secrets}",
    ] {
        let text = policy("[{key: {data: KEY1}}]").replace("spec: {", &format!("spec: {{match: [{text}], "));
        assert!(PolicySet::from_yaml(&text).unwrap_err().to_string().contains("spec.match[0]"), "{text}");
    }
}

#[test]
fn the_workload_and_the_configuration_must_be_what_the_policy_says() {
    let with = |policy: &str| {
        self::policy("[{static: {action: pass}}]")
            .replace("spec: {", &format!("spec: {{policy: {{type: cue, {policy}}}, "))
    };
    let of_pods = with("includeTypeMeta: true, data: 'typemeta: kind: \"Pod\"'");
    allowed(&judge_by(&of_pods, pod(IMAGE), vec![]));
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
        "selector": {}, "template": pod(IMAGE)}});
    let verdict = judge_by(&of_pods, deployment, vec![]);
    denied(&verdict, ReasonCode::Condition, "typemeta.kind: found `\"Deployment\"`, expected \"Pod\"");
    let labelled = with(
        "includeObjectMeta: true, includeSpec: true, data: \"metadata: labels: foo: \\\"bar\\\"\\nspec: \\\"serviceAccount\\\": \\\"default\\\"\"",
    );
    let mut good = pod(IMAGE);
    good["metadata"]["labels"] = json!({"foo": "bar"});
    good["spec"]["serviceAccount"] = "default".into();
    allowed(&judge_by(&labelled, good, vec![]));
    denied(&judge_by(&labelled, pod(IMAGE), vec![]), ReasonCode::Condition, "metadata.labels: found nothing");

    let refused = |policy: &str, problem: &str| {
        let error = PolicySet::from_yaml(&with(policy)).unwrap_err().to_string();
        assert!(error.contains(problem), "{policy}: {error}");
    };
    // What is not included, CUE would take for good.
    refused("data: 'typemeta: kind: \"Pod\"'", "found `typemeta`, expected");
    refused(
        "fetchConfigFile: true, data: 'authorityMatches: a: 1'",
        "line 1: found `1`, expected `signatures` or `attestations`",
    );
    refused("includeSpec: true, configMapRef: {name: a}", "`spec.policy.configMapRef` is not implemented");
    refused("fetchConfigFile: true, data: 'config: \"a\"'", "`config` with a field for each platform");
}

#[test]
fn the_configuration_is_asked_on_each_platform_that_the_image_has() {
    let user =
        |user: &str| json!({"architecture": "amd64", "os": "linux", "config": {"User": user}}).to_string();
    let judged = |policy: &str, config: String| {
        let text = self::policy("[{static: {action: pass}}]").replace(
            "spec: {",
            &format!("spec: {{policy: {{type: cue, fetchConfigFile: true, data: '{policy}'}}, "),
        );
        let policies = PolicySet::from_yaml(&text).unwrap();
        let needed = policies.requirements(&request(pod(IMAGE)), &Evidence::default(), NOW);
        assert_eq!(needed.documents, [IMAGE]);
        let manifest =
            json!({"config": {"digest": Digest::sha256(config.as_bytes())}, "layers": []}).to_string();
        let image = judge::image_at(&Digest::sha256(manifest.as_bytes()));
        let evidence = judge::evidence([(IMAGE, image)], [manifest, config]);
        evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW)
    };
    let numbered = "config: \"linux/amd64\": config: User: \"65532\"";
    allowed(&judged(numbered, user("65532")));
    denied(
        &judged(numbered, user("root")),
        ReasonCode::Condition,
        "config.linux/amd64.config.User: found `\"root\"`",
    );
    // The name of a field in another case is the same field for a runtime.
    allowed(&judged(numbered, user("65532").replace("User", "uSER")));
    // Of a platform that the image does not have nothing is asked.
    allowed(&judged("config: \"linux/arm/v7\": config: User: \"1\"", user("root")));
}

#[test]
fn authorities_vouch_together() {
    let authorities = "[{name: build, key: {data: KEY1}}, {name: release, key: {data: KEY2}}, {name: scan, key: {data: KEY3}, attestations: \
                       [{name: a, predicateType: custom}, {name: b, predicateType: vuln}]}]";
    let counted = |cue: &str| {
        policy(authorities)
            .replace("authorities:", &format!("policy: {{type: cue, data: {}}}, authorities:", json!(cue)))
    };
    let judged = |cue: &str, artifacts| judge_by(&counted(cue), pod(IMAGE), artifacts);
    let two = "import \"list\"\nauthorityMatches: {\n  build: signatures: list.MinItems(1)\n  release: signatures: list.MinItems(1) & list.MaxItems(1)\n}";
    allowed(&judged(two, vec![signed(1), signed(2)]));
    let one = judged(two, vec![signed(1)]);
    denied(&one, ReasonCode::TooFewSigners, "signatures by `release`: found `0`, expected 1 to 1");
    denied(
        &judged(two, vec![signed(1), signed(2), signed(2)]),
        ReasonCode::TooFewSigners,
        "found `2`, expected 1 to 1",
    );
    let scans =
        "authorityMatches: {\n  if len(authorityMatches.scan.attestations) < 2 {\n    a: 1\n    a: 2\n  }\n}";
    let both = || vec![signed(1), attested(3, CUSTOM), attested(3, VULN)];
    allowed(&judged(scans, both()));
    denied(
        &judged(scans, vec![signed(1), attested(3, VULN)]),
        ReasonCode::TooFewSigners,
        "attestations by `scan`: found `0`, expected 2 or more",
    );
    // What an authority does not vouch by has no number.
    let other = judged("authorityMatches: scan: signatures: list.MinItems(1)", both());
    denied(&other, ReasonCode::TooFewSigners, "signatures by `scan`: found `0`");
    let unknown = PolicySet::from_yaml(&counted("authorityMatches: nobody: signatures: list.MinItems(1)"))
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("expected counts of its own authorities, not of `nobody`"), "{unknown}");
    // Of two of one name one would not be counted.
    for (authorities, name) in [
        ("[{name: a, key: {data: KEY1}}, {name: a, key: {data: KEY2}}]", "a"),
        ("[{key: {data: KEY1}}, {name: authority-0, key: {data: KEY2}}]", "authority-0"),
        (
            "[{key: {data: KEY1}, attestations: [{name: x, predicateType: vuln}, {name: x, predicateType: custom}]}]",
            "x",
        ),
    ] {
        let found = PolicySet::from_yaml(&policy(authorities)).unwrap_err().to_string();
        assert!(found.contains(&format!("expected names that differ, not `{name}` twice")), "{found}");
    }
}

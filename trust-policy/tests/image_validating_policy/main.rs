//! Kyverno's `ImageValidatingPolicy`: published documents, and what its expressions decide.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod unknown;
mod updates;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Artifact, Decision, Evidence, FailureKind, FetchFailure, Operation, Outcome, PolicySet, ReasonCode,
    ReferencePattern, Request, Trust, Verdict, evaluate,
};
use trust_testkit::artifacts::{attestation, digest, pem, signature};
use trust_testkit::judge::{self, allowed, denied, image_with, pod, request};
use trust_testkit::vectors::vectors;

/// Documents that are refused, by a part of the file's name, and the reason.
const LEDGER: [(&str, &str); 4] = [
    // What a test expects to find in the cluster: documents without `spec`.
    ("_check-autogen", "`spec` is absent"),
    ("_policy-assert", "`spec` is absent"),
    ("validation-checks_invalid-action", "`spec.validationActions[0]` is `test`"),
    ("check-json_ivpol-json", "`spec.evaluation.mode` is not implemented"),
];

#[test]
fn documents_load_or_stand_in_the_ledger() {
    let Some(folder) = vectors("policy/kyverno-image-validating-policy") else { return };
    let (mut loaded, mut refused, mut wrong) = (0, 0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let known = LEDGER.iter().find(|(part, _)| name.contains(part));
        match (PolicySet::from_yaml(&text), known) {
            (Ok(_), None) => loaded += 1,
            (Ok(_), Some(_)) => wrong.push(format!("{name}: stands in the ledger, but loads")),
            (Err(error), Some((_, reason))) if error.to_string().contains(reason) => refused += 1,
            (Err(error), _) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{loaded} loaded, {refused} refused: {wrong:#?}");
    println!("{loaded} loaded, {refused} refused");
}

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18
const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// A policy about Pods with this `spec`, in which `KEY1` to `KEY3` stand for attestors by these keys.
fn policy(spec: &str) -> String {
    let key = |seed: u8| {
        format!(
            "{{name: key{seed}, cosign: {{key: {{data: \"{}\"}}, ctlog: {{insecureIgnoreTlog: true}}}}}}",
            pem(seed)
        )
    };
    let keys = [key(1), key(2), key(3)].join(", ");
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  \
         matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}}]}}\n  \
         matchImageReferences: [{{glob: 'ghcr.io/acme/*'}}]\n  attestors: [{keys}]\n  \
         attestations: [{{name: scan, intoto: {{type: '{SCAN}'}}}}, {{name: sbom, referrer: {{type: sbom/cyclone-dx}}}}]\n{}\n",
        spec.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    )
}

/// One that requires this of its images.
fn requiring(expression: &str) -> String {
    policy(&format!("validations: [{{expression: \"{expression}\"}}]"))
}

const SIGNED: &str = "images.containers.map(i, verifyImageSignatures(i, [attestors.key1])).all(n, n > 0)";

fn judge_by(policies: &str, object: Value, artifacts: Vec<Artifact>) -> Verdict {
    let policies = PolicySet::from_yaml(policies).unwrap();
    judge::judge(&policies, &request(object), &image_with(artifacts), &Trust::keys_only(), NOW)
}

fn judged(expression: &str, artifacts: Vec<Artifact>) -> Verdict {
    judge_by(&requiring(expression), pod(IMAGE), artifacts)
}

fn deployment(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"template": {"spec": {"containers": containers}}}})
}

fn signed(seed: u8) -> Artifact {
    signature(seed, &digest(), &json!({}))
}

fn scanned(seed: u8, critical: u32) -> Artifact {
    attestation(seed, SCAN, &json!({"scanner": "trivy", "critical": critical}))
}

#[test]
fn signatures_are_counted() {
    let verdict = judged(SIGNED, vec![signed(1)]);
    allowed(&verdict);
    assert_eq!(verdict.patch.len(), 1, "the digest is pinned: {verdict}");
    assert_eq!(verdict.images.len(), 1, "{verdict}");
    denied(&judged(SIGNED, vec![signed(2)]), ReasonCode::WrongKey, "attestor `key1`");
    denied(&judged(SIGNED, vec![]), ReasonCode::NotFound, "found no signature");

    let two_of_three = "images.containers.map(i, verifyImageSignatures(i, [attestors.key1, attestors.key2, attestors.key3])).all(n, n >= 2)";
    allowed(&judged(two_of_three, vec![signed(3), signed(1)]));
    let verdict = judged(two_of_three, vec![signed(2)]);
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    // One signer is one, however often it is named.
    let twice = "images.containers.all(i, verifyImageSignatures(i, [attestors.key1, attestors.key1]) == 2)";
    let verdict = judged(twice, vec![signed(1)]);
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
}

#[test]
fn attestations_are_verified_before_they_are_read() {
    let verified = "images.containers.map(i, verifyAttestationSignatures(i, attestations.scan, [attestors.key1])).all(n, n > 0)";
    let clean =
        "images.containers.map(i, extractPayload(i, attestations.scan).predicate.critical == 0).all(ok, ok)";
    let both = policy(&format!(
        "validations:\n- {{expression: \"{verified}\", message: not scanned}}\n- {{expression: \"{clean}\", messageExpression: \"'found ' + string(extractPayload(images.containers[0], attestations.scan).predicate.critical)\"}}"
    ));
    allowed(&judge_by(&both, pod(IMAGE), vec![scanned(1, 0)]));
    denied(&judge_by(&both, pod(IMAGE), vec![scanned(2, 0)]), ReasonCode::WrongKey, "not scanned");
    denied(&judge_by(&both, pod(IMAGE), vec![signed(1)]), ReasonCode::NotFound, "not scanned");
    let verdict = judge_by(&both, pod(IMAGE), vec![scanned(1, 2)]);
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    assert!(verdict.to_string().contains("found 2"), "{verdict}");
    // What another signer attests does not count, and does not harm.
    allowed(&judge_by(&both, pod(IMAGE), vec![scanned(2, 7), scanned(1, 0)]));
    // Of two that were signed at no known time, neither is the latest.
    let verdict = judge_by(&both, pod(IMAGE), vec![scanned(1, 0), scanned(1, 3)]);
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    assert!(verdict.to_string().contains("which is the latest cannot be known"), "{verdict}");
    denied(&judged(clean, vec![scanned(1, 0)]), ReasonCode::Unresolved, "was verified before");
    let referrer =
        "images.containers.all(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.key1]) > 0)";
    denied(&judged(referrer, vec![signed(1)]), ReasonCode::UnusablePolicy, "sbom/cyclone-dx");
}

#[test]
fn conditions_variables_and_messages() {
    let text = policy(&format!(
        "matchConditions: [{{name: prod, expression: \"object.metadata.?labels.?env.orValue('') == 'prod'\"}}]\n\
         variables: [{{name: owner, expression: \"object.metadata.labels.owner\"}}, {{name: is_ours, expression: \"variables.owner == 'us'\"}}]\n\
         validations:\n- {{expression: \"variables.is_ours\", messageExpression: \"'owned by ' + variables.owner\"}}\n- {{expression: \"{SIGNED}\", message: unsigned}}"
    ));
    let labelled = |labels: Value| {
        let mut pod = pod(IMAGE);
        pod["metadata"]["labels"] = labels;
        pod
    };
    let ours = labelled(json!({"env": "prod", "owner": "us"}));
    allowed(&judge_by(&text, ours.clone(), vec![signed(1)]));
    denied_later(&judge_by(&text, ours, vec![signed(2)]), "unsigned");
    let theirs = labelled(json!({"env": "prod", "owner": "them"}));
    denied(&judge_by(&text, theirs, vec![signed(1)]), ReasonCode::Condition, "owned by them");
    let none = labelled(json!({"env": "prod"}));
    denied(&judge_by(&text, none, vec![signed(1)]), ReasonCode::Unresolved, "no such field: `owner`");
    // Where the condition does not hold the policy is silent, and so the image is covered by none.
    let verdict = judge_by(&text, pod(IMAGE), vec![signed(1)]);
    assert!(verdict.decision == Decision::Deny && verdict.uncovered.len() == 1, "{verdict}");
}

#[test]
fn images_are_selected_by_glob_and_expression() {
    let elsewhere = judge_by(&requiring(SIGNED), pod("docker.io/other/app:v1"), vec![]);
    assert!(elsewhere.decision == Decision::Deny && elsewhere.uncovered.len() == 1, "{elsewhere}");
    let by =
        |selection: &str| requiring(SIGNED).replace("[{glob: 'ghcr.io/acme/*'}]", &format!("[{selection}]"));
    let expression = by("{expression: \"image(ref).registry() == 'ghcr.io'\"}");
    denied(&judge_by(&expression, pod(IMAGE), vec![signed(2)]), ReasonCode::WrongKey, "key1");
    let verdict = judge_by(&expression, pod("quay.io/acme/app:v1"), vec![signed(2)]);
    assert_eq!(verdict.uncovered.len(), 1, "{verdict}");
    // Without any, it is about every image.
    let every = requiring(SIGNED)
        .replace("matchImageReferences: [{glob: 'ghcr.io/acme/*'}]", "matchImageReferences: []");
    denied(&judge_by(&every, pod("nginx"), vec![signed(2)]), ReasonCode::WrongKey, "key1");
    // A function over an image that the policy passes over counts no signer.
    let other = "verifyImageSignatures('ghcr.io/other/app:v1', [attestors.key1]) == 0";
    let loose = policy(&format!(
        "validationConfigurations: {{required: false}}\nvalidations: [{{expression: \"{other}\"}}]"
    ));
    allowed(&judge_by(&loose, pod(IMAGE), vec![]));
}

#[test]
fn globs_match_as_kyvernos_do() {
    for (glob, image, expected) in [
        ("ghcr.io/*", "ghcr.io/a/b:1", Some(true)),
        ("ghcr.io/a?c:1", "ghcr.io/abc:1", Some(true)),
        ("ghcr.io/[a-c]pp", "ghcr.io/bpp", Some(true)),
        ("ghcr.io/[!a-c]pp", "ghcr.io/bpp:latest", Some(false)),
        ("{ghcr.io,quay.io}/acme/*", "quay.io/acme/app:1", Some(true)),
        ("{ghcr.io,quay.io}/acme/*", "docker.io/acme/app:1", Some(false)),
        ("ghcr.io/acme/app", "ghcr.io/acme/app.evil", Some(false)),
        ("nginx", "nginx", Some(true)),
        ("*", "nginx", Some(true)),
        // No spelling escapes.
        ("docker.io/*", "nginx", Some(true)),
        ("ghcr.io/acme/*", "GHCR.io:443/acme/app", Some(true)),
        ("ghcr.io/acme/app:v1", &format!("ghcr.io/acme/app:v1@{}", digest()), Some(true)),
        ("[", "nginx", None),
        ("{a", "nginx", None),
        ("a\\", "nginx", None),
    ] {
        let found = ReferencePattern::glob(glob).ok().map(|pattern| pattern.matches(image).unwrap());
        assert_eq!(found, expected, "{glob} {image}");
    }
}

#[test]
fn every_image_must_be_verified_by_some_policy() {
    let nothing = requiring("true");
    denied_later(&judge_by(&nothing, pod(IMAGE), vec![signed(1)]), "no expression verified");
    let waived = policy("validationConfigurations: {required: false}\nvalidations: [{expression: 'true'}]");
    allowed(&judge_by(&waived, pod(IMAGE), vec![]));
    // Another policy may do it, before or after.
    for both in
        [format!("{nothing}---\n{}", requiring(SIGNED)), format!("{}---\n{nothing}", requiring(SIGNED))]
    {
        allowed(&judge_by(&both, pod(IMAGE), vec![signed(1)]));
    }
}

fn denied_later(verdict: &Verdict, reason: &str) {
    assert!(verdict.decision == Decision::Deny && verdict.to_string().contains(reason), "{verdict}");
}

#[test]
fn digests_are_pinned_or_required() {
    let configured = |flags: &str| {
        policy(&format!("validationConfigurations: {{{flags}}}\nvalidations: [{{expression: \"{SIGNED}\"}}]"))
    };
    let unpinned = configured("mutateDigest: false");
    denied(&judge_by(&unpinned, pod(IMAGE), vec![signed(1)]), ReasonCode::NoDigest, "named by tag");
    let by_digest = format!("ghcr.io/acme/app:v1@{}", digest());
    allowed(&judge_by(&unpinned, pod(&by_digest), vec![signed(1)]));
    let neither = configured("mutateDigest: false, verifyDigest: false");
    let verdict = judge_by(&neither, pod(IMAGE), vec![signed(1)]);
    allowed(&verdict);
    assert!(verdict.patch.is_empty(), "{verdict}");
}

#[test]
fn a_policy_about_pods_extends_to_their_controllers() {
    let owned = "validationConfigurations: {required: false}\nvalidations: [{expression: \"object.metadata.labels.owner == 'us' && images.containers.size() == 1 && object.spec.containers.size() == 1\"}]";
    let template = json!({"metadata": {"labels": {"owner": "us"}}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template.clone()}});
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "d"}, "spec": {"jobTemplate": {"spec": {"template": template}}}});
    allowed(&judge_by(&policy(owned), deployment.clone(), vec![]));
    allowed(&judge_by(&policy(owned), cron.clone(), vec![]));
    denied(&judge_by(&requiring(SIGNED), deployment.clone(), vec![signed(2)]), ReasonCode::WrongKey, "key1");
    let only = policy(&format!("autogen: {{podControllers: {{controllers: [deployments]}}}}\n{owned}"));
    allowed(&judge_by(&only, deployment, vec![]));
    let verdict = judge_by(&only, cron, vec![]);
    assert_eq!(verdict.uncovered.len(), 1, "{verdict}");
}

#[test]
fn what_a_violation_does_and_where_it_applies() {
    let with = |line: &str| requiring(SIGNED).replace("spec:\n", &format!("spec:\n  {line}\n"));
    let warned = judge_by(&with("validationActions: [Audit, Warn]"), pod(IMAGE), vec![signed(2)]);
    assert!(warned.decision == Decision::Allow && warned.to_string().contains("Warn"), "{warned}");
    let namespaced = requiring(SIGNED)
        .replace("kind: Image", "kind: NamespacedImage")
        .replace("{name: p}", "{name: p, namespace: shop}");
    let mut in_shop = pod(IMAGE);
    in_shop["metadata"]["namespace"] = "shop".into();
    denied(&judge_by(&namespaced, in_shop, vec![signed(2)]), ReasonCode::WrongKey, "key1");
    assert!(judge_by(&namespaced, pod(IMAGE), vec![signed(2)]).rules.is_empty());
    // A label that a Pod had before an update counts, too: otherwise the update would be a way around the policy.
    let selected = requiring(SIGNED)
        .replace("resources: [pods]}]}", "resources: [pods]}], objectSelector: {matchLabels: {env: prod}}}");
    let policies = PolicySet::from_yaml(&selected).unwrap();
    let mut before = pod("ghcr.io/acme/app:v0");
    before["metadata"]["labels"] = json!({"env": "prod"});
    let mut update: Request = request(pod(IMAGE));
    update.operation = Operation::Update;
    update.old = Some(before);
    let verdict = judge::judge(&policies, &update, &image_with(vec![signed(2)]), &Trust::keys_only(), NOW);
    denied(&verdict, ReasonCode::WrongKey, "key1");
    // An update that leaves the images as they were is reported only.
    update.old = Some(pod(IMAGE));
    let policies = PolicySet::from_yaml(&requiring(SIGNED)).unwrap();
    let verdict = judge::judge(&policies, &update, &image_with(vec![signed(2)]), &Trust::keys_only(), NOW);
    assert!(verdict.decision == Decision::Allow && verdict.to_string().contains("key1"), "{verdict}");
}

#[test]
fn exceptions_and_their_end() {
    let exception = |spec: &str| {
        format!(
            "---\napiVersion: policies.kyverno.io/v1beta1\nkind: PolicyException\nmetadata: {{name: e, namespace: shop}}\nspec: {{policyRefs: [{{name: p, kind: ImageValidatingPolicy}}], {spec}}}\n"
        )
    };
    let judged =
        |spec: &str| judge_by(&format!("{}{}", requiring(SIGNED), exception(spec)), pod(IMAGE), vec![]);
    allowed(&judged("matchConditions: [{name: web, expression: \"object.metadata.name == 'web'\"}]"));
    denied(
        &judged("matchConditions: [{name: web, expression: \"object.metadata.name == 'db'\"}]"),
        ReasonCode::NotFound,
        "",
    );
    // A condition without a value excepts nothing.
    denied(
        &judged("matchConditions: [{name: web, expression: \"object.status.x == 1\"}]"),
        ReasonCode::NotFound,
        "",
    );
    allowed(&judged("expiresAt: '2027-01-01T00:00:00Z'"));
    denied(&judged("expiresAt: '2026-01-01T00:00:00Z'"), ReasonCode::NotFound, "");
    // It is from policies of this kind alone.
    let other = exception("").replace("kind: ImageValidatingPolicy", "kind: ValidatingPolicy");
    denied(&judge_by(&format!("{}{other}", requiring(SIGNED)), pod(IMAGE), vec![]), ReasonCode::NotFound, "");
}

#[test]
fn what_expressions_ask_for_is_fetched() {
    let text = policy(&format!(
        "variables: [{{name: settings, expression: \"resource.get('v1', 'configmaps', 'shop', 'settings')\"}}]\n\
         validations:\n- {{expression: \"variables.settings.data.open == 'yes' || {SIGNED}\"}}"
    ));
    let policies = PolicySet::from_yaml(&text).unwrap();
    let needed = policies.requirements(&request(pod(IMAGE)), &Evidence::default(), NOW);
    assert_eq!(needed.images, [IMAGE]);
    let objects: Vec<String> = needed.objects.iter().map(ToString::to_string).collect();
    assert_eq!(objects, ["ConfigMap/shop/settings"]);
    let judged = |open: &str, artifacts| {
        let images = BTreeMap::from([(IMAGE.to_owned(), image_with(artifacts))]);
        let objects = BTreeMap::from([(objects[0].clone(), Ok(json!({"data": {"open": open}})))]);
        let evidence = Evidence { images, objects, ..Evidence::default() };
        evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW)
    };
    allowed(&judged("no", vec![signed(1)]));
    denied(&judged("no", vec![signed(2)]), ReasonCode::WrongKey, "key1");
    denied_later(&judged("yes", vec![signed(2)]), "no expression verified");
    // Without the object, what it says is not known, and another part must decide.
    let images = BTreeMap::from([(IMAGE.to_owned(), image_with(vec![signed(1)]))]);
    let evidence = Evidence { images, ..Evidence::default() };
    allowed(&evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW));
}

#[test]
fn what_images_say_about_themselves_can_be_asked() {
    let text = policy(
        "validationConfigurations: {required: false}\nvalidations: [{expression: \"images.containers.all(i, \
         getImageData(i).config.config.User != 'root' && getImageData(i).manifest.layers.size() < 3)\", message: root}]",
    );
    let policies = PolicySet::from_yaml(&text).unwrap();
    let needed = policies.requirements(&request(pod(IMAGE)), &Evidence::default(), NOW);
    assert_eq!((needed.images, needed.documents), (vec![IMAGE.to_owned()], vec![IMAGE.to_owned()]));
    let config =
        |user: &str| json!({"os": "linux", "architecture": "amd64", "config": {"User": user}}).to_string();
    let manifest = |config: &str| {
        json!({"schemaVersion": 2, "config": {"digest": Digest::sha256(config.as_bytes())}, "layers": []})
            .to_string()
    };
    let judged = |users: &[&str]| {
        let configs: Vec<String> = users.iter().map(|user| config(user)).collect();
        let manifests: Vec<String> = configs.iter().map(|one| manifest(one)).collect();
        let entries: Vec<Value> = manifests
            .iter()
            .zip(["amd64", "arm64"])
            .map(|(one, architecture)| {
                json!({"digest": Digest::sha256(one.as_bytes()), "platform": {"os": "linux", "architecture": architecture}})
            })
            .collect();
        let index = json!({"manifests": entries}).to_string();
        let image = judge::image_at(&Digest::sha256(index.as_bytes()));
        let documents = [vec![index], manifests, configs].concat();
        evaluate(
            &policies,
            &request(pod(IMAGE)),
            &judge::evidence([(IMAGE, image)], documents),
            &Trust::keys_only(),
            NOW,
        )
    };
    allowed(&judged(&["65532"]));
    denied(&judged(&["root"]), ReasonCode::Condition, "root");
    allowed(&judged(&["65532", "65532"]));
    // One platform cannot speak for another one that runs in another way.
    denied(&judged(&["65532", "root"]), ReasonCode::Unresolved, "one must speak for all");
    let none = evaluate(&policies, &request(pod(IMAGE)), &Evidence::default(), &Trust::keys_only(), NOW);
    denied(&none, ReasonCode::NotFetched, "nothing was fetched");
}

#[test]
fn keys_may_come_from_expressions() {
    let text = requiring(SIGNED).replacen(
        &format!("{{data: \"{}\"}}", pem(1)),
        "{expression: \"resource.get('v1', 'configmaps', 'shop', 'keys').data.key\"}",
        1,
    );
    let policies = PolicySet::from_yaml(&text).unwrap();
    let judged = |key: &str, artifacts| {
        let images = BTreeMap::from([(IMAGE.to_owned(), image_with(artifacts))]);
        let key = key.replace("\\n", "\n");
        let objects = BTreeMap::from([("ConfigMap/shop/keys".to_owned(), Ok(json!({"data": {"key": key}})))]);
        let evidence = Evidence { images, objects, ..Evidence::default() };
        evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW)
    };
    allowed(&judged(&pem(2), vec![signed(2)]));
    denied(&judged(&pem(2), vec![signed(1)]), ReasonCode::WrongKey, "key1");
    denied(&judged("none", vec![signed(1)]), ReasonCode::UnusablePolicy, "its key cannot be used");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let refused = |text: &str, problem: &str| {
        let error = PolicySet::from_yaml(text).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    };
    let expression = |expression: &str, problem: &str| refused(&requiring(expression), problem);
    expression(
        "attestors.other == 1",
        "`spec.validations[0].expression` has an expression that is not read: line 1, column 10: `attestors.other` is not known, expected one of key1, key2, key3",
    );
    expression("variables.a", "there are no variables");
    expression("image == 1", "name `image` is not known");
    expression("verifyImage('a')", "function `verifyImage` is not known");
    expression("1 +", "found the end, expected a value");
    let spec = |spec: &str, problem: &str| {
        refused(&policy(&format!("{spec}\nvalidations: [{{expression: 'true'}}]")), problem)
    };
    spec("validationActions: [Block]", "expected `Deny`, `Warn` or `Audit`");
    spec("evaluation: {mode: JSON}", "`spec.evaluation.mode` is not implemented");
    spec(
        "variables: [{name: a, expression: variables.b}, {name: b, expression: '1'}]",
        "`variables.b` is not known",
    );
    spec("matchConditions: [{name: a, expression: \"verifyImageSignatures('a', []) > 0\"}]", "is not known");
    spec("images: [{name: a}]", "`spec.images[0].expression` is absent");
    spec("autogen: {podControllers: {controllers: [pods]}}", "a controller of pods");
    refused(&policy("validations: []"), "at least one element");
    refused(&policy(""), "`spec.validations` is absent");
    let attestor = |attestor: &str, problem: &str| {
        let text =
            requiring(SIGNED).replacen("attestors: [", &format!("attestors: [{{name: x, {attestor}}}, "), 1);
        refused(&text, problem);
    };
    attestor("cosign: {}", "exactly one of `key`, `keyless` and `certificate`");
    attestor("cosign: {keyless: {identities: [{issuer: a}]}}", "`subject` or `subjectRegExp`");
    attestor("cosign: {keyless: {identities: []}}", "at least one element");
    attestor("cosign: {key: {}}", "exactly one of `data`, `kms` and `expression`");
    attestor("notary: {certs: {}}", "exactly one of `value` and `expression`");
}

#[test]
fn a_payload_is_that_of_the_attestors_that_were_asked_last() {
    let reads = |attestors: &str| {
        format!(
            "images.containers.all(i, verifyAttestationSignatures(i, attestations.scan, [{attestors}]) > 0 && \
             extractPayload(i, attestations.scan).predicate.critical == 0)"
        )
    };
    let both = policy(&format!(
        "validations:\n- {{expression: \"{}\"}}\n- {{expression: \"{}\", message: second}}",
        reads("attestors.key1"),
        reads("attestors.key2")
    ));
    allowed(&judge_by(&both, pod(IMAGE), vec![scanned(1, 0), scanned(2, 0)]));
    denied_later(&judge_by(&both, pod(IMAGE), vec![scanned(1, 0), scanned(2, 5)]), "second");
    // A later one may be there that could not be fetched.
    let policies = PolicySet::from_yaml(&requiring(&reads("attestors.key1"))).unwrap();
    let mut found = image_with(vec![scanned(1, 0)]);
    let (location, problem) = ("referrers".to_owned(), "503".to_owned());
    found.failures.push(FetchFailure { location, kind: FailureKind::Unavailable, problem });
    let verdict = judge::judge(&policies, &request(pod(IMAGE)), &found, &Trust::keys_only(), NOW);
    denied_later(&verdict, "a later attestation may be there");
}

#[test]
fn exceptions_keep_to_the_kind_of_policy_that_they_name() {
    let older = "---\napiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e, namespace: shop}\nspec: {exceptions: [{policyName: p, ruleNames: ['*']}], \
                 match: {any: [{resources: {kinds: [Pod]}}]}}\n";
    denied(
        &judge_by(&format!("{}{older}", requiring(SIGNED)), pod(IMAGE), vec![]),
        ReasonCode::NotFound,
        "key1",
    );
    let cluster_policy = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {validationFailureAction: Enforce, rules: [{name: validations, match: \
                          {any: [{resources: {kinds: [Pod]}}]}, validate: {cel: {expressions: [{expression: 'false', message: never}]}}}]}\n";
    let newer = "---\napiVersion: policies.kyverno.io/v1beta1\nkind: PolicyException\nmetadata: {name: e, namespace: shop}\nspec: {policyRefs: [{name: p, kind: ImageValidatingPolicy}]}\n";
    denied(
        &judge_by(&format!("{cluster_policy}{newer}"), pod(IMAGE), vec![]),
        ReasonCode::Condition,
        "never",
    );
    let excepted = judge_by(&format!("{cluster_policy}{older}"), pod(IMAGE), vec![]);
    assert_eq!(excepted.rules[0].outcome, Outcome::Skip, "{excepted}");
}

#[test]
fn what_several_images_say_is_fetched_of_all() {
    let text = requiring("images.containers.map(i, getImageData(i)).all(d, d.config.config.User != 'root')");
    let policies = PolicySet::from_yaml(&text).unwrap();
    let needed = policies.requirements(
        &request(deployment(&["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"])),
        &Evidence::default(),
        NOW,
    );
    assert_eq!(needed.documents, ["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"]);
}

//! Images that others are built on.

use std::sync::Arc;

use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{
    Check, CheckAnswer, CheckRequirement, CheckSubject, Evidence, Policy, PolicySet, ReasonCode, Trust,
    evaluate,
};
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};

use crate::{IMAGE, NOW, policy};

/// A manifest with these layers and annotations, beside its configuration.
fn manifest(layers: &[&str], annotations: &Value) -> (Digest, Vec<String>) {
    let config = "{}".to_owned();
    let layers: Vec<_> =
        layers.iter().map(|one| json!({"digest": Digest::sha256(one.as_bytes()).to_string()})).collect();
    let manifest =
        json!({"schemaVersion": 2, "config": {"digest": Digest::sha256(config.as_bytes()).to_string()},
        "layers": layers, "annotations": annotations})
        .to_string();
    (Digest::sha256(manifest.as_bytes()), vec![manifest, config])
}

#[test]
fn an_image_is_built_on_one_that_satisfies_another_policy() {
    let golden = "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {name: golden}\nspec:\n  images: \
                  ['ghcr.io/bases/*']\n  require: {registries: ['ghcr.io/bases/debian']}\n";
    let text = format!("{}---\n{golden}", policy("{image: {basePolicy: golden}}"));
    let policies = PolicySet::from_yaml(&text).unwrap();
    let judge = |layers: &[&str], name: &str, fetched: bool| {
        let (base, mut documents) = manifest(&["a", "b"], &json!({}));
        let annotations = json!({"org.opencontainers.image.base.name": format!("{name}:12"),
            "org.opencontainers.image.base.digest": base.to_string()});
        let (image, own) = manifest(layers, &annotations);
        documents.extend(own);
        let mut evidence = evidence([(IMAGE, image_at(&image))], documents);
        let bases = evidence.bases_of(&image);
        assert_eq!(bases, [format!("{name}:12@{base}")]);
        if fetched {
            evidence.images.insert(bases[0].clone(), image_at(&base));
        }
        let request = request(pod(IMAGE));
        assert_eq!(policies.requirements(&request, &Evidence::default(), NOW).bases, [IMAGE]);
        evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW)
    };
    allowed(&judge(&["a", "b", "c"], "ghcr.io/bases/debian", true));
    let other = judge(&["a", "x", "c"], "ghcr.io/bases/debian", true);
    denied(&other, ReasonCode::OtherBase, "does not have the layers of its base below its own");
    denied(
        &judge(&["a", "b"], "ghcr.io/bases/alpine", true),
        ReasonCode::Form,
        "found `ghcr.io/bases/alpine",
    );
    denied(
        &judge(&["a", "b"], "docker.io/library/debian", true),
        ReasonCode::Condition,
        "which the policy does not apply to",
    );
    denied(
        &judge(&["a", "b"], "ghcr.io/bases/debian", false),
        ReasonCode::NotFetched,
        "nothing was fetched for it",
    );
}

#[test]
fn a_base_is_asked_for_its_own_base_three_times() {
    let policies = PolicySet::from_yaml(&policy("{image: {basePolicy: p}}")).unwrap();
    let judge = |bases: usize| {
        let mut images = Vec::new();
        let (mut top, mut documents) = manifest(&["a"], &json!({}));
        for _ in 0..bases {
            let base = "ghcr.io/acme/base:1";
            images.push((format!("{base}@{top}"), image_at(&top)));
            let annotations = json!({"org.opencontainers.image.base.name": base,
                "org.opencontainers.image.base.digest": top.to_string()});
            let (image, own) = manifest(&["a"], &annotations);
            documents.extend(own);
            top = image;
        }
        images.push((IMAGE.to_owned(), image_at(&top)));
        let images = images.iter().map(|(name, image)| (name.as_str(), image.clone()));
        evaluate(&policies, &request(pod(IMAGE)), &evidence(images, documents), &Trust::keys_only(), NOW)
    };
    denied(&judge(2), ReasonCode::Condition, "found 0 bases, expected the image to name one");
    denied(&judge(4), ReasonCode::Unresolved, "more than 3 bases below one another");
}

/// Holds of everything.
#[derive(Debug)]
struct Anything;

impl Check for Anything {
    fn name(&self) -> &str {
        "anything"
    }
    fn judge(&self, _: &CheckSubject<'_>) -> CheckAnswer {
        CheckAnswer::Holds { message: "it does".to_owned() }
    }
}

#[test]
fn a_base_policy_with_a_check_is_not_taken_for_satisfied() {
    let golden = "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {name: golden}\nspec:\n  images: \
                  ['ghcr.io/bases/*']\n  require: {registries: ['ghcr.io/bases/debian']}\n";
    let mut golden = PolicySet::from_yaml(golden).unwrap().policies()[0].clone();
    let requirement = CheckRequirement::on_images(Vec::new(), Arc::new(Anything));
    golden.rules.extend(Policy::checking("golden", requirement).rules);
    let mut policies = PolicySet::from_yaml(&policy("{image: {basePolicy: golden}}")).unwrap();
    policies.extend(PolicySet::new(vec![golden]));
    let (base, mut documents) = manifest(&["a"], &json!({}));
    let name = format!("ghcr.io/bases/debian:12@{base}");
    let annotations = json!({"org.opencontainers.image.base.name": "ghcr.io/bases/debian:12",
        "org.opencontainers.image.base.digest": base.to_string()});
    let (image, own) = manifest(&["a", "b"], &annotations);
    documents.extend(own);
    let evidence = evidence([(IMAGE, image_at(&image)), (name.as_str(), image_at(&base))], documents);
    let verdict = evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW);
    denied(
        &verdict,
        ReasonCode::Unresolved,
        "its rule `require` is a check, and checks are not asked of bases",
    );
}

#[test]
fn no_other_policy_replaces_a_base_policy() {
    let golden = |kind: &str, namespace: &str| {
        format!(
            "---\napiVersion: kyverno.io/v1\nkind: {kind}\nmetadata: {{name: golden{namespace}}}\nspec: {{rules: [{{name: r, match: \
             {{any: [{{resources: {{kinds: [Pod]}}}}]}}, verifyImages: [{{imageReferences: ['ghcr.io/bases/*'], mutateDigest: false, \
             verifyDigest: false}}]}}]}}\n"
        )
    };
    let judge = |others: &str| {
        let text = format!("{}{others}", policy("{image: {basePolicy: golden}}"));
        let policies = PolicySet::from_yaml(&text).unwrap();
        let (base, mut documents) = manifest(&["a"], &json!({}));
        let annotations = json!({"org.opencontainers.image.base.name": "ghcr.io/bases/debian:12",
            "org.opencontainers.image.base.digest": base.to_string()});
        let (image, own) = manifest(&["a", "b"], &annotations);
        documents.extend(own);
        let base_name = format!("ghcr.io/bases/debian:12@{base}");
        let images = [(IMAGE, image_at(&image)), (base_name.as_str(), image_at(&base))];
        let evidence = evidence(images, documents);
        let mut pod = pod(IMAGE);
        pod["metadata"]["namespace"] = json!("prod");
        let request = request(pod);
        evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW)
    };
    let one = golden("ClusterPolicy", "");
    let of_a_team = golden("Policy", ", namespace: team-x");
    allowed(&judge(&one));
    allowed(&judge(&format!("{one}{of_a_team}")));
    denied(&judge(""), ReasonCode::Unresolved, "found 0 such policies about images, expected one");
    denied(&judge(&of_a_team), ReasonCode::Unresolved, "found 0 such policies about images, expected one");
    denied(&judge(&format!("{one}{one}")), ReasonCode::Unresolved, "found 2 such policies");
    let conditional = one.replace(
        "verifyImages:",
        "preconditions: {all: [{key: a, operator: Equals, value: a}]}, verifyImages:",
    );
    denied(&judge(&conditional), ReasonCode::Unresolved, "its rule `r` depends on the request");
}

//! Image rules written in Rust or in Kyverno's language, where they say more or less than an `ImageTrustPolicy` can.

use serde_json::json;
use trust_core::PublicKey;
use trust_policy::{
    Artifact, AttestationRequirement, Attestor, AttestorSet, Condition, ConditionBlock, Evidence, ImageRule,
    Operator, Policy, PolicySet, ReasonCode, ReferencePattern, Request, Resource, Signer, Template, Trust,
    evaluate,
};
use trust_testkit::judge::{allowed, denied, pod, request};

use crate::{IMAGE, NOW, judge_by};
use trust_testkit::artifacts::{attestation, pem};

#[test]
fn a_rule_in_rust_demands_all_that_it_says() {
    let signer = |seed| {
        let key = PublicKey::from_pem(&pem(seed).replace("\\n", "\n")).unwrap();
        let mut attestor = Attestor::new(Signer::Key(Box::new(key)));
        attestor.needs_log_entry = false;
        AttestorSet::new(vec![attestor]).unwrap()
    };
    let judge = |change: &dyn Fn(&mut AttestationRequirement), result: &str| {
        let mut attestation = AttestationRequirement::new("https://acme.example/test", signer(1));
        change(&mut attestation);
        let mut rule = ImageRule::new(vec![ReferencePattern::by_segment("ghcr.io/acme/**").unwrap()]);
        rule.attestations.push(attestation);
        let policies = PolicySet::new(vec![Policy::about_images("p", rule)]);
        let artifacts = vec![attestation_of(result)];
        judge_by(&policies, artifacts, IMAGE)
    };
    let passed = |attestation: &mut AttestationRequirement| {
        let key = Template::of_expression("result").unwrap();
        let passed = Template::new(&json!("PASSED")).unwrap();
        let condition = Condition::new(key, Operator::Equals, passed);
        attestation.conditions = Some(ConditionBlock::all(vec![condition]).into());
    };
    allowed(&judge(&|_| {}, "FAILED"));
    allowed(&judge(&passed, "PASSED"));
    denied(&judge(&passed, "FAILED"), ReasonCode::Condition, "has signed what does not meet the conditions");
    // An age beside conditions takes none of them away. A key signs at no time that anybody vouches for.
    let both = |attestation: &mut AttestationRequirement| {
        passed(attestation);
        attestation.max_age = Some(86_400_000);
    };
    let verdict = judge(&both, "FAILED");
    assert!(verdict.to_string().contains("does not meet the conditions"), "{verdict}");
    assert!(verdict.to_string().contains("no time of the signature is vouched for"), "{verdict}");
    let nobody = |attestation: &mut AttestationRequirement| attestation.attestors.clear();
    denied(&judge(&nobody, "PASSED"), ReasonCode::UnusablePolicy, "the policy names no signers");
}

fn attestation_of(result: &str) -> Artifact {
    attestation(1, "https://acme.example/test", &json!({"result": result}))
}

#[test]
fn a_rule_without_signers_still_applies_its_deny_and_needs_the_image() {
    let rule = |deny: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  \
             - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages:\n    - {{imageReferences: ['*'], \
             mutateDigest: false, verifyDigest: false{deny}}}\n"
        )
    };
    let deny = ", validate: {deny: {conditions: {any: [{key: '{{request.object.metadata.name}}', operator: Equals, value: web}]}}}";
    let policies = |text: &str| PolicySet::from_yaml(text).unwrap();
    denied(&judge_by(&policies(&rule(deny)), vec![], IMAGE), ReasonCode::Condition, "is denied");
    allowed(&judge_by(&policies(&rule("")), vec![], IMAGE));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}});
    let request = Request::from(Resource::from_json(pod).unwrap());
    let unfetched = evaluate(&policies(&rule("")), &request, &Evidence::default(), &Trust::keys_only(), NOW);
    denied(&unfetched, ReasonCode::NotFetched, "nothing was fetched");
}

#[test]
fn a_rule_on_registries_alone_needs_nothing_fetched() {
    let needed = |require: &str, more: &str| {
        let text = crate::policy(require).replace("  require:", &format!("{more}  require:"));
        let policies = PolicySet::from_yaml(&text).unwrap();
        policies.requirements(&request(pod(IMAGE)), &Evidence::default(), NOW).images
    };
    let ours = "{registries: ['ghcr.io/acme/**']}";
    assert!(needed(ours, "  pinDigest: false\n").is_empty());
    // A digest can only be pinned if it is known.
    assert_eq!(needed(ours, ""), [IMAGE]);
    assert_eq!(
        needed("{registries: ['ghcr.io/acme/**'], image: {nonRoot: true}}", "  pinDigest: false\n"),
        [IMAGE]
    );
}

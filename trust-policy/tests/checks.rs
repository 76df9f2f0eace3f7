//! What embedders ask themselves: their checks, in policies written in Rust and in languages of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::sync::Arc;

use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::yaml::Node;
use trust_policy::{
    Check, CheckAnswer, CheckRequirement, CheckSubject, Decision, Evidence, Languages, Mode, Outcome, Policy,
    PolicyError, PolicyLanguage, PolicySet, ReasonCode, ReferencePattern, Request, Trust, Uncovered, Verdict,
    evaluate,
};
use trust_testkit::judge::{self, image_at};

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// Every platform has a label.
#[derive(Debug)]
struct Labelled {
    name: &'static str,
    says_that_it_needs_configs: bool,
}

impl Check for Labelled {
    fn name(&self) -> &str {
        "label"
    }

    fn needs_image_configs(&self) -> bool {
        self.says_that_it_needs_configs
    }

    fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer {
        assert_eq!(subject.now, NOW);
        match subject.image_configs() {
            Err(reason) => CheckAnswer::Unknown { reason },
            Ok(configs) => match configs.iter().find(|one| one.label(self.name).is_none()) {
                Some(one) => CheckAnswer::Violated {
                    found: format!("none on {}", one.platform),
                    expected: format!("the label `{}`", self.name),
                },
                None => CheckAnswer::Holds { message: format!("has `{}`", self.name) },
            },
        }
    }
}

fn labelled(name: &'static str) -> Arc<Labelled> {
    Arc::new(Labelled { name, says_that_it_needs_configs: true })
}

fn request() -> Request {
    judge::request(judge::pod(IMAGE))
}

/// An image with this configuration.
fn evidence(config: &Value) -> Evidence {
    let config = config.to_string();
    let config_digest = Digest::sha256(config.as_bytes()).to_string();
    let manifest = json!({"schemaVersion": 2, "config": {"digest": config_digest}, "layers": []}).to_string();
    judge::evidence([(IMAGE, image_at(&Digest::sha256(manifest.as_bytes())))], [manifest, config])
}

fn judge(requirement: CheckRequirement, evidence: &Evidence) -> Verdict {
    let policies = PolicySet::new(vec![Policy::checking("ours", requirement)]);
    let policies = policies.with_uncovered(Uncovered::Allow);
    evaluate(&policies, &request(), evidence, &Trust::keys_only(), NOW)
}

/// The innermost explanation, and the verdict's decision.
fn reason(verdict: &Verdict) -> (Decision, Option<ReasonCode>, String) {
    let image = &verdict.rules[0].explanations[0];
    let own = image.because.first().unwrap_or(image);
    (verdict.decision, own.code, format!("{}: {}", own.check, own.message))
}

#[test]
fn a_check_is_asked_of_each_image_that_it_is_about() {
    let ours = || vec![ReferencePattern::by_segment("ghcr.io/acme/**").unwrap()];
    let source = "org.opencontainers.image.source";
    let with = evidence(&json!({"config": {"Labels": {source: "https://git.example/app"}}}));
    let on = |references, check| judge(CheckRequirement::on_images(references, check), &with);
    let held = (Decision::Allow, None, format!("label: has `{source}`"));
    assert_eq!(reason(&on(ours(), labelled(source))), held);
    assert_eq!(reason(&on(Vec::new(), labelled(source))), held, "no pattern means every image");
    let missing = (
        Decision::Deny,
        Some(ReasonCode::Condition),
        "label: found none on image, expected the label `x`".to_owned(),
    );
    assert_eq!(reason(&on(ours(), labelled("x"))), missing);
    let others = vec![ReferencePattern::by_segment("ghcr.io/other/**").unwrap()];
    assert_eq!(on(others, labelled("x")).rules[0].outcome, Outcome::Skip);
    let audit = CheckRequirement::on_images(ours(), labelled("x")).with_mode(Mode::Audit);
    let verdict = judge(audit, &with);
    assert_eq!((verdict.decision, verdict.rules[0].outcome), (Decision::Allow, Outcome::Fail));
}

#[test]
fn what_a_check_cannot_know_denies() {
    let unknown = |check: Labelled, evidence: &Evidence, expected_code: ReasonCode, expected: &str| {
        let verdict = judge(CheckRequirement::on_images(Vec::new(), Arc::new(check)), evidence);
        let (decision, code, message) = reason(&verdict);
        assert_eq!(decision, Decision::Deny);
        // Only what was not fetched may be there when it is asked again.
        assert_eq!(code, Some(expected_code), "{message}");
        assert_eq!(verdict.may_change_on_retry(), expected_code == ReasonCode::NotFetched, "{message}");
        assert!(message.contains(expected), "{message}");
    };
    let check = |says_that_it_needs_configs| Labelled { name: "x", says_that_it_needs_configs };
    let with = evidence(&json!({"config": {"Labels": {"x": "y"}}}));
    unknown(check(false), &with, ReasonCode::Unresolved, "did not say that it needs");
    unknown(check(true), &Evidence::default(), ReasonCode::NotFetched, "nothing was fetched");
    let mut without = with.clone();
    without.documents.clear();
    unknown(check(true), &without, ReasonCode::NotFetched, "was not fetched");
    let mut tampered = with.clone();
    for text in tampered.documents.values_mut() {
        *text = text.replace('y', "z");
    }
    unknown(check(true), &tampered, ReasonCode::Tampered, "expected");
    // Of two spellings of one field a runtime takes one, and nobody knows which.
    let twice = evidence(&json!({"config": {"Labels": {"x": "y"}, "labels": {}}}));
    unknown(check(true), &twice, ReasonCode::Malformed, "twice");
    // A request has no configuration, however often it is asked.
    let verdict = judge(CheckRequirement::on_request(labelled("x")), &with);
    let (decision, code, message) = reason(&verdict);
    assert_eq!((decision, code), (Decision::Deny, Some(ReasonCode::Unresolved)), "{message}");
    assert!(message.contains("the check must be on images") && !verdict.may_change_on_retry(), "{message}");
}

#[test]
fn what_a_check_needs_is_asked_for() {
    let requirements = |check: Labelled| {
        let requirement = CheckRequirement::on_images(Vec::new(), Arc::new(check));
        let policies = PolicySet::new(vec![Policy::checking("ours", requirement)]);
        let needed = policies.requirements(&request(), &Evidence::default(), NOW);
        (needed.images.len(), needed.documents.len())
    };
    assert_eq!(requirements(Labelled { name: "x", says_that_it_needs_configs: true }), (1, 1));
    assert_eq!(requirements(Labelled { name: "x", says_that_it_needs_configs: false }), (1, 0));
}

/// The namespace must not be the default one.
#[derive(Debug)]
struct NotDefault;

impl Check for NotDefault {
    fn name(&self) -> &str {
        "namespace"
    }

    fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer {
        assert!(subject.image.is_none());
        match subject.request.resource.id().namespace.as_str() {
            "" | "default" => CheckAnswer::Violated {
                found: "`default`".to_owned(),
                expected: "a namespace of its own".to_owned(),
            },
            other => CheckAnswer::Holds { message: format!("is `{other}`") },
        }
    }
}

#[derive(Debug)]
struct Namespaces;

impl PolicyLanguage for Namespaces {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        (api_version, kind) == ("acme.example/v1", "NamespacePolicy")
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        if let Some(field) = document.get("spec") {
            return Err(PolicyError::Unknown {
                path: "spec".to_owned(),
                span: field.span(),
                suggestion: None,
            });
        }
        let requirement = CheckRequirement::on_request(Arc::new(NotDefault));
        set.extend(PolicySet::new(vec![Policy::checking("namespaces", requirement)]));
        Ok(())
    }
}

#[test]
fn a_language_of_an_embedders_own_is_read_beside_the_others() {
    let languages = Languages::default().with(Namespaces);
    let own = "apiVersion: acme.example/v1\nkind: NamespacePolicy\n";
    let kyverno = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: a}\nspec: {rules: [{name: b, match: {any: \
                   [{resources: {kinds: [Pod]}}]}, validate: {pattern: {metadata: {name: '?*'}}}}]}\n";
    let policies = languages.read(&format!("{own}---\n{kyverno}")).unwrap().with_uncovered(Uncovered::Allow);
    let names: Vec<&str> = policies.policies().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["namespaces", "a"]);
    let verdict = evaluate(&policies, &request(), &Evidence::default(), &Trust::keys_only(), NOW);
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(
        verdict.to_string().contains("namespace: found `default`, expected a namespace of its own"),
        "{verdict}"
    );
    // Without it the document is of no language; with a field that it does not know it is refused.
    assert!(PolicySet::from_yaml(own).is_err());
    let error = languages.read(&format!("{own}spec: {{}}\n")).unwrap_err();
    assert_eq!(error.to_string(), "line 3, column 7: `spec` is an unknown field");
    assert_eq!(languages.errors_in(&format!("{own}spec: {{}}\n")), [error]);
}

#[test]
fn a_check_of_ones_own_releases_no_image() {
    let requirement = CheckRequirement::on_images(Vec::new(), labelled("x"));
    let mut policies = PolicySet::new(vec![Policy::checking("ours", requirement)]);
    let found = evidence(&json!({"config": {"Labels": {"x": "y"}}}));
    let alone = evaluate(&policies, &request(), &found, &Trust::keys_only(), NOW);
    assert_eq!((alone.decision, alone.uncovered.len()), (Decision::Deny, 1), "{alone}");
    policies.extend(
        PolicySet::from_yaml(
            "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {name: p}\nspec: {images: ['ghcr.io/other/**'], \
             require: {registries: ['ghcr.io/other/**']}}",
        )
        .unwrap(),
    );
    let verdict = evaluate(&policies, &request(), &found, &Trust::keys_only(), NOW);
    assert_eq!((verdict.decision, verdict.uncovered.len()), (Decision::Deny, 1), "{verdict}");
}

#[test]
fn a_policy_is_written_in_rust_from_end_to_end() {
    use trust_core::Pattern;
    use trust_policy::{
        Condition, ConditionBlock, Exception, Filter, Filters, ModeOverride, ModeRule, Operator, Template,
    };
    let lab = ModeOverride::in_namespaces(Mode::Audit, vec![Pattern::exact("lab")]);
    let requirement = CheckRequirement::on_request(Arc::new(NotDefault))
        .with_mode(ModeRule::from(Mode::Enforce).with_override(lab));
    let key = Template::of_expression("request.object.metadata.name").unwrap();
    let named = Condition::new(key, Operator::NotEquals, Template::new(&json!("w*")).unwrap());
    let mut policy = Policy::checking("ours", requirement);
    let judge = |policy: &Policy, exception: Option<Exception>| {
        let mut policies = PolicySet::new(vec![policy.clone()]).with_uncovered(Uncovered::Allow);
        policies.add_exceptions(exception);
        evaluate(&policies, &request(), &Evidence::default(), &Trust::keys_only(), NOW)
    };
    assert_eq!(judge(&policy, None).decision, Decision::Deny);
    // Of an exception the rule says nothing, nor of what its preconditions are not about.
    let rules = |name: &str| vec![(Pattern::exact(name), vec![Pattern::exact("require")])];
    let mut filter = Filter::default();
    filter.names = vec![Pattern::exact("web")];
    let mut named_so = policy.rules[0].matches.clone();
    named_so.matched = Filters::Any(vec![filter]);
    let exception = |name| Exception::new("ours", rules(name), named_so.clone());
    assert_eq!(judge(&policy, Some(exception("ours"))).decision, Decision::Allow);
    assert_eq!(judge(&policy, Some(exception("theirs"))).decision, Decision::Deny);
    policy.rules[0].preconditions = Some(ConditionBlock::all(vec![named]).into());
    assert_eq!(judge(&policy, None).decision, Decision::Allow);
}

/// Kyverno's policies, read as something else.
#[derive(Debug)]
struct Overriding;

impl PolicyLanguage for Overriding {
    fn reads(&self, api_version: &str, _: &str) -> bool {
        api_version.starts_with("kyverno.io/")
    }
    fn compile(&self, _: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        set.extend(PolicySet::new(vec![Policy::checking(
            "overridden",
            CheckRequirement::on_request(Arc::new(NotDefault)),
        )]));
        Ok(())
    }
}

#[test]
fn an_embedders_language_is_asked_before_the_built_in_ones() {
    let text = "{apiVersion: kyverno.io/v1, kind: ClusterPolicy}";
    assert!(Languages::default().read(text).is_err(), "it has neither a name nor rules");
    let policies = Languages::default().with(Overriding).read(text).unwrap();
    assert_eq!(policies.policies()[0].name, "overridden");
}

#[test]
fn lists_of_built_in_kinds_are_split() {
    let policy = "apiVersion: trust.dev/v1beta1, kind: ImageTrustPolicy, metadata: {name: p}, spec: {images: ['ghcr.io/acme/**'], require: \
                  {registries: ['ghcr.io/acme/**']}}";
    for list in ["apiVersion: v1, kind: List", "apiVersion: trust.dev/v1beta1, kind: ImageTrustPolicyList"] {
        let policies =
            PolicySet::from_yaml(&format!("{{{list}, items: [{{{policy}}}, {{{policy}}}]}}")).unwrap();
        assert_eq!(policies.policies().len(), 2, "{list}");
    }
}

/// Whatever is called a list, and has items.
#[derive(Debug)]
struct DenyList;

impl PolicyLanguage for DenyList {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        (api_version, kind) == ("acme.example/v1", "DenyList")
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        let items = document.to_json()["items"].as_array().map_or(0, Vec::len);
        let policies = (0..=items).map(|index| {
            let requirement = CheckRequirement::on_request(Arc::new(NotDefault));
            Policy::checking(format!("deny-{index}"), requirement)
        });
        set.extend(PolicySet::new(policies.collect()));
        Ok(())
    }
}

#[test]
fn a_list_that_a_language_reads_is_its_own() {
    let languages = Languages::default().with(DenyList);
    for (items, count) in [("[]", 1), ("[{name: a}, {name: b}]", 3)] {
        let text = format!("{{apiVersion: acme.example/v1, kind: DenyList, items: {items}}}");
        assert_eq!(languages.read(&text).unwrap().policies().len(), count, "{text}");
    }
}

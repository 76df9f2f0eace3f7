//! Rules of Kyverno: patterns, operators, expressions and references.

use serde_json::{Value, json};
use trust_policy::{Decision, Evidence, Mode, PolicySet, ReasonCode};

use crate::{NOW, allowed, denied, judge, kyverno, pod, request};
use trust_testkit::artifacts::{digest, pem};

/// Whether a `verifyImages` entry with this pattern is about an image.
fn selects(pattern: &str, image: &str) -> bool {
    let policies = kyverno("", &[&format!("verifyImages: [{{imageReferences: ['{pattern}']}}]")]);
    let needed = policies.requirements(&request(pod(&[image])), &Evidence::default(), NOW);
    needed.images == [image]
}

#[test]
fn one_image_has_one_name() {
    let digested = format!("ghcr.io/acme/app:v1@{}", digest());
    for (pattern, image) in [
        ("ghcr.io/acme/*", "GHCR.io/acme/app"),
        ("ghcr.io/acme/*", "ghcr.io:443/acme/app"),
        ("GHCR.io/acme/*", "ghcr.io/acme/app"),
        ("docker.io/library/*", "nginx"),
        ("docker.io/*", "registry-1.docker.io/library/nginx"),
        ("index.docker.io/*", "nginx"),
        ("ghcr.io/acme/app:*", &digested),
    ] {
        assert!(selects(pattern, image), "{pattern} {image}");
    }
    assert!(!selects("docker.io/*", "LOCALHOST/app"), "what is in upper case is a host");
}

#[test]
fn an_anchor_frees_its_own_element_and_nothing_else() {
    let init = |images: &[&str]| {
        let mut object = pod(images);
        object["spec"]["initContainers"] = json!([{"name": "i", "image": "docker.io/i"}]);
        object
    };
    let policies = kyverno(
        "",
        &["validate: {pattern: {spec: {=(containers): [{(image): 'ghcr.io/*', name: 'c?'}], \
           =(initContainers): [{(image): 'ghcr.io/*', name: 'c?'}]}}}"],
    );
    let mut wrong = init(&["ghcr.io/a"]);
    wrong["spec"]["containers"][0]["name"] = json!("other");
    denied(&judge(&policies, wrong), "found `other`");
    allowed(&judge(&policies, init(&["ghcr.io/a"])));
    let negated = kyverno("", &["validate: {pattern: {spec: {X(hostNetwork): 'null'}}}"]);
    let mut host = pod(&["a"]);
    host["spec"]["hostNetwork"] = json!(true);
    denied(&judge(&negated, host), "hostNetwork");
}

#[test]
fn a_value_in_another_spelling_is_still_that_value() {
    for (pattern, value) in
        [("!0", "0Mi"), ("!0", "00"), ("!0", "-0"), ("!1", "1000m"), ("!1Gi", "1024Mi"), ("!60s", "1m")]
    {
        let policies =
            kyverno("", &[&format!("validate: {{pattern: {{metadata: {{labels: {{v: '{pattern}'}}}}}}}}")]);
        let mut object = pod(&["a"]);
        object["metadata"]["labels"] = json!({"v": value});
        denied(&judge(&policies, object), "expected");
    }
}

#[test]
fn a_path_leads_through_the_value_of_its_variable() {
    let policies = kyverno(
        "",
        &["context: [{name: known, variable: {value: {request: {mine: bad}}, jmesPath: request.mine}}], \
           validate: {deny: {conditions: {any: [{key: '{{ known }}', operator: Equals, value: bad}]}}}"],
    );
    denied(&judge(&policies, pod(&["a"])), "form");
}

#[test]
fn a_rule_that_did_not_judge_is_not_the_one_that_applies() {
    let one = "  applyRules: One\n";
    let passed_over =
        "preconditions: {all: [{key: a, operator: Equals, value: b}]}, validate: {pattern: {kind: Pod}}";
    let wrong = "validate: {pattern: {kind: Nothing}}";
    denied(&judge(&kyverno(one, &[passed_over, wrong]), pod(&["a"])), "expected `Nothing`");
    // Of each kind of rules one applies.
    let verifies = "verifyImages: [{imageReferences: ['*'], mutateDigest: false, verifyDigest: false}]";
    denied(&judge(&kyverno(one, &[verifies, wrong]), pod(&["a"])), "expected `Nothing`");
    allowed(&judge(&kyverno(one, &["validate: {pattern: {kind: Pod}}", wrong]), pod(&["a"])));
}

#[test]
fn policies_that_share_a_name_apply_a_rule_each() {
    let one = |kind: &str, pattern: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: {kind}\nmetadata: {{name: p, namespace: shop}}\nspec: {{applyRules: One, \
             validationFailureAction: Enforce, rules: [{{name: r, match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, \
             validate: {{pattern: {{kind: {pattern}}}}}}}]}}\n"
        )
    };
    let cluster = one("ClusterPolicy", "Pod").replace(", namespace: shop", "");
    let policies = PolicySet::from_yaml(&format!("{cluster}---\n{}", one("Policy", "Nothing"))).unwrap();
    denied(&judge(&policies, pod(&["a"])), "expected `Nothing`");
}

#[test]
fn no_default_takes_the_place_of_what_is_too_much() {
    let policies = kyverno(
        "",
        &["context: [{name: list, variable: {jmesPath: 'request.object.spec.list', \
           default: []}}], validate: {deny: {conditions: {any: [{key: a, operator: AnyIn, value: '{{ list }}'}]}}}"],
    );
    let with = |count: usize| {
        let mut object = pod(&["a"]);
        object["spec"]["list"] = (0..count).map(|one| json!(format!("v{one}"))).collect();
        judge(&policies, object)
    };
    allowed(&with(20));
    denied(&with(150_000), "has more than 100000 values");
}

#[test]
fn a_list_that_an_expression_gives_is_not_met_by_an_empty_one() {
    let policies = kyverno("", &["validate: {pattern: {spec: {args: \"{{ ['x', 'y'] }}\"}}}"]);
    let with = |args: Value| {
        let mut object = pod(&["a"]);
        object["spec"]["args"] = args;
        judge(&policies, object)
    };
    allowed(&with(json!(["x", "y"])));
    for args in [json!([]), json!(["x"]), json!("x"), json!(null)] {
        denied(&with(args), "expected `[\"x\",\"y\"]`");
    }
}

#[test]
fn operators_and_loops_compare_as_kyverno_does() {
    let is_denied = |conditions: &str| {
        let rule = format!("validate: {{deny: {{conditions: {{any: [{conditions}]}}}}}}");
        judge(&kyverno("", &[&rule]), pod(&["a"])).decision == Decision::Deny
    };
    assert!(is_denied("{key: true, operator: AnyIn, value: [true, false]}"));
    assert!(is_denied("{key: 'a*', operator: AnyIn, value: [abc]}"));
    assert!(!is_denied("{key: '5', operator: GreaterThan, value: '1h'}"));
    let each = "validate: {foreach: [{list: request.object.metadata.labels, deny: {conditions: {any: [{key: '{{ element.a }}', \
                operator: Equals, value: bad}]}}}]}";
    let mut object = pod(&["a"]);
    object["metadata"]["labels"] = json!({"a": "bad"});
    denied(&judge(&kyverno("", &[each]), object), "form");
    // A loop over no lists judges nothing.
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{name: r, match: {any: \
                [{resources: {kinds: [Pod]}}]}, validate: {foreach: []}}]}\n";
    assert!(PolicySet::from_yaml(text).unwrap_err().to_string().contains("at least one list"));
}

#[test]
fn the_strictest_action_of_a_rule_decides() {
    let rule = "verifyImages: [{imageReferences: ['a*'], required: true, failureAction: Audit, attestors: [{entries: [{keys: \
                {publicKeys: KEY, rekor: {ignoreTlog: true}}}]}]}, {imageReferences: ['ab*'], failureAction: Enforce, attestors: \
                [{entries: [{keys: {publicKeys: KEY, rekor: {ignoreTlog: true}}}]}]}]"
        .replace("KEY", &format!("\"{}\"", pem(1)));
    let verdict = judge(&kyverno("", &[&rule]), pod(&["abc"]));
    assert_eq!((verdict.decision, verdict.rules[0].mode), (Decision::Deny, Mode::Enforce), "{verdict}");
}

#[test]
fn a_policy_is_refused_by_the_name_of_its_language() {
    for (api_version, kind) in
        [("policies.kyverno.io/v1", "ValidatingPolicy"), ("policy.sigstore.dev/v1beta1", "Other")]
    {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n");
        let error = PolicySet::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("`{api_version}` is not read here")), "{error}");
    }
}

#[test]
fn the_work_of_a_judgement_is_bounded() {
    let nested = "validate: {foreach: [{list: request.object.spec.list, foreach: [{list: request.object.spec.list, foreach: \
                  [{list: request.object.spec.list, deny: {conditions: {any: [{key: '{{ element }}', operator: Equals, value: \
                  nothing}]}}}]}]}]}";
    let with = |count: usize| {
        let mut object = pod(&["a"]);
        object["spec"]["list"] = (0..count).map(|one| json!(format!("v{one}"))).collect();
        object
    };
    allowed(&judge(&kyverno("", &[nested]), with(20)));
    let verdict = judge(&kyverno("", &[nested]), with(5000));
    denied(&verdict, "the budget of a judgement");
    assert_eq!(verdict.rules[0].explanations[0].code, Some(ReasonCode::Unresolved), "{verdict}");
    // Large lists are compared by hashing.
    let lists = "validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.list }}', operator: AnyIn, value: \
                 '{{ request.object.spec.other }}'}]}}}";
    let mut object = with(9000);
    object["spec"]["other"] = (0..9000).map(|one| json!(format!("w{one}"))).collect();
    allowed(&judge(&kyverno("", &[lists]), object));
    // So are forms, comparisons with patterns, and what functions make.
    let form = "validate: {pattern: {spec: {list: [{a: 1, b: 2, c: 3, d: 4}]}}}";
    let mut object = pod(&["a"]);
    object["spec"]["list"] = (0..200_000).map(|_| json!({})).collect();
    denied(&judge(&kyverno("", &[form]), object), "the budget of a judgement");
    let patterns = "validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.a }}', operator: Equals, value: \
                    '{{ request.object.spec.b }}'}]}}}";
    let mut object = pod(&["a"]);
    object["spec"]["a"] = json!("a".repeat(300_000));
    object["spec"]["b"] = json!(format!("*{}b", "a".repeat(150_000)));
    denied(&judge(&kyverno("", &[patterns]), object), "the budget of a judgement");
    for function in
        ["regex_replace_all('a', @, @)", "regex_replace_all_literal('a', @, @)", "join(@, [@, @, @])"]
    {
        let rule = format!(
            "validate: {{deny: {{conditions: {{any: [{{key: \"{{{{ request.object.spec.a.{function} }}}}\", operator: \
             Equals, value: b}}]}}}}}}"
        );
        let mut object = pod(&["a"]);
        object["spec"]["a"] = json!("a".repeat(600_000));
        denied(&judge(&kyverno("", &[&rule]), object), "expected at most 1048576");
    }
}

#[test]
fn amounts_beyond_all_numbers_are_compared() {
    for value in ["1e300", "-1e300"] {
        let key = "{key: '1h', operator: DurationGreaterThan, value: VALUE}".replace("VALUE", value);
        let rule = format!("validate: {{deny: {{conditions: {{any: [{key}]}}}}}}");
        let verdict = judge(&kyverno("", &[&rule]), pod(&["a"]));
        assert_eq!(verdict.decision == Decision::Deny, value.starts_with('-'), "{verdict}");
    }
}

//! Requests: what changed, what is looked up, and what is judged at all.

use serde_json::{Value, json};
use trust_policy::{
    Archive, Decision, Evidence, FailureKind, FetchFailure, Mode, Operation, Outcome, PolicySet,
    ReferencePattern, Resource, Trust, Uncovered, evaluate,
};

use crate::{IMAGE, NOW, allowed, denied, image_trust, judge, judge_with, kyverno, pod, request};
use trust_testkit::artifacts::{digest, signature};

#[test]
fn every_image_is_covered_or_named() {
    let both = request(pod(&[IMAGE, "evil.example/x"]));
    let signed = [signature(1, &digest(), &Value::Null)];
    let policies = || image_trust("{signatures: {from: [release]}}");
    let judge = |policies: &PolicySet| judge_with(policies, &both, &signed, &[]);
    denied(&judge(&policies()), "uncovered: container `c1`, image `evil.example/x`");
    let reported = judge(&policies().with_uncovered(Uncovered::Report));
    assert_eq!((reported.decision, reported.uncovered.len()), (Decision::Allow, 1), "{reported}");
    assert!(judge(&policies().with_uncovered(Uncovered::Allow)).is_covered());
    let known = |pattern: &str| policies().allowing_images([ReferencePattern::by_segment(pattern).unwrap()]);
    allowed(&judge(&known("evil.example/*")));
    denied(&judge(&known("good.example/*")), "evil.example/x");
    // What runs nothing has nothing to cover.
    let service = request(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}));
    allowed(&judge_with(&policies(), &service, &[], &[]));
    let mut deleted = both.clone();
    deleted.operation = Operation::Delete;
    allowed(&judge_with(&policies(), &deleted, &[], &[]));
}

#[test]
fn an_update_may_leave_what_is_wrong_and_not_change_it_for_other_wrong() {
    let policies = kyverno("", &["validate: {pattern: {spec: {containers: [{image: 'ghcr.io/*'}]}}}"]);
    let update = |old: &str, new: &str, policies: &PolicySet| {
        let mut request = request(pod(&[new]));
        request.operation = Operation::Update;
        request.old = Some(pod(&[old]));
        judge_with(policies, &request, &[], &[])
    };
    let same = update("docker.io/a", "docker.io/a", &policies);
    allowed(&same);
    assert_eq!((same.rules[0].outcome, same.rules[0].mode), (Outcome::Fail, Mode::Audit), "{same}");
    denied(&update("docker.io/a", "docker.io/a", &policies.clone().blocking_unchanged()), "docker.io/a");
    denied(&update("docker.io/a", "evil.example/b", &policies), "found `evil.example/b`");
    denied(&update("ghcr.io/a", "docker.io/a", &policies), "found `docker.io/a`");
    // Likewise of rules about images: what stays is reported.
    let signed = image_trust("{signatures: {from: [release]}}");
    allowed(&update(IMAGE, IMAGE, &signed));
    denied(&update(IMAGE, "ghcr.io/acme/other", &signed), "found no signature");
}

#[test]
fn a_subresource_is_matched_as_such() {
    let judge = |kinds: &str, subresource: &str| {
        let rule = format!(
            "match: {{any: [{{resources: {{kinds: ['{kinds}']}}}}]}}, validate: {{pattern: {{kind: Nothing}}}}"
        );
        let policies = kyverno("", &[&rule]).with_uncovered(Uncovered::Allow);
        let mut request = request(pod(&["a"]));
        request.subresource = subresource.to_owned();
        judge_with(&policies, &request, &[], &[]).decision == Decision::Deny
    };
    for (kinds, subresource, is_about) in [
        ("Pod", "", true),
        ("Pod", "status", false),
        ("Pod/ephemeralcontainers", "ephemeralcontainers", true),
        ("Pod.ephemeralcontainers", "ephemeralcontainers", true),
        ("Pod/*", "ephemeralcontainers", true),
        ("Pod/status", "ephemeralcontainers", false),
        ("*/Pod", "", true),
    ] {
        assert_eq!(judge(kinds, subresource), is_about, "{kinds} {subresource}");
    }
}

#[test]
fn a_name_that_stands_in_an_object_is_asked_for_in_the_next_round() {
    let policies = kyverno(
        "",
        &[
            "context: [{name: first, configMap: {name: first, namespace: ns}}, {name: second, configMap: {name: \
           '{{ first.data.next }}', namespace: ns}}], validate: {foreach: [{list: request.object.spec.containers, context: \
           [{name: third, configMap: {name: '{{ element.name }}-{{ second.data.next }}', namespace: ns}}], deny: {conditions: \
           {any: [{key: '{{ third.data.bad }}', operator: Equals, value: 'yes'}]}}}]}",
        ],
    );
    let (request, mut evidence) = (request(pod(&["a"])), Evidence::default());
    for (name, data) in
        [("first", json!({"next": "b"})), ("b", json!({"next": "c"})), ("c0-c", json!({"bad": "no"}))]
    {
        let needed = policies.requirements(&request, &evidence, NOW).objects;
        let asked: Vec<_> = needed.iter().map(ToString::to_string).collect();
        assert_eq!(asked, [format!("ConfigMap/ns/{name}")]);
        evidence.objects.insert(asked[0].clone(), Ok(json!({"data": data})));
    }
    assert!(policies.requirements(&request, &evidence, NOW).objects.is_empty());
    let verdict = evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW);
    assert_eq!(verdict.rules[0].outcome, Outcome::Pass, "{verdict}");
}

#[test]
fn no_default_takes_the_place_of_what_could_not_be_fetched() {
    let policies = kyverno(
        "",
        &[
            "context: [{name: known, configMap: {name: c, namespace: ns}}, {name: list, variable: {jmesPath: known.data.list, \
           default: []}}], validate: {deny: {conditions: {any: [{key: a, operator: AnyIn, value: '{{ list }}'}, {key: \
           \"{{ known.data.stop || 'no' }}\", operator: Equals, value: 'yes'}]}}}",
        ],
    );
    let judge = |found: Option<Result<Value, FailureKind>>| {
        let mut evidence = Evidence::default();
        let failure = |kind| FetchFailure { location: "c".to_owned(), kind, problem: "gone".to_owned() };
        if let Some(found) = found {
            evidence.objects.insert("ConfigMap/ns/c".to_owned(), found.map_err(failure));
        }
        let policies = PolicySet::clone(&policies).with_uncovered(Uncovered::Allow);
        evaluate(&policies, &request(pod(&["a"])), &evidence, &Trust::keys_only(), NOW)
    };
    denied(&judge(None), "`known` could not be loaded: ConfigMap/ns/c was not looked up");
    denied(&judge(Some(Err(FailureKind::Unavailable))), "`known` could not be loaded: c: gone");
    // That there is none is known, so a variable's own default takes its place, but `||` does not.
    let absent = judge(Some(Err(FailureKind::NotFound)));
    denied(&absent, "`known` could not be loaded: c: gone");
    assert!(!absent.to_string().contains("`list` could not be loaded"), "{absent}");
    denied(&judge(Some(Ok(json!({"data": {"stop": "yes"}})))), "form");
}

#[test]
fn a_violation_is_an_old_one_only_with_the_same_values() {
    let update = |rule: &str, old: &Value, new: &Value| {
        let spec = |spec: &Value| {
            let mut object = pod(&["a"]);
            object["spec"]["x"] = spec.clone();
            object
        };
        let mut request = request(spec(new));
        (request.operation, request.old) = (Operation::Update, Some(spec(old)));
        let policies = kyverno("", &[&format!("validate: {{allowExistingViolations: true, {rule}}}")]);
        let policies = policies.with_uncovered(Uncovered::Allow);
        judge_with(&policies, &request, &[], &[])
    };
    let long = |end: &str| json!(format!("{}{end}", "v".repeat(300)));
    for (rule, one, other) in [
        ("pattern: {spec: {x: 'ok'}}", json!([long("1")]), json!([long("2")])),
        ("pattern: {spec: {x: 'ok'}}", json!({"a": 1}), json!({"a": 2})),
        ("pattern: {spec: {'^(x)': [{a: 1}]}}", json!([{"a": 2}]), json!([{"a": 3}])),
        (
            "deny: {conditions: {any: [{key: '{{ request.object.spec.x }}', operator: Equals, value: 'v*'}]}}",
            long("1"),
            long("2"),
        ),
    ] {
        allowed(&update(rule, &one, &one));
        denied(&update(rule, &one, &other), "form");
    }
    // Another element of a list that violates it in the same way is another violation.
    let each = "foreach: [{list: request.object.spec.x, deny: {conditions: {any: [{key: '{{ element.privileged }}', operator: \
                Equals, value: true}]}}}]";
    let element = |name: &str| json!({"name": name, "privileged": true});
    let (one, two) = (json!([element("a")]), json!([element("a"), element("b")]));
    allowed(&update(each, &one, &one));
    denied(&update(each, &one, &two), "form");
}

#[test]
fn an_archive_knows_whether_unchanged_violations_were_blocked() {
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  validationFailureAction: Enforce\n  \
                rules:\n  - {name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {pattern: {spec: {x: 'ok'}}}}\n";
    let mut request = request(pod(&["a"]));
    (request.operation, request.old) = (Operation::Update, Some(pod(&["a"])));
    let root = r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
    let archive = || {
        let archive = Archive::new(vec![text.to_owned()], root, NOW).unwrap();
        archive.with_uncovered(Uncovered::Allow, Vec::new())
    };
    for (mut archive, decision) in
        [(archive(), Decision::Allow), (archive().blocking_unchanged(), Decision::Deny)]
    {
        archive.judge([(request.clone(), Evidence::default())]).unwrap();
        assert_eq!(archive.judged[0].verdict.decision, decision);
        let written = serde_json::to_string(&archive).unwrap();
        let read = Archive::from_json(written.as_bytes()).unwrap();
        assert_eq!(read.replay().unwrap().differences, []);
        let edited = match decision {
            Decision::Allow => written.replace("\"blocksUnchanged\":false", "\"blocksUnchanged\":true"),
            Decision::Deny => written.replace("\"blocksUnchanged\":true", "\"blocksUnchanged\":false"),
        };
        let replay = Archive::from_json(edited.as_bytes()).unwrap().replay().unwrap();
        assert_eq!(replay.differences.len(), 2, "{:?}", replay.differences);
    }
}

#[test]
fn what_is_being_deleted_is_judged_if_more_than_its_metadata_changes() {
    let policies = kyverno(
        "",
        &["match: {any: [{resources: {kinds: [ConfigMap]}}]}, validate: {pattern: {data: {a: 'ok'}}}"],
    );
    let object = |data: &str, finalizers: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": data}, "metadata": {"name": "a", "namespace": "shop",
            "deletionTimestamp": "2026-11-17T00:00:00Z", "finalizers": finalizers}})
    };
    let update = |new: Value| {
        let mut request = request(new);
        (request.operation, request.old) = (Operation::Update, Some(object("1", json!(["f"]))));
        judge_with(&policies, &request, &[], &[])
    };
    allowed(&update(object("1", json!([]))));
    denied(&update(object("2", json!([]))), "form");
}

#[test]
fn controllers_are_judged_as_kyverno_extends_policies_to_them() {
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
    };
    let pattern = "validate: {pattern: {spec: {containers: [{image: 'ghcr.io/*'}]}}}";
    let beside = |kinds: &str| format!("match: {{any: [{{resources: {{kinds: [{kinds}]}}}}]}}, {pattern}");
    let is_denied = |rules: &[&str]| {
        let verdict = judge(&kyverno("", rules).with_uncovered(Uncovered::Allow), deployment("docker.io/a"));
        verdict.decision == Decision::Deny
    };
    assert!(is_denied(&[&beside("Pod")]));
    // A rule with names speaks of certain pods, so nothing of its policy is extended.
    let named = format!("match: {{any: [{{resources: {{kinds: [Pod], names: [x]}}}}]}}, {pattern}");
    assert!(!is_denied(&[&beside("Pod"), &named]));
    let exception = |rule: &str| {
        format!(
            "---\napiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: shop}}\nspec:\n  exceptions: \
             [{{policyName: p, ruleNames: [{rule}]}}]\n  match: {{any: [{{resources: {{kinds: [Deployment]}}}}]}}\n"
        )
    };
    let excepted = |rule: &str| {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  \
             rules:\n  - {{name: r0, {}}}\n{}",
            beside("Pod"),
            exception(rule)
        );
        let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
        judge(&policies, deployment("docker.io/a")).decision == Decision::Allow
    };
    assert!(excepted("autogen-r0"));
    assert!(!excepted("r0"), "the rule that judges a Deployment is the extended one");
}

#[test]
fn files_are_read_as_kubectl_reads_them() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: PodList\n  items:\n  - {metadata: {name: a}}\n\
                - apiVersion: apps/v1\n  kind: DeploymentList\n  items: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}]\n";
    let ids: Vec<_> = Resource::from_yaml(list).unwrap().iter().map(|one| one.id().to_string()).collect();
    assert_eq!(ids, ["Pod default/a", "Deployment default/b"]);
    let number = |text: &str| {
        let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{value: {text}}}}}");
        Resource::from_yaml(&text).unwrap().remove(0).object()["spec"]["value"].clone()
    };
    assert_eq!(number("010"), json!(8));
    let merged = "a: &a {image: docker.io/evil}\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {<<: *a, image: ghcr.io/a}\n";
    assert!(Resource::from_yaml(merged).is_err(), "kubectl and YAML take another of the two");
}

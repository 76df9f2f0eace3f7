//! What Kyverno's rules mean, one feature a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Decision, Evidence, Outcome, PolicySet, ReasonCode, Request, RuleVerdict, Trust, Verdict, evaluate,
};
use trust_testkit::judge::{self, allowed, denied, image_with, request};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

fn policies(spec: &str, rules: &str) -> PolicySet {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n{spec}  rules:\n{rules}"
    );
    PolicySet::from_yaml(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// One rule about pods, which goes on with `rest`.
fn rule(rest: &str) -> PolicySet {
    policies("", &format!("  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n{rest}"))
}

fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "annotations": {"team": "a"}},
        "spec": {"containers": [{"name": "c", "image": image}]}})
}

fn judge(policies: &PolicySet, request: &Request) -> Verdict {
    judge::judge(policies, request, &image_with(vec![]), &Trust::keys_only(), NOW)
}

#[track_caller]
fn outcome(policies: &PolicySet, object: Value) -> RuleVerdict {
    judge(policies, &request(object)).rules.remove(0)
}

#[track_caller]
fn expect(policies: &PolicySet, object: Value, expected: Outcome) {
    let verdict = outcome(policies, object);
    assert_eq!(verdict.outcome, expected, "{verdict}");
}

#[test]
fn matches_and_excludes_go_together() {
    let about = |matched: &str, excluded: &str| {
        let rest = "    validate: {pattern: {metadata: {name: '?*'}}}\n";
        let text = format!("  - name: r\n    match: {matched}\n{excluded}{rest}");
        !judge(&policies("", &text), &request(pod("a"))).rules.is_empty()
    };
    for (matched, expected) in [
        ("{any: [{resources: {kinds: [Pod]}}]}", true),
        ("{any: [{resources: {kinds: [Service]}}, {resources: {kinds: [v1/Pod]}}]}", true),
        ("{all: [{resources: {kinds: [Pod]}}, {resources: {namespaces: [shop]}}]}", true),
        ("{all: [{resources: {kinds: [Pod]}}, {resources: {namespaces: [lab]}}]}", false),
        ("{resources: {kinds: [Pod], names: ['w*']}}", true),
        ("{any: [{resources: {kinds: [Pod], name: db}}]}", false),
        ("{any: [{resources: {kinds: ['*'], selector: {matchLabels: {app: 'w?b'}}}}]}", true),
        (
            "{any: [{resources: {kinds: [Pod], selector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}}]}",
            false,
        ),
        ("{any: [{resources: {kinds: [Pod], annotations: {team: a}}}]}", true),
        ("{any: [{resources: {kinds: [Pod], annotations: {team: b}}}]}", false),
        ("{any: [{resources: {kinds: [Pod], operations: [CREATE]}}]}", true),
        ("{any: [{resources: {kinds: [Pod], operations: [DELETE]}}]}", false),
    ] {
        assert_eq!(about(matched, ""), expected, "{matched}");
    }
    let all = "{any: [{resources: {kinds: [Pod]}}]}";
    assert!(!about(all, "    exclude: {any: [{resources: {namespaces: [shop]}}]}\n"));
    assert!(about(all, "    exclude: {any: [{resources: {namespaces: [lab]}}]}\n"));
    assert!(about(
        all,
        "    exclude: {all: [{resources: {namespaces: [shop]}}, {resources: {names: [db]}}]}\n"
    ));
}

#[test]
fn a_deny_holds_where_its_conditions_do() {
    let rules = rule(
        "    validate:\n      message: 'found {{ images.containers.c.tag }}'\n      deny: {conditions: {any: [{key: '{{ images.containers.c.tag }}', \
         operator: AnyIn, value: [latest]}]}}\n",
    );
    expect(&rules, pod("a:1"), Outcome::Pass);
    let verdict = outcome(&rules, pod("a"));
    assert_eq!((verdict.outcome, verdict.explanations[0].message.as_str()), (Outcome::Fail, "found latest"));
}

#[test]
fn one_of_several_patterns_is_enough() {
    let rules = rule(
        "    validate: {anyPattern: [{spec: {containers: [{image: 'a/*'}]}}, {spec: {containers: [{image: 'b/*'}]}}]}\n",
    );
    expect(&rules, pod("b/x"), Outcome::Pass);
    expect(&rules, pod("c/x"), Outcome::Fail);
}

#[test]
fn each_element_is_judged_in_its_own_scope() {
    let rules = rule(
        "    validate:\n      foreach:\n      - list: request.object.spec.[initContainers, containers][]\n        \
         preconditions: {all: [{key: '{{ element.name }}', operator: NotEquals, value: skipped}]}\n        \
         context: [{name: registry, variable: {jmesPath: \"split(element.image, '/') | [0]\"}}]\n        \
         deny: {conditions: {all: [{key: '{{ registry }}', operator: NotEquals, value: ghcr.io}]}}\n",
    );
    expect(&rules, pod("ghcr.io/a"), Outcome::Pass);
    expect(&rules, pod("docker.io/a"), Outcome::Fail);
    let mut skipped = pod("docker.io/a");
    skipped["spec"]["containers"][0]["name"] = json!("skipped");
    expect(&rules, skipped, Outcome::Skip);
}

#[test]
fn preconditions_and_context_say_where_a_rule_is_about_nothing() {
    let rules = rule(
        "    context:\n    - {name: team, variable: {jmesPath: request.object.metadata.annotations.team, default: none}}\n    \
         - {name: known, variable: {value: {a: [x, z]}, jmesPath: 'a[1]'}}\n    \
         preconditions: {all: [{key: '{{ team }}-{{ known }}', operator: Equals, value: a-z}]}\n    \
         validate: {pattern: {metadata: {labels: {app: api}}}}\n",
    );
    expect(&rules, pod("a"), Outcome::Fail);
    let mut other = pod("a");
    other["metadata"]["annotations"] = json!({"team": "b"});
    expect(&rules, other.clone(), Outcome::Skip);
    other["metadata"].as_object_mut().unwrap().remove("annotations");
    expect(&rules, other, Outcome::Skip);
}

#[test]
fn what_has_no_value_denies_and_says_so() {
    let rules = rule(
        "    validate: {deny: {conditions: {all: [{key: '{{ request.object.metadata.labels.tier }}', operator: Equals, value: x}]}}}\n",
    );
    let verdict = outcome(&rules, pod("a"));
    assert_eq!(
        (verdict.outcome, verdict.explanations[0].code),
        (Outcome::Fail, Some(ReasonCode::Unresolved))
    );
    assert!(
        verdict.to_string().contains("`{{ request.object.metadata.labels.tier }}` has no value"),
        "{verdict}"
    );
}

#[test]
fn controllers_are_judged_as_the_pods_that_they_make() {
    let rules = rule(
        "    validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.containers[].image }}', operator: AnyIn, value: 'evil*'}]}}}\n",
    );
    let template = |image: &str| json!({"spec": {"containers": [{"name": "c", "image": image}]}});
    let deployment = |image: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template(image)}});
    let cron_job = |image: &str| {
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "d"},
            "spec": {"jobTemplate": {"spec": {"template": template(image)}}}})
    };
    for make in [&deployment as &dyn Fn(&str) -> Value, &cron_job] {
        expect(&rules, make("fine"), Outcome::Pass);
        expect(&rules, make("evil"), Outcome::Fail);
    }
}

#[test]
fn images_of_other_kinds_are_extracted() {
    let rules = policies(
        "",
        "  - name: r\n    match: {any: [{resources: {kinds: [tekton.dev/v1/Task]}}]}\n    imageExtractors:\n      Task:\n      \
         - {path: /spec/steps/*, value: image, key: name}\n      - {path: /spec/sidecars/*/image, jmesPath: \"trim_prefix(@, 'docker://')\"}\n    \
         verifyImages: [{imageReferences: ['ghcr.io/acme/*']}]\n",
    );
    let task = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "t"}, "spec": {
        "steps": [{"name": "build", "image": "ghcr.io/acme/build:1"}, {"name": "none"}],
        "sidecars": [{"image": "docker://ghcr.io/acme/side:1"}]}});
    let request = request(task);
    assert_eq!(policies_images(&rules, &request), ["ghcr.io/acme/build:1", "ghcr.io/acme/side:1"]);
    let verdict = judge(&rules, &request);
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
    // What an expression made cannot be written back.
    let patched: Vec<_> = verdict.patch.iter().map(|operation| operation.path.as_str()).collect();
    assert_eq!(patched, ["/spec/steps/0/image"]);
    let broken = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"image": 3}]}});
    let verdict = judge(&rules, &self::request(broken));
    assert!(
        verdict.to_string().contains("`/spec/steps/0/image` is not a string, expected an image"),
        "{verdict}"
    );
    assert_eq!(verdict.decision, Decision::Deny);
}

fn policies_images(policies: &PolicySet, request: &Request) -> Vec<String> {
    policies.requirements(request, &Evidence::default(), NOW).images
}

#[test]
fn exceptions_are_for_those_whom_they_name() {
    let rules = rule("    validate: {pattern: {spec: {containers: [{image: 'a/*'}]}}}\n");
    let exception = |policy: &str, rule: &str, namespace: &str, conditions: &str| {
        format!(
            "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: shop}}\nspec:\n  exceptions: [{{policyName: {policy}, \
             ruleNames: ['{rule}']}}]\n  match: {{any: [{{resources: {{kinds: [Pod], namespaces: [{namespace}]}}}}]}}\n{conditions}"
        )
    };
    let with = |exception: String| {
        let mut set = rules.clone();
        set.extend(PolicySet::from_yaml(&exception).unwrap());
        outcome(&set, pod("b/x"))
    };
    let excepted = with(exception("p", "r*", "shop", ""));
    assert_eq!(excepted.outcome, Outcome::Skip, "{excepted}");
    assert!(excepted.to_string().contains("exception `shop/e`"), "{excepted}");
    assert_eq!(with(exception("q", "r", "shop", "")).outcome, Outcome::Fail);
    assert_eq!(with(exception("p", "s", "shop", "")).outcome, Outcome::Fail);
    assert_eq!(with(exception("p", "r", "lab", "")).outcome, Outcome::Fail);
    let conditions = |value: &str| {
        format!(
            "  conditions: {{all: [{{key: '{{{{ request.object.metadata.labels.app }}}}', operator: Equals, value: {value}}}]}}\n"
        )
    };
    assert_eq!(with(exception("p", "r", "shop", &conditions("web"))).outcome, Outcome::Skip);
    assert_eq!(with(exception("p", "r", "shop", &conditions("api"))).outcome, Outcome::Fail);
    // One that cannot be told whether it is granted is not.
    let unknown = conditions("web").replace("labels.app", "labels.tier");
    assert_eq!(with(exception("p", "r", "shop", &unknown)).outcome, Outcome::Fail);
}

#[test]
fn the_first_rule_can_be_the_only_one() {
    let two = "  - name: a\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: {pattern: {kind: Pod}}\n  \
               - name: b\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: {pattern: {kind: Nothing}}\n";
    assert_eq!(judge(&policies("", two), &request(pod("a"))).decision, Decision::Deny);
    assert_eq!(judge(&policies("  applyRules: One\n", two), &request(pod("a"))).decision, Decision::Allow);
}

#[test]
fn image_volumes_are_images_too() {
    let rules = rule("    verifyImages: [{imageReferences: ['ghcr.io/acme/*']}]\n");
    let mut mounted = pod("ghcr.io/acme/a");
    mounted["spec"]["volumes"] = json!([{"name": "model", "image": {"reference": "ghcr.io/acme/model:1"}}, {"name": "tmp", "emptyDir": {}}]);
    let verdict = judge(&rules, &request(mounted));
    assert_eq!(verdict.patch[1].path, "/spec/volumes/0/image/reference", "{verdict}");
}

#[test]
fn what_depends_on_an_object_is_fetched_before_it_is_known() {
    let rules = |context: &str| {
        rule(&format!(
            "    context: [{{name: known, {context}}}]\n    \
             preconditions: {{all: [{{key: \"{{{{ known.data.check || 'no' }}}}\", operator: Equals, value: 'yes'}}]}}\n    \
             verifyImages: [{{imageReferences: ['*']}}]\n"
        ))
    };
    let of_cluster = rules("configMap: {name: c, namespace: n}").requirements(
        &request(pod("a")),
        &Evidence::default(),
        NOW,
    );
    assert_eq!(of_cluster.images, ["a"]);
    assert_eq!(of_cluster.objects.len(), 1, "{of_cluster:?}");
    let of_policy = rules("variable: {value: {data: {check: 'no'}}}").requirements(
        &request(pod("a")),
        &Evidence::default(),
        NOW,
    );
    assert_eq!(of_policy, trust_policy::Requirements::default());
}

#[test]
fn lists_and_values_are_limited() {
    let with = |count: usize| {
        let mut pod = pod("a");
        pod["spec"]["list"] = vec![json!(1); count].into();
        pod
    };
    let each = rule(
        "    validate:\n      foreach:\n      - list: request.object.spec.list\n        \
         deny: {conditions: {all: [{key: '{{ element }}', operator: NotEquals, value: 1}]}}\n",
    );
    expect(&each, with(10), Outcome::Pass);
    let verdict = outcome(&each, with(10_001));
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(verdict.to_string().contains("found 10001 elements, expected at most 10000"), "{verdict}");
    let whole = rule(
        "    validate: {deny: {conditions: {all: [{key: '{{ request.object.spec.list }}', operator: AnyIn, value: [2]}]}}}\n",
    );
    expect(&whole, with(10), Outcome::Pass);
    let verdict = outcome(&whole, with(100_001));
    assert_eq!(verdict.outcome, Outcome::Fail);
    assert!(
        verdict.to_string().contains("`{{ request.object.spec.list }}` has more than 100000 values"),
        "{verdict}"
    );
}

#[test]
fn expressions_of_a_cluster_policy_judge_the_resource() {
    let rule = |validate: &str, more: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  \
             - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n{more}    validate: {{cel: {validate}}}\n"
        )
    };
    let tagged = "{expressions: [{expression: \"object.spec.containers.all(c, !c.image.endsWith(':latest'))\", message: latest}]}";
    let judged = |text: &str, object: Value| {
        let policies = PolicySet::from_yaml(text).unwrap();
        judge::judge(&policies, &judge::request(object), &judge::image_with(vec![]), &Trust::keys_only(), NOW)
    };
    allowed(&judged(&rule(tagged, ""), pod("a:1")));
    denied(&judged(&rule(tagged, ""), pod("a:latest")), ReasonCode::Condition, "latest");
    // A rule about pods finds the pod of a controller in its place.
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": pod("a:latest")}});
    denied(&judged(&rule(tagged, ""), deployment), ReasonCode::Condition, "latest");
    let variables = "{variables: [{name: count, expression: object.spec.containers.size()}], expressions: [{expression: variables.count == 1, \
                     messageExpression: \"'found ' + string(variables.count)\"}]}";
    allowed(&judged(&rule(variables, ""), pod("a")));
    let absent = "{expressions: [{expression: object.spec.hostNetwork == false}]}";
    denied(&judged(&rule(absent, ""), pod("a")), ReasonCode::Unresolved, "no such field: `hostNetwork`");
    let where_web = "    celPreconditions: [{name: web, expression: \"object.metadata.name == 'web'\"}]\n";
    denied(&judged(&rule(tagged, where_web), pod("a:latest")), ReasonCode::Condition, "latest");
    let elsewhere = judged(&rule(tagged, &where_web.replace("'web'", "'db'")), pod("a:latest"));
    assert_eq!(elsewhere.rules[0].outcome, Outcome::Skip, "{elsewhere}");

    for (validate, more, problem) in [
        ("{expressions: []}", "", "at least one element"),
        ("{expressions: [{expression: params.a}]}", "", "name `params` is not known"),
        ("{paramKind: {kind: A}, expressions: [{expression: 'true'}]}", "", "paramKind` is not implemented"),
        ("{expressions: [{expression: 'true'}]}, pattern: {a: b}", "", "no other requirement beside `cel`"),
    ] {
        let error = PolicySet::from_yaml(&rule(validate, more)).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn what_a_registry_holds_of_an_image_can_be_asked() {
    let policies = rule(
        "    context: [{name: data, imageRegistry: {reference: '{{ request.object.spec.containers[0].image }}', jmesPath: configData}}]\n    \
         validate: {deny: {conditions: {any: [{key: '{{ data.config.User }}', operator: Equals, value: root}]}}}\n",
    );
    const IMAGE: &str = "ghcr.io/acme/app:v1";
    let needed = policies.requirements(&request(pod(IMAGE)), &Evidence::default(), NOW);
    assert_eq!((needed.images, needed.documents), (vec![IMAGE.to_owned()], vec![IMAGE.to_owned()]));
    let judged = |user: &str| {
        let config = json!({"config": {"User": user}}).to_string();
        let manifest =
            json!({"config": {"digest": Digest::sha256(config.as_bytes())}, "layers": []}).to_string();
        let image = judge::image_at(&Digest::sha256(manifest.as_bytes()));
        let evidence = judge::evidence([(IMAGE, image)], [manifest, config]);
        evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW)
    };
    allowed(&judged("65532"));
    denied(&judged("root"), ReasonCode::Condition, "root");
    // What was not fetched is not known, and denies.
    let none = evaluate(&policies, &request(pod(IMAGE)), &Evidence::default(), &Trust::keys_only(), NOW);
    denied(&none, ReasonCode::Unresolved, "nothing was fetched");
}

//! What is admitted, denied and pinned, and what happens when something breaks.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use trust_testkit::servers::run;

use super::fixture::{Cluster, Program, eventually, free_address};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const MODERN: &[&str] = &["--modern"];

/// A workload of another kind, with the same container.
fn workload(kind: &str, version: &str, name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    let mut template =
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}});
    let spec = match kind {
        "CronJob" => {
            template["spec"]["restartPolicy"] = "Never".into();
            json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}})
        }
        _ => json!({"selector": {"matchLabels": labels}, "template": template}),
    };
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

/// Waits until the API server asks the webhook.
fn asks(cluster: &Cluster) {
    eventually("the API server asks", 10, || {
        let (is_success, text) =
            cluster.kubectl(&["run", "probe", "--dry-run=server", "--image=nginx", "--restart=Never"]);
        (!is_success && text.contains("no rule about images applies")).then_some(())
    });
}

/// Lets the webhook gate the namespace `default`.
fn gates(cluster: &Cluster, webhook: &Program) {
    cluster.configure(webhook, "Fail");
    cluster.succeeds(&["label", "namespace", "default", "trust.dev/gate=on"], None);
    asks(cluster);
}

/// Whether the image `acme/app:v1` may start.
fn starts(cluster: &Cluster) -> bool {
    let image = format!("--image={}/acme/app:v1", cluster.registry);
    cluster.kubectl(&["run", "x", "--dry-run=server", &image]).0
}

fn is_refused(cluster: &Cluster, object: &Value, reason: &str) {
    let text = cluster.refused(object);
    assert!(text.contains(reason), "expected {reason}: {text}");
}

fn metric(address: &str, name: &str) -> String {
    let text = run(Command::new("curl").args(["-skf", &format!("https://{address}/metrics")]));
    let line =
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.rsplit_once(' ').unwrap().1.to_owned()
}

#[test]
fn a_policy_that_is_stored_decides_at_once() {
    let Some(cluster) = Cluster::new(MODERN) else { return };
    let digest = cluster.push("unsigned", "acme/app:v1");
    cluster.sign("release", "acme/app", &digest);
    cluster.push("stranger", "acme/app:unsigned");
    cluster.apply(&cluster.policy("ours", "release", "Enforce"));
    let webhook = cluster.webhook(&free_address());
    gates(&cluster, &webhook);
    let of = |tag: &str| format!("{}/acme/app:{tag}", cluster.registry);

    // Signed and not, in each kind of workload, and in a debug container.
    cluster.create(&cluster.pod("signed", "acme/app:v1"));
    let stored = cluster.object(&["pod", "signed"]);
    assert_eq!(stored["spec"]["containers"][0]["image"], format!("{}@{digest}", of("v1")));
    is_refused(&cluster, &cluster.pod("bad", "acme/app:unsigned"), "found no signature of the image");
    for (kind, version) in [
        ("Deployment", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("CronJob", "batch/v1"),
    ] {
        cluster.create(&workload(kind, version, "good", &of("v1")));
        is_refused(
            &cluster,
            &workload(kind, version, "bad", &of("unsigned")),
            "found no signature of the image",
        );
    }
    let debug = |tag: &str| {
        json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": of(tag)}]}}).to_string()
    };
    let patch = |tag: &str| {
        cluster.kubectl(&["patch", "pod", "signed", "--subresource=ephemeralcontainers", "-p", &debug(tag)])
    };
    assert!(!patch("unsigned").0);
    let (is_success, text) = patch("v1");
    assert!(is_success, "{text}");
    cluster.succeeds(&["create", "--dry-run=server", "-f", "-"], Some(&cluster.pod("dry", "acme/app:v1")));

    // What was admitted is on record, dry runs are not; what was denied is told, at the API server as well.
    let admissions = eventually("admissions are on record", 10, || {
        let list = cluster.object(&["workloadadmissions", "-n", "trust-system"]);
        let names = list["items"].as_array().unwrap().iter().map(|one| &one["spec"]["workload"]);
        let mut names: Vec<String> = names
            .map(|one| format!("{}/{}", one["kind"].as_str().unwrap(), one["name"].as_str().unwrap()))
            .collect();
        names.sort();
        (names.len() == 6).then_some(names)
    });
    assert_eq!(
        admissions,
        ["CronJob/good", "DaemonSet/good", "Deployment/good", "Pod/signed", "Pod/signed", "ReplicaSet/good"]
    );
    let denied = eventually("denials are told", 10, || {
        let list = cluster.object(&["events", "-n", "default", "--field-selector=reason=AdmissionDenied"]);
        let count = list["items"].as_array().unwrap().len();
        (count >= 6).then_some(list["items"].clone())
    });
    assert!(denied[0]["message"].as_str().unwrap().contains("found no signature of the image"), "{denied:#}");
    assert!(cluster.events("webhook").iter().any(|event| event["problems"][0]["action"] == "resign"));

    // A policy is changed: that counts within two seconds, without a restart.
    cluster.apply(&cluster.policy("ours", "other", "Enforce"));
    eventually("the other key is required", 2, || (!starts(&cluster)).then_some(()));

    // Audit, but where a label of the namespace says otherwise.
    let mut audit = cluster.policy("ours", "release", "Audit");
    audit["spec"]["modeOverrides"] =
        json!([{"action": "Enforce", "namespaceSelector": {"matchLabels": {"stage": "prod"}}}]);
    cluster.apply(&audit);
    let unsigned = format!("--image={}", of("unsigned"));
    let runs =
        |namespace: &str| cluster.kubectl(&["run", "x", "--dry-run=server", "-n", namespace, &unsigned]);
    eventually("violations are reported only", 2, || runs("default").0.then_some(()));
    cluster.succeeds(&["label", "namespace", "default", "stage=prod"], None);
    eventually("the label makes them count", 2, || (!runs("default").0).then_some(()));
    // A namespace that is as new as its first Pod has its labels.
    let new = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new", "labels": {"stage": "prod", "trust.dev/gate": "on"}}});
    cluster.create(&new);
    let (is_success, text) = runs("new");
    assert!(!is_success && text.contains("found no signature"), "{text}");

    // A policy that cannot be read is refused where it is written, with the place.
    let mut broken = audit.clone();
    broken["spec"]["require"]["signatures"]["form"] = json!(["release"]);
    let text = cluster.refused(&json!({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy",
        "metadata": {"name": "new"}, "spec": broken["spec"]}]}));
    assert!(text.contains("policies.trust.dev") && text.contains("spec.require.signatures.form"), "{text}");
    // Where it is stored all the same, it changes nothing, and that is said.
    cluster.succeeds(&["delete", "validatingwebhookconfiguration", "trust"], None);
    cluster.succeeds(&["label", "namespace", "default", "stage-"], None);
    eventually("it is stored", 10, || {
        cluster.apply(&broken);
        (metric(&webhook.address, "trust_refused_policies") == "1").then_some(())
    });
    assert!(webhook.log().contains("spec.require.signatures.form"));
    let (is_success, text) = runs("new");
    assert!(!is_success && text.contains("found no signature"), "the policy stays as it was: {text}");
    cluster.apply(&audit);
    eventually("it is mended", 2, || {
        (metric(&webhook.address, "trust_refused_policies") == "0").then_some(())
    });
    webhook.end();
}

#[test]
fn kyvernos_policies_that_are_chosen_count_with_their_config_maps_and_roles() {
    let Some(cluster) = Cluster::new(MODERN) else { return };
    for (plural, kind, scope, version) in [
        ("clusterpolicies", "ClusterPolicy", "Cluster", "v1"),
        ("policies", "Policy", "Namespaced", "v1"),
        ("policyexceptions", "PolicyException", "Namespaced", "v2"),
    ] {
        cluster.define("kyverno.io", plural, kind, scope, version);
    }
    let digest = cluster.push("unsigned", "acme/app:v1");
    cluster.sign("release", "acme/app", &digest);
    let key = std::fs::read_to_string(cluster.path("release.pub")).unwrap();
    let policy = |name: &str, labels: Value, rule: Value| {
        json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": name, "labels": labels},
            "spec": {"validationFailureAction": "Enforce", "rules": [rule]}})
    };
    let chosen = json!({"trust.dev/gate": "on"});
    let pods = json!({"any": [{"resources": {"kinds": ["Pod"]}}]});
    let verify = json!({"name": "signed", "match": pods, "verifyImages": [{"imageReferences": [format!("{}/*", cluster.registry)],
        "attestors": [{"entries": [{"keys": {"publicKeys": key, "rekor": {"ignoreTlog": true}}}]}]}]});
    let limit = json!({"name": "limit", "match": pods, "exclude": {"any": [{"clusterRoles": ["cluster-admin"]}]},
        "context": [{"name": "teams", "configMap": {"name": "teams", "namespace": "default"}}],
        "validate": {"message": "unknown team", "deny": {"conditions": {"all": [
            {"key": "{{ request.object.metadata.labels.team || '' }}", "operator": "AnyNotIn", "value": "{{ teams.data.names }}"}]}}}});
    cluster.create(&policy("verify", chosen.clone(), verify));
    cluster.create(&policy("limit", chosen, limit));
    // What is Kyverno's alone is not read.
    cluster.create(&policy(
        "other",
        json!({}),
        json!({"name": "generate", "match": pods, "generate": {"kind": "X"}}),
    ));
    let webhook = cluster.webhook_starts("webhook", &free_address(), &["--roles"], None);
    cluster.waits_for(&webhook, "https");
    gates(&cluster, &webhook);

    let mut pod = cluster.pod("web", "acme/app:v1");
    is_refused(&cluster, &pod, "ConfigMap/default/teams");
    cluster.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "teams", "namespace": "default"}, "data": {"names": "[\"red\", \"blue\"]"}}));
    is_refused(&cluster, &pod, "unknown team");
    pod["metadata"]["labels"] = json!({"team": "red"});
    cluster.create(&pod);
    // The one who asks gets the role that the rule leaves out.
    is_refused(&cluster, &cluster.pod("admin", "acme/app:v1"), "unknown team");
    cluster.create(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "admin"}]}));
    eventually("the role counts", 3, || starts(&cluster).then_some(()));
}

#[test]
fn policies_in_cel_and_of_policy_controller_that_are_chosen_count() {
    let Some(cluster) = Cluster::new(MODERN) else { return };
    for (group, plural, kind, scope, version) in [
        ("policies.kyverno.io", "imagevalidatingpolicies", "ImageValidatingPolicy", "Cluster", "v1beta1"),
        ("policies.kyverno.io", "policyexceptions", "PolicyException", "Namespaced", "v1beta1"),
        ("policy.sigstore.dev", "clusterimagepolicies", "ClusterImagePolicy", "Cluster", "v1beta1"),
        ("policy.sigstore.dev", "trustroots", "TrustRoot", "Cluster", "v1alpha1"),
    ] {
        cluster.define(group, plural, kind, scope, version);
    }
    let digest = cluster.push("unsigned", "acme/app:v1");
    cluster.sign("release", "acme/app", &digest);
    let key = std::fs::read_to_string(cluster.path("release.pub")).unwrap();
    let metadata = |name: &str| json!({"name": name, "labels": {"trust.dev/gate": "on"}});
    let by_expression = |name: &str, expression: &str| {
        json!({"apiVersion": "policies.kyverno.io/v1beta1", "kind": "ImageValidatingPolicy", "metadata": metadata(name), "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]}]},
            "matchImageReferences": [{"glob": format!("{}/*", cluster.registry)}],
            "attestors": [{"name": "release", "cosign": {"key": {"data": key}, "ctlog": {"insecureIgnoreTlog": true}}}],
            "validations": [
                {"expression": expression, "message": "no owner"},
                {"expression": "images.containers.all(i, verifyImageSignatures(i, [attestors.release]) > 0)", "message": "not released"}]}})
    };
    cluster.create(&by_expression("cel", "has(object.metadata.labels) && has(object.metadata.labels.owner)"));
    let webhook = cluster.webhook_starts("webhook", &free_address(), &["--exceptions-from", "default"], None);
    cluster.waits_for(&webhook, "https");
    gates(&cluster, &webhook);
    is_refused(&cluster, &cluster.pod("app", "acme/app:v1"), "no owner");
    let mut owned = cluster.pod("app", "acme/app:v1");
    owned["metadata"]["labels"] = json!({"owner": "us"});
    cluster.create(&owned);
    let found = cluster.object(&["pod", "app"]);
    assert!(found["spec"]["containers"][0]["image"].as_str().unwrap().ends_with(&digest), "it is pinned");
    cluster.push("unsigned", "acme/other:v1");
    let mut other = cluster.pod("other", "acme/other:v1");
    other["metadata"]["labels"] = json!({"owner": "us"});
    is_refused(&cluster, &other, "not released");

    // A policy with a mistake is refused where it is written, with the place in the expression.
    let text = cluster.refused(&by_expression("broken", "object.metadata.labels.size() > atLeast"));
    assert!(
        text.contains("spec.validations[0].expression") && text.contains("name `atLeast` is not known"),
        "{text}"
    );

    // An exception from a policy in CEL counts as soon as it is there.
    let mut excused = cluster.pod("excused", "acme/other:v1");
    is_refused(&cluster, &excused, "no owner");
    let mut exception = json!({"apiVersion": "policies.kyverno.io/v1beta1", "kind": "PolicyException", "metadata": metadata("excused"), "spec": {
        "policyRefs": [{"name": "cel", "kind": "ImageValidatingPolicy"}],
        "matchConditions": [{"name": "by-name", "expression": "object.metadata.name == 'excused'"}]}});
    cluster.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenant"}}));
    exception["metadata"]["namespace"] = "tenant".into();
    cluster.create(&exception);
    exception["metadata"]["namespace"] = "default".into();
    exception["metadata"]["name"] = "later".into();
    std::thread::sleep(std::time::Duration::from_secs(2));
    is_refused(&cluster, &excused, "no owner");
    cluster.create(&exception);
    eventually("an exception counts", 5, || {
        cluster.kubectl_with(&["create", "--dry-run=server", "-f", "-"], Some(&excused)).0.then_some(())
    });
    excused["metadata"]["name"] = "another".into();
    is_refused(&cluster, &excused, "no owner");

    // All policies that match must be satisfied, whichever language says it.
    cluster.create(&json!({"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": metadata("sigstore"),
        "spec": {"images": [{"glob": format!("{}/acme/**", cluster.registry)}],
            "authorities": [{"static": {"action": "fail", "message": "closed for the holidays"}}]}}));
    owned["metadata"]["name"] = "second".into();
    eventually("policy-controller's policy counts", 5, || {
        let (_, text) = cluster.kubectl_with(&["create", "--dry-run=server", "-f", "-"], Some(&owned));
        text.contains("closed for the holidays").then_some(())
    });

    // What is wrong in a root that policies name is said where it is written.
    let root = json!({"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": metadata("mine"),
        "spec": {"sigstoreKeys": {"tLogs": [{"baseURL": "https://log.example", "hashAlgorithm": "sha-256", "publicKey": "e30="}]}}});
    let text = cluster.refused(&root);
    assert!(text.contains("spec.sigstoreKeys.tLogs[0].publicKey"), "{text}");
}

#[test]
fn whatever_breaks_denies() {
    let Some(cluster) = Cluster::new(MODERN) else { return };
    let digest = cluster.push("unsigned", "acme/app:v1");
    cluster.sign("release", "acme/app", &digest);
    cluster.apply(&cluster.policy("ours", "release", "Enforce"));
    let webhook = cluster.webhook(&free_address());
    gates(&cluster, &webhook);

    // The registry does not answer: the webhook does, in time.
    cluster.fault(Some("/v2/=hang:60s"));
    let start = Instant::now();
    is_refused(&cluster, &cluster.pod("app", "acme/app:v1"), "denied");
    let text = cluster.refused(&cluster.pod("app", "acme/app:v1"));
    assert!(text.contains(&cluster.registry) && !text.contains("context deadline"), "{text}");
    assert!(start.elapsed().as_secs() < 2 * 11, "{:?}", start.elapsed());
    cluster.fault(None);
    cluster.fault(Some("/v2/=503"));
    is_refused(&cluster, &cluster.pod("app", "acme/app:v1"), "503");
    cluster.fault(None);
    eventually("the registry is there again", 10, || starts(&cluster).then_some(()));

    // The webhook is killed: the API server does as it is configured.
    cluster.create(&cluster.pod("before", "acme/app:v1"));
    drop(webhook);
    is_refused(&cluster, &cluster.pod("after", "acme/app:v1"), "failed calling webhook");
    // What is deleted is not judged.
    cluster.succeeds(&["delete", "pod", "before"], None);
    let webhook = cluster.webhook(&free_address());
    cluster.configure(&webhook, "Ignore");
    asks(&cluster);
    drop(webhook);
    cluster.create(&cluster.pod("ignored", "acme/app:v1"));

    // A policy that is stored and cannot be read keeps a webhook that starts from answering.
    cluster
        .succeeds(&["delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "trust"], None);
    let mut broken = cluster.policy("ours", "release", "Enforce");
    broken["spec"]["require"]["signatures"]["form"] = json!(["release"]);
    cluster.apply(&broken);
    let webhook = cluster.webhook_starts("third", &free_address(), &[], None);
    eventually("it says why it is not ready", 10, || {
        webhook.log().contains("nothing is judged before this can be read").then_some(())
    });
    let says = |route: &str| Cluster::says(&webhook, "https", route);
    assert!(says("healthz") && !says("readyz"), "it lives, and is not ready");
    cluster.apply(&cluster.policy("ours", "release", "Enforce"));
    cluster.waits_for(&webhook, "https");
}

#[test]
fn trust_roots_that_are_stored_decide_at_once() {
    let Some(cluster) = Cluster::new(MODERN) else { return };
    let sigstore = cluster.servers().start(&["sigstore"]);
    let digest = cluster.push("unsigned", "acme/app:v1");
    let url = format!("{}?iss={ISSUER}&repository=acme/app", sigstore["OIDC_TOKEN_URL"]);
    let token = run(Command::new("curl").args(["-sf", &url]));
    let image = format!("{}/acme/app@{digest}", cluster.registry);
    let root = &sigstore["TRUSTED_ROOT"];
    let config = ["--signing-config", &sigstore["SIGNING_CONFIG"], "--trusted-root", root];
    let arguments = ["sign", "--yes", "--allow-http-registry", "--identity-token", token.trim(), &image];
    cluster.tool("cosign", &[&arguments[..], &config].concat());
    let mut policy = cluster.policy("ours", "release", "Enforce");
    policy["spec"]["signers"]["release"] =
        json!({"issuer": ISSUER, "subject": "https://github.com/acme/app/*"});
    cluster.apply(&policy);
    let webhook = cluster.webhook_starts("webhook", &free_address(), &["--stored-roots"], None);
    cluster.waits_for(&webhook, "https");
    gates(&cluster, &webhook);

    assert!(!starts(&cluster), "no root is trusted");
    let stored = |root: Value| json!({"apiVersion": "trust.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "own"}, "spec": {"trustedRoot": root}});
    let root: Value = serde_json::from_str(&std::fs::read_to_string(root).unwrap()).unwrap();
    is_refused(&cluster, &stored(json!({"mediaType": "text/plain"})), "spec.trustedRoot");
    cluster.apply(&stored(root));
    eventually("it is trusted", 3, || starts(&cluster).then_some(()));
    cluster.succeeds(&["delete", "trustroot", "own"], None);
    eventually("it is not trusted any more", 3, || (!starts(&cluster)).then_some(()));
}

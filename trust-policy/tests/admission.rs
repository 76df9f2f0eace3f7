//! How the API server asks and is answered, and what reports say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use serde_json::{Value, json};
use trust_core::internal::encoding;
use trust_core::{Digest, UnixTime};
use trust_policy::{
    AdmissionReview, Decision, Evidence, Operation, PolicySet, ReportKind, Trust, Uncovered, Verdict,
    evaluate,
};
use trust_testkit::judge::{self, image_with, pod};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

fn review(object: &Value, more: &Value) -> Vec<u8> {
    let mut request = json!({"uid": "u", "namespace": "shop", "operation": "CREATE", "object": object});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
        .into_bytes()
}

fn policies(spec: &str, rules: &str) -> PolicySet {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  {spec}\n  rules:\n{rules}"
    );
    PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow)
}

const REGISTRY: &str = "  - name: registry
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: not ours, pattern: {spec: {containers: [{image: 'ghcr.io/acme/*'}]}}}
";
const PIN: &str = "  - name: pin
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages: [{imageReferences: ['*']}]
";

fn judge(policies: &PolicySet, review: &AdmissionReview) -> Verdict {
    judge::judge(policies, &review.request, &image_with(vec![]), &Trust::keys_only(), NOW)
}

#[test]
fn what_the_api_server_really_sends_is_read() {
    let Some(file) = trust_testkit::vectors::vectors("images/admissionreview.json") else { return };
    let review = AdmissionReview::from_json(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(review.uid, "1917ee9c-5c8d-4af3-a2a0-2b6fe029825c");
    assert_eq!(review.request.resource.id().to_string(), "Pod demo/p-v2xbb");
    assert_eq!(review.request.user.as_ref().unwrap().groups[0], "system:masters");
    assert_eq!(review.request.resource.images().len(), 1);
}

#[test]
fn a_violation_is_denied_with_its_reasons() {
    let policies = policies("validationFailureAction: Enforce", REGISTRY);
    let review = AdmissionReview::from_json(&review(&pod("docker.io/evil"), &json!({}))).unwrap();
    let answer = review.respond(&judge(&policies, &review)).to_review();
    let response = &answer["response"];
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u"), &json!(false)));
    assert_eq!(response["status"]["code"], 403);
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("policy `p`, rule `registry`:") && message.contains("not ours"), "{message}");
    assert!(message.contains("/spec/containers/0/image: found `docker.io/evil`"), "{message}");
    assert_eq!(response["auditAnnotations"], json!({"decision": "deny", "enforced": "p/registry"}));
    assert!(response.get("patch").is_none() && response.get("patchType").is_none());
}

#[test]
fn what_is_allowed_is_pinned_by_a_patch() {
    let policies = policies("validationFailureAction: Enforce", &(REGISTRY.to_owned() + PIN));
    let review = AdmissionReview::from_json(&review(&pod("ghcr.io/acme/a:1"), &json!({}))).unwrap();
    let answer = review.respond(&judge(&policies, &review)).to_review();
    let response = &answer["response"];
    assert_eq!((&response["allowed"], &response["patchType"]), (&json!(true), &json!("JSONPatch")));
    let patch = encoding::from_base64(response["patch"].as_str().unwrap()).unwrap();
    let patch: Value = serde_json::from_slice(&patch).unwrap();
    let pinned = format!("ghcr.io/acme/a:1@{}", Digest::sha256(b"image"));
    assert_eq!(patch, json!([{"op": "replace", "path": "/spec/containers/0/image", "value": pinned}]));
}

/// Otherwise a label would restart a Pod, and a controller that finds another template than its own would make the next one, without
/// end.
#[test]
fn what_is_there_already_or_made_of_a_template_is_not_pinned() {
    let policies = policies("validationFailureAction: Enforce", &PIN.replace("[Pod]", "[Pod, ReplicaSet]"));
    let pins = |object: Value, others: Value| {
        let review = AdmissionReview::from_json(&review(&object, &others)).unwrap();
        judge(&policies, &review).patch.len()
    };
    let (old, new) = (pod("ghcr.io/acme/a:1"), pod("ghcr.io/acme/a:2"));
    let mut labelled = old.clone();
    labelled["metadata"]["labels"] = json!({"x": "y"});
    assert_eq!(pins(labelled, json!({"operation": "UPDATE", "oldObject": old})), 0);
    assert_eq!(pins(new, json!({"operation": "UPDATE", "oldObject": old})), 1, "a new image is");
    let replica_set = |owners: Value| {
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "a", "ownerReferences": owners},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "ghcr.io/acme/a:1"}]}}}})
    };
    let owner = |is_controller: bool| json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "a", "uid": "u", "controller": is_controller}]);
    assert_eq!(pins(replica_set(json!([])), json!({})), 1);
    assert_eq!(pins(replica_set(owner(false)), json!({})), 1);
    assert_eq!(pins(replica_set(owner(true)), json!({})), 0);
    // Its Pods are: that is where the image runs.
    let mut owned = old;
    owned["metadata"]["ownerReferences"] = owner(true);
    assert_eq!(pins(owned, json!({})), 1);
}

#[test]
fn audit_is_silent_and_warn_warns() {
    for (spec, warnings) in [("validationFailureAction: Audit", 0), ("emitWarning: true", 1)] {
        let policies = policies(spec, REGISTRY);
        let review = AdmissionReview::from_json(&review(&pod("docker.io/evil"), &json!({}))).unwrap();
        let answer = review.respond(&judge(&policies, &review));
        assert!(answer.allowed && answer.warnings.len() == warnings, "{spec}: {answer:?}");
        assert_eq!(answer.audit_annotations["audited"], "p/registry");
    }
}

#[test]
fn modes_are_overridden_by_namespace() {
    let spec = "validationFailureAction: Audit\n  validationFailureActionOverrides:\n  \
                - {action: Enforce, namespaces: [shop]}\n  - {action: Enforce, namespaceSelector: {matchLabels: {tier: prod}}}";
    let policies = policies(spec, REGISTRY);
    let decide = |namespace: &str, labels: Option<&str>| {
        let mut review =
            AdmissionReview::from_json(&review(&pod("docker.io/evil"), &json!({"namespace": namespace})))
                .unwrap();
        review.request.namespace_labels = labels.map(|tier| [("tier".to_owned(), tier.to_owned())].into());
        judge(&policies, &review).decision
    };
    assert_eq!(decide("shop", Some("lab")), Decision::Deny);
    assert_eq!(decide("other", Some("lab")), Decision::Allow);
    assert_eq!(decide("other", Some("prod")), Decision::Deny);
    assert_eq!(decide("other", None), Decision::Deny, "what cannot be told is judged by the stricter");
}

#[test]
fn operations_and_users_are_matched() {
    let rules = REGISTRY.replace(
        "kinds: [Pod]}",
        "kinds: [Pod], operations: [DELETE]}, subjects: [{kind: Group, name: devs}]",
    );
    // What is deleted has no form that a pattern could ask for: only conditions deny it.
    let (start, _) = rules.split_once("validate:").unwrap();
    let policies =
        policies("validationFailureAction: Enforce", &format!("{start}validate: {{deny: {{}}}}\n"));
    let decide = |more: Value| {
        let review = AdmissionReview::from_json(&review(&pod("docker.io/evil"), &more)).unwrap();
        judge(&policies, &review).decision
    };
    let user = |group: &str| json!({"username": "u", "groups": [group]});
    assert_eq!(decide(json!({"userInfo": user("devs")})), Decision::Allow, "it is created, not deleted");
    let deleted = |user: Value| json!({"operation": "DELETE", "object": null, "oldObject": pod("docker.io/evil"), "userInfo": user});
    assert_eq!(decide(deleted(user("devs"))), Decision::Deny);
    assert_eq!(decide(deleted(user("ops"))), Decision::Allow);
    assert_eq!(decide(deleted(json!(null))), Decision::Deny, "who it is cannot be told");
}

#[test]
fn what_is_no_review_is_an_error() {
    let error = |bytes: &[u8]| AdmissionReview::from_json(bytes).unwrap_err().to_string();
    assert!(error(b"{").contains("malformed"));
    assert!(
        error(br#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}"#)
            .contains("v1beta1")
    );
    assert!(
        error(br#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}"#)
            .contains("no `request`")
    );
    assert!(error(&review(&json!(null), &json!({}))).contains("no `object`"));
    assert!(error(&review(&json!({"kind": "Pod"}), &json!({}))).contains("cannot be read"));
    assert!(error(&review(&pod("a"), &json!({"operation": "DANCE"}))).contains("malformed"));
    assert!(error(&vec![b' '; 4 << 20]).contains("expected at most"));
    let update = review(&pod("a"), &json!({"operation": "UPDATE", "oldObject": pod("b")}));
    let update = AdmissionReview::from_json(&update).unwrap().request;
    assert!(update.operation == Operation::Update && update.old == Some(pod("b")));
}

#[test]
fn a_report_has_a_row_for_each_image_and_check() {
    let policies = policies("validationFailureAction: Enforce", &(REGISTRY.to_owned() + PIN));
    let mut two = pod("ghcr.io/acme/a:1");
    two["spec"]["initContainers"] = json!([{"name": "i", "image": "docker.io/b:1"}]);
    let review = AdmissionReview::from_json(&review(&two, &json!({}))).unwrap();
    let verdict = judge(&policies, &review);
    for (kind, api_version, name) in [
        (ReportKind::PolicyReport, "wgpolicyk8s.io/v1alpha2", "PolicyReport"),
        (ReportKind::OpenReport, "openreports.io/v1alpha1", "Report"),
    ] {
        let report = verdict.to_report(kind, NOW);
        assert_eq!((&report["apiVersion"], &report["kind"]), (&json!(api_version), &json!(name)));
        assert_eq!(report["metadata"], json!({"name": "trust-pod-web-34e3aaa619", "namespace": "shop"}));
        assert_eq!(report["summary"], json!({"pass": 3, "fail": 0, "warn": 0, "error": 0, "skip": 0}));
        let rows = report["results"].as_array().unwrap();
        let images: Vec<_> = rows.iter().filter_map(|row| row["properties"]["image"].as_str()).collect();
        assert_eq!(images, ["docker.io/b:1", "ghcr.io/acme/a:1"]);
        assert_eq!(rows[1]["properties"]["digest"], Digest::sha256(b"image").to_string());
        assert_eq!(rows[0]["timestamp"]["seconds"], 1_795_000_000);
        assert_eq!(rows[0]["resources"][0]["name"], "web");
    }
    // Where nothing was fetched, it is an error, and no failure of the image.
    let unknown = evaluate(&policies, &review.request, &Evidence::default(), &Trust::keys_only(), NOW);
    let report = unknown.to_report(ReportKind::PolicyReport, NOW);
    assert_eq!(report["summary"], json!({"pass": 1, "fail": 0, "warn": 0, "error": 2, "skip": 0}));
}

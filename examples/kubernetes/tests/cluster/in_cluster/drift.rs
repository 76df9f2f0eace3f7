//! What goes wrong with what runs is found, told and reported once, and is resolved once when it is mended.

use serde_json::{Value, json};
use trust_testkit::vectors::vectors;

use super::fixture::{Cluster, SOON, eventually, free_address, settles};

/// Fresh evidence each five seconds; what is listed is remembered for half a minute.
const QUICK: &[&str] = &["--period", "5", "--grace", "2", "--pace", "1000", "--reports", "policy-report"];

/// A scan report, with a critical vulnerability that can be mended or without.
fn scan(is_vulnerable: bool, finished: &str) -> Value {
    let found = json!([{"VulnerabilityID": "CVE-2026-1234", "PkgName": "openssl", "InstalledVersion": "3.0.1",
        "FixedVersion": "3.0.2", "Severity": "CRITICAL", "Title": "it is broken"}]);
    let found = if is_vulnerable { found } else { json!([]) };
    json!({
        "invocation": {"uri": "", "event_id": "", "builder.id": ""},
        "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.60.0", "version": "0.60.0", "db": {"uri": "", "version": ""}, "result": {
            "SchemaVersion": 2, "ArtifactName": "app", "ArtifactType": "container_image",
            "Results": [{"Target": "app (debian 12)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found}]}},
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
    })
}

/// What both watches told of a kind of finding: its transitions, in order.
fn told(cluster: &Cluster, kind: &str) -> Vec<String> {
    let events = cluster.told(&["first", "second"], kind);
    events.iter().map(|event| event["transition"].as_str().unwrap().to_owned()).collect()
}

/// The kinds of what is wrong with the workloads of the namespace, by their reports.
fn reported(cluster: &Cluster) -> Vec<String> {
    let list = cluster.object(&["policyreports", "-n", "default"]);
    let rows =
        list["items"].as_array().unwrap().iter().flat_map(|report| report["results"].as_array().unwrap());
    let mut kinds: Vec<_> = rows.filter_map(|row| row["category"].as_str().map(str::to_owned)).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn open(cluster: &Cluster) -> Vec<String> {
    let list = cluster.object(&["workloadrecords", "-n", "trust-system"]);
    let all = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|record| record["spec"]["open"].as_array().unwrap());
    let mut kinds: Vec<_> = all.map(|kind| kind.as_str().unwrap().to_owned()).collect();
    kinds.sort();
    kinds
}

/// Waits until this is wrong, and nothing else.
#[track_caller]
fn is_open(cluster: &Cluster, kinds: &[&str]) {
    settles("what is wrong", kinds, || open(cluster));
}

/// Waits until this is what was told.
#[track_caller]
fn is_told(cluster: &Cluster, kind: &str, transitions: &[&str]) {
    settles(kind, transitions, || told(cluster, kind));
}

#[test]
fn each_drift_is_found_and_resolved_once() {
    let Some(cluster) = Cluster::new(&["--modern"]) else { return };
    let Some(crd) = vectors("policy/crds/wgpolicyk8s.io_policyreports.yaml") else { return };
    cluster.succeeds(&["apply", "-f", &crd.display().to_string()], None);
    let crd = crd.with_file_name("wgpolicyk8s.io_clusterpolicyreports.yaml");
    cluster.succeeds(&["apply", "-f", &crd.display().to_string()], None);
    let digest = cluster.push("unsigned", "acme/app:v1");
    cluster.sign("release", "acme/app", &digest);
    let at = |minute: u32| format!("2026-11-01T00:{minute:02}:00Z");
    cluster.attest("release", "acme/app", &digest, "vuln", &scan(false, &at(0)));
    let mut policy = cluster.policy("ours", "release", "Enforce");
    policy["spec"]["require"]["vulnerabilities"] =
        json!({"from": ["release"], "severities": ["critical"], "fixAvailable": true});
    cluster.apply(&policy);
    let webhook = cluster.webhook(&free_address());
    cluster.configure(&webhook, "Fail");
    cluster.succeeds(&["label", "namespace", "default", "trust.dev/gate=on"], None);
    eventually("the pod is admitted and pinned", 10, || {
        cluster.kubectl(&["delete", "pod", "web", "--ignore-not-found"]);
        cluster.create(&cluster.pod("web", "acme/app:v1"));
        let pod = cluster.object(&["pod", "web"]);
        pod["spec"]["containers"][0]["image"].as_str().unwrap().contains('@').then_some(())
    });
    let repository = format!("{}/acme/app", cluster.registry);
    cluster.runs("web", &format!("{repository}@{digest}"));
    let first = cluster.watch("first", QUICK, None);
    eventually("what runs is on record", 20, || {
        let list = cluster.object(&["workloadrecords", "-n", "trust-system"]);
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["spec"]["workload"]["name"] == "web")
            .then_some(())
    });
    is_open(&cluster, &[]);

    // Another digest runs; and the watch is killed and another one starts in between.
    let evil = format!("{repository}@sha256:{}", "e".repeat(64));
    cluster.runs("web", &evil);
    eventually("it is found", SOON, || {
        open(&cluster).contains(&"RunningDigestMismatch".to_owned()).then_some(())
    });
    assert!(reported(&cluster).contains(&"RunningDigestMismatch".to_owned()));
    drop(first);
    let watch = cluster.watch("second", QUICK, None);
    cluster.runs("web", &format!("{repository}@{digest}"));
    is_open(&cluster, &[]);
    is_told(&cluster, "RunningDigestMismatch", &["opened", "resolved"]);
    assert_eq!(reported(&cluster), Vec::<String>::new());

    // The tag stands for another image, and for the same again.
    cluster.push("moved", "acme/app:v1");
    is_open(&cluster, &["TagMoved"]);
    assert_eq!(reported(&cluster), ["TagMoved"]);
    cluster.push("unsigned", "acme/app:v1");
    is_open(&cluster, &[]);
    is_told(&cluster, "TagMoved", &["opened", "resolved"]);

    // The signature is deleted, and made again.
    let referrers = cluster.get(&format!("/v2/acme/app/referrers/{digest}"));
    for one in referrers["manifests"].as_array().unwrap() {
        let bundle = one["digest"].as_str().unwrap();
        let manifest = cluster.get(&format!("/v2/acme/app/manifests/{bundle}"));
        if manifest["annotations"]["dev.sigstore.bundle.predicateType"]
            == "https://sigstore.dev/cosign/sign/v1"
        {
            cluster.delete("acme/app", bundle);
        }
    }
    is_open(&cluster, &["SignatureMissing"]);
    cluster.sign("release", "acme/app", &digest);
    is_open(&cluster, &[]);
    is_told(&cluster, "SignatureMissing", &["opened", "resolved"]);

    // A new scan finds a critical vulnerability, and the next one does not.
    cluster.attest("release", "acme/app", &digest, "vuln", &scan(true, &at(1)));
    is_open(&cluster, &["NewVulnerability"]);
    let events = cluster.events("second");
    let event = events.iter().rfind(|event| event["finding"]["kind"] == "NewVulnerability").unwrap();
    let vulnerability = &event["finding"]["vulnerabilities"][0];
    assert_eq!(
        (&vulnerability["id"], &event["action"]),
        (&json!("CVE-2026-1234"), &json!("rebuild")),
        "{event:#}"
    );
    cluster.attest("release", "acme/app", &digest, "vuln", &scan(false, &at(2)));
    is_open(&cluster, &[]);
    is_told(&cluster, "NewVulnerability", &["opened", "resolved"]);

    // The key is taken out of the policy, and put back.
    let mut other = cluster.policy("ours", "other", "Enforce");
    other["spec"]["require"]["vulnerabilities"] = policy["spec"]["require"]["vulnerabilities"].clone();
    cluster.apply(&other);
    is_open(&cluster, &["SignerRevoked"]);
    cluster.apply(&policy);
    is_open(&cluster, &[]);

    // The webhook is made to be ignored, is down, and a Pod comes in by that.
    cluster.configure(&webhook, "Ignore");
    is_open(&cluster, &["ControlPlaneDrift", "ControlPlaneDrift"]);
    let address = webhook.address.clone();
    drop(webhook);
    cluster.create(&cluster.pod("slipped", "acme/app:v1"));
    eventually("it is found", SOON, || {
        open(&cluster).contains(&"AdmissionBypassed".to_owned()).then_some(())
    });
    cluster.succeeds(&["delete", "pod", "slipped"], None);
    let webhook = cluster.webhook(&address);
    cluster.configure(&webhook, "Fail");
    is_open(&cluster, &[]);
    is_told(&cluster, "AdmissionBypassed", &["opened", "resolved"]);
    is_told(&cluster, "ControlPlaneDrift", &["opened", "opened", "resolved", "resolved"]); // one for each configuration
    assert_eq!(reported(&cluster), Vec::<String>::new());

    // Kubernetes shows each, once.
    let list = cluster.object(&["events", "-n", "default"]);
    let reasons = list["items"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap());
    let mut reasons: Vec<_> =
        reasons.filter(|reason| *reason != "AdmissionDenied").map(str::to_owned).collect();
    reasons.sort_unstable();
    let mut expected = Vec::new();
    for kind in [
        "AdmissionBypassed",
        "ControlPlaneDrift", // for each of two configurations
        "ControlPlaneDrift",
        "NewVulnerability",
        "RunningDigestMismatch",
        "SignatureMissing",
        "SignerRevoked",
        "TagMoved",
        "Violation", // of the other digest that ran
    ] {
        expected.extend([kind.to_owned(), format!("{kind}Resolved")]);
    }
    expected.sort_unstable();
    assert_eq!(reasons, expected);
    watch.end();
}

//! With the rights of the manifests, and no others: two webhooks, two watches, and the active one is killed.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use trust_testkit::servers::run;

use super::fixture::{Cluster, Program, eventually, free_address, settles, to_json};

/// Longer than a lease is left to who holds it.
const LEASE: u64 = 20;

fn is_active(watch: &Program) -> bool {
    let url = format!("http://{}/metrics", watch.address);
    let output = Command::new("curl").args(["-sf", &url]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).contains("\ntrust_watch_active 1\n")
}

/// Gives the programs their rights, as the manifest has them.
fn grant(cluster: &Cluster) {
    for document in cluster.example("install.yaml").split("\n---\n") {
        let object = to_json(document);
        if object["apiVersion"] == "rbac.authorization.k8s.io/v1" || object["kind"] == "ServiceAccount" {
            cluster.apply(&object);
        }
    }
}

#[test]
fn the_rights_of_the_manifests_are_enough_and_another_replica_goes_on() {
    // The API server with RBAC.
    let Some(cluster) = Cluster::new(&[]) else { return };
    grant(&cluster);
    let (webhook, watch) = (cluster.config_of("trust-webhook"), cluster.config_of("trust-watch"));
    let may = |config: &std::path::Path, arguments: &[&str]| {
        let config = config.display().to_string();
        cluster.kubectl(&[&["--kubeconfig", &config, "auth", "can-i"], arguments].concat()).0
    };
    for account in [&webhook, &watch] {
        for refused in [
            &["get", "secrets", "-A"][..],
            &["list", "secrets", "-n", "trust-system"],
            &["get", "configmaps", "-n", "default"],
            &["create", "pods", "-n", "default"],
            &["patch", "imagetrustpolicies"],
            &["patch", "validatingwebhookconfigurations"],
            &["patch", "workloadrecords.trust.dev", "-n", "default"],
            &["create", "clusterrolebindings"],
        ] {
            assert!(!may(account, refused), "{account:?} {refused:?}");
        }
    }
    assert!(may(&watch, &["list", "pods", "-A"]) && !may(&webhook, &["list", "pods", "-A"]));

    let digest = cluster.push("unsigned", "acme/app:v1");
    cluster.sign("release", "acme/app", &digest);
    cluster.apply(&cluster.policy("ours", "release", "Enforce"));
    let server = cluster.webhook_starts("webhook", &free_address(), &[], Some(&webhook));
    let other = cluster.webhook_starts("webhook-2", &free_address(), &[], Some(&webhook));
    for one in [&server, &other] {
        cluster.waits_for(one, "https");
    }
    cluster.configure(&server, "Fail");
    cluster.succeeds(&["label", "namespace", "default", "trust.dev/gate=on"], None);
    eventually("the API server asks", 10, || {
        let image = format!("--image={}/acme/app:none", cluster.registry);
        (!cluster.kubectl(&["run", "x", "--dry-run=server", &image]).0).then_some(())
    });
    cluster.create(&cluster.pod("web", "acme/app:v1"));
    // Through the other one.
    cluster.configure(&other, "Fail");
    cluster.create(&cluster.pod("api", "acme/app:v1"));
    let repository = format!("{}/acme/app", cluster.registry);
    for pod in ["web", "api"] {
        cluster.runs(pod, &format!("{repository}@{digest}"));
    }

    let quick = ["--grace", "2", "--pace", "1000"];
    let watches =
        [cluster.watch("first", &quick, Some(&watch)), cluster.watch("second", &quick, Some(&watch))];
    let open = || {
        let list = cluster.object(&["workloadrecords", "-n", "trust-system"]);
        let records = list["items"].as_array().unwrap().clone();
        let open: Vec<Value> =
            records.iter().flat_map(|one| one["spec"]["open"].as_array().unwrap().clone()).collect();
        (records.len(), open)
    };
    eventually("what runs is on record", 30, || (open().0 >= 2).then_some(()));
    let status = cluster.object(&["imagetrustpolicy", "ours"]);
    assert_eq!(status["status"]["conditions"][0]["status"], "True", "{status:#}");
    eventually("admissions are taken", 20, || {
        let list = cluster.object(&["workloadadmissions", "-n", "trust-system"]);
        list["items"].as_array().unwrap().is_empty().then_some(())
    });
    assert_eq!(open().1, Vec::<Value>::new());

    let [first, second] = watches;
    let (active, waiting, name) =
        if is_active(&first) { (first, second, "second") } else { (second, first, "first") };
    assert!(is_active(&active) && !is_active(&waiting));
    // Something is found, the active one is killed, it is mended, and something else goes wrong.
    cluster.runs("web", &format!("{repository}@sha256:{}", "e".repeat(64)));
    eventually("it is found", 20, || open().1.contains(&"RunningDigestMismatch".into()).then_some(()));
    drop(active);
    let killed = Instant::now();
    cluster.runs("web", &format!("{repository}@{digest}"));
    cluster.runs("api", &format!("{repository}@sha256:{}", "d".repeat(64)));
    eventually("another one is active", LEASE, || is_active(&waiting).then_some(()));
    println!("another one was active after {:?}", killed.elapsed());
    let told = |kind: &str| {
        let events = cluster.told(&["first", "second", "third"], kind);
        let of = |event: &Value, pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let mut told: Vec<String> = events
            .iter()
            .map(|event| format!("{} {}", of(event, "/workload/name"), of(event, "/transition")))
            .collect();
        told.sort();
        told
    };
    let expected = ["api opened", "web opened", "web resolved"];
    settles("nothing is lost or doubled", &expected, || told("RunningDigestMismatch"));

    // One that ends lets the next one begin at once.
    let third = cluster.watch("third", &quick, Some(&watch));
    let ended = Instant::now();
    waiting.end();
    eventually("the third is active", 5, || is_active(&third).then_some(()));
    println!("{name} ended, and another one was active after {:?}", ended.elapsed());
    eventually("it sees the Pods", 10, || {
        let text = run(Command::new("curl").args(["-sf", &format!("http://{}/metrics", third.address)]));
        text.contains("\ntrust_watch_pods 2\n").then_some(())
    });
    assert_eq!(told("RunningDigestMismatch"), expected, "nothing is said again");
    for refused in ["forbidden", "Forbidden"] {
        for log in [server.log(), other.log(), third.log()] {
            assert!(!log.contains(refused), "{log}");
        }
    }
}

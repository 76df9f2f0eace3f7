//! The webhook and the watch on a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use trust_core::Digest;
use trust_gate::{Gate, OciLayout, Repositories};
use trust_kube::{EventSink, FolderRecords, JsonLines, Recorder, ServerCertificate, Watch, serve, webhook};
use trust_policy::{
    FindingKind, Inventory, InventorySettings, PolicySet, ResourceId, Trust, WorkloadEvent, guard_of,
};
use trust_testkit::now;
use trust_testkit::servers::{Servers, tool};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data");
const SIGNED: &str = "ghcr.io/myorg/app:signed";

/// An API server, and the tool that speaks to it.
struct Cluster {
    _servers: Servers,
    environment: BTreeMap<String, String>,
}

impl Cluster {
    fn new() -> Option<Self> {
        let servers = Servers::new()?;
        tool("kubectl")?;
        let environment = servers.start(&["apiserver", "--modern"]);
        Some(Self { _servers: servers, environment })
    }

    /// What kubectl says, and whether it succeeded.
    fn kubectl(&self, arguments: &[&str], input: Option<&Value>) -> (bool, String) {
        let mut command = tool("kubectl").unwrap();
        command.args(arguments).envs(&self.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if let Some(input) = input {
            stdin.write_all(input.to_string().as_bytes()).unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str], input: Option<&Value>) -> String {
        let (is_success, text) = self.kubectl(arguments, input);
        assert!(is_success, "{arguments:?}: {text}");
        text
    }

    #[track_caller]
    fn create(&self, object: &Value) {
        self.succeeds(&["create", "-f", "-"], Some(object));
    }

    #[track_caller]
    fn refuses(&self, object: &Value, reason: &str) {
        let (is_success, text) = self.kubectl(&["create", "-f", "-"], Some(object));
        assert!(!is_success && text.contains(reason), "expected {reason}: {text}");
    }

    /// What a node says that a container runs.
    fn runs(&self, pod: &str, image_id: &str) {
        let status = json!({"status": {"phase": "Running", "containerStatuses": [{"name": "c", "image": "x", "imageID": image_id,
            "ready": true, "restartCount": 0, "state": {"running": {}}}]}});
        self.succeeds(
            &["patch", "pod", pod, "--subresource=status", "--type=merge", "-p", &status.to_string()],
            None,
        );
    }

    /// Tells the watch what is there now.
    fn list_into(&self, watch: &mut Watch) {
        let list: Value =
            serde_json::from_str(&self.succeeds(&["get", "pods", "-A", "-o", "json"], None)).unwrap();
        let inventory = watch.inventory();
        inventory.apply(WorkloadEvent::ListStarts, now()).unwrap();
        for pod in list["items"].as_array().unwrap() {
            inventory.apply(WorkloadEvent::Seen(pod), now()).unwrap();
        }
        inventory.apply(WorkloadEvent::ListEnds, now()).unwrap();
    }
}

fn pod(name: &str, image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": image}]}})
}

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

fn policies() -> String {
    std::fs::read_to_string(format!("{DATA}/policies/require-release-key.yaml")).unwrap()
}

/// The same, of a key that signed nothing.
fn of_another_key() -> String {
    let (policies, key) = (policies(), trust_testkit::artifacts::pem(7));
    let (before, rest) = policies.split_once("MFkw").unwrap();
    let (_, after) = rest.split_once("-----END").unwrap();
    let indent = " ".repeat(before.len() - before.rfind('\n').unwrap() - 1);
    format!("{before}{}\n{indent}-----END{after}", key.split("\\n").nth(1).unwrap())
}

fn gate(policies: &str) -> Gate {
    let mut repositories = Repositories::new();
    let layout = OciLayout::open(format!("{DATA}/images")).unwrap();
    repositories.insert("ghcr.io/myorg/app".parse().unwrap(), layout);
    Gate::new(PolicySet::from_yaml(policies).unwrap(), Trust::keys_only(), repositories)
}

/// A certificate for this machine in a folder, and its own authority in base64.
fn certificate(folder: &Path) -> (ServerCertificate, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let authority = trust_core::internal::encoding::to_base64(made.cert.pem().as_bytes());
    (ServerCertificate::open(certificate, key, provider).unwrap(), authority)
}

fn configuration(kind: &str, path: &str, address: &str, authority: &str, failure_policy: &str) -> Value {
    let rule = |group: &str, resources: Value| {
        json!({"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": resources, "scope": "Namespaced"})
    };
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "trust"}, "webhooks": [{
        "name": "trust.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": failure_policy,
        "timeoutSeconds": 5, "clientConfig": {"url": format!("https://{address}{path}"), "caBundle": authority},
        "rules": [rule("", json!(["pods", "pods/ephemeralcontainers"])), rule("apps", json!(["deployments", "replicasets"])), rule("batch", json!(["cronjobs"]))],
    }]})
}

/// What a sink was given.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The events so far, as their names and workloads.
    fn take(&self) -> Vec<Value> {
        let bytes = core::mem::take(&mut *self.0.lock().unwrap());
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

fn open(watch: &mut Watch) -> Vec<FindingKind> {
    let mut kinds: Vec<_> = watch.inventory().open_findings().map(|one| one.kind).collect();
    kinds.sort();
    kinds
}

#[test]
fn what_is_admitted_denied_and_runs_is_known() {
    let Some(cluster) = Cluster::new() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (lines, gate) = (Lines::default(), gate(&policies()));
    let sink: Arc<dyn EventSink> = Arc::new(JsonLines::new(lines.clone()));
    let records = Arc::new(FolderRecords::open(folder.path().join("records")).unwrap());
    let (set, trust) = (Digest::sha256(policies().as_bytes()), Digest::sha256(b"keys only"));
    let (certificate, authority) = certificate(folder.path());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (address, serving) = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let recorder = Recorder::new("test", set.clone(), trust.clone(), records.clone(), vec![sink.clone()]);
        let is_ready = Arc::new(AtomicBool::new(true));
        let routes = webhook(gate.clone(), vec![Arc::new(recorder)], is_ready.clone());
        let stopped = async { drop(stopped.await) };
        (address, tokio::spawn(serve(listener, certificate, provider, routes, is_ready, stopped)))
    });
    let validating =
        configuration("ValidatingWebhookConfiguration", "/validate", &address, &authority, "Fail");
    let mutating = configuration("MutatingWebhookConfiguration", "/mutate", &address, &authority, "Fail");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kubernetes");
    for file in ["install", "webhooks"] {
        let file = format!("{example}/{file}.yaml");
        if file.ends_with("install.yaml") {
            cluster.succeeds(&["create", "namespace", "trust-system"], None);
        }
        let text = cluster.succeeds(&["apply", "--dry-run=server", "--validate=strict", "-f", &file], None);
        assert!(text.contains("(server dry run)"), "{text}");
    }
    cluster.create(&pod("old", SIGNED));
    cluster.create(&validating);
    cluster.create(&mutating);

    // Admission: signed and not, in each kind of workload, and a debug container.
    std::thread::sleep(Duration::from_secs(1)); // until the API server knows its webhooks
    cluster.create(&pod("signed", SIGNED));
    let stored: Value =
        serde_json::from_str(&cluster.succeeds(&["get", "pod", "signed", "-o", "json"], None)).unwrap();
    let image = stored["spec"]["containers"][0]["image"].as_str().unwrap();
    let digest: Digest =
        image.split('@').nth(1).unwrap_or_else(|| panic!("{image} is not pinned")).parse().unwrap();
    cluster.refuses(&pod("unsigned", "ghcr.io/myorg/app:unsigned"), "found no signature of the image");
    cluster.create(&workload("Deployment", "apps/v1", "web", SIGNED));
    // What is there already does not restart because of a label, and a controller finds what it made as it made it.
    let image = |kind: &str, name: &str, pointer: &str| {
        let text = cluster.succeeds(&["get", kind, name, "-o", "json"], None);
        let object: Value = serde_json::from_str(&text).unwrap();
        object.pointer(pointer).unwrap().as_str().unwrap().to_owned()
    };
    let of_template = "/spec/template/spec/containers/0/image";
    assert!(image("deployment", "web", of_template).contains("@sha256:"));
    let mut made = workload("ReplicaSet", "apps/v1", "web-1", SIGNED);
    made["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": true}]);
    cluster.create(&made);
    assert_eq!(image("replicaset", "web-1", of_template), SIGNED);
    cluster.succeeds(&["label", "pod", "old", "x=y"], None);
    assert_eq!(image("pod", "old", "/spec/containers/0/image"), SIGNED);
    cluster.succeeds(&["delete", "pod", "old"], None);
    let unsigned = "ghcr.io/myorg/app:unsigned";
    cluster.refuses(&workload("Deployment", "apps/v1", "bad", unsigned), "found no signature");
    cluster.refuses(&workload("CronJob", "batch/v1", "bad", unsigned), "found no signature");
    let debug = json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": unsigned}]}}).to_string();
    let patched = ["patch", "pod", "signed", "--subresource=ephemeralcontainers", "-p", &debug];
    let (is_success, text) = cluster.kubectl(&patched, None);
    assert!(!is_success && text.contains("found no signature"), "{text}");
    let dry = cluster.kubectl(&["create", "--dry-run=server", "-f", "-"], Some(&pod("dry", unsigned)));
    assert!(!dry.0 && dry.1.contains("found no signature"), "{}", dry.1);
    std::thread::sleep(Duration::from_millis(300)); // until the recorder wrote
    let denied: Vec<Value> = lines.take();
    assert_eq!(denied.len(), 4, "{denied:#?}");
    assert!(
        denied.iter().all(|event| event["decision"] == "deny" && event["problems"][0]["action"] == "resign")
    );

    // What runs is what was admitted.
    let mut settings = InventorySettings::default();
    settings.admission_grace_millis = 0;
    settings.resolves_tags = false;
    let start = || async {
        let inventory = Inventory::new("test", settings.clone(), set.clone(), trust.clone());
        Watch::start(inventory, gate.clone(), records.clone(), vec![sink.clone()]).await.unwrap()
    };
    let mut watch = runtime.block_on(start());
    let work = |watch: &mut Watch| {
        cluster.list_into(watch);
        runtime.block_on(watch.work(now)).unwrap();
    };
    cluster.runs("signed", &format!("ghcr.io/myorg/app@{digest}"));
    work(&mut watch);
    assert_eq!(open(&mut watch), [], "{:#?}", watch.inventory().open_findings().collect::<Vec<_>>());

    // Another digest runs; and the watch starts again in between.
    cluster.runs("signed", &format!("ghcr.io/myorg/app@{}", Digest::sha256(b"evil")));
    work(&mut watch);
    assert!(open(&mut watch).contains(&FindingKind::RunningDigestMismatch));
    let opened = lines.take().len();
    watch = runtime.block_on(start());
    work(&mut watch);
    assert_eq!(lines.take().len(), 0, "nothing is said twice");
    assert!(opened >= 1 && open(&mut watch).contains(&FindingKind::RunningDigestMismatch));
    cluster.runs("signed", &format!("ghcr.io/myorg/app@{digest}"));
    work(&mut watch);
    assert_eq!(open(&mut watch), []);
    assert_eq!(lines.take().len(), opened, "each is resolved");

    // Its key is no longer named, and is again.
    for (policies, expected) in [(of_another_key(), vec![FindingKind::SignerRevoked]), (policies(), vec![])] {
        gate.replace_policies(PolicySet::from_yaml(&policies).unwrap());
        watch.inventory().policies_changed(Digest::sha256(policies.as_bytes()));
        work(&mut watch);
        assert_eq!(open(&mut watch), expected);
        let events = lines.take();
        assert_eq!(events.len(), 1, "{events:#?}");
    }

    // The webhook ends: the API server follows `failurePolicy`. When it is set to Ignore, that and what came in by it is found.
    let guard = ResourceId {
        api_version: "admissionregistration.k8s.io/v1".to_owned(),
        kind: "ValidatingWebhookConfiguration".to_owned(),
        name: "trust".to_owned(),
        namespace: String::new(),
    };
    let see_guard = |watch: &mut Watch| {
        let text = cluster.succeeds(&["get", "validatingwebhookconfiguration", "trust", "-o", "json"], None);
        let found = guard_of(&serde_json::from_str(&text).unwrap());
        watch.inventory().guard_seen(guard.clone(), Some(found));
    };
    see_guard(&mut watch);
    drop(stop);
    runtime.block_on(serving).unwrap().unwrap();
    cluster.refuses(&pod("while-down", SIGNED), "failed calling webhook");
    for kind in ["validating", "mutating"] {
        let patch =
            json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]).to_string();
        cluster.succeeds(
            &["patch", &format!("{kind}webhookconfiguration"), "trust", "--type=json", "-p", &patch],
            None,
        );
    }
    std::thread::sleep(Duration::from_secs(1));
    cluster.create(&pod("while-ignored", SIGNED));
    see_guard(&mut watch);
    work(&mut watch);
    assert_eq!(open(&mut watch), [FindingKind::AdmissionBypassed, FindingKind::ControlPlaneDrift]);
    cluster.succeeds(&["delete", "pod", "while-ignored"], None);
    let patch = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]).to_string();
    cluster
        .succeeds(&["patch", "validatingwebhookconfiguration", "trust", "--type=json", "-p", &patch], None);
    see_guard(&mut watch);
    work(&mut watch);
    assert_eq!(open(&mut watch), []);
}

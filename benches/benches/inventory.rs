//! A whole cluster in an inventory: what a Pod costs in memory, how long lists, events and judging again take.
//!
//! `--pods N` says how many (100,000); there are 6 workloads and 3 images for each hundred of them. Times are of one thread, without
//! the making of the Pods.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // a benchmark may

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Admission, Evidence, ImageEvidence, ImageFamily, Inventory, InventorySettings, PolicySet, Request,
    Resource, Task, Trust, WorkloadEvent, evaluate,
};
use trust_testkit::artifacts::{pem, signature};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

struct Cluster {
    pods: usize,
    owners: usize,
    digests: Vec<Digest>,
    /// By image as it is judged.
    images: BTreeMap<String, ImageEvidence>,
}

impl Cluster {
    fn new(pods: usize) -> Self {
        let (owners, digests) = (pods * 6 / 100, pods * 3 / 100);
        let digests: Vec<_> = (0..digests).map(|one| Digest::sha256(one.to_string().as_bytes())).collect();
        let signed = |(index, digest): (usize, &Digest)| {
            let artifacts = vec![signature(1, digest, &json!({}))];
            (image(index, digest), ImageEvidence { artifacts, ..ImageEvidence::of(digest.clone()) })
        };
        let images = digests.iter().enumerate().map(signed).collect();
        Self { pods, owners, digests, images }
    }

    /// A Pod with two containers, about as large as such a Pod is in a cluster.
    fn pod(&self, number: usize, version: usize, is_started: bool) -> Value {
        let owner = number % self.owners;
        let mounts = json!([{"name": "config", "mountPath": "/etc/app"}, {"name": format!("kube-api-access-{number}"),
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}]);
        let containers: Vec<_> = (0..2)
            .map(|at| {
                let index = (2 * owner + at) % self.digests.len();
                json!({"name": format!("c{at}"), "image": image(index, &self.digests[index]),
                    "env": (0..8).map(|one| json!({"name": format!("VARIABLE_{one}"), "value": "x".repeat(40)})).collect::<Vec<_>>(),
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                    "volumeMounts": mounts})
            })
            .collect();
        let status = |at: usize| {
            let digest = &self.digests[(2 * owner + at) % self.digests.len()];
            let id = if is_started { format!("ghcr.io/acme/app@{digest}") } else { String::new() };
            json!({"name": format!("c{at}"), "imageID": id, "ready": true, "restartCount": 0})
        };
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("app-{owner}-7d8f9c-{number:05}"), "generateName": format!("app-{owner}-7d8f9c-"),
                "namespace": format!("team-{}", owner % 200), "uid": format!("00000000-0000-0000-0000-{number:012}"),
                "resourceVersion": version.to_string(),
                "labels": {"app": format!("app-{owner}"), "pod-template-hash": "7d8f9c"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("app-{owner}-7d8f9c"),
                    "uid": "u", "controller": true}],
            },
            "spec": {"nodeName": format!("node-{}", number % 1000), "containers": containers,
                "volumes": [{"name": "config", "configMap": {"name": "app"}}, {"name": format!("kube-api-access-{number}"), "projected": {}}]},
            "status": {"phase": "Running", "containerStatuses": [status(0), status(1)]},
        })
    }

    fn evidence(&self, policies: &PolicySet, request: &Request) -> Evidence {
        let names = policies.requirements(request, &Evidence::default(), NOW).images.into_iter();
        let images = names.map(|name| (name.clone(), self.images[&name].clone())).collect();
        Evidence { images, ..Evidence::default() }
    }
}

fn image(index: usize, digest: &Digest) -> String {
    format!("ghcr.io/acme/app:v{index}@{digest}")
}

fn policies(name: &str) -> PolicySet {
    PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: {name}}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers: {{release: {{publicKey: \"{}\", transparencyLog: false}}}}\n  require: {{signatures: {{from: [release]}}}}\n",
        pem(1)
    ))
    .unwrap()
}

/// Judges all that is asked for, by evidence that is at hand, and returns how much it was and how long it took.
fn judge_all(
    cluster: &Cluster,
    inventory: &mut Inventory,
    policies: &PolicySet,
    now: UnixTime,
) -> (usize, Duration) {
    let (start, mut judged) = (Instant::now(), 0);
    loop {
        let changes = inventory.settle(now);
        for event in &changes.events {
            inventory.delivered(event);
        }
        if changes.tasks.is_empty() && changes.records.is_empty() {
            return (judged, start.elapsed());
        }
        for task in changes.tasks {
            match task {
                Task::Judge { key, .. } => {
                    let request = inventory.request(&key).unwrap();
                    let evidence = cluster.evidence(policies, &request);
                    let verdict = evaluate(policies, &request, &evidence, &Trust::keys_only(), now);
                    inventory.judged(&key, &verdict, now);
                    judged += 1;
                }
                Task::Family { image } => {
                    let digest: Digest = image.split('@').nth(1).unwrap().parse().unwrap();
                    inventory.family(image, Ok(ImageFamily::from_iter([digest])), now);
                }
                Task::Tag { image } => {
                    let digest = cluster.images.iter().find(|(name, _)| name.starts_with(&image));
                    inventory.tag(image, digest.unwrap().1.digest.clone(), now);
                }
                _ => {}
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|one| one == "--pods");
    let is_test = arguments.iter().any(|one| one == "--test");
    let pods = at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(if is_test {
        1_000
    } else {
        100_000
    });
    let cluster = Cluster::new(pods);
    let set = policies("a");
    // Tags are resolved by the registry, which is not measured here.
    let mut settings = InventorySettings::default();
    settings.resolves_tags = false;
    let before = PeakAlloc.current_usage();
    let mut inventory = Inventory::new("c", settings, Digest::sha256(b"a"), Digest::sha256(b"trust"));
    for owner in 0..cluster.owners {
        let request: Request = Resource::from_json(cluster.pod(owner, 1, false)).unwrap().into();
        let verdict = evaluate(&set, &request, &cluster.evidence(&set, &request), &Trust::keys_only(), NOW);
        let admission =
            Admission::of(&request, &verdict, &Digest::sha256(b"a"), &Digest::sha256(b"trust"), NOW);
        inventory.admitted(request.workload(), admission.unwrap(), NOW);
    }
    let list = |inventory: &mut Inventory, version: usize| {
        let mut took = Duration::ZERO;
        inventory.apply(WorkloadEvent::ListStarts, NOW).unwrap();
        for number in 0..cluster.pods {
            let pod = cluster.pod(number, version, true);
            let start = Instant::now();
            inventory.apply(WorkloadEvent::Seen(&pod), NOW).unwrap();
            took += start.elapsed();
        }
        let start = Instant::now();
        inventory.apply(WorkloadEvent::ListEnds, NOW).unwrap();
        took + start.elapsed()
    };
    let first = list(&mut inventory, 2);
    let (judged, judging) = judge_all(&cluster, &mut inventory, &set, NOW);
    let held = PeakAlloc.current_usage() - before;
    let found = inventory.open_findings().count();
    println!(
        "{pods} Pods of {} workloads and {} images; {found} findings",
        cluster.owners,
        cluster.digests.len()
    );
    println!("held: {} MiB, {} bytes a Pod", held >> 20, held / pods);
    println!("first list: {first:?}; {judged} judgements: {judging:?}");
    let again = list(&mut inventory, 2);
    let (judged, settled) = judge_all(&cluster, &mut inventory, &set, NOW);
    println!("list again, nothing changed: {again:?}; {judged} judgements: {settled:?}");
    let newer = list(&mut inventory, 3);
    let (judged, settled) = judge_all(&cluster, &mut inventory, &set, NOW);
    println!("list again, every version changed: {newer:?}; {judged} judgements: {settled:?}");
    let other = policies("b");
    inventory.policies_changed(Digest::sha256(b"b"));
    let (judged, judging) = judge_all(&cluster, &mut inventory, &other, NOW);
    println!("other policies: {judged} judgements: {judging:?}");
    let (events, mut took) = (cluster.pods.min(20_000), Duration::ZERO);
    for number in 0..events {
        // A Pod restarts: its container is gone, and back.
        for (version, is_started) in [(4, false), (5, true)] {
            let pod = cluster.pod(number, version, is_started);
            let start = Instant::now();
            inventory.apply(WorkloadEvent::Seen(&pod), NOW).unwrap();
            drop(inventory.settle(NOW));
            took += start.elapsed();
        }
    }
    println!("events, each settled: {:.0}/s", 2.0 * events as f64 / took.as_secs_f64());
}

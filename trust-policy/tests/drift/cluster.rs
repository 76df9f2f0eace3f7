//! A cluster of these tests: what runs in it, what its registry has, and a watch that follows it without I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trust_core::{Digest, ImageRef, UnixTime};
use trust_policy::{
    Admission, Artifact, Event, Evidence, FailureKind, FetchFailure, Finding, FindingKind, Happened,
    ImageEvidence, ImageFamily, Inventory, InventorySettings, JudgementKey, PolicySet, RecordChange, Request,
    ResourceId, Task, Transition, Trust, Verdict, WorkloadEvent, WorkloadRecord, evaluate,
};
use trust_testkit::artifacts::pem;

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18
pub(crate) const IMAGE: &str = "ghcr.io/acme/app:v1";

/// What a registry has, and what stands in the record store, which outlive the watch.
pub(crate) struct Cluster {
    pub(crate) tags: BTreeMap<String, Digest>,
    pub(crate) artifacts: BTreeMap<Digest, Vec<Artifact>>,
    pub(crate) families: BTreeMap<Digest, Vec<Digest>>,
    pub(crate) is_down: bool,
    pub(crate) policies: String,
    pub(crate) store: BTreeMap<ResourceId, WorkloadRecord>,
    pub(crate) inventory: Inventory,
    pub(crate) events: Vec<Event>,
    /// How often something was judged, and how often by fresh evidence.
    pub(crate) judged: (usize, usize),
    pub(crate) now: UnixTime,
}

/// A policy that requires a signature by the key of a seed, and what else is said.
pub(crate) fn policy(seed: u8, require: &str) -> String {
    format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers:\n    release: {{publicKey: \"{}\", transparencyLog: false}}\n  require: {{signatures: {{from: [release]}}{require}}}\n",
        pem(seed)
    )
}

/// A Pod of the Deployment `web`, with one container, that a node says to run this.
pub(crate) fn pod(number: u32, version: u32, image: &str, image_id: &str) -> Value {
    json!({
        "metadata": {
            "name": format!("web-5d9c-{number}"), "generateName": "web-5d9c-", "namespace": "shop",
            "uid": format!("uid-{number}"), "resourceVersion": version.to_string(),
            "labels": {"app": "web", "pod-template-hash": "5d9c"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d9c", "uid": "r", "controller": true}],
        },
        "spec": {
            "nodeName": format!("node-{number}"),
            "containers": [{"name": "c", "image": image,
                "volumeMounts": [{"name": format!("kube-api-access-{number}"), "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}],
            "volumes": [{"name": format!("kube-api-access-{number}"), "projected": {}}],
        },
        "status": {"phase": "Running", "containerStatuses": [{"name": "c", "image": image, "imageID": image_id}]},
    })
}

pub(crate) fn web() -> ResourceId {
    ResourceId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

fn inventory(policies: &str) -> Inventory {
    Inventory::new(
        "prod",
        InventorySettings::default(),
        Digest::sha256(policies.as_bytes()),
        Digest::sha256(b"trust"),
    )
}

impl Cluster {
    /// A registry with one image, which the key of seed 1 signed, and a policy that requires it.
    pub(crate) fn new() -> Self {
        let digest = trust_testkit::artifacts::digest();
        let policies = policy(1, "");
        let signature = trust_testkit::artifacts::signature(1, &digest, &json!({}));
        Self {
            tags: BTreeMap::from([(IMAGE.to_owned(), digest.clone())]),
            artifacts: BTreeMap::from([(digest.clone(), vec![signature])]),
            families: BTreeMap::from([(
                digest.clone(),
                vec![digest, Digest::sha256(b"amd64"), Digest::sha256(b"config")],
            )]),
            is_down: false,
            inventory: inventory(&policies),
            policies,
            store: BTreeMap::new(),
            events: Vec::new(),
            judged: (0, 0),
            now: NOW,
        }
    }

    /// The same, with a Pod that was admitted and runs, all listed.
    pub(crate) fn running() -> Self {
        let mut cluster = Self::new();
        cluster.admit(&pod(1, 1, IMAGE, ""));
        cluster.list(&[pod(1, 1, IMAGE, &cluster.id())]);
        cluster.settle();
        assert_eq!(cluster.open(), []);
        cluster
    }

    /// What a node says of the image.
    pub(crate) fn id(&self) -> String {
        format!("ghcr.io/acme/app@{}", trust_testkit::artifacts::digest())
    }

    fn failure(&self, what: &str) -> FetchFailure {
        let (kind, problem) = match self.is_down {
            true => (FailureKind::Unavailable, "503".to_owned()),
            false => (FailureKind::NotFound, "404".to_owned()),
        };
        FetchFailure { location: what.to_owned(), kind, problem }
    }

    fn resolve(&self, image: &str) -> Result<Digest, FetchFailure> {
        let digest = match image.parse::<ImageRef>().unwrap().digest() {
            Some(digest) => Some(digest.clone()),
            None => self.tags.get(image).cloned(),
        };
        digest.filter(|_| !self.is_down).ok_or_else(|| self.failure(image))
    }

    fn evidence(&self, policies: &PolicySet, request: &Request) -> Evidence {
        let images = policies.requirements(request, &Evidence::default(), self.now).images.into_iter();
        let found = |image: String| {
            let found = match self.resolve(&image) {
                Err(failure) => ImageEvidence::failed(failure),
                Ok(digest) => {
                    let artifacts = self.artifacts.get(&digest).cloned().unwrap_or_default();
                    ImageEvidence { artifacts, ..ImageEvidence::of(digest) }
                }
            };
            (image, found)
        };
        Evidence { images: images.map(found).collect(), ..Evidence::default() }
    }

    /// The webhook admits a Pod, if the policies do.
    pub(crate) fn admit(&mut self, object: &Value) {
        self.admit_update(object, None);
    }

    /// Likewise an update, of what was there before.
    pub(crate) fn admit_update(&mut self, object: &Value, old: Option<&Value>) {
        let mut object = object.clone();
        (object["apiVersion"], object["kind"]) = ("v1".into(), "Pod".into());
        let mut request = trust_testkit::judge::request(object);
        if let Some(old) = old {
            let mut old = old.clone();
            (old["apiVersion"], old["kind"]) = ("v1".into(), "Pod".into());
            (request.operation, request.old) = (trust_policy::Operation::Update, Some(old));
        }
        let policies = PolicySet::from_yaml(&self.policies).unwrap();
        let evidence = self.evidence(&policies, &request);
        let verdict = evaluate(&policies, &request, &evidence, &Trust::keys_only(), self.now);
        let (set, trust) = (Digest::sha256(self.policies.as_bytes()), Digest::sha256(b"trust"));
        if let Some(admission) = Admission::of(&request, &verdict, &set, &trust, self.now) {
            self.inventory.admitted(request.workload(), admission, self.now);
        }
    }

    pub(crate) fn list(&mut self, pods: &[Value]) {
        self.inventory.apply(WorkloadEvent::ListStarts, self.now).unwrap();
        pods.iter().for_each(|pod| self.see(pod));
        self.inventory.apply(WorkloadEvent::ListEnds, self.now).unwrap();
    }

    pub(crate) fn see(&mut self, pod: &Value) {
        self.inventory.apply(WorkloadEvent::Seen(pod), self.now).unwrap();
    }

    pub(crate) fn delete(&mut self, pod: &Value) {
        self.inventory.apply(WorkloadEvent::Gone(pod), self.now).unwrap();
    }

    pub(crate) fn set_policies(&mut self, policies: String) {
        self.inventory.policies_changed(Digest::sha256(policies.as_bytes()));
        self.policies = policies;
    }

    /// The watch ends at any moment, and starts again with what stands in the store.
    pub(crate) fn restart(&mut self) {
        self.inventory = inventory(&self.policies);
        for record in self.store.values() {
            self.inventory.restore(record.clone());
        }
    }

    pub(crate) fn later(&mut self, millis: i64) {
        self.now = self.now.plus_millis(millis);
    }

    /// One round: stores, delivers, and answers what is asked. Whether there was anything to do.
    pub(crate) fn round(&mut self, delivers: bool) -> bool {
        let changes = self.inventory.settle(self.now);
        let is_done = changes.tasks.is_empty() && changes.records.is_empty() && changes.events.is_empty();
        for change in changes.records {
            match change {
                RecordChange::Put(record) => {
                    let text = serde_json::to_string(&record).unwrap();
                    self.store.insert(record.workload, serde_json::from_str(&text).unwrap());
                }
                RecordChange::Remove(workload) => drop(self.store.remove(&workload)),
                _ => unreachable!(),
            }
        }
        if delivers {
            for event in changes.events {
                self.inventory.delivered(&event);
                self.events.push(event);
            }
        }
        for task in changes.tasks {
            self.answer(task);
        }
        !is_done
    }

    /// What is judged of what the inventory asks, by what the registry has now.
    pub(crate) fn verdict(&self, key: &JudgementKey) -> Verdict {
        let policies = PolicySet::from_yaml(&self.policies).unwrap();
        let request = self.inventory.request(key).unwrap();
        let evidence = self.evidence(&policies, &request);
        evaluate(&policies, &request, &evidence, &Trust::keys_only(), self.now)
    }

    fn answer(&mut self, task: Task) {
        match task {
            Task::Judge { key, is_fresh } => {
                let verdict = self.verdict(&key);
                self.judged = (self.judged.0 + 1, self.judged.1 + usize::from(is_fresh));
                self.inventory.judged(&key, &verdict, self.now);
            }
            Task::Family { image } => {
                let digest: Digest = image.strip_prefix("ghcr.io/acme/app@").unwrap().parse().unwrap();
                let family = self.families.get(&digest).filter(|_| !self.is_down);
                let family = family.map(|members| members.iter().cloned().collect::<ImageFamily>());
                let family = family.ok_or_else(|| self.failure(&image));
                self.inventory.family(image, family, self.now);
            }
            Task::Tag { image } => {
                let digest = self.resolve(&image);
                self.inventory.tag(image, digest, self.now);
            }
            _ => unreachable!(),
        }
    }

    /// Rounds until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..20 {
            if !self.round(true) {
                return;
            }
        }
        panic!("does not settle");
    }

    pub(crate) fn findings(&self) -> Vec<&Finding> {
        self.inventory.open_findings().collect()
    }

    /// The kinds of findings that are open.
    pub(crate) fn open(&self) -> Vec<FindingKind> {
        let kinds: BTreeSet<_> = self.inventory.open_findings().map(|one| one.kind).collect();
        kinds.into_iter().collect()
    }

    /// What happened so far, and forgets it.
    pub(crate) fn happened(&mut self) -> Vec<(FindingKind, Transition)> {
        let drift = |event: Event| match event.happened {
            Happened::Drift { transition, finding, .. } => Some((finding.kind, transition)),
            _ => None,
        };
        core::mem::take(&mut self.events).into_iter().filter_map(drift).collect()
    }
}

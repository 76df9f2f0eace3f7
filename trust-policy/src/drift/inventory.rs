//! [`Inventory`]: what runs in a cluster, and what is wrong with it.
//!
//! | file | holds |
//! |---|---|
//! | `known` | something that is asked for, answered, and asked for again |
//! | `shared` | what all workloads share, and what one of them needs |
//! | `comparison` | what runs, beside what was admitted |
//! | `judgement` | what came of judging what runs |
//! | `owner` | one workload: what its Pods run, and what is wrong with it |

mod known;

mod shared;

mod comparison;

mod judgement;

mod owner;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use trust_core::{Digest, UnixTime};

use self::known::Known;
use self::owner::{Owner, Owners};
use self::shared::{Needs, Shared};
use crate::drift::event::{Event, Happened};
use crate::drift::finding::{Finding, FindingState};
use crate::drift::guard;
use crate::drift::image_family::ImageFamily;
use crate::drift::record::{Admission, RunningRow, WorkloadRecord};
use crate::drift::workload::{Workload, version};
use crate::evidence::FetchFailure;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{ResourceError, ResourceId, wrong};
use crate::verdict::Verdict;

/// A SHA-256: it stands for what it was made of.
type Key = [u8; 32];

/// Half of one, of what the API server chooses.
type PodKey = [u8; 16];

fn key_of(bytes: &[u8]) -> Key {
    Digest::sha256(bytes).as_bytes().first_chunk().copied().unwrap_or_default()
}

fn pod_key(uid: &str) -> PodKey {
    key_of(uid.as_bytes()).first_chunk().copied().unwrap_or_default()
}

/// What runs in a cluster, and what is wrong with it: a state machine without I/O.
///
/// It is told what is seen, and [asked](Self::settle) what comes of it: what to judge and to fetch, what happened to findings, and
/// which records to store. What is wrong is a function of what is known, so the order in which it becomes known changes nothing, and
/// what is not known yet neither opens a finding nor resolves one.
///
/// It believes the API server about Pods, nodes about what they run, and the records about what was admitted; of what Pods say about
/// themselves it believes nothing but what is judged.
#[derive(Debug)]
pub struct Inventory {
    shared: Shared,
    pods: BTreeMap<PodKey, Pod>,
    /// Pods that are gone for good, and since when: until all are listed again, or for an hour.
    gone: BTreeMap<PodKey, UnixTime>,
    owners: Owners,
    dirty: BTreeSet<Arc<ResourceId>>,
    due: BTreeSet<(UnixTime, Arc<ResourceId>)>,
    /// Counts lists of all Pods.
    epoch: u32,
    /// Counts judgements that were asked for.
    tickets: u64,
}

const MINUTE: i64 = 60_000;

/// What is remembered of a Pod.
#[derive(Debug)]
struct Pod {
    owner: Arc<ResourceId>,
    /// `None` if nothing of it runs any more.
    shape: Option<Key>,
    version: Option<u64>,
    epoch: u32,
    /// When it was first seen.
    since: UnixTime,
}

/// How long things take; in milliseconds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InventorySettings {
    /// How long after a Pod is first seen its admission may come on record: what runs without one is found after that.
    pub admission_grace_millis: i64,
    /// How long until what runs is judged by fresh evidence again, and a tag resolved again, at the latest; from half of it on,
    /// spread.
    pub period_millis: i64,
    /// How long until what could not be fetched is asked for again.
    pub retry_millis: i64,
    /// How long a finding that is resolved is remembered, and a workload without Pods.
    pub keep_resolved_millis: i64,
    /// Whether tags are resolved: a question to the registry for each image and period.
    pub resolves_tags: bool,
}

impl Default for InventorySettings {
    /// One minute; a day; five minutes; a week; tags are resolved.
    fn default() -> Self {
        Self {
            admission_grace_millis: MINUTE,
            period_millis: 24 * 60 * MINUTE,
            retry_millis: 5 * MINUTE,
            keep_resolved_millis: 7 * 24 * 60 * MINUTE,
            resolves_tags: true,
        }
    }
}

/// What is seen of the Pods of a cluster.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WorkloadEvent<'a> {
    /// All Pods are listed from here on.
    ListStarts,
    /// A Pod as it is, with its status.
    Seen(&'a Value),
    /// A Pod was deleted.
    Gone(&'a Value),
    /// All Pods were listed: what was not among them is gone.
    ListEnds,
}

/// What is judged, and for which policies and trust.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JudgementKey {
    workload: Arc<ResourceId>,
    key: Key,
    generation: u64,
    ticket: u64,
}

impl JudgementKey {
    /// The workload.
    #[must_use]
    pub fn workload(&self) -> &ResourceId {
        &self.workload
    }
}

/// Something that the inventory needs. Each is asked for once; answer it, with a failure if need be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Task {
    /// Judge [a request](Inventory::request) by the policies and trust of now, and [answer](Inventory::judged).
    Judge {
        /// What.
        key: JudgementKey,
        /// Whether evidence must be fetched anew: what is at hand may be out of date. Otherwise what is at hand will do.
        is_fresh: bool,
    },
    /// Fetch the index, manifests and so the [family](ImageFamily) of an image, and [answer](Inventory::family).
    Family {
        /// `repository@digest`.
        image: String,
    },
    /// Resolve a tag, and [answer](Inventory::tag).
    Tag {
        /// `repository:tag`.
        image: String,
    },
}

/// What is to be stored of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordChange {
    /// This, in place of what was stored.
    Put(WorkloadRecord),
    /// Nothing any more.
    Remove(ResourceId),
}

/// What came of what was seen since the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// What to judge and to fetch.
    pub tasks: Vec<Task>,
    /// What to store: before the events are delivered, so that none is lost.
    pub records: Vec<RecordChange>,
    /// What to deliver; say so ([`Inventory::delivered`]) once it was. An event that is not delivered before the program ends comes
    /// again, with the same id.
    pub events: Vec<Event>,
    /// When to ask again, if nothing happens before.
    pub next: Option<UnixTime>,
}

impl Inventory {
    /// Nothing is known yet. `policies` and `trust` identify by what is judged now.
    #[must_use]
    pub fn new(
        cluster: impl Into<String>,
        settings: InventorySettings,
        policies: Digest,
        trust: Digest,
    ) -> Self {
        let shared = Shared {
            cluster: cluster.into(),
            settings,
            policies,
            trust,
            generation: 0,
            is_synced: false,
            families: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        Self {
            shared,
            pods: BTreeMap::new(),
            gone: BTreeMap::new(),
            owners: BTreeMap::new(),
            dirty: BTreeSet::new(),
            due: BTreeSet::new(),
            epoch: 0,
            tickets: 0,
        }
    }

    /// Takes what was stored of a workload, before any Pod is seen.
    pub fn restore(&mut self, record: WorkloadRecord) {
        let id = self.owner(record.workload.clone());
        if let Some(owner) = self.owners.get_mut(&id) {
            (owner.record, owner.is_stored) = (record, true);
            owner.record.findings.sort_by(|one, other| one.id.cmp(&other.id));
            // What was emitted and not delivered is emitted again.
            owner.record.findings.iter_mut().for_each(|one| one.emitted = 0);
            // What guards the cluster is not seen with the Pods.
            owner.empty_since = owner.record.latest().filter(|_| owner.record.baseline.is_empty());
        }
        self.dirty.insert(id);
    }

    /// Takes what is seen of a Pod.
    ///
    /// # Errors
    /// If it is not a Pod that can be followed. It is passed over: what it runs is not known, so say that loudly.
    pub fn apply(&mut self, event: WorkloadEvent<'_>, now: UnixTime) -> Result<(), ResourceError> {
        match event {
            WorkloadEvent::ListStarts => self.epoch = self.epoch.wrapping_add(1),
            WorkloadEvent::Seen(pod) => self.seen(pod, now)?,
            WorkloadEvent::Gone(pod) => {
                let (pointer, uid) = ("/metadata/uid", pod.pointer("/metadata/uid"));
                let key = uid.and_then(Value::as_str).map(pod_key);
                let key = key.ok_or_else(|| wrong(pointer, uid, "a text"))?;
                self.gone.insert(key, now);
                self.forget(key, now);
            }
            WorkloadEvent::ListEnds => {
                let epoch = self.epoch;
                let unseen = self.pods.iter().filter(|(_, pod)| pod.epoch != epoch).map(|(key, _)| *key);
                for key in unseen.collect::<Vec<_>>() {
                    self.forget(key, now);
                }
                self.gone.clear();
                if !self.shared.is_synced {
                    self.shared.is_synced = true;
                    self.dirty.extend(self.owners.keys().cloned());
                }
            }
        }
        Ok(())
    }

    fn seen(&mut self, pod: &Value, now: UnixTime) -> Result<(), ResourceError> {
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let key = pod_key(uid);
        if self.gone.contains_key(&key) {
            return Ok(());
        }
        // What is known already, or came too late, changes nothing.
        if let Some(known) = self.pods.get_mut(&key) {
            known.epoch = self.epoch;
            if version(pod).is_some_and(|found| known.version.is_some_and(|known| found <= known)) {
                return Ok(());
            }
        }
        let workload = Workload::of_pod(pod)?;
        let id = self.owner(workload.owner);
        let phase = pod.pointer("/status/phase").and_then(Value::as_str);
        let is_over = matches!(phase, Some("Succeeded" | "Failed"));
        let since = self.pods.get(&key).map_or(now, |known| known.since);
        let owner = self.owners.get_mut(&id).filter(|_| !is_over);
        let shape = owner.map(|owner| owner.add(&workload.facts, workload.containers, since));
        let known = Pod { owner: id.clone(), shape, version: workload.version, epoch: self.epoch, since };
        let is_new = match self.pods.insert(key, known) {
            Some(before) => {
                let is_new = (&before.owner, before.shape) != (&id, shape);
                self.remove_shape(&before, now);
                is_new
            }
            None => true,
        };
        if is_new {
            self.dirty.insert(id);
        }
        Ok(())
    }

    fn forget(&mut self, key: PodKey, now: UnixTime) {
        if let Some(pod) = self.pods.remove(&key) {
            self.remove_shape(&pod, now);
        }
    }

    fn remove_shape(&mut self, pod: &Pod, now: UnixTime) {
        let (Some(shape), Some(owner)) = (pod.shape, self.owners.get_mut(&pod.owner)) else { return };
        let before = owner.shapes.len();
        owner.remove(shape, now);
        if owner.shapes.len() != before {
            self.dirty.insert(pod.owner.clone());
        }
    }

    fn owner(&mut self, workload: ResourceId) -> Arc<ResourceId> {
        if let Some((id, _)) = self.owners.get_key_value(&workload) {
            return id.clone();
        }
        let id = Arc::new(workload.clone());
        self.owners.insert(id.clone(), Owner::new(workload));
        id
    }

    /// A workload was admitted ([`Admission::of`]).
    pub fn admitted(&mut self, workload: ResourceId, admission: Admission, now: UnixTime) {
        let id = self.owner(workload);
        if let Some(owner) = self.owners.get_mut(&id) {
            if owner.shapes.is_empty() {
                owner.empty_since = Some(now);
            }
            owner.is_changed |= owner.record.admit(admission);
        }
        self.dirty.insert(id);
    }

    /// Other policies judge from now on. What runs is judged again, by the evidence that is at hand.
    pub fn policies_changed(&mut self, policies: Digest) {
        if policies != self.shared.policies {
            self.shared.policies = policies;
            self.judge_all_again();
        }
    }

    /// Signatures are verified by another trust root from now on, likewise.
    pub fn trust_changed(&mut self, trust: Digest) {
        if trust != self.shared.trust {
            self.shared.trust = trust;
            self.judge_all_again();
        }
    }

    fn judge_all_again(&mut self) {
        self.shared.generation += 1;
        self.dirty.extend(self.owners.keys().cloned());
    }

    /// Something new may be known about these images, such as a scan report or a VEX document; `None` for all images. What runs of
    /// them is judged again, by fresh evidence.
    pub fn knowledge_changed(&mut self, images: Option<&BTreeSet<Digest>>) {
        for (id, owner) in &mut self.owners {
            for judgement in owner.judgements.values_mut() {
                let is_meant = |images: &BTreeSet<Digest>| judgement.is_about(images);
                if images.is_none_or(is_meant) {
                    judgement.becomes_stale();
                    self.dirty.insert(id.clone());
                }
            }
        }
    }

    /// What rules ask of a namespace changed, such as its labels: what runs in it is judged again.
    pub fn namespace_changed(&mut self, namespace: &str) {
        for (id, owner) in self.owners.iter_mut().filter(|(id, _)| id.namespace == namespace) {
            owner.judgements.values_mut().for_each(|one| one.becomes_stale());
            self.dirty.insert(id.clone());
        }
    }

    /// Something that guards the cluster is so now, field by field ([`guard_of`]); `None` if it is not there. As it is seen first, it
    /// is to be: what differs later and is not stronger is found, until it is put back or [accepted](Self::accept).
    ///
    /// [`guard_of`]: crate::guard_of
    pub fn guard_seen(&mut self, guard: ResourceId, fields: Option<BTreeMap<String, String>>) {
        let id = self.owner(guard);
        if let Some(owner) = self.owners.get_mut(&id) {
            let fields = fields.unwrap_or_default();
            owner.is_changed |= guard::raise(&mut owner.record.baseline, &fields);
            owner.guard = Some(fields);
        }
        self.dirty.insert(id);
    }

    /// Something that guards the cluster is as it is to be: a person says so.
    pub fn accept(&mut self, guard: &ResourceId) {
        let id = self.owner(guard.clone());
        if let Some(owner) = self.owners.get_mut(&id)
            && let Some(fields) = &owner.guard
        {
            owner.record.baseline.clone_from(fields);
            owner.is_changed = true;
        }
        self.dirty.insert(id);
    }

    /// The request that is to be judged; `None` if nothing asks for it any more.
    #[must_use]
    pub fn request(&self, key: &JudgementKey) -> Option<Request> {
        let owner = self.owners.get(&key.workload)?;
        let judgement = owner.judgements.get(&key.key)?;
        judgement.is_wanted((key.generation, key.ticket), &self.shared).then(|| owner.request(judgement))?
    }

    /// What came of judging. It is passed over if policies or trust changed since.
    pub fn judged(&mut self, key: &JudgementKey, verdict: &Verdict, now: UnixTime) {
        let Some(owner) = self.owners.get_mut(&key.workload) else { return };
        let Some(judgement) = owner.judgements.get_mut(&key.key) else { return };
        if judgement.answer(verdict, (key.generation, key.ticket), &self.shared, now) {
            self.dirty.insert(key.workload.clone());
        }
    }

    /// The digests by which an image, `repository@digest`, may run, or why they are not known.
    pub fn family(&mut self, image: String, family: Result<ImageFamily, FetchFailure>, now: UnixTime) {
        let known = self.shared.families.entry(image).or_insert_with(Known::nothing);
        known.answer(family, now);
        self.dirty.extend(known.users.iter().cloned());
    }

    /// What a tag stands for, or why that is not known.
    pub fn tag(&mut self, image: String, digest: Result<Digest, FetchFailure>, now: UnixTime) {
        let known = self.shared.tags.entry(image).or_insert_with(Known::nothing);
        known.answer(digest, now);
        self.dirty.extend(known.users.iter().cloned());
    }

    /// An event of this id was delivered.
    pub fn delivered(&mut self, event: &Event) {
        let Happened::Drift { finding, transition, .. } = &event.happened else { return };
        let id = self.owner(event.workload.clone());
        let findings =
            self.owners.get_mut(&id).map(|owner| (&mut owner.record.findings, &mut owner.is_changed));
        let Some((findings, is_changed)) = findings else { return };
        for one in findings.iter_mut().filter(|one| one.id == finding.id) {
            let before = one.pending.len();
            one.pending.retain(|pending| *pending != (*transition, event.time));
            one.emitted = one.emitted.saturating_sub(before - one.pending.len());
            *is_changed |= one.pending.len() != before;
        }
        self.dirty.insert(id);
    }

    /// What comes of all that was told since the last time.
    pub fn settle(&mut self, now: UnixTime) -> Changes {
        let later = self.due.split_off(&(now.plus_millis(1), Arc::new(ResourceId::default())));
        let due = core::mem::replace(&mut self.due, later);
        let mut dirty = core::mem::take(&mut self.dirty);
        dirty.extend(due.into_iter().map(|(_, id)| id));
        let mut changes = Changes::default();
        self.gone.retain(|_, since| now < since.plus_millis(60 * MINUTE));
        for id in dirty {
            let Some(owner) = self.owners.get_mut(&id) else { continue };
            if let Some(next) = owner.next.take() {
                self.due.remove(&(next, id.clone()));
            }
            let mut needs = owner.examine(&self.shared, now);
            if owner.is_over(&self.shared, now) {
                if self.owners.remove(&id).is_some_and(|owner| owner.is_stored) {
                    changes.records.push(RecordChange::Remove((*id).clone()));
                }
                forget_user(&mut self.shared.families, &id);
                forget_user(&mut self.shared.tags, &id);
                continue;
            }
            for finding in &mut owner.record.findings {
                let new = finding.pending.iter().skip(finding.emitted);
                changes
                    .events
                    .extend(new.map(|(transition, time)| Event::of_finding(finding, *transition, *time)));
                finding.emitted = finding.pending.len();
            }
            if core::mem::take(&mut owner.is_changed) {
                owner.is_stored = true;
                changes.records.push(RecordChange::Put(owner.record.clone()));
            }
            for (key, is_fresh) in core::mem::take(&mut needs.judgements) {
                self.tickets += 1;
                let (generation, ticket) = (self.shared.generation, self.tickets);
                if let Some(judgement) = owner.judgements.get_mut(&key) {
                    judgement.is_asked(generation, ticket);
                }
                let key = JudgementKey { workload: id.clone(), key, generation, ticket };
                changes.tasks.push(Task::Judge { key, is_fresh });
            }
            ask(&mut self.shared, &id, &mut needs, now, &mut changes.tasks);
            owner.next = needs.next();
            self.due.extend(owner.next.map(|next| (next, id.clone())));
        }
        changes.events.sort_by(|one, other| (one.time, &one.id).cmp(&(other.time, &other.id)));
        changes.next = self.due.first().map(|(time, _)| *time);
        changes
    }

    /// Findings that are open.
    pub fn open_findings(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.owners.values().flat_map(|owner| &owner.record.findings);
        findings.filter(|one| one.state == FindingState::Open)
    }

    /// What runs, by workload.
    pub fn images(&self) -> impl Iterator<Item = (&ResourceId, &RunningRow)> {
        self.owners.iter().flat_map(|(id, owner)| owner.record.images.iter().map(move |row| (&**id, row)))
    }

    /// How many Pods run.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.pods.values().filter(|pod| pod.shape.is_some()).count()
    }
}

/// Asks for what a workload needs and was not asked for yet.
fn ask(shared: &mut Shared, id: &Arc<ResourceId>, needs: &mut Needs, now: UnixTime, tasks: &mut Vec<Task>) {
    let InventorySettings { period_millis, retry_millis, resolves_tags, .. } = shared.settings;
    for image in core::mem::take(&mut needs.families) {
        let known = shared.families.entry(image.clone()).or_insert_with(Known::nothing);
        match known.asks(id, None, retry_millis, now) {
            Ok(()) => tasks.push(Task::Family { image }),
            Err(again) => again.into_iter().for_each(|again| needs.at(again)),
        }
    }
    for image in core::mem::take(&mut needs.tags).into_iter().filter(|_| resolves_tags) {
        let known = shared.tags.entry(image.clone()).or_insert_with(Known::nothing);
        match known.asks(id, Some(period_millis), retry_millis, now) {
            Ok(()) => tasks.push(Task::Tag { image }),
            Err(again) => again.into_iter().for_each(|again| needs.at(again)),
        }
    }
}

/// Forgets what was needed by a workload that is over, and by no other.
fn forget_user<T>(known: &mut BTreeMap<String, Known<T>>, id: &Arc<ResourceId>) {
    known.retain(|_, one| !one.users.remove(id) || !one.users.is_empty());
}

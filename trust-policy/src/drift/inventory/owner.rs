//! [`Owner`]: what is known of one workload, and what is wrong with it by that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use trust_core::{Digest, UnixTime};

use crate::drift::finding::{About, Finding, FindingKind, FindingState, Source, Transition};
use crate::drift::inventory::judgement::Judgement;
use crate::drift::inventory::known::Known;
use crate::drift::inventory::shared::{Needs, Pin, Shared};
use crate::drift::inventory::{Key, key_of};
use crate::drift::record::{RunningRow, WorkloadRecord, own_digest, repository};
use crate::drift::running_image::RunningImage;
use crate::drift::workload::RunningContainer;
use crate::evidence::FetchFailure;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{Resource, ResourceId};
use crate::verdict::reason::Mismatch;

/// What is known of one workload.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) record: WorkloadRecord,
    /// Whether the record is not as it was stored last.
    pub(super) is_changed: bool,
    /// Whether there is something of it in the store.
    pub(super) is_stored: bool,
    /// What its Pods say of themselves, each text once, with how many shapes have it.
    pub(super) facts: BTreeMap<Key, (Box<str>, u32)>,
    /// The shapes of its Pods: Pods that say the same and run the same are one.
    pub(super) shapes: BTreeMap<Key, Box<Shape>>,
    pub(super) judgements: BTreeMap<Key, Box<Judgement>>,
    /// Of what guards the cluster: how it is.
    pub(super) guard: Option<BTreeMap<String, String>>,
    /// Since when it has no Pods.
    pub(super) empty_since: Option<UnixTime>,
    /// When it is looked at again.
    pub(super) next: Option<UnixTime>,
}

/// Pods of one workload that say the same and run the same.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) facts: Key,
    pub(super) containers: Box<[RunningContainer]>,
    pub(super) pods: u32,
    /// When the first of them was seen.
    pub(super) since: UnixTime,
}

/// What is found to be wrong.
#[derive(Debug)]
struct Candidate {
    kind: FindingKind,
    about: About,
    /// It may still turn out otherwise, so it opens nothing; but nothing shows that it is mended.
    is_pending: bool,
}

impl Owner {
    pub(super) fn new(workload: ResourceId) -> Self {
        Self {
            record: WorkloadRecord::new(workload),
            is_changed: false,
            is_stored: false,
            facts: BTreeMap::new(),
            shapes: BTreeMap::new(),
            judgements: BTreeMap::new(),
            guard: None,
            empty_since: None,
            next: None,
        }
    }

    /// Counts a Pod, and returns its shape.
    pub(super) fn add(&mut self, facts: &str, containers: Vec<RunningContainer>, now: UnixTime) -> Key {
        let facts_key = key_of(facts.as_bytes());
        let key = shape_key(facts_key, &containers);
        let shape = self.shapes.entry(key).or_insert_with(|| {
            self.facts.entry(facts_key).or_insert_with(|| (facts.into(), 0)).1 += 1;
            Box::new(Shape { facts: facts_key, containers: containers.into(), pods: 0, since: now })
        });
        shape.pods += 1;
        shape.since = shape.since.min(now);
        self.empty_since = None;
        key
    }

    /// A Pod is gone, or has another shape.
    pub(super) fn remove(&mut self, key: Key, now: UnixTime) {
        let Some(shape) = self.shapes.get_mut(&key) else { return };
        shape.pods = shape.pods.saturating_sub(1);
        if shape.pods > 0 {
            return;
        }
        let facts = shape.facts;
        self.shapes.remove(&key);
        if let Some((_, count)) = self.facts.get_mut(&facts) {
            *count -= 1;
            if *count == 0 {
                self.facts.remove(&facts);
            }
        }
        if self.shapes.is_empty() {
            self.empty_since = Some(now);
        }
    }

    /// The request that a judgement is about: what the Pods say, with the images that run pinned.
    pub(super) fn request(&self, judgement: &Judgement) -> Option<Request> {
        let (facts, _) = self.facts.get(&judgement.facts)?;
        let mut object: Value = serde_json::from_str(facts).ok()?;
        let resource = Resource::from_json(object.clone()).ok()?;
        for image in resource.images() {
            let pin = judgement
                .pins
                .iter()
                .find(|pin| (pin.kind, &pin.container) == (image.kind, &image.container));
            if let (Some(pin), Some(place)) = (pin, object.pointer_mut(&image.pointer)) {
                *place = Value::String(pin.image.clone());
            }
        }
        Resource::from_json(object).ok().map(Request::from)
    }

    /// Finds what is wrong by what is known, opens and resolves findings, and says what is needed.
    pub(super) fn examine(&mut self, shared: &Shared, now: UnixTime) -> Needs {
        let mut needs = Needs::default();
        let mut unsettled = BTreeSet::new();
        let mut candidates = Vec::new();
        let mut judged_by = BTreeMap::new();
        for (shape_key, shape) in &self.shapes {
            let (key, judgement) =
                self.compare(shape, shared, now, &mut candidates, &mut unsettled, &mut needs);
            judged_by.insert(*shape_key, key);
            self.judgements.entry(key).or_insert_with(|| Box::new(judgement));
        }
        let used: BTreeSet<Key> = judged_by.values().copied().collect();
        self.judgements.retain(|key, _| used.contains(key));
        for (key, judgement) in &mut self.judgements {
            match judgement.candidates(&self.record.admissions) {
                Some(found) => candidates.extend(found.into_iter().map(|(kind, about)| Candidate {
                    kind,
                    about,
                    is_pending: false,
                })),
                None => {
                    unsettled.insert(Source::Verdict);
                }
            }
            if let Some(is_fresh) = judgement.asks(shared, &self.record.workload, now, &mut needs) {
                needs.judgements.push((*key, is_fresh));
            }
        }
        candidates.extend(self.weakened());
        self.settle(candidates, &unsettled, shared, now, &mut needs);
        self.set_rows(&judged_by);
        if self.shapes.is_empty() && self.guard.is_none() && shared.is_synced {
            needs.at(self.empty_since.get_or_insert(now).plus_millis(shared.settings.keep_resolved_millis));
        }
        needs
    }

    /// Whether nothing is to be remembered of it any more.
    pub(super) fn is_over(&self, shared: &Shared, now: UnixTime) -> bool {
        let record = &self.record;
        let is_known =
            !record.admissions.is_empty() || !record.findings.is_empty() || !record.baseline.is_empty();
        let keep = shared.settings.keep_resolved_millis;
        let is_old = self.empty_since.is_some_and(|since| now >= since.plus_millis(keep));
        let is_told = record.findings.iter().all(|one| one.pending.is_empty());
        self.shapes.is_empty() && self.guard.is_none() && shared.is_synced && is_told && (is_old || !is_known)
    }

    /// Compares what a shape runs with what was admitted, and says how it is to be judged.
    fn compare(
        &self,
        shape: &Shape,
        shared: &Shared,
        now: UnixTime,
        candidates: &mut Vec<Candidate>,
        unsettled: &mut BTreeSet<Source>,
        needs: &mut Needs,
    ) -> (Key, Judgement) {
        let mut pins = Vec::new();
        for container in &shape.containers {
            let about = |digest: Option<&Digest>, message: String| About {
                container: Some(container.name.clone()),
                image: Some(container.image.clone()),
                digest: digest.cloned(),
                message,
                ..About::default()
            };
            let admissions = self.record.admissions.iter().rev();
            let admitted: Vec<_> =
                admissions.filter_map(|one| one.image(&container.name, &container.image)).collect();
            if admitted.is_empty() {
                let since = shape.since.plus_millis(shared.settings.admission_grace_millis);
                let is_pending = now < since;
                if is_pending {
                    needs.at(since);
                }
                let message = "runs, and no verdict on it is on record".to_owned();
                let running = container.running.digest().cloned().or_else(|| own_digest(&container.image));
                let about = about(running.as_ref(), message);
                candidates.push(Candidate { kind: FindingKind::AdmissionBypassed, about, is_pending });
            }
            let mut expected: Vec<Digest> = own_digest(&container.image).into_iter().collect();
            if expected.is_empty() {
                expected.extend(admitted.iter().filter_map(|one| one.digest.clone()));
                expected.dedup();
            }
            let place = repository(&container.image);
            let mut pin = expected.first().cloned();
            match &container.running {
                RunningImage::NotStarted => {}
                RunningImage::Unreadable(found) => {
                    let message = format!("its node says that `{found}` runs, which names no digest");
                    candidates.push(Candidate {
                        kind: FindingKind::Unknown,
                        about: about(None, message),
                        is_pending: false,
                    });
                }
                RunningImage::Digest { digest, repository: from } => {
                    let mut failures: Vec<&FetchFailure> = Vec::new();
                    let mut is_known = true;
                    let is_family = |one: &&Digest| match shared.families.get(*one).and_then(Known::value) {
                        _ if *one == digest => true,
                        Some(Ok(family)) => family.has(digest),
                        Some(Err(failure)) => {
                            failures.push(failure);
                            false
                        }
                        None => {
                            is_known = false;
                            false
                        }
                    };
                    let found = expected.iter().find(is_family).cloned();
                    if found.is_none() {
                        for one in &expected {
                            let image = place.as_ref().map(|place| format!("{place}@{one}"));
                            needs.families.extend(image.map(|image| (one.clone(), image)));
                        }
                    }
                    match (&found, expected.first()) {
                        (Some(_), _) => pin = found,
                        (None, None) => {
                            let is_same = from.as_deref().and_then(repository) == place && place.is_some();
                            pin = is_same.then(|| digest.clone());
                        }
                        (None, Some(_)) if !is_known => {
                            unsettled.insert(Source::Family);
                        }
                        (None, Some(_)) if !failures.is_empty() => {
                            unsettled.insert(Source::Family);
                            let message = format!(
                                "whether `{}` is what was admitted cannot be known: {}",
                                container.running,
                                failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                            );
                            let about = about(Some(digest), message);
                            candidates.push(Candidate {
                                kind: FindingKind::Unknown,
                                about,
                                is_pending: false,
                            });
                        }
                        (None, Some(first)) => {
                            let names = expected.iter().map(ToString::to_string);
                            let mismatch = Mismatch::new(Some(container.running.to_string()), names);
                            let message =
                                format!("what its node runs is not `{first}`, nor a part of it: {mismatch}");
                            let about = About { mismatches: vec![mismatch], ..about(Some(digest), message) };
                            candidates.push(Candidate {
                                kind: FindingKind::RunningDigestMismatch,
                                about,
                                is_pending: false,
                            });
                            let is_same = from.as_deref().and_then(repository) == place && place.is_some();
                            pin = Some(if is_same { digest.clone() } else { first.clone() });
                        }
                    }
                }
            }
            if let Some(tagged) = tagged(&container.image) {
                match shared.tags.get(&tagged).and_then(Known::value) {
                    Some(Ok(now_at)) if !expected.is_empty() && !expected.contains(now_at) => {
                        let first = expected.first();
                        let mismatch = Mismatch::new(Some(now_at.to_string()), first);
                        let message = format!("`{tagged}` stands for another image now: {mismatch}");
                        let about = About { mismatches: vec![mismatch], ..about(first, message) };
                        candidates.push(Candidate { kind: FindingKind::TagMoved, about, is_pending: false });
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => {
                        unsettled.insert(Source::Tag);
                    }
                }
                needs.tags.insert(tagged);
            }
            pins.extend(pin.map(|digest| Pin {
                kind: container.kind,
                container: container.name.clone(),
                image: pinned(&container.image, &digest),
                digest,
            }));
        }
        let judgement = Judgement::new(shape.facts, pins);
        (judgement.key(), judgement)
    }

    /// What guards the cluster less than it did.
    fn weakened(&self) -> Vec<Candidate> {
        let Some(guard) = &self.guard else { return Vec::new() };
        let weakened = self.record.baseline.iter().filter(|(field, value)| guard.get(*field) != Some(value));
        let candidate = |(field, expected): (&String, &String)| {
            let mismatch = Mismatch::new(guard.get(field), [expected]);
            let message = format!("`{field}`: {mismatch}");
            let about = About {
                container: Some(field.clone()),
                message,
                mismatches: vec![mismatch],
                ..About::default()
            };
            Candidate { kind: FindingKind::ControlPlaneDrift, about, is_pending: false }
        };
        weakened.map(candidate).collect()
    }

    /// Opens what is found, and resolves what is no longer found and would be.
    fn settle(
        &mut self,
        candidates: Vec<Candidate>,
        unsettled: &BTreeSet<Source>,
        shared: &Shared,
        now: UnixTime,
        needs: &mut Needs,
    ) {
        let workload = &self.record.workload;
        let mut found: BTreeMap<Digest, Candidate> = BTreeMap::new();
        for one in candidates {
            let id = Finding::id_of(one.kind, &shared.cluster, workload, &one.about);
            match found.get_mut(&id) {
                // Of several Pods the one for which it is certain.
                Some(other) if other.is_pending && !one.is_pending => *other = one,
                Some(_) => {}
                None => {
                    found.insert(id, one);
                }
            }
        }
        let keep = shared.settings.keep_resolved_millis;
        let before = self.record.findings.len();
        self.record.findings.retain(|one| {
            let is_over = one.state == FindingState::Resolved && one.pending.is_empty();
            let until = one.changed.plus_millis(keep);
            if is_over && now < until {
                needs.at(until);
            }
            !is_over || now < until || found.contains_key(&one.id)
        });
        self.is_changed |= self.record.findings.len() != before;
        for finding in &mut self.record.findings {
            let Some(candidate) = found.remove(&finding.id) else {
                let is_settled = match finding.kind {
                    FindingKind::Unknown => !unsettled.iter().any(|source| *source != Source::Tag),
                    kind => !unsettled.contains(&kind.source()),
                };
                if finding.state == FindingState::Open && is_settled && shared.is_synced {
                    finding.happens(Transition::Resolved, now);
                    self.is_changed = true;
                }
                continue;
            };
            if candidate.is_pending && finding.state == FindingState::Resolved {
                continue;
            }
            let is_same = finding.about.is_same(&candidate.about);
            self.is_changed |= finding.about != candidate.about;
            finding.about = candidate.about;
            let transition = match finding.state {
                FindingState::Resolved => Some(Transition::Reopened),
                FindingState::Open => (!is_same).then_some(Transition::Changed),
            };
            if let Some(transition) = transition {
                finding.happens(transition, now);
                self.is_changed = true;
            }
        }
        for (id, candidate) in found.into_iter().filter(|(_, one)| !one.is_pending) {
            let finding = Finding::new(id, candidate.kind, &shared.cluster, workload, candidate.about, now);
            let at = self.record.findings.partition_point(|one| one.id < finding.id);
            self.record.findings.insert(at, finding);
            self.is_changed = true;
        }
    }

    /// Says in the record what runs.
    fn set_rows(&mut self, judged_by: &BTreeMap<Key, Key>) {
        let mut rows: Vec<RunningRow> = Vec::new();
        for (key, shape) in &self.shapes {
            let judgement = judged_by.get(key).and_then(|key| self.judgements.get(key));
            let judged = judgement.map_or(&[][..], |one| one.rows());
            for container in &shape.containers {
                let judged = judged.iter().find(|one| one.container == container.name);
                let mut row = judged.cloned().unwrap_or_default();
                row.container.clone_from(&container.name);
                row.image.clone_from(&container.image);
                row.running = container.running.to_string();
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        rows.shrink_to_fit();
        self.is_changed |= rows != self.record.images;
        self.record.images = rows;
    }
}

fn shape_key(facts: Key, containers: &[RunningContainer]) -> Key {
    let mut text = facts.to_vec();
    for one in containers {
        for part in [&one.name, &one.image, &one.running.to_string()] {
            text.extend_from_slice(part.as_bytes());
            text.push(0);
        }
    }
    key_of(&text)
}

/// The image without its digest, if it has a tag or stands for the default one.
fn tagged(image: &str) -> Option<String> {
    let reference: trust_core::ImageRef = image.parse().ok()?;
    let tag = reference.tag();
    (tag.is_some() || reference.digest().is_none())
        .then(|| format!("{}:{}", reference.name(), tag.unwrap_or("latest")))
}

/// The image as written, with a digest in place of its own, if it has one.
fn pinned(image: &str, digest: &Digest) -> String {
    let name = image.split('@').next().unwrap_or(image);
    format!("{name}@{digest}")
}

pub(super) type Owners = BTreeMap<Arc<ResourceId>, Owner>;

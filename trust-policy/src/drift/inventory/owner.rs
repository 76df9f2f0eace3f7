//! [`Owner`]: what is known of one workload, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use trust_core::{Digest, UnixTime};

use crate::drift::finding::{About, Finding, FindingKind, FindingState, Source, Transition};
use crate::drift::inventory::comparison::Comparison;
use crate::drift::inventory::judgement::Judgement;
use crate::drift::inventory::shared::{Candidate, Found, Needs, Shared};
use crate::drift::inventory::{Key, key_of};
use crate::drift::record::{RunningRow, WorkloadRecord};
use crate::drift::workload::RunningContainer;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{Resource, ResourceId};
use crate::verdict::reason::Mismatch;

/// Admissions of one workload that are kept beside those by which something runs. A rollout has two at a time.
const MAX_ADMISSIONS: usize = 16;

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
    pub(super) fn add(&mut self, facts: &str, containers: Vec<RunningContainer>, since: UnixTime) -> Key {
        let facts_key = key_of(facts.as_bytes());
        let key = shape_key(facts_key, &containers);
        let shape = self.shapes.entry(key).or_insert_with(|| {
            self.facts.entry(facts_key).or_insert_with(|| (facts.into(), 0)).1 += 1;
            Box::new(Shape { facts: facts_key, containers: containers.into(), pods: 0, since })
        });
        shape.pods += 1;
        shape.since = shape.since.min(since);
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

    /// The request of a judgement: what the Pods say, with the images that run pinned.
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
        let mut found = Found::default();
        let mut judged_by = BTreeMap::new();
        for (shape_key, shape) in &self.shapes {
            let comparison =
                Comparison { shared, admissions: &self.record.admissions, since: shape.since, now };
            let pins = comparison.pins(&shape.containers, &mut found, &mut needs);
            let judgement = Judgement::new(shape.facts, pins);
            judged_by.insert(*shape_key, judgement.key());
            self.judgements.entry(judgement.key()).or_insert_with(|| Box::new(judgement));
        }
        let used: BTreeSet<Key> = judged_by.values().copied().collect();
        self.judgements.retain(|key, _| used.contains(key));
        let mut judgements = core::mem::take(&mut self.judgements);
        for (key, judgement) in &mut judgements {
            judgement.find(&self.record.admissions, shared, &mut found);
            if let Some(is_fresh) = judgement.asks(shared, &self.record.workload, now, &mut needs) {
                match self.request(judgement) {
                    Some(_) => needs.judgements.push((*key, is_fresh)),
                    None => judgement.cannot_be_read(),
                }
            }
        }
        self.judgements = judgements;
        if self.guard.is_none() && !self.record.baseline.is_empty() {
            found.unsettled.insert(Source::Guard);
        }
        found.candidates.extend(self.weakened());
        self.settle(found, shared, now, &mut needs);
        if shared.is_synced {
            self.set_rows(&judged_by);
            self.forget_admissions();
        }
        if self.shapes.is_empty() && self.guard.is_none() && shared.is_synced {
            let until = self.empty_since.get_or_insert(now).plus_millis(shared.settings.keep_resolved_millis);
            if until > now {
                needs.at(until);
            }
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
    fn settle(&mut self, found: Found, shared: &Shared, now: UnixTime, needs: &mut Needs) {
        let Found { candidates, unsettled } = found;
        let workload = &self.record.workload;
        let unknown: Vec<About> = candidates
            .iter()
            .filter(|one| one.kind == FindingKind::Unknown)
            .map(|one| one.about.clone())
            .collect();
        let mut found: BTreeMap<Digest, Candidate> = BTreeMap::new();
        for one in candidates {
            let id = Finding::id_of(one.kind, &shared.cluster, workload, &one.about);
            match found.get_mut(&id) {
                // Of several Pods the one for which it is certain.
                Some(other) if other.is_pending && !one.is_pending => *other = one,
                Some(other) if other.is_pending == one.is_pending => other.about.merge(one.about),
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
                // What cannot be known does not show that something is mended.
                let may_be = finding.kind != FindingKind::Unknown
                    && unknown.iter().any(|about| about.may_hide(&finding.about));
                if finding.state == FindingState::Open && is_settled && !may_be && shared.is_synced {
                    finding.happens(Transition::Resolved, now);
                    self.is_changed = true;
                }
                continue;
            };
            let Candidate { kind, about, is_pending } = candidate;
            let transition = match finding.state {
                FindingState::Resolved if is_pending => continue,
                FindingState::Resolved => Some(Transition::Reopened),
                FindingState::Open => (!finding.is_same(&about)).then_some(Transition::Changed),
            };
            self.is_changed |= finding.about != about;
            finding.about = about;
            if let Some(transition) = transition {
                // What kind it is, it stays while it is open, whatever is admitted meanwhile.
                if transition == Transition::Reopened {
                    finding.kind = kind;
                }
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

    /// Forgets the oldest admissions, but none by which something runs.
    fn forget_admissions(&mut self) {
        let mut extra = self.record.admissions.len().saturating_sub(MAX_ADMISSIONS);
        if extra == 0 {
            return;
        }
        let before = self.record.admissions.len();
        let running: Vec<_> = self.shapes.values().flat_map(|shape| &shape.containers).collect();
        self.record.admissions.retain(|one| {
            let is_used =
                || running.iter().any(|container| one.image(&container.name, &container.image).is_some());
            let is_kept = extra == 0 || is_used();
            extra -= usize::from(!is_kept);
            is_kept
        });
        self.is_changed |= self.record.admissions.len() != before;
    }

    /// Says in the record what runs.
    fn set_rows(&mut self, judged_by: &BTreeMap<Key, Key>) {
        // Until all is judged, what was known before says more.
        if judged_by.values().filter_map(|key| self.judgements.get(key)).any(|one| !one.is_judged()) {
            return;
        }
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

pub(super) type Owners = BTreeMap<Arc<ResourceId>, Owner>;

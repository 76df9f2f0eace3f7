//! [`Watch`]: judges what runs again, and stores and delivers what comes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use thiserror::Error;
use trust_core::{Digest, ImageRef, UnixTime};
use trust_gate::{Boxed, Deadline, Found, Gate, Item, StoreError, Want, collect_family};
use trust_policy::{
    Event, FailureKind, FetchFailure, ImageFamily, Inventory, JudgementKey, RecordChange, ResourceId, Task,
    Verdict,
};

use crate::event_sink::{EventSink, SinkError};
use crate::record_store::{RecordError, RecordStore, StoredAdmission};

/// Questions to registries and judgements at a time: what runs waits, what asks to run does not.
const WIDTH: usize = 8;
/// What one of them may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Records or events that fail in one go before the rest is left for the next.
const MAX_FAILURES: usize = 8;

/// Drives an [`Inventory`]: judges what runs by a [`Gate`], stores records, delivers events. One at a time may be active on one
/// [`RecordStore`].
///
/// Tell [the inventory](Self::inventory) what is seen, then [`settle`](Self::settle), and wait for what is
/// [answered](Self::answered) beside what is seen next. [`work`](Self::work) does so until nothing is to be done.
pub struct Watch {
    inventory: Inventory,
    gate: Gate,
    records: Arc<dyn RecordStore>,
    sinks: Vec<Arc<dyn EventSink>>,
    /// What is to be stored of each workload: its events are delivered only after that.
    unsaved: BTreeMap<ResourceId, RecordChange>,
    /// Oldest first.
    undelivered: VecDeque<Event>,
    /// What was asked for and waits for its turn: each is asked for once.
    tasks: VecDeque<Task>,
    /// What is being answered.
    open: FuturesUnordered<Boxed<'static, Option<Answer>>>,
    /// Admissions that are in the inventory, and not in a stored record yet.
    admissions: Vec<StoredAdmission>,
}

impl core::fmt::Debug for Watch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (tasks, open) = (self.tasks.len(), self.open.len());
        f.debug_struct("Watch").field("tasks", &tasks).field("open", &open).finish_non_exhaustive()
    }
}

/// Something was not stored or delivered. It is tried again the next time; nothing is lost.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WatchError {
    /// A record was not.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An event was not.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// What came of a task.
enum Answer {
    Judged(JudgementKey, Option<Box<Verdict>>),
    Family(String, Result<ImageFamily, FetchFailure>),
    Tag(String, Result<Digest, FetchFailure>),
}

impl Watch {
    /// Takes up what is on record.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn start(
        mut inventory: Inventory,
        gate: Gate,
        records: Arc<dyn RecordStore>,
        sinks: Vec<Arc<dyn EventSink>>,
    ) -> Result<Self, WatchError> {
        for record in records.records().await? {
            inventory.restore(record);
        }
        Ok(Self {
            inventory,
            gate,
            records,
            sinks,
            unsaved: BTreeMap::new(),
            undelivered: VecDeque::new(),
            tasks: VecDeque::new(),
            open: FuturesUnordered::new(),
            admissions: Vec::new(),
        })
    }

    /// What runs, to be told what is seen.
    pub fn inventory(&mut self) -> &mut Inventory {
        &mut self.inventory
    }

    /// Takes what webhooks admitted since.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn take_admissions(&mut self, now: UnixTime) -> Result<(), WatchError> {
        for one in self.records.admissions().await? {
            if !self.admissions.contains(&one) {
                self.inventory.admitted(one.workload.clone(), one.admission.clone(), now);
                self.admissions.push(one);
            }
        }
        Ok(())
    }

    /// Stores and delivers what came of what was told and answered, begins what is to be done, and says when to settle again if nothing
    /// happens before.
    ///
    /// # Errors
    /// If something was not stored or delivered: settle again after a while. What is to be done is begun all the same.
    pub async fn settle(&mut self, now: UnixTime) -> Result<Option<UnixTime>, WatchError> {
        loop {
            let next = self.take_changes(now);
            let saved = self.save().await;
            let (delivered, failed) = self.deliver().await;
            match (saved, failed, delivered) {
                (Ok(()), None, 0) => return Ok(next),
                // That something was delivered is to be stored.
                (Ok(()), None, _) => {}
                (saved, failed, delivered) => {
                    if delivered > 0 {
                        self.take_changes(now);
                        let _ = self.save().await;
                    }
                    return saved.and(failed.map_or(Ok(next), Err));
                }
            }
        }
    }

    /// What came of what was told and answered: it waits to be stored and delivered, or is begun. When there is something again.
    fn take_changes(&mut self, now: UnixTime) -> Option<UnixTime> {
        let changes = self.inventory.settle(now);
        for change in changes.records {
            let workload = match &change {
                RecordChange::Put(record) => record.workload.clone(),
                RecordChange::Remove(workload) => workload.clone(),
                _ => continue,
            };
            self.unsaved.insert(workload, change);
        }
        self.undelivered.extend(changes.events);
        self.tasks.extend(changes.tasks);
        self.begin();
        changes.next
    }

    /// Waits until something that was begun is answered, and tells the inventory; for ever if nothing is begun. If the future is dropped,
    /// nothing is lost.
    pub async fn answered(&mut self, now: impl Fn() -> UnixTime) {
        let Some(answer) = self.open.next().await else { return std::future::pending().await };
        match answer {
            None => {}
            Some(Answer::Judged(key, Some(verdict))) => self.inventory.judged(&key, &verdict, now()),
            // It is asked for again with other policies, another trust or other knowledge.
            Some(Answer::Judged(key, None)) => {
                tracing::error!(workload = %key.workload(), "the evaluation stopped unexpectedly");
            }
            Some(Answer::Family(image, family)) => self.inventory.family(image, family, now()),
            Some(Answer::Tag(image, digest)) => self.inventory.tag(image, digest, now()),
        }
        self.begin();
    }

    /// Takes admissions, and does what is to be done, until nothing is; then says when there will be something again.
    ///
    /// # Errors
    /// If something was not stored or delivered: let it work again after a while. What runs is judged all the same.
    pub async fn work(&mut self, now: impl Fn() -> UnixTime) -> Result<Option<UnixTime>, WatchError> {
        self.take_admissions(now()).await?;
        loop {
            let settled = self.settle(now()).await;
            if self.open.is_empty() {
                return settled;
            }
            while !self.open.is_empty() {
                self.answered(&now).await;
            }
            settled?;
        }
    }

    /// Stores what it can; that one record is refused keeps no other from being stored.
    async fn save(&mut self) -> Result<(), WatchError> {
        let mut failures = Vec::new();
        for workload in self.unsaved.keys().cloned().collect::<Vec<_>>() {
            let stored = match self.unsaved.get(&workload) {
                Some(RecordChange::Put(record)) => self.records.put(record).await,
                Some(RecordChange::Remove(workload)) => self.records.remove(workload).await,
                _ => Ok(()),
            };
            match stored {
                Ok(()) => drop(self.unsaved.remove(&workload)),
                Err(error) => failures.push(error),
            }
            if failures.len() == MAX_FAILURES {
                break;
            }
        }
        for admission in core::mem::take(&mut self.admissions) {
            if self.unsaved.contains_key(&admission.workload) {
                self.admissions.push(admission);
            } else if let Err(error) = self.records.taken(&admission).await {
                failures.push(error);
            }
        }
        failures.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Delivers what it can, and says how much that was, and what failed first. The events of one workload stay in order.
    async fn deliver(&mut self) -> (usize, Option<WatchError>) {
        let mut held: BTreeSet<ResourceId> = self.unsaved.keys().cloned().collect();
        let (mut delivered, mut failures) = (0, Vec::new());
        for _ in 0..self.undelivered.len() {
            let Some(event) = self.undelivered.front() else { break };
            let is_held = held.contains(&event.workload) || failures.len() == MAX_FAILURES;
            let taken = if is_held { None } else { Some(deliver(&self.sinks, event).await) };
            let Some(event) = self.undelivered.pop_front() else { break };
            match taken {
                Some(Ok(())) => {
                    self.inventory.delivered(&event);
                    delivered += 1;
                    continue;
                }
                Some(Err(error)) => {
                    held.insert(event.workload.clone());
                    failures.push(error);
                }
                None => {}
            }
            self.undelivered.push_back(event);
        }
        (delivered, failures.into_iter().next().map(Into::into))
    }

    /// Begins what has its turn.
    fn begin(&mut self) {
        while self.open.len() < WIDTH
            && let Some(task) = self.tasks.pop_front()
        {
            let request = match &task {
                Task::Judge { key, .. } => self.inventory.request(key),
                _ => None,
            };
            self.open.push(Box::pin(answer(self.gate.clone(), task, request)));
        }
    }
}
async fn deliver(sinks: &[Arc<dyn EventSink>], event: &Event) -> Result<(), SinkError> {
    for sink in sinks {
        sink.deliver(event).await?;
    }
    Ok(())
}

async fn answer(gate: Gate, task: Task, request: Option<trust_policy::Request>) -> Option<Answer> {
    let until = Deadline::after(PATIENCE);
    Some(match task {
        Task::Judge { key, .. } => Answer::Judged(key, gate.judge(request?, until).await.map(Box::new)),
        Task::Family { image } => {
            let family = match read(&image) {
                Ok(reference) => collect_family(gate.store(), &reference, until).await,
                Err(failure) => Err(failure),
            };
            Answer::Family(image, family)
        }
        Task::Tag { image } => {
            let digest = match read(&image) {
                Ok(reference) => resolve(&gate, reference, until).await,
                Err(failure) => Err(failure),
            };
            Answer::Tag(image, digest)
        }
        _ => return None,
    })
}

fn read(image: &str) -> Result<ImageRef, FetchFailure> {
    let failure = |error: trust_core::ImageRefError| FetchFailure {
        location: image.to_owned(),
        kind: FailureKind::Malformed,
        problem: error.to_string(),
    };
    image.parse().map_err(failure)
}

async fn resolve(gate: &Gate, image: ImageRef, until: Deadline) -> Result<Digest, FetchFailure> {
    let location = image.written().to_owned();
    let want = Want::new(image, Item::Image);
    match gate.store().fetch(&want, until).await {
        Ok(Found::Digest(digest)) => Ok(digest),
        Ok(_) => Err(StoreError::NotFound { what: location.clone() }.into_failure(location)),
        Err(error) => Err(error.into_failure(location)),
    }
}

//! [`Watch`]: judges what runs again, and stores and delivers what comes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};
use trust_core::{Digest, ImageRef, UnixTime};
use trust_gate::{Boxed, Deadline, Found, Gate, Item, StoreError, Want, collect_family};
use trust_policy::{
    Event, FailureKind, FetchFailure, ImageFamily, Inventory, JudgementKey, RecordChange, Request,
    ResourceId, Task, Verdict,
};

use crate::event_sink::{EventSink, SinkError};
use crate::record_store::{RecordError, RecordStore, StoredAdmission};

/// Questions to registries and judgements at a time, and likewise records: what runs waits, what asks to run does not.
const WIDTH: usize = 8;
/// What one question or judgement may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Events that a sink does not take one after the other before it is given a pause: some may be refused for what they are.
const MAX_FAILURES: u32 = 8;
/// Before something is tried again that was not stored or delivered.
const PAUSE: Duration = Duration::from_secs(2);

/// Drives an [`Inventory`]: judges what runs by a [`Gate`], stores records, delivers events. One at a time may be active on one
/// [`RecordStore`].
///
/// Tell [the inventory](Self::inventory) what is seen, then [`settle`](Self::settle), and wait for what is [answered](Self::answered) beside what
/// is seen next. Whatever takes long is waited for there: a sink that is down delays neither another sink nor a judgement.
pub struct Watch {
    inventory: Inventory,
    gate: Gate,
    records: Arc<dyn RecordStore>,
    /// What was asked for and waits for its turn: each is asked for once.
    tasks: VecDeque<Task>,
    working: usize,
    /// What is to be stored of each workload, and of which it is being stored. Events of these wait.
    unsaved: BTreeMap<ResourceId, RecordChange>,
    saving: BTreeSet<ResourceId>,
    /// When a record is tried again that was not stored.
    again: BTreeMap<ResourceId, Instant>,
    /// Admissions that are in the inventory, and not in a stored record yet.
    admissions: Vec<StoredAdmission>,
    taking: usize,
    /// Events that wait for their record, oldest first.
    held: VecDeque<Event>,
    lanes: Vec<Lane>,
    /// How many sinks are to take an event yet, by its id.
    left: BTreeMap<String, usize>,
    /// What is under way.
    open: FuturesUnordered<Boxed<'static, Answer>>,
}

/// The way to one sink.
#[derive(Debug)]
struct Lane {
    sink: Arc<dyn EventSink>,
    /// Oldest first, of each workload.
    queue: VecDeque<Arc<Event>>,
    is_busy: bool,
    /// Failures one after the other.
    failures: u32,
    /// When it is tried again after them.
    again: Option<Instant>,
}

impl core::fmt::Debug for Watch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (tasks, open) = (self.tasks.len(), self.open.len());
        f.debug_struct("Watch").field("tasks", &tasks).field("open", &open).finish_non_exhaustive()
    }
}

/// Something was not stored or delivered. It is tried again; nothing is lost.
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

/// What came of something that was under way.
enum Answer {
    /// The task is not to be done any more.
    Nothing,
    Judged(JudgementKey, Option<Box<Verdict>>),
    Family(String, Result<ImageFamily, FetchFailure>),
    Tag(String, Result<Digest, FetchFailure>),
    Saved(ResourceId, RecordChange, Result<(), RecordError>),
    Taken(StoredAdmission, Result<(), RecordError>),
    /// By the sink of this number.
    Delivered(usize, Arc<Event>, Result<(), SinkError>),
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
        let lane = |sink| Lane { sink, queue: VecDeque::new(), is_busy: false, failures: 0, again: None };
        Ok(Self {
            inventory,
            gate,
            records,
            tasks: VecDeque::new(),
            working: 0,
            unsaved: BTreeMap::new(),
            saving: BTreeSet::new(),
            again: BTreeMap::new(),
            admissions: Vec::new(),
            taking: 0,
            held: VecDeque::new(),
            lanes: sinks.into_iter().map(lane).collect(),
            left: BTreeMap::new(),
            open: FuturesUnordered::new(),
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
        let found = self.records.admissions().await?;
        self.admitted(found, now);
        Ok(())
    }

    /// Takes these admissions, which were [read](RecordStore::admissions).
    pub(crate) fn admitted(&mut self, admissions: Vec<StoredAdmission>, now: UnixTime) {
        for one in admissions {
            if !self.admissions.contains(&one) {
                self.inventory.admitted(one.workload.clone(), one.admission.clone(), now);
                self.admissions.push(one);
            }
        }
    }

    /// Begins what is to be done, stored and delivered after what was told and answered, and says when to settle again if nothing
    /// happens before. It waits for nothing.
    pub fn settle(&mut self, now: UnixTime) -> Option<UnixTime> {
        let changes = self.inventory.settle(now);
        for change in changes.records {
            let workload = match &change {
                RecordChange::Put(record) => record.workload.clone(),
                RecordChange::Remove(workload) => workload.clone(),
                _ => continue,
            };
            self.unsaved.insert(workload, change);
        }
        self.held.extend(changes.events);
        self.tasks.extend(changes.tasks);
        self.begin();
        changes.next
    }

    /// Waits until something that was begun is over, and tells the inventory; for ever if nothing was begun. Then settle again. If the future is
    /// dropped, nothing is lost.
    ///
    /// # Errors
    /// If it was not stored or delivered: it is tried again, after two seconds at the earliest, when it is settled then.
    pub async fn answered(&mut self, now: impl Fn() -> UnixTime) -> Result<(), WatchError> {
        let Some(answer) = self.open.next().await else { return std::future::pending().await };
        if let Answer::Nothing | Answer::Judged(..) | Answer::Family(..) | Answer::Tag(..) = &answer {
            self.working -= 1;
        }
        match answer {
            Answer::Nothing => {}
            Answer::Judged(key, Some(verdict)) => self.inventory.judged(&key, &verdict, now()),
            // It is asked for again with other policies, another trust or other knowledge.
            Answer::Judged(key, None) => {
                tracing::error!(workload = %key.workload(), "the evaluation stopped unexpectedly");
            }
            Answer::Family(image, family) => self.inventory.family(image, family, now()),
            Answer::Tag(image, digest) => self.inventory.tag(image, digest, now()),
            Answer::Saved(workload, change, saved) => {
                self.saving.remove(&workload);
                if let Err(error) = saved {
                    self.again.insert(workload.clone(), Instant::now() + PAUSE);
                    self.unsaved.entry(workload).or_insert(change);
                    return Err(error.into());
                }
                self.again.remove(&workload);
            }
            Answer::Taken(admission, taken) => {
                self.taking -= 1;
                if let Err(error) = taken {
                    self.again.insert(admission.workload.clone(), Instant::now() + PAUSE);
                    self.admissions.push(admission);
                    return Err(error.into());
                }
            }
            Answer::Delivered(lane, event, delivered) => self.delivered(lane, event, delivered)?,
        }
        Ok(())
    }

    /// Takes admissions, and does what is to be done, until nothing is; then says when there will be something again.
    ///
    /// # Errors
    /// If something was not stored or delivered: let it work again after a while. What runs is judged all the same.
    pub async fn work(&mut self, now: impl Fn() -> UnixTime) -> Result<Option<UnixTime>, WatchError> {
        self.take_admissions(now()).await?;
        let mut failed = None;
        loop {
            let next = self.settle(now());
            if self.open.is_empty() {
                match (failed, self.retries()) {
                    (Some(error), _) => return Err(error),
                    (None, None) => return Ok(next),
                    (None, Some(at)) => sleep_until(at).await,
                }
                failed = None;
                continue;
            }
            if let Err(error) = self.answered(&now).await {
                failed.get_or_insert(error);
            }
        }
    }

    /// When something is tried again that was not stored or delivered.
    fn retries(&self) -> Option<Instant> {
        let records = self.unsaved.keys().chain(self.admissions.iter().map(|one| &one.workload));
        let records = records.filter_map(|workload| self.again.get(workload));
        let lanes =
            self.lanes.iter().filter(|lane| !lane.queue.is_empty()).filter_map(|lane| lane.again.as_ref());
        records.chain(lanes).min().copied()
    }

    /// What a sink did with an event. The events of one workload stay in order; others need not wait for them.
    fn delivered(
        &mut self,
        lane: usize,
        event: Arc<Event>,
        delivered: Result<(), SinkError>,
    ) -> Result<(), WatchError> {
        let Some(lane) = self.lanes.get_mut(lane) else { return Ok(()) };
        lane.is_busy = false;
        match delivered {
            Ok(()) => {
                lane.failures = 0;
                let left = self.left.get_mut(&event.id);
                if left.is_none_or(|left| {
                    *left -= 1;
                    *left == 0
                }) {
                    self.left.remove(&event.id);
                    self.inventory.delivered(&event);
                }
                Ok(())
            }
            Err(error) => {
                lane.failures += 1;
                if lane.failures >= MAX_FAILURES {
                    (lane.failures, lane.again) = (0, Some(Instant::now() + PAUSE));
                }
                let is_other = |one: &Arc<Event>| one.workload != event.workload;
                let (others, same): (VecDeque<_>, VecDeque<_>) = lane.queue.drain(..).partition(is_other);
                lane.queue.extend(others.into_iter().chain([event]).chain(same));
                Err(error.into())
            }
        }
    }

    /// Begins what has its turn.
    fn begin(&mut self) {
        while self.working < WIDTH
            && let Some(task) = self.tasks.pop_front()
        {
            let request = match &task {
                Task::Judge { key, .. } => self.inventory.request(key),
                _ => None,
            };
            let gate = self.gate.clone();
            self.working += 1;
            self.open.push(Box::pin(async { answer(gate, task, request).await.unwrap_or(Answer::Nothing) }));
        }
        let now = Instant::now();
        self.begin_saving(now);
        self.begin_taking(now);
        self.release();
        self.begin_delivering(now);
    }

    fn waits(&self, workload: &ResourceId, now: Instant) -> bool {
        self.saving.contains(workload) || self.again.get(workload).is_some_and(|again| now < *again)
    }

    fn begin_saving(&mut self, now: Instant) {
        let free = WIDTH.saturating_sub(self.saving.len());
        let next = self.unsaved.keys().filter(|workload| !self.waits(workload, now)).take(free);
        for workload in next.cloned().collect::<Vec<_>>() {
            let Some(change) = self.unsaved.remove(&workload) else { continue };
            self.saving.insert(workload.clone());
            let records = self.records.clone();
            self.open.push(Box::pin(async move {
                let saved = match &change {
                    RecordChange::Put(record) => records.put(record).await,
                    RecordChange::Remove(workload) => records.remove(workload).await,
                    _ => Ok(()),
                };
                Answer::Saved(workload, change, saved)
            }));
        }
    }

    /// Admissions that stand in a stored record now are taken.
    fn begin_taking(&mut self, now: Instant) {
        for admission in core::mem::take(&mut self.admissions) {
            let workload = &admission.workload;
            if self.taking == WIDTH || self.unsaved.contains_key(workload) || self.waits(workload, now) {
                self.admissions.push(admission);
                continue;
            }
            self.taking += 1;
            let records = self.records.clone();
            self.open.push(Box::pin(async move {
                let taken = records.taken(&admission).await;
                Answer::Taken(admission, taken)
            }));
        }
    }

    /// Lets events go to the sinks whose records are stored.
    fn release(&mut self) {
        for event in core::mem::take(&mut self.held) {
            if self.unsaved.contains_key(&event.workload) || self.saving.contains(&event.workload) {
                self.held.push_back(event);
            } else if self.lanes.is_empty() {
                self.inventory.delivered(&event);
            } else {
                self.left.insert(event.id.clone(), self.lanes.len());
                let event = Arc::new(event);
                self.lanes.iter_mut().for_each(|lane| lane.queue.push_back(event.clone()));
            }
        }
    }

    fn begin_delivering(&mut self, now: Instant) {
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            if lane.is_busy || lane.again.is_some_and(|again| now < again) {
                continue;
            }
            let Some(event) = lane.queue.pop_front() else { continue };
            lane.is_busy = true;
            let sink = lane.sink.clone();
            self.open.push(Box::pin(async move {
                let delivered = sink.deliver(&event).await;
                Answer::Delivered(number, event, delivered)
            }));
        }
    }
}

/// Does a task; `None` if it is not to be done any more.
async fn answer(gate: Gate, task: Task, request: Option<Request>) -> Option<Answer> {
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

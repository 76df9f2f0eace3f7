//! [`Watch`]: judges what runs again, and stores and delivers what comes of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use thiserror::Error;
use trust_core::{Digest, ImageRef, UnixTime};
use trust_gate::{Deadline, Found, Gate, Item, StoreError, Want, collect_family};
use trust_policy::{
    Event, FailureKind, FetchFailure, ImageFamily, Inventory, JudgementKey, RecordChange, Task, Verdict,
};

use crate::event_sink::EventSink;
use crate::record_store::{RecordError, RecordStore, StoredAdmission};

/// Questions to registries and judgements at a time: what runs waits, what asks to run does not.
const WIDTH: usize = 8;
/// What one of them may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Drives an [`Inventory`]: judges what runs by a [`Gate`], stores records, delivers events. One at a time may be active on one
/// [`RecordStore`].
#[derive(Debug)]
pub struct Watch {
    inventory: Inventory,
    gate: Gate,
    records: Arc<dyn RecordStore>,
    sinks: Vec<Arc<dyn EventSink>>,
    /// What is to be stored, oldest first: an event is delivered only after its record is stored.
    unsaved: VecDeque<RecordChange>,
    undelivered: VecDeque<Event>,
    /// What was asked for and not answered yet: each is asked for once.
    tasks: VecDeque<Task>,
    /// Admissions that are in the inventory, and not in a stored record yet.
    admissions: Vec<StoredAdmission>,
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
    Sink(#[from] crate::event_sink::SinkError),
}

/// What came of a task.
enum Answer {
    Judged(JudgementKey, Option<Box<Verdict>>),
    Family(String, Result<ImageFamily, FetchFailure>),
    Tag(String, Result<Digest, FetchFailure>),
}

impl Watch {
    /// Takes up what is on record. Then tell [the inventory](Self::inventory) what is seen, and let it [work](Self::work).
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
            unsaved: VecDeque::new(),
            undelivered: VecDeque::new(),
            tasks: VecDeque::new(),
            admissions: Vec::new(),
        })
    }

    /// What runs, to be told what is seen.
    pub fn inventory(&mut self) -> &mut Inventory {
        &mut self.inventory
    }

    /// Does what is to be done, until nothing is, and says when there will be something again. If the future is dropped, what it was
    /// doing is lost until the policies change: let it end.
    ///
    /// # Errors
    /// If something was not stored or delivered: let it work again after a while. What runs is judged all the same.
    pub async fn work(&mut self, now: impl Fn() -> UnixTime) -> Result<Option<UnixTime>, WatchError> {
        for one in self.records.admissions().await? {
            if !self.admissions.contains(&one) {
                self.inventory.admitted(one.workload.clone(), one.admission.clone(), now());
                self.admissions.push(one);
            }
        }
        loop {
            let changes = self.inventory.settle(now());
            self.unsaved.extend(changes.records);
            self.undelivered.extend(changes.events);
            self.tasks.extend(changes.tasks);
            let saved = self.save().await;
            let is_done = self.tasks.is_empty() && self.undelivered.is_empty();
            let delivered = if saved.is_ok() { self.deliver().await } else { Ok(()) };
            self.do_all(&now).await;
            saved.and(delivered)?;
            if is_done {
                return Ok(changes.next);
            }
        }
    }

    async fn save(&mut self) -> Result<(), WatchError> {
        while let Some(change) = self.unsaved.front() {
            match change {
                RecordChange::Put(record) => self.records.put(record).await?,
                RecordChange::Remove(workload) => self.records.remove(workload).await?,
                _ => {}
            }
            self.unsaved.pop_front();
        }
        for admission in core::mem::take(&mut self.admissions) {
            self.records.taken(&admission).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self) -> Result<(), WatchError> {
        while let Some(event) = self.undelivered.front() {
            for sink in &self.sinks {
                sink.deliver(event).await?;
            }
            self.inventory.delivered(event);
            self.undelivered.pop_front();
        }
        Ok(())
    }

    /// Judges and fetches, some at a time, and tells the inventory.
    async fn do_all(&mut self, now: &impl Fn() -> UnixTime) {
        let mut open = FuturesUnordered::new();
        loop {
            while open.len() < WIDTH
                && let Some(task) = self.tasks.pop_front()
            {
                let request = match &task {
                    Task::Judge { key, .. } => self.inventory.request(key),
                    _ => None,
                };
                open.push(answer(self.gate.clone(), task, request));
            }
            match open.next().await {
                None => return,
                Some(None) => {}
                Some(Some(Answer::Judged(key, Some(verdict)))) => {
                    self.inventory.judged(&key, &verdict, now())
                }
                // It is asked for again with other policies, another trust or other knowledge.
                Some(Some(Answer::Judged(key, None))) => {
                    tracing::error!(workload = %key.workload(), "the evaluation stopped unexpectedly");
                }
                Some(Some(Answer::Family(image, family))) => self.inventory.family(image, family, now()),
                Some(Some(Answer::Tag(image, digest))) => self.inventory.tag(image, digest, now()),
            }
        }
    }
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

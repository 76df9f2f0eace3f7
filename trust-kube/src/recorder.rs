//! [`Recorder`]: what was admitted, on record; what was denied, told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trust_core::Digest;
use trust_gate::Reviewed;
use trust_policy::{Admission, Event};

use crate::event_sink::EventSink;
use crate::observer::Observer;
use crate::record_store::{RecordStore, StoredAdmission};

/// Reviews that wait to be recorded.
const MAX_WAITING: usize = 10_000;
/// Between two attempts to store or deliver.
const PAUSE: Duration = Duration::from_secs(1);
/// Attempts to store an admission, after which it is given up.
const ATTEMPTS: u32 = 30;
/// Attempts to tell what was denied: the next ones wait for it.
const EVENT_ATTEMPTS: u32 = 3;
/// Admissions that are stored at a time.
const WIDTH: usize = 8;

/// Keeps what was admitted, and tells of what was judged and denied or only reported, after the API server was answered. Dry runs are
/// neither, and neither is what was denied without being judged, which the [metrics](crate::to_prometheus) count.
///
/// What cannot be kept is counted and logged: the watch will then find that something runs without a verdict on record, which is the
/// safe way to be wrong.
#[derive(Clone, Debug)]
pub struct Recorder {
    cluster: Arc<str>,
    by: Arc<RwLock<(Digest, Digest)>>,
    queues: Arc<RwLock<Option<Queues>>>,
    working: Arc<Mutex<Vec<JoinHandle<()>>>>,
    lost: Arc<AtomicU64>,
}

/// Two queues, so that a sink that is down does not keep admissions from being stored.
#[derive(Debug)]
struct Queues {
    admissions: mpsc::Sender<StoredAdmission>,
    events: mpsc::Sender<Event>,
}

impl Recorder {
    /// Records there and tells these. `policies` and `trust` identify by what is judged, as for the
    /// [`Inventory`](trust_policy::Inventory). It needs tokio: what is recorded is written by a task of its own.
    #[must_use]
    pub fn new(
        cluster: &str,
        policies: Digest,
        trust: Digest,
        records: Arc<dyn RecordStore>,
        sinks: Vec<Arc<dyn EventSink>>,
    ) -> Self {
        let (admissions, admitted) = mpsc::channel(MAX_WAITING);
        let (events, happened) = mpsc::channel(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let working = vec![
            tokio::spawn(store(admitted, records, lost.clone())),
            tokio::spawn(tell(happened, sinks, lost.clone())),
        ];
        Self {
            cluster: cluster.into(),
            by: Arc::new(RwLock::new((policies, trust))),
            queues: Arc::new(RwLock::new(Some(Queues { admissions, events }))),
            working: Arc::new(Mutex::new(working)),
            lost,
        }
    }

    /// Other policies or another trust judge from now on.
    pub fn judging_by(&self, policies: Digest, trust: Digest) {
        *self.by.write().unwrap_or_else(PoisonError::into_inner) = (policies, trust);
    }

    /// How many admissions and events could not be kept or told.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes no more, and waits at most `patience` until what waits is written and told: call it after the last review was answered.
    /// Whether all of it was.
    pub async fn close(&self, patience: Duration) -> bool {
        drop(self.queues.write().unwrap_or_else(PoisonError::into_inner).take());
        let working = core::mem::take(&mut *self.working.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::time::timeout(patience, futures_util::future::join_all(working)).await.is_ok()
    }

    fn add<T>(&self, entry: T, queue: impl Fn(&Queues) -> &mpsc::Sender<T>) {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        if queues.as_ref().is_none_or(|queues| queue(queues).try_send(entry).is_err()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!("a review is not recorded: too many wait");
        }
    }
}

impl Observer for Recorder {
    fn reviewed(&self, reviewed: &Reviewed) {
        let (Some(review), Some(verdict)) = (&reviewed.review, &reviewed.verdict) else { return };
        if review.is_dry_run {
            return;
        }
        let (request, now) = (&review.request, reviewed.now);
        let (policies, trust) = self.by.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(admission) = Admission::of(request, verdict, &policies, &trust, now) {
            let admission = StoredAdmission { workload: request.workload(), admission };
            self.add(admission, |queues| &queues.admissions);
        }
        let event = Event::of_verdict(&self.cluster, &review.uid, request.workload(), verdict, now);
        event.into_iter().for_each(|event| self.add(event, |queues| &queues.events));
    }
}

/// Stores admissions, some at a time.
async fn store(
    waiting: mpsc::Receiver<StoredAdmission>,
    records: Arc<dyn RecordStore>,
    lost: Arc<AtomicU64>,
) {
    let waiting =
        futures_util::stream::unfold(waiting, async |mut waiting| Some((waiting.recv().await?, waiting)));
    let store = async |admission: StoredAdmission| {
        let store = || async { records.admit(&admission).await.map_err(|error| error.to_string()) };
        tried(&lost, ATTEMPTS, store).await;
    };
    waiting.for_each_concurrent(WIDTH, store).await;
}

/// Tells what happened, in order.
async fn tell(mut waiting: mpsc::Receiver<Event>, sinks: Vec<Arc<dyn EventSink>>, lost: Arc<AtomicU64>) {
    while let Some(event) = waiting.recv().await {
        let tell = async |sink: &Arc<dyn EventSink>| {
            let deliver = || async { sink.deliver(&event).await.map_err(|error| error.to_string()) };
            tried(&lost, EVENT_ATTEMPTS, deliver).await;
        };
        futures_util::future::join_all(sinks.iter().map(tell)).await;
    }
}

async fn tried<F: Future<Output = Result<(), String>>>(
    lost: &AtomicU64,
    attempts: u32,
    attempt: impl Fn() -> F,
) {
    for number in 1..=attempts {
        match attempt().await {
            Ok(()) => return,
            Err(problem) if number == attempts => {
                lost.fetch_add(1, Ordering::Relaxed);
                tracing::error!(problem, "given up");
            }
            Err(problem) => {
                tracing::warn!(problem, "tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

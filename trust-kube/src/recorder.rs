//! [`Recorder`]: what was admitted, on record; what was denied, told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

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
/// Attempts, after which it is given up.
const ATTEMPTS: u32 = 30;

/// Keeps what was admitted, and tells of what was judged and denied or only reported, after the API server was answered. Dry runs are
/// neither, and neither is what was denied without being judged, which the [metrics](crate::to_prometheus) count.
///
/// What cannot be kept is counted and logged: the watch will then find that something runs without a verdict on record, which is the
/// safe way to be wrong.
#[derive(Clone, Debug)]
pub struct Recorder {
    cluster: Arc<str>,
    by: Arc<RwLock<(Digest, Digest)>>,
    queue: Arc<RwLock<Option<mpsc::Sender<Entry>>>>,
    working: Arc<Mutex<Option<JoinHandle<()>>>>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    Admitted(StoredAdmission),
    Happened(Event),
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
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let working = tokio::spawn(work(waiting, records, sinks, lost.clone()));
        Self {
            cluster: cluster.into(),
            by: Arc::new(RwLock::new((policies, trust))),
            queue: Arc::new(RwLock::new(Some(queue))),
            working: Arc::new(Mutex::new(Some(working))),
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
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        let working = self.working.lock().unwrap_or_else(PoisonError::into_inner).take();
        match working {
            Some(working) => tokio::time::timeout(patience, working).await.is_ok(),
            None => true,
        }
    }

    fn add(&self, entry: Entry) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        if queue.as_ref().is_none_or(|queue| queue.try_send(entry).is_err()) {
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
            self.add(Entry::Admitted(StoredAdmission { workload: request.workload(), admission }));
        }
        let event = Event::of_verdict(&self.cluster, &review.uid, request.workload(), verdict, now);
        event.into_iter().for_each(|event| self.add(Entry::Happened(event)));
    }
}

async fn work(
    mut waiting: mpsc::Receiver<Entry>,
    records: Arc<dyn RecordStore>,
    sinks: Vec<Arc<dyn EventSink>>,
    lost: Arc<AtomicU64>,
) {
    while let Some(entry) = waiting.recv().await {
        match entry {
            Entry::Admitted(admission) => {
                let store = || async { records.admit(&admission).await.map_err(|error| error.to_string()) };
                tried(&lost, store).await;
            }
            Entry::Happened(event) => {
                for sink in &sinks {
                    let deliver = || async { sink.deliver(&event).await.map_err(|error| error.to_string()) };
                    tried(&lost, deliver).await;
                }
            }
        }
    }
}

async fn tried<F: Future<Output = Result<(), String>>>(lost: &AtomicU64, attempt: impl Fn() -> F) {
    for number in 1..=ATTEMPTS {
        match attempt().await {
            Ok(()) => return,
            Err(problem) if number == ATTEMPTS => {
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

//! What is refused, or cannot be delivered, keeps nothing else from being stored and told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trust_core::{Digest, UnixTime};
use trust_gate::{Boxed, Gate, Repositories};
use trust_kube::{
    EventSink, MemoryRecords, RecordError, RecordStore, SinkError, StoredAdmission, Watch, WatchError,
};
use trust_policy::{
    Event, Inventory, InventorySettings, PolicySet, ResourceId, Trust, WorkloadEvent, WorkloadRecord,
};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

/// Refuses what is about workloads whose names begin so, for as long as it is to.
#[derive(Debug, Default)]
struct Picky {
    refuses: Mutex<Option<&'static str>>,
    records: MemoryRecords,
    told: Mutex<Vec<String>>,
}

impl Picky {
    fn refuses(&self, workload: &ResourceId) -> bool {
        self.refuses.lock().unwrap().is_some_and(|prefix| workload.name.starts_with(prefix))
    }
}

impl RecordStore for Picky {
    fn records(&self) -> Boxed<'_, Result<Vec<WorkloadRecord>, RecordError>> {
        self.records.records()
    }

    fn put<'a>(&'a self, record: &'a WorkloadRecord) -> Boxed<'a, Result<(), RecordError>> {
        match self.refuses(&record.workload) {
            true => {
                Box::pin(async { Err(RecordError { what: "a".to_owned(), problem: "too large".to_owned() }) })
            }
            false => self.records.put(record),
        }
    }

    fn remove<'a>(&'a self, workload: &'a ResourceId) -> Boxed<'a, Result<(), RecordError>> {
        self.records.remove(workload)
    }

    fn admit<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        self.records.admit(admission)
    }

    fn admissions(&self) -> Boxed<'_, Result<Vec<StoredAdmission>, RecordError>> {
        self.records.admissions()
    }

    fn taken<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        self.records.taken(admission)
    }
}

impl EventSink for Picky {
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Result<(), SinkError>> {
        let name = &event.workload.name;
        let is_refused = self.refuses(&event.workload);
        if !is_refused {
            self.told.lock().unwrap().push(format!("{name} {}", event.name()));
        }
        let error = || SinkError { sink: "picky".to_owned(), problem: "not this one".to_owned() };
        Box::pin(async move { if is_refused { Err(error()) } else { Ok(()) } })
    }
}

fn guard(name: &str) -> ResourceId {
    ResourceId {
        kind: "ValidatingWebhookConfiguration".to_owned(),
        name: name.to_owned(),
        ..ResourceId::default()
    }
}

async fn watch(records: Arc<dyn RecordStore>, sink: Arc<dyn EventSink>) -> Watch {
    watch_with(records, vec![sink]).await
}

async fn watch_with(records: Arc<dyn RecordStore>, sinks: Vec<Arc<dyn EventSink>>) -> Watch {
    let inventory =
        Inventory::new("c", InventorySettings::default(), Digest::sha256(b"p"), Digest::sha256(b"t"));
    let gate = Gate::new(PolicySet::default(), Trust::keys_only(), Repositories::new());
    let mut watch = Watch::start(inventory, gate, records, sinks).await.unwrap();
    for event in [WorkloadEvent::ListStarts, WorkloadEvent::ListEnds] {
        watch.inventory().apply(event, NOW).unwrap();
    }
    watch
}

/// More that are refused than are stored or delivered at a time, and one that is not.
const GUARDS: [&str; 13] = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "aa", "ab", "b"];

/// All guards are seen so.
fn seen(watch: &mut Watch, policy: &str) {
    for name in GUARDS {
        let fields = BTreeMap::from([("w/failurePolicy".to_owned(), policy.to_owned())]);
        watch.inventory().guard_seen(guard(name), Some(fields));
    }
}

/// Works until nothing is to be done, or what is refused was tried some times.
async fn work(watch: &mut Watch, now: UnixTime) -> Result<(), WatchError> {
    for _ in 0..5 {
        if watch.work(|| now).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    watch.work(|| now).await.map(drop)
}

async fn stored(records: &dyn RecordStore) -> Vec<String> {
    records.records().await.unwrap().into_iter().map(|record| record.workload.name).collect()
}

fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// What was told of the workloads whose names begin so.
fn told(sink: &Picky, prefix: &str) -> Vec<String> {
    let told = sink.told.lock().unwrap();
    told.iter().filter(|one| one.starts_with(prefix)).cloned().collect()
}

#[test]
fn a_record_that_is_refused_holds_its_own_events_alone() {
    let (records, sink) = (Arc::new(Picky::default()), Arc::new(Picky::default()));
    run(async {
        let mut watch = watch(records.clone(), sink.clone()).await;
        *records.refuses.lock().unwrap() = Some("a");
        seen(&mut watch, "Fail");
        work(&mut watch, NOW).await.unwrap_err();
        assert_eq!(stored(&*records).await, ["b"]);
        seen(&mut watch, "Ignore");
        let error = work(&mut watch, NOW).await.unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
        assert_eq!(*sink.told.lock().unwrap(), ["b drift.opened"], "what is told is stored before");
        *records.refuses.lock().unwrap() = None;
        work(&mut watch, NOW).await.unwrap();
        assert_eq!(told(&sink, "b"), ["b drift.opened"]);
        assert_eq!(told(&sink, "a").len(), GUARDS.len() - 1);
        assert_eq!(stored(&*records).await, GUARDS);
    });
}

#[test]
fn an_event_that_is_not_taken_holds_those_of_its_workload_alone_and_in_order() {
    let (records, sink) = (Arc::new(MemoryRecords::default()), Arc::new(Picky::default()));
    run(async {
        let mut watch = watch(records.clone(), sink.clone()).await;
        seen(&mut watch, "Fail");
        work(&mut watch, NOW).await.unwrap();
        *sink.refuses.lock().unwrap() = Some("a");
        seen(&mut watch, "Ignore");
        work(&mut watch, NOW).await.unwrap_err();
        seen(&mut watch, "Fail");
        let later = NOW.plus_millis(1);
        let error = work(&mut watch, later).await.unwrap_err();
        assert!(error.to_string().contains("not this one"), "{error}");
        assert_eq!(*sink.told.lock().unwrap(), ["b drift.opened", "b drift.resolved"]);
        // Another watch that starts now tells the rest, and nothing twice.
        *sink.refuses.lock().unwrap() = None;
        let mut next = self::watch(records.clone(), sink.clone()).await;
        seen(&mut next, "Fail");
        work(&mut next, later).await.unwrap();
        for name in GUARDS {
            assert_eq!(told(&sink, name), [format!("{name} drift.opened"), format!("{name} drift.resolved")]);
        }
    });
}

#[test]
fn a_sink_that_is_down_delays_no_other_and_gives_it_nothing_twice() {
    let (records, down, up) =
        (Arc::new(MemoryRecords::default()), Arc::new(Picky::default()), Arc::new(Picky::default()));
    run(async {
        let mut watch = watch_with(records.clone(), vec![up.clone(), down.clone()]).await;
        seen(&mut watch, "Fail");
        work(&mut watch, NOW).await.unwrap();
        *down.refuses.lock().unwrap() = Some("");
        seen(&mut watch, "Ignore");
        work(&mut watch, NOW).await.unwrap_err();
        assert_eq!((up.told.lock().unwrap().len(), down.told.lock().unwrap().len()), (GUARDS.len(), 0));
        *down.refuses.lock().unwrap() = None;
        tokio::time::sleep(Duration::from_secs(3)).await;
        work(&mut watch, NOW).await.unwrap();
        assert_eq!(
            (up.told.lock().unwrap().len(), down.told.lock().unwrap().len()),
            (GUARDS.len(), GUARDS.len())
        );
    });
}

//! Records in a folder, as several replicas write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

#[cfg(feature = "cluster")]
mod api_server;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use trust_core::Digest;
use trust_kube::{FolderRecords, MemoryRecords, RecordStore, StoredAdmission};
use trust_policy::{ResourceId, WorkloadRecord};

fn workload(name: &str) -> ResourceId {
    ResourceId { kind: "Pod".to_owned(), name: name.to_owned(), ..ResourceId::default() }
}

fn admission(name: &str, time: &str) -> StoredAdmission {
    let digest = Digest::sha256(b"x");
    let admission = json!({"images": [{"container": "c", "image": "i"}], "passed": ["p/r"], "policies": digest, "trust": digest,
        "time": time});
    StoredAdmission { workload: workload(name), admission: serde_json::from_value(admission).unwrap() }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn every_store_keeps_what_it_was_given_until_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut stores: Vec<Arc<dyn RecordStore>> =
        vec![Arc::new(MemoryRecords::default()), Arc::new(FolderRecords::open(folder.path()).unwrap())];
    run(async {
        // What speaks to an API server lives as long as the runtime.
        #[cfg(feature = "cluster")]
        stores.push(Arc::new(trust_kube::ClusterRecords::new(
            api_server::ApiServer::default().client(),
            "trust-system",
        )));
        for store in stores.drain(..) {
            let (first, again) =
                (admission("a", "2026-11-18T00:00:00Z"), admission("a", "2026-11-19T00:00:00Z"));
            store.admit(&first).await.unwrap();
            store.admit(&admission("b", "2026-11-18T00:00:00Z")).await.unwrap();
            assert_eq!(store.admissions().await.unwrap().len(), 2);
            // The same again is one; and what was admitted again meanwhile is not taken.
            store.admit(&again).await.unwrap();
            assert_eq!(store.admissions().await.unwrap().len(), 2);
            store.taken(&first).await.unwrap();
            assert!(store.admissions().await.unwrap().contains(&again));
            store.taken(&again).await.unwrap();
            store.taken(&again).await.unwrap();
            assert_eq!(store.admissions().await.unwrap(), [admission("b", "2026-11-18T00:00:00Z")]);

            let record = WorkloadRecord::new(workload("a"));
            store.put(&record).await.unwrap();
            store.put(&record).await.unwrap();
            assert_eq!(store.records().await.unwrap(), [record]);
            store.remove(&workload("a")).await.unwrap();
            store.remove(&workload("a")).await.unwrap();
            assert_eq!(store.records().await.unwrap(), []);
        }
    });
}

#[test]
fn replicas_do_not_write_into_each_others_files() {
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let write = |index: usize| {
            let store = FolderRecords::open(folder.path()).unwrap();
            // All of them write the same file.
            let one = admission("a", &format!("2026-11-18T00:00:{:02}Z", index % 60));
            tokio::spawn(async move {
                for _ in 0..20 {
                    store.admit(&one).await.unwrap();
                }
            })
        };
        for writing in (0..16).map(write).collect::<Vec<_>>() {
            writing.await.unwrap();
        }
        let store = FolderRecords::open(folder.path()).unwrap();
        assert_eq!(store.admissions().await.unwrap().len(), 1);
    });
    assert_eq!(files(&folder.path().join("admissions")), 1, "nothing is left beside it");
}

#[test]
fn a_broken_admission_hides_no_other_and_a_broken_record_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderRecords::open(folder.path()).unwrap();
    run(async {
        store.admit(&admission("a", "2026-11-18T00:00:00Z")).await.unwrap();
        std::fs::write(folder.path().join("admissions/torn.json"), "{").unwrap();
        assert_eq!(store.admissions().await.unwrap().len(), 1);
        std::fs::write(folder.path().join("records/torn.json"), "{").unwrap();
        let error = store.records().await.unwrap_err();
        assert!(error.to_string().contains("torn.json"), "{error}");
    });
}

#[cfg(feature = "cluster")]
#[test]
fn a_report_is_written_once_and_keeps_no_record_from_being_stored() {
    use trust_kube::Reported;
    use trust_policy::ReportKind;

    run(async {
        let server = api_server::ApiServer::default();
        let records = Arc::new(MemoryRecords::default());
        let reported = Reported::new(records.clone(), server.client(), ReportKind::PolicyReport);
        let of = |name: &str| {
            let workload = ResourceId { namespace: "shop".to_owned(), ..workload(name) };
            WorkloadRecord::new(workload)
        };
        reported.put(&of("a")).await.unwrap();
        assert_eq!(server.writes(), 1);
        reported.put(&of("a")).await.unwrap();
        assert_eq!(server.writes(), 1, "it is as it was");
        server.set_status(Some(422));
        reported.put(&of("b")).await.unwrap();
        assert_eq!(records.records().await.unwrap().len(), 2);
        server.set_status(Some(503));
        reported.put(&of("c")).await.unwrap_err();
        assert_eq!(
            records.records().await.unwrap().len(),
            3,
            "the record is stored, and the report is tried again"
        );
        server.set_status(None);
        for name in ["b", "c"] {
            reported.put(&of(name)).await.unwrap();
        }
        assert_eq!((server.writes(), server.objects()), (3, 3));
        reported.remove(&of("a").workload).await.unwrap();
        assert_eq!((records.records().await.unwrap().len(), server.objects()), (2, 2));
    });
}

//! [`ClusterRecords`]: records as objects of the API server; [`Reported`]: records that are reports, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trust_core::Digest;
use trust_gate::Boxed;
use trust_policy::{FindingState, ReportKind, ResourceId, WorkloadRecord};

use crate::api::{ApiServer, ClusterError, Kind, Objects, id_of};
use crate::record_store::{RecordError, RecordStore, StoredAdmission, key_of};

/// Records as objects of the API server: a `WorkloadRecord` of each workload, and a `WorkloadAdmission` of each admission that was not
/// taken yet, both of `trust.dev/v1alpha1` and in one namespace. [`custom_resources`](crate::custom_resources) defines them. What they
/// hold is believed: let no other program write them.
#[derive(Clone, Debug)]
pub struct ClusterRecords {
    records: Objects,
    admissions: Objects,
}

impl ClusterRecords {
    /// Those of this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: &str) -> Self {
        let server = ApiServer(client);
        Self {
            records: Kind::RECORD.within(&server, namespace),
            admissions: Kind::ADMISSION.within(&server, namespace),
        }
    }
}

fn failed(error: ClusterError) -> RecordError {
    let ClusterError { what, problem, .. } = error;
    RecordError { what, problem }
}

/// An object that says whose record it is, and holds the record as text: the server keeps a list of all fields of an object, which would
/// be longer than the record.
fn object(
    kind: Kind,
    name: &str,
    workload: &ResourceId,
    content: &impl Serialize,
) -> Result<Value, RecordError> {
    let failed =
        |error: serde_json::Error| RecordError { what: workload.to_string(), problem: error.to_string() };
    let content = serde_json::to_string(content).map_err(failed)?;
    Ok(json!({
        "apiVersion": kind.api_version(),
        "kind": kind.kind,
        "metadata": {"name": name},
        "spec": {"workload": workload, "content": content},
    }))
}

fn read<T: DeserializeOwned>(object: &Value) -> Result<T, RecordError> {
    let what = || id_of(object).to_string();
    let content = object.pointer("/spec/content").and_then(Value::as_str);
    let content =
        content.ok_or_else(|| RecordError { what: what(), problem: "it has no content".to_owned() })?;
    serde_json::from_str(content).map_err(|error| RecordError { what: what(), problem: error.to_string() })
}

impl RecordStore for ClusterRecords {
    fn records(&self) -> Boxed<'_, Result<Vec<WorkloadRecord>, RecordError>> {
        Box::pin(async { self.records.list().await.map_err(failed)?.iter().map(read).collect() })
    }

    fn put<'a>(&'a self, record: &'a WorkloadRecord) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async {
            let name = key_of(&record.workload);
            let mut object = object(Kind::RECORD, &name, &record.workload, record)?;
            let open = record.findings.iter().filter(|one| one.state == FindingState::Open);
            if let Some(Value::Object(spec)) = object.get_mut("spec") {
                spec.insert("open".to_owned(), open.map(|one| one.kind.to_string()).collect());
            }
            self.records.apply(&name, &object).await.map_err(failed)
        })
    }

    fn remove<'a>(&'a self, workload: &'a ResourceId) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async { self.records.delete(&key_of(workload), None).await.map_err(failed) })
    }

    fn admit<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async {
            let name = admission.key();
            let object = object(Kind::ADMISSION, &name, &admission.workload, &admission.admission)?;
            self.admissions.apply(&name, &object).await.map_err(failed)
        })
    }

    fn admissions(&self) -> Boxed<'_, Result<Vec<StoredAdmission>, RecordError>> {
        Box::pin(async {
            let objects = self.admissions.list().await.map_err(failed)?;
            Ok(objects
                .iter()
                .filter_map(|object| {
                    // One that cannot be read keeps no other from being taken: what it admitted is then found to be on no record.
                    read_admission(object)
                        .inspect_err(|error| tracing::error!(%error, "an admission cannot be read"))
                        .ok()
                })
                .collect())
        })
    }

    fn taken<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async {
            let name = admission.key();
            let Some(object) = self.admissions.get(&name).await.map_err(failed)? else { return Ok(()) };
            // One that was admitted again since stays.
            if read_admission(&object).is_ok_and(|one| one != *admission) {
                return Ok(());
            }
            let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            self.admissions.delete(&name, version.map(str::to_owned)).await.map_err(failed)
        })
    }
}

fn read_admission(object: &Value) -> Result<StoredAdmission, RecordError> {
    let workload = serde_json::from_value(object.pointer("/spec/workload").cloned().unwrap_or_default());
    let workload = workload
        .map_err(|error| RecordError { what: id_of(object).to_string(), problem: error.to_string() })?;
    Ok(StoredAdmission { workload, admission: read(object)? })
}

/// Records that are reports, too: each workload's, in the workload's own namespace, as `PolicyReport` or as OpenReports' `Report`. A report
/// that is as it was is not written, and one that the server refuses keeps no record from being stored.
#[derive(Debug)]
pub struct Reported {
    records: Arc<dyn RecordStore>,
    server: ApiServer,
    kind: ReportKind,
    /// What was written of each.
    written: Mutex<BTreeMap<ResourceId, Digest>>,
}

impl Reported {
    /// Stores records there, and reports on them.
    #[must_use]
    pub fn new(records: Arc<dyn RecordStore>, client: Client, kind: ReportKind) -> Self {
        Self { records, server: ApiServer(client), kind, written: Mutex::default() }
    }

    async fn report(&self, record: &WorkloadRecord) -> Result<(), ClusterError> {
        let report = record.to_report(self.kind);
        let digest = Digest::sha256(report.to_string().as_bytes());
        let written = || self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written().get(&record.workload) == Some(&digest) {
            return Ok(());
        }
        let id = id_of(&report);
        self.objects(&id).apply(&id.name, &report).await?;
        written().insert(record.workload.clone(), digest);
        Ok(())
    }

    async fn forget(&self, workload: &ResourceId) -> Result<(), ClusterError> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(workload);
        let id = id_of(&WorkloadRecord::new(workload.clone()).to_report(self.kind));
        self.objects(&id).delete(&id.name, None).await
    }

    fn objects(&self, report: &ResourceId) -> Objects {
        let kind = match (self.kind, report.namespace.is_empty()) {
            (ReportKind::OpenReport, false) => Kind::REPORT,
            (ReportKind::OpenReport, true) => Kind::CLUSTER_REPORT,
            (_, false) => Kind::POLICY_REPORT,
            (_, true) => Kind::CLUSTER_POLICY_REPORT,
        };
        kind.within(&self.server, &report.namespace)
    }
}

/// What the server refuses, as in a namespace that is going away, it will refuse again.
fn unless_refused(reported: Result<(), ClusterError>) -> Result<(), RecordError> {
    match reported {
        Err(error) if error.is_final() => {
            tracing::warn!(%error, "a report is not written");
            Ok(())
        }
        other => other.map_err(failed),
    }
}

impl RecordStore for Reported {
    fn records(&self) -> Boxed<'_, Result<Vec<WorkloadRecord>, RecordError>> {
        self.records.records()
    }

    fn put<'a>(&'a self, record: &'a WorkloadRecord) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async {
            self.records.put(record).await?;
            unless_refused(self.report(record).await)
        })
    }

    fn remove<'a>(&'a self, workload: &'a ResourceId) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async {
            unless_refused(self.forget(workload).await)?;
            self.records.remove(workload).await
        })
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

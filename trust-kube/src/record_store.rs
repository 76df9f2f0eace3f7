//! [`RecordStore`]: where records outlive a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use trust_core::Digest;
use trust_gate::internal::write_whole;
use trust_gate::{Boxed, StoreError};
use trust_policy::{Admission, ResourceId, WorkloadRecord};

/// Where records outlive a restart.
///
/// Two kinds of writers use it, so that neither overwrites the other: webhooks add admissions, of which there may be several at a
/// time; the one watch that is active takes them, and writes whole records. What it holds is believed: let nothing else write there.
pub trait RecordStore: core::fmt::Debug + Send + Sync {
    /// Every record.
    ///
    /// # Errors
    /// If one cannot be read: a watch that starts with less than there is forgets what was admitted.
    fn records(&self) -> Boxed<'_, Result<Vec<WorkloadRecord>, RecordError>>;

    /// Stores a record in place of what was there for its workload.
    ///
    /// # Errors
    /// If it is not stored.
    fn put<'a>(&'a self, record: &'a WorkloadRecord) -> Boxed<'a, Result<(), RecordError>>;

    /// Forgets a workload.
    ///
    /// # Errors
    /// If it is not forgotten.
    fn remove<'a>(&'a self, workload: &'a ResourceId) -> Boxed<'a, Result<(), RecordError>>;

    /// Adds an admission; the same one twice is one.
    ///
    /// # Errors
    /// If it is not stored.
    fn admit<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>>;

    /// Admissions that were not [taken](Self::taken) yet.
    ///
    /// # Errors
    /// If one cannot be read.
    fn admissions(&self) -> Boxed<'_, Result<Vec<StoredAdmission>, RecordError>>;

    /// An admission stands in a record now.
    ///
    /// # Errors
    /// If it is not forgotten.
    fn taken<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>>;
}

/// An admission, and of which workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAdmission {
    /// The workload.
    pub workload: ResourceId,
    /// The admission.
    pub admission: Admission,
}

impl StoredAdmission {
    /// What is the same but for the time has the same key.
    pub(crate) fn key(&self) -> String {
        let mut timeless = self.admission.clone();
        timeless.time = trust_core::UnixTime::from_seconds(0);
        key_of(&(&self.workload, timeless))
    }
}

/// A record cannot be stored or read.
#[derive(Debug, Error)]
#[error("record {what}: {problem}")]
pub struct RecordError {
    /// Which.
    pub what: String,
    /// What is wrong.
    pub problem: String,
}

pub(crate) fn key_of(value: &impl Serialize) -> String {
    Digest::sha256(serde_json::to_string(value).unwrap_or_default().as_bytes()).to_hex()
}

/// Records that end with the program: for tests, and for embedders that keep them elsewhere.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    records: Mutex<BTreeMap<ResourceId, WorkloadRecord>>,
    admissions: Mutex<BTreeMap<String, StoredAdmission>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RecordStore for MemoryRecords {
    fn records(&self) -> Boxed<'_, Result<Vec<WorkloadRecord>, RecordError>> {
        let records = locked(&self.records).values().cloned().collect();
        Box::pin(async { Ok(records) })
    }

    fn put<'a>(&'a self, record: &'a WorkloadRecord) -> Boxed<'a, Result<(), RecordError>> {
        locked(&self.records).insert(record.workload.clone(), record.clone());
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, workload: &'a ResourceId) -> Boxed<'a, Result<(), RecordError>> {
        locked(&self.records).remove(workload);
        Box::pin(async { Ok(()) })
    }

    fn admit<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        locked(&self.admissions).insert(admission.key(), admission.clone());
        Box::pin(async { Ok(()) })
    }

    fn admissions(&self) -> Boxed<'_, Result<Vec<StoredAdmission>, RecordError>> {
        let admissions = locked(&self.admissions).values().cloned().collect();
        Box::pin(async { Ok(admissions) })
    }

    fn taken<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        let mut admissions = locked(&self.admissions);
        // One that was admitted again since stays.
        if admissions.get(&admission.key()) == Some(admission) {
            admissions.remove(&admission.key());
        }
        Box::pin(async { Ok(()) })
    }
}

/// Records in a folder: one file for each workload, and one for each admission that was not taken yet. Each is written whole or not at
/// all.
#[derive(Debug)]
pub struct FolderRecords {
    folder: PathBuf,
}

const RECORDS: &str = "records";
const ADMISSIONS: &str = "admissions";

impl FolderRecords {
    /// The records in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, RecordError> {
        let folder = folder.into();
        for inner in [RECORDS, ADMISSIONS] {
            let path = folder.join(inner);
            std::fs::create_dir_all(&path).map_err(|error| failed(&path, &error))?;
        }
        Ok(Self { folder })
    }

    fn file(&self, folder: &str, key: &str) -> PathBuf {
        self.folder.join(folder).join(format!("{key}.json"))
    }

    fn write(path: &Path, value: &impl Serialize) -> Result<(), RecordError> {
        let text = serde_json::to_vec(value).map_err(|error| failed(path, &error))?;
        write_whole(path, &text).map_err(|error| match error {
            StoreError::Unwritable { what, problem } => RecordError { what, problem },
            other => failed(path, &other),
        })
    }

    /// Each file that is there; one that is gone when it is read was taken meanwhile.
    fn read_all<T: for<'de> Deserialize<'de>>(
        &self,
        folder: &str,
    ) -> Result<Vec<Result<T, RecordError>>, RecordError> {
        let path = self.folder.join(folder);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(|error| failed(&path, &error))? {
            let file = entry.map_err(|error| failed(&path, &error))?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                files.push(file);
            }
        }
        files.sort();
        let read = |file: PathBuf| match std::fs::read(&file) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|error| failed(&file, &error))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(failed(&file, &error))),
        };
        Ok(files.into_iter().filter_map(read).collect())
    }

    fn delete(path: &Path) -> Result<(), RecordError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, &error)),
            _ => Ok(()),
        }
    }
}

fn failed(path: &Path, problem: &dyn core::fmt::Display) -> RecordError {
    RecordError { what: path.display().to_string(), problem: problem.to_string() }
}

impl RecordStore for FolderRecords {
    fn records(&self) -> Boxed<'_, Result<Vec<WorkloadRecord>, RecordError>> {
        Box::pin(async { self.read_all(RECORDS)?.into_iter().collect() })
    }

    fn put<'a>(&'a self, record: &'a WorkloadRecord) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async { Self::write(&self.file(RECORDS, &key_of(&record.workload)), record) })
    }

    fn remove<'a>(&'a self, workload: &'a ResourceId) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async { Self::delete(&self.file(RECORDS, &key_of(workload))) })
    }

    fn admit<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async { Self::write(&self.file(ADMISSIONS, &admission.key()), admission) })
    }

    fn admissions(&self) -> Boxed<'_, Result<Vec<StoredAdmission>, RecordError>> {
        // One that cannot be read keeps no other from being taken: what it admitted is then found to be on no record.
        let readable = |one: Result<StoredAdmission, RecordError>| {
            one.inspect_err(|error| tracing::error!(%error, "an admission cannot be read")).ok()
        };
        Box::pin(async move { Ok(self.read_all(ADMISSIONS)?.into_iter().filter_map(readable).collect()) })
    }

    fn taken<'a>(&'a self, admission: &'a StoredAdmission) -> Boxed<'a, Result<(), RecordError>> {
        Box::pin(async {
            let file = self.file(ADMISSIONS, &admission.key());
            // One that was admitted again since stays.
            let is_same = std::fs::read(&file).ok().is_none_or(|bytes| {
                serde_json::from_slice::<StoredAdmission>(&bytes).ok().is_none_or(|one| one == *admission)
            });
            if is_same { Self::delete(&file) } else { Ok(()) }
        })
    }
}

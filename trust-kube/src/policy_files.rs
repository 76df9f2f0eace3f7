//! [`PolicyFiles`]: policies in a folder, read again when they change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use trust_core::{Digest, Reasons};
use trust_policy::PolicySet;

/// How often the folder is looked at. What is in it is compared: Kubernetes replaces the folder behind a mounted ConfigMap.
const PERIOD: Duration = Duration::from_secs(2);

/// The policies in a folder, such as a mounted ConfigMap: every file whose name ends in `.yaml`, `.yml` or `.json`, in the order of names.
/// A set that cannot be read does not replace one that can: the gate never opens by a mistake.
#[derive(Debug)]
pub struct PolicyFiles {
    folder: PathBuf,
    set: PolicySet,
    digest: Digest,
    /// What was refused last, so that it is said once.
    refused: Option<Digest>,
    /// What was seen the last time, if it is new.
    seen: Option<Digest>,
}

/// Policies cannot be read. Those that were read before are still used.
#[derive(Debug, Error)]
#[error("{path}: {problem}")]
pub struct PolicyFilesError {
    /// Which file or folder.
    pub path: String,
    /// What is wrong, one line for each problem.
    pub problem: String,
}

impl PolicyFiles {
    /// Reads the policies.
    ///
    /// # Errors
    /// If one cannot be read, or there is none.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, PolicyFilesError> {
        let folder = folder.into();
        let (texts, digest) = read(&folder)?;
        Ok(Self { set: parse(&texts)?, folder, digest, refused: None, seen: None })
    }

    /// The policies that were read last.
    #[must_use]
    pub fn policies(&self) -> &PolicySet {
        &self.set
    }

    /// What identifies them: a hash of names and texts.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Reads them again. Whether others are used now: those that were read the same twice in a row.
    ///
    /// # Errors
    /// If they cannot be used, once for each set that cannot: the policies stay as they were.
    pub fn refresh(&mut self) -> Result<bool, PolicyFilesError> {
        let (texts, digest) = read(&self.folder)?;
        if digest == self.digest || self.refused.as_ref() == Some(&digest) {
            self.seen = None;
            return Ok(false);
        }
        // A folder that is being changed may be read half old and half new: what is seen twice is whole.
        if self.seen.replace(digest.clone()) != Some(digest.clone()) {
            return Ok(false);
        }
        match parse(&texts) {
            Ok(set) => {
                (self.set, self.digest, self.refused) = (set, digest, None);
                Ok(true)
            }
            Err(error) => {
                self.refused = Some(digest);
                Err(error)
            }
        }
    }

    /// Reads them again every two seconds, for ever, and says what changed. A mistake is logged.
    pub async fn keep_fresh(mut self, changed: impl Fn(&PolicySet, &Digest)) {
        loop {
            tokio::time::sleep(PERIOD).await;
            match self.refresh() {
                Ok(true) => changed(&self.set, &self.digest),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the policies stay as they were"),
            }
        }
    }
}

fn failed(path: &Path, problem: impl ToString) -> PolicyFilesError {
    PolicyFilesError { path: path.display().to_string(), problem: problem.to_string() }
}

/// Names and texts, and a hash of all. Kubernetes keeps a ConfigMap's files behind links whose names begin with two dots.
fn read(folder: &Path) -> Result<(Vec<(PathBuf, String)>, Digest), PolicyFilesError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        let is_policy = path.extension().is_some_and(|one| one == "yaml" || one == "yml" || one == "json");
        if is_policy && !path.is_dir() {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            files.push((path, text));
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(failed(folder, "found no policy, expected files that end in .yaml, .yml or .json"));
    }
    let mut all = Vec::new();
    for (path, text) in &files {
        let name = path.file_name().unwrap_or_default();
        for part in [name.as_encoded_bytes(), text.as_bytes()] {
            all.extend((part.len() as u64).to_le_bytes());
            all.extend(part);
        }
    }
    let digest = Digest::sha256(&all);
    Ok((files, digest))
}

fn parse(files: &[(PathBuf, String)]) -> Result<PolicySet, PolicyFilesError> {
    let mut set = PolicySet::default();
    for (path, text) in files {
        let read = PolicySet::from_yaml(text).map_err(|_| {
            let errors = PolicySet::errors_in(text);
            failed(path, errors.iter().map(|error| Reasons(error).to_string()).collect::<Vec<_>>().join("\n"))
        });
        set.extend(read?);
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: NAME}, spec: {rules: [{name: r, match: {any: [\
        {resources: {kinds: [Pod]}}]}, validate: {pattern: {spec: {hostNetwork: false}}}}]}}";

    #[test]
    fn a_mistake_changes_nothing_and_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let error = PolicyFiles::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("found no policy"), "{error}");
        write("a.yaml", &POLICY.replace("NAME", "first"));
        write("note.txt", "no policy");
        let mut files = PolicyFiles::open(folder.path()).unwrap();
        let first = files.digest().clone();
        assert!(!files.refresh().unwrap());
        write("b.yaml", "kind: ClusterPolicy\nspec: {rules: 5}\n");
        assert!(!files.refresh().unwrap(), "it may be half written");
        let error = files.refresh().unwrap_err();
        assert!(error.path.ends_with("b.yaml"), "{error}");
        assert!(!files.refresh().unwrap(), "it is said once");
        assert_eq!((files.policies().policies().len(), files.digest()), (1, &first));
        write("b.yaml", &POLICY.replace("NAME", "second"));
        assert!(!files.refresh().unwrap());
        assert!(files.refresh().unwrap());
        assert_eq!(files.policies().policies().len(), 2);
        assert_ne!(files.digest(), &first);
        // A folder that is empty for a moment is no set without policies.
        std::fs::remove_file(folder.path().join("a.yaml")).unwrap();
        std::fs::remove_file(folder.path().join("b.yaml")).unwrap();
        files.refresh().unwrap_err();
        assert_eq!(files.policies().policies().len(), 2);
    }
}

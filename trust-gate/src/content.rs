//! [`Content`]: manifests and blobs by digest, in memory and in a folder.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use moka::future::Cache;
use trust_core::Digest;

use crate::folder;
use crate::oci_layout::{MARKER, blob_path};
use crate::store::StoreError;

/// Bytes that are kept in memory unless it is said otherwise.
const DEFAULT_MEMORY: u64 = 128 << 20;
/// The longest content that is kept: an attestation of tens of megabytes is rarer than the hundred that it would displace.
const MAX_LEN: u64 = 32 << 20;

/// Manifests and blobs by digest, in memory, and in a folder if one is given. What is kept was hashed; what is read from the
/// folder is hashed again, for others may write there.
#[derive(Debug)]
pub struct Content {
    memory: Cache<Digest, Arc<[u8]>>,
    folder: Option<Folder>,
}

/// A folder that is itself an OCI layout.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    max_len: u64,
    /// Bytes that are in it, as far as is known.
    len: AtomicU64,
}

impl Default for Content {
    fn default() -> Self {
        Self::in_memory(DEFAULT_MEMORY)
    }
}

impl Content {
    /// Keeps so many bytes in memory.
    #[must_use]
    pub fn in_memory(bytes: u64) -> Self {
        let weigher =
            |_: &Digest, content: &Arc<[u8]>| u32::try_from(content.len() + 200).unwrap_or(u32::MAX);
        Self { memory: Cache::builder().max_capacity(bytes).weigher(weigher).build(), folder: None }
    }

    /// Keeps content in a folder, too, up to so many bytes; the oldest goes first.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn and_in_folder(mut self, path: impl Into<PathBuf>, bytes: u64) -> Result<Self, StoreError> {
        let path = path.into();
        let empty: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;
        for (name, content) in [("oci-layout", MARKER), ("index.json", empty)] {
            if !path.join(name).exists() {
                folder::write_whole(&path.join(name), content)?;
            }
        }
        let folder = Folder { path, max_len: bytes, len: AtomicU64::new(0) };
        folder.len.store(folder.entries().iter().map(|(_, len, _)| len).sum(), Ordering::Relaxed);
        folder.make_room();
        self.folder = Some(folder);
        Ok(self)
    }

    /// What is kept under this digest.
    pub(crate) async fn get(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        if let Some(content) = self.memory.get(digest).await {
            return Some(content);
        }
        let content: Arc<[u8]> = self.folder.as_ref()?.read(digest)?.into();
        self.memory.insert(digest.clone(), content.clone()).await;
        Some(content)
    }

    /// Keeps content, if it is what its digest says.
    pub(crate) async fn put(&self, digest: &Digest, content: &[u8]) {
        if digest.check(content).is_err() || content.len() as u64 > MAX_LEN {
            return;
        }
        self.memory.insert(digest.clone(), content.into()).await;
        if let Some(folder) = &self.folder {
            folder.write(digest, content);
        }
    }
}

impl Folder {
    /// What is there and is what its name says; else it is as if it were not there.
    fn read(&self, digest: &Digest) -> Option<Vec<u8>> {
        let content = folder::read_bounded(&blob_path(&self.path, digest), MAX_LEN).ok().flatten()?;
        digest.check(&content).is_ok().then_some(content)
    }

    /// Keeps it if that is possible: a full disk is no reason not to judge.
    fn write(&self, digest: &Digest, content: &[u8]) {
        if folder::write_whole(&blob_path(&self.path, digest), content).is_ok() {
            let len = content.len() as u64;
            if self.len.fetch_add(len, Ordering::Relaxed) + len > self.max_len {
                self.make_room();
            }
        }
    }

    /// All files, with their lengths, the oldest first.
    fn entries(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let folders = fs::read_dir(self.path.join("blobs")).into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        let mut entries: Vec<_> = files
            .filter_map(|file| {
                let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, metadata.len(), file.path()))
            })
            .collect();
        entries.sort();
        entries
    }

    /// Removes the oldest, until a tenth is free.
    fn make_room(&self) {
        let entries = self.entries();
        let mut len: u64 = entries.iter().map(|(_, len, _)| len).sum();
        if len > self.max_len {
            for (_, size, path) in entries {
                if len <= self.max_len / 10 * 9 {
                    break;
                }
                if fs::remove_file(path).is_ok() {
                    len -= size;
                }
            }
        }
        self.len.store(len, Ordering::Relaxed);
    }
}

//! [`OciLayoutWriter`]: images with what is attached to them, written into a folder for a judge without network.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use trust_core::internal::json as strict_json;
use trust_core::{Digest, HashAlgorithm, ImageRef};
use trust_policy::FetchFailure;

use crate::collect;
use crate::deadline::{Boxed, Deadline};
use crate::discovery::{Discovery, Limits};
use crate::folder;
use crate::manifest::{self, Manifest};
use crate::oci_layout::{MARKER, OciLayout, REF_NAME, blob_path};
use crate::store::{EvidenceStore, Found, Item, MAX_MANIFEST_LEN, StoreError, Want};

/// Writes an OCI layout that has everything by which images are judged: their manifests and configurations, signatures and
/// attestations, but not their layers. [`OciLayout`] reads it.
#[derive(Debug)]
pub struct OciLayoutWriter {
    folder: PathBuf,
    /// The entries of the index, by name and digest.
    entries: Mutex<BTreeMap<(String, Digest), Value>>,
}

/// An image cannot be copied whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Something of it could not be fetched.
    #[error("it cannot be fetched whole")]
    Fetch(#[from] FetchFailure),
    /// It cannot be written.
    #[error("it cannot be written")]
    Write(#[from] StoreError),
}

impl OciLayoutWriter {
    /// Opens a layout, or begins one.
    ///
    /// # Errors
    /// If the folder holds something else, or cannot be written.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        let mut entries = BTreeMap::new();
        if folder.join("index.json").exists() {
            OciLayout::open(&folder)?;
            let bytes =
                folder::read_bounded(&folder.join("index.json"), MAX_MANIFEST_LEN)?.unwrap_or_default();
            let index: Value = strict_json::from_slice(&bytes).unwrap_or_default();
            for entry in index.pointer("/manifests").and_then(Value::as_array).into_iter().flatten() {
                let name = entry.pointer("/annotations").and_then(|all| all.get(REF_NAME)?.as_str());
                if let Some(digest) =
                    entry.pointer("/digest").and_then(|digest| digest.as_str()?.parse().ok())
                {
                    entries.insert((name.unwrap_or_default().to_owned(), digest), entry.clone());
                }
            }
        }
        let writer = Self { folder, entries: Mutex::new(entries) };
        folder::write_whole(&writer.folder.join("oci-layout"), MARKER)?;
        writer.write_index()?;
        Ok(writer)
    }

    /// Copies an image with what is attached to it, and returns its digest.
    ///
    /// # Errors
    /// If anything of it cannot be fetched, or written: then it is not in the index.
    pub async fn copy(
        &self,
        store: &dyn EvidenceStore,
        image: &ImageRef,
        limits: &Limits,
        until: Deadline,
    ) -> Result<Digest, CopyError> {
        let recorder = Recorder { store, writer: self, seen: Mutex::default() };
        let mut discoveries = [Discovery::new(image.clone(), limits).with_documents()];
        collect::drive(&mut discoveries, &recorder, limits, &mut 0, until).await;
        let [discovery] = discoveries;
        let found = discovery.finish().image;
        let digest = found.digest?;
        if let Some(failure) = found.failures.into_iter().next() {
            return Err(failure.into());
        }
        let name = image.tag().map(|tag| format!("{}:{tag}", image.name())).unwrap_or_default();
        let seen = recorder.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for Seen { tag, bytes_len, digest: of, media_type, is_referrer } in seen {
            // Of tags only those that name a digest are the same in every repository.
            let tag =
                tag.filter(|tag| HashAlgorithm::ALL.iter().any(|one| tag.starts_with(&format!("{one}-"))));
            let name = if of == digest { name.clone() } else { tag.unwrap_or_default() };
            if of == digest || is_referrer || !name.is_empty() {
                let mut entry = json!({"mediaType": media_type, "digest": of.to_string(), "size": bytes_len});
                if let (false, Some(entry)) = (name.is_empty(), entry.as_object_mut()) {
                    entry.insert("annotations".to_owned(), json!({ REF_NAME: name }));
                }
                // A name stands for one thing, and for what it stands for now.
                entries.retain(|(known, _), _| name.is_empty() || *known != name);
                entries.insert((name, of), entry);
            }
        }
        drop(entries);
        self.write_index()?;
        Ok(digest)
    }

    fn write_index(&self) -> Result<(), StoreError> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries.values().collect::<Vec<_>>()});
        folder::write_whole(&self.folder.join("index.json"), index.to_string().as_bytes())
    }

    fn write_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        manifest::check_digest(digest, bytes, &format!("blob {digest}"))?;
        folder::write_whole(&blob_path(&self.folder, digest), bytes)
    }
}

/// A store of which everything that it answers is written down.
#[derive(Debug)]
struct Recorder<'a> {
    store: &'a dyn EvidenceStore,
    writer: &'a OciLayoutWriter,
    seen: Mutex<Vec<Seen>>,
}

/// A manifest that was answered.
#[derive(Debug)]
struct Seen {
    tag: Option<String>,
    bytes_len: usize,
    digest: Digest,
    media_type: &'static str,
    is_referrer: bool,
}

impl Recorder<'_> {
    fn record(&self, item: &Item, bytes: &[u8]) -> Result<(), StoreError> {
        let (tag, digest) = match item {
            Item::Tag(tag) => (Some(tag.clone()), Digest::sha256(bytes)),
            Item::Manifest(digest) | Item::Blob { digest, .. } => (None, digest.clone()),
            Item::Image | Item::Referrers(_) => return Ok(()),
        };
        self.writer.write_blob(&digest, bytes)?;
        if matches!(item, Item::Blob { .. }) {
            return Ok(());
        }
        let manifest = Manifest::parse(bytes, &format!("manifest {digest}"))?;
        let media_type = match &manifest {
            Manifest::Image(_) => "application/vnd.oci.image.manifest.v1+json",
            Manifest::Index(_) => "application/vnd.oci.image.index.v1+json",
        };
        let is_referrer = manifest.subject()?.is_some();
        let seen = Seen { tag, bytes_len: bytes.len(), digest, media_type, is_referrer };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        Ok(())
    }
}

impl EvidenceStore for Recorder<'_> {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            let found = self.store.fetch(want, until).await?;
            if let Found::Bytes(bytes) = &found {
                self.record(&want.item, bytes)?;
            }
            Ok(found)
        })
    }
}

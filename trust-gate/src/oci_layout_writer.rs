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
    /// Whose turn it is in this process; others wait at a lock on a file.
    turn: Mutex<()>,
}

/// The entries of an index, by name and digest.
type Entries = BTreeMap<(String, Digest), Value>;

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
        let writer = Self { folder: folder.into(), turn: Mutex::default() };
        if writer.folder.join("index.json").exists() {
            OciLayout::open(&writer.folder)?;
        }
        folder::write_whole(&writer.folder.join("oci-layout"), MARKER)?;
        writer.change(|_| Ok(()))?;
        Ok(writer)
    }

    /// Changes the index while no other writer can.
    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let _ours = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = self.folder.join("index.json.lock");
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            what: lock.display().to_string(),
            problem: error.to_string(),
        };
        let file = std::fs::File::options().create(true).append(true).open(&lock).map_err(unavailable)?;
        file.lock().map_err(unavailable)?;
        let mut entries = self.read_index()?;
        let changed = change(&mut entries)?;
        let index = json!({"schemaVersion": 2, "mediaType": manifest::INDEX,
            "manifests": entries.values().collect::<Vec<_>>()});
        folder::write_whole(&self.folder.join("index.json"), index.to_string().as_bytes())?;
        Ok(changed)
    }

    /// The entries as they are now; none, where a layout begins. What cannot be read is not written over.
    fn read_index(&self) -> Result<Entries, StoreError> {
        let file = self.folder.join("index.json");
        let malformed = |problem: String| StoreError::Malformed { what: file.display().to_string(), problem };
        let Some(bytes) = folder::read_bounded(&file, MAX_MANIFEST_LEN)? else { return Ok(Entries::new()) };
        let index: Value = strict_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        let listed = index.get("manifests").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| malformed("expected `manifests`".to_owned()))?;
        let entry = |entry: &Value| {
            let name = entry.get("annotations").and_then(|all| all.get(REF_NAME)?.as_str());
            let digest = entry.get("digest").and_then(|digest| digest.as_str()?.parse().ok());
            let digest = digest.ok_or_else(|| malformed("an entry has no digest".to_owned()))?;
            Ok(((name.unwrap_or_default().to_owned(), digest), entry.clone()))
        };
        listed.iter().map(entry).collect()
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
        for Seen { tag, bytes_len, digest: of, media_type, is_referrer } in seen {
            // Of tags only those that name a digest are the same in every repository.
            let tag =
                tag.filter(|tag| HashAlgorithm::ALL.iter().any(|one| tag.starts_with(&format!("{one}-"))));
            let name = if of == digest { name.clone() } else { tag.unwrap_or_default() };
            if of == digest || is_referrer || !name.is_empty() {
                self.list(name, of, media_type, bytes_len)?;
            }
        }
        Ok(digest)
    }

    /// Puts a manifest that is written into the index: under a name, which it takes from another one, or without.
    fn list(&self, name: String, digest: Digest, media_type: &str, size: usize) -> Result<(), StoreError> {
        self.change(|entries| {
            list(entries, name, digest, media_type, size);
            Ok(())
        })
    }

    fn write_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        manifest::check_digest(digest, bytes, &format!("blob {digest}"))?;
        folder::write_whole(&blob_path(&self.folder, digest), bytes)
    }
}

fn list(entries: &mut Entries, name: String, digest: Digest, media_type: &str, size: usize) {
    let mut entry = json!({"mediaType": media_type, "digest": digest.to_string(), "size": size});
    if let (false, Some(entry)) = (name.is_empty(), entry.as_object_mut()) {
        entry.insert("annotations".to_owned(), json!({ REF_NAME: name }));
    }
    // A name stands for one thing, and for what it stands for now; what has a name needs none beside it.
    entries.retain(|(known, _), _| name.is_empty() || *known != name);
    if !(name.is_empty() && entries.keys().any(|(_, known)| *known == digest)) {
        entries.insert((name, digest), entry);
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
            Manifest::Image(_) => manifest::MANIFEST,
            Manifest::Index(_) => manifest::INDEX,
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

#[cfg(feature = "registry")]
mod push {
    use trust_core::{Digest, HashAlgorithm, ImageRef};

    use super::{OciLayoutWriter, list};
    use crate::deadline::{Boxed, Deadline};
    use crate::folder;
    use crate::oci_layout::{OciLayout, blob_path};
    use crate::push::{Condition, PushManifest, PushTarget, Pushed, Tagged};
    use crate::store::{MAX_MANIFEST_LEN, StoreError};

    /// Images have names with their repository; signatures, of which a layout has those of one image by rights, their tag alone.
    fn name(image: &ImageRef, tag: &str) -> String {
        let is_signature = HashAlgorithm::ALL.iter().any(|one| tag.starts_with(&format!("{one}-")));
        if is_signature { tag.to_owned() } else { format!("{}:{tag}", image.name()) }
    }

    impl PushTarget for OciLayoutWriter {
        fn push_blob<'a>(
            &'a self,
            _: &'a ImageRef,
            blob: &'a [u8],
            _: Deadline,
        ) -> Boxed<'a, Result<(), StoreError>> {
            Box::pin(async move { self.write_blob(&Digest::sha256(blob), blob) })
        }

        fn push_manifest<'a>(
            &'a self,
            image: &'a ImageRef,
            manifest: &'a PushManifest,
            _: Deadline,
        ) -> Boxed<'a, Result<Pushed, StoreError>> {
            Box::pin(async move {
                let digest = manifest.digest();
                let name = manifest.tag.as_ref().map(|tag| name(image, tag)).unwrap_or_default();
                self.write_blob(&digest, &manifest.bytes)?;
                self.change(|entries| {
                    let named = entries.keys().find(|(known, _)| *known == name).map(|(_, digest)| digest);
                    let holds = match &manifest.condition {
                        Condition::None => true,
                        Condition::IsAbsent => named.is_none(),
                        Condition::Is(version) => named.is_some_and(|digest| digest.to_string() == *version),
                    };
                    if !holds {
                        return Ok(Pushed::Changed);
                    }
                    list(entries, name, digest, &manifest.media_type, manifest.bytes.len());
                    // Whatever the index lists is found by its subject.
                    Ok(Pushed::Stored { is_listed: true })
                })
            })
        }

        fn read_tag<'a>(
            &'a self,
            image: &'a ImageRef,
            tag: &'a str,
            _: Deadline,
        ) -> Boxed<'a, Result<Option<Tagged>, StoreError>> {
            Box::pin(async move {
                let entries = self.read_index()?;
                let name = name(image, tag);
                let named = entries.into_keys().find(|(known, _)| *known == name).map(|(_, digest)| digest);
                // What `cosign save` wrote has no name, so that one is given beside it.
                let version = named.as_ref().map(Digest::to_string);
                let found = match named {
                    Some(digest) => Some(digest),
                    None if name == tag => OciLayout::open(&self.folder)?.tag(tag)?,
                    None => None,
                };
                let Some(digest) = found else { return Ok(None) };
                let bytes = folder::read_bounded(&blob_path(&self.folder, &digest), MAX_MANIFEST_LEN)?;
                Ok(bytes.map(|bytes| Tagged::new(bytes, version)))
            })
        }
    }
}

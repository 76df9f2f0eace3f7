//! [`Pusher`]: images, signatures and attestations to where they are kept ([`PushTarget`]).
//!
//! A tag that several writers add to is a list without a lock: of signatures under cosign's own tags, and of referrers where there is no
//! API for them ([referrers tag schema](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#referrers-tag-schema)).
//! It is changed by compare-and-swap where the registry knows that, and read again everywhere, until what was added is seen to stay.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trust_core::internal::json as strict_json;
use trust_core::{Digest, ImageRef};

use crate::clock;
use crate::deadline::{Boxed, Deadline};
use crate::manifest::INDEX;
use crate::store::{MAX_MANIFEST_LEN, StoreError};

/// Attempts to change a tag that other writers change, too.
const MAX_TRIES: usize = 50;
/// The shortest time after which a tag is read again, to see whether what was added stays.
const MIN_SETTLE: Duration = Duration::from_millis(50);
/// How often it is read again: where no other writer was seen, and where one was.
const QUIET_READS: u32 = 1;
const BUSY_READS: u32 = 3;
/// Failures in a row at one manifest: some registries fail while another writer stores what it refers to.
const MAX_FAILURES: u32 = 5;

/// Where images, and what is attached to them, can be written.
///
/// An implementor promises that what it says is stored can be read from then on, by every reader, and that it answers by the
/// deadline.
pub trait PushTarget: core::fmt::Debug + Send + Sync {
    /// Stores a blob in the repository of an image.
    ///
    /// # Errors
    /// If it is not stored.
    fn push_blob<'a>(
        &'a self,
        image: &'a ImageRef,
        blob: &'a [u8],
        until: Deadline,
    ) -> Boxed<'a, Result<(), StoreError>>;

    /// Stores a manifest in the repository of an image.
    ///
    /// # Errors
    /// If it is not stored.
    fn push_manifest<'a>(
        &'a self,
        image: &'a ImageRef,
        manifest: &'a PushManifest,
        until: Deadline,
    ) -> Boxed<'a, Result<Pushed, StoreError>>;

    /// What a tag of the repository stands for now.
    ///
    /// # Errors
    /// If that cannot be known.
    fn read_tag<'a>(
        &'a self,
        image: &'a ImageRef,
        tag: &'a str,
        until: Deadline,
    ) -> Boxed<'a, Result<Option<Tagged>, StoreError>>;
}

/// A manifest to store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushManifest {
    /// Its bytes, which its digest is over.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: String,
    /// The tag that stands for it from then on; `None`: it is found by its digest.
    pub tag: Option<String>,
    /// Only if the tag stands for what it did when it was read.
    pub condition: Condition,
}

/// A precondition for changing a tag. Registries may not know conditions, and change it all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// There is no such tag.
    IsAbsent,
    /// It stands for this [version](Tagged::version).
    Is(String),
}

/// What became of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is stored.
    Stored {
        /// It has a subject, and is listed among that one's referrers.
        is_listed: bool,
    },
    /// Its condition did not hold.
    Changed,
}

/// What a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tagged {
    /// The manifest.
    pub bytes: Vec<u8>,
    /// By which a [`Condition`] names it, if the target knows any.
    pub version: Option<String>,
}

impl Tagged {
    /// The manifest that a tag stands for.
    #[must_use]
    pub fn new(bytes: Vec<u8>, version: Option<String>) -> Self {
        Self { bytes, version }
    }
}

impl PushManifest {
    /// A manifest that is found by its digest.
    #[must_use]
    pub fn new(media_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { bytes, media_type: media_type.into(), tag: None, condition: Condition::None }
    }

    /// Under a tag.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>, condition: Condition) -> Self {
        (self.tag, self.condition) = (Some(tag.into()), condition);
        self
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }
}

/// What a tag is changed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// What it refers to and may not be stored yet.
    pub blobs: Vec<Vec<u8>>,
}

/// Writes to a target, one writer of this process at a time to each tag. It needs tokio.
#[derive(Clone, Debug)]
pub struct Pusher {
    target: Arc<dyn PushTarget>,
    tags: Arc<Mutex<HashMap<String, Arc<Turn>>>>,
}

/// Whose turn it is to write to a tag.
#[derive(Debug, Default)]
struct Turn {
    turn: tokio::sync::Mutex<()>,
    /// What all waiting writers want to be listed: the one that has the turn writes all of it.
    wanted: Mutex<Vec<Value>>,
    /// Of these digests it is known that they stay.
    settled: Mutex<HashSet<String>>,
}

impl Pusher {
    /// Writes to this target. Clones share who waits for whom.
    #[must_use]
    pub fn new(target: impl PushTarget + 'static) -> Self {
        Self { target: Arc::new(target), tags: Arc::default() }
    }

    /// Where it writes to.
    #[must_use]
    pub fn target(&self) -> &dyn PushTarget {
        &*self.target
    }

    /// Stores a manifest whose `subject` is another one, and lists it among that one's referrers: by the API, or under the tag that
    /// stands for them. Its blobs must be stored before.
    ///
    /// # Errors
    /// If it is not stored, or not listed.
    pub async fn attach(
        &self,
        image: &ImageRef,
        manifest: &PushManifest,
        until: Deadline,
    ) -> Result<Digest, StoreError> {
        in_tokio(&manifest.digest().to_string())?;
        let digest = manifest.digest();
        let malformed = |problem: &str| StoreError::Malformed {
            what: format!("manifest {digest}"),
            problem: problem.to_owned(),
        };
        let wire: Value =
            strict_json::from_slice(&manifest.bytes).map_err(|error| malformed(&error.to_string()))?;
        let subject: Digest = wire
            .pointer("/subject/digest")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| malformed("it has no subject"))?;
        let mut failures = 0;
        let pushed = loop {
            match self.target.push_manifest(image, manifest, until).await {
                Err(StoreError::Unavailable { .. }) if failures < MAX_FAILURES => failures += 1,
                pushed => break pushed?,
            }
            pause(MIN_SETTLE).await;
        };
        match pushed {
            Pushed::Stored { is_listed: true } => return Ok(digest),
            Pushed::Stored { is_listed: false } => {}
            Pushed::Changed => {
                let problem = "its condition does not hold".to_owned();
                return Err(StoreError::Unavailable { what: format!("manifest {digest}"), problem });
            }
        }
        let mut entry = json!({
            "mediaType": manifest.media_type, "digest": digest.to_string(), "size": manifest.bytes.len(),
        });
        // The type of what has no artifactType is that of its configuration.
        let artifact_type = wire.get("artifactType").or_else(|| wire.pointer("/config/mediaType"));
        for (name, value) in [("artifactType", artifact_type), ("annotations", wire.get("annotations"))] {
            if let (Some(value), Some(entry)) = (value, entry.as_object_mut()) {
                entry.insert(name.to_owned(), value.clone());
            }
        }
        let tag = format!("{}-{}", subject.algorithm(), subject.to_hex());
        let turn = self.turn(image, &tag);
        turn.wanted().push(entry);
        let listed = self.list(image, &tag, &turn, &digest, until).await;
        if listed.is_err() {
            // No other writer lists what was reported as failed.
            turn.wanted().retain(|one| digest_of(one) != digest.to_string());
        }
        listed.map(|()| digest)
    }

    /// Lists everything that waits for the tag, this entry among it.
    async fn list(
        &self,
        image: &ImageRef,
        tag: &str,
        turn: &Turn,
        digest: &Digest,
        until: Deadline,
    ) -> Result<(), StoreError> {
        let _ours = turn.wait(until, tag).await?;
        // The writer before may have written it.
        if turn.settled().contains(&digest.to_string()) {
            return Ok(());
        }
        let present = Mutex::new(Vec::new());
        let list = |found: Option<&[u8]>| {
            let wanted = turn.wanted();
            let change = add_to_index(found, &wanted)?;
            *present.lock().unwrap_or_else(PoisonError::into_inner) = wanted.iter().map(digest_of).collect();
            Ok(change)
        };
        self.update(image, tag, INDEX, until, list).await?;
        turn.settled().extend(present.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// Changes what a tag stands for: `change` is given the manifest that it stands for, and says which it shall be, and which blobs that
    /// needs; `None` if what shall be there is there. It is asked again when another writer was faster, and once more when all is
    /// written.
    ///
    /// # Errors
    /// If it cannot be written, or others write without end.
    pub async fn update_tag(
        &self,
        image: &ImageRef,
        tag: &str,
        media_type: &str,
        until: Deadline,
        change: impl Fn(Option<&[u8]>) -> Result<Option<Change>, String> + Send,
    ) -> Result<(), StoreError> {
        in_tokio(tag)?;
        let turn = self.turn(image, tag);
        let _ours = turn.wait(until, tag).await?;
        self.update(image, tag, media_type, until, change).await
    }

    async fn update(
        &self,
        image: &ImageRef,
        tag: &str,
        media_type: &str,
        until: Deadline,
        change: impl Fn(Option<&[u8]>) -> Result<Option<Change>, String> + Send,
    ) -> Result<(), StoreError> {
        let what = format!("tag `{tag}` of {}", image.name());
        let malformed = |problem| StoreError::Malformed { what: what.clone(), problem };
        let (mut written, mut settle) = (None, MIN_SETTLE);
        let (mut reads, mut needed, mut failures) = (0, 0, 0);
        for _ in 0..MAX_TRIES {
            if until.is_past() {
                return Err(StoreError::TimedOut { what });
            }
            let begun = Instant::now();
            let found = self.target.read_tag(image, tag, until).await?;
            let bytes = found.as_ref().map(|one| one.bytes.as_slice());
            // Who wrote since may have read before this one wrote.
            if written.is_some() && written.as_deref() != bytes {
                needed = BUSY_READS;
            }
            let Some(Change { manifest, blobs }) = change(bytes).map_err(malformed)? else {
                reads += 1;
                // There may be no time left to see that it stays; it is there.
                if reads > needed || until.left().is_some_and(|left| left < settle * 4) {
                    return Ok(());
                }
                pause(settle).await;
                continue;
            };
            let condition = match &found {
                None => Condition::IsAbsent,
                Some(found) => found.version.clone().map_or(Condition::None, Condition::Is),
            };
            for blob in &blobs {
                self.target.push_blob(image, blob, until).await?;
            }
            let pushed = PushManifest::new(media_type, manifest.clone()).tagged(tag, condition);
            match self.target.push_manifest(image, &pushed, until).await {
                Ok(Pushed::Stored { .. }) => failures = 0,
                Ok(Pushed::Changed) => {
                    needed = BUSY_READS;
                    pause(MIN_SETTLE).await;
                    continue;
                }
                Err(StoreError::Unavailable { .. }) if failures < MAX_FAILURES => {
                    (needed, failures) = (BUSY_READS, failures + 1);
                    pause(settle).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            // Another writer that had read before this one wrote, writes within about as long.
            (settle, reads) = ((begun.elapsed() * 2).max(settle), 0);
            (written, needed) = (Some(manifest), needed.max(QUIET_READS));
            pause(until.left().map_or(settle, |left| settle.min(left / 4))).await;
        }
        let problem = format!("other writers changed it {MAX_TRIES} times meanwhile");
        Err(StoreError::Unavailable { what, problem })
    }

    fn turn(&self, image: &ImageRef, tag: &str) -> Arc<Turn> {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits for are forgotten.
        tags.retain(|_, turn| Arc::strong_count(turn) > 1);
        tags.entry(format!("{}:{tag}", image.name())).or_default().clone()
    }
}

impl Turn {
    async fn wait(&self, until: Deadline, tag: &str) -> Result<tokio::sync::MutexGuard<'_, ()>, StoreError> {
        let late = || StoreError::TimedOut { what: format!("tag `{tag}`, which others write to") };
        until.within(self.turn.lock()).await.ok_or_else(late)
    }

    fn wanted(&self) -> MutexGuard<'_, Vec<Value>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settled(&self) -> MutexGuard<'_, HashSet<String>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_tokio(what: &str) -> Result<(), StoreError> {
    let problem = |_| "it is written only within a runtime of tokio".to_owned();
    let found = tokio::runtime::Handle::try_current().map_err(problem);
    found.map(|_| ()).map_err(|problem| StoreError::Unavailable { what: what.to_owned(), problem })
}

/// Once to twice as long.
async fn pause(settle: Duration) {
    tokio::time::sleep(settle.mul_f64(1.0 + clock::random())).await;
}

/// An index with the entries; `None` if it has them already.
fn add_to_index(found: Option<&[u8]>, listed: &[Value]) -> Result<Option<Change>, String> {
    let empty = || json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
    let mut index: Value = match found {
        None => empty(),
        Some(bytes) => strict_json::from_slice(bytes).map_err(|error| error.to_string())?,
    };
    let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
    let entries = entries.ok_or("it is no index, and is not replaced")?;
    let known: HashSet<String> = entries.iter().map(digest_of).collect();
    let missing: Vec<Value> = listed.iter().filter(|one| !known.contains(&digest_of(one))).cloned().collect();
    if missing.is_empty() {
        return Ok(None);
    }
    entries.extend(missing);
    let bytes = index.to_string().into_bytes();
    if bytes.len() as u64 > MAX_MANIFEST_LEN {
        return Err(format!("it would have {} bytes, expected at most {MAX_MANIFEST_LEN}", bytes.len()));
    }
    Ok(Some(Change { manifest: bytes, blobs: Vec::new() }))
}

fn digest_of(entry: &Value) -> String {
    entry.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned()
}

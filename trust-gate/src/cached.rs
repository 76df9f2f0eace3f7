//! [`Cached`]: a store that is asked once for what many want.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::content::Content;
use crate::deadline::{Boxed, Deadline};
use crate::store::{EvidenceStore, Found, Item, StoreError, Want};

/// How long a listing of signatures is used: a signature that was added counts after that.
const FOUND_LIFE: Duration = Duration::from_secs(30);
/// How long it is believed that there are none: who signs and then deploys does not wait long.
const ABSENT_LIFE: Duration = Duration::from_secs(5);
/// Bytes of listings that are kept.
const MAX_ANSWERS_LEN: u64 = 64 << 20;

/// A store whose answers are kept as long as they may be:
///
/// - content by digest until it is [evicted](Content), for it cannot change: it is hashed before it is kept;
/// - listings of signatures 30 s, and that there are none 5 s;
/// - which digest an image's tag stands for, not at all;
/// - errors not at all.
///
/// Callers that ask for the same thing at the same time wait for one answer. What one tenant may read another may not: give each
/// tenant's store a cache of its own. They may share [`Content`], where it is enough to know a digest to be given what it names.
#[derive(Debug)]
pub struct Cached<S> {
    store: S,
    content: Arc<Content>,
    answers: Cache<(String, Item), Found>,
}

/// How long each answer lives.
struct Life;

impl Expiry<(String, Item), Found> for Life {
    fn expire_after_create(&self, (_, item): &(String, Item), found: &Found, _: Instant) -> Option<Duration> {
        Some(match (item, found) {
            // Only callers at the same time share it; content is kept by its digest.
            (Item::Image | Item::Manifest(_) | Item::Blob { .. }, _) => Duration::ZERO,
            (_, Found::Absent) => ABSENT_LIFE,
            (_, Found::Referrers(none)) if none.is_empty() => ABSENT_LIFE,
            _ => FOUND_LIFE,
        })
    }
}

/// How much memory an answer takes, about.
fn weight(found: &Found) -> u32 {
    let len = match found {
        Found::Bytes(bytes) => bytes.len(),
        Found::Referrers(referrers) => referrers.len() * 80,
        Found::Digest(_) | Found::Absent => 0,
    };
    u32::try_from(len + 300).unwrap_or(u32::MAX)
}

impl<S: EvidenceStore> Cached<S> {
    /// Keeps content in memory, with its default limits.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self::with_content(store, Arc::new(Content::default()))
    }

    /// Keeps content there.
    #[must_use]
    pub fn with_content(store: S, content: Arc<Content>) -> Self {
        let answers = Cache::builder()
            .max_capacity(MAX_ANSWERS_LEN)
            .weigher(|_, found| weight(found))
            .expire_after(Life)
            .build();
        Self { store, content, answers }
    }

    async fn find(&self, want: &Want, until: Deadline) -> Result<Found, StoreError> {
        let digest = match &want.item {
            // The digest is its own answer.
            Item::Image if want.image.digest().is_some() => return self.store.fetch(want, until).await,
            Item::Manifest(digest) | Item::Blob { digest, .. } => Some(digest),
            _ => None,
        };
        if let Some(digest) = digest
            && let Some(content) = self.content.get(digest).await
        {
            return Ok(Found::Bytes(content.to_vec()));
        }
        // Of an image by its tag; of everything else by its repository: what another one answers for the same digest, an error
        // above all, is no answer to this question.
        let name = match (&want.item, want.image.tag()) {
            (Item::Image, Some(tag)) => format!("{}:{tag}", want.image.name()),
            _ => want.image.name(),
        };
        let ask = async {
            let found = self.store.fetch(want, until).await?;
            if let (Some(digest), Found::Bytes(content)) = (digest, &found) {
                self.content.put(digest, content).await;
            }
            Ok(found)
        };
        let found = self.answers.try_get_with((name, want.item.clone()), ask).await;
        found.map_err(|error: Arc<StoreError>| (*error).clone())
    }
}

impl<S: EvidenceStore> EvidenceStore for Cached<S> {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            match self.find(want, until).await {
                // The first caller may have had less time.
                Err(StoreError::TimedOut { .. }) if !until.is_past() => self.find(want, until).await,
                found => found,
            }
        })
    }

    fn only_image(&self) -> Result<Option<trust_core::Digest>, StoreError> {
        self.store.only_image()
    }
}

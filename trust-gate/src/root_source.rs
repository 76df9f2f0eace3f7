//! [`RootSource`]: where trust roots come from, and how they stay fresh.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use trust_core::internal::json::{self, JsonError};
use trust_core::{Digest, Reasons, RootError, TrustRoot, UnixTime};

use crate::clock;
use crate::deadline::Deadline;
use crate::tuf_source::{TufSource, TufSourceError};

/// The target of Sigstore's repositories.
const TARGET: &str = "trusted_root.json";
/// How long one refresh may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon a refresh is tried again that failed, and how often one is due at most.
const MIN_PAUSE: Duration = Duration::from_secs(60);
/// How seldom one is due at least.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// The lists of a trust root (`sigstore_trustroot.proto`), by both names that proto3 has for each.
const LISTS: [(&str, &str); 4] = [
    ("tlogs", "tlogs"),
    ("certificateAuthorities", "certificate_authorities"),
    ("ctlogs", "ctlogs"),
    ("timestampAuthorities", "timestamp_authorities"),
];

/// Where trust roots come from. Several together are one: each authority and each log of any of them is trusted.
#[derive(Clone, Debug, Default)]
pub struct RootSource {
    pinned: Vec<Vec<u8>>,
    repositories: Vec<TufSource>,
    grace: Duration,
}

/// The trust roots cannot be had.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RootSourceError {
    /// A repository cannot be used.
    #[error(transparent)]
    Tuf(#[from] TufSourceError),
    /// What a repository vouches for is no trust root.
    #[error(transparent)]
    Root(#[from] Arc<RootError>),
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The metadata that vouches for it has expired: newer may be withheld.
    #[error("the trust root expired at {expires}, and it is {now}: {problem}")]
    Expired {
        /// When.
        expires: UnixTime,
        /// The clock's time.
        now: UnixTime,
        /// Why there is no newer one.
        problem: String,
    },
}

/// A trust root, with what is to be said of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CurrentRoot {
    /// The root.
    pub root: TrustRoot,
    /// The root as JSON, for archives.
    pub json: Arc<str>,
    /// Of the JSON.
    pub digest: Digest,
    /// When it was confirmed by its repositories; `None` if it is pinned.
    pub confirmed: Option<UnixTime>,
    /// When it stops being trusted if nothing newer comes; `None` if it is pinned.
    pub expires: Option<UnixTime>,
}

impl RootSource {
    /// None: nothing but keys of policies is trusted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a `trusted_root.json` that stays as it is.
    #[must_use]
    pub fn pinned(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.pinned.push(json.into());
        self
    }

    /// Adds the `trusted_root.json` that a TUF repository vouches for.
    #[must_use]
    pub fn tuf(mut self, repository: TufSource) -> Self {
        self.repositories.push(repository);
        self
    }

    /// Goes on trusting for so long after the metadata has expired. An attacker who holds a revoked key, and can withhold
    /// the news of it, gains that time.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Fetches and verifies all of it.
    ///
    /// # Errors
    /// If one of the roots cannot be had.
    async fn load(&self, now: UnixTime, until: Deadline) -> Result<CurrentRoot, RootSourceError> {
        let (mut roots, mut expires, mut is_current) = (self.pinned.clone(), None, true);
        for repository in &self.repositories {
            let mut refreshed = repository.refresh(now, until).await?;
            let target = repository.find(&mut refreshed.update, TARGET, until).await?;
            roots.push(repository.target(&target, until).await?);
            let ends = refreshed.update.expires();
            expires = Some(expires.map_or(ends, |earlier: UnixTime| earlier.min(ends)));
            is_current &= refreshed.is_current;
        }
        let json = joined(roots)?;
        let root = TrustRoot::from_json(&json).map_err(Arc::new)?;
        root.prepare();
        let digest = Digest::sha256(&json);
        // Nothing is lost: what was read as JSON is UTF-8.
        let json = String::from_utf8_lossy(&json);
        let confirmed = (expires.is_some() && is_current).then_some(now);
        Ok(CurrentRoot { root, json: json.into(), digest, confirmed, expires })
    }
}

/// One root that has everything of several.
fn joined(roots: Vec<Vec<u8>>) -> Result<Vec<u8>, JsonError> {
    let roots = match <[Vec<u8>; 1]>::try_from(roots) {
        Ok([only]) => return Ok(only),
        Err(roots) => roots,
    };
    let mut joined = serde_json::Map::new();
    joined.insert("mediaType".to_owned(), "application/vnd.dev.sigstore.trustedroot+json;version=0.1".into());
    let mut roots = roots.iter().map(|root| json::from_slice(root)).collect::<Result<Vec<Value>, _>>()?;
    for (name, snake) in LISTS {
        let lists = roots.iter_mut().filter_map(|root| {
            let at = if root.get(name).is_some() { name } else { snake };
            root.get_mut(at).map(Value::take)
        });
        let all = lists.flat_map(|list| if let Value::Array(all) = list { all } else { vec![list] });
        joined.insert(name.to_owned(), Value::Array(all.collect()));
    }
    Ok(Value::Object(joined).to_string().into_bytes())
}

/// Trust roots that are loaded and stay fresh. Clones are the same roots; readers never wait.
#[derive(Clone, Debug)]
pub struct Roots(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: RootSource,
    current: Mutex<Arc<CurrentRoot>>,
    /// What the last refresh failed by.
    problem: Mutex<Option<String>>,
    /// One refresh at a time.
    refreshing: tokio::sync::Mutex<()>,
}

impl Roots {
    /// Loads the roots for the first time.
    ///
    /// # Errors
    /// If one of them cannot be had: a program that starts without them trusts no signer.
    pub async fn load(source: RootSource, until: Deadline) -> Result<Self, RootSourceError> {
        let current = source.load(clock::now(), until).await?;
        Ok(Self(Arc::new(Inner {
            source,
            current: Mutex::new(Arc::new(current)),
            problem: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
        })))
    }

    /// The root as it is trusted at `now`.
    ///
    /// # Errors
    /// If its metadata has expired, and the grace, too.
    pub fn current(&self, now: UnixTime) -> Result<Arc<CurrentRoot>, RootSourceError> {
        let current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let grace = i64::try_from(self.0.source.grace.as_millis()).unwrap_or(i64::MAX);
        match current.expires {
            Some(expires) if now.as_millis() >= expires.as_millis().saturating_add(grace) => {
                let problem = self.0.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let problem = problem.unwrap_or_else(|| "it was not refreshed".to_owned());
                Err(RootSourceError::Expired { expires, now, problem })
            }
            _ => Ok(current),
        }
    }

    /// Brings the roots up to date. If that fails, they stay as they are, until they expire. Returns whether they changed.
    ///
    /// # Errors
    /// If one of them cannot be had.
    pub async fn refresh(&self, until: Deadline) -> Result<bool, RootSourceError> {
        let _one = self.0.refreshing.lock().await;
        let loaded = self.0.source.load(clock::now(), until).await;
        let problem = loaded.as_ref().err().map(|error| Reasons(error).to_string());
        *self.0.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        let loaded = Arc::new(loaded?);
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed = current.digest != loaded.digest;
        *current = loaded;
        Ok(is_changed)
    }

    /// Refreshes for ever, each time at half of the time that is left, with some jitter, and sooner after a failure. It ends when
    /// it is dropped; spawn it.
    pub async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(self.pause(clock::now())).await;
            // What fails is said when it matters: once the root has expired.
            let _ = self.refresh(Deadline::after(PATIENCE)).await;
        }
    }

    /// How long to wait for the next refresh.
    fn pause(&self, now: UnixTime) -> Duration {
        let expires = self.0.current.lock().unwrap_or_else(PoisonError::into_inner).expires;
        let has_failed = self.0.problem.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let Some(expires) = expires else { return MAX_PAUSE };
        let left = u64::try_from(expires.as_millis().saturating_sub(now.as_millis())).unwrap_or(0);
        let half = Duration::from_millis(left / 2);
        let pause = if has_failed { MIN_PAUSE } else { half.clamp(MIN_PAUSE, MAX_PAUSE) };
        pause.mul_f64(0.9 + 0.1 * clock::random())
    }
}

//! [`RevocationServices`]: OCSP responders and CRLs over HTTP, at the URLs in certificates.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use trust_core::UnixTime;
use trust_core::revocation::{RevocationQuery, unverified_end};
use url::Url;

use crate::clock;
use crate::deadline::{Boxed, Deadline};
use crate::revocation::RevocationSource;
use crate::store::StoreError;
use crate::transport::{HttpRequest, Method, Reach, Transport};

/// How long a responder may take.
const OCSP_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_OCSP_LEN: u64 = 1 << 20;
/// How long a CRL may take.
const CRL_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CRL_LEN: u64 = 32 << 20;
/// Bytes of cached answers.
const MAX_KEPT_LEN: u64 = 128 << 20;
/// The longest that an answer is cached, whatever its nextUpdate: a new revocation is seen within this time.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Queries OCSP responders by POST and CRLs by GET, over plain HTTP, as answers are signed. Answers are cached until their nextUpdate, at most a
/// day, unless they [do not count](RevocationSource::forget). Callers that ask for the same thing at the same time share one answer. It needs
/// tokio.
///
/// The URLs are in certificates that policies trust. Only public addresses are reached, except for hosts that are
/// [named](Self::with_private_host).
#[derive(Clone, Debug)]
pub struct RevocationServices {
    transport: Arc<dyn Transport>,
    private_hosts: BTreeSet<String>,
    kept: Cache<RevocationQuery, Kept>,
}

/// An answer, and its nextUpdate.
#[derive(Clone, Debug)]
struct Kept {
    answer: Arc<[u8]>,
    end: Option<UnixTime>,
}

/// How long each answer lives.
struct Life;

impl Expiry<RevocationQuery, Kept> for Life {
    fn expire_after_create(&self, _: &RevocationQuery, kept: &Kept, _: Instant) -> Option<Duration> {
        let left = kept.end.map_or(0, |end| end.as_millis() - clock::now().as_millis());
        Some(Duration::from_millis(u64::try_from(left).unwrap_or_default()).min(MAX_LIFE))
    }
}

impl RevocationServices {
    /// Queries over this transport.
    #[must_use]
    pub fn new(transport: impl Transport + 'static) -> Self {
        let weight = |query: &RevocationQuery, kept: &Kept| {
            u32::try_from(kept.answer.len() + query.url().len() + 300).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(MAX_KEPT_LEN).weigher(weight).expire_after(Life).build();
        Self { transport: Arc::new(transport), private_hosts: BTreeSet::new(), kept }
    }

    /// Reaches this host at private addresses, and on this machine, too: for a private CA.
    #[must_use]
    pub fn with_private_host(mut self, host: impl Into<String>) -> Self {
        self.private_hosts.insert(host.into());
        self
    }

    async fn fetch(&self, query: &RevocationQuery, until: Deadline) -> Result<Kept, StoreError> {
        let what = query.url().to_owned();
        let malformed = |problem: String| StoreError::Malformed { what: what.clone(), problem };
        let url: Url = query.url().parse().map_err(|error: url::ParseError| malformed(error.to_string()))?;
        if url.scheme() != "http" || !url.username().is_empty() || url.password().is_some() {
            return Err(malformed("expected a URL of http without credentials".to_owned()));
        }
        let is_private = url.host_str().is_some_and(|host| self.private_hosts.contains(host));
        let reach = if is_private { Reach::Private } else { Reach::Public };
        let (request, until) = match query {
            RevocationQuery::Ocsp { request, .. } => {
                let mut post = HttpRequest::get(url, MAX_OCSP_LEN, reach);
                post.method = Method::Post;
                post.headers.push(("content-type", "application/ocsp-request".to_owned()));
                post.body.clone_from(request);
                (post, until.at_most(OCSP_TIMEOUT))
            }
            _ => (HttpRequest::get(url, MAX_CRL_LEN, reach), until.at_most(CRL_TIMEOUT)),
        };
        let response =
            self.transport.send(request, until).await.map_err(|error| error.into_store_error(&what))?;
        if response.status != 200 {
            let problem = format!("it answers with status {}", response.status);
            return Err(StoreError::Unavailable { what, problem });
        }
        let end = unverified_end(query, &response.body);
        Ok(Kept { answer: response.body.into(), end })
    }
}

impl RevocationSource for RevocationServices {
    fn answer<'a>(
        &'a self,
        query: &'a RevocationQuery,
        until: Deadline,
    ) -> Boxed<'a, Result<Arc<[u8]>, StoreError>> {
        Box::pin(async move {
            let is_own = AtomicBool::new(false);
            let ask = || {
                let fetching = async {
                    is_own.store(true, Ordering::Relaxed);
                    self.fetch(query, until).await
                };
                self.kept.try_get_with_by_ref(query, fetching)
            };
            let kept = match ask().await {
                // The first caller may have had less time.
                Err(error)
                    if matches!(*error, StoreError::TimedOut { .. }) && !is_own.load(Ordering::Relaxed) =>
                {
                    ask().await
                }
                first => first,
            };
            kept.map(|kept| kept.answer).map_err(|error| (*error).clone())
        })
    }

    fn forget<'a>(&'a self, query: &'a RevocationQuery) -> Boxed<'a, ()> {
        Box::pin(self.kept.invalidate(query))
    }
}

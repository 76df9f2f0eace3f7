//! [`Registry`]: images in registries, by the OCI distribution API
//! ([specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md)).

pub(crate) mod challenge;

pub(crate) mod credentials;

pub(crate) mod host;

pub(crate) mod listing;

pub(crate) mod exchange;

pub(crate) mod token;

mod push;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::future::Cache;
use trust_core::internal::canonical_registry;
use trust_core::{Digest, Reasons};

use crate::deadline::{Boxed, Deadline};
use crate::manifest;
use crate::registry::challenge::Challenge;
use crate::registry::credentials::{Anonymous, Credential, Credentials};
use crate::registry::exchange::{Exchange, MAX_HOSTS};
use crate::registry::host::{Endpoint, RegistryHost};
use crate::registry::token::{Scope, TokenRequest, Tokens};
use crate::store::{EvidenceStore, Found, Item, MAX_MANIFEST_LEN, MAX_REFERRERS, StoreError, Want};
use crate::transport::{HttpRequest, HttpResponse, Method, Reach, Transport};

/// Every type of manifest in use.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// The longest tag of the specification.
const MAX_TAG_LEN: usize = 128;
/// Pages of one listing.
const MAX_PAGES: usize = 100;
/// Where blobs are stored may be some hosts away.
const MAX_REDIRECTS: usize = 5;
/// How long is remembered how a host wants to be asked.
const HOST_LIFE: Duration = Duration::from_secs(3600);
/// How long the answer of a credential helper is used.
const CREDENTIAL_LIFE: Duration = Duration::from_secs(60);
/// Repositories whose credentials are remembered, at most.
const MAX_USERS: u64 = 10_000;

/// All images of all registries.
///
/// What a registry says is believed in one thing: which digest a tag stands for. Absent is what the registry says is not there
/// (404); everything else that is no answer is an error. The addresses of the link, of this machine and of private networks are
/// asked only for registries that are [configured by name](RegistryBuilder::host).
///
/// It needs tokio.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    exchange: Exchange,
    credentials: Arc<dyn Credentials>,
    /// By registry.
    hosts: BTreeMap<String, RegistryHost>,
    /// What is known of hosts, by origin.
    known: Mutex<HashMap<String, Known>>,
    tokens: Tokens,
    /// By repository.
    users: Cache<String, Option<Credential>>,
}

/// What is known of a host.
#[derive(Clone, Debug)]
struct Known {
    since: Instant,
    challenge: Option<Challenge>,
}

/// A `Registry` that is being configured.
#[derive(Debug)]
pub struct RegistryBuilder {
    transport: Arc<dyn Transport>,
    credentials: Arc<dyn Credentials>,
    hosts: BTreeMap<String, RegistryHost>,
}

impl RegistryBuilder {
    /// Asks with these credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: impl Credentials + 'static) -> Self {
        self.credentials = Arc::new(credentials);
        self
    }

    /// Configures a registry by its host, and port if it has one.
    #[must_use]
    pub fn host(mut self, registry: &str, host: RegistryHost) -> Self {
        self.hosts.insert(canonical_registry(registry), host);
        self
    }

    /// The registry.
    #[must_use]
    pub fn build(self) -> Registry {
        Registry(Arc::new(Inner {
            exchange: Exchange::new(self.transport),
            credentials: self.credentials,
            hosts: self.hosts,
            known: Mutex::default(),
            tokens: Tokens::new(),
            users: Cache::builder().max_capacity(MAX_USERS).time_to_live(CREDENTIAL_LIFE).build(),
        }))
    }
}

/// What one question to one host is.
struct Question<'a> {
    endpoint: &'a Endpoint,
    what: String,
    /// What a token must allow.
    actions: &'static str,
    until: Deadline,
}

/// To read.
const PULL: &str = "pull";
/// To write.
const PUSH: &str = "pull,push";

impl Registry {
    /// Starts a registry that asks by this transport: without credentials, by HTTPS, at public addresses.
    #[must_use]
    pub fn builder(transport: impl Transport + 'static) -> RegistryBuilder {
        RegistryBuilder {
            transport: Arc::new(transport),
            credentials: Arc::new(Anonymous),
            hosts: BTreeMap::new(),
        }
    }
}

impl EvidenceStore for Registry {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        Box::pin(in_time(want.what(), until, self.0.fetch(want, until)))
    }
}

/// An answer by the deadline, whatever is waited for: the network, a helper, a token that another one asks for.
async fn in_time<T>(
    what: String,
    until: Deadline,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    if tokio::runtime::Handle::try_current().is_err() {
        let problem = "a registry is asked only within a runtime of tokio".to_owned();
        return Err(StoreError::Unavailable { what, problem });
    }
    until.within(answer).await.unwrap_or(Err(StoreError::TimedOut { what }))
}

impl Inner {
    async fn fetch(&self, want: &Want, until: Deadline) -> Result<Found, StoreError> {
        // A digest is what it is: that the image is there, its manifest shows.
        if let (Item::Image, Some(digest)) = (&want.item, want.image.digest()) {
            return Ok(Found::Digest(digest.clone()));
        }
        let configured = self.hosts.get(want.image.registry());
        let malformed = |problem| StoreError::Malformed { what: want.what(), problem };
        let endpoints = Endpoint::all(&want.image, configured).map_err(malformed)?;
        let Some((registry, mirrors)) = endpoints.split_last() else { return Ok(Found::Absent) };
        // What a mirror lacks, or cannot say in some of the time, is asked of the next one; the last is the registry, which knows.
        let may_be_mirrored = !matches!(want.item, Item::Tag(_) | Item::Referrers(_));
        for mirror in mirrors.iter().filter(|_| may_be_mirrored) {
            let until = until.left().map_or(until, |left| until.at_most(left / 3));
            match (self.fetch_at(mirror, want, until).await, &want.item) {
                (Ok(found @ Found::Digest(_)), _) => return Ok(found),
                // One that has something else does not hide what the registry has.
                (Ok(Found::Bytes(bytes)), Item::Manifest(digest) | Item::Blob { digest, .. })
                    if digest.check(&bytes).is_ok() =>
                {
                    return Ok(Found::Bytes(bytes));
                }
                _ => {}
            }
        }
        self.fetch_at(registry, want, until).await
    }

    async fn fetch_at(&self, endpoint: &Endpoint, want: &Want, until: Deadline) -> Result<Found, StoreError> {
        let question = Question { endpoint, what: want.what(), actions: PULL, until };
        let bytes_of =
            |found: Option<(Digest, Vec<u8>)>| found.map_or(Found::Absent, |(_, bytes)| Found::Bytes(bytes));
        match &want.item {
            Item::Image => self.resolve(&question, want.image.tag().unwrap_or_default()).await,
            Item::Tag(tag) if tag.len() > MAX_TAG_LEN => Ok(Found::Absent),
            Item::Tag(tag) => self.manifest(&question, tag).await.map(bytes_of),
            Item::Manifest(digest) => self.manifest(&question, &digest.to_string()).await.map(bytes_of),
            Item::Blob { digest, size } => self.blob(&question, digest, *size).await,
            Item::Referrers(digest) => self.referrers(&question, digest).await.map(Found::Referrers),
        }
    }

    /// The digest of a tag, without its manifest: of Docker Hub, that counts as no pull.
    async fn resolve(&self, question: &Question<'_>, tag: &str) -> Result<Found, StoreError> {
        let url = question.endpoint.url(&format!("manifests/{tag}"));
        let mut request = HttpRequest::get(url, 0, question.endpoint.reach);
        request.method = Method::Head;
        request.headers.push(("accept", MANIFESTS.to_owned()));
        let response = self.ask(question, request).await?;
        match response.status {
            200 => {}
            404 => return Ok(Found::Absent),
            405 | 501 => {}
            _ => return Err(question.refused(&response)),
        }
        if let Some(digest) = content_digest(&response) {
            return Ok(Found::Digest(digest));
        }
        let found = self.manifest(question, tag).await?;
        Ok(found.map_or(Found::Absent, |(digest, _)| Found::Digest(digest)))
    }

    /// A manifest by tag or digest, and the digest that it has.
    async fn manifest(
        &self,
        question: &Question<'_>,
        reference: &str,
    ) -> Result<Option<(Digest, Vec<u8>)>, StoreError> {
        let url = question.endpoint.url(&format!("manifests/{reference}"));
        let mut request = HttpRequest::get(url, MAX_MANIFEST_LEN, question.endpoint.reach);
        request.headers.push(("accept", MANIFESTS.to_owned()));
        let response = self.ask(question, request).await?;
        match response.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(question.refused(&response)),
        }
        let digest = content_digest(&response).unwrap_or_else(|| Digest::sha256(&response.body));
        manifest::check_digest(&digest, &response.body, &question.what)?;
        Ok(Some((digest, response.body)))
    }

    /// A blob. Where it is stored elsewhere, the registry says where, and no credentials go there.
    async fn blob(&self, question: &Question<'_>, digest: &Digest, size: u64) -> Result<Found, StoreError> {
        let url = question.endpoint.url(&format!("blobs/{digest}"));
        let request = HttpRequest::get(url.clone(), size, question.endpoint.reach);
        let too_long = |error| match error {
            StoreError::TooLarge { what, found, .. } => StoreError::Size { what, found, expected: size },
            error => error,
        };
        let mut response = self.ask(question, request).await.map_err(too_long)?;
        let mut at = url;
        for _ in 0..=MAX_REDIRECTS {
            match response.status {
                200 => return Ok(Found::Bytes(response.body)),
                404 => return Ok(Found::Absent),
                301 | 302 | 303 | 307 | 308 => {}
                _ => return Err(question.refused(&response)),
            }
            let next = response.header("location").and_then(|location| at.join(location).ok());
            let next = next.filter(|next| matches!(next.scheme(), "https" | "http"));
            let problem = match next {
                None => "it is redirected to no URL".to_owned(),
                Some(next) if at.scheme() == "https" && next.scheme() == "http" => {
                    format!("it is redirected to {}, without TLS", next.host_str().unwrap_or_default())
                }
                Some(next) => {
                    let request = HttpRequest::get(next.clone(), size, self.reach(&next, question.endpoint));
                    let sent = self.exchange.send(request, question.until).await;
                    response = sent.map_err(|error| too_long(error.into_store_error(&question.what)))?;
                    at = next;
                    continue;
                }
            };
            return Err(StoreError::Unavailable { what: question.what.clone(), problem });
        }
        let problem = format!("it is redirected more than {MAX_REDIRECTS} times");
        Err(StoreError::Unavailable { what: question.what.clone(), problem })
    }

    /// How far a redirect may reach: to private addresses only on hosts that are configured by name.
    fn reach(&self, url: &url::Url, endpoint: &Endpoint) -> Reach {
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let host = canonical_registry(&format!("{}{port}", url.host_str().unwrap_or_default()));
        let is_same = url.host() == endpoint.base().host() && endpoint.reach == Reach::Private;
        let is_named = self.hosts.contains_key(&host) || is_same;
        if is_named { Reach::Private } else { Reach::Public }
    }

    /// The referrers that the API lists; none where there is no such API, for then they are under a tag.
    async fn referrers(&self, question: &Question<'_>, image: &Digest) -> Result<Vec<Digest>, StoreError> {
        let malformed = |problem| StoreError::Malformed { what: question.what.clone(), problem };
        let (mut found, mut once, mut seen) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let mut next = Some(question.endpoint.url(&format!("referrers/{image}")));
        while let Some(url) = next {
            // That there are more is known by one more.
            if found.len() > MAX_REFERRERS {
                break;
            }
            if seen.len() == MAX_PAGES {
                return Err(malformed(format!(
                    "found more than {MAX_PAGES} pages with {} referrers",
                    found.len()
                )));
            }
            if !seen.insert(url.clone()) {
                return Err(malformed("a page of the listing follows itself".to_owned()));
            }
            let mut request = HttpRequest::get(url.clone(), MAX_MANIFEST_LEN, question.endpoint.reach);
            request.headers.push(("accept", manifest::INDEX.to_owned()));
            let response = self.ask(question, request).await?;
            let is_first = seen.len() == 1;
            match response.status {
                200 => {}
                // It is not remembered: some registries answer so of one image that they do not know.
                400 | 404 | 405 | 406 | 501 | 300..=399 if is_first => return Ok(Vec::new()),
                // Harbor before 2.8 answers so to everyone.
                401 if is_first && Challenge::of(&response).is_none() => return Ok(Vec::new()),
                _ => return Err(question.refused(&response)),
            }
            for digest in listing::referrers(&response.body).map_err(malformed)? {
                if once.insert(digest.clone()) {
                    found.push(digest);
                }
            }
            next = listing::next_page(&response, &url).map_err(malformed)?;
        }
        Ok(found)
    }

    /// Asks, with credentials if the host wants any.
    async fn ask(&self, question: &Question<'_>, request: HttpRequest) -> Result<HttpResponse, StoreError> {
        let origin = question.endpoint.origin();
        let mut challenge = self.known(&origin).challenge;
        let mut is_repeated = false;
        loop {
            let mut asked = request.clone();
            let scope = match &challenge {
                Some(challenge) => self.authorize(question, challenge, &mut asked).await?,
                None => None,
            };
            let has_credentials = asked.headers.iter().any(|(name, _)| *name == "authorization");
            let sent = self.exchange.send(asked, question.until).await;
            let response = sent.map_err(|error| error.into_store_error(&question.what))?;
            let wanted = Challenge::of(&response).filter(|_| response.status == 401);
            if response.status != 401 || wanted.is_none() || is_repeated {
                return Ok(response);
            }
            // The challenge is new, or a token is not taken any more.
            if let Some(scope) = scope {
                self.tokens.forget(&scope).await;
            } else if has_credentials && wanted == challenge {
                return Ok(response);
            }
            self.learn(&origin, wanted.clone());
            challenge = wanted;
            is_repeated = true;
        }
    }

    /// Adds what the challenge wants, if there is something; the scope of the token, if it is one.
    async fn authorize(
        &self,
        question: &Question<'_>,
        challenge: &Challenge,
        request: &mut HttpRequest,
    ) -> Result<Option<Scope>, StoreError> {
        let Question { endpoint, actions, until, .. } = *question;
        let credential = self.credential(question).await?;
        match challenge {
            Challenge::Basic => {
                let basic = credential.as_ref().and_then(Credential::basic);
                request.headers.extend(basic.map(|basic| ("authorization", basic)));
                Ok(None)
            }
            Challenge::Bearer { realm, service } => {
                let scope = Scope {
                    realm: realm.clone(),
                    service: service.clone(),
                    repository: endpoint.image.repository().to_owned(),
                    actions,
                    user: credential.as_ref().map(Credential::fingerprint),
                };
                // Who hands out tokens may be at a private address if it is named, or is the registry itself.
                let reach = self.reach(realm, endpoint);
                let asked =
                    TokenRequest { scope, registry: endpoint.base(), credential: credential.as_ref(), reach };
                let token = self.tokens.get(&self.exchange, &asked, until).await?;
                request.headers.push(("authorization", format!("Bearer {token}")));
                Ok(Some(asked.scope))
            }
        }
    }

    async fn credential(&self, question: &Question<'_>) -> Result<Option<Credential>, StoreError> {
        let image = &question.endpoint.image;
        let find = self.credentials.credential(image, question.until);
        let found = self.users.try_get_with(image.name(), find).await;
        found.map_err(|error| StoreError::Unauthorized {
            what: question.what.clone(),
            problem: Reasons(&*error).to_string(),
        })
    }

    fn known(&self, origin: &str) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.get(origin).filter(|known| known.since.elapsed() < HOST_LIFE).cloned();
        fresh.unwrap_or(Known { since: Instant::now(), challenge: None })
    }

    fn learn(&self, origin: &str, challenge: Option<Challenge>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_HOSTS {
            known.retain(|_, known| known.since.elapsed() < HOST_LIFE);
        }
        if known.len() < MAX_HOSTS || known.contains_key(origin) {
            known.insert(origin.to_owned(), Known { since: Instant::now(), challenge });
        }
    }
}

impl Question<'_> {
    /// What an answer means that is neither the thing nor that it is not there.
    fn refused(&self, response: &HttpResponse) -> StoreError {
        let (what, problem) = (self.what.clone(), listing::problem(response));
        match response.status {
            401 => StoreError::Unauthorized {
                what,
                problem: format!("{problem}; the registry wants credentials that were not given, or others"),
            },
            403 => StoreError::Unauthorized {
                what,
                problem: match self.actions {
                    PULL => format!("{problem}; these credentials, or none, may not read it"),
                    _ => format!("{problem}; these credentials, or none, may not write it"),
                },
            },
            429 => StoreError::RateLimited { what, problem },
            _ => StoreError::Unavailable { what, problem },
        }
    }
}

/// The digest that the registry says it sends.
fn content_digest(response: &HttpResponse) -> Option<Digest> {
    response.header("docker-content-digest")?.parse().ok()
}

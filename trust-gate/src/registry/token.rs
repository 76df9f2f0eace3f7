//! [`Tokens`]: what is handed out for a challenge, kept until it ends
//! ([token authentication](https://distribution.github.io/distribution/spec/auth/token/)).

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use serde::Deserialize;
use trust_core::Digest;
use trust_core::internal::json;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::deadline::Deadline;
use crate::registry::challenge::may_have_credentials;
use crate::registry::credentials::Credential;
use crate::registry::exchange::Exchange;
use crate::store::StoreError;
use crate::transport::{HttpRequest, Method, Reach};

/// How long a token lives if its issuer does not say (the specification of tokens).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// How long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(10);
const MAX_LEN: u64 = 64 << 10;
/// Tokens are kept for so many scopes and users.
const MAX_TOKENS: u64 = 10_000;

/// What a token is for. Users are told apart: what one may read another may not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) realm: Url,
    pub(super) service: Option<String>,
    pub(super) repository: String,
    /// `pull`, or `pull,push`.
    pub(super) actions: &'static str,
    pub(super) user: Option<Digest>,
}

#[derive(Clone)]
struct Token {
    value: String,
    life: Duration,
}

#[derive(Deserialize)]
struct Wire {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Each token lives as long as its issuer said.
struct Life;

impl Expiry<Scope, Token> for Life {
    fn expire_after_create(&self, _: &Scope, token: &Token, _: Instant) -> Option<Duration> {
        Some(token.life)
    }
}

/// Tokens that were handed out.
pub(super) struct Tokens {
    cache: Cache<Scope, Token>,
}

impl core::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Tokens").field("count", &self.cache.entry_count()).finish()
    }
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { cache: Cache::builder().max_capacity(MAX_TOKENS).expire_after(Life).build() }
    }

    /// A token for the scope. Callers that ask meanwhile wait for the same one.
    pub(super) async fn get(
        &self,
        exchange: &Exchange,
        request: &TokenRequest<'_>,
        until: Deadline,
    ) -> Result<String, StoreError> {
        let ask = || request.send(exchange, until);
        let token = match self.cache.try_get_with_by_ref(&request.scope, ask()).await {
            // The first caller may have had less time.
            Err(error) if matches!(*error, StoreError::TimedOut { .. }) && !until.is_past() => {
                self.cache.try_get_with_by_ref(&request.scope, ask()).await
            }
            token => token,
        };
        token.map(|token| token.value).map_err(|error| (*error).clone())
    }

    /// Forgets a token that was refused.
    pub(super) async fn forget(&self, scope: &Scope) {
        self.cache.invalidate(scope).await;
    }
}

/// What the issuer of tokens is asked.
pub(super) struct TokenRequest<'a> {
    pub(super) scope: Scope,
    /// The registry that asks for the token.
    pub(super) registry: &'a Url,
    pub(super) credential: Option<&'a Credential>,
    /// How far the realm may be.
    pub(super) reach: Reach,
}

impl TokenRequest<'_> {
    async fn send(&self, exchange: &Exchange, until: Deadline) -> Result<Token, StoreError> {
        let Self { scope: Scope { realm, .. }, registry, credential, .. } = self;
        let what = format!("token of {realm}");
        let unauthorized = |problem: String| StoreError::Unauthorized { what: what.clone(), problem };
        if realm.scheme() != "https" && registry.scheme() == "https" {
            return Err(unauthorized("it would be fetched without TLS".to_owned()));
        }
        if credential.is_some() && !may_have_credentials(realm, registry) {
            let host = registry.host_str().unwrap_or_default();
            return Err(unauthorized(format!("credentials for {host} are not sent to another owner's host")));
        }
        let request = self.to_http();
        let response = exchange.send(request, until).await.map_err(|error| error.into_store_error(&what))?;
        match response.status {
            200 => {}
            status @ (400 | 401 | 403 | 404) => {
                let with =
                    credential.map_or("without credentials".to_owned(), |one| format!("with the {one:?}"));
                return Err(unauthorized(format!("asked {with}, the answer was status {status}")));
            }
            429 => return Err(StoreError::RateLimited { what, problem: "status 429".to_owned() }),
            status => return Err(StoreError::Unavailable { what, problem: format!("status {status}") }),
        }
        let malformed = |problem: String| StoreError::Malformed { what: what.clone(), problem };
        let wire: Wire = json::from_slice(&response.body).map_err(|error| malformed(error.to_string()))?;
        let value = wire.token.filter(|token| !token.is_empty()).or(wire.access_token);
        let value = value.ok_or_else(|| malformed("expected `token` or `access_token`".to_owned()))?;
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed("the token holds what no header can".to_owned()));
        }
        let life = wire.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs).saturating_sub(MARGIN);
        Ok(Token { value, life: life.min(Duration::from_secs(3600)) })
    }

    /// With credentials or without ([tokens](https://distribution.github.io/distribution/spec/auth/token/),
    /// [refresh tokens](https://distribution.github.io/distribution/spec/auth/oauth/)).
    fn to_http(&self) -> HttpRequest {
        let (realm, credential) = (&self.scope.realm, self.credential);
        let wanted = format!("repository:{}:{}", self.scope.repository, self.scope.actions);
        match credential {
            Some(Credential::IdentityToken(token)) => {
                let mut form = Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token")
                    .append_pair("refresh_token", token)
                    .append_pair("client_id", "trust-gate")
                    .append_pair("scope", &wanted);
                form.extend_pairs(self.scope.service.iter().map(|service| ("service", service)));
                let mut request = HttpRequest::get(realm.clone(), MAX_LEN, self.reach);
                request.method = Method::Post;
                request.body = form.finish().into_bytes();
                request.headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
                request
            }
            other => {
                let mut url = realm.clone();
                url.query_pairs_mut()
                    .extend_pairs(self.scope.service.iter().map(|service| ("service", service)))
                    .append_pair("scope", &wanted);
                let mut request = HttpRequest::get(url, MAX_LEN, self.reach);
                request
                    .headers
                    .extend(other.and_then(Credential::basic).map(|basic| ("authorization", basic)));
                request
            }
        }
    }
}

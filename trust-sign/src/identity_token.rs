//! [`IdentityToken`]: who signs without a key, by an issuer's word; and where tokens come from.

use core::fmt;

use serde::Deserialize;
use thiserror::Error;
use trust_core::UnixTime;
use trust_core::internal::{encoding, json};
use trust_gate::{Boxed, Deadline, HttpRequest, Reach, Transport};
use url::Url;
use zeroize::Zeroizing;

use crate::exchange;

/// Tokens of GitHub have 2 KiB.
const MAX_LEN: usize = 64 << 10;
/// The audience of Sigstore's tokens.
pub const AUDIENCE: &str = "sigstore";

/// An OpenID Connect identity token. It is a secret until it expires: anyone who has it can sign as its subject.
///
/// Its claims are read, not verified: Fulcio does that.
#[derive(Clone)]
pub struct IdentityToken {
    text: Zeroizing<String>,
    issuer: String,
    subject: String,
    expires: UnixTime,
}

/// Without the token.
impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, subject, expires, .. } = self;
        write!(f, "IdentityToken({subject} by {issuer}, until {expires})")
    }
}

/// The token cannot be found or used. No variant holds any part of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not a JSON Web Token.
    #[error("the identity token is malformed: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// It is for another audience.
    #[error("the identity token is for {found}, expected `{AUDIENCE}`")]
    Audience {
        /// Its audiences.
        found: String,
    },
    /// It has expired.
    #[error("the identity token expired at {found}, it is {now}")]
    Expired {
        /// When.
        found: UnixTime,
        /// The time.
        now: UnixTime,
    },
    /// None was found.
    #[error("found no identity token: {problem}")]
    NotFound {
        /// Where was looked, and what to do.
        problem: String,
    },
    /// It cannot be fetched.
    #[error("the identity token cannot be fetched from {from}: {problem}")]
    Fetch {
        /// From where.
        from: String,
        /// Why not.
        problem: String,
    },
}

impl IdentityToken {
    /// Reads a token.
    ///
    /// # Errors
    /// If it is malformed, for another audience, or has expired.
    pub fn parse(text: &str, now: UnixTime) -> Result<Self, TokenError> {
        #[derive(Deserialize)]
        struct Claims {
            iss: String,
            sub: String,
            aud: Audience,
            exp: i64,
            email: Option<String>,
            email_verified: Option<serde_json::Value>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Audience {
            One(String),
            Many(Vec<String>),
        }
        let malformed = |problem: &str| TokenError::Malformed { problem: problem.to_owned() };
        let text = text.trim();
        if text.len() > MAX_LEN {
            return Err(malformed("it is longer than 64 KiB"));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [_, payload, _] = parts[..] else {
            return Err(malformed("expected three parts with `.` between them"));
        };
        let standard = payload.replace('-', "+").replace('_', "/");
        let padded = format!("{standard}{}", "=".repeat((4 - standard.len() % 4) % 4));
        let payload = encoding::from_base64(&padded).ok_or(malformed("its claims are not base64url"))?;
        // Errors quote no claims: they may be private.
        let claims: Claims = json::from_slice(&payload)
            .map_err(|_| malformed("its claims have no `iss`, `sub`, `aud` and `exp` of the right type"))?;
        let audiences = match claims.aud {
            Audience::One(one) => vec![one],
            Audience::Many(many) => many,
        };
        if !audiences.iter().any(|one| one == AUDIENCE) {
            let found = audiences.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
            return Err(TokenError::Audience { found });
        }
        let expires = UnixTime::from_seconds(claims.exp);
        if expires <= now {
            return Err(TokenError::Expired { found: expires, now });
        }
        // Some issuers say `"true"`.
        let is_verified = claims.email_verified.is_some_and(|one| one == true || one == "true");
        let email = claims.email.filter(|email| is_verified && !email.is_empty());
        let subject = email.unwrap_or(claims.sub);
        if claims.iss.is_empty() || subject.is_empty() {
            return Err(malformed("`iss` or `sub` is empty"));
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), issuer: claims.iss, subject, expires })
    }

    /// The issuer, unverified.
    #[must_use]
    pub fn unverified_issuer(&self) -> &str {
        &self.issuer
    }

    /// Its subject: the e-mail address if the issuer has verified it, else `sub`. A signature over it is what Fulcio asks for.
    #[must_use]
    pub fn unverified_subject(&self) -> &str {
        &self.subject
    }

    /// Until when it can be used.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The token itself, a secret.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }
}

/// Where an identity token comes from.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token for [`AUDIENCE`] that has not expired.
    ///
    /// # Errors
    /// If there is none.
    fn token<'a>(&'a self, now: UnixTime, until: Deadline) -> Boxed<'a, Result<IdentityToken, TokenError>>;
}

impl TokenSource for IdentityToken {
    fn token<'a>(&'a self, now: UnixTime, _: Deadline) -> Boxed<'a, Result<IdentityToken, TokenError>> {
        Box::pin(async move {
            match self.expires > now {
                true => Ok(self.clone()),
                false => Err(TokenError::Expired { found: self.expires, now }),
            }
        })
    }
}

/// The token of the machine on which this runs: of a job in GitHub Actions, of one in GitLab CI (`SIGSTORE_ID_TOKEN`), or of an account
/// of Google Cloud.
#[derive(Debug)]
pub struct AmbientToken<T> {
    transport: T,
    variable: fn(&str) -> Option<String>,
}

/// Google's metadata service; `GCE_METADATA_HOST` names another.
const METADATA: &str = "metadata.google.internal";

impl<T: Transport> AmbientToken<T> {
    /// Looks in this process's environment, and asks by this transport.
    pub fn new(transport: T) -> Self {
        Self { transport, variable: |name| std::env::var(name).ok().filter(|value| !value.is_empty()) }
    }

    /// Looks in another environment, such as a test's.
    #[must_use]
    pub fn with_environment(mut self, variable: fn(&str) -> Option<String>) -> Self {
        self.variable = variable;
        self
    }

    async fn find(&self, now: UnixTime, until: Deadline) -> Result<IdentityToken, TokenError> {
        if let Some(token) = (self.variable)("SIGSTORE_ID_TOKEN") {
            return IdentityToken::parse(&token, now);
        }
        let github = (
            (self.variable)("ACTIONS_ID_TOKEN_REQUEST_URL"),
            (self.variable)("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        );
        if let (Some(url), Some(bearer)) = &github {
            return self.github(url, bearer, now, until).await;
        }
        if (self.variable)("GITHUB_ACTIONS").is_some() {
            let problem =
                "GitHub Actions gives one to jobs with `permissions: id-token: write` alone".to_owned();
            return Err(TokenError::NotFound { problem });
        }
        if (self.variable)("GITLAB_CI").is_some() {
            let problem =
                "GitLab CI gives one to jobs with `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`".to_owned();
            return Err(TokenError::NotFound { problem });
        }
        match (self.variable)("GCE_METADATA_HOST") {
            Some(host) => self.google(&host, now, until).await,
            None if is_google() => self.google(METADATA, now, until).await,
            None => {
                let problem =
                    "this is not a job of GitHub Actions or GitLab CI, nor a machine of Google Cloud"
                        .to_owned();
                Err(TokenError::NotFound { problem })
            }
        }
    }

    async fn github(
        &self,
        url: &str,
        bearer: &str,
        now: UnixTime,
        until: Deadline,
    ) -> Result<IdentityToken, TokenError> {
        #[derive(Deserialize)]
        struct Answer {
            value: String,
        }
        let from = "GitHub Actions";
        let fetch = |problem: String| TokenError::Fetch { from: from.to_owned(), problem };
        let mut url: Url = url.parse().map_err(|error: url::ParseError| fetch(error.to_string()))?;
        exchange::for_secrets(&url).map_err(fetch)?;
        url.query_pairs_mut().append_pair("audience", AUDIENCE);
        let mut request = HttpRequest::get(url, MAX_LEN as u64, Reach::Private);
        request.headers.push(("authorization", format!("Bearer {bearer}")));
        let answer = exchange::success(&self.transport, request, until.at_most(exchange::TIMEOUT)).await;
        let answer = Zeroizing::new(answer.map_err(fetch)?);
        let answer: Answer =
            json::from_slice(&answer).map_err(|_| fetch("the answer has no `value`".to_owned()))?;
        IdentityToken::parse(&Zeroizing::new(answer.value), now)
    }

    async fn google(&self, host: &str, now: UnixTime, until: Deadline) -> Result<IdentityToken, TokenError> {
        let fetch = |problem: String| TokenError::Fetch { from: host.to_owned(), problem };
        let url = format!(
            "http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?audience={AUDIENCE}&format=full"
        );
        let url: Url = url.parse().map_err(|error: url::ParseError| fetch(error.to_string()))?;
        let mut request = HttpRequest::get(url, MAX_LEN as u64, Reach::Private);
        request.headers.push(("metadata-flavor", "Google".to_owned()));
        let answer = exchange::success(&self.transport, request, until.at_most(exchange::TIMEOUT)).await;
        let answer = Zeroizing::new(answer.map_err(fetch)?);
        let text = core::str::from_utf8(&answer).map_err(|_| fetch("the answer is not text".to_owned()))?;
        IdentityToken::parse(text, now)
    }
}

/// Whether this is a machine of Google Cloud, by its firmware.
fn is_google() -> bool {
    std::fs::read_to_string("/sys/class/dmi/id/product_name").is_ok_and(|name| name.contains("Google"))
}

impl<T: Transport> TokenSource for AmbientToken<T> {
    fn token<'a>(&'a self, now: UnixTime, until: Deadline) -> Boxed<'a, Result<IdentityToken, TokenError>> {
        Box::pin(self.find(now, until))
    }
}

//! [`Http`]: the [`Transport`] over reqwest.

use core::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use thiserror::Error;
use trust_core::Reasons;

use crate::address;
use crate::deadline::{Boxed, Deadline};
use crate::transport::{HttpRequest, HttpResponse, Method, Reach, Transport, TransportError};

/// What is read of an answer that is no success.
const MAX_ERROR_LEN: u64 = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// HTTP/1.1 and HTTP/2 by reqwest, with rustls. It needs tokio. Build one for a process and keep it: it holds the connections.
///
/// TLS is the embedder's: its `rustls::ClientConfig` says which authorities are trusted and who does the cryptography.
#[derive(Debug)]
pub struct Http {
    public: Client,
    private: Client,
}

/// The client cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the HTTP client cannot be built: {problem}")]
pub struct HttpError {
    problem: String,
}

impl Http {
    /// A client that connects itself, and ignores the environment's proxies.
    ///
    /// # Errors
    /// If reqwest cannot be built with this configuration.
    pub fn new(tls: rustls::ClientConfig) -> Result<Self, HttpError> {
        Self::build(tls, ClientBuilder::no_proxy)
    }

    /// A client that connects by the proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name. What goes by a proxy is
    /// resolved there: of names, the proxy must guard the addresses.
    ///
    /// # Errors
    /// If reqwest cannot be built with this configuration.
    pub fn with_system_proxy(tls: rustls::ClientConfig) -> Result<Self, HttpError> {
        Self::build(tls, |builder| builder)
    }

    fn build(
        tls: rustls::ClientConfig,
        proxies: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, HttpError> {
        let mut tls = tls;
        if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let client = |reach| {
            // Without a configuration of its own reqwest panics where no provider is installed.
            let builder = ClientBuilder::new()
                .tls_backend_preconfigured(tls.clone())
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .dns_resolver(Guarded(reach))
                .user_agent(concat!("trust-gate/", env!("CARGO_PKG_VERSION")));
            let built = proxies(builder).build();
            built.map_err(|error| HttpError { problem: Reasons(&error).to_string() })
        };
        Ok(Self { public: client(Reach::Public)?, private: client(Reach::Private)? })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let client = match request.reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        address::check_literal(&request.url, request.reach)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut builder = client.request(method, request.url).header("accept-encoding", "identity");
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if matches!(request.method, Method::Post | Method::Put) {
            builder = builder.body(request.body);
        }
        let mut response = builder.send().await.map_err(|error| broken(&error))?;
        let is_success = response.status().is_success();
        let limit = if is_success { request.max_len } else { MAX_ERROR_LEN };
        let too_long = TransportError::TooLong { limit };
        if is_success
            && request.method != Method::Head
            && response.content_length().is_some_and(|len| len > limit)
        {
            return Err(too_long);
        }
        let status = response.status().as_u16();
        let text =
            |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        let headers = headers.collect();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| broken(&error))? {
            if (body.len() + piece.len()) as u64 > limit {
                if is_success {
                    return Err(too_long);
                }
                break;
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpResponse::new(status, headers, body))
    }
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        until: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            until.within(self.exchange(request)).await.unwrap_or(Err(TransportError::TimedOut))
        })
    }
}

/// Resolves names, and refuses what may not be reached.
#[derive(Debug)]
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let resolve = move || (name.as_str(), 0).to_socket_addrs().map(Vec::from_iter);
            let found: Vec<SocketAddr> = tokio::task::spawn_blocking(resolve).await??;
            // One address that may not be reached makes the name suspect as a whole.
            if let Some(refused) = found.iter().find(|one| !address::is_allowed(one.ip(), reach)) {
                let address = refused.ip().to_string();
                return Err(TransportError::NotPublic { host, address }.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What went wrong, with all reasons but the URL, which may hold a signature.
fn broken(error: &reqwest::Error) -> TransportError {
    let mut source = error.source();
    let mut reasons = Vec::new();
    while let Some(reason) = source {
        if let Some(ours) = reason.downcast_ref::<TransportError>() {
            return ours.clone();
        }
        reasons.push(reason.to_string());
        source = reason.source();
    }
    let kind = match () {
        () if error.is_timeout() => return TransportError::TimedOut,
        () if error.is_connect() => "the connection could not be made",
        () if error.is_body() || error.is_decode() => "the answer ended early",
        () => "the request failed",
    };
    TransportError::Broken { problem: [vec![kind.to_owned()], reasons].concat().join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_by_what_it_resolves_to() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let resolved = |reach| runtime.block_on(Guarded(reach).resolve("localhost".parse().unwrap()));
        let refused = resolved(Reach::Public).err().unwrap();
        assert!(matches!(refused.downcast_ref(), Some(TransportError::NotPublic { .. })), "{refused}");
        assert!(resolved(Reach::Private).unwrap().count() > 0);
    }
}

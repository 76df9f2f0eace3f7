//! [`Transport`]: the one joint to the network.

use thiserror::Error;
use url::Url;

use crate::deadline::{Boxed, Deadline};
use crate::store::StoreError;

/// One exchange over HTTP, bounded in size and time.
///
/// An implementor promises:
///
/// - it follows no redirect and adds no credentials;
/// - it reads no more than `max_len` bytes of a body, and of an answer that is no success (2xx) the first 64 KiB;
/// - it answers by the deadline, and verifies TLS;
/// - it connects to public addresses alone, after names are resolved, unless the request [reaches further](Reach).
pub trait Transport: core::fmt::Debug + Send + Sync {
    /// Sends a request.
    ///
    /// # Errors
    /// If there is no whole answer.
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        until: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>>;
}

impl<T: Transport + ?Sized> Transport for std::sync::Arc<T> {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        until: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        (**self).send(request, until)
    }
}

/// What is sent.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRequest {
    /// How.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// Empty but for POST and PUT.
    pub body: Vec<u8>,
    /// The most bytes of a successful answer's body; a longer one is [`TransportError::TooLong`].
    pub max_len: u64,
    /// To which addresses.
    pub reach: Reach,
}

/// Without its headers and its body, which may be secrets.
impl core::fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{:?} {} to {:?} addresses", self.method, self.url, self.reach)
    }
}

impl HttpRequest {
    /// A GET.
    #[must_use]
    pub fn get(url: Url, max_len: u64, reach: Reach) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: Vec::new(), max_len, reach }
    }
}

/// The methods that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // as in HTTP
pub enum Method {
    Get,
    Head,
    Post,
    Put,
}

/// To which addresses a request may go: an image's reference is written by strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// To public ones.
    Public,
    /// To private ones and this machine's as well: the host was configured by name.
    Private,
}

/// What was answered, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpResponse {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// An answer.
    #[must_use]
    pub fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body }
    }

    /// The value of the first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// There is no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Not by the deadline.
    #[error("no answer by the deadline")]
    TimedOut,
    /// The body is too long.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// What was allowed.
        limit: u64,
    },
    /// The address may not be reached.
    #[error(
        "{host} is at {address}, which is not public; a private address is asked if its host is configured by name"
    )]
    NotPublic {
        /// The host.
        host: String,
        /// Its address.
        address: String,
    },
    /// The connection could not be made, or ended early.
    #[error("{problem}")]
    Broken {
        /// What happened.
        problem: String,
    },
}

impl TransportError {
    /// The failure as a store has it.
    pub(crate) fn into_store_error(self, what: &str) -> StoreError {
        let what = what.to_owned();
        match self {
            Self::TimedOut => StoreError::TimedOut { what },
            Self::TooLong { limit } => {
                StoreError::TooLarge { what, found: limit.saturating_add(1), unit: "bytes", limit }
            }
            error @ Self::NotPublic { .. } => StoreError::Forbidden { what, problem: error.to_string() },
            Self::Broken { problem } => StoreError::Unavailable { what, problem },
        }
    }
}

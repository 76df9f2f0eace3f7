//! One question to a service, and its answer in full.

use core::time::Duration;

use trust_gate::{Deadline, HttpRequest, HttpResponse, Method, Reach, Transport, TransportError};
use url::Url;

/// How long a service may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers of services have some KiB.
const MAX_LEN: u64 = 1 << 20;

/// There is no answer.
pub(crate) struct Unanswered {
    pub(crate) problem: String,
    /// The question may have been answered all the same, where nobody heard it.
    pub(crate) may_have_arrived: bool,
}

/// A GET. Services are configured by name, so they may be at private addresses.
pub(crate) fn get(url: Url) -> HttpRequest {
    HttpRequest::get(url, MAX_LEN, Reach::Private)
}

/// A POST, likewise.
pub(crate) fn post(url: Url, content_type: &str, body: Vec<u8>) -> HttpRequest {
    let mut request = get(url);
    request.method = Method::Post;
    request.headers.push(("content-type", content_type.to_owned()));
    request.body = body;
    request
}

/// The path below a service's URL.
pub(crate) fn below(service: &str, path: &str) -> Result<Url, String> {
    let url = format!("{}/{path}", service.trim_end_matches('/'));
    url.parse().map_err(|error: url::ParseError| format!("URL `{url}`: {error}"))
}

/// A URL that a secret may be sent to: over TLS, or on this machine.
pub(crate) fn for_secrets(url: &Url) -> Result<(), String> {
    let is_here = match url.host() {
        Some(url::Host::Domain(host)) => host == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() == "https" || is_here {
        true => Ok(()),
        false => Err(format!("`{url}` has no TLS, and the token is a secret")),
    }
}

/// An answer, whatever its status.
pub(crate) async fn send(
    transport: &dyn Transport,
    request: HttpRequest,
    until: Deadline,
) -> Result<HttpResponse, Unanswered> {
    let sent = transport.send(request, until).await;
    sent.map_err(|error| Unanswered {
        may_have_arrived: !matches!(error, TransportError::NotPublic { .. }),
        problem: error.to_string(),
    })
}

/// The body of a successful answer.
pub(crate) async fn success(
    transport: &dyn Transport,
    request: HttpRequest,
    until: Deadline,
) -> Result<Vec<u8>, String> {
    let response = send(transport, request, until).await.map_err(|error| error.problem)?;
    match response.status {
        200..=299 => Ok(response.body),
        _ => Err(problem(&response)),
    }
}

/// What a service says of its error, in some words.
pub(crate) fn problem(response: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    format!("status {}, {}", response.status, text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_travel_over_tls_or_not_at_all() {
        for (url, may) in [
            ("https://fulcio.example/api", true),
            ("http://127.0.0.1:5000/", true),
            ("http://[::1]/", true),
            ("http://localhost:1/", true),
            ("http://fulcio.example/api", false),
            ("http://localhost.example/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(for_secrets(&url.parse().unwrap()).is_ok(), may, "{url}");
        }
    }
}

//! One question to a service, and its answer in full.

use trust_gate::{Deadline, HttpRequest, HttpResponse, Method, Reach, Transport};
use url::Url;

/// How long a service may take.
pub(crate) const TIMEOUT: core::time::Duration = core::time::Duration::from_secs(10);
/// Answers of services have some KiB.
const MAX_LEN: u64 = 1 << 20;

/// A POST. The services are configured by name, so they may be at private addresses.
pub(crate) fn post(url: Url, content_type: &str, body: Vec<u8>) -> HttpRequest {
    let mut request = HttpRequest::get(url, MAX_LEN, Reach::Private);
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

/// A URL that a secret may be sent to: by TLS, or on this machine.
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

/// The body of a successful answer.
pub(crate) async fn success(
    transport: &dyn Transport,
    request: HttpRequest,
    until: Deadline,
) -> Result<Vec<u8>, String> {
    let response = transport.send(request, until).await.map_err(|error| error.to_string())?;
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

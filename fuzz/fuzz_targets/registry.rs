//! Any replies of a registry, and any configuration of Docker: nothing panics, nobody else is told a password, and what is not
//! known is not absent.
#![no_main]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use trust_gate::{
    Boxed, Credential, Deadline, DockerConfig, ForRegistry, HttpRequest, HttpResponse, Limits, Registry,
    Transport, TransportError, collect_async,
};
use trust_policy::FailureKind;

/// Replies one after another, each from a line: a status, a header's name and value, and a body.
struct Replies(Mutex<(Vec<HttpResponse>, bool)>);

impl core::fmt::Debug for Replies {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("replies")
    }
}

impl Transport for Replies {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        _: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        let host = request.url.host_str().unwrap_or_default();
        let has_password = request
            .headers
            .iter()
            .any(|(name, value)| *name == "authorization" && value.starts_with("Basic"));
        assert!(!has_password || host == "ghcr.io" || host.ends_with(".ghcr.io"), "{request:?}");
        assert!(!has_password || request.url.scheme() == "https", "{request:?}");
        assert!(!matches!(host, "localhost" | "127.0.0.1" | "169.254.169.254" | "[::1]"), "{request:?}");
        let mut replies = self.0.lock().expect("one thread");
        replies.1 |= matches!(replies.0.last(), Some(reply) if reply.status == 404);
        let reply = replies.0.pop();
        Box::pin(async move { reply.ok_or(TransportError::Broken { problem: "no more".to_owned() }) })
    }
}

fn reply(line: &str) -> HttpResponse {
    let mut parts = line.splitn(4, '|');
    let status = parts.next().and_then(|status| status.parse().ok()).unwrap_or(401);
    let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let headers = vec![(name.to_ascii_lowercase(), value.to_owned())];
    HttpResponse::new(status, headers, parts.next().unwrap_or_default().as_bytes().to_vec())
}

fuzz_target!(|text: &str| {
    let _ = DockerConfig::from_json(text.as_bytes());
    let mut replies: Vec<HttpResponse> = text.lines().take(40).map(reply).collect();
    replies.reverse();
    let replies = Arc::new(Replies(Mutex::new((replies, false))));
    let password = Credential::Password { user: "me".to_owned(), password: "secret".to_owned() };
    let registry =
        Registry::builder(replies.clone()).credentials(ForRegistry::new("ghcr.io", password)).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
    let image = "ghcr.io/acme/app:v1".parse().expect("image");
    // So little time that nothing is tried again.
    let until = Deadline::after(Duration::from_millis(20));
    let found = runtime.block_on(collect_async(&registry, &image, &Limits::default(), until));
    if let Err(failure) = found.digest {
        let was_absent = replies.0.lock().expect("one thread").1;
        assert!(failure.kind != FailureKind::NotFound || was_absent, "{failure}");
    }
});

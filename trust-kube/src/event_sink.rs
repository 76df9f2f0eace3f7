//! [`EventSink`]: where events go.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use trust_gate::{Boxed, Deadline, HttpRequest, Method, Reach, Transport};
use trust_policy::Event;
use url::Url;

/// How often an event is sent before the sender is told.
const ATTEMPTS: u32 = 3;
/// What one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before the second attempt; before each next one twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// Bytes of an answer that are read.
const MAX_ANSWER_LEN: u64 = 64 << 10;

/// Where events go: a file, a queue, a ticket.
///
/// An implementor promises that what it says is delivered was taken by the recipient. It may be given an event twice; both have one
/// [id](Event::id).
pub trait EventSink: core::fmt::Debug + Send + Sync {
    /// Delivers an event.
    ///
    /// # Errors
    /// If it was not taken: it will be tried again.
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Result<(), SinkError>>;
}

/// An event was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event was not taken by {sink}: {problem}")]
pub struct SinkError {
    /// By which sink.
    pub sink: String,
    /// Why not.
    pub problem: String,
}

/// A line of JSON for each event.
pub struct JsonLines<W>(Mutex<W>);

impl<W> core::fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JsonLines")
    }
}

impl<W: Write> JsonLines<W> {
    /// Writes there.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send> EventSink for JsonLines<W> {
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Result<(), SinkError>> {
        let write = || {
            let mut line = serde_json::to_vec(event)?;
            line.push(b'\n');
            let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            writer.write_all(&line)?;
            writer.flush()
        };
        let failed =
            |error: std::io::Error| SinkError { sink: "lines".to_owned(), problem: error.to_string() };
        let written = write().map_err(failed);
        Box::pin(async { written })
    }
}

/// Events by HTTP, as CloudEvents in structured mode
/// ([HTTP protocol binding, section 3.2](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#32-structured-content-mode)).
/// What may succeed later is tried again.
pub struct CloudEvents {
    transport: Arc<dyn Transport>,
    url: Url,
    token: Option<String>,
}

/// Without the token, and what may stand in the URL.
impl core::fmt::Debug for CloudEvents {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CloudEvents({})", self.url.host_str().unwrap_or_default())
    }
}

impl CloudEvents {
    /// Posts events there, at whatever address: who configures it names it.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, url: Url) -> Self {
        Self { transport, url, token: None }
    }

    /// Sends this token along (`Authorization: Bearer`).
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    async fn attempt(&self, body: Vec<u8>) -> Result<(), (bool, String)> {
        let mut request = HttpRequest::get(self.url.clone(), MAX_ANSWER_LEN, Reach::Private);
        request.method = Method::Post;
        request.body = body;
        request.headers.push(("content-type", "application/cloudevents+json; charset=utf-8".to_owned()));
        request.headers.extend(self.token.iter().map(|token| ("authorization", format!("Bearer {token}"))));
        let answer = self.transport.send(request, Deadline::after(PATIENCE)).await;
        match answer.map_err(|error| (true, error.to_string()))?.status {
            200..=299 => Ok(()),
            status => Err((matches!(status, 408 | 425 | 429 | 500..=599), format!("status {status}"))),
        }
    }
}

impl EventSink for CloudEvents {
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Result<(), SinkError>> {
        Box::pin(async {
            let body = event.to_cloud_event().to_string().into_bytes();
            let mut pause = PAUSE;
            for attempt in 1.. {
                match self.attempt(body.clone()).await {
                    Ok(()) => return Ok(()),
                    Err((true, _)) if attempt < ATTEMPTS => {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    Err((_, problem)) => {
                        // Without what may stand in its query.
                        let sink = self.url.host_str().unwrap_or_default().to_owned();
                        return Err(SinkError { sink, problem });
                    }
                }
            }
            Ok(())
        })
    }
}

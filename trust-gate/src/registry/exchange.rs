//! [`Exchange`]: one question to a host, tried again where that is of use, and never past the deadline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use url::Url;

use crate::address;
use crate::clock;
use crate::deadline::Deadline;
use crate::store::MAX_MANIFEST_LEN;
use crate::transport::{HttpRequest, HttpResponse, Method, Transport, TransportError};

/// Requests to one host at a time.
const WIDTH: usize = 16;
/// Hosts that are remembered, at most: strangers name them.
pub(super) const MAX_HOSTS: usize = 1_000;
/// How often a question is asked in all.
const TRIES: u32 = 3;
/// The mean of the first pause is half of it; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause where there is no deadline.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The least time that one try gets while others are left.
const MIN_TRY: Duration = Duration::from_secs(1);

/// Asks hosts.
#[derive(Debug)]
pub(super) struct Exchange {
    transport: Arc<dyn Transport>,
    widths: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Exchange {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, widths: Mutex::default() }
    }

    /// Sends a request; a GET or HEAD again if the connection broke, or the answer says that it may succeed later.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        until: Deadline,
    ) -> Result<HttpResponse, TransportError> {
        address::check_literal(&request.url, request.reach)?;
        let may_repeat = matches!(request.method, Method::Get | Method::Head);
        let mut tried = 0;
        loop {
            tried += 1;
            let is_last = !may_repeat || tried == TRIES;
            let answer = self.once(request.clone(), until, is_last).await;
            let pause = match &answer {
                Ok(response) if is_temporary(response.status) => retry_after(response, until),
                Err(TransportError::Broken { .. }) => None,
                Err(TransportError::TimedOut) if !until.is_past() => None,
                _ => return answer,
            };
            let pause =
                pause.unwrap_or_else(|| (FIRST_PAUSE * 2_u32.pow(tried - 1)).mul_f64(clock::random()));
            if is_last || until.left().is_some_and(|left| left <= pause) {
                return answer;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn once(
        &self,
        request: HttpRequest,
        until: Deadline,
        is_last: bool,
    ) -> Result<HttpResponse, TransportError> {
        let width = self.width(&request.url);
        let wait = width.acquire();
        let permit = until.within(wait).await.ok_or(TransportError::TimedOut)?;
        // What hangs leaves time for another try; what is long may take all of it.
        let is_long = request.max_len.max(request.body.len() as u64) > MAX_MANIFEST_LEN;
        let until = match until.left() {
            Some(left) if !is_last && !is_long => until.at_most((left / 2).max(MIN_TRY)),
            _ => until,
        };
        let answer = self.transport.send(request, until).await;
        drop(permit);
        answer
    }

    fn width(&self, url: &Url) -> Arc<Semaphore> {
        let mut widths = self.widths.lock().unwrap_or_else(PoisonError::into_inner);
        // Hosts are named by strangers: those that are idle are forgotten.
        if widths.len() >= MAX_HOSTS {
            widths.retain(|_, width| Arc::strong_count(width) > 1);
        }
        let host =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        widths.entry(host).or_insert_with(|| Arc::new(Semaphore::new(WIDTH))).clone()
    }
}

/// Whether the same question may be answered later.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long the host asks to wait
/// ([Retry-After](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
fn retry_after(response: &HttpResponse, until: Deadline) -> Option<Duration> {
    let value = response.header("retry-after")?.trim();
    let asked = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = httpdate::parse_http_date(value).ok()?;
            at.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(if until.left().is_some() { asked } else { asked.min(MAX_PAUSE) })
}

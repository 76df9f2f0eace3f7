//! A registry in memory: the embedded images, by the distribution API, with faults.

use std::sync::Mutex;
use std::time::Duration;

use trust_core::{Digest, ImageRef};
use trust_gate::{
    Boxed, Deadline, Found, HttpRequest, HttpResponse, Item, Method, OciLayout, Transport, TransportError,
    Want,
};

pub(crate) type Answer = Result<HttpResponse, TransportError>;
type Fault = Box<dyn Fn(&HttpRequest) -> Option<Reply> + Send + Sync>;

/// How a fault answers.
pub(crate) enum Reply {
    Now(Answer),
    /// After so long, or at the deadline.
    Late(Duration, Answer),
}

/// Answers as a registry does, unless the fault has another answer.
pub(crate) struct Memory {
    layout: OciLayout,
    fault: Fault,
    /// How long each right answer takes.
    delay: Duration,
    pub(crate) log: Mutex<Vec<String>>,
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("registry in memory")
    }
}

impl Memory {
    pub(crate) fn new(fault: impl Fn(&HttpRequest) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images");
        Self {
            layout: OciLayout::open(layout).unwrap(),
            fault: Box::new(fault),
            delay: Duration::ZERO,
            log: Mutex::default(),
        }
    }

    /// One that is right, and slow.
    #[allow(dead_code)] // not every test has it
    pub(crate) fn late(delay: Duration) -> Self {
        Self { delay, ..Self::new(|_| None) }
    }

    fn find(&self, item: Item) -> Found {
        let image: ImageRef = "ghcr.io/myorg/app".parse().unwrap();
        self.layout.find(&Want::new(image, item)).unwrap_or(Found::Absent)
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut url = request.url.clone();
        url.set_query(None);
        let url = url.to_string();
        let Some((_, part)) = url.split_once("/v2/myorg/app/") else { return status(404) };
        let (kind, name) = part.split_once('/').unwrap();
        let digest = name.parse::<Digest>().ok();
        let found = match (kind, digest) {
            ("manifests", Some(digest)) => self.find(Item::Manifest(digest)),
            ("manifests", None) => self.find(Item::Tag(name.to_owned())),
            ("blobs", Some(digest)) => self.find(Item::Blob { digest, size: request.max_len }),
            ("referrers", Some(digest)) => self.find(Item::Referrers(digest)),
            _ => Found::Absent,
        };
        match found {
            Found::Bytes(_) if request.method == Method::Head && name.is_empty() => status(404),
            Found::Bytes(bytes) => {
                let digest = ("docker-content-digest".to_owned(), Digest::sha256(&bytes).to_string());
                let body = if request.method == Method::Head { Vec::new() } else { bytes };
                HttpResponse::new(200, vec![digest], body)
            }
            Found::Referrers(found) => HttpResponse::new(200, vec![], listing(&found)),
            _ => status(404),
        }
    }
}

impl Transport for Memory {
    fn send<'a>(&'a self, request: HttpRequest, until: Deadline) -> Boxed<'a, Answer> {
        self.log.lock().unwrap().push(format!("{:?} {}", request.method, request.url));
        let (delay, answer) = match (self.fault)(&request) {
            None => (self.delay, Ok(self.answer(&request))),
            Some(Reply::Now(answer)) => (Duration::ZERO, answer),
            Some(Reply::Late(delay, answer)) => (delay, answer),
        };
        Box::pin(async move {
            let left = until.left().unwrap_or(Duration::MAX);
            if delay >= left {
                tokio::time::sleep(left).await;
                return Err(TransportError::TimedOut);
            }
            tokio::time::sleep(delay).await;
            match answer {
                Ok(found) if found.status < 300 && found.body.len() as u64 > request.max_len => {
                    Err(TransportError::TooLong { limit: request.max_len })
                }
                answer => answer,
            }
        })
    }
}

/// An index of referrers.
pub(crate) fn listing(digests: &[Digest]) -> Vec<u8> {
    let entries: Vec<_> = digests.iter().map(|one| serde_json::json!({"digest": one.to_string()})).collect();
    serde_json::json!({"schemaVersion": 2, "manifests": entries}).to_string().into_bytes()
}

pub(crate) fn status(status: u16) -> HttpResponse {
    HttpResponse::new(status, Vec::new(), Vec::new())
}

#[allow(dead_code)] // not every test has it
pub(crate) fn with(status: u16, name: &str, value: &str) -> HttpResponse {
    HttpResponse::new(status, vec![(name.to_owned(), value.to_owned())], Vec::new())
}

/// Runs a future on a runtime of its own.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

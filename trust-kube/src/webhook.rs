//! The routes that an API server asks, and the server that serves them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use trust_core::Reasons;
use trust_gate::{Deadline, Gate, Reviewed};
use trust_policy::{AdmissionResponse, AdmissionReview, Operation, ProviderAnswer, ProviderRequest};

use crate::certificate::ServerCertificate;
use crate::connections::Connections;
use crate::health::health;
use crate::metrics::to_prometheus;
use crate::observer::Observer;
use crate::stored;

/// The largest review of which it is still read which one it is, so that it is denied and not left to the `failurePolicy`.
const MAX_BODY_LEN: usize = 12 << 20;
/// Bodies that are read at a time.
const MAX_BODIES: usize = 32;
/// Requests at a time for `/policies` and `/provider`, so that reviews of workloads do not wait for them.
const MAX_OTHERS: usize = 4;
/// What a client may take to send a body.
const BODY: Duration = Duration::from_secs(5);
/// The deadline of a request by Gatekeeper, unless the URL of its `Provider` names one: `?timeout=5s`.
const PROVIDER: Duration = Duration::from_secs(2);
/// Images that are judged at a time for one request of it.
const PROVIDER_WIDTH: usize = 16;
/// How long endpoints take to learn that a server is not ready any more.
const DRAIN: Duration = Duration::from_secs(5);
/// How long what was asked may take after that: longer than any review.
const END: Duration = Duration::from_secs(32);

#[derive(Clone, Debug)]
struct Webhook {
    gate: Gate,
    observers: Arc<[Arc<dyn Observer>]>,
    bodies: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

/// The routes: `/validate` and `/mutate` for the API server, `/policies` for the policies that it is to store, `/provider` and
/// `/provider/mutate` for Gatekeeper, and those of [`health`].
///
/// `/mutate` pins what was verified; `/validate` answers without a patch. Observers are told of what `/validate` judges, and of what
/// `/mutate` denies, which `/validate` is not asked: of each object once. `/policies` denies policies, exceptions and trust roots that
/// cannot be read, with the place. `/provider` answers constraints, `/provider/mutate` Gatekeeper's mutations.
///
/// `is_ready` says what `/readyz` does: set it when policies and trust are there, and clear it before the server ends.
pub fn webhook(gate: Gate, observers: Vec<Arc<dyn Observer>>, is_ready: Arc<AtomicBool>) -> Router {
    let bodies = Arc::new(Semaphore::new(MAX_BODIES));
    let numbers = {
        let gate = gate.clone();
        move || to_prometheus(gate.metrics())
    };
    let others = Arc::new(Semaphore::new(MAX_OTHERS));
    let webhook = Webhook { gate, observers: observers.into(), bodies, others };
    Router::new()
        .route("/validate", post(validate))
        .route("/mutate", post(mutate))
        .route("/policies", post(policies))
        .route("/provider", post(|state, request| provide(state, request, ProviderAnswer::Validation)))
        .route("/provider/mutate", post(|state, request| provide(state, request, ProviderAnswer::Mutation)))
        .with_state(webhook)
        .merge(health(is_ready, numbers))
}

async fn validate(State(webhook): State<Webhook>, request: Request) -> Response {
    let mut reviewed = match webhook.review(request).await {
        Ok(reviewed) => reviewed,
        Err(refused) => return refused,
    };
    webhook.observers.iter().for_each(|one| one.reviewed(&reviewed));
    // The API server takes no patch from a validating webhook.
    if let Some(response) = &mut reviewed.response {
        response.patch = None;
    }
    answer(&reviewed)
}

async fn mutate(State(webhook): State<Webhook>, request: Request) -> Response {
    let reviewed = match webhook.review(request).await {
        Ok(reviewed) => reviewed,
        Err(refused) => return refused,
    };
    if reviewed.response.as_ref().is_some_and(|response| !response.allowed) {
        webhook.observers.iter().for_each(|one| one.reviewed(&reviewed));
    }
    answer(&reviewed)
}

/// Denies policies, exceptions and trust roots that cannot be read, so that they are not stored.
async fn policies(State(webhook): State<Webhook>, request: Request) -> Response {
    let Ok(_permit) = webhook.others.try_acquire() else { return busy() };
    let body = match webhook.read(request).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let response = match AdmissionReview::from_json(&body) {
        Err(error) => AdmissionResponse::for_unreadable(&body, &error),
        Ok(review)
            if review.request.operation == Operation::Delete || !review.request.subresource.is_empty() =>
        {
            Some(AdmissionResponse::allow(review.uid))
        }
        Ok(review) => Some(match stored::check(review.request.resource.object()) {
            Ok(()) => AdmissionResponse::allow(review.uid),
            Err(problem) => AdmissionResponse::deny(review.uid, &problem),
        }),
    };
    match response {
        Some(response) => json(response.to_review().to_string()),
        None => (StatusCode::BAD_REQUEST, "found no admission review\n").into_response(),
    }
}

/// Answers Gatekeeper about images, each as if a Pod were created that runs it.
async fn provide(State(webhook): State<Webhook>, request: Request, answer: ProviderAnswer) -> Response {
    let Ok(_permit) = webhook.others.try_acquire() else { return busy() };
    let query = request.uri().query().filter(|query| query.contains("timeout="));
    let until = query.map_or_else(|| Deadline::after(PROVIDER), |query| Deadline::of_webhook(Some(query)));
    let body = match webhook.read(request).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let keys = match ProviderRequest::from_json(&body) {
        Ok(request) => request.keys,
        Err(error) => return json(ProviderAnswer::system_error(&error).to_string()),
    };
    let gate = &webhook.gate;
    let judge = async |key: String| match ProviderRequest::request(&key) {
        Ok(request) => {
            let judging = gate.judge(request.clone(), until);
            let left = until.left().unwrap_or_default();
            let verdict = tokio::time::timeout(left, judging).await.ok().flatten();
            answer.item(&key, &request, verdict.as_ref())
        }
        Err(error) => ProviderAnswer::failed(&key, &Reasons(&error).to_string()),
    };
    let items: Vec<_> = futures_util::stream::iter(keys).map(judge).buffered(PROVIDER_WIDTH).collect().await;
    json(ProviderAnswer::response(&items).to_string())
}

fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "busy, try again\n").into_response()
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl Webhook {
    /// Reads a review and judges it, by a deadline that begins before it is read.
    async fn review(&self, request: Request) -> Result<Reviewed, Response> {
        let until = Deadline::of_webhook(request.uri().query());
        Ok(self.gate.review(&self.read(request).await?, until).await)
    }

    /// Reads a body. What cannot be read is answered with an error, by which the API server follows the `failurePolicy`.
    async fn read(&self, request: Request) -> Result<Bytes, Response> {
        let reading = async {
            let permit = self.bodies.acquire().await;
            let body = to_bytes(request.into_body(), MAX_BODY_LEN).await;
            drop(permit);
            body
        };
        match tokio::time::timeout(BODY, reading).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => {
                Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too long, or ended early\n").into_response())
            }
            Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long\n").into_response()),
        }
    }
}

fn answer(reviewed: &Reviewed) -> Response {
    let Some(response) = &reviewed.response else {
        return (StatusCode::BAD_REQUEST, "found no admission review\n").into_response();
    };
    let reason = response.status.as_ref().and_then(|status| status["message"].as_str());
    if let (Some(review), false) = (&reviewed.review, response.allowed) {
        let resource = review.request.resource.id().to_string();
        tracing::info!(uid = response.uid, resource, reason, "denied");
    }
    json(response.to_review().to_string())
}

/// Until the process is asked to end: SIGTERM, as Kubernetes sends it, or an interrupt.
pub async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        futures_util::future::select(Box::pin(interrupted), Box::pin(terminated.recv())).await;
        return;
    }
    let _ = interrupted.await;
}

/// Serves routes over TLS until `shutdown` is over; then it says that it is not ready, waits five seconds for endpoints to learn that, and
/// answers what was asked.
///
/// # Errors
/// If TLS cannot be configured, or the socket fails.
pub async fn serve(
    listener: TcpListener,
    certificate: ServerCertificate,
    provider: Arc<rustls::crypto::CryptoProvider>,
    routes: Router,
    is_ready: Arc<AtomicBool>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut tls = tls
        .map_err(std::io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate.clone()));
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (connections, accepting) = Connections::accept(listener, tls)?;
    let fresh = tokio::spawn(certificate.keep_fresh());
    let (draining, drained) = oneshot::channel::<()>();
    let shutdown = async move {
        shutdown.await;
        is_ready.store(false, Ordering::Relaxed);
        tokio::time::sleep(DRAIN).await;
        accepting.abort();
        drop(draining);
    };
    let served = axum::serve(connections, routes).with_graceful_shutdown(shutdown).into_future();
    // A client that neither asks nor goes does not keep it from ending.
    let ended = async {
        let _ = drained.await;
        tokio::time::sleep(END).await;
    };
    let served = match select(pin!(served), pin!(ended)).await {
        Either::Left((served, _)) => served,
        Either::Right(_) => Ok(()),
    };
    fresh.abort();
    served
}

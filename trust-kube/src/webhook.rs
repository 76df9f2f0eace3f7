//! The routes that an API server asks, and the server that serves them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use trust_gate::{Deadline, Gate, Reviewed};

use crate::certificate::ServerCertificate;
use crate::metrics::to_prometheus;
use crate::observer::Observer;

/// The largest review of which it is still read which one it is, so that it is denied and not left to the `failurePolicy`.
const MAX_BODY_LEN: usize = 12 << 20;
/// What a client may take to say hello.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that said hello and wait to be taken.
const MAX_WAITING: usize = 256;
/// How long endpoints take to learn that a server is not ready any more.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
struct Webhook {
    gate: Gate,
    observers: Arc<[Arc<dyn Observer>]>,
    is_ready: Arc<AtomicBool>,
}

/// The routes: `/validate` and `/mutate` for the API server, `/healthz`, `/readyz` and `/metrics` for those who look after it. `/mutate`
/// pins what was verified; `/validate` answers without a patch. Observers are told of what `/validate` judges, and of what `/mutate`
/// denies, which `/validate` is not asked: of each object once.
///
/// `is_ready` says what `/readyz` does: set it when policies and trust are there, and clear it before the server ends.
pub fn webhook(gate: Gate, observers: Vec<Arc<dyn Observer>>, is_ready: Arc<AtomicBool>) -> Router {
    let webhook = Webhook { gate, observers: observers.into(), is_ready };
    Router::new()
        .route("/validate", post(validate))
        .route("/mutate", post(mutate))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(MAX_BODY_LEN))
        .with_state(webhook)
}

async fn validate(State(webhook): State<Webhook>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let mut reviewed = webhook.gate.review(&body, Deadline::of_webhook(query.as_deref())).await;
    webhook.observers.iter().for_each(|one| one.reviewed(&reviewed));
    // The API server takes no patch from a validating webhook.
    if let Some(response) = &mut reviewed.response {
        response.patch = None;
    }
    answer(&reviewed)
}

async fn mutate(State(webhook): State<Webhook>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let reviewed = webhook.gate.review(&body, Deadline::of_webhook(query.as_deref())).await;
    if reviewed.response.as_ref().is_some_and(|response| !response.allowed) {
        webhook.observers.iter().for_each(|one| one.reviewed(&reviewed));
    }
    answer(&reviewed)
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
    let body = response.to_review().to_string();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn ready(State(webhook): State<Webhook>) -> Response {
    match webhook.is_ready.load(Ordering::Relaxed) {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

async fn metrics(State(webhook): State<Webhook>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (headers, to_prometheus(webhook.gate.metrics())).into_response()
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

/// Serves routes over TLS until `shutdown` is over; then it says that it is not ready, waits until no one asks any more, and answers what
/// was asked.
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
    let fresh = tokio::spawn(certificate.keep_fresh());
    let address = listener.local_addr()?;
    let (ready, waiting) = mpsc::channel(MAX_WAITING);
    let accepting = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), ready));
    let drained = async move {
        shutdown.await;
        is_ready.store(false, Ordering::Relaxed);
        tokio::time::sleep(DRAIN).await;
    };
    let served = axum::serve(Connections { waiting, address }, routes).with_graceful_shutdown(drained).await;
    accepting.abort();
    fresh.abort();
    served
}

/// Shakes hands with each client beside the others: one that says nothing keeps no one waiting.
async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, for example: others are answered meanwhile.
                tracing::warn!(%error, "a connection is not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, ready) = (tls.clone(), ready.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                let _ = ready.send((stream, address)).await;
            }
        });
    }
}

/// Connections that said hello.
struct Connections {
    waiting: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Listener for Connections {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.waiting.recv().await {
            Some(connection) => connection,
            None => core::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

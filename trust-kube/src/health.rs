//! The routes for liveness, readiness and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

/// The routes `/healthz`, `/readyz` and `/metrics`. `is_ready` says what the second does; `numbers` makes the third, in Prometheus' text
/// format.
pub fn health(
    is_ready: Arc<AtomicBool>,
    numbers: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Router {
    let ready = async move || match is_ready.load(Ordering::Relaxed) {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    };
    let metrics = async move || ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], numbers());
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// Serves routes without TLS, for a program that serves nothing else, such as a watch. Drop the future to end it.
///
/// # Errors
/// If the socket fails.
pub async fn serve_health(listener: TcpListener, routes: Router) -> std::io::Result<()> {
    axum::serve(listener, routes).await
}

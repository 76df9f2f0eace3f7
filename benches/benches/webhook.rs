//! The webhook under load, over TLS and HTTP/2 as an API server asks: 100, 500 and 1,000 requests a second one after the other, or `--rate N`, each for
//! 60 seconds or `--seconds N`. What is needed is at hand, as it is after the first Pod of an image. Requests are sent when they are due, however
//! long answers take, and by the same two threads that answer them.
//!
//! Prints how many were answered a second, how long one half and 99 of 100 took, and how much memory the process holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // a benchmark may

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;
use trust_benches::data;
use trust_benches::load::{memory, option, resident};
use trust_gate::{Cached, Deadline, Gate, Http, HttpRequest, Method, Reach, Transport};
use trust_kube::{ServerCertificate, serve, webhook};
use trust_policy::{PolicySet, Trust};

/// Serves a webhook for as long as the runtime lives, and makes a client that trusts it.
async fn serving() -> (Arc<Http>, String) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let provider = Arc::new(default_provider());
    let certificate = ServerCertificate::open(certificate, key, provider.clone()).unwrap();
    let policies = std::fs::read_to_string(data().join("policies/require-release-key.yaml")).unwrap();
    let policies = PolicySet::from_yaml(&policies).unwrap();
    let gate = Gate::new(policies, Trust::keys_only(), Cached::new(memory()));
    let is_ready = Arc::new(AtomicBool::new(true));
    let routes = webhook(gate, Vec::new(), is_ready.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, certificate, provider.clone(), routes, is_ready, core::future::pending()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let tls =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let http = Http::new(tls.with_root_certificates(roots).with_no_client_auth()).unwrap();
    (Arc::new(http), format!("https://{address}/validate?timeout=10s"))
}

/// Asks about one Pod, and says how long the answer took since the request was due.
async fn ask(http: Arc<Http>, url: String, number: u64, due: Instant) -> Duration {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{number}"), "namespace": "shop"},
        "spec": {"containers": [{"name": "c", "image": "ghcr.io/myorg/app:signed"}]}});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": number.to_string(), "operation": "CREATE", "object": pod}});
    let mut request = HttpRequest::get(url.parse().unwrap(), 1 << 20, Reach::Private);
    (request.method, request.body) = (Method::Post, review.to_string().into_bytes());
    request.headers.push(("content-type", "application/json".to_owned()));
    let answer = http.send(request, Deadline::after(Duration::from_secs(10))).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["response"]["allowed"], true, "{answer}");
    due.elapsed()
}

async fn load(http: &Arc<Http>, url: &str, rate: u64, seconds: u64) {
    let start = Instant::now();
    let asking = (0..rate * seconds).map(|number| {
        let due = start + Duration::from_secs_f64(number as f64 / rate as f64);
        let (http, url) = (http.clone(), url.to_owned());
        async move {
            tokio::time::sleep_until(due).await;
            ask(http, url, number, due).await
        }
    });
    let tasks: Vec<_> = asking.map(tokio::spawn).collect();
    let mut times = Vec::with_capacity(tasks.len());
    for task in tasks {
        times.push(task.await.unwrap());
    }
    let answered = times.len() as f64 / start.elapsed().as_secs_f64();
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{rate} a second for {seconds} s: answered {answered:.0} a second, p50 {:?}, p99 {:?}, all {:?}, {} MiB held",
        at(0.5),
        at(0.99),
        at(1.0),
        resident() >> 20
    );
}

fn main() {
    let is_test = std::env::args().any(|one| one == "--test");
    let rates = option("--rate").map_or_else(|| vec![100, 500, 1_000], |rate| vec![rate]);
    let seconds = option("--seconds").unwrap_or(if is_test { 1 } else { 60 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (http, url) = serving().await;
        for number in 0..100 {
            ask(http.clone(), url.clone(), number, Instant::now()).await; // warm
        }
        for rate in rates {
            load(&http, &url, rate, seconds).await;
        }
    });
}

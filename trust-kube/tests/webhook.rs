//! The routes, over TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trust_gate::{
    Deadline, Gate, Http, HttpRequest, HttpResponse, Method, OciLayout, Reach, Repositories, Transport,
};
use trust_kube::{ServerCertificate, serve, webhook};
use trust_policy::{PolicySet, Trust};

const POLICY: &str = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: ours}\nspec:\n  validationFailureAction: Enforce\n  \
    rules:\n  - name: images\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    \
    validate: {pattern: {spec: {containers: [{image: \"ghcr.io/*\"}]}}}\n";

type Made = rcgen::CertifiedKey<rcgen::KeyPair>;

fn made() -> Made {
    rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap()
}

fn write(folder: &Path, made: &Made) {
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What a client is configured with that trusts these.
fn tls(trusted: &[CertificateDer<'static>]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for one in trusted {
        roots.add(one.clone()).unwrap();
    }
    let tls = rustls::ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    tls.unwrap().with_root_certificates(roots).with_no_client_auth()
}

/// A client without connections.
fn client(trusted: &[CertificateDer<'static>]) -> Http {
    Http::new(tls(trusted)).unwrap()
}

struct Server {
    address: String,
    certificate: ServerCertificate,
    is_ready: Arc<AtomicBool>,
    stop: tokio::sync::oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

fn gate() -> Gate {
    Gate::new(PolicySet::from_yaml(POLICY).unwrap(), Trust::keys_only(), Repositories::new())
}

async fn server(folder: &Path) -> Server {
    server_of(folder, gate()).await
}

/// A test of a server, by a client that trusts it.
fn with_server(gate: Gate, test: impl AsyncFnOnce(Server, Http)) {
    let folder = tempfile::tempdir().unwrap();
    let own = made();
    write(folder.path(), &own);
    run(async {
        let server = server_of(folder.path(), gate).await;
        test(server, client(&[own.cert.der().clone()])).await;
    });
}

async fn server_of(folder: &Path, gate: Gate) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let certificate =
        ServerCertificate::open(folder.join("tls.crt"), folder.join("tls.key"), provider()).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let is_ready = Arc::new(AtomicBool::new(true));
    let routes = webhook(gate, vec![], is_ready.clone());
    let stopped = async { drop(stopped.await) };
    let serving = serve(listener, certificate.clone(), provider(), routes, is_ready.clone(), stopped);
    Server { address, certificate, is_ready, stop, serving: tokio::spawn(serving) }
}

fn review(image: &str) -> Vec<u8> {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"},
        "spec": {"containers": [{"name": "c", "image": image}]}});
    let request = json!({"uid": "u", "operation": "CREATE", "object": pod});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
        .into_bytes()
}

async fn ask(client: &Http, address: &str, path: &str, body: Option<Vec<u8>>) -> HttpResponse {
    let url = format!("https://{address}{path}").parse().unwrap();
    let mut request = HttpRequest::get(url, 1 << 20, Reach::Private);
    if let Some(body) = body {
        (request.method, request.body) = (Method::Post, body);
    }
    client.send(request, Deadline::after(Duration::from_secs(10))).await.unwrap()
}

async fn allowed(client: &Http, address: &str, image: &str) -> bool {
    let answer = ask(client, address, "/validate?timeout=5s", Some(review(image))).await;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["response"]["uid"], "u");
    answer["response"]["allowed"].as_bool().unwrap()
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// What a policy or a trust root is answered that is to be stored.
async fn stored(client: &Http, address: &str, operation: &str, object: Value) -> Value {
    let request = json!({"uid": "u", "operation": operation, "object": object});
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    let answer = ask(client, address, "/policies", Some(review.to_string().into_bytes())).await;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["response"].clone()
}

#[test]
fn what_cannot_be_read_is_not_to_be_stored() {
    with_server(gate(), async |server, client| {
        let policy = |require: Value| {
            json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": "p"},
                "spec": {"images": ["**"], "require": require}, "status": {"conditions": []}})
        };
        let root = |root: Value| json!({"apiVersion": "trust.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "r"}, "spec": {"trustedRoot": root}});
        let empty = json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"});
        for (operation, object, problem) in [
            ("CREATE", policy(json!({"registries": ["ghcr.io/**"]})), ""),
            ("UPDATE", policy(json!({"registry": ["ghcr.io/**"]})), "spec.require.registry"),
            ("CREATE", policy(json!({})), "spec.require"),
            ("CREATE", root(json!("text")), "spec.trustedRoot"),
            ("CREATE", root(json!({"mediaType": "text/plain"})), "spec.trustedRoot"),
            ("CREATE", root(empty), ""),
            ("CREATE", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}), "apiVersion"),
        ] {
            let response = stored(&client, &server.address, operation, object.clone()).await;
            assert_eq!(response["allowed"], problem.is_empty(), "{object}: {response}");
            let message = response["status"]["message"].as_str().unwrap_or_default();
            assert!(message.contains(problem), "{object}: {message}");
        }
        let answer = ask(&client, &server.address, "/policies", Some(b"{}".to_vec())).await;
        assert_eq!(answer.status, 400);
    });
}

#[test]
fn gatekeeper_is_answered_about_each_image() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data");
    let policies = std::fs::read_to_string(format!("{data}/policies/require-release-key.yaml")).unwrap();
    let layout = OciLayout::open(format!("{data}/images")).unwrap();
    let mut repositories = Repositories::new();
    repositories.insert("ghcr.io/myorg/app".parse().unwrap(), layout);
    let gate = Gate::new(PolicySet::from_yaml(&policies).unwrap(), Trust::keys_only(), repositories);
    with_server(gate, async |server, client| {
        let ask_about = async |path: &str, body: Value| {
            let answer = ask(&client, &server.address, path, Some(body.to_string().into_bytes())).await;
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(answer["kind"], "ProviderResponse");
            assert_eq!(answer["response"]["idempotent"], true);
            answer["response"].clone()
        };
        let keys = [
            "[shop]ghcr.io/myorg/app:signed",
            "[shop]ghcr.io/myorg/app:unsigned",
            "[shop",
            "[shop]docker.io/nginx",
        ];
        let request = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": keys}});
        for (path, pointer) in [("/provider", "/value/image"), ("/provider/mutate", "/value")] {
            let response = ask_about(path, request.clone()).await;
            let items = response["items"].as_array().unwrap();
            assert_eq!(items.iter().map(|item| item["key"].as_str().unwrap()).collect::<Vec<_>>(), keys);
            let pinned = items[0].pointer(pointer).unwrap().as_str().unwrap();
            assert!(pinned.starts_with("ghcr.io/myorg/app:signed@sha256:"), "{pinned}");
            assert_eq!(items[0]["error"], "");
            for (item, error) in items[1..].iter().zip([
                "found no signature",
                "found key `[shop`",
                "no rule about images applies",
            ]) {
                assert!(item["value"].is_null() && item["error"].as_str().unwrap().contains(error), "{item}");
            }
        }
        let response = ask_about("/provider", json!({"kind": "Pod"})).await;
        assert!(!response["systemError"].as_str().unwrap().is_empty());
    });
}

#[test]
fn each_route_answers_what_it_is_for() {
    with_server(gate(), async |server, client| {
        // No rule is about images, so the images are uncovered.
        assert!(!allowed(&client, &server.address, "docker.io/library/nginx").await);
        let answer = ask(&client, &server.address, "/validate", Some(b"{}".to_vec())).await;
        assert_eq!(answer.status, 400);
        let answer = ask(&client, &server.address, "/validate", Some(vec![b' '; 13 << 20])).await;
        assert_eq!(answer.status, 413);
        let long = [review("a"), vec![b' '; 4 << 20]].concat();
        let answer = ask(&client, &server.address, "/validate", Some(long)).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["response"]["allowed"], false, "what is too long to be judged is denied by name");
        let metrics = ask(&client, &server.address, "/metrics", None).await;
        let metrics = String::from_utf8(metrics.body).unwrap();
        assert!(metrics.contains("trust_reviews_total{outcome=\"unreadable\"} 2\n"), "{metrics}");
        assert!(metrics.contains("trust_review_duration_seconds_bucket{le=\"+Inf\"} 3\n"), "{metrics}");
        assert_eq!(ask(&client, &server.address, "/healthz", None).await.status, 200);
        assert_eq!(ask(&client, &server.address, "/readyz", None).await.status, 200);
        server.is_ready.store(false, Ordering::Relaxed);
        assert_eq!(ask(&client, &server.address, "/readyz", None).await.status, 503);
        assert_eq!(ask(&client, &server.address, "/other", None).await.status, 404);
        drop(server.stop);
        let end = Instant::now();
        server.serving.await.unwrap().unwrap();
        assert!(end.elapsed() >= Duration::from_secs(5), "requests that are on the way are answered");
    });
}

#[test]
fn a_certificate_is_replaced_while_requests_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (made(), made());
    write(folder.path(), &first);
    run(async {
        let server = server(folder.path()).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let (address, is_over) = (server.address.clone(), is_over.clone());
                let trusted = [&first, &second].map(|one| one.cert.der().clone());
                tokio::spawn(async move {
                    let mut count = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        // Each has connections of its own.
                        let client = client(&trusted);
                        assert!(!allowed(&client, &address, "a").await);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        // A pair that does not belong together is not taken.
        std::fs::write(folder.path().join("tls.crt"), second.cert.pem()).unwrap();
        server.certificate.refresh().unwrap_err();
        assert!(!allowed(&client(&[first.cert.der().clone()]), &server.address, "a").await);
        write(folder.path(), &second);
        assert!(server.certificate.refresh().unwrap());
        assert!(!server.certificate.refresh().unwrap());
        assert!(!allowed(&client(&[second.cert.der().clone()]), &server.address, "a").await);
        tokio::time::sleep(Duration::from_millis(300)).await;
        is_over.store(true, Ordering::Relaxed);
        let mut asked = 0;
        for one in asking {
            asked += one.await.unwrap();
        }
        assert!(asked > 20, "{asked}");
    });
}

/// A sink that takes its time.
#[derive(Clone, Debug, Default)]
struct Slow(Arc<std::sync::atomic::AtomicUsize>);

impl trust_kube::EventSink for Slow {
    fn deliver<'a>(
        &'a self,
        _: &'a trust_policy::Event,
    ) -> trust_gate::Boxed<'a, Result<(), trust_kube::SinkError>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
}

#[test]
fn what_was_reviewed_is_told_before_the_end() {
    use trust_kube::{MemoryRecords, Observer, Recorder};
    run(async {
        let (sink, digest) = (Slow::default(), trust_core::Digest::sha256(b"x"));
        let records = Arc::new(MemoryRecords::default());
        let recorder = Recorder::new("c", digest.clone(), digest, records, vec![Arc::new(sink.clone())]);
        let gate = Gate::new(PolicySet::from_yaml(POLICY).unwrap(), Trust::keys_only(), Repositories::new());
        for _ in 0..10 {
            recorder.reviewed(&gate.review(&review("a"), Deadline::after(Duration::from_secs(5))).await);
        }
        assert!(recorder.close(Duration::from_secs(5)).await);
        assert_eq!((sink.0.load(Ordering::Relaxed), recorder.lost()), (10, 0));
        // What comes after that is counted.
        recorder.reviewed(&gate.review(&review("a"), Deadline::after(Duration::from_secs(5))).await);
        assert_eq!(recorder.lost(), 1);
    });
}

#[test]
fn a_silent_client_delays_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let own = made();
    write(folder.path(), &own);
    run(async {
        let server = server(folder.path()).await;
        let mut silent = Vec::new();
        for _ in 0..300 {
            silent.push(tokio::net::TcpStream::connect(&server.address).await.unwrap());
        }
        let start = Instant::now();
        assert!(!allowed(&client(&[own.cert.der().clone()]), &server.address, "a").await);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        // A body that does not come is not waited for.
        let start = Instant::now();
        let mut config = tls(&[own.cert.der().clone()]);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let stream = tokio::net::TcpStream::connect(&server.address).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
        let mut slow =
            tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        slow.write_all(b"POST /validate HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
        let mut answer = vec![0; 12];
        slow.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        // What is no TLS is ended.
        let mut plain = silent.pop().unwrap();
        plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    });
}

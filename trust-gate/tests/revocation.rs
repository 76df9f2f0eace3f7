//! An authority of our own with a responder and lists on loopback: the verdict by level, whatever they answer, and by the deadline.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;
use trust_core::internal::pem;
use trust_core::notation::JWS_MEDIA_TYPE;
use trust_core::revocation::RevocationQuery;
use trust_core::{Digest, UnixTime};
use trust_gate::{Deadline, Http, RevocationServices, RevocationSource, StoreError, collect_revocations};
use trust_policy::{Artifact, Decision, Evidence, ImageEvidence, PolicySet, Trust, Verdict, evaluate};
use trust_testkit::judge::{evidence, image_at, pod, request};
use trust_testkit::notation::{Notation, leaf_extensions};
use trust_testkit::revocation::{Crl, Ocsp, Status, issued, sources};
use trust_testkit::sigstore::{Issuer, Key, basic_constraints, extension, key_usage, oid, seq, tlv};

const IMAGE: &str = "registry.example/acme/app:v1";
const MANIFEST: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;
const HOUR: i64 = 3_600_000;

/// What is answered at a path.
#[derive(Clone)]
enum Answer {
    Bytes(Vec<u8>),
    Status(u16),
    /// Nothing, for this long.
    Late(Duration),
    /// More than is read.
    Endless,
}

/// A server on loopback that answers as it is told.
struct Server {
    address: String,
    answers: Arc<Mutex<BTreeMap<&'static str, Answer>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (answers, asked) = (Arc::<Mutex<BTreeMap<_, _>>>::default(), Arc::<AtomicUsize>::default());
        let server = Self { address, answers: answers.clone(), asked: asked.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, asked) = (answers.clone(), asked.clone());
                thread::spawn(move || {
                    asked.fetch_add(1, SeqCst);
                    let _ = serve(&mut stream.unwrap(), &answers);
                });
            }
        });
        server
    }

    fn at(&self, path: &'static str, answer: Answer) {
        self.answers.lock().unwrap().insert(path, answer);
    }
}

fn serve(stream: &mut TcpStream, answers: &Mutex<BTreeMap<&'static str, Answer>>) -> std::io::Result<()> {
    let mut head = [0; 4096];
    let read = stream.read(&mut head)?;
    let text = String::from_utf8_lossy(&head[..read]).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let answer = answers.lock().unwrap().get(path.as_str()).cloned().unwrap_or(Answer::Status(404));
    match answer {
        Answer::Bytes(bytes) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bytes.len()
            )?;
            stream.write_all(&bytes)
        }
        Answer::Status(status) => {
            write!(stream, "HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Answer::Late(time) => {
            thread::sleep(time);
            Ok(())
        }
        Answer::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[0x30; 1 << 16])?;
            }
        }
    }
}

/// An authority, and an image that a holder of its certificate signed.
struct World {
    server: Server,
    root: Key,
    signed: Artifact,
    root_pem: String,
    now: UnixTime,
}

impl World {
    fn new() -> Self {
        let (server, root, leaf) = (Server::new(), Key::p384(80), Key::p256(81));
        let (ocsp, crl) = (format!("{}/ocsp", server.address), format!("{}/crl", server.address));
        let issuer = Issuer { name: "root", key: &root };
        let root_der = issued("root", &root, &issuer, vec![basic_constraints(None), key_usage(0x06)]);
        let extensions = [leaf_extensions(), sources(Some(&ocsp), Some(&crl))].concat();
        let leaf_der = issued("C=US,ST=WA,O=Acme", &leaf, &issuer, extensions);
        let mut envelope = Notation::new(&Digest::sha256(MANIFEST.as_bytes()));
        envelope.describe(MANIFEST, json!({}));
        envelope.chain = vec![leaf_der, root_der.clone()];
        envelope.key = leaf;
        let signed = Artifact {
            location: "referrer".to_owned(),
            media_type: JWS_MEDIA_TYPE.to_owned(),
            annotations: BTreeMap::new(),
            content: envelope.jws().to_string().into_bytes().into(),
        };
        let root_pem = pem::encode("CERTIFICATE", &root_der);
        Self { server, root, signed, root_pem, now: trust_testkit::now() }
    }

    fn issuer(&self) -> Issuer<'_> {
        Issuer { name: "root", key: &self.root }
    }

    fn says(&self, status: Status) -> Answer {
        let (this, next) = (self.now.plus_millis(-HOUR), Some(self.now.plus_millis(HOUR)));
        let (single_extensions, extensions) = (Vec::new(), Vec::new());
        let issuer = self.issuer();
        let answer = Ocsp {
            issuer,
            serial: 7,
            status,
            this,
            next,
            single_extensions,
            extensions,
            by_sha256: false,
            by: None,
        };
        Answer::Bytes(answer.der())
    }

    fn lists(&self, revoked: &[u8]) -> Answer {
        let revoked = revoked.iter().map(|serial| (*serial, Vec::new())).collect();
        let (this, next) = (self.now.plus_millis(-HOUR), Some(self.now.plus_millis(HOUR)));
        Answer::Bytes(Crl { issuer: self.issuer(), this, next, revoked, extensions: Vec::new() }.der())
    }

    fn policies(&self, level: &str) -> PolicySet {
        let notation = json!({"certificates": self.root_pem, "trustedIdentities": ["*"], "level": level});
        let policy = json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": "p"},
            "spec": {"images": ["registry.example/**"], "signers": {"acme": {"notation": notation}},
                "require": {"signatures": {"from": ["acme"]}}}});
        PolicySet::from_yaml(&policy.to_string()).unwrap()
    }

    /// The verdict at a level, with what this source answers.
    fn judge(&self, level: &str, source: &dyn RevocationSource, time: Duration) -> Verdict {
        static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
        RUNTIME.block_on(self.judged(level, source, Deadline::after(time)))
    }

    async fn judged(&self, level: &str, source: &dyn RevocationSource, until: Deadline) -> Verdict {
        let (policies, request) = (self.policies(level), request(pod(IMAGE)));
        let image = ImageEvidence {
            artifacts: vec![self.signed.clone()],
            ..image_at(&Digest::sha256(MANIFEST.as_bytes()))
        };
        let mut found = evidence([(IMAGE, image)], [MANIFEST.to_owned()]);
        collect_revocations(&policies, &request, source, &mut found, self.now, until).await;
        // What was answered is data, and judged again from an archive.
        let archived: Evidence = serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap();
        assert_eq!(archived, found);
        evaluate(&policies, &request, &archived, &Trust::keys_only(), self.now)
    }
}

fn http() -> Http {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    Http::new(tls).unwrap()
}

fn services() -> RevocationServices {
    RevocationServices::new(http()).with_private_host("127.0.0.1")
}

const SOON: Duration = Duration::from_secs(30);

#[test]
fn the_verdict_is_that_of_the_level() {
    let world = World::new();
    let revoked = || Status::Revoked(world.now.plus_millis(-HOUR), 1);
    let good = || world.says(Status::Good);
    let gone = || Answer::Status(500);
    // What the responder answers, what the list, and why the check fails.
    let cases = [
        (good(), gone(), None),
        (world.says(revoked()), world.lists(&[]), Some("is revoked since")),
        (world.says(Status::Unknown), world.lists(&[]), None),
        (world.says(Status::Unknown), world.lists(&[7]), Some("is revoked since")),
        (world.says(Status::Unknown), gone(), Some("does not know the certificate")),
        (gone(), world.lists(&[8]), None),
        (gone(), gone(), Some("it answers with status 500")),
        (Answer::Bytes(b"<html>".to_vec()), Answer::Endless, Some("expected at most")),
        (Answer::Endless, world.lists(&[]), None),
    ];
    for (ocsp, crl, problem) in cases {
        world.server.at("/ocsp", ocsp);
        world.server.at("/crl", crl);
        for (level, denies) in [("strict", problem.is_some()), ("permissive", false), ("audit", false)] {
            let verdict = world.judge(level, &services(), SOON);
            assert_eq!(verdict.decision == Decision::Deny, denies, "{level}: {verdict}");
            match problem {
                None => assert!(
                    verdict.to_string().contains("no certificate up to the trusted one is revoked"),
                    "{verdict}"
                ),
                Some(problem) => {
                    assert!(verdict.to_string().contains(problem), "expected {problem}: {verdict}")
                }
            }
        }
    }
}

#[test]
fn the_deadline_is_kept_for_all_questions_together() {
    let world = World::new();
    world.server.at("/ocsp", Answer::Late(Duration::from_secs(60)));
    world.server.at("/crl", Answer::Late(Duration::from_secs(60)));
    for (level, decision) in [("strict", Decision::Deny), ("permissive", Decision::Allow)] {
        let begin = Instant::now();
        let verdict = world.judge(level, &services(), Duration::from_millis(400));
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        assert_eq!(verdict.decision, decision, "{verdict}");
    }
}

#[test]
fn answers_are_kept_while_they_are_good_and_count() {
    let world = World::new();
    world.server.at("/ocsp", world.says(Status::Good));
    let services = services();
    for _ in 0..3 {
        assert_eq!(world.judge("strict", &services, SOON).decision, Decision::Allow);
    }
    assert_eq!(world.server.asked.load(SeqCst), 1, "it is asked once");
    // CVE-2024-51491 and its like: what is kept and broken does not stay. Someone in between answers once, for a certificate of their own.
    let services = self::services();
    let theirs = World::new();
    world.server.at(
        "/ocsp",
        Answer::Bytes(match theirs.says(Status::Good) {
            Answer::Bytes(mut bytes) => {
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            }
            _ => Vec::new(),
        }),
    );
    assert_eq!(world.judge("strict", &services, SOON).decision, Decision::Deny);
    world.server.at("/ocsp", world.says(Status::Good));
    assert_eq!(world.judge("strict", &services, SOON).decision, Decision::Allow);
}

/// Addresses in certificates are those of strangers until a policy trusts who signed: nothing is asked for others.
#[test]
fn nothing_is_asked_for_those_whom_no_policy_trusts() {
    // The same name, another key.
    let other = Key::p384(82);
    let authority = vec![basic_constraints(None), key_usage(0x06)];
    let root = issued("root", &other, &Issuer { name: "root", key: &other }, authority);
    let world = World { root_pem: pem::encode("CERTIFICATE", &root), ..World::new() };
    let verdict = world.judge("audit", &services(), SOON);
    assert_eq!(world.server.asked.load(SeqCst), 0);
    assert!(verdict.to_string().contains("was not asked"), "{verdict}");
}

/// Answers every query with so many bytes, and counts them.
#[derive(Debug)]
struct Flood(usize, AtomicUsize);

impl RevocationSource for Flood {
    fn answer<'a>(
        &'a self,
        _: &'a RevocationQuery,
        _: Deadline,
    ) -> trust_gate::Boxed<'a, Result<Arc<[u8]>, StoreError>> {
        self.1.fetch_add(1, SeqCst);
        Box::pin(async { Ok(Arc::from(vec![0; self.0])) })
    }
}

/// However many queries a request has, and however long the answers are: what is beyond the limits is a failure that says so.
#[test]
fn queries_and_bytes_of_a_request_are_bounded() {
    let base = World::new();
    let names = |number: u8| {
        let access = |host: u8| {
            let url = format!("http://ocsp.example/{number}/{host}");
            seq(&[oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, url.as_bytes())])
        };
        extension("1.3.6.1.5.5.7.1.1", false, &seq(&(0..8).map(access).collect::<Vec<_>>()))
    };
    let signed = |number: u8| {
        let leaf = Key::p256(100 + number);
        let extensions = [leaf_extensions(), vec![names(number)]].concat();
        let mut envelope = Notation::new(&Digest::sha256(MANIFEST.as_bytes()));
        envelope.describe(MANIFEST, json!({}));
        let root = pem::decode(&base.root_pem, "CERTIFICATE").unwrap();
        envelope.chain = vec![issued("C=US,ST=WA,O=Acme", &leaf, &base.issuer(), extensions), root];
        envelope.key = leaf;
        Artifact { content: envelope.jws().to_string().into_bytes().into(), ..base.signed.clone() }
    };
    let (policies, request) = (base.policies("strict"), request(pod(IMAGE)));
    let collect = |count: u8, flood: &Flood| {
        let artifacts = (0..count).map(signed).collect();
        let image = ImageEvidence { artifacts, ..image_at(&Digest::sha256(MANIFEST.as_bytes())) };
        let mut found = evidence([(IMAGE, image)], [MANIFEST.to_owned()]);
        let collecting =
            collect_revocations(&policies, &request, flood, &mut found, base.now, Deadline::after(SOON));
        Runtime::new().unwrap().block_on(collecting);
        let failed = found.revocations.values().filter_map(|one| Some(one.as_ref().err()?.problem.clone()));
        (found.revocations.len(), failed.collect::<Vec<_>>())
    };
    let many = Flood(1, AtomicUsize::new(0));
    let (answers, failed) = collect(9, &many);
    assert_eq!((answers, failed.len(), many.1.load(SeqCst)), (72, 8, 64));
    assert!(failed[0].contains("has 72 queries, expected at most 64"), "{failed:?}");
    let long = Flood(20 << 20, AtomicUsize::new(0));
    let (answers, failed) = collect(1, &long);
    assert_eq!((answers, failed.len()), (8, 5));
    assert!(failed[0].contains("bytes, expected at most 67108864"), "{failed:?}");
}

/// A private address is not asked unless that is allowed.
#[test]
fn addresses_are_public_unless_more_is_allowed() {
    let world = World::new();
    world.server.at("/ocsp", world.says(Status::Good));
    let public = RevocationServices::new(http());
    let verdict = world.judge("strict", &public, SOON);
    assert_eq!((verdict.decision, world.server.asked.load(SeqCst)), (Decision::Deny, 0), "{verdict}");
    assert!(verdict.to_string().contains("which is not public"), "{verdict}");
}

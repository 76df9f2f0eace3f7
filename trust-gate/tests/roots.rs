//! Trust roots from a TUF repository: fresh, withheld, rolled back, expired, and kept in a folder that others may write.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trust_core::{Digest, UnixTime};
use trust_gate::{
    Boxed, Deadline, Gate, HttpRequest, HttpResponse, Repositories, RootSource, RootSourceError, Roots,
    Transport, TransportError, TufSource, TufSourceError,
};
use trust_policy::{PolicySet, TrustOptions};
use trust_testkit::tuf::{Repository, target};

/// A repository that is served, or not.
#[derive(Clone)]
struct Served(Arc<Mutex<State>>);

struct State {
    repository: Repository,
    root: Vec<u8>,
    is_down: bool,
    asked: Vec<String>,
}

impl core::fmt::Debug for Served {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("TUF repository")
    }
}

impl Transport for Served {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        _: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            if state.is_down {
                return Err(TransportError::Broken { problem: "no network".to_owned() });
            }
            let path = request.url.path().trim_start_matches('/').to_owned();
            state.asked.push(path.clone());
            let content = match path.strip_prefix("targets/") {
                Some(name) => name.ends_with(".trusted_root.json").then(|| state.root.clone()),
                None => state.repository.files.get(&path).cloned(),
            };
            Ok(content
                .map_or(HttpResponse::new(404, vec![], vec![]), |body| HttpResponse::new(200, vec![], body)))
        })
    }
}

fn public_good() -> Vec<u8> {
    trust_core::TrustRoot::PUBLIC_GOOD_JSON.as_bytes().to_vec()
}

fn own_root() -> Vec<u8> {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/trusted-root.json")).unwrap()
}

impl Served {
    fn new(root: Vec<u8>) -> Self {
        let mut repository = Repository::new();
        repository.role("targets").targets = serde_json::json!({"trusted_root.json": target(&root)});
        repository.publish();
        Self(Arc::new(Mutex::new(State { repository, root, is_down: false, asked: vec![] })))
    }

    /// Publishes another root, or the same for so long.
    fn publish(&self, root: Vec<u8>, version: u64, expires: &'static str) {
        let mut state = self.0.lock().unwrap();
        state.root.clone_from(&root);
        state.repository.expires = expires;
        for role in ["timestamp", "snapshot", "targets"] {
            state.repository.role(role).version = version;
        }
        state.repository.role("targets").targets = serde_json::json!({"trusted_root.json": target(&root)});
        state.repository.publish();
    }

    fn down(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    fn asked(&self) -> Vec<String> {
        core::mem::take(&mut self.0.lock().unwrap().asked)
    }

    fn source(&self) -> TufSource {
        let first = self.0.lock().unwrap().repository.files["1.root.json"].clone();
        TufSource::sigstore(self.clone(), "https://tuf.example".parse().unwrap(), first)
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn load(source: RootSource) -> Result<Roots, RootSourceError> {
    run(Roots::load(source, Deadline::after(Duration::from_secs(5))))
}

fn refresh(roots: &Roots) -> Result<bool, RootSourceError> {
    run(roots.refresh(Deadline::after(Duration::from_secs(5))))
}

const FAR: &str = "2036-01-01T00:00:00Z";

#[test]
fn a_new_root_replaces_the_old_one_and_nothing_else_does() {
    let served = Served::new(public_good());
    let roots = load(RootSource::new().tuf(served.source())).unwrap();
    let now = || {
        UnixTime::from_millis(i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
    };
    let digest = || roots.current(now()).unwrap().digest.clone();
    assert_eq!(digest(), Digest::sha256(&public_good()));
    assert!(!refresh(&roots).unwrap());
    served.publish(own_root(), 2, FAR);
    assert!(refresh(&roots).unwrap());
    assert_eq!(digest(), Digest::sha256(&own_root()));
    // Another content than is listed, no network, and what is no trust root: the last good one stays.
    served.publish(public_good(), 3, FAR);
    served.0.lock().unwrap().root = b"{}".to_vec();
    assert!(matches!(refresh(&roots), Err(RootSourceError::Tuf(TufSourceError::Refused { .. }))));
    served.publish(b"no root".to_vec(), 4, FAR);
    assert!(matches!(refresh(&roots), Err(RootSourceError::Root(_))));
    served.down(true);
    assert!(matches!(refresh(&roots), Err(RootSourceError::Tuf(TufSourceError::Unavailable { .. }))));
    assert_eq!(digest(), Digest::sha256(&own_root()));
    assert!(roots.current(now()).unwrap().confirmed.is_some());
    // Nor is a first one taken that cannot be had.
    assert!(load(RootSource::new().tuf(served.source())).is_err());
}

#[test]
fn after_it_has_expired_a_root_is_not_trusted_unless_there_is_grace() {
    let at = |time: &str| time.parse::<UnixTime>().unwrap();
    let served = Served::new(public_good());
    served.publish(public_good(), 2, "2030-01-01T00:00:00Z");
    let roots = load(RootSource::new().tuf(served.source())).unwrap();
    assert!(roots.current(at("2029-12-31T23:59:59Z")).is_ok());
    served.down(true);
    assert!(refresh(&roots).is_err());
    let expired = roots.current(at("2030-01-01T00:00:00Z")).unwrap_err();
    assert!(
        expired.to_string().contains("expired at 2030-01-01T00:00:00Z")
            && expired.to_string().contains("no network"),
        "{expired}"
    );
    served.down(false);
    let patient = load(RootSource::new().tuf(served.source()).with_grace(Duration::from_secs(3600))).unwrap();
    assert!(patient.current(at("2030-01-01T00:59:59Z")).is_ok());
    assert!(patient.current(at("2030-01-01T01:00:00Z")).is_err());
    // A pinned one is trusted until it is replaced.
    assert!(
        load(RootSource::new().pinned(public_good())).unwrap().current(at("2040-01-01T00:00:00Z")).is_ok()
    );
}

#[test]
fn what_was_kept_serves_without_network_and_cannot_be_forged() {
    let served = Served::new(public_good());
    let folder = tempfile::tempdir().unwrap();
    let source = || {
        RootSource::new()
            .tuf(served.source().keeping_in(folder.path()).keeping_targets_in(folder.path().join("targets")))
    };
    load(source()).unwrap();
    served.asked();
    // Nothing but news is asked for.
    load(source()).unwrap();
    assert_eq!(served.asked(), ["2.root.json", "timestamp.json"]);
    served.down(true);
    let roots = load(source()).unwrap();
    let current = roots.current(UnixTime::from_millis(0)).unwrap();
    assert_eq!((current.digest.clone(), current.confirmed), (Digest::sha256(&public_good()), None));
    // A key that is rotated is followed, and kept.
    served.down(false);
    {
        let mut state = served.0.lock().unwrap();
        state.repository.role("root").version = 2;
        state.repository.role("timestamp").seeds = vec![50];
        state.repository.publish_root(&[1]);
        state.repository.role("timestamp").version = 2;
        state.repository.publish();
    }
    load(source()).unwrap();
    served.down(true);
    load(source()).unwrap();
    // What others write there is not believed: a root by other keys, metadata by nobody, a target that is something else.
    let names = [
        "root_history/2.root.json",
        "root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "targets/trusted_root.json",
    ];
    for name in names {
        let file = folder.path().join(name);
        let good = fs::read(&file).unwrap();
        for poison in [b"{}".to_vec(), own_root(), vec![]] {
            fs::write(&file, &poison).unwrap();
            // Without network either it is not needed, or there is no root.
            if let Ok(roots) = load(source()) {
                assert_eq!(
                    roots.current(UnixTime::from_millis(0)).unwrap().digest,
                    Digest::sha256(&public_good()),
                    "{name}"
                );
            }
            served.down(false);
            let roots = load(source()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(
                roots.current(UnixTime::from_millis(0)).unwrap().digest,
                Digest::sha256(&public_good()),
                "{name}"
            );
            served.down(true);
        }
        fs::write(&file, good).unwrap();
    }
}

#[test]
fn what_a_program_accepted_it_does_not_give_up_for_what_is_older() {
    let served = Served::new(public_good());
    let old = served.0.lock().unwrap().repository.clone();
    served.publish(own_root(), 5, FAR);
    // Without a folder.
    let roots = load(RootSource::new().tuf(served.source())).unwrap();
    {
        let mut state = served.0.lock().unwrap();
        state.repository = old;
        state.root = public_good();
    }
    let refused = refresh(&roots).unwrap_err();
    assert!(matches!(&refused, RootSourceError::Tuf(TufSourceError::Refused { .. })), "{refused:?}");
    assert_eq!(roots.current(UnixTime::from_millis(0)).unwrap().digest, Digest::sha256(&own_root()));
}

#[test]
fn several_roots_are_one() {
    let served = Served::new(own_root());
    let both = load(RootSource::new().pinned(public_good()).tuf(served.source())).unwrap();
    let count = |roots: &Roots| {
        let root = roots.current(UnixTime::from_millis(0)).unwrap().root.clone();
        [
            root.certificate_authorities().len(),
            root.transparency_logs().len(),
            root.certificate_logs().len(),
            root.timestamp_authorities().len(),
        ]
    };
    let one = count(&load(RootSource::new().pinned(public_good())).unwrap());
    let other = count(&load(RootSource::new().pinned(own_root())).unwrap());
    let sum: Vec<_> = one.iter().zip(other).map(|(one, other)| one + other).collect();
    assert_eq!(count(&both).to_vec(), sum);
}

#[test]
fn a_gate_says_by_which_root_it_judged() {
    let served = Served::new(public_good());
    let roots = load(RootSource::new().tuf(served.source())).unwrap();
    let about = |roots: Roots| {
        let gate = Gate::builder(PolicySet::default(), trust_policy::Trust::keys_only(), Repositories::new());
        let gate = gate.roots(roots, TrustOptions::default()).unwrap().build();
        let review = br#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "operation": "CREATE",
            "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}}}"#;
        let reviewed = gate.review_blocking(review, Deadline::after(Duration::from_secs(5)));
        reviewed.response.unwrap().audit_annotations["trust-root"].as_str().unwrap().to_owned()
    };
    let text = about(roots);
    assert!(text.starts_with(&format!("{}, confirmed at 2", Digest::sha256(&public_good()))), "{text}");
}

/// Redirects to where it is, and counts who is asked.
#[derive(Debug)]
struct Moved {
    served: Served,
    to: &'static str,
}

impl Transport for Moved {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        until: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        match request.url.host_str() {
            Some("tuf.example") => {
                let to = format!("{}{}", self.to, request.url.path());
                let answer = HttpResponse::new(302, vec![("location".to_owned(), to)], vec![]);
                Box::pin(async { Ok(answer) })
            }
            _ => self.served.send(request, until),
        }
    }
}

#[test]
fn redirects_are_followed_to_safe_urls() {
    let served = Served::new(public_good());
    let first = served.0.lock().unwrap().repository.files["1.root.json"].clone();
    let through = |to| {
        let moved = Moved { served: served.clone(), to };
        load(RootSource::new().tuf(TufSource::sigstore(
            moved,
            "https://tuf.example".parse().unwrap(),
            first.clone(),
        )))
    };
    assert!(through("https://elsewhere.example").is_ok());
    for to in ["http://elsewhere.example", "file://", "https://tuf.example"] {
        let refused = through(to).unwrap_err();
        assert!(
            matches!(refused, RootSourceError::Tuf(TufSourceError::Unavailable { .. })),
            "{to}: {refused:?}"
        );
    }
}

#[test]
fn a_target_is_no_longer_than_is_fetched_and_leads_nowhere_else() {
    let served = Served::new(public_good());
    let find = |name: &'static str, max_len: u64| {
        {
            let mut state = served.0.lock().unwrap();
            state.repository.role("targets").targets = serde_json::json!({name: target(&public_good())});
            for role in ["timestamp", "snapshot", "targets"] {
                state.repository.role(role).version += 1;
            }
            state.repository.publish();
        }
        let source = served.source().with_max_target_len(max_len);
        let (now, until) = ("2026-11-26T00:00:00Z".parse().unwrap(), Deadline::after(Duration::from_secs(5)));
        run(async {
            let mut refreshed = source.refresh(now, until).await?;
            let target = source.find(&mut refreshed.update, name, until).await?;
            source.target(&target, until).await
        })
    };
    let len = public_good().len() as u64;
    assert_eq!(find("trusted_root.json", len), Ok(public_good()));
    let long = find("trusted_root.json", len - 1).unwrap_err();
    assert!(
        matches!(&long, TufSourceError::Refused { source, .. } if source.to_string().contains("expected at most")),
        "{long}"
    );
    served.asked();
    assert!(matches!(find("../../up/trusted_root.json", len), Err(TufSourceError::NoTarget { .. })));
    assert!(served.asked().iter().all(|path| path.ends_with(".json") && !path.contains("up")));
}

#[test]
fn no_root_is_a_root_that_trusts_no_signer() {
    let roots = load(RootSource::new()).unwrap();
    let current = roots.current(UnixTime::from_millis(0)).unwrap();
    assert!(current.root.certificate_authorities().is_empty() && current.root.transparency_logs().is_empty());
    // And what is not UTF-8 is none.
    assert!(matches!(
        load(RootSource::new().pinned([b"{\"mediaType\": \"\xff\"}".to_vec()].concat())),
        Err(RootSourceError::Root(_))
    ));
}

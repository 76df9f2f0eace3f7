//! The gate and its caches: one question for all who ask, an answer by the deadline, and nothing from one that is meant for another.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod memory;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use trust_core::{Digest, TrustRoot};
use trust_gate::{
    Boxed, Cached, Content, Credential, Deadline, EvidenceStore, ForRegistry, Found, Gate, GateBuilder,
    HttpRequest, Item, Limits, Objects, Registry, RegistryHost, Repositories, ReviewOutcome, Reviewed,
    Surroundings, Want, collect_async, collect_for_async,
};
use trust_policy::{FailureKind, PolicySet, Request, Trust, Uncovered};

use crate::memory::{Memory, Reply, run, status, with};

const IMAGE: &str = "ghcr.io/myorg/app:signed";
const PATIENCE: Duration = Duration::from_millis(1500);

fn policies(name: &str) -> PolicySet {
    let path = format!("{}/../examples/data/policies/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    PolicySet::from_yaml(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A review of a pod with so many containers of one image.
fn review(image: &str, containers: usize) -> Vec<u8> {
    let containers: Vec<_> =
        (0..containers).map(|index| json!({"name": format!("c{index}"), "image": image})).collect();
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "operation": "CREATE",
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}}}})
    .to_string()
    .into_bytes()
}

fn cached(memory: &Arc<Memory>) -> Cached<Registry> {
    Cached::new(Registry::builder(memory.clone()).build())
}

/// A gate that wants the release key on images of the registry.
fn gate(memory: &Arc<Memory>) -> Gate {
    builder(memory).build()
}

fn builder(memory: &Arc<Memory>) -> GateBuilder {
    Gate::builder(policies("require-release-key"), Trust::new(TrustRoot::public_good()), cached(memory))
}

fn is_allowed(reviewed: &Reviewed) -> bool {
    reviewed.response.as_ref().unwrap().allowed
}

fn message(reviewed: &Reviewed) -> String {
    reviewed.response.as_ref().unwrap().status.as_ref().unwrap()["message"].as_str().unwrap().to_owned()
}

fn asked(memory: &Memory) -> usize {
    core::mem::take(&mut *memory.log.lock().unwrap()).len()
}

#[test]
fn one_question_serves_all_who_ask() {
    let memory = Arc::new(Memory::new(|_| None));
    let gate = gate(&memory);
    run(async {
        let until = || Deadline::after(PATIENCE);
        let eight = gate.review(&review(IMAGE, 8), until()).await;
        assert!(is_allowed(&eight), "{:?}", eight.response);
        assert_eq!(asked(&memory), 7, "eight containers of one image are one image");
        // Warm, all but the tag is known.
        assert!(is_allowed(&gate.review(&review(IMAGE, 1), until()).await));
        assert_eq!(asked(&memory), 1);
        assert_eq!(gate.metrics().count(ReviewOutcome::Allowed), 2);
    });
    let memory = Arc::new(Memory::new(|_| None));
    let gate = builder(&memory).max_in_flight(100).build();
    run(async {
        let body = review(IMAGE, 1);
        let hundred = join_all((0..100).map(|_| gate.review(&body, Deadline::after(PATIENCE)))).await;
        assert!(hundred.iter().all(is_allowed));
        assert_eq!(asked(&memory), 7, "a hundred cold reviews at once are one");
    });
}

#[test]
fn a_cold_image_costs_four_rounds_and_by_digest_three() {
    const ROUND: Duration = Duration::from_millis(100);
    let slow = |image: &str| {
        let memory = Arc::new(Memory::late(ROUND));
        let registry = Registry::builder(memory).build();
        run(async {
            let start = Instant::now();
            let image = image.parse().unwrap();
            let found = collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)).await;
            assert_eq!(found.artifacts.len(), 1);
            (start.elapsed().as_millis() / ROUND.as_millis(), found.digest.unwrap())
        })
    };
    let (rounds, digest) = slow(IMAGE);
    assert_eq!(rounds, 4);
    assert_eq!(slow(&format!("ghcr.io/myorg/app@{digest}")).0, 3);
}

#[test]
fn the_deadline_is_kept_and_what_is_open_is_named() {
    let hangs = |_: &HttpRequest| Some(Reply::Late(Duration::from_secs(60), Ok(status(200))));
    let memory = Arc::new(Memory::new(hangs));
    let gate = gate(&memory);
    run(async {
        let start = Instant::now();
        let reviewed = gate.review(&review(IMAGE, 1), Deadline::after(Duration::from_millis(800))).await;
        assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
        assert!(!is_allowed(&reviewed));
        let text = message(&reviewed);
        assert!(text.contains(IMAGE) && text.contains("was not answered by the deadline"), "{text}");
        assert_eq!(reviewed.evidence.images[IMAGE].failures[0].kind, FailureKind::TimedOut);
        // With no time at all there is an answer, too.
        let none = gate.review(&review(IMAGE, 1), Deadline::after(Duration::ZERO)).await;
        assert!(!is_allowed(&none));
    });
    // A store that keeps no deadline does not keep the gate.
    #[derive(Debug)]
    struct Never;
    impl EvidenceStore for Never {
        fn fetch<'a>(
            &'a self,
            _: &'a Want,
            _: Deadline,
        ) -> trust_gate::Boxed<'a, Result<Found, trust_gate::StoreError>> {
            Box::pin(core::future::pending())
        }
    }
    let gate = Gate::new(policies("require-release-key"), Trust::keys_only(), Never);
    let start = Instant::now();
    let reviewed = gate.review_blocking(&review(IMAGE, 1), Deadline::after(Duration::from_millis(500)));
    assert!(start.elapsed() < Duration::from_millis(700) && !is_allowed(&reviewed));
}

#[test]
fn what_is_too_much_is_denied_at_once() {
    let memory = Arc::new(Memory::late(Duration::from_millis(200)));
    let gate = builder(&memory).max_in_flight(2).build();
    run(async {
        let body = review(IMAGE, 1);
        let three =
            join_all((0..3).map(|_| gate.review(&body, Deadline::after(Duration::from_secs(5))))).await;
        assert_eq!(three.iter().map(is_allowed).collect::<Vec<_>>(), [true, true, false]);
        assert!(message(&three[2]).contains("busy"));
        assert_eq!(gate.metrics().count(ReviewOutcome::Busy), 1);
        assert_eq!(gate.metrics().times().iter().sum::<u64>(), 3);
    });
}

#[test]
fn what_is_no_review_is_answered_if_it_can_be() {
    let gate = gate(&Arc::new(Memory::new(|_| None)));
    for (body, has_response) in [
        (&b"{}"[..], false),
        (b"\xff", false),
        (br#"{"request": {"uid": "u"}}"#, true),
        (br#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "operation": "CREATE"}}"#, true),
    ] {
        let reviewed = gate.review_blocking(body, Deadline::after(PATIENCE));
        assert_eq!(reviewed.response.is_some(), has_response);
        assert!(reviewed.response.is_none_or(|response| !response.allowed && response.uid == "u"));
    }
    assert_eq!(gate.metrics().count(ReviewOutcome::Unreadable), 4);
}

#[test]
fn a_change_of_policies_or_trust_counts_from_then_on() {
    let memory = Arc::new(Memory::new(|_| None));
    let gate = gate(&memory);
    let ask = || is_allowed(&gate.review_blocking(&review(IMAGE, 1), Deadline::after(PATIENCE)));
    assert!(ask());
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/data/policies/require-release-key.yaml"
    ))
    .unwrap();
    let other_key = trust_testkit::artifacts::pem(9).replace("\\n", "\n");
    let start = text.find("-----BEGIN").unwrap();
    let end = text.find("-----END PUBLIC KEY-----").unwrap() + "-----END PUBLIC KEY-----".len();
    let indent = " ".repeat(start - text[..start].rfind('\n').unwrap() - 1);
    let other = format!(
        "{}{}{}",
        &text[..start],
        other_key.trim().replace('\n', &format!("\n{indent}")),
        &text[end..]
    );
    gate.replace_policies(PolicySet::from_yaml(&other).unwrap());
    assert!(!ask());
    gate.replace_policies(PolicySet::from_yaml(&text).unwrap());
    assert!(ask());
    // A policy that trusts a certificate depends on the root.
    let keyless = "ghcr.io/myorg/app:keyless";
    let root = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/trusted-root.json")).unwrap();
    let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"}, "spec": {
        "validationFailureAction": "Enforce", "rules": [{"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
        "verifyImages": [{"imageReferences": ["*"], "attestors": [{"entries": [{"keyless": {"subject": "*", "issuer": "*",
            "rekor": {"url": "https://rekor.sigstore.dev"}}}]}]}]}]}});
    gate.replace_policies(PolicySet::from_yaml(&policy.to_string()).unwrap());
    gate.replace_trust(Trust::new(TrustRoot::from_json(&root).unwrap()));
    let ask = || gate.review_blocking(&review(keyless, 1), Deadline::after(PATIENCE));
    let reviewed = ask();
    assert!(is_allowed(&reviewed), "{:?}", reviewed.verdict.map(|verdict| verdict.to_string()));
    let annotations = reviewed.response.unwrap().audit_annotations;
    assert_eq!(annotations["trust-root"], Digest::sha256(&root).to_string());
    gate.replace_trust(Trust::keys_only());
    assert!(!is_allowed(&ask()));
}

#[test]
fn errors_are_not_kept_and_absence_only_for_a_while() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = fails.clone();
    let memory = Memory::new(move |request| {
        let is_listing = request.url.path().contains("/referrers/");
        (failing.load(Relaxed) && is_listing).then(|| Reply::Now(Ok(status(403))))
    });
    let memory = Arc::new(memory);
    let gate = gate(&memory);
    let ask = || is_allowed(&gate.review_blocking(&review(IMAGE, 1), Deadline::after(PATIENCE)));
    assert!(!ask());
    fails.store(false, Relaxed);
    assert!(ask());
}

fn blob() -> (Want, Digest) {
    let layout =
        trust_gate::OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images")).unwrap();
    let digest = layout.tag("signed").unwrap().unwrap();
    (Want::new("ghcr.io/myorg/app".parse().unwrap(), Item::Manifest(digest.clone())), digest)
}

#[test]
fn a_hostile_folder_poisons_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (want, digest) = blob();
    let file = folder.path().join("blobs/sha256").join(digest.to_hex());
    let fetch = || {
        let memory = Arc::new(Memory::new(|_| None));
        let content = Content::in_memory(1 << 20).and_in_folder(folder.path(), 1 << 20).unwrap();
        let store = Cached::with_content(Registry::builder(memory.clone()).build(), Arc::new(content));
        let found = run(store.fetch(&want, Deadline::after(PATIENCE))).unwrap();
        assert!(matches!(found, Found::Bytes(bytes) if digest.check(&bytes).is_ok()));
        asked(&memory)
    };
    assert_eq!((fetch(), fetch()), (1, 0), "from the registry, then from the folder");
    for poison in [&b"{}"[..], b""] {
        fs::write(&file, poison).unwrap();
        assert_eq!((fetch(), fetch()), (1, 0), "what is something else is fetched again, and put right");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(fetch(), 1, "what is no file is not read");
    #[cfg(unix)]
    {
        fs::remove_dir(&file).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
        assert_eq!(fetch(), 1, "nor what has no end");
    }
    // It is a layout that others can read.
    assert!(trust_gate::OciLayout::open(folder.path()).is_ok());
}

#[test]
fn a_folder_keeps_no_more_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(|request| {
        let (_, name) = request.url.path().rsplit_once(':')?;
        let index =
            (0..200_u32).find(|index| Digest::sha256(&index.to_be_bytes().repeat(250)).to_hex() == name)?;
        Some(Reply::Now(Ok(trust_gate::HttpResponse::new(200, vec![], index.to_be_bytes().repeat(250)))))
    });
    let content = Content::in_memory(0).and_in_folder(folder.path(), 20_000).unwrap();
    let store = Cached::with_content(Registry::builder(memory).build(), Arc::new(content));
    for index in 0..100_u32 {
        let digest = Digest::sha256(&index.to_be_bytes().repeat(250));
        let want = Want::new("ghcr.io/a/b".parse().unwrap(), Item::Blob { digest, size: 1000 });
        assert!(matches!(run(store.fetch(&want, Deadline::after(PATIENCE))), Ok(Found::Bytes(_))));
    }
    let files = fs::read_dir(folder.path().join("blobs/sha256")).unwrap().count();
    assert!((15..=20).contains(&files), "{files}");
}

#[test]
fn what_one_tenant_may_read_another_may_not() {
    // A registry that knows one of two users.
    let memory = Arc::new(Memory::new(|request| {
        let authorization = request.headers.iter().find(|(name, _)| *name == "authorization");
        match authorization.map(|(_, value)| value.as_str()) {
            Some("Basic b25lOng=") => None,
            Some(_) => Some(Reply::Now(Ok(status(403)))),
            None => Some(Reply::Now(Ok(with(401, "www-authenticate", "Basic realm=\"x\"")))),
        }
    }));
    let store = |user: &str| {
        let credential = Credential::Password { user: user.to_owned(), password: "x".to_owned() };
        let credentials = ForRegistry::new("ghcr.io", credential);
        Cached::new(
            Registry::builder(memory.clone())
                .host("ghcr.io", RegistryHost::new())
                .credentials(credentials)
                .build(),
        )
    };
    let (one, two) = (store("one"), store("two"));
    let find = |store: &Cached<Registry>| {
        let image = IMAGE.parse().unwrap();
        run(collect_async(store, &image, &Limits::default(), Deadline::after(PATIENCE)))
    };
    assert_eq!(find(&one).artifacts.len(), 1);
    assert_eq!(find(&two).digest.unwrap_err().kind, FailureKind::Unauthorized);
    let by_digest = format!("ghcr.io/myorg/app@{}", find(&one).digest.unwrap());
    let image = by_digest.parse().unwrap();
    let found = run(collect_async(&two, &image, &Limits::default(), Deadline::after(PATIENCE)));
    assert_eq!(found.artifacts, []);
    assert!(found.failures.iter().all(|one| one.kind == FailureKind::Unauthorized), "{found:?}");
}

/// Answers after a moment, and counts how many questions are open at once.
#[derive(Debug, Default)]
struct Counting {
    open: AtomicUsize,
    most: AtomicUsize,
    content: Vec<u8>,
}

impl EvidenceStore for Counting {
    fn fetch<'a>(
        &'a self,
        want: &'a Want,
        _: Deadline,
    ) -> trust_gate::Boxed<'a, Result<Found, trust_gate::StoreError>> {
        Box::pin(async move {
            self.most.fetch_max(self.open.fetch_add(1, Relaxed) + 1, Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.open.fetch_sub(1, Relaxed);
            Ok(match &want.item {
                Item::Image => Found::Digest(Digest::sha256(b"image")),
                Item::Tag(_) if !self.content.is_empty() => Found::Bytes(self.content.clone()),
                Item::Referrers(_) => Found::Referrers(vec![]),
                _ => Found::Absent,
            })
        })
    }
}

/// Everything that a request with this number of images needs.
fn collect_many(store: &Counting, images: usize, limits: &Limits) -> trust_policy::Evidence {
    let containers: Vec<_> = (0..images)
        .map(|index| json!({"name": format!("c{index}"), "image": format!("ghcr.io/myorg/app:{index}")}))
        .collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}});
    let request = trust_testkit::judge::request(pod);
    let (policies, objects) = (policies("require-release-key"), Objects::default());
    let (now, until) = ("2026-12-01T00:00:00Z".parse().unwrap(), Deadline::after(Duration::from_secs(20)));
    run(collect_for_async(&policies, &request, store, &objects, limits, now, until))
}

#[test]
fn a_request_with_many_images_leaves_room_for_others() {
    let store = Counting::default();
    let evidence = collect_many(&store, 100, &Limits::default());
    assert_eq!((evidence.images.len(), store.most.load(Relaxed)), (100, 32));
    assert!(evidence.images.values().all(|image| image.failures.is_empty()));
}

#[test]
fn a_request_is_fetched_up_to_its_limit() {
    // A manifest in each of three tags of ten images.
    let content =
        br#"{"schemaVersion": 2, "config": {"mediaType": "c/c", "digest": "", "size": 0}, "layers": []}"#;
    let content =
        String::from_utf8(content.to_vec()).unwrap().replace("\"\"", &format!("\"{}\"", Digest::sha256(b"")));
    let store = Counting { content: content.into_bytes(), ..Counting::default() };
    let too_large = |limit: usize| {
        let mut limits = Limits::default();
        limits.request_len = (store.content.len() * limit) as u64;
        let evidence = collect_many(&store, 10, &limits);
        let failures = evidence.images.into_values().flat_map(|image| image.failures);
        failures.filter(|one| one.kind == FailureKind::TooLarge).count()
    };
    assert_eq!(too_large(30), 0);
    assert!(too_large(29) > 0);
}

/// Knows the labels of one namespace.
#[derive(Debug)]
struct Labels;

impl Surroundings for Labels {
    fn complete<'a>(&'a self, request: &'a mut Request, _: Deadline) -> Boxed<'a, ()> {
        if request.resource.id().namespace == "shop" {
            request.namespace_labels = Some([("stage".to_owned(), "test".to_owned())].into());
        }
        Box::pin(async {})
    }
}

#[test]
fn what_a_review_does_not_say_is_asked_for_and_stays_with_what_was_judged() {
    let policy = "{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {validationFailureAction: Enforce, rules: [\
        {name: r, match: {any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {stage: prod}}}}]}, validate: \
        {message: no, deny: {}}}]}}";
    let policies = PolicySet::from_yaml(policy).unwrap().with_uncovered(Uncovered::Allow);
    let builder = || Gate::builder(policies.clone(), Trust::keys_only(), Repositories::new());
    let of = |namespace: &str| {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": {"containers": []}});
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "operation": "CREATE", "object": pod}})
            .to_string()
            .into_bytes()
    };
    run(async {
        let until = || Deadline::after(PATIENCE);
        assert!(!is_allowed(&builder().build().review(&of("shop"), until()).await), "labels are unknown");
        let gate = builder().surroundings(Labels).build();
        let reviewed = gate.review(&of("shop"), until()).await;
        assert!(is_allowed(&reviewed), "{}", message(&reviewed));
        let labels = reviewed.review.unwrap().request.namespace_labels.clone();
        assert_eq!(labels.unwrap()["stage"], "test", "what is judged again later has them, too");
        assert!(!is_allowed(&gate.review(&of("other"), until()).await));
    });
}

/// Never answers.
#[derive(Debug)]
struct NeverAnswers;

impl Surroundings for NeverAnswers {
    fn complete<'a>(&'a self, _: &'a mut Request, _: Deadline) -> Boxed<'a, ()> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn surroundings_that_do_not_answer_leave_time_to_judge() {
    let memory = Arc::new(Memory::new(|_| None));
    let gate = builder(&memory).surroundings(NeverAnswers).build();
    let reviewed = run(async { gate.review(&review(IMAGE, 1), Deadline::after(PATIENCE)).await });
    assert!(is_allowed(&reviewed), "{}", message(&reviewed));
}

#[test]
fn a_large_review_counts_as_several() {
    let annotations = format!("\"metadata\":{{\"annotations\":{{\"a\":\"{}\"}},", ",".repeat(7_000));
    let text = String::from_utf8(review(IMAGE, 1)).unwrap();
    let large = text.replacen("\"metadata\":{", &annotations, 1);
    assert_ne!(large, text);
    let memory = Arc::new(Memory::new(|_| None));
    let gate = builder(&memory).surroundings(NeverAnswers).max_in_flight(4).build();
    run(async {
        let until = || Deadline::after(PATIENCE);
        let small = review(IMAGE, 1);
        let both = join_all([gate.review(large.as_bytes(), until()), gate.review(&small, until())]).await;
        assert!(is_allowed(&both[0]), "{}", message(&both[0]));
        assert!(message(&both[1]).contains("busy"), "{}", message(&both[1]));
        let both = join_all([gate.review(&small, until()), gate.review(&small, until())]).await;
        assert!(both.iter().all(is_allowed));
        // One that counts as more than there is room for is judged alone.
        let gate = builder(&memory).max_in_flight(2).build();
        assert!(is_allowed(&gate.review(large.as_bytes(), until()).await));
    });
}

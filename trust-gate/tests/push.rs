//! Writing: a tag that others write to, registries that answer wrongly, and layouts that two processes write to.
#![cfg(feature = "registry")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trust_core::{Digest, ImageRef};
use trust_gate::{
    Boxed, Change, Condition, Credential, Deadline, EvidenceStore as _, ForRegistry, Found, HttpRequest,
    HttpResponse, Item, Method, OciLayout, OciLayoutWriter, PushManifest, PushTarget, Pushed, Pusher,
    Registry, StoreError, Tagged, Transport, TransportError, Want,
};

fn image() -> ImageRef {
    "ghcr.io/acme/app:v1".parse().unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A signature on the image.
fn referrer(number: usize) -> PushManifest {
    let manifest = json!({
        "schemaVersion": 2, "artifactType": "application/x", "annotations": {"number": number.to_string()}, "layers": [],
        "subject": {"mediaType": "m", "digest": Digest::sha256(b"image").to_string(), "size": 5},
    });
    PushManifest::new("application/vnd.oci.image.manifest.v1+json", manifest.to_string().into_bytes())
}

fn tag() -> String {
    Digest::sha256(b"image").to_string().replace(':', "-")
}

type Read = Box<dyn Fn(&Memory, usize) + Send + Sync>;
type Write = Box<dyn Fn(&Memory, &PushManifest) -> Option<Result<Pushed, StoreError>> + Send + Sync>;

/// A registry without referrers, in memory.
struct Memory {
    tags: Mutex<HashMap<String, Vec<u8>>>,
    knows_conditions: bool,
    lists: bool,
    /// What happens before a manifest is stored; it may answer in its stead.
    before: Write,
    /// What happens before a tag is read, by how often it was.
    before_read: Read,
    reads: AtomicUsize,
    read_takes: Duration,
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("registry in memory")
    }
}

impl Memory {
    fn new() -> Self {
        Self {
            tags: Mutex::default(),
            knows_conditions: true,
            lists: false,
            before: Box::new(|_, _| None),
            before_read: Box::new(|_, _| {}),
            reads: AtomicUsize::default(),
            read_takes: Duration::from_millis(1),
        }
    }

    fn listed(&self) -> Vec<String> {
        let Some(index) = self.tags.lock().unwrap().get(&tag()).cloned() else { return Vec::new() };
        let index: Value = serde_json::from_slice(&index).unwrap();
        let all = index["manifests"].as_array().unwrap().iter();
        all.map(|one| one["digest"].as_str().unwrap().to_owned()).collect()
    }
}

#[derive(Clone, Debug)]
struct Shared(Arc<Memory>);

impl PushTarget for Shared {
    fn push_blob<'a>(
        &'a self,
        _: &'a ImageRef,
        _: &'a [u8],
        _: Deadline,
    ) -> Boxed<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn push_manifest<'a>(
        &'a self,
        _: &'a ImageRef,
        manifest: &'a PushManifest,
        _: Deadline,
    ) -> Boxed<'a, Result<Pushed, StoreError>> {
        Box::pin(async move {
            let memory = &self.0;
            if let Some(answer) = (memory.before)(memory, manifest) {
                return answer;
            }
            let Some(tag) = &manifest.tag else { return Ok(Pushed::Stored { is_listed: memory.lists }) };
            let mut tags = memory.tags.lock().unwrap();
            let version = tags.get(tag).map(|bytes| Digest::sha256(bytes).to_string());
            let holds = match &manifest.condition {
                Condition::None => true,
                Condition::IsAbsent => version.is_none(),
                Condition::Is(expected) => version.as_ref() == Some(expected),
            };
            if memory.knows_conditions && !holds {
                return Ok(Pushed::Changed);
            }
            tags.insert(tag.clone(), manifest.bytes.clone());
            Ok(Pushed::Stored { is_listed: false })
        })
    }

    fn read_tag<'a>(
        &'a self,
        _: &'a ImageRef,
        tag: &'a str,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Tagged>, StoreError>> {
        Box::pin(async move {
            (self.0.before_read)(&self.0, self.0.reads.fetch_add(1, Relaxed) + 1);
            let found = self.0.tags.lock().unwrap().get(tag).cloned();
            tokio::time::sleep(self.0.read_takes).await;
            Ok(found.map(|bytes| {
                let version = Digest::sha256(&bytes).to_string();
                Tagged::new(bytes, self.0.knows_conditions.then_some(version))
            }))
        })
    }
}

async fn attach_all(memory: &Arc<Memory>, pushers: usize, each: usize) {
    let mut writers = tokio::task::JoinSet::new();
    for pusher in 0..pushers {
        let ours = Pusher::new(Shared(memory.clone()));
        for number in 0..each {
            let ours = ours.clone();
            writers
                .spawn(async move { ours.attach(&image(), &referrer(pusher * each + number), soon()).await });
        }
    }
    writers.join_all().await.into_iter().for_each(|attached| drop(attached.unwrap()));
}

#[test]
fn writers_that_do_not_know_of_each_other_lose_nothing() {
    for knows_conditions in [true, false] {
        let memory = Arc::new(Memory { knows_conditions, ..Memory::new() });
        run(attach_all(&memory, 4, 10));
        let mut listed = memory.listed();
        listed.sort();
        listed.dedup();
        assert_eq!(listed.len(), 40, "conditions: {knows_conditions}");
    }
}

#[test]
fn what_another_writer_took_away_is_written_again() {
    // Another writer, which read before, writes after us: once at the second read; or again at the fifth, when what was written then
    // has been seen twice.
    for writes in [&[2][..], &[2, 5]] {
        let memory = Arc::new(Memory {
            knows_conditions: false,
            before_read: Box::new(move |memory, count| {
                if writes.contains(&count) {
                    let other = json!({"manifests": [{"digest": Digest::sha256(b"other").to_string()}]});
                    memory.tags.lock().unwrap().insert(tag(), other.to_string().into_bytes());
                }
            }),
            ..Memory::new()
        });
        run(attach_all(&memory, 1, 1));
        // The other one writes whether or not it is watched for.
        assert!(writes.iter().all(|at| *at < memory.reads.load(Relaxed)), "{writes:?}");
        let digests = [Digest::sha256(b"other"), referrer(0).digest()].map(|digest| digest.to_string());
        assert_eq!(memory.listed(), digests, "{writes:?}");
    }
}

#[test]
fn a_registry_that_lists_referrers_is_asked_for_no_tag() {
    let memory = Arc::new(Memory { lists: true, ..Memory::new() });
    run(attach_all(&memory, 1, 1));
    assert_eq!((memory.reads.load(Relaxed), memory.listed().len()), (0, 0));
}

#[test]
fn a_tag_that_is_something_else_is_not_replaced() {
    let memory = Arc::new(Memory::new());
    for other in [r#"{"layers": []}"#, "not JSON", r#"{"manifests": 1}"#] {
        memory.tags.lock().unwrap().insert(tag(), other.as_bytes().to_vec());
        let pusher = Pusher::new(Shared(memory.clone()));
        let refused = run(pusher.attach(&image(), &referrer(0), soon())).unwrap_err();
        assert!(matches!(refused, StoreError::Malformed { .. }), "{refused}");
        assert_eq!(memory.tags.lock().unwrap()[&tag()], other.as_bytes());
    }
    let bare = PushManifest::new("m", br#"{"layers": []}"#.to_vec());
    let refused = run(Pusher::new(Shared(memory)).attach(&image(), &bare, soon())).unwrap_err();
    assert!(refused.to_string().contains("no subject"), "{refused}");
}

#[test]
fn a_registry_that_fails_for_a_while_is_asked_again_and_one_that_refuses_is_not() {
    let unavailable =
        || Err(StoreError::Unavailable { what: "w".to_owned(), problem: "DIGEST_INVALID".to_owned() });
    let refused = || Err(StoreError::Unauthorized { what: "w".to_owned(), problem: "no".to_owned() });
    for (failures, is_refused, works) in [(3, false, true), (1_000, false, false), (1, true, false)] {
        let times = Arc::new(AtomicUsize::default());
        let counted = times.clone();
        let memory = Memory {
            before: Box::new(move |_, _| {
                let fails = counted.fetch_add(1, Relaxed) < failures;
                fails.then(|| if is_refused { refused() } else { unavailable() })
            }),
            ..Memory::new()
        };
        let pusher = Pusher::new(Shared(Arc::new(memory)));
        let attached = run(pusher.attach(&image(), &referrer(0), soon()));
        assert_eq!(attached.is_ok(), works, "{attached:?}");
        assert!(times.load(Relaxed) < 10);
    }
}

#[test]
fn what_failed_is_listed_by_no_other_writer() {
    // The first write to the tag is refused, while another writer waits.
    let writes = AtomicUsize::default();
    let memory = Arc::new(Memory {
        before: Box::new(move |_, manifest| {
            let fails = manifest.tag.is_some() && writes.fetch_add(1, Relaxed) == 0;
            fails.then(|| Err(StoreError::Unauthorized { what: "w".to_owned(), problem: "no".to_owned() }))
        }),
        read_takes: Duration::from_millis(300),
        ..Memory::new()
    });
    let pusher = Pusher::new(Shared(memory.clone()));
    run(async {
        let first = pusher.clone();
        let first = tokio::spawn(async move { first.attach(&image(), &referrer(0), soon()).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        pusher.attach(&image(), &referrer(1), soon()).await.unwrap();
        first.await.unwrap().unwrap_err();
    });
    assert_eq!(memory.listed(), [referrer(1).digest().to_string()]);
}

#[test]
fn a_writer_waits_for_its_turn_no_longer_than_it_may() {
    let memory = Arc::new(Memory { read_takes: Duration::from_secs(3), ..Memory::new() });
    let pusher = Pusher::new(Shared(memory));
    run(async {
        let slow = pusher.clone();
        tokio::spawn(async move { slow.attach(&image(), &referrer(0), soon()).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let begun = Instant::now();
        let until = Deadline::after(Duration::from_millis(200));
        let late = pusher.attach(&image(), &referrer(1), until).await.unwrap_err();
        assert!(
            matches!(late, StoreError::TimedOut { .. }) && begun.elapsed() < Duration::from_secs(1),
            "{late}"
        );
    });
}

#[test]
fn without_a_runtime_it_is_an_error_and_no_panic() {
    use futures_util::FutureExt as _;
    let pusher = Pusher::new(Shared(Arc::new(Memory::new())));
    let (image, manifest) = (image(), referrer(0));
    let attached = pusher.attach(&image, &manifest, soon()).now_or_never().unwrap();
    assert!(attached.unwrap_err().to_string().contains("tokio"));
    let updated = pusher.update_tag(&image, "t", "m", soon(), |_| Ok(None)).now_or_never().unwrap();
    assert!(updated.unwrap_err().to_string().contains("tokio"));
    let registry = Registry::builder(Answers(Box::new(|_| panic!("nothing is asked")))).build();
    let pushed = registry.push_blob(&image, b"blob", soon()).now_or_never().unwrap();
    assert!(pushed.unwrap_err().to_string().contains("tokio"));
}

#[test]
fn a_change_may_need_blobs_and_may_refuse() {
    let memory = Arc::new(Memory::new());
    let pusher = Pusher::new(Shared(memory.clone()));
    let change = |found: Option<&[u8]>| {
        Ok(found.is_none().then(|| Change { manifest: b"new".to_vec(), blobs: vec![b"blob".to_vec()] }))
    };
    run(pusher.update_tag(&image(), "t", "m", soon(), change)).unwrap();
    assert_eq!(memory.tags.lock().unwrap()["t"], b"new");
    let refused = run(pusher.update_tag(&image(), "t", "m", soon(), |_| Err("no".to_owned()))).unwrap_err();
    assert!(matches!(refused, StoreError::Malformed { .. }));
}

type Answer = Result<HttpResponse, TransportError>;

/// Answers of a registry.
struct Answers(Box<dyn Fn(&HttpRequest) -> Answer + Send + Sync>);

impl core::fmt::Debug for Answers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("answers")
    }
}

impl Transport for Answers {
    fn send<'a>(&'a self, request: HttpRequest, _: Deadline) -> Boxed<'a, Answer> {
        Box::pin(async move { (self.0)(&request) })
    }
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(HttpResponse::new(status, headers, Vec::new()))
}

/// What becomes of a blob, and what was asked.
fn push_blob(
    answers: impl Fn(&HttpRequest, usize) -> Answer + Send + Sync + 'static,
) -> (Result<(), StoreError>, Vec<String>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let asked = log.clone();
    let answers = Answers(Box::new(move |request| {
        let mut asked = asked.lock().unwrap();
        asked.push(format!("{:?} {}", request.method, request.url));
        answers(request, asked.len())
    }));
    let registry = Registry::builder(answers).build();
    let pushed = run(registry.push_blob(&image(), b"blob", soon()));
    (pushed, log.lock().unwrap().clone())
}

#[test]
fn a_blob_is_uploaded_where_its_registry_says_and_nowhere_else() {
    let at = |location: &'static str| {
        push_blob(move |request, _| match request.method {
            Method::Head => answer(404, &[]),
            Method::Post => answer(202, &[("location", location)]),
            _ => answer(201, &[]),
        })
    };
    let (pushed, asked) = at("/upload?state=1");
    pushed.unwrap();
    let digest = Digest::sha256(b"blob").to_string().replace(':', "%3A");
    assert_eq!(asked[2], format!("Put https://ghcr.io/upload?state=1&digest={digest}"));
    for elsewhere in ["https://evil.example/upload", "http://ghcr.io/upload", "https://ghcr.io:8443/upload"] {
        let (refused, asked) = at(elsewhere);
        assert!(refused.unwrap_err().to_string().contains("another host"), "{elsewhere}");
        assert_eq!(asked.len(), 2, "{elsewhere}");
    }
    let (there, asked) = push_blob(|_, _| answer(200, &[]));
    assert!(there.is_ok() && asked.len() == 1);
}

#[test]
fn an_upload_is_sent_once_and_looked_for_when_its_answer_is_lost() {
    for (is_there, works) in [(200, true), (404, false)] {
        let (pushed, asked) = push_blob(move |request, count| match request.method {
            Method::Head => answer(if count == 1 { 404 } else { is_there }, &[]),
            Method::Post => answer(202, &[("location", "/upload")]),
            _ => Err(TransportError::Broken { problem: "reset".to_owned() }),
        });
        assert_eq!(pushed.is_ok(), works, "{pushed:?}");
        assert_eq!(asked.iter().filter(|one| one.starts_with("Put")).count(), 1, "{asked:#?}");
    }
    let (refused, _) = push_blob(|request, _| match request.method {
        Method::Head => answer(404, &[]),
        _ => answer(403, &[]),
    });
    assert!(refused.unwrap_err().to_string().contains("may not write it"));
}

#[test]
fn a_manifest_is_written_under_its_condition_with_a_token_that_allows_it() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let asked = log.clone();
    let answers = Answers(Box::new(move |request| {
        let header = |wanted: &str| {
            request.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
        };
        asked.lock().unwrap().push((request.url.to_string(), header("if-match"), header("if-none-match")));
        if request.url.path() == "/token" {
            return Ok(HttpResponse::new(200, Vec::new(), br#"{"token": "t"}"#.to_vec()));
        }
        if header("authorization").is_none() {
            let challenge = r#"Bearer realm="https://ghcr.io/token",service="s""#;
            return answer(401, &[("www-authenticate", challenge)]);
        }
        match request.method {
            Method::Get => answer(200, &[("etag", r#"W/"weak""#)]),
            _ if header("if-match").is_some() => answer(412, &[]),
            _ => answer(201, &[("oci-subject", "sha256:00")]),
        }
    }));
    let password = Credential::Password { user: "u".to_owned(), password: "p".to_owned() };
    let registry = Registry::builder(answers).credentials(ForRegistry::new("ghcr.io", password)).build();
    run(async {
        let push = |condition| {
            let manifest = referrer(0).tagged("t", condition);
            let registry = registry.clone();
            async move { registry.push_manifest(&image(), &manifest, soon()).await.unwrap() }
        };
        assert_eq!(push(Condition::IsAbsent).await, Pushed::Stored { is_listed: true });
        assert_eq!(push(Condition::Is("\"v\"".to_owned())).await, Pushed::Changed);
        // A weak one is no version.
        let found = registry.read_tag(&image(), "t", soon()).await.unwrap().unwrap();
        assert_eq!(found.version, None);
    });
    let log = log.lock().unwrap();
    assert!(
        log.iter().any(|(url, ..)| url.contains("scope=repository%3Aacme%2Fapp%3Apull%2Cpush")),
        "{log:#?}"
    );
    assert!(log.iter().any(|(_, _, none_match)| none_match.as_deref() == Some("*")), "{log:#?}");
}

#[test]
fn two_writers_of_a_layout_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writers = [(); 2].map(|()| OciLayoutWriter::open(folder.path()).unwrap());
    std::thread::scope(|scope| {
        for (which, writer) in writers.iter().enumerate() {
            scope.spawn(move || {
                for number in 0..20 {
                    let manifest = referrer(which * 20 + number);
                    run(writer.push_manifest(&image(), &manifest, soon())).unwrap();
                }
            });
        }
    });
    let layout = OciLayout::open(folder.path()).unwrap();
    let want = Want::new(image(), Item::Referrers(Digest::sha256(b"image")));
    let Found::Referrers(found) = run(layout.fetch(&want, soon())).unwrap() else { panic!("no referrers") };
    assert_eq!(found.len(), 40);
}

#[test]
fn a_layout_keeps_its_conditions_and_what_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let writer = OciLayoutWriter::open(folder.path()).unwrap();
    let push = |condition| run(writer.push_manifest(&image(), &referrer(0).tagged("v1", condition), soon()));
    assert_eq!(push(Condition::IsAbsent), Ok(Pushed::Stored { is_listed: true }));
    assert_eq!(push(Condition::IsAbsent), Ok(Pushed::Changed));
    let version = run(writer.read_tag(&image(), "v1", soon())).unwrap().unwrap().version.unwrap();
    assert_eq!(push(Condition::Is("sha256:00".to_owned())), Ok(Pushed::Changed));
    assert_eq!(push(Condition::Is(version)), Ok(Pushed::Stored { is_listed: true }));
    for broken in ["{", r#"{"manifests": 1}"#, r#"{"manifests": [{"digest": "sha256:00"}]}"#] {
        fs::write(folder.path().join("index.json"), broken).unwrap();
        assert!(matches!(push(Condition::None), Err(StoreError::Malformed { .. })), "{broken}");
        assert_eq!(fs::read_to_string(folder.path().join("index.json")).unwrap(), broken);
    }
}

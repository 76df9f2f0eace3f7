//! Registries that fail, lie or attack: nothing is allowed that should not be, absent and unknown are told apart, and the deadline
//! is kept.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use trust_core::Digest;
use trust_gate::{
    Credential, Deadline, ForRegistry, HttpRequest, HttpResponse, Limits, Method, Registry, RegistryHost,
    TransportError, collect, collect_async,
};
use trust_policy::{FailureKind, ImageEvidence};

use crate::memory::{Memory, Reply, listing, run, status, with};

const IMAGE: &str = "ghcr.io/myorg/app:signed";
const PATIENCE: Duration = Duration::from_millis(1500);

fn discover(memory: &Arc<Memory>, image: &str) -> (ImageEvidence, Duration) {
    let registry = Registry::builder(memory.clone()).build();
    run(async {
        let start = Instant::now();
        let until = Deadline::after(PATIENCE);
        let found = collect_async(&registry, &image.parse().unwrap(), &Limits::default(), until).await;
        (found, start.elapsed())
    })
}

/// What is found of a signed image, where each request that `part` names is answered so.
fn under(part: &'static str, fault: impl Fn(&HttpRequest) -> Reply + Send + Sync + 'static) -> ImageEvidence {
    let memory = Memory::new(move |request| request.url.path().contains(part).then(|| fault(request)));
    let (found, time) = discover(&Arc::new(memory), IMAGE);
    assert!(time < PATIENCE + Duration::from_millis(100), "{part}: {time:?}");
    found
}

fn kinds(found: &ImageEvidence) -> Vec<FailureKind> {
    let mut kinds: Vec<_> = found.failures.iter().map(|failure| failure.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn an_image_in_a_registry_is_found_as_in_a_folder() {
    let memory = Arc::new(Memory::new(|_| None));
    let (found, _) = discover(&memory, IMAGE);
    assert_eq!((found.artifacts.len(), found.failures.len()), (1, 0), "{found:?}");
    // Tag, then listings, then manifests, then blobs: of each all at once.
    let log = memory.log.lock().unwrap().clone();
    assert!(log[0].starts_with("Head") && log[0].ends_with("/manifests/signed"), "{log:?}");
    assert_eq!(log.len(), 1 + 4 + 1 + 1, "{log:#?}");
    let by_digest = format!("ghcr.io/myorg/app@{}", found.digest.as_ref().unwrap());
    memory.log.lock().unwrap().clear();
    assert_eq!(discover(&memory, &by_digest).0.artifacts.len(), 1);
    assert_eq!(memory.log.lock().unwrap().len(), 4 + 1 + 1);
    let (absent, _) = discover(&memory, "ghcr.io/myorg/app:absent");
    assert_eq!(absent.digest.unwrap_err().kind, FailureKind::NotFound);
}

/// Each status, at each kind of question: what it means for the image.
#[test]
fn each_status_means_one_thing() {
    use FailureKind::{NotFound, RateLimited, Unauthorized, Unavailable};
    for (code, at_tag, at_listing, at_manifest) in [
        (401, Unauthorized, None, Unauthorized), // without a challenge, a listing says that there is no API
        (403, Unauthorized, Some(Unauthorized), Unauthorized),
        (404, NotFound, None, NotFound),
        (405, Unavailable, None, Unavailable),
        (406, Unavailable, None, Unavailable),
        (400, Unavailable, None, Unavailable),
        (501, Unavailable, None, Unavailable),
        (429, RateLimited, Some(RateLimited), RateLimited),
        (500, Unavailable, Some(Unavailable), Unavailable),
        (503, Unavailable, Some(Unavailable), Unavailable),
        (303, Unavailable, None, Unavailable),
    ] {
        let found = under("/manifests/signed", move |_| Reply::Now(Ok(status(code))));
        assert_eq!(found.digest.clone().unwrap_err().kind, at_tag, "{code}");
        assert_eq!(found.artifacts, [], "{code}");

        let found = under("/referrers/", move |_| Reply::Now(Ok(status(code))));
        assert_eq!(found.failures.first().map(|one| one.kind), at_listing, "{code}: {found:?}");
        assert_eq!(found.artifacts, [], "{code}");

        let found = under("/manifests/sha256:", move |_| Reply::Now(Ok(status(code))));
        assert_eq!(kinds(&found), [at_manifest], "{code}: {found:?}");

        let found = under("/blobs/", move |_| Reply::Now(Ok(status(code))));
        assert_eq!(kinds(&found), [at_manifest], "{code}: {found:?}");
        assert_eq!(found.artifacts, [], "{code}");

        // The tags of signatures: absent is absent, and all else a failure.
        let found = under("/manifests/sha256-", move |_| Reply::Now(Ok(status(code))));
        let expected = if code == 404 { vec![] } else { vec![at_tag] };
        assert_eq!(kinds(&found), expected, "{code}: {found:?}");
    }
}

#[test]
fn what_may_succeed_later_is_tried_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let tried = count.clone();
    let found = under("/referrers/", move |_| match tried.fetch_add(1, Relaxed) {
        0 => Reply::Now(Ok(with(429, "retry-after", "0"))),
        _ => Reply::Now(Ok(HttpResponse::new(200, vec![], listing(&[])))),
    });
    assert_eq!((count.load(Relaxed), found.failures.len()), (2, 0));
    // Not where the registry asks for more time than there is.
    let tried = Arc::new(AtomicUsize::new(0));
    let count = tried.clone();
    let start = Instant::now();
    let found = under("/manifests/signed", move |_| {
        count.fetch_add(1, Relaxed);
        Reply::Now(Ok(with(429, "retry-after", "60")))
    });
    assert!(start.elapsed() < Duration::from_millis(500));
    let failure = found.digest.unwrap_err();
    assert_eq!((tried.load(Relaxed), failure.kind), (1, FailureKind::RateLimited));
    assert!(failure.kind.is_retryable() && failure.problem.contains("try again later"), "{failure}");
    // A connection that breaks is made again, three times in all.
    let tried = Arc::new(AtomicUsize::new(0));
    let count = tried.clone();
    let found = under("/manifests/signed", move |_| {
        count.fetch_add(1, Relaxed);
        Reply::Now(Err(TransportError::Broken { problem: "connection reset".to_owned() }))
    });
    assert_eq!((tried.load(Relaxed), found.digest.unwrap_err().kind), (3, FailureKind::Unavailable));
}

#[test]
fn what_hangs_is_asked_again_and_ends_at_the_deadline() {
    let tried = Arc::new(AtomicUsize::new(0));
    let count = tried.clone();
    let found = under("/manifests/signed", move |_| match count.fetch_add(1, Relaxed) {
        0 => Reply::Late(Duration::from_secs(60), Ok(status(200))),
        _ => Reply::Now(Ok(with(200, "docker-content-digest", &Digest::sha256(b"x").to_string()))),
    });
    assert_eq!((tried.load(Relaxed), found.digest), (2, Ok(Digest::sha256(b"x"))));
    for part in ["/manifests/signed", "/referrers/", "/manifests/sha256-", "/manifests/sha256:", "/blobs/"] {
        let found = under(part, |_| Reply::Late(Duration::from_secs(60), Ok(status(200))));
        assert_eq!(kinds(&found), [FailureKind::TimedOut], "{part}: {found:?}");
        // What hangs beside the signature does not hide it.
        assert_eq!(found.artifacts.len(), usize::from(part == "/manifests/sha256-"), "{part}");
    }
}

#[test]
fn content_is_what_its_digest_says_or_refused() {
    let wrong = |content: &'static [u8]| {
        move |_: &HttpRequest| Reply::Now(Ok(HttpResponse::new(200, vec![], content.to_vec())))
    };
    assert_eq!(kinds(&under("/manifests/sha256:", wrong(b"{}"))), [FailureKind::Tampered]);
    assert_eq!(kinds(&under("/blobs/", wrong(b"short"))), [FailureKind::Tampered]);
    // Longer than its descriptor says, without end.
    assert_eq!(
        kinds(&under("/blobs/", |_| Reply::Now(Ok(HttpResponse::new(200, vec![], vec![0; 1 << 20]))))),
        [FailureKind::Tampered]
    );
    let endless = |_: &HttpRequest| Reply::Now(Ok(HttpResponse::new(200, vec![], vec![b' '; 5 << 20])));
    assert_eq!(kinds(&under("/referrers/", endless)), [FailureKind::TooLarge]);
    assert_eq!(kinds(&under("/manifests/sha256:", endless)), [FailureKind::TooLarge]);
    // Not UTF-8, and image and index at once.
    assert_eq!(kinds(&under("/referrers/", wrong(b"{\"manifests\": [\xff]}"))), [FailureKind::Malformed]);
    let both = br#"{"layers": [], "manifests": [], "config": {}}"#;
    assert_eq!(kinds(&under("/manifests/sha256-", wrong(both))), [FailureKind::Malformed]);
    assert_eq!(kinds(&under("/manifests/sha256-", wrong(b"<html>"))), [FailureKind::Malformed]);
    // A header that names another digest than the content has.
    let lying = |_: &HttpRequest| {
        let header = vec![("docker-content-digest".to_owned(), Digest::sha256(b"other").to_string())];
        Reply::Now(Ok(HttpResponse::new(200, header, br#"{"layers": []}"#.to_vec())))
    };
    assert_eq!(kinds(&under("/manifests/sha256-", lying)), [FailureKind::Tampered]);
}

#[test]
fn a_tag_without_the_header_is_fetched_and_hashed() {
    let content = br#"{"schemaVersion": 2}"#;
    for header in [None, Some("nonsense"), Some("sha256:short")] {
        let found = under("/manifests/signed", move |request| {
            let body = if request.method == Method::Get { content.to_vec() } else { vec![] };
            let headers = header.map(|value| ("docker-content-digest".to_owned(), value.to_owned()));
            Reply::Now(Ok(HttpResponse::new(200, headers.into_iter().collect(), body)))
        });
        assert_eq!(found.digest, Ok(Digest::sha256(content)), "{header:?}");
    }
}

#[test]
fn blobs_are_followed_and_nothing_else_is() {
    // Once to another host, where it is.
    let memory = Memory::new(|request| {
        let url = request.url.to_string();
        if url.starts_with("https://cdn.example/") {
            assert!(request.headers.iter().all(|(name, _)| *name != "authorization"));
            return Some(Reply::Now(Ok(HttpResponse::new(200, vec![], b"elsewhere".to_vec()))));
        }
        url.contains("/blobs/").then(|| Reply::Now(Ok(with(307, "location", "https://cdn.example/x?sig=1"))))
    });
    let memory = Arc::new(memory);
    let (found, _) = discover(&memory, IMAGE);
    assert_eq!(kinds(&found), [FailureKind::Tampered], "it was fetched there, and is something else");
    for (location, kind) in [
        ("https://ghcr.io/v2/myorg/app/blobs/x", FailureKind::Unavailable), // for ever
        ("http://cdn.example/x", FailureKind::Unavailable),
        ("http://169.254.169.254/latest/meta-data", FailureKind::Unavailable),
        ("https://169.254.169.254/latest/meta-data", FailureKind::Forbidden),
        ("https://[::ffff:169.254.169.254]/", FailureKind::Forbidden),
        ("https://127.0.0.1/", FailureKind::Forbidden),
        ("https://localhost/", FailureKind::Forbidden),
        ("https://10.0.0.1/", FailureKind::Forbidden),
        ("file:///etc/passwd", FailureKind::Unavailable),
        ("", FailureKind::Unavailable),
    ] {
        let found = under("/blobs/", move |_| Reply::Now(Ok(with(307, "location", location))));
        assert_eq!((kinds(&found), found.artifacts.len()), (vec![kind], 0), "{location}");
    }
}

#[test]
fn a_reference_leads_to_no_private_address() {
    let memory = Arc::new(Memory::new(|_| None));
    for image in [
        "169.254.169.254/a:b",
        "127.0.0.1:5000/a:b",
        "localhost:5000/a:b",
        "[::1]/a:b",
        "10.1.2.3/a:b",
        "0.0.0.0/a:b",
    ] {
        let failure = discover(&memory, image).0.digest.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Forbidden, "{image}");
        assert!(failure.problem.contains("configured by name"), "{failure}");
    }
    assert!(memory.log.lock().unwrap().is_empty());
    // Configured by name, a private one is asked, but never the cloud's own.
    let registry = Registry::builder(memory.clone())
        .host("127.0.0.1:5000", RegistryHost::new().plain_http())
        .host("169.254.169.254", RegistryHost::new())
        .build();
    let asked = |image: &str| {
        let image = image.parse().unwrap();
        run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)))
            .digest
            .unwrap_err()
            .kind
    };
    assert_eq!(asked("127.0.0.1:5000/a:b"), FailureKind::NotFound);
    assert_eq!(memory.log.lock().unwrap()[0], "Head http://127.0.0.1:5000/v2/a/manifests/b");
    assert_eq!(asked("169.254.169.254/a:b"), FailureKind::Forbidden);
}

#[test]
fn a_listing_that_does_not_end_is_bounded() {
    let page = |digests: Vec<Digest>, link: &str| {
        Reply::Now(Ok(HttpResponse::new(200, vec![("link".to_owned(), link.to_owned())], listing(&digests))))
    };
    let many =
        |from: u32| (from..from + 500).map(|index| Digest::sha256(&index.to_be_bytes())).collect::<Vec<_>>();
    // 10,000 referrers in pages: 1,000 are listed, 100 read.
    let pages = Arc::new(AtomicUsize::new(0));
    let count = pages.clone();
    let found = under("/referrers/", move |_| {
        let page_number = u32::try_from(count.fetch_add(1, Relaxed)).unwrap();
        page(many(page_number * 500), &format!("<?page={page_number}>; rel=next"))
    });
    assert_eq!(pages.load(Relaxed), 3);
    assert!(kinds(&found).contains(&FailureKind::TooLarge), "{:?}", kinds(&found));
    // A page that follows itself, and one on another host.
    for link in ["<>; rel=next", "<?x=1>; rel=next", "<https://evil.example/>; rel=next"] {
        let found = under("/referrers/", move |_| page(vec![], link));
        assert_eq!(kinds(&found), [FailureKind::Malformed], "{link}");
    }
    // All pages count.
    let found = under("/referrers/", move |request| match request.url.query() {
        None => page(vec![], "<?page=2>; rel=next"),
        _ => page(vec![Digest::sha256(b"not there")], ""),
    });
    assert_eq!(kinds(&found), [FailureKind::NotFound]);
    // What fails after the first page is a failure.
    let found = under("/referrers/", move |request| match request.url.query() {
        None => page(vec![], "<?page=2>; rel=next"),
        _ => Reply::Now(Ok(status(404))),
    });
    assert_eq!(kinds(&found), [FailureKind::Unavailable]);
}

fn password(user: &str) -> Credential {
    Credential::Password { user: user.to_owned(), password: "secret".to_owned() }
}

/// A registry that hands out tokens at `realm`, and logs who asked there.
fn with_tokens(realm: &'static str) -> Memory {
    Memory::new(move |request| {
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .map(|(_, value)| value.as_str());
        if request.url.as_str().starts_with(realm) {
            let token =
                format!(r#"{{"token": "t-{}", "expires_in": 300}}"#, authorization.map_or(0, str::len));
            return Some(Reply::Now(Ok(HttpResponse::new(200, vec![], token.into_bytes()))));
        }
        let challenge = format!(r#"Bearer realm="{realm}",service="s""#);
        match authorization {
            Some(bearer) if bearer.starts_with("Bearer t-") && bearer != "Bearer t-0" => None,
            _ => Some(Reply::Now(Ok(with(401, "www-authenticate", &challenge)))),
        }
    })
}

#[test]
fn one_token_serves_all_questions_and_goes_to_nobody_else() {
    let asked = |realm: &'static str, credential: Option<Credential>| {
        let memory = Arc::new(with_tokens(realm));
        let mut builder = Registry::builder(memory.clone());
        if let Some(credential) = credential {
            builder = builder.credentials(ForRegistry::new("ghcr.io", credential));
        }
        let registry = builder.build();
        let image = IMAGE.parse().unwrap();
        let found = run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)));
        let log = memory.log.lock().unwrap().clone();
        (found, log)
    };
    let (found, log) = asked("https://ghcr.io/token", Some(password("me")));
    assert_eq!((found.artifacts.len(), found.failures.len()), (1, 0), "{found:?}");
    let tokens = log.iter().filter(|line| line.contains("/token")).count();
    // The first question is answered by the challenge, and asked again with the token: by it, all others.
    assert_eq!((tokens, log.len()), (1, 2 + 1 + 6), "{log:#?}");
    assert!(
        log.iter().any(|line| line.ends_with("/token?service=s&scope=repository%3Amyorg%2Fapp%3Apull")),
        "{log:#?}"
    );

    let (found, log) = asked("https://evil.example/token", Some(password("me")));
    assert_eq!(found.digest.clone().unwrap_err().kind, FailureKind::Unauthorized);
    assert!(found.digest.unwrap_err().problem.contains("not sent to another owner"), "{log:?}");
    assert!(log.iter().all(|line| !line.contains("evil")), "{log:?}");
    for realm in ["http://ghcr.io/token", "https://169.254.169.254/token", "https://10.0.0.1/"] {
        let (found, log) = asked(realm, None);
        let kind = found.digest.unwrap_err().kind;
        assert!(matches!(kind, FailureKind::Unauthorized | FailureKind::Forbidden), "{realm}: {kind:?}");
        assert_eq!(log.len(), 1, "{log:?}");
    }
    // Without credentials, the token that anybody gets is not enough here.
    let (found, _) = asked("https://ghcr.io/token", None);
    assert_eq!(found.digest.unwrap_err().kind, FailureKind::Unauthorized);
}

#[test]
fn a_token_that_ended_is_asked_for_again() {
    let memory = Memory::new(|request| {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let authorization = request.headers.iter().find(|(name, _)| *name == "authorization");
        match authorization.map(|(_, value)| value.as_str()) {
            _ if request.url.path() == "/token" => {
                let token = format!(r#"{{"access_token": "t{}"}}"#, ASKED.fetch_add(1, Relaxed));
                Some(Reply::Now(Ok(HttpResponse::new(200, vec![], token.into_bytes()))))
            }
            Some("Bearer t1") => None,
            _ => {
                Some(Reply::Now(Ok(with(401, "www-authenticate", r#"Bearer realm="https://ghcr.io/token""#))))
            }
        }
    });
    let memory = Arc::new(memory);
    let registry = Registry::builder(memory.clone()).build();
    let asked = || {
        let image = IMAGE.parse().unwrap();
        run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)))
    };
    assert_eq!(asked().digest.unwrap_err().kind, FailureKind::Unauthorized, "the first token is refused");
    assert_eq!(asked().artifacts.len(), 1, "the second is taken");
}

#[test]
fn passwords_go_to_the_registry_that_they_are_for() {
    let memory = Memory::new(|request| {
        let authorization =
            request.headers.iter().find(|(name, _)| *name == "authorization").map(|(_, value)| value.clone());
        let is_ours = request.url.host_str() == Some("ghcr.io");
        assert!(is_ours || authorization.is_none(), "{request:?}");
        let expected = format!("Basic {}", "bWU6c2VjcmV0");
        match authorization {
            Some(found) if found == expected => None,
            _ => Some(Reply::Now(Ok(with(401, "www-authenticate", "Basic realm=\"x\"")))),
        }
    });
    let memory = Arc::new(memory);
    let registry =
        Registry::builder(memory.clone()).credentials(ForRegistry::new("ghcr.io", password("me"))).build();
    let asked = |image: &str| {
        let image = image.parse().unwrap();
        run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)))
    };
    assert_eq!(asked(IMAGE).artifacts.len(), 1);
    let failure = asked("quay.io/myorg/app:signed").digest.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthorized);
    assert!(failure.problem.contains("wants credentials that were not given"), "{failure}");
}

#[test]
fn a_mirror_is_believed_in_what_it_has_and_the_registry_in_what_there_is() {
    let asked = |host: RegistryHost, fault: fn(&HttpRequest) -> Option<Reply>| {
        let memory = Arc::new(Memory::new(fault));
        let registry = Registry::builder(memory.clone()).host("ghcr.io", host).build();
        let image = IMAGE.parse().unwrap();
        let found = run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)));
        let log = memory.log.lock().unwrap().clone();
        (found, log)
    };
    let url = || "https://mirror.example/cache/".parse().unwrap();
    let mirrored = |fault| asked(RegistryHost::new().mirror(url()), fault);
    let (found, log) = mirrored(|_| None);
    assert_eq!(found.artifacts.len(), 1);
    assert_eq!(log[0], "Head https://mirror.example/cache/v2/myorg/app/manifests/signed?ns=ghcr.io");
    // Which signatures there are, a mirror may not know.
    let listings = |log: &[String]| -> Vec<String> {
        let is_listing = |line: &&String| line.contains("/referrers/") || line.contains("/manifests/sha256-");
        log.iter().filter(is_listing).cloned().collect()
    };
    assert!(listings(&log).iter().all(|line| line.contains("https://ghcr.io/")), "{log:#?}");
    fn of_mirror(request: &HttpRequest, reply: Reply) -> Option<Reply> {
        (request.url.host_str() == Some("mirror.example")).then_some(reply)
    }
    // What it has not, cannot say, or does not say in some of the time, the registry is asked.
    for fault in [
        (|request| of_mirror(request, Reply::Now(Ok(status(404))))) as fn(&HttpRequest) -> Option<Reply>,
        |request| of_mirror(request, Reply::Now(Ok(status(403)))),
        |request| of_mirror(request, Reply::Now(Ok(status(500)))),
        // Something else under every digest.
        |request| {
            let is_content = request.url.path().contains("sha256:");
            let other = HttpResponse::new(200, vec![], b"something else".to_vec());
            of_mirror(request, Reply::Now(Ok(other))).filter(|_| is_content)
        },
    ] {
        let (found, _) = mirrored(fault);
        assert_eq!((found.artifacts.len(), found.failures.len()), (1, 0), "{found:?}");
    }
    let (found, _) =
        mirrored(|request| of_mirror(request, Reply::Late(Duration::from_secs(60), Ok(status(200)))));
    assert!(found.digest.is_ok(), "a mirror that hangs leaves time for the registry: {found:?}");
    // If the registry cannot say either, it is not known.
    let (found, _) = mirrored(|request| {
        of_mirror(request, Reply::Now(Ok(status(404)))).or(Some(Reply::Now(Ok(status(403)))))
    });
    assert_eq!(found.digest.unwrap_err().kind, FailureKind::Unauthorized);
    // What stands in for the registry is believed in everything.
    let (found, log) = asked(RegistryHost::new().at(url()), |_| None);
    assert_eq!((found.artifacts.len(), found.failures.len()), (1, 0));
    assert!(log.iter().all(|line| line.contains("https://mirror.example/cache/v2/")), "{log:#?}");
}

/// Some registries answer so of one image that they do not know, whoever asked for it.
#[test]
fn that_there_is_no_api_is_believed_of_one_question() {
    let missing = Digest::sha256(b"missing");
    let name = missing.to_string();
    let memory = Memory::new(move |request| {
        let is_missing = request.url.path().ends_with(&format!("/referrers/{name}"));
        is_missing.then(|| Reply::Now(Ok(status(404))))
    });
    let memory = Arc::new(memory);
    let registry = Registry::builder(memory).build();
    let find = |image: &str| {
        let image = image.parse().unwrap();
        run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)))
    };
    assert_eq!(find(&format!("ghcr.io/myorg/app@{missing}")).artifacts, []);
    assert_eq!(find(IMAGE).artifacts.len(), 1);
}

#[test]
fn a_mirror_is_told_no_password_of_the_registry() {
    let memory = Memory::new(|request| {
        let is_told = request.headers.iter().any(|(name, _)| *name == "authorization");
        assert!(!is_told || request.url.host_str() == Some("registry-1.docker.io"), "{request:?}");
        (!is_told).then(|| Reply::Now(Ok(with(401, "www-authenticate", "Basic realm=\"x\""))))
    });
    let memory = Arc::new(memory);
    // A name of one label, which could be taken for a part of a repository on Docker Hub.
    for mirror in ["https://mirror/", "http://cache/", "https://mirror.example/"] {
        let host = RegistryHost::new().mirror(mirror.parse().unwrap());
        let registry = Registry::builder(memory.clone())
            .host("docker.io", host)
            .credentials(ForRegistry::new("docker.io", password("me")))
            .build();
        let image = "docker.io/myorg/app:signed".parse().unwrap();
        let found = run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)));
        assert_eq!(found.artifacts.len(), 1, "{mirror}: {found:?}");
    }
}

#[test]
fn an_identity_token_is_exchanged_and_not_sent_to_the_registry() {
    let memory = Memory::new(|request| {
        let authorization = request.headers.iter().find(|(name, _)| *name == "authorization");
        if request.url.path() == "/token" {
            let form = String::from_utf8(request.body.clone()).unwrap();
            let is_right = request.method == Method::Post
                && form.contains("grant_type=refresh_token&refresh_token=t%26t&")
                && form.contains("scope=repository%3Amyorg%2Fapp%3Apull")
                && authorization.is_none();
            let answer = HttpResponse::new(200, vec![], br#"{"access_token": "short"}"#.to_vec());
            return Some(Reply::Now(Ok(if is_right { answer } else { status(400) })));
        }
        match authorization.map(|(_, value)| value.as_str()) {
            Some("Bearer short") => None,
            _ => {
                Some(Reply::Now(Ok(with(401, "www-authenticate", r#"Bearer realm="https://ghcr.io/token""#))))
            }
        }
    });
    let credential = ForRegistry::new("ghcr.io", Credential::IdentityToken("t&t".to_owned()));
    let registry = Registry::builder(memory).credentials(credential).build();
    let image = IMAGE.parse().unwrap();
    let found = run(collect_async(&registry, &image, &Limits::default(), Deadline::after(PATIENCE)));
    assert_eq!(found.artifacts.len(), 1, "{found:?}");
}

#[test]
fn tokens_are_handed_out_at_a_private_address_only_if_its_host_is_named() {
    let asked = |is_named: bool| {
        let memory = Memory::new(|request| {
            let has_token = request.headers.iter().any(|(name, _)| *name == "authorization");
            match request.url.host_str() {
                Some("10.0.0.2") => {
                    Some(Reply::Now(Ok(HttpResponse::new(200, vec![], br#"{"token": "t"}"#.to_vec()))))
                }
                _ if has_token => None,
                _ => Some(Reply::Now(Ok(with(
                    401,
                    "www-authenticate",
                    r#"Bearer realm="https://10.0.0.2/token""#,
                )))),
            }
        });
        let mut builder = Registry::builder(memory).host("ghcr.io", RegistryHost::new());
        if is_named {
            builder = builder.host("10.0.0.2", RegistryHost::new());
        }
        let image = IMAGE.parse().unwrap();
        run(collect_async(&builder.build(), &image, &Limits::default(), Deadline::after(PATIENCE)))
    };
    assert_eq!(asked(true).artifacts.len(), 1);
    assert_eq!(asked(false).digest.unwrap_err().kind, FailureKind::Forbidden);
}

#[test]
fn pages_without_end_are_refused() {
    let pages = Arc::new(AtomicUsize::new(0));
    let count = pages.clone();
    let found = under("/referrers/", move |_| {
        let link = format!("<?page={}>; rel=next", count.fetch_add(1, Relaxed));
        Reply::Now(Ok(HttpResponse::new(200, vec![("link".to_owned(), link)], listing(&[]))))
    });
    assert_eq!((pages.load(Relaxed), kinds(&found)), (100, vec![FailureKind::Malformed]));
}

#[test]
fn without_a_runtime_a_registry_says_so() {
    let registry = Registry::builder(Memory::new(|_| None)).build();
    let failure = collect(&registry, &IMAGE.parse().unwrap(), &Limits::default()).digest.unwrap_err();
    assert!(failure.problem.contains("only within a runtime of tokio"), "{failure}");
}

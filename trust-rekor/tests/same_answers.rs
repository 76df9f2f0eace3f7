//! What is remembered, spread over threads, or computed by a table gets the same answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use trust_core::{
    Bundle, Digest, IdentityPolicy, LogClaim, LogEntry, LogError, LogKey, PublicKey, PureRust, Question,
    Remembering, SignatureAlgorithm, SignatureError, SignatureScheme, Signed, SignerPolicy, Tables,
    TransparencyLog, TrustRoot, UnixTime, VerifiedCache, VerifiedLogEntry, Verifier,
};
use trust_rekor::RekorLog;

use trust_testkit::sigstore::world::{ARTIFACT, Beside, World};

fn now() -> UnixTime {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// What the world makes: the bundle's JSON, the trust root, who must have signed.
fn made(world: &World) -> (String, TrustRoot, SignerPolicy) {
    let (bundle, root) = world.make();
    let root = TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
    (bundle.to_string(), root, SignerPolicy::Identity(IdentityPolicy::new(world.wanted.clone()).unwrap()))
}

#[test]
fn many_bundles_are_verified_in_order() {
    let (json, root, policy) = made(&World::new());
    let bundle = Bundle::from_json(json.as_bytes()).unwrap();
    let question =
        |artifact| Question { bundle: &bundle, artifact: Signed::Message(artifact), policy: &policy };
    let questions: Vec<_> =
        (0..40).map(|n| question(if n % 3 == 0 { &b"another artifact"[..] } else { ARTIFACT })).collect();
    let answers = Verifier::new(&root, &RekorLog).verify_all(&questions, now());
    let expected: Vec<bool> = (0..40).map(|n| n % 3 != 0).collect();
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), expected);
}

/// Counts how often it is asked.
#[derive(Debug, Default)]
struct CountingLog(AtomicUsize);

impl TransparencyLog for CountingLog {
    fn verify_entry(
        &self,
        entry: &LogEntry,
        claim: &LogClaim<'_>,
        logs: &[LogKey],
    ) -> Result<VerifiedLogEntry, LogError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        RekorLog.verify_entry(entry, claim, logs)
    }
}

#[test]
fn a_bundle_that_was_verified_is_not_verified_again() {
    let (json, root, policy) = made(&World::new());
    let log = CountingLog::default();
    let cache = VerifiedCache::new(Verifier::new(&root, &log), policy, 2);
    let artifact = Digest::sha256(ARTIFACT);
    let calls = || log.0.load(Ordering::Relaxed);
    let is_verified = |json: &str| cache.verify(json.as_bytes(), &artifact, now()).is_ok();
    assert!((0..3).all(|_| is_verified(&json)));
    assert_eq!(calls(), 1);
    // Another artifact, another bundle and an earlier time are other questions, and rejections are not kept.
    for _ in 0..2 {
        assert!(cache.verify(json.as_bytes(), &Digest::sha256(b"another artifact"), now()).is_err());
        assert!(cache.verify(json.as_bytes(), &artifact, UnixTime::from_seconds(0)).is_err());
        assert!(!is_verified(&json.replace("\"0\"", "\"1\"")));
    }
    let before = calls();
    assert!(is_verified(&format!("{json} ")) && is_verified(&json));
    assert_eq!(calls(), before + 1);
    // It holds two, so with the third it forgets the others.
    assert!(is_verified(&format!("{json}  ")) && is_verified(&json));
    assert_eq!(calls(), before + 3);
}

#[test]
fn what_was_judged_at_the_current_time_is_judged_again() {
    let mut world = World::new();
    world.stamps.clear();
    world.leaf_validity = ("260101000000Z", "261231000000Z");
    let (json, root, policy) = made(&world);
    let verifier = Verifier::new(&root, &RekorLog).accepting_certificates_at_the_current_time();
    let cache = VerifiedCache::new(verifier, policy, 2);
    let verify = |now| cache.verify(json.as_bytes(), &Digest::sha256(ARTIFACT), now);
    assert!(verify(now()).is_ok());
    assert!(verify("2027-01-01T00:00:00Z".parse().unwrap()).is_err());
}

/// Verifies as always, and counts.
#[derive(Debug)]
struct CountingBackEnd(AtomicUsize);

impl SignatureAlgorithm for CountingBackEnd {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        PureRust.verify(key, scheme, content, signature)
    }
}

#[test]
fn a_roots_back_end_verifies_every_signature_and_its_own_certificates_once() {
    static COUNTING: CountingBackEnd = CountingBackEnd(AtomicUsize::new(0));
    for beside in [Beside::Nothing, Beside::ForgedAndOwn] {
        let mut world = World::new();
        world.stamps[0].beside = beside;
        let (json, root, policy) = made(&world);
        let (bundle, root) = (Bundle::from_json(json.as_bytes()).unwrap(), root.with_back_end(&COUNTING));
        let calls = || {
            let before = COUNTING.0.load(Ordering::Relaxed);
            let verifier = Verifier::new(&root, &RekorLog);
            verifier.verify(&bundle, Signed::Message(ARTIFACT), &policy, now()).unwrap();
            COUNTING.0.load(Ordering::Relaxed) - before
        };
        // Artifact, checkpoint, token, the token's certificate, leaf, intermediate, certificate timestamp.
        assert_eq!(calls(), 7);
        // The intermediate is the root's own, and so is the token's certificate, unless the token brought it.
        assert_eq!(calls(), if matches!(beside, Beside::Nothing) { 5 } else { 6 });
    }
}

#[test]
fn every_back_end_and_table_accepts_and_denies_alike() {
    static MEMORY: LazyLock<Remembering> = LazyLock::new(|| Remembering::new(1000));
    let (json, root, policy) = made(&World::new());
    let bundle = Bundle::from_json(json.as_bytes()).unwrap();
    let roots = [
        root.clone().with_tables(Tables::Never),
        root.clone().with_tables(Tables::Compact),
        root.clone().with_back_end(&PureRust),
        root.clone().with_back_end(&*MEMORY),
        root,
    ];
    for root in &roots {
        root.prepare();
        let verifier = Verifier::new(root, &RekorLog);
        for _ in 0..3 {
            assert!(verifier.verify(&bundle, Signed::Message(ARTIFACT), &policy, now()).is_ok());
            assert!(verifier.verify(&bundle, Signed::Message(b"another artifact"), &policy, now()).is_err());
        }
    }
}

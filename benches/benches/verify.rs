//! What one admission costs without the network: reading and verifying a bundle, judging a workload.

use std::fs;
use std::hint::black_box;
use std::sync::LazyLock;

use criterion::{Criterion, criterion_group, criterion_main};
use trust_benches::{data, signed_image, trust_root, trust_root_json};
use trust_core::notation::{SignatureEnvelope, StoreKind, TrustStatement, TrustStore, TrustStores};
use trust_core::revocation::NotAsked;
use trust_core::{
    Bundle, Certificate, CertificateIdentity, Digest, IdentityPolicy, Pattern, Remembering, Signed,
    SignerPolicy, TrustRoot, UnixTime, Verifier,
};
use trust_gate::{Limits, Objects, OciLayout, Repositories, collect_for};
use trust_policy::{Decision, PolicySet, Request, Resource, Trust, evaluate};
use trust_rekor::{RekorLog, merkle};
use trust_testkit::notation::{Notation, SIGNED_AT};

fn now() -> UnixTime {
    "2026-11-27T00:00:00Z".parse().expect("a time")
}

fn bundle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bundle");
    let (root, (digest, text)) = (trust_root(), signed_image("keyless"));
    let identity = CertificateIdentity::new(
        Pattern::wildcard("https://github.com/myorg/*"),
        Pattern::exact("https://token.actions.githubusercontent.com"),
    );
    let policy = SignerPolicy::Identity(IdentityPolicy::new([identity]).expect("an identity"));
    let verify = |bundle: &Bundle| {
        Verifier::new(&root, &RekorLog)
            .verify(bundle, Signed::Digest(&digest), &policy, now())
            .expect("verifies")
    };
    let parsed = Bundle::from_json(&text).expect("a bundle");
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Bundle::from_json(black_box(&text)).expect("a bundle"))
    });
    group.bench_function("verify, Rekor v2 and timestamp", |bencher| {
        bencher.iter(|| verify(black_box(&parsed)))
    });
    group.bench_function("load trust root", |bencher| {
        let json = trust_root_json();
        bencher.iter(|| TrustRoot::from_json(black_box(&json)).expect("a trust root"));
    });
    group.finish();
}

fn policy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy");
    let text = fs::read_to_string(data().join("policies/require-release-workflow.yaml")).expect("a policy");
    let policies = PolicySet::from_yaml(&text).expect("a policy");
    let resource = fs::read_to_string(data().join("resources/2-keyless.yaml")).expect("a resource");
    let request = Request::from(Resource::from_yaml(&resource).expect("a resource").remove(0));
    let mut repositories = Repositories::new();
    let layout = OciLayout::open(data().join("images")).expect("a layout");
    repositories.insert("ghcr.io/myorg/web".parse().expect("a reference"), layout);
    let collect =
        || collect_for(&policies, &request, &repositories, &Objects::default(), &Limits::default(), now());
    let (trust, evidence) = (Trust::new(trust_root()), collect());
    group.bench_function("read policy", |bencher| {
        bencher.iter(|| PolicySet::from_yaml(black_box(&text)).expect("a policy"));
    });
    group.bench_function("collect evidence from a layout", |bencher| bencher.iter(collect));
    group.bench_function("evaluate a keyless image", |bencher| {
        bencher.iter(|| {
            let verdict = evaluate(&policies, black_box(&request), &evidence, &trust, now());
            assert_eq!(verdict.decision, Decision::Allow);
            verdict
        });
    });
    group.bench_function("evaluate it under a trust root just read", |bencher| {
        let json = trust_root_json();
        bencher.iter(|| {
            let root = TrustRoot::from_json(&json).expect("a trust root");
            evaluate(&policies, black_box(&request), &evidence, &root.into(), now())
        });
    });
    group.finish();
}

/// A signature of the Notary Project with three certificates, in both forms; and the same by a memory that knows its signatures.
fn notation(criterion: &mut Criterion) {
    static MEMORY: LazyLock<Remembering> = LazyLock::new(|| Remembering::new(1000));
    let mut group = criterion.benchmark_group("notation");
    let envelope = Notation::new(&Digest::sha256(b"manifest"));
    let root = Certificate::from_der(&envelope.chain[2]).expect("a certificate");
    let key = (StoreKind::CertificateAuthority, "acme".to_owned());
    let store = TrustStore::assertion(key.0, vec![root]).expect("a root");
    let statement = TrustStatement::strict("acme", vec![key.clone()]);
    let (stores, now) = (TrustStores::from([(key, store)]), UnixTime::from_seconds(SIGNED_AT + 60));
    for ((media_type, bytes), form) in envelope.both().into_iter().zip(["JWS", "COSE"]) {
        let judge = |memory: Option<&'static Remembering>| {
            let envelope =
                SignatureEnvelope::from_bytes(media_type, black_box(&bytes)).map(|one| match memory {
                    Some(memory) => one.with_back_end(memory),
                    None => one,
                });
            assert!(statement.verify(envelope, &stores, &NotAsked, now).counts());
        };
        group.bench_function(form, |bencher| bencher.iter(|| judge(None)));
        group.bench_function(format!("{form}, remembered"), |bencher| bencher.iter(|| judge(Some(&MEMORY))));
    }
    group.finish();
}

/// Inclusion in trees of 2^10, 2^20 and 2^30 leaves: the path is made up, so only its cost is real.
fn inclusion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merkle");
    for height in [10_u32, 20, 30] {
        let proof: Vec<_> = (0..height).map(|level| merkle::leaf_hash(&level.to_be_bytes())).collect();
        let leaf = merkle::leaf_hash(b"leaf");
        let root = proof.iter().fold(leaf, |node, sibling| merkle::node_hash(&node, sibling));
        group.bench_function(format!("inclusion at 2^{height}"), |bencher| {
            bencher.iter(|| {
                merkle::verify_inclusion(black_box(&leaf), 0, 1 << height, &proof, &root).expect("holds")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bundle, policy, notation, inclusion);
criterion_main!(benches);

//! The same real bundles verified by this project and by sigstore-verify, interleaved in one process, as one table.
//!
//! The bundles are third parties' and stand in `../shared/vectors` (or `$TRUST_VECTORS`).
//!
//! usage: cargo bench --manifest-path benches/Cargo.toml --bench peers -- --table

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::signature as aws;
use sha2::{Digest as _, Sha256};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types as peer;
use trust_benches::AcceptAll;
use trust_benches::third_party::{Case, cases, now, vectors};
use trust_core::{
    AwsLc, Digest, KeyAlgorithm, PublicKey, PureRust, Question, Remembering, SignatureAlgorithm,
    SignatureError, SignatureScheme, Signed, Tables, TrustRoot, VerifiedCache, Verifier,
};
use trust_rekor::{RekorLog, merkle};

/// How often each contender is measured; the median counts.
const BATCHES: usize = 31;
/// How long one measurement takes.
const BATCH: Duration = Duration::from_millis(8);

/// Counts allocations, and the bytes that live.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One verification of a signature.
struct Call {
    key: PublicKey,
    scheme: SignatureScheme,
    message: Vec<u8>,
    digest: Option<Digest>,
    signature: Vec<u8>,
}

/// A back end that notes what it is asked.
#[derive(Debug)]
struct Recording;

static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());

impl SignatureAlgorithm for Recording {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let (message, digest) = match content {
            Signed::Message(message) => (message.to_vec(), None),
            Signed::Digest(digest) => (Vec::new(), Some(digest.clone())),
        };
        CALLS.lock().expect("no panic").push(Call {
            key: key.clone(),
            scheme,
            message,
            digest,
            signature: signature.to_vec(),
        });
        PureRust.verify(key, scheme, content, signature)
    }
}

impl Call {
    fn content(&self) -> Signed<'_> {
        self.digest.as_ref().map_or(Signed::Message(&self.message), Signed::Digest)
    }

    /// By aws-lc-rs itself, as its users call it.
    fn by_bare_aws_lc(&self) {
        use trust_core::HashAlgorithm::{Sha256, Sha384};
        let algorithm: &'static dyn aws::VerificationAlgorithm = match (self.key.algorithm(), self.scheme) {
            (KeyAlgorithm::EcdsaP256, SignatureScheme::Ecdsa(Sha256)) => &aws::ECDSA_P256_SHA256_ASN1,
            (KeyAlgorithm::EcdsaP384, SignatureScheme::Ecdsa(Sha256)) => &aws::ECDSA_P384_SHA256_ASN1,
            (KeyAlgorithm::EcdsaP384, SignatureScheme::Ecdsa(Sha384)) => &aws::ECDSA_P384_SHA384_ASN1,
            (KeyAlgorithm::Ed25519, _) => &aws::ED25519,
            (key, scheme) => panic!("{scheme} by {key} is in none of the bundles"),
        };
        let key = aws::UnparsedPublicKey::new(algorithm, self.key.raw());
        match &self.digest {
            None => key.verify(&self.message, &self.signature),
            Some(digest) => {
                let digest = aws_lc_rs::digest::Digest::import_less_safe(
                    digest.as_bytes(),
                    &aws_lc_rs::digest::SHA256,
                );
                key.verify_digest(&digest.expect("32 bytes"), &self.signature)
            }
        }
        .expect("verifies");
    }
}

/// The median time of each contender in microseconds, measured in turn.
fn medians(contenders: &[&dyn Fn()]) -> Vec<f64> {
    let lens: Vec<u32> = contenders
        .iter()
        .map(|contender| {
            // Tables and caches are built before the clock starts.
            (0..50).for_each(|_| contender());
            let start = Instant::now();
            (0..10).for_each(|_| contender());
            let once = start.elapsed() / 10;
            u32::try_from(BATCH.as_nanos() / once.as_nanos().max(1)).unwrap_or(u32::MAX).clamp(1, 1_000_000)
        })
        .collect();
    let mut times = vec![Vec::with_capacity(BATCHES); contenders.len()];
    for _ in 0..BATCHES {
        for ((contender, &len), times) in contenders.iter().zip(&lens).zip(&mut times) {
            let start = Instant::now();
            (0..len).for_each(|_| contender());
            times.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(len));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    times.iter().map(|times| times[BATCHES / 2]).collect()
}

fn allocations(work: impl Fn()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    work();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn bundles(cases: &[Case]) {
    println!("Parse and verify, by digest; µs, medians of {BATCHES} interleaved batches.\n");
    println!(
        "| bundle | default | aws-lc | sigstore-verify | default / peer | aws-lc / peer | bare aws-lc-rs | aws-lc / bare | \
         not signatures | allocations in verify |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for case in cases {
        let policy = case.policy();
        let (default, aws_lc) = (case.root().with_back_end(&PureRust), case.root().with_back_end(&AwsLc));
        let accepting = case.root().with_back_end(&AcceptAll);
        let (peer_root, peer_policy) = (
            TrustedRoot::from_json(&case.root).expect("a trust root"),
            sigstore_verify::VerificationPolicy::new(case.subject.as_str(), case.issuer.as_str()),
        );
        let peer_verifier = sigstore_verify::Verifier::new(&peer_root).expect("a verifier");
        let peer_digest = peer::Sha256Hash::from_hex(&case.digest.to_hex()).expect("32 bytes");
        CALLS.lock().expect("no panic").clear();
        case.verify(&case.parse(), &case.root().with_back_end(&Recording), &policy);
        let mut calls = CALLS.lock().expect("no panic");
        // An authority's own certificates are verified once, not with each bundle.
        let certificates: Vec<_> = default
            .certificate_authorities()
            .iter()
            .chain(default.timestamp_authorities())
            .flat_map(|authority| authority.chain())
            .collect();
        calls.retain(|call| {
            !certificates.iter().any(|one| call.message.len() > 400 && is_within(&call.message, one.der()))
        });
        let measured = medians(&[
            &|| case.verify(&case.parse(), &default, &policy),
            &|| case.verify(&case.parse(), &aws_lc, &policy),
            &|| {
                let bundle = peer::Bundle::from_json(black_box(&case.json)).expect("a bundle");
                black_box(peer_verifier.verify(peer_digest, &bundle, &peer_policy).expect("verifies"));
            },
            &|| calls.iter().for_each(Call::by_bare_aws_lc),
            &|| case.verify(&case.parse(), &accepting, &policy),
        ]);
        let [default_time, aws_time, peer_time, bare, rest] = measured[..] else { panic!("five contenders") };
        let parsed = case.parse();
        let allocations = allocations(|| case.verify(&parsed, &accepting, &policy));
        println!(
            "| {} | {default_time:.0} | {aws_time:.0} | {peer_time:.0} | {:.2} | {:.2} | {bare:.0} | {:.2} | {rest:.0} | {allocations} |",
            case.name,
            default_time / peer_time,
            aws_time / peer_time,
            aws_time / bare,
        );
    }
}

fn is_within(part: &[u8], whole: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

fn repeats(case: &Case) {
    static MEMORY: LazyLock<Remembering> = LazyLock::new(|| Remembering::over(&PureRust, 10_000));
    let (root, policy) = (case.root().with_back_end(&PureRust), case.policy());
    // A second attestation has a signature, a log entry and a checkpoint of its own: these are forgotten.
    let leaf_is_known = case.root().with_back_end(&LeafIsKnown);
    let cache = VerifiedCache::new(Verifier::new(&root, &RekorLog), case.policy(), 100);
    let remembering = case.root().with_back_end(&*MEMORY);
    let measured = medians(&[
        &|| case.verify(&case.parse(), &root, &policy),
        &|| case.verify(&case.parse(), &leaf_is_known, &policy),
        &|| case.verify(&case.parse(), &remembering, &policy),
        &|| {
            let verified = cache.verify(black_box(case.json.as_bytes()), &case.digest, now());
            black_box(verified.expect("verifies"));
        },
        &|| {
            black_box(Sha256::digest(black_box(case.json.as_bytes())));
        },
    ]);
    println!(
        "\n{}: again, in the default build\n\n| work | µs | to the first time |\n|---|---|---|",
        case.name
    );
    let names = [
        "the first time",
        "another attestation with the same certificate",
        "every signature known",
        "the same bundle, cached",
        "one SHA-256 of the bundle",
    ];
    for (name, time) in names.iter().zip(&measured) {
        println!("| {name} | {time:.1} | {:.3} |", time / measured[0]);
    }
}

/// Remembers what is signed about certificates, and verifies everything else.
#[derive(Debug)]
struct LeafIsKnown;

impl SignatureAlgorithm for LeafIsKnown {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        static MEMORY: LazyLock<Remembering> = LazyLock::new(|| Remembering::over(&PureRust, 10_000));
        match content {
            // A certificate, or a log's statement with one inside.
            Signed::Message(message)
                if message.starts_with(&[0x30, 0x82]) || message.starts_with(&[0, 0]) =>
            {
                MEMORY.verify(key, scheme, content, signature)
            }
            _ => PureRust.verify(key, scheme, content, signature),
        }
    }
}

fn parsing(cases: &[Case]) {
    println!(
        "\n| parse only, µs | ours | sigstore-verify | ratio | serde_json::Value |\n|---|---|---|---|---|"
    );
    for case in cases {
        let measured = medians(&[
            &|| drop(black_box(case.parse())),
            &|| drop(black_box(peer::Bundle::from_json(black_box(&case.json)).expect("a bundle"))),
            &|| {
                drop(black_box(
                    serde_json::from_str::<serde_json::Value>(black_box(&case.json)).expect("JSON"),
                ))
            },
        ]);
        println!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.1} |",
            case.name,
            measured[0],
            measured[1],
            measured[0] / measured[1],
            measured[2]
        );
    }
    let case = &cases[0];
    let measured = medians(&[&|| drop(black_box(case.root())), &|| {
        drop(black_box(TrustedRoot::from_json(black_box(&case.root)).expect("a trust root")))
    }]);
    println!(
        "\nLoad the public-good root: ours {:.0} µs, sigstore-verify {:.0} µs.",
        measured[0], measured[1]
    );
}

fn signatures(case: &Case) {
    println!(
        "\n| one signature, µs | stock | compact table | fast table | aws-lc, no table | table built in, µs | pays from |"
    );
    println!("|---|---|---|---|---|---|---|");
    CALLS.lock().expect("no panic").clear();
    case.verify(&case.parse(), &case.root().with_back_end(&Recording), &case.policy());
    let calls = CALLS.lock().expect("no panic");
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
        let call = calls.iter().find(|call| call.key.algorithm() == algorithm).expect("a signature");
        let by = |tables, back_end: &'static dyn SignatureAlgorithm| {
            let key = call.key.clone().with_tables(tables).with_back_end(back_end);
            key.prepare();
            key
        };
        let keys = [
            by(Tables::Never, &PureRust),
            by(Tables::Compact, &PureRust),
            by(Tables::Fast, &PureRust),
            by(Tables::Never, &AwsLc),
        ];
        let verify =
            |key: &PublicKey| key.verify(call.scheme, call.content(), &call.signature).expect("verifies");
        let measured = medians(&[
            &|| verify(&keys[0]),
            &|| verify(&keys[1]),
            &|| verify(&keys[2]),
            &|| verify(&keys[3]),
            &|| call.key.clone().with_tables(Tables::Fast).prepare(),
        ]);
        println!(
            "| {algorithm} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} uses |",
            measured[0],
            measured[1],
            measured[2],
            measured[3],
            measured[4],
            (measured[4] / (measured[0] - measured[2])).ceil(),
        );
    }
}

/// What the tables of a whole trust root cost, and when they pay.
fn preparing(case: &Case) {
    let policy = case.policy();
    let roots: Vec<TrustRoot> = (0..9).map(|_| case.root().with_back_end(&PureRust)).collect();
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let mut times: Vec<f64> = roots
        .iter()
        .map(|root| {
            let start = Instant::now();
            root.prepare();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let kib = (LIVE_BYTES.load(Ordering::Relaxed) - before) / roots.len() / 1024;
    times.sort_by(f64::total_cmp);
    let time = times[times.len() / 2];
    let never = case.root().with_back_end(&PureRust).with_tables(Tables::Never);
    let measured = medians(&[&|| case.verify(&case.parse(), &never, &policy), &|| {
        case.verify(&case.parse(), &roots[0], &policy)
    }]);
    println!(
        "\nThe public-good root's tables take {kib} KiB and {:.1} ms, which pays from {:.0} bundles on ({}: {:.0} µs \
         without, {:.0} µs with them).",
        time / 1000.0,
        (time / (measured[0] - measured[1])).ceil(),
        case.name,
        measured[0],
        measured[1],
    );
}

fn inclusion() {
    println!("\n| inclusion, µs | ours | two-block SHA-256 per level | ratio |\n|---|---|---|---|");
    for height in [10_u32, 20, 30] {
        let proof: Vec<_> = (0..height).map(|level| merkle::leaf_hash(&level.to_be_bytes())).collect();
        let leaf = merkle::leaf_hash(b"leaf");
        let root = proof.iter().fold(leaf, |node, sibling| merkle::node_hash(&node, sibling));
        let measured = medians(&[
            &|| merkle::verify_inclusion(black_box(&leaf), 0, 1 << height, &proof, &root).expect("holds"),
            &|| {
                let mut block = [1_u8; 65];
                for _ in 0..height {
                    let hash = Sha256::digest(black_box(&block));
                    block[1..33].copy_from_slice(&hash);
                }
                black_box(block);
            },
        ]);
        println!(
            "| 2^{height} | {:.2} | {:.2} | {:.2} |",
            measured[0],
            measured[1],
            measured[0] / measured[1]
        );
    }
}

fn threads(case: &Case) {
    let (root, policy, bundle) = (case.root().with_back_end(&PureRust), case.policy(), case.parse());
    let question = Question { bundle: &bundle, artifact: Signed::Digest(&case.digest), policy: &policy };
    let questions = vec![question; 64];
    let verifier = Verifier::new(&root, &RekorLog);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let (one, two) = (pool(1), pool(2));
    let all = || assert!(verifier.verify_all(&questions, now()).iter().all(Result::is_ok));
    let measured = medians(&[&|| one.install(all), &|| two.install(all)]);
    println!("\nTwo threads verify {:.2} times as fast as one.", measured[0] / measured[1]);
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let Some(vectors) = vectors() else {
        println!("SKIPPED: the bundles are third parties' and are not here (see TRUST_VECTORS)");
        return;
    };
    let cases = cases(&vectors);
    if is_test {
        for case in &cases {
            case.verify(&case.parse(), &case.root(), &case.policy());
        }
        return;
    }
    signatures(&cases[1]);
    bundles(&cases);
    parsing(&cases);
    preparing(&cases[1]);
    repeats(&cases[0]);
    inclusion();
    threads(&cases[0]);
}

//! What judging costs beyond the arithmetic of signatures: to the back end of these trust roots every signature is right.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench policy` prints a table; `-- --test` judges each once.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use trust_benches::{AcceptAll, data, signed_image, trust_root_json};
use trust_core::{
    Bundle, CertificateIdentity, Digest, IdentityPolicy, Pattern, Signed, SignerPolicy, TrustRoot, UnixTime,
    Verifier,
};
use trust_gate::{Limits, Objects, OciLayout, Repositories, collect_for};
use trust_policy::{Decision, Evidence, PolicySet, Request, Resource, evaluate};
use trust_rekor::RekorLog;

fn now() -> UnixTime {
    "2026-11-22T00:00:00Z".parse().expect("a time")
}

/// A pod with so many containers, all of one image.
fn pod(containers: usize, image: &str) -> Request {
    let containers: Vec<Value> =
        (0..containers).map(|index| json!({"name": format!("c{index}"), "image": image})).collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": containers}});
    Resource::from_json(pod).expect("a pod").into()
}

/// So many policies about pods; the first `matching` of them about the image.
fn registries(count: usize, matching: usize) -> PolicySet {
    let policy = |index: usize| {
        let image = if index < matching {
            "ghcr.io/myorg/*".to_owned()
        } else {
            format!("registry{index}.example/*")
        };
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p{index}}}\nspec:\n  validationFailureAction: Enforce\n  \
             rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{{imageReferences: ['{image}'], \
             mutateDigest: false, verifyDigest: false}}]\n"
        )
    };
    PolicySet::from_yaml(&(0..count).map(policy).collect::<Vec<_>>().join("---\n")).expect("policies")
}

struct Case {
    name: String,
    policies: PolicySet,
    request: Request,
    evidence: Evidence,
    root: TrustRoot,
}

impl Case {
    fn new(name: impl Into<String>, policies: PolicySet, request: Request) -> Self {
        let mut repositories = Repositories::new();
        for name in ["web", "app"] {
            let layout = OciLayout::open(data().join("images")).expect("a layout");
            repositories.insert(format!("ghcr.io/myorg/{name}").parse().expect("a reference"), layout);
        }
        let evidence =
            collect_for(&policies, &request, &repositories, &Objects::default(), &Limits::default(), now());
        let root = TrustRoot::from_json(&trust_root_json()).expect("a trust root").with_back_end(&AcceptAll);
        Self { name: name.into(), policies, request, evidence, root }
    }

    fn judge(&self) {
        let verdict = evaluate(&self.policies, black_box(&self.request), &self.evidence, &self.root, now());
        assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
        black_box(verdict);
    }
}

/// Microseconds, the median of many.
fn measure(run: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..301)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Reads and verifies the bundle of the first case, without a policy around it.
fn verify_bundle(root: &TrustRoot, digest: &Digest, text: &[u8]) {
    let identity =
        CertificateIdentity::new(Pattern::wildcard("https://github.com/myorg/*"), Pattern::wildcard("*"));
    let policy = SignerPolicy::Identity(IdentityPolicy::new([identity]).expect("an identity"));
    let bundle = Bundle::from_json(black_box(text)).expect("a bundle");
    let verified = Verifier::new(root, &RekorLog).verify(&bundle, Signed::Digest(digest), &policy, now());
    black_box(verified.expect("verifies"));
}

fn main() {
    let keyless =
        fs::read_to_string(data().join("policies/require-release-workflow.yaml")).expect("a policy");
    let keyless = || PolicySet::from_yaml(&keyless).expect("a policy");
    let mut cases = vec![
        Case::new("1 container, 1 policy, keyless", keyless(), pod(1, "ghcr.io/myorg/web:keyless")),
        Case::new("1,000 policies of which 3 match", registries(1000, 3), pod(1, "ghcr.io/myorg/app:signed")),
    ];
    for count in [1, 10, 100] {
        let name = format!("{count} containers, 1 rule");
        cases.push(Case::new(name, registries(1, 1), pod(count, "ghcr.io/myorg/app:signed")));
    }
    for count in [1, 10, 100] {
        let name = format!("1 container, {count} matching rules");
        cases.push(Case::new(name, registries(count, count), pod(1, "ghcr.io/myorg/app:signed")));
    }
    if std::env::args().any(|argument| argument == "--test") {
        cases.iter().for_each(Case::judge);
        return;
    }
    println!("{:<40} {:>12}", "judged, without arithmetic", "microseconds");
    let (digest, text) = signed_image("keyless");
    let bundle = measure(|| verify_bundle(&cases[0].root, &digest, &text));
    println!("{:<40} {bundle:>12.1}", "the keyless bundle alone");
    for case in &cases {
        println!("{:<40} {:>12.1}", case.name, measure(|| case.judge()));
    }
}

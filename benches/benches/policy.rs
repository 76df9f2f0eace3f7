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
use trust_policy::{Decision, Evidence, PolicySet, Request, Resource, Trust, evaluate};
use trust_rekor::RekorLog;

fn now() -> UnixTime {
    "2026-11-27T00:00:00Z".parse().expect("a time")
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

/// A policy in CEL about who signed the images, with a condition, a variable and a message.
fn in_cel() -> PolicySet {
    let policy = fs::read_to_string(data().join("policies/require-release-key.yaml")).expect("a policy");
    let (start, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----");
    let key = policy.split(start).nth(1).and_then(|rest| rest.split(end).next()).expect("a key");
    let key = format!("{start}{}{end}", key.replace(' ', ""));
    let policy = json!({
        "apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
            "matchConditions": [{"name": "named", "expression": "object.metadata.name.matches('^[a-z-]+$')"}],
            "matchImageReferences": [{"glob": "ghcr.io/myorg/*"}],
            "validationConfigurations": {"mutateDigest": false, "verifyDigest": false},
            "attestors": [{"name": "release", "cosign": {"key": {"data": key}, "ctlog": {"insecureIgnoreTlog": true}}}],
            "variables": [{"name": "owner", "expression": "object.metadata.?labels.?owner.orValue('nobody')"}],
            "validations": [
                {"expression": "variables.owner.size() > 0", "messageExpression": "'owned by ' + variables.owner"},
                {"expression": "images.containers.map(image, verifyImageSignatures(image, [attestors.release])).all(e, e > 0)"}],
        },
    });
    PolicySet::from_yaml(&policy.to_string()).expect("a policy")
}

struct Case {
    name: String,
    policies: PolicySet,
    request: Request,
    evidence: Evidence,
    trust: Trust,
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
        Self { name: name.into(), policies, request, evidence, trust: root.into() }
    }

    fn judge(&self) {
        let verdict = evaluate(&self.policies, black_box(&self.request), &self.evidence, &self.trust, now());
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
    let by_key = fs::read_to_string(data().join("policies/require-release-key.yaml")).expect("a policy");
    let keyless = || PolicySet::from_yaml(&keyless).expect("a policy");
    let mut cases = vec![
        Case::new("1 container, 1 policy, keyless", keyless(), pod(1, "ghcr.io/myorg/web:keyless")),
        Case::new("1,000 policies of which 3 match", registries(1000, 3), pod(1, "ghcr.io/myorg/app:signed")),
    ];
    for count in [1, 10, 100] {
        let by_key = PolicySet::from_yaml(&by_key).expect("a policy");
        let pod = pod(count, "ghcr.io/myorg/app:signed");
        cases.push(Case::new(format!("{count} containers, a key"), by_key, pod.clone()));
        cases.push(Case::new(format!("{count} containers, a key, in CEL"), in_cel(), pod));
    }
    for count in [1, 10, 100] {
        let name = format!("{count} containers, 1 rule");
        cases.push(Case::new(name, registries(1, 1), pod(count, "ghcr.io/myorg/app:signed")));
    }
    for count in [1, 10, 100] {
        let name = format!("1 container, {count} matching rules");
        cases.push(Case::new(name, registries(count, count), pod(1, "ghcr.io/myorg/app:signed")));
    }
    let worst = worst();
    if std::env::args().any(|argument| argument == "--test") {
        cases.iter().for_each(Case::judge);
        for (_, policies, request) in &worst {
            judge_once(policies, request);
        }
        return;
    }
    println!("{:<40} {:>12}", "judged, without arithmetic", "microseconds");
    let (digest, text) = signed_image("keyless");
    let bundle = measure(|| verify_bundle(cases[0].trust.root(), &digest, &text));
    println!("{:<40} {bundle:>12.1}", "the keyless bundle alone");
    for case in &cases {
        println!("{:<40} {:>12.1}", case.name, measure(|| case.judge()));
    }
    println!("\n{:<40} {:>12}  decision", "a review of 3 MB, at worst", "milliseconds");
    for (name, policies, request) in &worst {
        let start = Instant::now();
        let decision = judge_once(policies, request);
        println!("{name:<40} {:>12.1}  {decision}", start.elapsed().as_secs_f64() * 1e3);
    }
}

/// Rules that ask for as much work as they can, of a pod of 3 MB that a stranger filled.
fn worst() -> Vec<(&'static str, PolicySet, Request)> {
    const SIZE: usize = 3 << 20;
    let list = |count: usize| -> Vec<Value> {
        let len = SIZE / 2 / count;
        (0..count).map(|index| json!(format!("{}{index}", "a".repeat(len)))).collect()
    };
    let pod = |values: Value| -> Request {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
            "spec": {"containers": [{"name": "c", "image": "ghcr.io/myorg/a"}], "values": values}});
        Resource::from_json(pod).expect("a pod").into()
    };
    let rule = |validate: &str| {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  \
             rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    validate: {validate}\n"
        );
        PolicySet::from_yaml(&text).expect("a policy")
    };
    let loops = "{foreach: [{list: request.object.spec.values.a, foreach: [{list: request.object.spec.values.a, deny: {conditions: \
                 {any: [{key: '{{ element }}', operator: Equals, value: nothing}]}}}]}]}";
    let sets = "{deny: {conditions: {any: [{key: '{{ request.object.spec.values.a }}', operator: AnyIn, value: \
                '{{ request.object.spec.values.b }}'}]}}}";
    let stars = "{pattern: {spec: {values: {a: ['*a*a*a*a*a*a*b']}}}}";
    let sorted = "{deny: {conditions: {any: [{key: '{{ sort(request.object.spec.values.[a[], b[]][]) | length(@) }}', operator: Equals, \
                  value: 0}]}}}";
    let form = "{pattern: {spec: {values: {a: [{a: '?*', b: '?*', c: '?*', d: '?*', e: '?*', f: '?*', g: '?*', h: '?*'}]}}}}";
    let regex = "{deny: {conditions: {any: [{key: \"{{ request.object.spec.values.a[].regex_replace_all('(a+)+b', @, 'x$1') | \
                 length(@) }}\", operator: Equals, value: 0}]}}}";
    let in_cel = |expression: &str| {
        let policy = json!({
            "apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": {"name": "p"},
            "spec": {
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
                "validationConfigurations": {"required": false, "mutateDigest": false, "verifyDigest": false},
                "validations": [{"expression": expression}]},
        });
        PolicySet::from_yaml(&policy.to_string()).expect("a policy")
    };
    let maps: Vec<Value> = (0..SIZE / 4).map(|_| json!({})).collect();
    let two = |a: usize, b: usize| pod(json!({"a": list(a), "b": list(b)}));
    vec![
        ("a loop over 8,000 in a loop", rule(loops), two(8000, 1)),
        ("AnyIn of two lists of 40,000", rule(sets), two(40_000, 40_000)),
        ("wildcards against 1,000 long texts", rule(stars), two(1000, 1)),
        ("wildcards against one long text", rule(stars), two(1, 1)),
        ("an expression over 80,000 texts", rule(sorted), two(40_000, 40_000)),
        ("a form of 8 keys over 786,432 maps", rule(form), pod(json!({"a": maps}))),
        (
            "CEL: a loop over 8,000 in a loop",
            in_cel("object.spec.values.a.all(x, object.spec.values.a.exists(y, x == y + 'a') || true)"),
            two(8000, 1),
        ),
        (
            "CEL: two lists of 40,000",
            in_cel("object.spec.values.a.all(x, !(x in object.spec.values.b))"),
            two(40_000, 40_000),
        ),
        (
            "CEL: a regex over 10,000 texts",
            in_cel("object.spec.values.a.exists(x, x.findAll('a+b').size() > 0)"),
            two(10_000, 1),
        ),
        (
            "CEL: regexes that are not known",
            in_cel("object.spec.values.a.exists(x, 'b'.matches(x))"),
            two(10_000, 1),
        ),
        ("a regex over 10,000 texts", rule(regex), two(10_000, 1)),
    ]
}

fn judge_once(policies: &PolicySet, request: &Request) -> Decision {
    evaluate(policies, black_box(request), &Evidence::default(), &Trust::keys_only(), now()).decision
}

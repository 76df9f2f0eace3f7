//! Images that real cosign signed and attested, in every way that policies tell apart, judged by the same intent in four languages.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trust_core::TrustRoot;
use trust_gate::{Deadline, Http, Limits, Objects, Registry, RegistryHost, collect_for_async};
use trust_policy::{Decision, PolicySet, Trust, evaluate};
use trust_testkit::judge::{pod, request};
use trust_testkit::now;
use trust_testkit::servers::{Servers, run, tool};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SCORE: &str = "https://acme.example/score/v1";

/// What cosign did to an image.
#[derive(Clone, Copy, Default)]
struct Done {
    keys: &'static [&'static str],
    /// Repositories whose workflows signed.
    identities: &'static [&'static str],
    /// A score that the first key attests.
    score: Option<u8>,
    /// Whether the tag was moved to an image that nobody signed, after it was signed.
    moved: bool,
}

const IMAGES: [(&str, Done); 10] = [
    ("unsigned", Done { keys: &[], identities: &[], score: None, moved: false }),
    ("release", Done { keys: &["release"], identities: &[], score: None, moved: false }),
    ("audit", Done { keys: &["audit"], identities: &[], score: None, moved: false }),
    ("both", Done { keys: &["release", "audit"], identities: &[], score: None, moved: false }),
    ("keyless", Done { keys: &[], identities: &["acme/app"], score: None, moved: false }),
    ("stranger", Done { keys: &[], identities: &["evil/app"], score: None, moved: false }),
    ("good", Done { keys: &["release"], identities: &[], score: Some(9), moved: false }),
    ("bad", Done { keys: &["release"], identities: &["acme/app"], score: Some(3), moved: false }),
    ("attested", Done { keys: &[], identities: &[], score: Some(9), moved: false }),
    ("moved", Done { keys: &["release"], identities: &["acme/app"], score: None, moved: true }),
];

struct World {
    _servers: Servers,
    folder: tempfile::TempDir,
    registry: String,
    sigstore: BTreeMap<String, String>,
}

impl World {
    fn new() -> Option<Self> {
        let servers = Servers::new()?;
        for name in ["cosign", "crane", "oras"] {
            tool(name)?;
        }
        let folder = tempfile::tempdir().unwrap();
        let registry = servers.start(&["registry"])["OCIREF"].clone();
        let sigstore = servers.start(&["sigstore"]);
        let world = Self { _servers: servers, folder, registry, sigstore };
        for key in ["release", "audit"] {
            world.tool("cosign", &["generate-key-pair", "--output-key-prefix", key]);
        }
        world.tool("cosign", &["signing-config", "create", "--out", "keyed.json"]);
        let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images:unsigned");
        let base = format!("{}/acme/base:v1", world.registry);
        world.tool("oras", &["cp", "--from-oci-layout", layout, "--to-plain-http", &base]);
        for (name, done) in IMAGES {
            world.make(&base, name, done);
        }
        Some(world)
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = tool(name).unwrap();
        let home = self.folder.path();
        command.args(arguments).current_dir(home).env("COSIGN_PASSWORD", "x");
        run(command.env("XDG_CONFIG_HOME", home).env("DOCKER_CONFIG", home))
    }

    fn make(&self, base: &str, name: &str, done: Done) {
        let image = format!("{}/acme/{name}:v1", self.registry);
        let labelled = |label: &str| {
            self.tool("crane", &["mutate", "--insecure", base, "--label", label, "-t", &image]);
        };
        labelled(&format!("name={name}"));
        let digest = self.tool("crane", &["digest", "--insecure", &image]);
        let by_digest = format!("{}/acme/{name}@{}", self.registry, digest.trim());
        let cosign = |verb: &str, arguments: &[&str]| {
            self.tool(
                "cosign",
                &[&[verb, "--yes", "--allow-http-registry"], arguments, &[&by_digest]].concat(),
            );
        };
        for key in done.keys {
            cosign("sign", &["--key", &format!("{key}.key"), "--signing-config", "keyed.json"]);
        }
        for repository in done.identities {
            let url = format!("{}?iss={ISSUER}&repository={repository}", self.sigstore["OIDC_TOKEN_URL"]);
            let token = run(Command::new("curl").args(["-sf", &url]));
            let (config, root) = (&self.sigstore["SIGNING_CONFIG"], &self.sigstore["TRUSTED_ROOT"]);
            cosign(
                "sign",
                &["--identity-token", token.trim(), "--signing-config", config, "--trusted-root", root],
            );
        }
        if let Some(score) = done.score {
            fs::write(self.folder.path().join("score.json"), json!({"score": score}).to_string()).unwrap();
            let what = ["--type", SCORE, "--predicate", "score.json"];
            cosign(
                "attest",
                &[&["--key", "release.key", "--signing-config", "keyed.json"], &what[..]].concat(),
            );
        }
        if done.moved {
            labelled("name=another");
        }
    }

    fn key(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.pub"))).unwrap()
    }
}

/// What is required.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Intent {
    Key,
    AnyKey,
    AllKeys,
    Identity,
    IdentityOrKey,
    Score,
}

impl Intent {
    const ALL: [Self; 6] =
        [Self::Key, Self::AnyKey, Self::AllKeys, Self::Identity, Self::IdentityOrKey, Self::Score];

    fn is_satisfied_by(self, done: Done) -> bool {
        let key = |name: &str| done.keys.contains(&name) && !done.moved;
        let identity = done.identities.contains(&"acme/app") && !done.moved;
        match self {
            Self::Key => key("release"),
            Self::AnyKey => key("release") || key("audit"),
            Self::AllKeys => key("release") && key("audit"),
            Self::Identity => identity,
            Self::IdentityOrKey => identity || key("audit"),
            Self::Score => done.score == Some(9),
        }
    }

    /// The signers, and of how many a signature is needed.
    fn signers(self) -> (usize, &'static [&'static str]) {
        match self {
            Self::Key | Self::Score => (1, &["release"]),
            Self::AnyKey => (1, &["release", "audit"]),
            Self::AllKeys => (2, &["release", "audit"]),
            Self::Identity => (1, &["ci"]),
            Self::IdentityOrKey => (1, &["ci", "audit"]),
        }
    }

    fn in_kyverno(self, world: &World) -> Vec<Value> {
        let entry = |name: &&str| match *name {
            "ci" => {
                json!({"keyless": {"subject": "https://github.com/acme/app/*", "issuer": ISSUER, "rekor": {"url": "https://rekor.sigstore.dev"}}})
            }
            key => json!({"keys": {"publicKeys": world.key(key), "rekor": {"ignoreTlog": true}}}),
        };
        let (count, signers) = self.signers();
        let attestors = json!([{"count": count, "entries": signers.iter().map(entry).collect::<Vec<_>>()}]);
        let mut verify = json!({"imageReferences": [format!("{}/acme/*", world.registry)]});
        match self {
            Self::Score => {
                let condition = json!({"key": "{{ score }}", "operator": "Equals", "value": 9});
                verify["attestations"] =
                    json!([{"type": SCORE, "attestors": attestors, "conditions": [{"all": [condition]}]}]);
            }
            _ => verify["attestors"] = attestors,
        }
        vec![
            json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"}, "spec": {
            "validationFailureAction": "Enforce", "rules": [{"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "verifyImages": [verify]}]}}),
        ]
    }

    fn in_expressions(self, world: &World) -> Vec<Value> {
        let attestor = |name: &&str| match *name {
            "ci" => {
                json!({"name": "ci", "cosign": {"keyless": {"identities": [{"issuer": ISSUER, "subjectRegExp": "^https://github\\.com/acme/app/.*$"}]}}})
            }
            key => {
                json!({"name": key, "cosign": {"key": {"data": world.key(key)}, "ctlog": {"insecureIgnoreTlog": true}}})
            }
        };
        let (count, signers) = self.signers();
        let names = signers.iter().map(|name| format!("attestors.{name}")).collect::<Vec<_>>().join(", ");
        let expression = match self {
            Self::Score => format!(
                "images.containers.all(i, verifyAttestationSignatures(i, attestations.score, [{names}]) >= 1 && \
                 extractPayload(i, attestations.score).predicate.score == 9)"
            ),
            _ => format!("images.containers.all(i, verifyImageSignatures(i, [{names}]) >= {count})"),
        };
        vec![
            json!({"apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": {"name": "p"}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]}]},
            "matchImageReferences": [{"glob": format!("{}/acme/*", world.registry)}],
            "attestors": signers.iter().map(attestor).collect::<Vec<_>>(),
            "attestations": [{"name": "score", "intoto": {"type": SCORE}}],
            "validations": [{"expression": expression}]}}),
        ]
    }

    fn in_sigstore(self, world: &World) -> Vec<Value> {
        let authority = |name: &str| match name {
            "ci" => {
                json!({"name": "ci", "keyless": {"identities": [{"issuer": ISSUER, "subjectRegExp": "^https://github\\.com/acme/app/.*$"}]}})
            }
            key => json!({"name": key, "key": {"data": world.key(key)}}),
        };
        let (count, signers) = self.signers();
        let mut authorities: Vec<Value> = signers.iter().map(|name| authority(name)).collect();
        let mut spec = json!({"images": [{"glob": format!("{}/acme/**", world.registry)}]});
        if self == Self::Score {
            let policy = json!({"type": "cue", "data": "predicate: score: 9"});
            authorities[0]["attestations"] =
                json!([{"name": "score", "predicateType": SCORE, "policy": policy}]);
        }
        if count == 2 {
            let all = signers.iter().map(|name| format!("{name}: signatures: list.MinItems(1)\n"));
            let data = format!("import \"list\"\nauthorityMatches: {{\n{}}}", all.collect::<String>());
            spec["policy"] = json!({"type": "cue", "data": data});
        }
        spec["authorities"] = json!(authorities);
        vec![
            json!({"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": {"name": "p"}, "spec": spec}),
        ]
    }

    fn in_our_own(self, world: &World) -> Vec<Value> {
        let (count, names) = self.signers();
        let signer = |name: &&str| {
            let signer = match *name {
                "ci" => json!({"issuer": ISSUER, "subject": "https://github.com/acme/app/*"}),
                key => json!({"publicKey": world.key(key), "transparencyLog": false}),
            };
            ((*name).to_owned(), signer)
        };
        let signers: serde_json::Map<String, Value> = names.iter().map(signer).collect();
        let require = match self {
            Self::Score => {
                json!({"attestations": [{"type": SCORE, "from": names, "expression": "predicate.score == 9"}]})
            }
            _ => json!({"signatures": {"from": names, "atLeast": count}}),
        };
        vec![
            json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": "p"}, "spec": {
            "images": [format!("{}/acme/**", world.registry)], "signers": signers, "require": require}}),
        ]
    }
}

/// The policies of an intent in every language, and what they are converted into.
fn policies(intent: Intent, world: &World) -> Vec<(&'static str, PolicySet)> {
    let read = |documents: &[Value]| {
        let text: Vec<String> = documents.iter().map(Value::to_string).collect();
        PolicySet::from_yaml(&text.join("\n---\n")).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    };
    let written = [
        ("ClusterPolicy", intent.in_kyverno(world)),
        ("ImageValidatingPolicy", intent.in_expressions(world)),
        ("ClusterImagePolicy", intent.in_sigstore(world)),
        ("ImageTrustPolicy", intent.in_our_own(world)),
    ];
    let mut policies: Vec<_> =
        written.iter().map(|(language, documents)| (*language, read(documents))).collect();
    let mut converted = Vec::new();
    for (language, set) in &policies {
        for (to, conversion) in [
            ("ImageTrustPolicy", set.to_image_trust_policies()),
            ("ImageValidatingPolicy", set.to_image_validating_policies()),
        ] {
            if !conversion.documents.is_empty() {
                let name: &'static str = Box::leak(format!("{to} of {language}").into_boxed_str());
                converted.push((name, read(&conversion.documents)));
            }
        }
    }
    policies.extend(converted);
    policies
}

#[test]
fn what_cosign_signed_is_judged_alike_in_every_language() {
    let Some(world) = World::new() else { return };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let http =
        Http::new(tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()).unwrap();
    let store = Registry::builder(http).host(&world.registry, RegistryHost::new().plain_http()).build();
    let trust =
        Trust::new(TrustRoot::from_json(&fs::read(&world.sigstore["TRUSTED_ROOT"]).unwrap()).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (objects, limits) = (Objects::default(), Limits::default());
    let (mut rows, mut wrong) = (0, Vec::new());
    for intent in Intent::ALL {
        for (language, policies) in policies(intent, &world) {
            for (name, done) in IMAGES {
                let request = request(pod(&format!("{}/acme/{name}:v1", world.registry)));
                let until = Deadline::after(Duration::from_secs(20));
                let evidence = runtime.block_on(collect_for_async(
                    &policies,
                    &request,
                    &store,
                    &objects,
                    &limits,
                    now(),
                    until,
                ));
                let verdict = evaluate(&policies, &request, &evidence, &trust, now());
                let expected = intent.is_satisfied_by(done);
                rows += 1;
                if (verdict.decision == Decision::Allow) != expected {
                    wrong.push(format!("{intent:?} in {language} on {name}, expected {expected}: {verdict}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "of {rows}: {}", wrong.join("\n"));
    assert_eq!(rows, 480, "48 policies, as they are written or converted, and ten images");
}

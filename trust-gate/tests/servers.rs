//! Images that real cosign, notation and oras signed, in real registries: found and judged as in a folder.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use trust_core::TrustRoot;
use trust_gate::{
    Credential, Deadline, DockerConfig, EvidenceStore, ForRegistry, Http, Limits, Objects, OciLayout,
    Registry, RegistryHost, Repositories, collect_for_async,
};
use trust_policy::{Decision, PolicySet, Trust, Verdict, evaluate};
use trust_testkit::judge::{pod, request};
use trust_testkit::now;
use trust_testkit::servers::{Servers, run, tool};

const USER: &str = "tester";
const PASSWORD: &str = "secret";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A client that trusts the authority of this file, if there is one.
fn http(authority: Option<&str>) -> Http {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in authority.iter().flat_map(|file| pem_certificates(&fs::read_to_string(file).unwrap()))
    {
        roots.add(certificate.into()).unwrap();
    }
    let tls =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Http::new(tls.with_root_certificates(roots).with_no_client_auth()).unwrap()
}

fn pem_certificates(text: &str) -> Vec<Vec<u8>> {
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bytes = |block: &str| {
        let body: String = block.split("-----END").next().unwrap().split_whitespace().collect();
        trust_core::internal::encoding::from_base64(&body).unwrap()
    };
    blocks.map(bytes).collect()
}

/// One image, signed in every way, in a registry of its own.
struct Signed {
    servers: Servers,
    folder: tempfile::TempDir,
    registry: String,
    digest: String,
    sigstore: BTreeMap<String, String>,
}

impl Signed {
    fn new() -> Option<Self> {
        let servers = Servers::new()?;
        for name in ["cosign", "crane", "notation", "oras"] {
            tool(name)?;
        }
        let folder = tempfile::tempdir().unwrap();
        let registry = servers.start(&["registry"])["OCIREF"].clone();
        let sigstore = servers.start(&["sigstore"]);
        let mut signed = Self { servers, folder, registry, digest: String::new(), sigstore };
        signed.sign();
        Some(signed)
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = tool(name).unwrap();
        let home = self.folder.path();
        command.args(arguments).current_dir(home).env("COSIGN_PASSWORD", "x");
        run(command.env("XDG_CONFIG_HOME", home).env("DOCKER_CONFIG", home))
    }

    fn sign(&mut self) {
        let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images:unsigned");
        let image = format!("{}/acme/app:v1", self.registry);
        self.tool("oras", &["cp", "--from-oci-layout", layout, "--to-plain-http", &image]);
        self.digest = self.tool("crane", &["digest", "--insecure", &image]).trim().to_owned();
        let by_digest = format!("{}/acme/app@{}", self.registry, self.digest);
        self.tool("cosign", &["generate-key-pair"]);
        self.tool("cosign", &["signing-config", "create", "--out", "keyed.json"]);
        let cosign = |arguments: &[&str]| {
            let common = ["--yes", "--allow-http-registry"];
            self.tool("cosign", &[&["sign"], &common[..], arguments, &[&by_digest]].concat());
        };
        cosign(&["--key", "cosign.key", "--signing-config", "keyed.json"]);
        let legacy = ["--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false"];
        cosign(&[&["--key", "cosign.key"], &legacy[..]].concat());
        let url = format!("{}?iss={ISSUER}&repository=acme/app", self.sigstore["OIDC_TOKEN_URL"]);
        let token = run(Command::new("curl").args(["-sf", &url]));
        let (config, root) = (&self.sigstore["SIGNING_CONFIG"], &self.sigstore["TRUSTED_ROOT"]);
        cosign(&["--identity-token", token.trim(), "--signing-config", config, "--trusted-root", root]);
        self.tool("notation", &["cert", "generate-test", "--default", "test"]);
        self.tool("notation", &["sign", "--insecure-registry", &by_digest]);
        fs::write(self.folder.path().join("note.txt"), "note").unwrap();
        self.tool(
            "oras",
            &["attach", "--plain-http", "--artifact-type", "application/x.note", &by_digest, "note.txt"],
        );
    }

    /// Copies the image with all that is attached to another registry, or to a layout.
    fn copy(&self, to: &str, arguments: &[&str]) {
        let tag = format!("{}.sig", self.digest.replace(':', "-"));
        for (options, reference) in [(&["--recursive"][..], "v1"), (&[], &tag)] {
            let source = format!("{}/acme/app:{reference}", self.registry);
            let target = format!("{to}:{reference}");
            let common = ["cp", "--from-plain-http", &source, &target];
            self.tool("oras", &[&common[..], options, arguments].concat());
        }
    }

    fn policies(&self) -> [PolicySet; 2] {
        let key = fs::read_to_string(self.folder.path().join("cosign.pub")).unwrap();
        let policy = |entry: serde_json::Value| {
            let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"},
                "spec": {"validationFailureAction": "Enforce", "rules": [{"name": "r",
                    "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
                    "verifyImages": [{"imageReferences": ["*"], "attestors": [{"entries": [entry]}]}]}]}});
            PolicySet::from_yaml(&policy.to_string()).unwrap()
        };
        let subject = "https://github.com/acme/app/*";
        [
            policy(json!({"keys": {"publicKeys": key, "rekor": {"ignoreTlog": true}}})),
            policy(
                json!({"keyless": {"subject": subject, "issuer": ISSUER, "rekor": {"url": "https://rekor.sigstore.dev"}}}),
            ),
        ]
    }

    /// The verdicts on the image, by key and keyless, with the host and the place of a listing left out.
    fn verdicts(&self, host: &str, store: &dyn EvidenceStore) -> Vec<Verdict> {
        let root = TrustRoot::from_json(&fs::read(&self.sigstore["TRUSTED_ROOT"]).unwrap()).unwrap();
        let (trust, image) = (Trust::new(root), format!("{host}/acme/app:v1"));
        let request = request(pod(&image));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let judge = |policies: &PolicySet| {
            let (objects, limits) = (Objects::default(), Limits::default());
            let until = Deadline::after(Duration::from_secs(20));
            let evidence = runtime.block_on(collect_for_async(
                policies,
                &request,
                store,
                &objects,
                &limits,
                now(),
                until,
            ));
            let found = &evidence.images[&image];
            assert_eq!(found.failures, []);
            assert_eq!((found.artifacts.len(), found.unverified.len()), (4, 0), "{:?}", found.notes);
            let verdict = evaluate(policies, &request, &evidence, &trust, now());
            assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
            verdict
        };
        self.policies().iter().map(judge).collect()
    }
}

/// Verdicts as JSON, without hosts and without how a referrer was listed.
fn comparable(verdicts: &[Verdict], host: &str, digest: &str) -> String {
    let text = serde_json::to_string(verdicts).unwrap();
    text.replace(host, "HOST").replace(&format!("referrer in tag {}", digest.replace(':', "-")), "referrer")
}

#[test]
fn an_image_is_judged_the_same_wherever_it_is() {
    let Some(signed) = Signed::new() else { return };
    let plain = RegistryHost::new().plain_http();
    let open = Registry::builder(http(None)).host(&signed.registry, plain.clone()).build();
    let expected = signed.verdicts(&signed.registry, &open);
    let expected = comparable(&expected, &signed.registry, &signed.digest);

    let layout = signed.folder.path().join("layout");
    signed.copy(layout.to_str().unwrap(), &["--to-oci-layout"]);
    let mut repositories = Repositories::new();
    repositories.insert("r.example/acme/app".parse().unwrap(), OciLayout::open(layout).unwrap());
    let found = signed.verdicts("r.example", &repositories);
    assert_eq!(comparable(&found, "r.example", &signed.digest), expected, "layout");

    let login = format!("{USER}:{PASSWORD}");
    for (arguments, variable) in [
        (&["registry", "-referrers=false"][..], "OCIREF"),
        (&["registry", "-referrers-page", "1"], "OCIREF"),
        (&["registry", "-basic", &login], "OCIREF"),
        (&["registry", "-bearer", &login], "OCIREF"),
        (&["registry", "--tls", "-bearer", &login], "OCIREF"),
        (&["docker-registry", "--auth", "none"], "DOCKER_REGISTRY"),
        (&["docker-registry", "--auth", "htpasswd", "--tls"], "DOCKER_REGISTRY"),
        (&["docker-registry", "--auth", "token"], "DOCKER_REGISTRY"),
    ] {
        let started = signed.servers.start(arguments);
        let host = &started[variable];
        let authority = started.get(&format!("{variable}_CA")).map(String::as_str);
        let user = started.get("DOCKER_REGISTRY_USER").map_or(USER, String::as_str);
        let password = started.get("DOCKER_REGISTRY_PASSWORD").map_or(PASSWORD, String::as_str);
        let has_login = arguments.iter().any(|one| ["-basic", "-bearer", "htpasswd", "token"].contains(one));
        let mut options = match authority {
            Some(file) => vec!["--to-ca-file", file],
            None => vec!["--to-plain-http"],
        };
        if has_login {
            options.extend(["--to-username", user, "--to-password", password]);
        }
        signed.copy(&format!("{host}/acme/app"), &options);
        let settings = if authority.is_some() { RegistryHost::new() } else { plain.clone() };
        let mut builder = Registry::builder(http(authority)).host(host, settings.clone());
        if has_login {
            let credential = Credential::Password { user: user.to_owned(), password: password.to_owned() };
            builder = builder.credentials(ForRegistry::new(host, credential));
        }
        let found = signed.verdicts(host, &builder.build());
        assert_eq!(comparable(&found, host, &signed.digest), expected, "{arguments:?}");

        if has_login {
            // The same from a configuration as `docker login` writes it.
            let auth = trust_core::internal::encoding::to_base64(format!("{user}:{password}").as_bytes());
            let config = json!({"auths": {host: {"auth": auth}}}).to_string();
            let credentials = DockerConfig::from_json(config.as_bytes()).unwrap();
            let registry =
                Registry::builder(http(authority)).host(host, settings).credentials(credentials).build();
            signed.verdicts(host, &registry);
        }
    }
}

/// How many requests an image costs, in the registry's own log: a tag, three tags of signatures and the referrers, then manifests,
/// then blobs.
#[test]
fn questions_are_asked_once() {
    let Some(signed) = Signed::new() else { return };
    let log = signed.servers.start(&["registry"]);
    let (host, log) = (log["OCIREF"].clone(), log["OCIREF_LOG"].clone());
    signed.copy(&format!("{host}/acme/app"), &["--to-plain-http"]);
    let requests = |text: &str| text.lines().filter(|line| !line.contains("/_ociref/")).count();
    let before = requests(&fs::read_to_string(&log).unwrap());
    let registry = Registry::builder(http(None)).host(&host, RegistryHost::new().plain_http()).build();
    let image = format!("{host}/acme/app:v1").parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let until = Deadline::after(Duration::from_secs(20));
    let found = runtime.block_on(trust_gate::collect_async(&registry, &image, &Limits::default(), until));
    assert_eq!(found.failures, []);
    let text = fs::read_to_string(Path::new(&log)).unwrap();
    // Of four referrers (a note is one) the manifests, and of four signatures the layers.
    assert_eq!(requests(&text) - before, 1 + 4 + 4 + 4, "{text}");
}

/// What the image's verdict is while the server misbehaves as `fault` says (see the server's own manual), and how long it takes.
fn verdict_under(fault: &str, signed: &Signed, server: &str, patience: Duration) -> (Verdict, Duration) {
    let faults = format!("http://{server}/_ociref/faults");
    run(Command::new("curl").args(["-sf", "--data-binary", fault, &faults]));
    let registry = Registry::builder(http(None)).host(server, RegistryHost::new().plain_http()).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let [policies, _] = signed.policies();
    let request = request(pod(&format!("{server}/acme/app:v1")));
    let (objects, limits, start) = (Objects::default(), Limits::default(), Instant::now());
    let collected = collect_for_async(
        &policies,
        &request,
        &registry,
        &objects,
        &limits,
        now(),
        Deadline::after(patience),
    );
    let evidence = runtime.block_on(collected);
    let time = start.elapsed();
    run(Command::new("curl").args(["-sf", "-X", "DELETE", &faults]));
    (evaluate(&policies, &request, &evidence, &Trust::keys_only(), now()), time)
}

/// The main faults, as a server on a socket makes them. Each is over at the deadline; none lets an image in that it should not.
#[test]
fn a_registry_that_misbehaves_allows_nothing_and_the_deadline_is_kept() {
    let Some(signed) = Signed::new() else { return };
    let server = signed.servers.start(&["registry"])["OCIREF"].clone();
    signed.copy(&format!("{server}/acme/app"), &["--to-plain-http"]);
    let patience = Duration::from_millis(2500);
    let other_digest = format!("digest:sha256:{}", "0".repeat(64));
    let elsewhere = format!("redirect:http://{}", signed.registry);
    for (part, fault, decision, says) in [
        // What passes, or is no fault, costs time alone.
        ("/v2/", "429:1@1", Decision::Allow, ""),
        ("/v2/", "503@2", Decision::Allow, ""),
        ("/v2/", "reset@2", Decision::Allow, ""),
        ("/v2/*/manifests/", "nodigest", Decision::Allow, ""),
        ("/v2/*/manifests/", "digest:sha256:00", Decision::Allow, ""),
        ("/v2/*/blobs/", &elsewhere, Decision::Allow, ""),
        // What stays denies, and says what it was.
        ("/v2/", "429:60", Decision::Deny, "429"),
        ("/v2/", "401", Decision::Deny, "401"),
        ("/v2/", "403", Decision::Deny, "403"),
        ("/v2/", "404", Decision::Deny, "no such image"),
        ("/v2/", "405", Decision::Deny, "405"),
        ("/v2/", "406", Decision::Deny, "406"),
        ("/v2/", "500", Decision::Deny, "500"),
        ("/v2/", "503", Decision::Deny, "503"),
        ("/v2/", "reset", Decision::Deny, "connection"),
        ("/v2/", "hang:30s", Decision::Deny, "by the deadline"),
        ("/v2/*/blobs/", "403", Decision::Deny, "403"),
        ("/v2/*/blobs/", "404", Decision::Deny, "is not there"),
        ("/v2/*/blobs/", "hang:30s", Decision::Deny, "by the deadline"),
        ("/v2/*/blobs/", "drip:400ms", Decision::Deny, "by the deadline"),
        ("/v2/*/blobs/", "truncate:10", Decision::Deny, "ended early"),
        ("/v2/*/blobs/", "wrong", Decision::Deny, "digest"),
        ("/v2/*/blobs/", "redirect:http://169.254.169.254", Decision::Deny, "169.254.169.254"),
        ("/v2/*/manifests/", "wrong", Decision::Deny, "digest"),
        ("/v2/*/manifests/", &other_digest, Decision::Deny, "sha256:000000000000"),
        ("/v2/*/manifests/", "redirect:http://169.254.169.254", Decision::Deny, "status 307"),
    ] {
        let rule = format!("{part}={fault}");
        let (verdict, time) = verdict_under(&rule, &signed, &server, patience);
        let text = verdict.to_string();
        assert_eq!(verdict.decision, decision, "{rule}: {text}");
        assert!(text.contains(says), "{rule}: {text}");
        assert!(time < patience + Duration::from_millis(100), "{rule}: {time:?}");
    }
}

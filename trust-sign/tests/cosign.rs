//! What is signed here, real cosign verifies: in real registries, with a real Sigstore; and its keys are ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod registry;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trust_core::{ImageRef, KeyAlgorithm, SigningConfig, TrustRoot};
use trust_gate::{Deadline, Limits, OciLayout, OciLayoutWriter, Pusher, Repositories, collect_async};
use trust_sign::{
    IdentityToken, Inline, PrivateKey, ProvenanceBuilder, Signer, Stage, attestation, copy, predicate_type,
    push_bundle, push_layer,
};
use trust_testkit::servers::{Servers, run, tool};

use crate::registry::{PASSWORD, World, http, now, soon};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const VULNERABILITIES: &str = r#"{"invocation": {}, "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.60.0", "version": "0.60.0",
    "result": {"SchemaVersion": 2, "ArtifactName": "a", "Trivy": {"Version": "0.60.0"}, "Results": [
        {"Target": "t", "Class": "os-pkgs", "Type": "alpine", "Vulnerabilities": []}]}},
    "metadata": {"scanStartedOn": "2026-11-01T00:00:00Z", "scanFinishedOn": "2026-11-01T00:00:01Z"}}"#;
const SBOM: &str = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [
    {"type": "library", "name": "zlib", "version": "1.3", "purl": "pkg:generic/zlib@1.3"}]}"#;

/// An unsigned image in a registry, and what is needed to ask cosign about it.
fn unsigned(registry: &[&str]) -> Option<World> {
    World::new(registry, &["cosign", "crane", "oras"])
}

impl World {
    /// Whether cosign verifies the image, or an attestation of it.
    fn verifies(&self, command: &str, arguments: &[&str]) -> String {
        let image = self.image();
        self.tool("cosign", &[&[command, "--allow-http-registry"], arguments, &[&image]].concat())
    }
}

const OLD: [&str; 2] = ["--insecure-ignore-tlog=true", "--new-bundle-format=false"];
const KEYED: [&str; 4] = ["--key", "ours.pub", "--insecure-ignore-tlog=true", "--private-infrastructure"];

/// Signs and attests in all ways that need no service, and lets cosign verify each.
async fn keyed(world: &World) {
    let pusher = Pusher::new(world.registry());
    let target = world.target().await;
    // Of P-384 cosign 3.1.1 verifies nothing by `--key`, not even what it signs itself: see sigstore-go below.
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Ed25519] {
        let key = PrivateKey::generate(algorithm).unwrap();
        fs::write(world.path().join("ours.pub"), key.public_pem()).unwrap();
        let signer = Signer::with_key(key, TrustRoot::empty());
        let notes = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let signed = signer.sign(&target.signature(&notes).unwrap(), soon()).await.unwrap();
        push_bundle(&pusher, &target, &signed, Inline::Data, now(), soon()).await.unwrap();
        let found = world.verifies("verify", &KEYED);
        assert!(found.contains("https://sigstore.dev/cosign/sign/v1"), "{found}");

        let layer = signer.sign_image_layer(&target.simple_signing(&notes), soon()).await.unwrap();
        push_layer(&pusher, &target, &layer, soon()).await.unwrap();
        let found = world.verifies("verify", &[&KEYED[..2], &OLD, &["-a", "team=a"]].concat());
        assert!(found.contains("cosign container image signature"), "{found}");

        let provenance =
            ProvenanceBuilder::new("https://example.com/build/v1", "https://example.com/builder");
        for (name, statement) in [
            ("vuln", attestation(&target, predicate_type("vuln").unwrap(), VULNERABILITIES).unwrap()),
            ("cyclonedx", attestation(&target, predicate_type("cyclonedx").unwrap(), SBOM).unwrap()),
            ("slsaprovenance1", provenance.attestation(&target).unwrap()),
        ] {
            let signed = signer.sign(&statement, soon()).await.unwrap();
            push_bundle(&pusher, &target, &signed, Inline::No, now(), soon()).await.unwrap();
            world.verifies("verify-attestation", &[&KEYED[..], &["--type", name]].concat());
            let layer = signer.sign_attestation_layer(&statement, soon()).await.unwrap();
            push_layer(&pusher, &target, &layer, soon()).await.unwrap();
            world.verifies("verify-attestation", &[&KEYED[..2], &OLD, &["--type", name]].concat());
        }
    }
    // Another key has signed nothing.
    fs::write(
        world.path().join("ours.pub"),
        PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap().public_pem(),
    )
    .unwrap();
    let image = world.image();
    let arguments = [&["verify", "--allow-http-registry"], &KEYED[..], &[&image]].concat();
    assert!(!world.command("cosign", &arguments).output().unwrap().status.success());
}

#[tokio::test]
async fn cosign_verifies_what_is_signed_with_a_key_in_a_registry_with_referrers() {
    let Some(world) = unsigned(&["registry"]) else { return };
    keyed(&world).await;
    let discovered = world.tool("oras", &["discover", "--plain-http", "--format", "json", &world.image()]);
    let discovered: Value = serde_json::from_str(&discovered).unwrap();
    assert_eq!(discovered["referrers"].as_array().unwrap().len(), 8, "{discovered:#}");
}

#[tokio::test]
async fn cosign_verifies_what_is_signed_with_a_key_in_a_registry_without_referrers() {
    let Some(world) = unsigned(&["docker-registry"]) else { return };
    keyed(&world).await;
    let target = world.target().await;
    let tag = target.digest.to_string().replace(':', "-");
    let index = world.tool("crane", &["manifest", "--insecure", &format!("{}/acme/app:{tag}", world.host)]);
    let index: Value = serde_json::from_str(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 8, "{index:#}");
}

#[tokio::test]
async fn keys_of_cosign_are_read_and_ours_are_read_by_cosign() {
    let Some(world) = unsigned(&["registry"]) else { return };
    world.tool("cosign", &["generate-key-pair"]);
    let theirs = fs::read_to_string(world.path().join("cosign.key")).unwrap();
    let key = PrivateKey::from_encrypted_pem(&theirs, PASSWORD.as_bytes()).unwrap();
    assert_eq!(key.public_pem(), fs::read_to_string(world.path().join("cosign.pub")).unwrap());

    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let ours = PrivateKey::generate(algorithm).unwrap();
        fs::write(world.path().join("ours.key"), ours.to_encrypted_pem(PASSWORD.as_bytes()).unwrap())
            .unwrap();
        let public = world.tool("cosign", &["public-key", "--key", "ours.key"]);
        assert_eq!(public.trim(), ours.public_pem().trim());
    }
}

#[tokio::test]
async fn cosign_verifies_what_an_identity_signs_and_we_judge_it() {
    let Some(world) = unsigned(&["registry"]) else { return };
    let sigstore = world.servers.start(&["sigstore"]);
    let url = format!("{}?iss={ISSUER}&repository=acme/app", sigstore["OIDC_TOKEN_URL"]);
    let token = run(Command::new("curl").args(["-sf", &url]));
    let token = IdentityToken::parse(&token, now()).unwrap();
    let read = |name: &str| fs::read(&sigstore[name]).unwrap();
    let config = SigningConfig::from_json(&read("SIGNING_CONFIG")).unwrap();
    let root = TrustRoot::from_json(&read("TRUSTED_ROOT")).unwrap();
    let signer = Signer::with_identity(token, &config, http(), root.clone(), now()).unwrap();

    let target = world.target().await;
    let signed = signer.sign(&target.signature(&BTreeMap::new()).unwrap(), soon()).await.unwrap();
    assert_eq!((signed.verified.log_entries().len(), signed.published.len()), (1, 2));
    let pusher = Pusher::new(world.registry());
    push_bundle(&pusher, &target, &signed, Inline::No, now(), soon()).await.unwrap();
    let sbom = attestation(&target, predicate_type("cyclonedx").unwrap(), SBOM).unwrap();
    let attested = signer.sign(&sbom, soon()).await.unwrap();
    push_bundle(&pusher, &target, &attested, Inline::Data, now(), soon()).await.unwrap();

    let identity = ["--certificate-identity-regexp", "acme/app", "--certificate-oidc-issuer", ISSUER];
    let trusted = ["--trusted-root", &sigstore["TRUSTED_ROOT"], "--use-signed-timestamps"];
    world.verifies("verify", &[&identity[..], &trusted].concat());
    world.verifies("verify-attestation", &[&identity[..], &trusted, &["--type", "cyclonedx"]].concat());

    // And by a policy of Kyverno's.
    let policies = trust_policy::PolicySet::from_yaml(&json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "signed"},
        "spec": {"rules": [{"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "verifyImages": [{
            "imageReferences": ["*"], "mutateDigest": false, "verifyDigest": false, "type": "SigstoreBundle",
            "attestors": [{"entries": [{"keyless": {"subject": "*acme/app*", "issuer": ISSUER}}]}],
        }]}]},
    }).to_string()).unwrap();
    let mut stores = Repositories::new();
    stores.insert_for_others(world.registry());
    let request = trust_testkit::judge::request(trust_testkit::judge::pod(&world.image()));
    let objects = trust_gate::Objects::default();
    let evidence = trust_gate::collect_for_async(
        &policies,
        &request,
        &stores,
        &objects,
        &Limits::default(),
        now(),
        soon(),
    )
    .await;
    let verdict = trust_policy::evaluate(&policies, &request, &evidence, &root.into(), now());
    assert_eq!(verdict.decision, trust_policy::Decision::Allow, "{verdict}");

    // No room for an entry without a promise in the older form: nothing becomes public for that.
    let error = signer.sign_image_layer(&target.simple_signing(&BTreeMap::new()), soon()).await.unwrap_err();
    assert!(error.to_string().contains("Rekor v2 makes none"), "{error}");
    assert_eq!((error.stage, error.published.len()), (Stage::Begin, 0));
}

#[tokio::test]
async fn rekor_logs_and_sigstore_go_verifies_what_is_signed() {
    let Some(servers) = Servers::new() else { return };
    if tool("sigstore-go-verification").is_none() {
        return;
    }
    let (sigstore, folder) = (servers.start(&["sigstore"]), tempfile::tempdir().unwrap());
    let read = |name: &str| fs::read(&sigstore[name]).unwrap();
    let config = SigningConfig::from_json(&read("SIGNING_CONFIG")).unwrap();
    let root = TrustRoot::from_json(&read("TRUSTED_ROOT")).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("artifact"), "an artifact").unwrap();
    let verify = |more: &[&str]| {
        let (artifact, bundle) = (path("artifact"), path("bundle"));
        let common = ["-trustedrootJSONpath", &sigstore["TRUSTED_ROOT"], "-artifact", &artifact];
        run(tool("sigstore-go-verification").unwrap().args(common).args(more).arg(&bundle))
    };
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::EcdsaP521] {
        let key = PrivateKey::generate(algorithm).unwrap();
        fs::write(path("ours.pub"), key.public_pem()).unwrap();
        let signer = Signer::with_key(key, root.clone()).with_services(&config, now()).unwrap();
        let signer = signer.with_transport(Arc::new(http()));
        let signed = signer.sign_artifact(b"an artifact", soon()).await.unwrap();
        fs::write(path("bundle"), &signed.json).unwrap();
        // Rekor has verified each before it logged it; this program takes any key's signature for one over SHA-256.
        if algorithm == KeyAlgorithm::EcdsaP256 {
            verify(&["-publicKey", &path("ours.pub"), "-requireCTlog=false"]);
        }
    }
    // Rekor v2 takes no pure Ed25519, and nothing becomes public.
    let key = PrivateKey::generate(KeyAlgorithm::Ed25519).unwrap();
    let signer = Signer::with_key(key, root.clone()).with_services(&config, now()).unwrap();
    let error =
        signer.with_transport(Arc::new(http())).sign_artifact(b"an artifact", soon()).await.unwrap_err();
    assert_eq!((error.stage, error.published), (Stage::Log, vec![]));

    let url = format!("{}?iss={ISSUER}&repository=acme/app", sigstore["OIDC_TOKEN_URL"]);
    let token = IdentityToken::parse(&run(Command::new("curl").args(["-sf", &url])), now()).unwrap();
    let signer = Signer::with_identity(token, &config, http(), root, now()).unwrap();
    let signed = signer.sign_artifact(b"an artifact", soon()).await.unwrap();
    fs::write(path("bundle"), &signed.json).unwrap();
    verify(&["-expectedIssuer", ISSUER, "-expectedSANRegex", "acme/app"]);
}

#[tokio::test]
async fn an_image_is_copied_with_all_that_is_attached_to_it() {
    let Some(world) = unsigned(&["registry"]) else { return };
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    fs::write(world.path().join("ours.pub"), key.public_pem()).unwrap();
    let signer = Signer::with_key(key, TrustRoot::empty());
    let (target, pusher) = (world.target().await, Pusher::new(world.registry()));
    let signed = signer.sign(&target.signature(&BTreeMap::new()).unwrap(), soon()).await.unwrap();
    push_bundle(&pusher, &target, &signed, Inline::No, now(), soon()).await.unwrap();
    let layer = signer.sign_image_layer(&target.simple_signing(&BTreeMap::new()), soon()).await.unwrap();
    push_layer(&pusher, &target, &layer, soon()).await.unwrap();

    // To a layout, from there to a registry without referrers, and there cosign verifies it.
    let layout = world.path().join("layout");
    let to = Pusher::new(OciLayoutWriter::open(&layout).unwrap());
    let image: ImageRef = world.image().parse().unwrap();
    let (digest, copied) = copy(&world.registry(), &image, &to, &image, soon()).await.unwrap();
    assert_eq!((digest, copied.left), (target.digest.clone(), 0));
    let found = collect_async(&OciLayout::open(&layout).unwrap(), &image, &Limits::default(), soon()).await;
    assert_eq!(found.artifacts.len(), 2, "{found:?}");

    let Some(other) = unsigned(&["docker-registry"]) else { return };
    let destination: ImageRef = format!("{}/mirror/app:v1", other.host).parse().unwrap();
    let to = Pusher::new(other.registry());
    copy(&OciLayout::open(&layout).unwrap(), &image, &to, &destination, soon()).await.unwrap();
    let verify = |more: &[&str]| {
        let arguments =
            [&["verify", "--allow-http-registry", "--key", "ours.pub"], more, &[destination.written()]]
                .concat();
        world.tool("cosign", &arguments)
    };
    verify(&KEYED[2..]);
    verify(&OLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_writers_at_once_lose_nothing() {
    let Some(world) = unsigned(&["docker-registry"]) else { return };
    let target = world.target().await;
    let signer = Signer::with_key(PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap(), TrustRoot::empty());
    let mut writers = tokio::task::JoinSet::new();
    // Five processes, which do not know of each other, with forty writers each.
    for process in 0..5 {
        let pusher = Pusher::new(world.registry());
        for writer in 0..40 {
            let (pusher, target, signer) = (pusher.clone(), target.clone(), signer.clone());
            writers.spawn(async move {
                let note = BTreeMap::from([("writer".to_owned(), format!("{process}-{writer}"))]);
                let until = Deadline::after(Duration::from_secs(120));
                let signed = signer.sign(&target.signature(&note).unwrap(), until).await.unwrap();
                push_bundle(&pusher, &target, &signed, Inline::No, now(), until).await
            });
        }
    }
    let pushed: Vec<_> =
        writers.join_all().await.into_iter().map(|pushed| pushed.unwrap().to_string()).collect();
    assert_eq!(pushed.len(), 200);
    let tag = target.digest.to_string().replace(':', "-");
    let index = world.tool("crane", &["manifest", "--insecure", &format!("{}/acme/app:{tag}", world.host)]);
    let missing = pushed.iter().filter(|digest| !index.contains(digest.as_str())).count();
    assert_eq!(missing, 0);
}

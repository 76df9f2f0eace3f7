//! What is signed of the platforms of an image is fetched where policies ask for it, and not else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_gate::{
    Boxed, Deadline, EvidenceStore, Found, Item, Limits, Objects, StoreError, Want, collect_for,
};
use trust_policy::{Decision, PolicySet, Trust, Verdict, evaluate};
use trust_testkit::artifacts::{pem, signature};
use trust_testkit::judge::{pod, request};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

/// An image of two platforms with a signature on each, as cosign stores them, and none on the index.
#[derive(Debug, Default)]
struct Registry {
    blobs: BTreeMap<Digest, Vec<u8>>,
    tags: BTreeMap<String, Vec<u8>>,
    image: Option<Digest>,
    asked: Mutex<usize>,
}

impl Registry {
    /// Keeps a document, and describes it.
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let (digest, size) = (Digest::sha256(&bytes), bytes.len());
        self.blobs.insert(digest.clone(), bytes);
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
    }

    fn new(signers: [u8; 2]) -> Self {
        let mut registry = Self::default();
        let mut entries = Vec::new();
        for (architecture, seed) in ["amd64", "arm64"].into_iter().zip(signers) {
            let config = json!({"os": "linux", "architecture": architecture}).to_string().into_bytes();
            let config = registry.add("application/vnd.oci.image.config.v1+json", config);
            let manifest =
                json!({"schemaVersion": 2, "config": config, "layers": []}).to_string().into_bytes();
            let platform = Digest::sha256(&manifest);
            let mut entry = registry.add("application/vnd.oci.image.manifest.v1+json", manifest);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entries.push(entry);
            let signed = signature(seed, &platform, &json!({}));
            let mut layer = registry.add(&signed.media_type, signed.content.to_vec());
            layer["annotations"] = json!(signed.annotations);
            let signatures = json!({"schemaVersion": 2, "config": config, "layers": [layer]}).to_string();
            registry.tags.insert(format!("sha256-{}.sig", platform.to_hex()), signatures.into_bytes());
        }
        let index = json!({"schemaVersion": 2, "manifests": entries}).to_string().into_bytes();
        registry.image = Some(Digest::sha256(&index));
        registry.add("application/vnd.oci.image.index.v1+json", index);
        registry
    }
}

impl EvidenceStore for Registry {
    fn fetch<'a>(&'a self, want: &'a Want, _: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        *self.asked.lock().unwrap() += 1;
        let bytes = |found: Option<&Vec<u8>>| found.cloned().map_or(Found::Absent, Found::Bytes);
        let found = match &want.item {
            Item::Image => match want.image.digest().or(self.image.as_ref()) {
                Some(digest) => Found::Digest(digest.clone()),
                None => Found::Absent,
            },
            Item::Tag(tag) => bytes(self.tags.get(tag)),
            Item::Manifest(digest) | Item::Blob { digest, .. } => bytes(self.blobs.get(digest)),
            _ => Found::Referrers(Vec::new()),
        };
        Box::pin(async { Ok(found) })
    }
}

fn judge(registry: &Registry, at: &str) -> Verdict {
    let policies = PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers: {{release: {{publicKey: \"{}\", transparencyLog: false}}}}\n  require: {{signatures: {{from: [release], at: {at}}}}}\n",
        pem(1)
    ))
    .unwrap();
    let request = request(pod("ghcr.io/acme/app:v1"));
    let evidence = collect_for(&policies, &request, registry, &Objects::default(), &Limits::default(), NOW);
    evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW)
}

#[test]
fn signatures_of_platforms_are_fetched_where_they_are_asked_for() {
    let asked = |at| {
        let registry = Registry::new([1, 1]);
        let verdict = judge(&registry, at);
        (verdict.decision, *registry.asked.lock().unwrap())
    };
    let (decision, of_index) = asked("index");
    assert_eq!(decision, Decision::Deny, "the index is not signed");
    let (decision, of_platforms) = asked("everyPlatform");
    assert_eq!(decision, Decision::Allow);
    assert!(of_platforms > of_index, "{of_platforms} questions, and {of_index} about the index alone");
    assert_eq!(asked("either"), (Decision::Allow, of_platforms));
    let verdict = judge(&Registry::new([1, 2]), "everyPlatform");
    assert!(verdict.decision == Decision::Deny && verdict.to_string().contains("linux/arm64"), "{verdict}");
}

//! Discovery: answers in any order, withheld, wrong, or without end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use trust_core::{Digest, ImageRef};
use trust_gate::{
    Boxed, Deadline, Discovered, Discovery, EvidenceStore, Found, Item, Limits, OciLayout, StoreError, Want,
    collect_family,
};
use trust_policy::FailureKind;

fn layout() -> OciLayout {
    OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images")).unwrap()
}

fn discovery(image: &str) -> Discovery {
    let image = format!("ghcr.io/myorg/app:{image}").parse().unwrap();
    Discovery::new(image, &Limits::default()).beside("ghcr.io/myorg/web".parse().unwrap()).with_documents()
}

/// Answers in the order that is given; every answer for which `is_withheld` is left out.
fn run(
    mut discovery: Discovery,
    order: &[Index],
    mut answer: impl FnMut(&Want) -> Option<Result<Found, StoreError>>,
) -> Discovered {
    let (mut open, mut order) = (Vec::new(), order.iter().cycle());
    loop {
        open.extend(discovery.wants());
        if open.is_empty() {
            return discovery.finish();
        }
        let at = order.next().map_or(0, |index| index.index(open.len()));
        let want = open.swap_remove(at);
        if let Some(found) = answer(&want) {
            discovery.answer(&want, found);
        }
    }
}

const IMAGES: [&str; 6] = ["signed", "legacy", "keyless", "unsigned", "moved", "absent"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_in_which_answers_arrive_changes_nothing(image in 0..IMAGES.len(), order: Vec<Index>) {
        let layout = layout();
        let expected = run(discovery(IMAGES[image]), &[], |want| Some(layout.find(want)));
        prop_assert_eq!(run(discovery(IMAGES[image]), &order, |want| Some(layout.find(want))), expected);
    }

    #[test]
    fn what_is_withheld_is_a_failure(image in 0..IMAGES.len(), withheld: [Index; 3], order: Vec<Index>) {
        let layout = layout();
        let mut asked = 0;
        let whole = run(discovery(IMAGES[image]), &[], |want| { asked += 1; Some(layout.find(want)) });
        let withheld = withheld.map(|index| index.index(asked));
        let (mut count, mut missed) = (0, Vec::new());
        let found = run(discovery(IMAGES[image]), &order, |want| {
            count += 1;
            if withheld.contains(&(count - 1)) {
                missed.push(want.item.clone());
                return None;
            }
            Some(layout.find(want))
        });
        let late = found.image.failures.iter().filter(|one| one.kind == FailureKind::TimedOut).count();
        // What is asked only to notice what else is signed decides nothing.
        prop_assert!(late > 0 || found.image.artifacts == whole.image.artifacts, "{missed:?}");
        prop_assert!(found.image.artifacts.len() <= whole.image.artifacts.len());
    }
}

/// A registry in memory.
#[derive(Default)]
struct Memory {
    blobs: BTreeMap<Digest, Vec<u8>>,
    tags: BTreeMap<String, Vec<u8>>,
    referrers: Vec<Digest>,
}

impl Memory {
    fn add(&mut self, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        self.blobs.insert(digest.clone(), content.to_vec());
        digest
    }

    /// A manifest that refers to `subject`, with layers that look like bundles.
    fn signatures(&mut self, subject: &Digest, layers: &[Value]) -> Digest {
        let manifest = json!({"schemaVersion": 2, "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
            "subject": {"mediaType": "m/m", "digest": subject.to_string(), "size": 1}, "layers": layers});
        self.add(manifest.to_string().as_bytes())
    }

    fn answer(&self, want: &Want) -> Result<Found, StoreError> {
        let bytes = |found: Option<&Vec<u8>>| found.cloned().map_or(Found::Absent, Found::Bytes);
        Ok(match &want.item {
            Item::Image => Found::Digest(image()),
            Item::Tag(tag) => bytes(self.tags.get(tag)),
            Item::Manifest(digest) | Item::Blob { digest, .. } => bytes(self.blobs.get(digest)),
            Item::Referrers(_) => Found::Referrers(self.referrers.clone()),
        })
    }

    fn discover(&self, limits: &Limits) -> Discovered {
        let image: ImageRef = "ghcr.io/acme/app:v1".parse().unwrap();
        run(Discovery::new(image, limits), &[], |want| Some(self.answer(want)))
    }
}

fn image() -> Digest {
    Digest::sha256(b"image")
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(content).to_string(), "size": content.len()})
}

#[test]
fn data_in_a_descriptor_saves_a_question_and_is_hashed() {
    let mut memory = Memory::default();
    let mut layer = descriptor(BUNDLE, b"bundle");
    layer["data"] = json!("YnVuZGxl");
    let good = memory.signatures(&image(), &[layer.clone()]);
    memory.referrers = vec![good];
    let found = memory.discover(&Limits::default()).image;
    assert_eq!(&found.artifacts[0].content[..], b"bundle");
    assert!(found.failures.is_empty(), "{:?}", found.failures);

    for (data, kind) in [
        ("YnVuZGxf", FailureKind::Tampered),
        ("YnVuZGxlcw==", FailureKind::Tampered),
        ("!", FailureKind::Malformed),
    ] {
        layer["data"] = json!(data);
        let bad = memory.signatures(&image(), &[layer.clone()]);
        memory.referrers = vec![bad];
        let found = memory.discover(&Limits::default()).image;
        assert_eq!((found.artifacts.len(), found.failures[0].kind), (0, kind), "{data}");
    }
}

#[test]
fn a_tag_that_answers_with_the_image_itself_has_no_referrers() {
    // GitLab resolves `sha256-<hex>` to the manifest of this digest.
    let mut memory = Memory::default();
    let manifest = json!({"schemaVersion": 2, "config": descriptor("c/c", b"{}"), "layers": []}).to_string();
    let digest = memory.add(manifest.as_bytes());
    memory.tags.insert(format!("sha256-{}", digest.to_hex()), manifest.into_bytes());
    let discovery = Discovery::new(format!("ghcr.io/acme/app@{digest}").parse().unwrap(), &Limits::default());
    let found = run(discovery, &[], |want| match &want.item {
        Item::Image => Some(Ok(Found::Digest(digest.clone()))),
        _ => Some(memory.answer(want)),
    });
    assert!(found.image.failures.is_empty(), "{:?}", found.image.failures);
}

#[test]
fn signatures_of_the_notary_project_are_found() {
    let mut memory = Memory::default();
    memory.add(b"envelope");
    let manifest = json!({"schemaVersion": 2, "artifactType": "application/vnd.cncf.notary.signature",
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "subject": {"mediaType": "m/m", "digest": image().to_string(), "size": 1},
        "layers": [descriptor("application/jose+json", b"envelope")]});
    memory.referrers = vec![memory.add(manifest.to_string().as_bytes())];
    let found = memory.discover(&Limits::default()).image;
    assert_eq!((found.artifacts.len(), found.unverified.len()), (1, 0));
    assert_eq!(found.artifacts[0].media_type, "application/jose+json");
}

/// CVE-2023-33957, CVE-2023-33958 and CVE-2023-42813 to 42816: however many signatures are attached, and however large, so many are read.
#[test]
fn cve_2023_33957_more_signatures_of_the_notary_project_than_are_read() {
    let mut memory = Memory::default();
    memory.add(b"{}");
    let mut manifest = |number: usize, layers: usize| {
        let envelopes: Vec<Vec<u8>> =
            (0..layers).map(|layer| format!("{number}/{layer}").into_bytes()).collect();
        envelopes.iter().for_each(|envelope| drop(memory.add(envelope)));
        let layers: Vec<Value> =
            envelopes.iter().map(|envelope| descriptor("application/cose", envelope)).collect();
        let manifest = json!({"schemaVersion": 2, "config": descriptor("application/vnd.cncf.notary.signature", b"{}"),
            "subject": {"mediaType": "m/m", "digest": image().to_string(), "size": 1}, "layers": layers});
        memory.add(manifest.to_string().as_bytes())
    };
    let (many, one): (Vec<_>, _) = ((0..5).map(|number| manifest(number, 1)).collect(), manifest(9, 5));
    let mut limits = Limits::default();
    (limits.manifests, limits.artifacts, limits.layer_len) = (3, 3, 2);
    memory.referrers = many;
    let few = memory.discover(&limits).image;
    assert!(few.failures.iter().any(|one| one.kind == FailureKind::TooLarge), "{:?}", few.failures);
    assert!(few.artifacts.is_empty(), "each is longer than is read: {:?}", few.artifacts);
    limits.layer_len = 3;
    assert_eq!(memory.discover(&limits).image.artifacts.len(), 3);
    memory.referrers = vec![one];
    let few = memory.discover(&limits).image;
    assert_eq!(few.artifacts.len(), 3);
    assert!(few.failures.iter().any(|one| one.kind == FailureKind::TooLarge), "{:?}", few.failures);
}

#[test]
fn statements_in_the_index_of_an_image_are_kept_apart() {
    let mut memory = Memory::default();
    let statement = br#"{"_type": "https://in-toto.io/Statement/v0.1"}"#;
    memory.add(statement);
    memory.add(b"{}");
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
    let attestation = json!({"schemaVersion": 2, "config": config,
        "layers": [descriptor("application/vnd.in-toto+json", statement)]})
    .to_string();
    memory.add(attestation.as_bytes());
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", attestation.as_bytes());
    entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let digest = memory.add(index.as_bytes());
    let image: ImageRef = format!("ghcr.io/acme/app@{digest}").parse().unwrap();
    let found =
        run(Discovery::new(image, &Limits::default()).with_documents(), &[], |want| match &want.item {
            Item::Image => Some(Ok(Found::Digest(digest.clone()))),
            _ => Some(memory.answer(want)),
        });
    assert_eq!((found.image.artifacts.len(), found.image.unverified.len()), (0, 1), "{:?}", found.image);
    assert_eq!(found.documents.len(), 3, "index, manifest and configuration");
    assert!(found.image.failures.is_empty(), "{:?}", found.image.failures);
}

#[test]
fn a_digest_that_is_answered_with_another_is_refused() {
    let asked = format!("ghcr.io/acme/app@{}", Digest::sha256(b"other")).parse().unwrap();
    let found =
        run(Discovery::new(asked, &Limits::default()), &[], |want| Some(Memory::default().answer(want)));
    assert_eq!(found.image.digest.unwrap_err().kind, FailureKind::Malformed);
}

#[test]
fn nothing_hides_behind_what_is_listed_often() {
    let mut memory = Memory::default();
    // A bundle at the end of a listing of one thing, and of layers of another use.
    let data = json!("YnVuZGxl");
    let mut layer = descriptor(BUNDLE, b"bundle");
    layer["data"] = data;
    let mut layers = vec![descriptor("application/vnd.in-toto+json", b"statement"); 2_000];
    layers.push(layer);
    let hidden = memory.signatures(&image(), &layers);
    let other = memory.signatures(&image(), &[]);
    let entry = |digest: &Digest| json!({"mediaType": "m/m", "digest": digest.to_string(), "size": 1});
    let mut entries = vec![entry(&other); 5_000];
    entries.push(entry(&hidden));
    let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
    memory.tags.insert(format!("sha256-{}", image().to_hex()), index.into_bytes());
    let found = memory.discover(&Limits::default()).image;
    assert_eq!((found.artifacts.len(), found.failures.len()), (1, 0), "{:?}", found.failures);
    // What is too much is said to be.
    let many = (0..300_u32).map(|index| entry(&Digest::sha256(&index.to_be_bytes()))).collect::<Vec<_>>();
    let index = json!({"schemaVersion": 2, "manifests": many}).to_string();
    memory.tags.insert(format!("sha256-{}", image().to_hex()), index.into_bytes());
    let mut limits = Limits::default();
    limits.manifests = 1_000;
    let kinds: Vec<_> = memory.discover(&limits).image.failures.iter().map(|one| one.kind).collect();
    assert!(kinds.contains(&FailureKind::TooLarge), "{kinds:?}");
}

/// A listing of 50,000, and layers that are all one blob: little time and little memory.
#[test]
fn what_is_large_costs_no_more_than_it_has() {
    let mut memory = Memory::default();
    let content = vec![7; 900 << 10];
    memory.add(&content);
    let layers = vec![descriptor(BUNDLE, &content); 300];
    let large = memory.signatures(&image(), &layers);
    memory.referrers = (0..50_000_u32).map(|index| Digest::sha256(&index.to_be_bytes())).collect();
    memory.referrers.insert(0, large);
    let start = std::time::Instant::now();
    let found = memory.discover(&Limits::default()).image;
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    let [first, .., last] = &found.artifacts[..] else { panic!("{}", found.artifacts.len()) };
    assert!(std::sync::Arc::ptr_eq(&first.content, &last.content), "one blob is held once");
}

/// Each question is answered with ever more: the questions end, and what was too much is named.
#[test]
fn what_has_no_end_is_bounded() {
    let mut memory = Memory::default();
    let limits = Limits::default();
    memory.referrers = (0..10_000_u32).map(|index| Digest::sha256(&index.to_be_bytes())).collect();
    let layers: Vec<Value> =
        (0..2_000).map(|index| descriptor(BUNDLE, format!("{index}").as_bytes())).collect();
    let padding = "x".repeat(1 << 20);
    let mut asked = BTreeMap::new();
    let image: ImageRef = "ghcr.io/acme/app:v1".parse().unwrap();
    let found = run(Discovery::new(image, &limits), &[], |want| {
        let kind = match &want.item {
            Item::Manifest(_) => "manifest",
            Item::Blob { .. } => "blob",
            _ => "listing",
        };
        *asked.entry(kind).or_insert(0) += 1;
        Some(match &want.item {
            Item::Image | Item::Referrers(_) => memory.answer(want),
            // All of it is of another digest: that is no reason to ask for more.
            Item::Manifest(_) => Ok(Found::Bytes(padding.clone().into_bytes())),
            Item::Tag(_) => {
                let manifest =
                    json!({"schemaVersion": 2, "config": descriptor("c/c", b"{}"), "layers": layers});
                Ok(Found::Bytes(manifest.to_string().into_bytes()))
            }
            Item::Blob { .. } => Ok(Found::Bytes(vec![0])),
        })
    });
    assert!(asked["manifest"] <= limits.manifests && asked["blob"] <= 2 * limits.artifacts, "{asked:?}");
    let kinds: Vec<_> = found.image.failures.iter().map(|one| one.kind).collect();
    assert!(kinds.contains(&FailureKind::TooLarge) && kinds.contains(&FailureKind::Tampered));
}

/// Manifests by their digests; one of them may be another than its digest says.
#[derive(Debug)]
struct Manifests(BTreeMap<Digest, Vec<u8>>);

impl EvidenceStore for Manifests {
    fn fetch<'a>(&'a self, want: &'a Want, _: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        let Item::Manifest(digest) = &want.item else { panic!("{want:?}") };
        let found = self.0.get(digest).cloned().map_or(Found::Absent, Found::Bytes);
        Box::pin(async { Ok(found) })
    }
}

#[test]
fn a_family_is_fetched_whole_or_not_known() {
    let manifest = |config: &[u8]| json!({"schemaVersion": 2, "config": {"digest": Digest::sha256(config), "size": 1, "mediaType": "c"}, "layers": []});
    let bytes = |document: &Value| document.to_string().into_bytes();
    let digest = |document: &Value| Digest::sha256(&bytes(document));
    let platform = manifest(b"config");
    let index = json!({"schemaVersion": 2, "manifests": [
        {"digest": digest(&platform), "size": 1, "mediaType": "m", "platform": {"os": "linux", "architecture": "amd64"}}]});
    let family = |store: &Manifests, image: &str| {
        let image: ImageRef = image.parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(collect_family(store, &image, Deadline::never()))
    };
    let image = format!("ghcr.io/acme/app@{}", digest(&index));
    let mut store =
        Manifests(BTreeMap::from([(digest(&index), bytes(&index)), (digest(&platform), bytes(&platform))]));
    let found = family(&store, &image).unwrap();
    assert!(
        found.has(&digest(&index)) && found.has(&digest(&platform)) && found.has(&Digest::sha256(b"config"))
    );
    assert!(!found.has(&Digest::sha256(b"evil")));
    assert_eq!(family(&store, "ghcr.io/acme/app:v1").unwrap_err().kind, FailureKind::Malformed, "no digest");
    store.0.insert(digest(&platform), bytes(&manifest(b"evil")));
    assert!(family(&store, &image).is_err(), "another manifest than its digest says");
    store.0.remove(&digest(&platform));
    assert_eq!(family(&store, &image).unwrap_err().kind, FailureKind::NotFound);
}

//! Layouts that are odd, broken or hostile, made from the embedded set of `examples/data`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use trust_core::{Digest, ImageRef};
use trust_gate::{Found, Item, Limits, OciLayout, Repositories, StoreError, Want, collect};
use trust_policy::{FailureKind, ImageEvidence};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A copy of the embedded layout.
struct Layout(tempfile::TempDir);

impl Layout {
    fn new() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/images");
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir_all(copy.path().join("blobs/sha256")).unwrap();
        for file in ["oci-layout", "index.json"] {
            fs::copy(source.join(file), copy.path().join(file)).unwrap();
        }
        for blob in fs::read_dir(source.join("blobs/sha256")).unwrap() {
            let blob = blob.unwrap();
            fs::copy(blob.path(), copy.path().join("blobs/sha256").join(blob.file_name())).unwrap();
        }
        Self(copy)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn change_index(&self, change: impl FnOnce(&mut Vec<Value>)) {
        let path = self.path().join("index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(index["manifests"].as_array_mut().unwrap());
        fs::write(path, index.to_string()).unwrap();
    }

    /// Adds a blob, and returns its descriptor.
    fn add(&self, media_type: &str, content: &[u8]) -> Value {
        let digest = Digest::sha256(content);
        fs::write(self.blob(&digest), content).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": content.len()})
    }

    fn add_manifest(&self, manifest: &Value) -> Value {
        self.add("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())
    }

    fn blob(&self, digest: &Digest) -> std::path::PathBuf {
        self.path().join("blobs/sha256").join(digest.to_hex())
    }

    fn digest(&self, tag: &str) -> Digest {
        OciLayout::open(self.path()).unwrap().tag(tag).unwrap().unwrap()
    }

    /// A referrer of the image with this tag, with so many layers that look like bundles.
    fn referrer(&self, tag: &str, layers: usize) -> Value {
        let config = self.add("application/vnd.oci.empty.v1+json", b"{}");
        let layer = self.add("application/vnd.dev.sigstore.bundle.v0.3+json", b"not a bundle");
        let subject = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": self.digest(tag).to_string(), "size": 1});
        json!({"schemaVersion": 2, "config": config, "layers": vec![layer; layers], "subject": subject})
    }

    /// What the layout has of this.
    fn find(&self, item: Item) -> Result<Found, StoreError> {
        let image = "ghcr.io/myorg/app".parse().unwrap();
        OciLayout::open(self.path()).unwrap().find(&Want::new(image, item))
    }

    fn collect(&self, image: &str, limits: &Limits) -> ImageEvidence {
        let mut repositories = Repositories::new();
        repositories.insert("ghcr.io/myorg/app".parse().unwrap(), OciLayout::open(self.path()).unwrap());
        let image: ImageRef = format!("ghcr.io/myorg/app:{image}").parse().unwrap();
        collect(&repositories, &image, limits)
    }
}

fn kinds(evidence: &ImageEvidence) -> Vec<FailureKind> {
    evidence.failures.iter().map(|failure| failure.kind).collect()
}

#[test]
fn the_embedded_layout_is_read_whole() {
    let layout = Layout::new();
    for (tag, artifacts) in [("signed", 1), ("legacy", 1), ("moved", 1), ("keyless", 1), ("unsigned", 0)] {
        let evidence = layout.collect(tag, &Limits::default());
        assert_eq!(
            (evidence.artifacts.len(), evidence.failures.len()),
            (artifacts, 0),
            "{tag}: {evidence:?}"
        );
        assert_eq!(evidence.digest, Ok(layout.digest(tag)));
    }
}

#[test]
fn cve_2023_46737_and_cve_2024_29902_more_signatures_than_are_read() {
    let layout = Layout::new();
    let many = layout.add_manifest(&layout.referrer("signed", 5));
    layout.change_index(|manifests| manifests.push(many));
    let mut limits = Limits::default();
    limits.artifacts = 3;
    let evidence = layout.collect("signed", &limits);
    assert_eq!((evidence.artifacts.len(), kinds(&evidence)), (3, vec![FailureKind::TooLarge]));
    assert!(evidence.failures[0].problem.contains("expected at most 3"), "{evidence:?}");

    let mut limits = Limits::default();
    limits.manifests = 1;
    let evidence = layout.collect("signed", &limits);
    assert_eq!(kinds(&evidence), [FailureKind::TooLarge]);

    let mut limits = Limits::default();
    limits.layer_len = 20;
    let evidence = layout.collect("signed", &limits);
    assert!(kinds(&evidence).contains(&FailureKind::TooLarge), "{evidence:?}");
    let mut limits = Limits::default();
    limits.total_len = 30;
    let evidence = layout.collect("signed", &limits);
    assert!(kinds(&evidence).contains(&FailureKind::TooLarge), "{evidence:?}");
}

#[test]
fn a_listing_is_not_believed() {
    let layout = Layout::new();
    // The fallback tag of one image lists the signature of another.
    let other = layout.find(Item::Referrers(layout.digest("signed"))).unwrap();
    let Found::Referrers(other) = other else { panic!("{other:?}") };
    let other = &other[0];
    let size = fs::read(layout.blob(other)).unwrap().len();
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let listing = json!({"schemaVersion": 2,
        "manifests": [{"mediaType": manifest, "digest": other.to_string(), "size": size}]});
    let mut index = layout.add("application/vnd.oci.image.index.v1+json", listing.to_string().as_bytes());
    let tag = format!("sha256-{}", layout.digest("unsigned").to_hex());
    index["annotations"] = json!({ REF_NAME: tag });
    layout.change_index(|manifests| manifests.push(index));
    let evidence = layout.collect("unsigned", &Limits::default());
    assert_eq!((evidence.artifacts.len(), evidence.failures.len()), (0, 0), "{evidence:?}");
}

#[test]
fn what_is_signed_beside_the_image_is_noticed() {
    let layout = Layout::new();
    // An index of a signed and an unsigned image, and the unsigned one by digest.
    let entry = |tag: &str| {
        let digest = layout.digest(tag);
        let size = fs::read(layout.blob(&digest)).unwrap().len();
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.to_string(), "size": size})
    };
    let add_index = |tag: &str, entries: Vec<Value>| {
        let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let mut added = layout.add("application/vnd.oci.image.index.v1+json", index.as_bytes());
        added["annotations"] = json!({ REF_NAME: tag });
        layout.change_index(|manifests| manifests.push(added));
    };
    add_index("platforms", vec![entry("signed"), entry("unsigned")]);
    let evidence = layout.collect("platforms", &Limits::default());
    assert_eq!(evidence.artifacts, []);
    assert_eq!(evidence.notes, ["it is an index without signatures, 1 of 2 of its platforms have some"]);

    let mut notation = layout.referrer("unsigned", 0);
    notation["config"]["mediaType"] = json!("application/vnd.cncf.notary.signature");
    let notation = layout.add_manifest(&notation);
    let other = layout.add_manifest(&layout.referrer("platforms", 0));
    layout.change_index(|manifests| manifests.extend([notation, other]));
    let by_digest = format!("platforms@{}", layout.digest("unsigned"));
    let evidence = layout.collect(&by_digest, &Limits::default());
    assert!(evidence.failures.is_empty(), "{evidence:?}");
    let [notation, index] = &evidence.notes[..] else { panic!("{:?}", evidence.notes) };
    assert!(
        notation.contains("is an artifact of type `application/vnd.cncf.notary.signature`"),
        "{notation}"
    );
    assert!(
        index.contains(&format!("the index {} that lists it has some", layout.digest("platforms"))),
        "{index}"
    );
}

#[test]
fn a_descriptor_of_another_size_is_refused() {
    let layout = Layout::new();
    let mut referrer = layout.referrer("unsigned", 1);
    referrer["layers"][0]["size"] = json!(3);
    let referrer = layout.add_manifest(&referrer);
    layout.change_index(|manifests| manifests.push(referrer));
    let evidence = layout.collect("unsigned", &Limits::default());
    assert_eq!((evidence.artifacts.len(), kinds(&evidence)), (0, vec![FailureKind::Tampered]));
}

#[test]
fn what_is_absent_is_named() {
    let layout = Layout::new();
    let referrer = layout.referrer("unsigned", 1);
    let layer: Digest = referrer["layers"][0]["digest"].as_str().unwrap().parse().unwrap();
    let referrer = layout.add_manifest(&referrer);
    layout.change_index(|manifests| manifests.push(referrer));
    fs::remove_file(layout.blob(&layer)).unwrap();
    assert_eq!(kinds(&layout.collect("unsigned", &Limits::default())), [FailureKind::NotFound]);
    // An image that is itself absent cannot be resolved.
    fs::remove_file(layout.blob(&layout.digest("keyless"))).unwrap();
    let evidence = layout.collect("keyless", &Limits::default());
    assert_eq!((evidence.digest.is_err(), kinds(&evidence)), (true, vec![FailureKind::NotFound]));
}

#[test]
fn a_manifest_that_is_image_and_index_at_once_is_refused() {
    let layout = Layout::new();
    let mut both = layout.referrer("unsigned", 1);
    both["manifests"] = json!([]);
    let both = layout.add_manifest(&both);
    layout.change_index(|manifests| manifests.push(both));
    assert_eq!(kinds(&layout.collect("unsigned", &Limits::default())), [FailureKind::Malformed]);
}

#[test]
fn one_tag_on_two_images_is_refused() {
    let layout = Layout::new();
    layout.change_index(|manifests| {
        let tagged = manifests.iter().find(|one| one["annotations"][REF_NAME] == "keyless").unwrap();
        let mut other = tagged.clone();
        other["annotations"][REF_NAME] = "signed".into();
        manifests.push(other);
    });
    let evidence = layout.collect("signed", &Limits::default());
    assert_eq!(kinds(&evidence), [FailureKind::Malformed]);
    assert!(evidence.failures[0].problem.contains("two manifests with the name `signed`"), "{evidence:?}");
}

#[test]
fn what_is_not_a_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(OciLayout::open(folder.path()), Err(StoreError::NotFound { .. })));
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let error = OciLayout::open(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("version is `2.0.0`, expected `1.0.0`"), "{error}");
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.path().join("index.json"), r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#)
        .unwrap();
    let error = OciLayout::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("the key `manifests` is repeated"), "{error}");
}

#[test]
fn a_store_answers_for_its_own_names_only() {
    let layout = Layout::new();
    let open = || OciLayout::open(layout.path()).unwrap();
    let mut repositories = Repositories::new();
    repositories.insert("ghcr.io/myorg/app:v1".parse().unwrap(), open());
    repositories.insert("docker.io/library/nginx".parse().unwrap(), open());
    let answers = |image: &str| repositories.store_for(&image.parse().unwrap()).is_some();
    let digest = layout.digest("signed");
    assert!(answers("ghcr.io/myorg/app:v1") && answers(&format!("ghcr.io/myorg/app@{digest}")));
    assert!(answers("nginx") && answers("nginx:1.29"));
    for image in
        ["ghcr.io/myorg/app:v2", "ghcr.io/myorg/app", "ghcr.io/myorg/web:v1", "quay.io/library/nginx"]
    {
        assert!(!answers(image), "{image}");
    }
}

/// An image of which the first layer has this descriptor.
fn with_layer(layout: &Layout, layer: Value) -> Value {
    let config = layout.add("application/vnd.oci.image.config.v1+json", b"{}");
    layout.add_manifest(&json!({"schemaVersion": 2, "config": config, "layers": [layer]}))
}

fn check(layout: &Layout, descriptor: &Value) -> Result<(), StoreError> {
    let digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
    OciLayout::open(layout.path()).unwrap().check_image(&digest)
}

#[test]
fn equal_entries_are_read_once_however_deep_they_stand() {
    let layout = Layout::new();
    let large = layout.add("application/vnd.oci.image.layer.v1.tar", &vec![7; 1 << 20]);
    let mut top = with_layer(&layout, large);
    for _ in 0..3 {
        let index = json!({"schemaVersion": 2, "manifests": vec![top; 200]});
        top = layout.add("application/vnd.oci.image.index.v1+json", index.to_string().as_bytes());
    }
    let start = std::time::Instant::now();
    check(&layout, &top).unwrap();
    // Eight million reads of a layer of 1 MiB would take days.
    assert!(start.elapsed().as_secs() < 60);
    let index = json!({"schemaVersion": 2, "manifests": [top]});
    let deeper = layout.add("application/vnd.oci.image.index.v1+json", index.to_string().as_bytes());
    assert!(matches!(check(&layout, &deeper), Err(StoreError::TooLarge { unit: "levels of indexes", .. })));
}

#[test]
fn a_manifest_that_is_listed_often_is_read_once() {
    let layout = Layout::new();
    let padding = "x".repeat(3 << 20);
    let config = layout.add("application/vnd.oci.image.config.v1+json", b"{}");
    let large =
        json!({"schemaVersion": 2, "config": config, "layers": [], "annotations": {"padding": padding}});
    let large = layout.add_manifest(&large);
    layout.change_index(|entries| entries.extend(vec![large.clone(); 2000]));
    let start = std::time::Instant::now();
    assert_eq!(layout.collect("signed", &Limits::default()).artifacts.len(), 1);
    assert!(start.elapsed().as_secs() < 60);
    // Many large ones are more than is read to find referrers.
    layout.change_index(|entries| {
        for index in 0..30 {
            let other = json!({"schemaVersion": 2, "config": config, "layers": [],
                "annotations": {"padding": format!("{index}{padding}")}});
            entries.push(layout.add_manifest(&other));
        }
    });
    let evidence = layout.collect("signed", &Limits::default());
    assert!(kinds(&evidence).contains(&FailureKind::TooLarge), "{:?}", evidence.failures);
}

#[test]
fn no_more_is_read_of_a_blob_than_its_descriptor_says() {
    let layout = Layout::new();
    let mut short = layout.add("application/vnd.oci.image.layer.v1.tar", &[7; 1000]);
    short["size"] = json!(999);
    let problem = check(&layout, &with_layer(&layout, short)).unwrap_err();
    assert!(matches!(problem, StoreError::Size { found: 1000, expected: 999, .. }), "{problem}");
    // A file with holes has any size that it likes.
    let sparse = Digest::sha256(b"sparse");
    let size = 1_u64 << 40;
    fs::File::create(layout.blob(&sparse)).unwrap().set_len(size).unwrap();
    let of_size = |size: u64| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sparse.to_string(), "size": size});
    for declared in [10, size] {
        let start = std::time::Instant::now();
        assert!(check(&layout, &with_layer(&layout, of_size(declared))).is_err());
        assert!(start.elapsed().as_secs() < 10, "{declared}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_opened() {
    let layout = Layout::new();
    let pipe = Digest::sha256(b"pipe");
    // Whoever opens a pipe to read waits for somebody who writes.
    let made = std::process::Command::new("mkfifo").arg(layout.blob(&pipe)).status().unwrap();
    assert!(made.success());
    let layer =
        json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": pipe.to_string(), "size": 4});
    let problem = check(&layout, &with_layer(&layout, layer)).unwrap_err();
    assert!(problem.to_string().contains("it is not a file"), "{problem}");
    let device = Digest::sha256(b"device");
    std::os::unix::fs::symlink("/dev/zero", layout.blob(&device)).unwrap();
    let problem = layout.find(Item::Blob { digest: device, size: 10 }).unwrap_err();
    assert!(problem.to_string().contains("it is not a file"), "{problem}");
}

#[test]
fn layouts_of_other_tools_are_read() {
    let layout = Layout::new();
    let image = layout.digest("legacy");
    let signatures = layout.digest(&format!("sha256-{}.sig", image.to_hex()));
    let entry = |digest: &Digest, kind: Option<&str>| {
        let size = fs::metadata(layout.blob(digest)).unwrap().len();
        let mut entry = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest.to_string(), "size": size});
        if let Some(kind) = kind {
            entry["annotations"] = json!({"kind": format!("dev.cosignproject.cosign/{kind}")});
        }
        entry
    };
    // `cosign save` names by kind alone.
    layout.change_index(|entries| {
        *entries = vec![entry(&image, Some("image")), entry(&signatures, Some("sigs"))];
    });
    let evidence = layout.collect("any", &Limits::default());
    assert_eq!((evidence.digest.as_ref().unwrap(), evidence.artifacts.len()), (&image, 1), "{evidence:?}");
    // `crane pull` and `skopeo copy` without a tag name nothing.
    layout.change_index(|entries| *entries = vec![entry(&image, None)]);
    assert_eq!(layout.collect("any", &Limits::default()).digest.unwrap(), image);
    // Two without names are nobody's.
    let other = Layout::new().digest("unsigned");
    layout.change_index(|entries| entries.push(entry(&other, None)));
    assert!(layout.collect("any", &Limits::default()).digest.is_err());
}

#[test]
fn where_there_is_no_such_tag_the_others_are_named() {
    let failure = Layout::new().collect("absent", &Limits::default()).digest.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    let tags = "tag `absent` not found, found `";
    assert!(failure.problem.contains(tags) && failure.problem.contains("`signed`"), "{failure}");
}
